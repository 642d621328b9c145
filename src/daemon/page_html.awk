# Makes a C string of a file: each line becomes a literal of its own.
BEGIN { print "/* Made from page.html. */\n#include \"daemon/page_priv.h\"\n\nconst char page_html[] =" }
{ gsub(/\\/, "&&"); gsub(/"/, "\\\\&"); print "    \"" $0 "\\n\"" }
END { print "    \"\";" }
