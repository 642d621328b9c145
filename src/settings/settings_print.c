/* settings_print.c: what is in force, as a settings file, and where each value comes from. Exports
 * settings_print_config. */
#include "settings/settings_priv.h"

static void put_quoted(FILE *out, const char *text) {
  fputc('"', out);
  for (; *text; text++) {
    if (*text == '"' || *text == '\\' || *text == '$') fputc('\\', out);
    fputc(*text, out);
  }
  fputc('"', out);
}

static void put_end_of_line(FILE *out, const struct raw_settings *g, const struct raw_value *v) {
  fputs("  # ", out);
  settings_put_source(out, g, v);
  fputc('\n', out);
}

/* A key's value, of a list all that the same source gave up to `end`; NULL: what holds when nothing was
 * given. */
static void put_key(FILE *out, const struct raw_settings *g, const struct setting *t,
                    const struct raw_value *first, const struct raw_value *end, const char *indent) {
  if (!first && t->default_value) {
    fprintf(out, "%s%s = ", indent, t->key);
    put_quoted(out, t->default_value);
    fputs("  # default\n", out);
    return;
  }

  if (!first) {
    if (t->default_text) fprintf(out, "%s# %s: %s\n", indent, t->key, t->default_text);
    return;
  }

  fprintf(out, "%s%s = %s", indent, t->key, t->clear ? "{" : "");
  for (const struct raw_value *v = first; v != end; v = v->next) {
    if (v->setting != t || v->kind != RAW_VALUE || v->source != first->source) continue;
    if (v != first) fputs(", ", out);
    put_quoted(out, v->text);
    if (!t->clear) break;
  }

  if (t->clear) fputc('}', out);
  put_end_of_line(out, g, first);
}

/* The first of the values of t that are in force: those of the highest source; of one that is no list, the
 * last. */
static const struct raw_value *in_force(const struct raw_settings *g, const struct setting *t) {
  const struct raw_value *best = NULL;
  for (const struct raw_value *v = g->first; v; v = v->next) {
    if (v->setting == t && (!best || v->source > best->source || (v->source == best->source && !t->clear)))
      best = v;
  }
  return best;
}

static void put_section(FILE *out, const struct raw_settings *g, const struct settings_section *section) {
  fprintf(out, "%s {\n", section->name);
  for (unsigned i = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    if (t->section == section) put_key(out, g, t, in_force(g, t), NULL, "  ");
  }
  fputs("}\n", out);
}

static void put_titled(FILE *out, const struct raw_settings *g, const struct raw_value *begin,
                       unsigned depth) {
  const struct raw_value *end = raw_value_end(begin);
  char indent[SECTION_DEPTH * 2 + 2];

  fprintf(out, "%*s%s ", (int)depth * 2, "", begin->section->name);
  put_quoted(out, begin->text);
  fputs(" {", out);
  put_end_of_line(out, g, begin);
  snprintf(indent, sizeof indent, "%*s", (int)depth * 2 + 2, "");
  for (unsigned i = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    if (t->section == begin->section) put_key(out, g, t, raw_value_in(begin, t), end, indent);
  }

  for (const struct raw_value *v = begin->next; v != end; v = v->next) {
    if (v->kind != RAW_BEGIN) continue;
    put_titled(out, g, v, depth + 1);
    v = raw_value_end(v);
  }

  fprintf(out, "%*s}\n", (int)depth * 2, "");
}

void settings_print_config(const struct raw_settings *g, FILE *out) {
  const char *between = "";
  for (unsigned i = 0; settings_sections[i]; i++) {
    const struct settings_section *section = settings_sections[i];
    if (section->within) continue;
    if (!section->title) {
      fputs(between, out);
      put_section(out, g, section);
      between = "\n";
    }
    for (const struct raw_value *v = g->first; v && section->title; v = v->next) {
      if (v->kind != RAW_BEGIN || v->section != section || !raw_value_is_in_force(g, v)) continue;
      fputs(between, out);
      put_titled(out, g, v, 0);
      between = "\n";
    }
  }
}
