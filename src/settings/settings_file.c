/* settings_file.c: the settings file, or a text in its form, read by libconfuse. Exports settings_file_read,
 * settings_text_read. */
#include <confuse.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/nearest.h"
#include "base/readable.h"
#include "settings/settings_priv.h"

enum { FILE_MAX = 1 << 20, OPTIONS = 300 };

/* What is open while libconfuse reads: the file itself, in it a section, in it another. */
struct place {
  const cfg_t *cfg;
  const struct settings_section *section; /* NULL: the file itself */
  struct raw_value *begin;                /* of a titled section */
};

/* libconfuse hands no pointer through to its callbacks, but an option's place to put its value: that is the
 * start of this. */
struct reading {
  void *value; /* not used */
  struct raw_settings *raw;
  enum source source; /* SOURCE_FILE or SOURCE_TEXT */
  struct place places[SECTION_DEPTH];
  unsigned depth; /* how many are open */
  cfg_opt_t options[OPTIONS];
  unsigned option_count;
};

/* Every section's first option is the mark: `reading` is found by it. */
static struct reading *reading_of(const cfg_t *cfg) {
  return (struct reading *)(void *)cfg->opts[0].simple_value.ptr;
}

static struct place *innermost(struct reading *r) { return &r->places[r->depth - 1]; }

/* ---- words, for those who mistype one ---- */

static const char *section_within(unsigned i, const struct settings_section *outer) {
  for (unsigned k = 0; settings_sections[k]; k++) {
    if (settings_sections[k]->within == outer && i-- == 0) return settings_sections[k]->name;
  }
  return NULL;
}

/* Keys and sections that may stand in a section, or in the file: the i-th. */
static const char *word_in(unsigned i, const void *ctx) {
  const struct settings_section *section = ctx;
  unsigned keys = 0;
  for (unsigned k = 0; section && k < settings_count; k++) {
    if (settings_table[k].section == section && keys++ == i) return settings_table[k].key;
  }
  return section_within(i - keys, section);
}

/* What somebody may have meant: a key by its name or that of its option. */
static const struct setting *meant(const char *word) {
  for (unsigned i = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    bool named = t->name && t->section && !t->section->title && strcmp(t->name, word) == 0;
    if (named || (t->section && strcmp(t->key, word) == 0)) return t;
  }
  return NULL;
}

/* A section of that name, rather one that may stand here. */
static const struct settings_section *section_named(const char *name, const struct settings_section *here) {
  const struct settings_section *found = NULL;
  for (unsigned i = 0; settings_sections[i]; i++) {
    const struct settings_section *s = settings_sections[i];
    if (strcmp(s->name, name) == 0 && (!found || s->within == here)) found = s;
  }
  return found;
}

/* It does not stand where it should, or not with or without a title as it should. */
static void misplaced(struct reading *r, unsigned line, const struct settings_section *section) {
  char text[SECTION_TEXT];
  const char *name = section->name;
  if (section->within == innermost(r)->section) {
    settings_complain(r->raw, line, "'%s': should be %s { KEY = VALUE }", name,
                      settings_section_format(section, text));
  } else if (section->within) {
    settings_complain(r->raw, line, "'%s': should stand in the section '%s'", name,
                      settings_section_format(section->within, text));
  } else {
    settings_complain(r->raw, line, "'%s': should stand in no other section", name);
  }
}

static void unknown(struct reading *r, unsigned line, const char *word) {
  const struct settings_section *section = innermost(r)->section;
  const char *what = section ? "key" : "section", *near = nearest_word(word, word_in, section);
  const struct setting *t = meant(word);
  const struct settings_section *other = section_named(word, section);
  char text[SECTION_TEXT];
  if (t && t->section == section) settings_complain(r->raw, line, "'%s': should be '%s' here", word, t->key);
  else if (other) misplaced(r, line, other);
  else if (t)
    settings_complain(r->raw, line, "'%s': should stand in the section '%s'", word,
                      settings_section_format(t->section, text));
  else if (near) settings_complain(r->raw, line, "'%s': unknown %s; did you mean '%s'?", word, what, near);
  else settings_complain(r->raw, line, "'%s': unknown %s; jidnsd.conf(5) lists them", word, what);
}

/* ---- what libconfuse calls ---- */

/* The word in quotes behind `before`, of which the rest is cut off; NULL when text does not begin so. */
static char *quoted_behind(char *text, const char *before) {
  size_t len = strlen(before);
  if (strncmp(text, before, len) != 0) return NULL;
  char *end = strrchr(text + len, '\'');
  if (end) *end = 0;
  return text + len;
}

static void __attribute__((format(printf, 2, 0))) on_error(cfg_t *cfg, const char *format, va_list args) {
  struct reading *r = reading_of(cfg);
  char text[200];
  vsnprintf(text, sizeof text, format, args);
  const char *word = quoted_behind(text, "no such option '");
  /* KEY = VALUE with a section's name */
  if (!word) word = quoted_behind(text, "missing title for section '");
  if (word) unknown(r, (unsigned)cfg->line, word);
  else settings_complain(r->raw, (unsigned)cfg->line, "%s; should be SECTION { KEY = VALUE }", text);
}

static int begin(struct reading *r, const cfg_t *cfg, const char *line) {
  bool titled = *cfg->title;
  struct raw_value head = {.kind = RAW_BEGIN, .source = r->source, .line = (unsigned)strtoul(line, NULL, 10)};

  for (unsigned i = 0; settings_sections[i]; i++) {
    const struct settings_section *s = settings_sections[i];
    if (s->within == innermost(r)->section && (s->title != NULL) == titled && strcmp(s->name, cfg->name) == 0)
      head.section = s;
  }

  if (!head.section) {
    misplaced(r, head.line, section_named(cfg->name, innermost(r)->section));
    return -1;
  }

  must(r->depth < SECTION_DEPTH);
  struct raw_value *v = titled ? raw_settings_add(r->raw, head, cfg->title) : NULL;
  r->places[r->depth++] = (struct place){cfg, head.section, v};
  return 0;
}

static int on_end(cfg_t *cfg, cfg_opt_t *opt) {
  struct reading *r = reading_of(cfg);
  const struct place *p = innermost(r);
  (void)opt;
  if (p->begin)
    raw_settings_add(r->raw, (struct raw_value){.kind = RAW_END, .source = r->source, .section = p->section},
                     "");
  r->depth--;
  return 0;
}

/* Has this section that key already, or the file, in a section without a title? */
static const struct raw_value *twice(const struct reading *r, const struct raw_value *begin,
                                     const struct setting *t) {
  if (t->clear) return NULL;
  if (begin) return raw_value_in(begin, t);
  for (const struct raw_value *v = r->raw->first; v; v = v->next) {
    if (v->setting == t && v->source == r->source) return v;
  }
  return NULL;
}

/* What is noted of a value: of a file's name that is relative its name seen from where jidnsd was started. To
 * be freed. */
static char *value_noted(const char *settings_file, const struct setting *t, const char *text) {
  const char *slash = strrchr(settings_file, '/');
  bool beside = slash && *text && *text != '/' && settings_names_file(t, text);
  char *noted;
  must(asprintf(&noted, "%.*s%s", beside ? (int)(slash + 1 - settings_file) : 0, settings_file, text) >= 0);
  return noted;
}

static int on_value(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result) {
  struct reading *r = (struct reading *)(void *)opt->simple_value.ptr;
  struct place *p = innermost(r);
  unsigned line = (unsigned)cfg->line;
  bool mark = strcmp(opt->name, settings_mark) == 0;

  *(void **)result = r->value;
  if (mark && cfg != p->cfg) return begin(r, cfg, text);
  const struct setting *t = cfg == p->cfg ? setting_at(p->section, opt->name) : NULL;
  if (!t) { /* of a section of the same name; or a mark, which somebody has found out */
    unknown(r, line, mark ? "?" : opt->name);
    return -1;
  }

  const struct raw_value *before = twice(r, p->begin, t);
  if (before) {
    settings_complain(r->raw, line, "%s: is already set in line %u", t->key, before->line);
    return 0;
  }

  char *noted = value_noted(r->source == SOURCE_FILE ? r->raw->path : "", t, text);
  raw_settings_add(r->raw, (struct raw_value){.setting = t, .source = r->source, .line = line}, noted);
  free(noted);
  return 0;
}

/* ---- what libconfuse is to know ---- */

static bool is_named(const struct settings_section *section, const char *name) {
  return name ? section && strcmp(section->name, name) == 0 : !section;
}

static cfg_opt_t *add(cfg_opt_t *begin, cfg_opt_t *end, cfg_opt_t option) {
  for (cfg_opt_t *o = begin; o < end; o++) {
    if (strcmp(o->name, option.name) == 0) return end;
  }
  *end = option;
  return end + 1;
}

static cfg_opt_t key(struct reading *r, const char *name, bool list) {
  return (cfg_opt_t){.name = name,
                     .type = CFGT_PTR,
                     .flags = (list ? CFGF_LIST : CFGF_NONE) | CFGF_NODEFAULT,
                     .parsecb = on_value,
                     .simple_value = {.ptr = (void **)(void *)r}};
}

/* All that may stand in sections of one name, with a title or without; NULL: in the file itself. */
static cfg_opt_t *options_of(struct reading *r, const char *name) {
  cfg_opt_t *start = &r->options[r->option_count], *end = start;
  unsigned most = 2; /* the mark, and the end */

  for (unsigned i = 0; i < settings_count; i++) most += name && is_named(settings_table[i].section, name);
  for (unsigned i = 0; settings_sections[i]; i++) most += is_named(settings_sections[i]->within, name);
  must((r->option_count += most) <= OPTIONS);
  end = add(start, end, key(r, settings_mark, false));
  for (unsigned i = 0; name && i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    if (is_named(t->section, name)) end = add(start, end, key(r, t->key, t->clear));
  }

  for (unsigned i = 0; settings_sections[i]; i++) {
    const struct settings_section *s = settings_sections[i];
    if (!is_named(s->within, name)) continue;
    cfg_opt_t option = {
        .name = s->name, .type = CFGT_SEC, .flags = CFGF_MULTI | CFGF_TITLE, .validcb = on_end};
    cfg_opt_t *after = add(start, end, option);
    if (after != end) end->subopts = options_of(r, s->name);
    end = after;
  }

  return start;
}

static void parse(struct raw_settings *g, enum source source, char *text) {
  struct reading *r = must_zalloc(sizeof *r);
  r->raw = g;
  r->source = source;
  cfg_t *cfg = cfg_init(options_of(r, NULL), CFGF_NONE);
  must(cfg != NULL);
  r->places[r->depth++] = (struct place){.cfg = cfg};
  FILE *in = *text ? fmemopen(text, strlen(text), "r") : NULL;
  if (in) {
    cfg_set_error_function(cfg, on_error);
    bool good = cfg_parse_fp(cfg, in) == CFG_SUCCESS;
    if (!good && !g->failed) { /* the one mistake that libconfuse is silent about */
      settings_complain(g, (unsigned)innermost(r)->cfg->line,
                        "an empty word stands here; should be SECTION { KEY = VALUE }");
    }
    fclose(in);
  }

  cfg_free(cfg);
  free(r);
}

static void read_text(struct raw_settings *g, enum source source, const char *text) {
  char *scanned = settings_scan(g, text);
  if (scanned) parse(g, source, scanned);
  free(scanned);
}

/* ---- the file ---- */

/* All of it with a NUL behind; NULL and complained of when it can't be. To be freed. */
static char *slurp(struct raw_settings *g, FILE *in) {
  char *text = must_alloc(FILE_MAX + 2);
  size_t n = fread(text, 1, FILE_MAX + 1, in);
  text[n] = 0;
  if (ferror(in)) settings_complain(g, 0, "%s", strerror(errno));
  else if (n > FILE_MAX) settings_complain(g, 0, "is larger than 1 MiB; should be a file of settings");
  else if (memchr(text, 0, n)) settings_complain(g, 0, "contains a NUL byte; should be text");
  else return text;
  free(text);
  return NULL;
}

void settings_file_read(struct raw_settings *g, const char *path, bool named) {
  FILE *in = fopen(path, "re");
  if (!in && errno == ENOENT && !named) return;
  g->path = path;
  if (!in) {
    char why[READABLE_WHY];
    settings_complain(g, 0, "%s", readable_why(errno, why));
    return;
  }
  char *text = slurp(g, in);
  if (text) read_text(g, SOURCE_FILE, text);
  free(text);
  fclose(in);
}

void settings_text_read(struct raw_settings *g, const char *name, const char *text) {
  g->text_name = name;
  read_text(g, SOURCE_TEXT, text);
}
