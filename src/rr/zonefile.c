/* zonefile.c: standard zone files, entry by entry: what an entry is and what directives do is here, records
 * are parsed by ldns. Exports zonefile_*. */
#include "rr/zonefile.h"

#include <errno.h>
#include <fcntl.h>
#include <ldns/ldns.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/library.h"
#include "base/readable.h"
#include "base/shown.h"
#include "config.h"

/* clang-format off */
#define LDNS_FUNCTIONS(F) \
  F(rr_new_frm_str) F(rr_free) F(rr2buffer_wire) F(rdf_new_frm_data) F(rdf_deep_free) F(rdf_data) F(rdf_size) \
  F(buffer_new) F(buffer_free) F(get_errorstr_by_id) F(sha1)
/* clang-format on */

struct ldns {
#define MEMBER(name) LIBRARY_MEMBER(ldns_, name)
  LDNS_FUNCTIONS(MEMBER)
#undef MEMBER
};

static const struct library_symbol symbols[] = {
#define SYMBOL(name) LIBRARY_SYMBOL(ldns_, struct ldns, name)
    LDNS_FUNCTIONS(SYMBOL)
#undef SYMBOL
};

#define TTL_RIGHT "should be seconds, at most 2147483647, or a time such as 1h30m"

enum { WIRE_MAX = 1 + 10 + UINT16_MAX, TTL_LARGEST = INT32_MAX /* RFC 2181 section 8 */ };

struct zonefile {
  void *library;
  struct ldns ldns;
  ldns_buffer *wire; /* the record being read */
  char entry[ZONEFILE_LINE + 1];
  char line[ZONEFILE_LINE + 32]; /* what ldns gets: ". TTL IN TYPE RDATA" */
  char *folder;                  /* within which files must lie, while one is read; */
  int folder_fd;                 /* the same, held open */
  bool (*take)(void *ctx, const struct record *r, const struct zonefile_place *at);
  void *ctx;
  FILE *err;
};

/* One file being read. */
struct source {
  struct zonefile *z;
  FILE *in;
  struct zonefile_place at; /* of the entry */
  const char *inside;       /* the file's path from the folder on */
  unsigned line;            /* of the next octet */
  unsigned depth;
  uint32_t ttl_s;
  ldns_rdf *origin;
  uint8_t owner_len, owner[NAME_MAX_LEN]; /* of the record before; 0: none yet */
};

/* ---- complaints ---- */

/* "jidnsd: FILE:LINE: 'SHOWN': WHAT"; returns false. */
static bool complain(const struct zonefile *z, const struct zonefile_place *at, const char *shown,
                     const char *what) {
  fputs("jidnsd: ", z->err);
  shown_put(z->err, at->file, PATH_MAX);
  if (at->line) fprintf(z->err, ":%u", at->line);
  fputs(": ", z->err);
  if (shown) {
    fputc('\'', z->err);
    shown_put(z->err, shown, SHOWN_MAX);
    fputs("': ", z->err);
  }
  fprintf(z->err, "%s\n", what);
  return false;
}

/* ---- entries ---- */

enum entry { ENTRY_READ, ENTRY_END, ENTRY_WRONG };

struct entry_state {
  size_t len;
  unsigned depth, open_line;            /* of parentheses; where the first that is open stands */
  bool quoted, comment, escaped, blank; /* blank: nothing but spaces so far */
};

/* What is wrong with the next octet, NULL if nothing is. */
static const char *wrong_octet(const struct entry_state *e, int c) {
  if ((c == EOF || c == '\n') && e->quoted) return "a text is not closed: should end with \"";
  if (c == EOF && e->depth) return "what is opened here is not closed: should end with )";
  if (c == ')' && !e->depth && !e->quoted && !e->comment && !e->escaped) return "there is no ( to this )";
  if (c < 0 || c == '\n' || c == '\r' || c == '\t') return NULL;
  return c < ' ' || c == 0x7f ? "a control character: should be text" : NULL;
}

/* What an octet counts as; 0: nothing. */
static char take_octet(struct entry_state *e, int c, unsigned line) {
  if (e->comment) return 0;
  if (e->escaped) {
    e->escaped = false;
  } else if (c == '\\') {
    e->escaped = true;
  } else if (c == '"') {
    e->quoted = !e->quoted;
  } else if (c == ';' && !e->quoted) {
    e->comment = true;
    return 0;
  } else if (c == '(' && !e->quoted) {
    if (e->depth++ == 0) e->open_line = line;
    return ' ';
  } else if (c == ')' && !e->quoted) {
    e->depth--;
    return ' ';
  }

  return c == '\t' || c == '\r' || c == '\n' ? ' ' : (char)c;
}

/* Reads the next entry: lines in parentheses joined, comments left out. at.line is where it begins. */
static enum entry read_entry(struct source *s) {
  struct entry_state e = {.blank = true};
  char *text = s->z->entry;

  for (;;) {
    int c = getc_unlocked(s->in);
    const char *wrong = c == EOF && ferror(s->in) ? strerror(errno) : wrong_octet(&e, c);
    if (!wrong && e.len == ZONEFILE_LINE) wrong = "an entry of more than 65535 octets";
    if (wrong) {
      struct zonefile_place at = {.file = s->at.file, .line = c == EOF && e.depth ? e.open_line : s->line};
      complain(s->z, &at, NULL, wrong);
      return ENTRY_WRONG;
    }
    unsigned line = s->line;
    if (c == '\n') {
      s->line++;
      e.comment = e.escaped = false;
    }
    if (c == EOF || (c == '\n' && !e.depth)) {
      text[e.len] = 0;
      if (!e.blank) return ENTRY_READ;
      if (c == EOF) return ENTRY_END;
      e.len = 0;
      continue;
    }
    char octet = take_octet(&e, c, line);
    if (!octet) continue;
    text[e.len++] = octet;
    if (!e.blank || octet == ' ') continue;
    e.blank = false;
    s->at.line = line;
  }
}

/* ---- names and directives ---- */

/* A name as it is written, relative to the origin or not. 0 when it is none. */
static size_t read_name(const struct source *s, const char *text, uint8_t out[NAME_MAX_LEN]) {
  const uint8_t *origin = s->z->ldns.rdf_data(s->origin);
  size_t origin_len = s->z->ldns.rdf_size(s->origin), text_len = strlen(text), slashes = 0;
  if (strcmp(text, "@") == 0) {
    memcpy(out, origin, origin_len);
    return origin_len;
  }
  size_t len = name_parse(text, out);
  if (len == 0 || text[text_len - 1] != '.') slashes = 1;
  else
    while (slashes + 1 < text_len && text[text_len - 2 - slashes] == '\\') slashes++;
  if (len == 0 || slashes % 2 == 0) return len; /* it ends in a dot that is not escaped */
  if (len - 1 + origin_len > NAME_MAX_LEN) return 0;
  memcpy(out + len - 1, origin, origin_len);
  return len - 1 + origin_len;
}

static bool read_source(struct source *s);
static bool open_source(struct source *s, int fd);
static void close_source(struct source *s);

static bool set_origin(struct source *s, const uint8_t *name, size_t len) {
  ldns_rdf *made = s->z->ldns.rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, len, name);
  if (!made) return complain(s->z, &s->at, NULL, "out of memory");
  if (s->origin) s->z->ldns.rdf_deep_free(s->origin);
  s->origin = made;
  return true;
}

static bool do_origin(struct source *s, const char *text) {
  uint8_t name[NAME_MAX_LEN];
  size_t len = read_name(s, text, name);
  return len ? set_origin(s, name, len) : complain(s->z, &s->at, text, "should be a domain name");
}

/* Seconds, or "1w2d3h4m5s" or part of that. */
static bool read_ttl(const char *text, uint32_t *out) {
  static const char units[] = "smhdw";
  static const uint32_t seconds[] = {1, 60, 3600, 86400, 604800};
  uint64_t sum = 0;
  do {
    uint64_t n = 0;
    if (*text < '0' || *text > '9') return false;
    while (*text >= '0' && *text <= '9' && n <= TTL_LARGEST) n = n * 10 + (uint64_t)(*text++ - '0');
    const char *unit = *text ? strchr(units, *text | 0x20) : units;
    if (!unit || (sum += n * seconds[unit - units]) > TTL_LARGEST) return false;
    text += *text != 0;
  } while (*text);
  *out = (uint32_t)sum;
  return true;
}

static bool do_ttl(struct source *s, const char *text) {
  return read_ttl(text, &s->ttl_s) || complain(s->z, &s->at, text, TTL_RIGHT);
}

/* The file's name as seen from the one that includes it; to be freed, NULL: no memory. */
static char *path_beside(const char *includer, const char *path) {
  const char *slash = strrchr(includer, '/');
  char *made;
  if (*path == '/' || !slash) return strdup(path);
  return asprintf(&made, "%.*s/%s", (int)(slash - includer), includer, path) < 0 ? NULL : made;
}

/* Takes "." and ".." out of a path from the folder on, in place. False when it leads out of the folder. */
static bool fold_path(char *path) {
  char *out = path;
  for (char *rest = path, *part; (part = strtok_r(rest, "/", &rest));) {
    size_t len = strlen(part);
    if (strcmp(part, ".") == 0) continue;
    if (strcmp(part, "..") == 0) {
      if (out == path) return false;
      do out--;
      while (out > path && *out != '/');
      continue;
    }
    if (out > path) *out++ = '/';
    memmove(out, part, len);
    out += len;
  }

  *out = 0;
  return true;
}

/* Where a file lies from the main file's folder on, to be freed; NULL and *why: outside, or no memory. */
static char *path_inside(const struct source *s, const char *path, const char **why) {
  size_t len = strlen(s->z->folder);
  bool below = strncmp(path, s->z->folder, len) == 0 && path[len] == '/';
  *why = "lies outside the folder of the zone file";
  if (*path == '/' && !below) return NULL;
  char *made = *path == '/' ? strdup(path + len + 1) : path_beside(s->inside, path);
  if (!made) *why = "out of memory";
  if (made && fold_path(made)) return made;
  free(made);
  return NULL;
}

/* Opens a file step by step from the folder on, and through no link: what is meant can't be exchanged
 * meanwhile for what lies elsewhere. -1 and errno. */
static int open_inside(const struct zonefile *z, const char *path) {
  enum { FLAGS = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK /* a pipe would keep it waiting */ };
  int folder = z->folder_fd;
  for (const char *slash; (slash = strchr(path, '/')); path = slash + 1) {
    char part[NAME_MAX + 1];
    size_t len = (size_t)(slash - path);
    if (len > NAME_MAX) len = NAME_MAX;
    memcpy(part, path, len);
    part[len] = 0;
    int next = openat(folder, part, FLAGS | O_DIRECTORY), e = errno;
    if (folder != z->folder_fd) close(folder);
    errno = e;
    if (next < 0) return -1;
    folder = next;
  }

  int fd = openat(folder, *path ? path : ".", FLAGS), e = errno;
  if (folder != z->folder_fd) close(folder);
  errno = e;
  return fd;
}

/* A hard link may be another's file that this user could not name otherwise. */
static bool has_other_names(int fd) {
  struct stat st;
  return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink > 1;
}

static bool include(struct source *inner, const char *shown, const struct zonefile_place *by,
                    const uint8_t *name, size_t len) {
  int fd = open_inside(inner->z, inner->inside);
  if (fd < 0) {
    bool link = errno == ELOOP || errno == ENOTDIR;
    return complain(inner->z, by, shown,
                    link ? "should be a file, not a link to one or a path through links" : strerror(errno));
  }
  if (has_other_names(fd)) {
    close(fd);
    return complain(inner->z, by, shown, "should have no hard links; copy the file");
  }
  return open_source(inner, fd) && set_origin(inner, name, len) && read_source(inner);
}

static bool do_include(struct source *s, const char *path, const char *origin) {
  uint8_t name[NAME_MAX_LEN];
  const char *why;
  struct source inner = {.z = s->z, .depth = s->depth + 1, .ttl_s = s->ttl_s};
  size_t len = read_name(s, origin, name);

  if (!len) return complain(s->z, &s->at, origin, "should be a domain name");
  if (inner.depth >= ZONEFILE_DEPTH)
    return complain(s->z, &s->at, path, "files include each other more than 8 deep");

  char *shown = path_beside(s->at.file, path), *inside = path_inside(s, path, &why);
  bool good = shown && inside;
  if (good) {
    inner.at.file = shown;
    inner.inside = inside;
    good = include(&inner, path, &s->at, name, len);
    close_source(&inner);
  } else {
    complain(s->z, &s->at, path, shown ? why : "out of memory");
  }

  free(shown);
  free(inside);
  return good;
}

/* "$NAME VALUE [VALUE]" in the entry. */
static bool do_directive(struct source *s) {
  char *rest = s->z->entry, *words[4] = {NULL};
  unsigned n = 0;
  while (n < 4 && (words[n] = strtok_r(rest, " ", &rest))) n++;
  bool include = strcasecmp(words[0], "$INCLUDE") == 0;
  if (!include && strcasecmp(words[0], "$ORIGIN") != 0 && strcasecmp(words[0], "$TTL") != 0) {
    return complain(s->z, &s->at, words[0],
                    "there is no such directive; should be $ORIGIN, $TTL or $INCLUDE");
  }
  if (n < 2) return complain(s->z, &s->at, words[0], include ? "should name a file" : "should have a value");
  if (n > (include ? 3u : 2u)) return complain(s->z, &s->at, words[n - 1], "is one word too many");
  if (include) return do_include(s, words[1], n > 2 ? words[2] : "@");
  return strcasecmp(words[0], "$TTL") == 0 ? do_ttl(s, words[1]) : do_origin(s, words[1]);
}

/* ---- records ---- */

static const char *judge_rdata(const struct record *r) {
  struct rdata_parts parts = record_parts(r);
  struct rdata_part part;
  enum rdata_part_kind kind;
  do kind = record_next_part(&parts, &part);
  while (kind != PART_END && kind != PART_BAD);
  return kind == PART_BAD ? "what it says does not have the form of its type" : NULL;
}

static bool give_record(struct source *s, const ldns_rr *rr) {
  struct zonefile *z = s->z;
  struct record r;

  ldns_buffer_clear(z->wire);
  if (z->ldns.rr2buffer_wire(z->wire, rr, LDNS_SECTION_ANSWER) != LDNS_STATUS_OK) {
    return complain(z, &s->at, z->entry, "does not fit into a message");
  }

  struct wire w = wire_read(ldns_buffer_begin(z->wire), ldns_buffer_position(z->wire));
  const char *wrong = record_read(&w, &r) ? judge_rdata(&r) : "does not fit into a message";
  if (wrong) return complain(z, &s->at, z->entry, wrong);
  if (r.type == 0 || r.type == TYPE_OPT || (r.type >= TYPE_TKEY && r.type <= TYPE_ANY)) {
    return complain(z, &s->at, z->entry, "is of a type that no zone has");
  }

  r.owner_len = s->owner_len;
  memcpy(r.owner, s->owner, s->owner_len);
  return z->take(z->ctx, &r, &s->at);
}

/* The word at *text, copied; *text then behind it and the spaces that follow. False: there is none, or it is
 * too long. */
static bool next_word(const char **text, char *word, size_t size) {
  size_t n = strcspn(*text, " ");
  if (n == 0 || n >= size) return false;
  memcpy(word, *text, n);
  word[n] = 0;
  *text += n + strspn(*text + n, " ");
  return true;
}

static bool read_owner(struct source *s, const char **text) {
  char word[NAME_TEXT];
  if (**text == ' ') {
    *text += strspn(*text, " ");
    if (s->owner_len) return true;
    strcpy(word, "@");
  } else if (!next_word(text, word, sizeof word)) {
    return complain(s->z, &s->at, s->z->entry, "should begin with a domain name");
  }
  s->owner_len = (uint8_t)read_name(s, word, s->owner);
  return s->owner_len || complain(s->z, &s->at, word, "should be a domain name");
}

static bool is_other_class(const char *word) {
  return strcasecmp(word, "CH") == 0 || strcasecmp(word, "CS") == 0 || strcasecmp(word, "HS") == 0 ||
         (strncasecmp(word, "CLASS", 5) == 0 && strcmp(word + 5, "1") != 0);
}

/* TTL and class, in any order, both of which may be left out. */
static bool read_ttl_and_class(struct source *s, const char **text, uint32_t *ttl_s) {
  char word[16];
  const char *next = *text;
  bool has_ttl = false, has_class = false;
  while (next_word(&next, word, sizeof word)) {
    if (is_other_class(word)) return complain(s->z, &s->at, s->z->entry, "should be of class IN");
    bool is_ttl = *word >= '0' && *word <= '9',
         is_class = strcasecmp(word, "IN") == 0 || strcasecmp(word, "CLASS1") == 0;
    if (is_ttl ? has_ttl : !is_class || has_class) break;
    if (is_ttl && !read_ttl(word, ttl_s)) return complain(s->z, &s->at, word, TTL_RIGHT);
    has_ttl |= is_ttl;
    has_class |= is_class;
    *text = next;
  }
  return true;
}

/* ldns takes 65536 for 0 where a number has 16 bits: those that programs go by are looked at. */
static bool has_large_number(const char *text) {
  char word[16];
  unsigned numbers = next_word(&text, word, sizeof word)
                         ? strcasecmp(word, "SRV") == 0 ? 3 : strcasecmp(word, "MX") == 0
                         : 0;
  for (; numbers > 0 && *text != '\\'; numbers--) {
    char *end;
    if (!next_word(&text, word, sizeof word) || strtoul(word, &end, 10) > UINT16_MAX || *end || *word < '0' ||
        *word > '9')
      return true;
  }
  return false;
}

static bool do_record(struct source *s) {
  struct zonefile *z = s->z;
  const char *text = z->entry;
  uint32_t ttl_s = s->ttl_s;
  ldns_rr *rr = NULL;
  if (!read_owner(s, &text) || !read_ttl_and_class(s, &text, &ttl_s)) return false;
  if (has_large_number(text)) return complain(z, &s->at, z->entry, "numbers should be 0 to 65535");
  snprintf(z->line, sizeof z->line, ". %u IN %s", ttl_s, text);
  ldns_status status = z->ldns.rr_new_frm_str(&rr, z->line, ZONEFILE_TTL, s->origin, NULL);
  if (status != LDNS_STATUS_OK) return complain(z, &s->at, z->entry, z->ldns.get_errorstr_by_id(status));
  bool good = give_record(s, rr);
  z->ldns.rr_free(rr);
  return good;
}

/* ---- files ---- */

/* Reads from fd, which it takes over; -1: errno says why there is none. */
static bool open_source(struct source *s, int fd) {
  struct stat st;
  if (fd >= 0 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) {
    close(fd);
    return complain(s->z, &s->at, NULL, "should be a file");
  }
  s->in = fd >= 0 ? fdopen(fd, "r") : NULL;
  if (s->in) return true;
  char why[READABLE_WHY];
  int e = errno;
  if (fd >= 0) close(fd);
  return complain(s->z, &s->at, NULL, readable_why(e, why));
}

static void close_source(struct source *s) {
  if (s->in) fclose(s->in);
  if (s->origin) s->z->ldns.rdf_deep_free(s->origin);
}

static bool read_source(struct source *s) {
  enum entry what;
  s->line = 1;
  while ((what = read_entry(s)) == ENTRY_READ) {
    if (!(*s->z->entry == '$' ? do_directive(s) : do_record(s))) return false;
  }
  return what == ENTRY_END;
}

/* Opens the main file, whatever links lead to it: the operator named it. Notes the folder that it really lies
 * in, and its name there, to be freed; NULL and errno. */
static char *enter_folder(struct zonefile *z, const char *path, int *fd) {
  *fd = -1;
  z->folder_fd = -1;
  z->folder = realpath(path, NULL);
  if (!z->folder) return NULL;
  char *slash = strrchr(z->folder, '/'), *name = strdup(slash + 1);
  *slash = 0;
  z->folder_fd = name ? open(*z->folder ? z->folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  if (z->folder_fd >= 0) *fd = open_inside(z, name);
  return name;
}

static void leave_folder(struct zonefile *z) {
  if (z->folder_fd >= 0) close(z->folder_fd);
  free(z->folder);
}

bool zonefile_read(struct zonefile *z, const char *path, const uint8_t *origin, size_t origin_len,
                   bool (*take)(void *ctx, const struct record *r, const struct zonefile_place *at),
                   void *ctx, FILE *err) {
  struct source s = {.z = z, .at = {.file = path}, .ttl_s = ZONEFILE_TTL};
  int fd;
  z->take = take;
  z->ctx = ctx;
  z->err = err;
  char *name = enter_folder(z, path, &fd);
  s.inside = name ? name : "";
  bool good = open_source(&s, fd) && set_origin(&s, origin, origin_len) && read_source(&s);
  close_source(&s);
  leave_folder(z);
  free(name);
  return good;
}

struct zonefile *zonefile_open(FILE *err) {
  struct zonefile *z = calloc(1, sizeof *z);
  if (z) z->library = library_open(LDNS_SONAME, symbols, sizeof symbols / sizeof *symbols, &z->ldns, err);
  if (z && z->library) z->wire = z->ldns.buffer_new(WIRE_MAX);
  if (z && z->wire) return z;
  if (!z || z->library) fputs("jidnsd: out of memory\n", err);
  zonefile_close(z);
  return NULL;
}

zonefile_sha1 *zonefile_sha1_of(const struct zonefile *z) { return z->ldns.sha1; }

void zonefile_close(struct zonefile *z) {
  if (!z) return;
  if (z->wire) z->ldns.buffer_free(z->wire);
  library_close(z->library);
  free(z);
}
