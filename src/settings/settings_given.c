/* settings_given.c: what was given by whom, and how it comes into force. Exports givens_*, given_*. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "settings/settings_priv.h"

struct given *givens_add(struct givens *g, struct given head, const char *text) {
  size_t len = strlen(text);
  struct given *v = must_alloc(sizeof *v + len + 1);
  *v = head;
  v->next = NULL;
  memcpy(v->text, text, len + 1);
  if (g->last) g->last->next = v;
  else g->first = v;
  g->last = v;
  return v;
}

void givens_free(struct givens *g) {
  for (struct given *v; (v = g->first);) {
    g->first = v->next;
    free(v);
  }
}

/* The whole text as the one key of a section that nobody has given a title. */
static void add_untitled(struct givens *g, const struct setting *t, enum source source, const char *text) {
  char title[SECTION_TEXT];
  unsigned n = 1;
  for (const struct given *v = g->first; v; v = v->next)
    n += v->kind == GIVEN_BEGIN && v->setting == t && v->source == source;
  snprintf(title, sizeof title, "%s %u", source == SOURCE_OPTION ? "option" : "environment", n);
  givens_add(g, (struct given){.kind = GIVEN_BEGIN, .source = source, .setting = t, .section = t->section},
             title);
  givens_add(g, (struct given){.source = source, .setting = t}, text);
  givens_add(g, (struct given){.kind = GIVEN_END, .source = source, .section = t->section}, "");
}

/* TITLE=VALUE, or TITLE=VALUE,VALUE: as the section with that one key. Without a value it is complained of as
 * needed. */
static void add_titled(struct givens *g, const struct setting *t, enum source source, const char *text) {
  const struct given begin = {.kind = GIVEN_BEGIN, .source = source, .setting = t, .section = t->section};
  char *copy = strdup(text), *value;
  must(copy && t->needed);
  value = strchr(copy, '=');
  if (value) *value++ = 0;
  givens_add(g, begin, copy);
  while (value) {
    char *next = t->clear ? strchr(value, ',') : NULL;
    if (next) *next++ = 0;
    givens_add(g, (struct given){.source = source, .setting = t}, value);
    value = next;
  }
  givens_add(g, (struct given){.kind = GIVEN_END, .source = source, .section = t->section}, "");
  free(copy);
}

void givens_add_named(struct givens *g, const struct setting *t, enum source source, const char *text) {
  if (t->untitled) add_untitled(g, t, source, text);
  else if (t->section && t->section->title) add_titled(g, t, source, text);
  else givens_add(g, (struct given){.source = source, .setting = t}, text);
}

/* ---- titled sections ---- */

const struct given *given_end(const struct given *begin) {
  unsigned depth = 0;
  const struct given *v = begin;
  for (; v; v = v->next) {
    if (v->kind == GIVEN_BEGIN) depth++;
    if (v->kind == GIVEN_END && --depth == 0) break;
  }
  return v;
}

const struct given *given_in(const struct given *begin, const struct setting *t) {
  const struct given *end = given_end(begin);
  for (const struct given *v = begin->next; v != end; v = v->next) {
    if (v->setting == t && v->kind == GIVEN_VALUE) return v;
  }
  return NULL;
}

/* Equal but for case and a final dot. */
static bool same_title(const char *a, const char *b) {
  size_t n = strlen(a), m = strlen(b);
  if (n && a[n - 1] == '.') n--;
  if (m && b[m - 1] == '.') m--;
  return n == m && strncasecmp(a, b, n) == 0;
}

static bool same_section(const struct given *a, const struct given *b) {
  return a->kind == GIVEN_BEGIN && b->kind == GIVEN_BEGIN && a->section == b->section &&
         same_title(a->text, b->text);
}

bool given_is_in_force(const struct givens *g, const struct given *begin) {
  for (const struct given *v = g->first; v; v = v->next) {
    if (v->source > begin->source && same_section(v, begin)) return false;
  }
  return true;
}

/* ---- into force ---- */

struct applying {
  struct givens *g;
  enum source source;
  void *into[SECTION_DEPTH]; /* struct settings, in it an element, in that another */
  struct given *begun[SECTION_DEPTH];
  unsigned depth;
  bool cleared[SETTINGS_MAX]; /* of struct settings' lists: what sources before gave */
};

/* The section of that title within the same one which a lower source gave, or this one before. */
static const struct given *same_before(const struct applying *a, const struct given *begin) {
  const struct given *found = NULL;
  bool before = true;
  for (const struct given *v = a->depth ? a->begun[a->depth] : a->g->first; v && (before || !a->depth);
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
static void *place(struct applying *a, const struct given *v) {
  const struct settings_section *section = v->section;
  char *around = a->into[a->depth];
  unsigned count = *(unsigned *)(void *)(around + section->count_at);
  const struct given *before = same_before(a, v);
  if (before && before->source == v->source) {
    if (before->line) complain_given(a->g, v, "is already set in line %u", before->line);
    else complain_given(a->g, v, "is already set");
    return NULL;
  }
  if (before && before->element) return before->element;
  if (count < section->most) return around + section->list_at + count * section->size;
  complain_given(a->g, v, "should be one of at most %u", section->most);
  return NULL;
}

static void read_initial(const struct settings_section *section, void *element) {
  for (unsigned i = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    if (t->section == section && t->initial) must(t->read(t, element, t->initial));
  }
}

/* False: what follows up to its end is read into nothing. */
static bool begin(struct applying *a, struct given *v) {
  const struct settings_section *section = v->section;
  char *element = place(a, v), *around = a->into[a->depth];
  unsigned *count = (unsigned *)(void *)(around + section->count_at);

  if (!element) return false;
  memset(element, 0, section->size);
  if (!section->read_title(element, v->text)) {
    complain_value(a->g, v);
    return false;
  }

  if (element == around + section->list_at + *count * section->size) ++*count;
  read_initial(section, element);
  must(++a->depth < SECTION_DEPTH);
  a->into[a->depth] = v->element = element;
  a->begun[a->depth] = v;
  return true;
}

static void end(struct applying *a) {
  const struct given *v = a->begun[a->depth--];
  for (unsigned i = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    if (t->section == v->section && t->needed && !given_in(v, t)) complain_needed(a->g, v, t);
  }
}

static void value(struct applying *a, const struct given *v) {
  const struct setting *t = v->setting;
  if (!t->read) return;
  if (t->clear && !a->depth && !a->cleared[t - settings_table]) {
    a->cleared[t - settings_table] = true;
    t->clear(a->into[0]);
  }
  bool good = t->read(t, a->into[a->depth], v->text);
  must(good || a->source != SOURCE_INITIAL);
  if (!good) complain_value(a->g, v);
}

void givens_apply(struct givens *g, struct settings *s, enum source source) {
  struct applying a = {.g = g, .source = source, .into = {s}};
  must(settings_count <= SETTINGS_MAX);
  const struct given *until = NULL; /* the end of a section that is read into nothing */
  for (struct given *v = g->first; v; v = v->next) {
    if (v == until) until = NULL;
    else if (until || v->source != source) continue;
    else if (v->kind == GIVEN_BEGIN) {
      if (!begin(&a, v)) until = given_end(v);
    } else if (v->kind == GIVEN_END) {
      end(&a);
    } else {
      value(&a, v);
    }
    if (g->wrong && source == SOURCE_OPTION) return;
  }
}
