/* zonefile.c: standard zone files, entry by entry: what an entry is and what directives do is here, records are parsed by ldns.
 * Exports zonefile_*. */
#include "rr/zonefile.h"

#include <errno.h>
#include <fcntl.h>
#include <ldns/ldns.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/library.h"
#include "base/readable.h"
#include "base/shown.h"
#include "config.h"

/* clang-format off */
#define LDNS_FUNCTIONS(F) \
  F(rr_new_frm_str) F(rr_free) F(rr2buffer_wire) F(rdf_new_frm_data) F(rdf_deep_free) F(rdf_data) F(rdf_size) \
  F(buffer_new) F(buffer_free) F(get_errorstr_by_id)
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

enum { WIRE_MOST = 1 + 10 + UINT16_MAX, TTL_LARGEST = INT32_MAX /* RFC 2181 section 8 */ };

struct zonefile {
  void *library;
  struct ldns ldns;
  ldns_buffer *wire; /* the record being read */
  char entry[ZONEFILE_LINE + 1];
  char line[ZONEFILE_LINE + 32]; /* what ldns gets: ". TTL IN TYPE RDATA" */
  char *folder;                  /* within which files must lie; while one is read: */
  bool (*take)(void *ctx, const struct record *r, const struct zonefile_place *at);
  void *ctx;
  FILE *err;
};

/* One file being read. */
struct source {
  struct zonefile *z;
  FILE *in;
  struct zonefile_place at; /* of the entry */
  unsigned line;            /* of the next octet */
  unsigned depth;
  uint32_t ttl_s;
  ldns_rdf *origin;
  uint8_t owner_len, owner[NAME_MAX_LEN]; /* of the record before; 0: none yet */
};

/* ---- complaints ---- */

/* "jidnsd: FILE:LINE: 'SHOWN': WHAT"; returns false. */
static bool complain(const struct zonefile *z, const struct zonefile_place *at, const char *shown, const char *what) {
  fputs("jidnsd: ", z->err);
  shown_put(z->err, at->file, PATH_MAX);
  if (at->line) fprintf(z->err, ":%u", at->line);
  fputs(": ", z->err);
  if (shown) {
    fputc('\'', z->err);
    shown_put(z->err, shown, SHOWN_MOST);
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
    char kept = take_octet(&e, c, line);
    if (!kept) continue;
    text[e.len++] = kept;
    if (!e.blank || kept == ' ') continue;
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
  if (len == 0 || text[text_len - 1] != '.')
    slashes = 1;
  else
    while (slashes + 1 < text_len && text[text_len - 2 - slashes] == '\\') slashes++;
  if (len == 0 || slashes % 2 == 0) return len; /* it ends in a dot that is not escaped */
  if (len - 1 + origin_len > NAME_MAX_LEN) return 0;
  memcpy(out + len - 1, origin, origin_len);
  return len - 1 + origin_len;
}

static bool read_source(struct source *s);
static bool open_source(struct source *s, const char *path);
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

/* Does the file lie in the main file's folder or below it, whatever links lead there? */
static bool is_inside(const struct zonefile *z, const char *path, const char **why) {
  char *real = realpath(path, NULL);
  size_t len = strlen(z->folder);
  bool inside = real && strncmp(real, z->folder, len) == 0 && real[len] == '/';
  *why = real ? "lies outside the folder of the zone file" : strerror(errno);
  free(real);
  return inside;
}

static bool do_include(struct source *s, const char *path, const char *origin) {
  uint8_t name[NAME_MAX_LEN];
  const char *why = "files include each other more than 8 deep";
  struct source inner = {.z = s->z, .depth = s->depth + 1, .ttl_s = s->ttl_s};
  size_t len = read_name(s, origin, name);
  if (!len) return complain(s->z, &s->at, origin, "should be a domain name");
  char *real = path_beside(s->at.file, path);
  bool good = real && inner.depth < ZONEFILE_DEPTH && is_inside(s->z, real, &why);
  if (!good) {
    complain(s->z, &s->at, path, real ? why : "out of memory");
  } else {
    inner.at.file = real;
    good = set_origin(&inner, name, len) && open_source(&inner, real) && read_source(&inner);
    close_source(&inner);
  }
  free(real);
  return good;
}

/* "$NAME VALUE [VALUE]" in the entry. */
static bool do_directive(struct source *s) {
  char *rest = s->z->entry, *words[4] = {NULL};
  unsigned n = 0;
  while (n < 4 && (words[n] = strtok_r(rest, " ", &rest))) n++;
  bool include = strcasecmp(words[0], "$INCLUDE") == 0;
  if (!include && strcasecmp(words[0], "$ORIGIN") != 0 && strcasecmp(words[0], "$TTL") != 0) {
    return complain(s->z, &s->at, words[0], "there is no such directive; should be $ORIGIN, $TTL or $INCLUDE");
  }
  if (n < 2) return complain(s->z, &s->at, words[0], include ? "should name a file" : "should have a value");
  if (n > (include ? 3u : 2u)) return complain(s->z, &s->at, words[n - 1], "is one word too many");
  if (include) return do_include(s, words[1], n > 2 ? words[2] : "@");
  return strcasecmp(words[0], "$TTL") == 0 ? do_ttl(s, words[1]) : do_origin(s, words[1]);
}

/* ---- records ---- */

static const char *judge_rdata(const struct record *r) {
  struct parts parts = record_parts(r);
  struct part part;
  enum part_kind kind;
  do kind = parts_next(&parts, &part);
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

/* The word at *text, copied; *text then behind it and the spaces that follow. False: there is none, or it is too long. */
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
    bool is_ttl = *word >= '0' && *word <= '9', is_class = strcasecmp(word, "IN") == 0 || strcasecmp(word, "CLASS1") == 0;
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
  unsigned numbers = next_word(&text, word, sizeof word) ? strcasecmp(word, "SRV") == 0 ? 3 : strcasecmp(word, "MX") == 0 : 0;
  for (; numbers > 0 && *text != '\\'; numbers--) {
    char *end;
    if (!next_word(&text, word, sizeof word) || strtoul(word, &end, 10) > UINT16_MAX || *end || *word < '0' || *word > '9')
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

static bool open_source(struct source *s, const char *path) {
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe would keep it waiting */
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

/* The folder that a file really lies in; to be freed. */
static char *folder_of(const char *path) {
  char *real = realpath(path, NULL), *slash = real ? strrchr(real, '/') : NULL;
  if (slash) *slash = 0;
  return real;
}

bool zonefile_read(struct zonefile *z, const char *path, const uint8_t *origin, size_t origin_len,
                   bool (*take)(void *ctx, const struct record *r, const struct zonefile_place *at), void *ctx, FILE *err) {
  struct source s = {.z = z, .at = {.file = path}, .ttl_s = ZONEFILE_TTL};
  z->take = take;
  z->ctx = ctx;
  z->err = err;
  z->folder = folder_of(path);
  bool good = z->folder ? set_origin(&s, origin, origin_len) && open_source(&s, path) && read_source(&s)
                        : complain(z, &s.at, NULL, strerror(errno));
  close_source(&s);
  free(z->folder);
  return good;
}

struct zonefile *zonefile_open(FILE *err) {
  struct zonefile *z = calloc(1, sizeof *z);
  if (z) z->library = library_open(LDNS_SONAME, symbols, sizeof symbols / sizeof *symbols, &z->ldns, err);
  if (z && z->library) z->wire = z->ldns.buffer_new(WIRE_MOST);
  if (z && z->wire) return z;
  if (!z || z->library) fputs("jidnsd: out of memory\n", err);
  zonefile_close(z);
  return NULL;
}

void zonefile_close(struct zonefile *z) {
  if (!z) return;
  if (z->wire) z->ldns.buffer_free(z->wire);
  library_close(z->library);
  free(z);
}
