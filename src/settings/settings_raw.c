/* settings_raw.c: values as they were written, and how they come into force. Exports raw_settings_*,
 * raw_value_*. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "settings/settings_priv.h"

struct raw_value *raw_settings_add(struct raw_settings *g, struct raw_value head, const char *text) {
  size_t len = strlen(text);
  struct raw_value *v = must_alloc(sizeof *v + len + 1);
  *v = head;
  v->next = NULL;
  memcpy(v->text, text, len + 1);
  if (g->last) g->last->next = v;
  else g->first = v;
  g->last = v;
  return v;
}

void raw_settings_free(struct raw_settings *g) {
  for (struct raw_value *v; (v = g->first);) {
    g->first = v->next;
    free(v);
  }
}

/* The whole text as the one key of a section that nobody has given a title. */
static void add_untitled(struct raw_settings *g, const struct setting *t, enum source source,
                         const char *text) {
  char title[SECTION_TEXT];
  unsigned n = 1;
  for (const struct raw_value *v = g->first; v; v = v->next)
    n += v->kind == RAW_BEGIN && v->setting == t && v->source == source;
  snprintf(title, sizeof title, "%s %u", source == SOURCE_OPTION ? "option" : "environment", n);
  raw_settings_add(
      g, (struct raw_value){.kind = RAW_BEGIN, .source = source, .setting = t, .section = t->section}, title);
  raw_settings_add(g, (struct raw_value){.source = source, .setting = t}, text);
  raw_settings_add(g, (struct raw_value){.kind = RAW_END, .source = source, .section = t->section}, "");
}

/* TITLE=VALUE, or TITLE=VALUE,VALUE: as the section with that one key. Without a value it is complained of as
 * needed. */
static void add_titled(struct raw_settings *g, const struct setting *t, enum source source,
                       const char *text) {
  const struct raw_value begin = {.kind = RAW_BEGIN, .source = source, .setting = t, .section = t->section};
  char *copy = strdup(text), *value;
  must(copy && t->needed);
  value = strchr(copy, '=');
  if (value) *value++ = 0;
  raw_settings_add(g, begin, copy);
  while (value) {
    char *next = t->clear ? strchr(value, ',') : NULL;
    if (next) *next++ = 0;
    raw_settings_add(g, (struct raw_value){.source = source, .setting = t}, value);
    value = next;
  }
  raw_settings_add(g, (struct raw_value){.kind = RAW_END, .source = source, .section = t->section}, "");
  free(copy);
}

void raw_settings_add_named(struct raw_settings *g, const struct setting *t, enum source source,
                            const char *text) {
  if (t->untitled) add_untitled(g, t, source, text);
  else if (t->section && t->section->title) add_titled(g, t, source, text);
  else raw_settings_add(g, (struct raw_value){.source = source, .setting = t}, text);
}

/* ---- titled sections ---- */

const struct raw_value *raw_value_end(const struct raw_value *begin) {
  unsigned depth = 0;
  const struct raw_value *v = begin;
  for (; v; v = v->next) {
    if (v->kind == RAW_BEGIN) depth++;
    if (v->kind == RAW_END && --depth == 0) break;
  }
  return v;
}

/* The next value of t in the section that v lies in, which ends at `end`. */
static const struct raw_value *next_of(const struct raw_value *v, const struct raw_value *end,
                                       const struct setting *t) {
  for (v = v->next; v != end; v = v->next) {
    if (v->setting == t && v->kind == RAW_VALUE) return v;
  }
  return NULL;
}

const struct raw_value *raw_value_in(const struct raw_value *begin, const struct setting *t) {
  return next_of(begin, raw_value_end(begin), t);
}

/* Equal but for case and a final dot. */
static bool same_title(const char *a, const char *b) {
  size_t n = strlen(a), m = strlen(b);
  if (n && a[n - 1] == '.') n--;
  if (m && b[m - 1] == '.') m--;
  return n == m && strncasecmp(a, b, n) == 0;
}

/* Have both sections the same values of t, in the same order? */
static bool same_values(const struct raw_value *a, const struct raw_value *b, const struct setting *t) {
  const struct raw_value *a_end = raw_value_end(a), *b_end = raw_value_end(b);
  do {
    a = next_of(a, a_end, t);
    b = next_of(b, b_end, t);
  } while (a && b && strcmp(a->text, b->text) == 0);
  return !a && !b;
}

static bool same_section(const struct raw_value *a, const struct raw_value *b) {
  if (a->kind != RAW_BEGIN || b->kind != RAW_BEGIN || a->section != b->section ||
      !same_title(a->text, b->text))
    return false;
  const char *apart = a->section->apart;
  return !apart || same_values(a, b, setting_at(a->section, apart));
}

bool raw_value_is_in_force(const struct raw_settings *g, const struct raw_value *begin) {
  for (const struct raw_value *v = g->first; v; v = v->next) {
    if (v->source > begin->source && same_section(v, begin)) return false;
  }
  return true;
}

/* ---- into force ---- */

struct applying {
  struct raw_settings *g;
  enum source source;
  void *into[SECTION_DEPTH]; /* struct settings, in it an element, in that another */
  struct raw_value *begun[SECTION_DEPTH];
  unsigned depth;
  bool cleared[SETTINGS_MAX]; /* of struct settings' lists: what sources before gave */
};

/* The section of that title within the same one which a lower source gave, or this one before. */
static const struct raw_value *same_before(const struct applying *a, const struct raw_value *begin) {
  const struct raw_value *found = NULL;
  bool before = true;
  for (const struct raw_value *v = a->depth ? a->begun[a->depth] : a->g->first; v && (before || !a->depth);
       v = v->next) {
    if (v == begin) before = false;
    else if (same_section(v, begin) &&
             (v->source < begin->source || (v->source == begin->source && before)) &&
             (!found || v->source >= found->source))
      found = v;
  }
  return found;
}

/* Where a section's element goes: in place of one with the same title, else behind the last. NULL, and
 * complained of, when it can't. */
static void *place(struct applying *a, const struct raw_value *v) {
  const struct settings_section *section = v->section;
  char *around = a->into[a->depth];
  unsigned count = *(unsigned *)(void *)(around + section->count_at);
  const struct raw_value *before = same_before(a, v);
  if (before && before->source == v->source) {
    if (before->line) settings_complain_raw(a->g, v, "is already set in line %u", before->line);
    else settings_complain_raw(a->g, v, "is already set");
    return NULL;
  }
  if (before && before->element) return before->element;
  if (count < section->most) return around + section->list_at + count * section->size;
  settings_complain_raw(a->g, v, "should be one of at most %u", section->most);
  return NULL;
}

static void read_defaults(const struct settings_section *section, void *element) {
  for (unsigned i = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    if (t->section == section && t->default_value) must(t->read(t, element, t->default_value));
  }
}

/* False: what follows up to its end is read into nothing. */
static bool begin(struct applying *a, struct raw_value *v) {
  const struct settings_section *section = v->section;
  char *element = place(a, v), *around = a->into[a->depth];
  unsigned *count = (unsigned *)(void *)(around + section->count_at);

  if (!element) return false;
  memset(element, 0, section->size);
  if (!section->read_title(element, v->text)) {
    settings_complain_value(a->g, v);
    return false;
  }

  if (element == around + section->list_at + *count * section->size) ++*count;
  read_defaults(section, element);
  must(++a->depth < SECTION_DEPTH);
  a->into[a->depth] = v->element = element;
  a->begun[a->depth] = v;
  return true;
}

static void end(struct applying *a) {
  const struct raw_value *v = a->begun[a->depth--];
  for (unsigned i = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    if (t->section == v->section && t->needed && !raw_value_in(v, t)) settings_complain_needed(a->g, v, t);
  }
}

static void value(struct applying *a, const struct raw_value *v) {
  const struct setting *t = v->setting;
  if (!t->read) return;
  if (t->clear && !a->depth && !a->cleared[t - settings_table]) {
    a->cleared[t - settings_table] = true;
    t->clear(a->into[0]);
  }
  bool good = t->read(t, a->into[a->depth], v->text);
  must(good || a->source != SOURCE_DEFAULT);
  if (!good) settings_complain_value(a->g, v);
}

void raw_settings_apply(struct raw_settings *g, struct settings *s, enum source source) {
  struct applying a = {.g = g, .source = source, .into = {s}};
  must(settings_count <= SETTINGS_MAX);
  const struct raw_value *until = NULL; /* the end of a section that is read into nothing */
  for (struct raw_value *v = g->first; v; v = v->next) {
    if (v == until) until = NULL;
    else if (until || v->source != source) continue;
    else if (v->kind == RAW_BEGIN) {
      if (!begin(&a, v)) until = raw_value_end(v);
    } else if (v->kind == RAW_END) {
      end(&a);
    } else {
      value(&a, v);
    }
    if (g->failed && source == SOURCE_OPTION) return;
  }
}
