-- Turns links between the sources of the book into links between its pages. `book` in the metadata says where the page comes from
-- and which page each source becomes. A link to any other file of the tree becomes its name, as the site does not hold that file.
local page, pages, images, top

local function text(value) return pandoc.utils.stringify(value) end

local function read_book(meta)
  page, top, pages, images = text(meta.book.page), text(meta.book.top), {}, {}
  for _, each in ipairs(meta.book.pages) do pages[text(each.source)] = text(each.name) end
  for _, each in ipairs(meta.book.images) do images[text(each.source)] = text(each.name) end
end

local function exists(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

-- The file that a relative link of this page leads to, as a path from the top of the tree.
local function resolve(target)
  local steps = {}
  for step in (page:match("^(.*/)") or ""):gmatch("[^/]+") do table.insert(steps, step) end
  for step in target:gmatch("[^/]+") do
    if step == ".." then table.remove(steps) elseif step ~= "." then table.insert(steps, step) end
  end
  return table.concat(steps, "/")
end

local function fail(target)
  io.stderr:write(page .. ": no file for the link " .. target .. "\n")
  os.exit(1)
end

local function turn_link(link)
  if link.target:match("^%a+:") or link.target:match("^#") then return nil end
  local file, anchor = link.target:match("^([^#]*)(.*)$")
  local path = resolve(file)

  if pages[path] then
    link.target = pages[path] .. anchor
    return link
  end
  if pages[path .. "/README.md"] then
    link.target = pages[path .. "/README.md"] .. anchor
    return link
  end
  if not exists(top .. "/" .. path) then fail(link.target) end
  return link.content
end

local function turn_image(image)
  local name = images[resolve(image.src)]
  if not name then fail(image.src) end
  image.src = name
  return image
end

-- Words of manual pages are emphasised within others that are.
local function flatten(emphasis)
  return pandoc.walk_inline(emphasis, {Emph = function(inner) return inner.content end})
end

return {{Meta = read_book}, {Link = turn_link, Image = turn_image}, {Emph = flatten}}
