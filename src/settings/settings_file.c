/* settings_file.c: the settings file, read by libconfuse. Exports settings_file_read. */
#include <confuse.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "settings/settings_priv.h"

enum { FILE_MOST = 1 << 20, SECTIONS = 16, KEYS = 32 };

/* libconfuse hands no pointer through to its callbacks, but an option's place to put its value: that is the start of this. */
struct reading {
  void *value; /* not used */
  struct givens *givens;
};

/* Every section's first option: a name that no file can give, to find `reading` by. */
static const char hidden[] = "\001";

static struct reading *reading_of(const cfg_t *cfg) { return (struct reading *)(void *)cfg->opts[0].simple_value.ptr; }

static const struct setting *setting_at(const char *section, const char *key) {
  for (unsigned i = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    if (t->section && strcmp(t->section, section) == 0 && strcmp(t->key, key) == 0) return t;
  }
  return NULL;
}

/* ---- words, for those who mistype one ---- */

static const char *key_in(unsigned i, const void *ctx) {
  const char *section = ctx;
  for (unsigned k = 0; k < settings_count; k++) {
    const struct setting *t = &settings_table[k];
    if (t->section && strcmp(t->section, section) == 0 && i-- == 0) return t->key;
  }
  return NULL;
}

static bool is_first_of_section(unsigned k) {
  for (unsigned i = 0; i < k; i++) {
    if (settings_table[i].section && strcmp(settings_table[i].section, settings_table[k].section) == 0) return false;
  }
  return true;
}

static const char *section_at(unsigned i, const void *ctx) {
  (void)ctx;
  for (unsigned k = 0; k < settings_count; k++) {
    if (settings_table[k].section && is_first_of_section(k) && i-- == 0) return settings_table[k].section;
  }
  return NULL;
}

/* A key in no section: the section it belongs to, NULL if there is none. */
static const char *home_of(const char *key) {
  for (unsigned i = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    if (t->section && (strcmp(t->key, key) == 0 || strcmp(t->name, key) == 0)) return t->section;
  }
  return NULL;
}

/* ---- what libconfuse calls ---- */

static void unknown(struct givens *g, const cfg_t *cfg, const char *word) {
  bool top = strcmp(cfg->name, "root") == 0;
  const char *near = top ? nearest(word, section_at, NULL) : nearest(word, key_in, cfg->name);
  const char *what = top ? "section" : "key";
  unsigned line = (unsigned)cfg->line;
  if (home_of(word)) complain(g, line, "'%s': should stand in the section '%s'", word, home_of(word));
  else if (near) complain(g, line, "'%s': there is no such %s; nearest is '%s'", word, what, near);
  else complain(g, line, "'%s': there is no such %s; jidnsd.conf(5) lists them", word, what);
}

static void __attribute__((format(printf, 2, 0))) on_error(cfg_t *cfg, const char *format, va_list args) {
  static const char no_such[] = "no such option '";
  struct givens *g = reading_of(cfg)->givens;
  char text[200];
  vsnprintf(text, sizeof text, format, args);
  if (strncmp(text, no_such, sizeof no_such - 1) == 0) {
    char *word = text + sizeof no_such - 1, *end = strrchr(word, '\'');
    if (end) *end = 0;
    unknown(g, cfg, word);
  } else {
    complain(g, (unsigned)cfg->line, "%s; should be SECTION { KEY = VALUE }", text);
  }
}

static int on_value(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result) {
  struct reading *r = (struct reading *)(void *)opt->simple_value.ptr;
  const struct setting *t = setting_at(cfg->name, opt->name);
  *(void **)result = r->value;
  if (!t) { /* the hidden one, whose name somebody has found out */
    unknown(r->givens, cfg, "?");
    return -1;
  }
  for (const struct given *v = r->givens->first; v && !t->clear; v = v->next) {
    if (v->setting != t || v->source != SOURCE_FILE) continue;
    complain(r->givens, (unsigned)cfg->line, "%s: was given in line %u already", t->key, v->line);
    return 0;
  }
  givens_add(r->givens, t, SOURCE_FILE, (unsigned)cfg->line, text);
  return 0;
}

/* ---- the file ---- */

static cfg_opt_t option(const char *name, cfg_flag_t flags, struct reading *r) {
  return (cfg_opt_t){.name = (char *)(uintptr_t)name, .type = CFGT_PTR, .flags = flags | CFGF_NODEFAULT, .parsecb = on_value,
                     .simple_value = {.ptr = (void **)(void *)r}};
}

static void parse(struct givens *g, char *text) {
  struct reading r = {.givens = g};
  cfg_opt_t keys[SECTIONS][KEYS], root[SECTIONS + 2];
  unsigned n = 1;
  memset(keys, 0, sizeof keys);
  memset(root, 0, sizeof root);
  root[0] = option(hidden, CFGF_NONE, &r);
  for (const char *section; (section = section_at(n - 1, NULL)); n++) {
    must(n <= SECTIONS);
    cfg_opt_t *k = keys[n - 1];
    k[0] = option(hidden, CFGF_NONE, &r);
    const char *key;
    for (unsigned i = 0; (key = key_in(i, section)); i++) {
      must(i + 2 < KEYS);
      k[i + 1] = option(key, setting_at(section, key)->clear ? CFGF_LIST : CFGF_NONE, &r);
    }
    root[n] = (cfg_opt_t)CFG_SEC(section, k, CFGF_NONE);
  }
  cfg_t *cfg = cfg_init(root, CFGF_NONE);
  FILE *in = *text ? fmemopen(text, strlen(text), "r") : NULL;
  if (in) {
    cfg_set_error_function(cfg, on_error);
    if (cfg_parse_fp(cfg, in) != CFG_SUCCESS) g->wrong = true;
    fclose(in);
  }
  cfg_free(cfg);
}

/* Makes spaces of comments, because libconfuse 3.3 counts their lines more than once, and finds what is never closed, which it
 * does not. */
static bool strip(struct givens *g, char *text) {
  unsigned line = 1, depth = 0, opened[8] = {0};
  enum { CODE, QUOTED, REST_OF_LINE, COMMENT } in = CODE;
  char quote = 0;
  unsigned since = 0;
  for (char *p = text; *p; p++) {
    if (*p == '\n') {
      line++;
      if (in == REST_OF_LINE) in = CODE;
    } else if (in == QUOTED) {
      if (*p == '\\' && p[1] && p[1] != '\n') p++;
      else if (*p == quote) in = CODE;
    } else if (in == COMMENT && p[0] == '*' && p[1] == '/') {
      p[0] = p[1] = ' ';
      in = CODE;
    } else if (in != CODE) {
      *p = ' ';
    } else if (*p == '"' || *p == '\'') {
      in = QUOTED;
      quote = *p;
      since = line;
    } else if (*p == '#' || (p[0] == '/' && p[1] == '/')) {
      in = REST_OF_LINE;
      *p = ' ';
    } else if (p[0] == '/' && p[1] == '*') {
      in = COMMENT;
      since = line;
      p[0] = p[1] = ' ';
    } else if (*p == '{') {
      if (depth < sizeof opened / sizeof *opened) opened[depth] = line;
      depth++;
    } else if (*p == '}' && depth) {
      depth--;
    }
  }
  if (in == QUOTED) complain(g, since, "a text that begins here is not closed; should end with %c", quote);
  else if (in == COMMENT) complain(g, since, "a comment that begins here is not closed; should end with */");
  else if (depth) complain(g, opened[depth <= 8 ? depth - 1 : 7], "what is opened here is not closed; should end with }");
  return !g->wrong;
}

/* All of it with a NUL behind; NULL and complained of when it can't be. To be freed. */
static char *slurp(struct givens *g, FILE *in) {
  char *text = must_zalloc(FILE_MOST + 2);
  size_t n = fread(text, 1, FILE_MOST + 1, in);
  if (ferror(in)) complain(g, 0, "%s", strerror(errno));
  else if (n > FILE_MOST) complain(g, 0, "is larger than 1 MiB; should be a file of settings");
  else if (memchr(text, 0, n)) complain(g, 0, "has a NUL in it; should be text");
  else return text;
  free(text);
  return NULL;
}

void settings_file_read(struct givens *g, const char *path, bool named) {
  FILE *in = fopen(path, "re");
  if (!in && errno == ENOENT && !named) return;
  g->path = path;
  if (!in) {
    complain(g, 0, "%s", strerror(errno));
    return;
  }
  char *text = slurp(g, in);
  if (text && strip(g, text)) parse(g, text);
  free(text);
  fclose(in);
}
