/* settings_text.c: the settings as text: help, sample file, man pages, what is in force, complaints. Exports settings_print_*,
 * complain*, nearest. */
#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>

#include "settings/settings_priv.h"

enum { SHOWN = 60 }; /* octets of a wrong value */

/* ---- complaints ---- */

static void put_shown(FILE *out, const char *text, size_t most) {
  size_t n = strlen(text);
  for (size_t i = 0; i < n && i < most; i++) fputc((uint8_t)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i], out);
  if (n > most) fputs("...", out);
}

static void put_environment_name(FILE *out, const struct setting *t) {
  fputs("JIDNS_", out);
  for (const char *p = t->name; *p; p++) fputc(*p == '-' ? '_' : toupper((unsigned char)*p), out);
}

static void put_where(FILE *out, const char *path, unsigned line) {
  put_shown(out, path, PATH_MAX);
  if (line) fprintf(out, ":%u", line);
}

void complain_value(struct givens *g, const struct given *v) {
  fputs("jidnsd: ", g->err);
  if (v->source == SOURCE_OPTION) {
    fprintf(g->err, "--%s", v->setting->name);
  } else if (v->source == SOURCE_ENVIRONMENT) {
    put_environment_name(g->err, v->setting);
  } else {
    put_where(g->err, g->path, v->line);
    fprintf(g->err, ": %s", v->setting->key);
  }
  fputs(" '", g->err);
  put_shown(g->err, v->text, SHOWN);
  fprintf(g->err, "': should be %s\n", v->setting->right);
  g->wrong = true;
}

void complain(struct givens *g, unsigned line, const char *format, ...) {
  char text[300];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  for (char *p = text; *p; p++) {
    if ((uint8_t)*p < ' ' || *p == 0x7f) *p = '?';
  }
  fputs("jidnsd: ", g->err);
  put_where(g->err, g->path, line);
  fprintf(g->err, ": %s\n", text);
  g->wrong = true;
}

/* How many letters must be changed, added or left out (Levenshtein); words longer than a key ever is are far from all. */
static unsigned distance(const char *a, const char *b) {
  unsigned row[32];
  size_t n = strlen(b);
  if (n >= sizeof row / sizeof *row || strlen(a) >= sizeof row / sizeof *row) return 99;
  for (unsigned k = 0; k <= n; k++) row[k] = k;
  for (unsigned i = 0; a[i]; i++) {
    unsigned before = row[0];
    row[0] = i + 1;
    for (unsigned k = 0; k < n; k++) {
      unsigned here = row[k + 1], best = before + (a[i] != b[k]);
      if (here + 1 < best) best = here + 1;
      if (row[k] + 1 < best) best = row[k] + 1;
      before = here;
      row[k + 1] = best;
    }
  }
  return row[n];
}

const char *nearest(const char *word, const char *(*next)(unsigned i, const void *ctx), const void *ctx) {
  const char *best = NULL, *candidate;
  size_t least = strlen(word) / 3 + 2; /* more mistakes than that, and it is another word */
  for (unsigned i = 0; (candidate = next(i, ctx)); i++) {
    unsigned d = distance(word, candidate);
    if (d >= least) continue;
    least = d;
    best = candidate;
  }
  return best;
}

/* ---- help ---- */

static const char *initial_of(const struct setting *t) { return t->otherwise ? t->otherwise : t->initial; }

void settings_print_help(FILE *out) {
  fputs("Usage: jidnsd [OPTION]...\nA caching DNS forwarder for XMPP servers and clients.\n\n", out);
  for (unsigned i = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    char left[40];
    snprintf(left, sizeof left, "--%s%s%s", t->name, t->value ? " " : "", t->value ? t->value : "");
    fprintf(out, "  %-24s %s%s%s%s\n", left, t->help, initial_of(t) ? " (default: " : "", initial_of(t) ? initial_of(t) : "",
            initial_of(t) ? ")" : "");
  }
}

/* ---- as a file ---- */

static void put_quoted(FILE *out, const char *text) {
  fputc('"', out);
  for (; *text; text++) {
    if (*text == '"' || *text == '\\' || *text == '$') fputc('\\', out);
    fputc(*text, out);
  }
  fputc('"', out);
}

static void put_source(FILE *out, const struct givens *g, const struct given *v) {
  fputs("  # ", out);
  if (v->source == SOURCE_FILE) {
    put_where(out, g->path, v->line);
  } else if (v->source == SOURCE_ENVIRONMENT) {
    put_environment_name(out, v->setting);
  } else if (v->source == SOURCE_OPTION) {
    fprintf(out, "--%s", v->setting->name);
  } else {
    fputs("default", out);
  }
  fputc('\n', out);
}

/* The first of the values of t that are in force: those of the highest source. */
static const struct given *in_force(const struct givens *g, const struct setting *t) {
  const struct given *best = NULL;
  for (const struct given *v = g->first; v; v = v->next) {
    if (v->setting == t && (!best || v->source > best->source || (v->source == best->source && !t->clear))) best = v;
  }
  return best;
}

static void put_in_force(const struct givens *g, const struct setting *t, FILE *out) {
  const struct given *first = in_force(g, t);
  if (!first) {
    fprintf(out, "  # %s: %s\n", t->key, t->otherwise);
    return;
  }
  fprintf(out, "  %s = %s", t->key, t->clear ? "{" : "");
  for (const struct given *v = first; v; v = v->next) {
    if (v->setting != t || v->source != first->source) continue;
    if (v != first && !t->clear) break;
    if (v != first) fputs(", ", out);
    put_quoted(out, v->text);
  }
  if (t->clear) fputc('}', out);
  put_source(out, g, first);
}

/* Calls put for the settings of each section, between its braces. */
static void each_section(FILE *out, const struct givens *g, void (*put)(const struct givens *, const struct setting *, FILE *)) {
  for (unsigned i = 0; i < settings_count; i++) {
    const char *section = settings_table[i].section;
    if (!section || (i > 0 && settings_table[i - 1].section && strcmp(settings_table[i - 1].section, section) == 0)) continue;
    fprintf(out, "%s%s {\n", i ? "\n" : "", section);
    for (unsigned k = i; k < settings_count && settings_table[k].section && strcmp(settings_table[k].section, section) == 0; k++) {
      put(g, &settings_table[k], out);
    }
    fputs("}\n", out);
  }
}

void settings_print_config(const struct givens *g, FILE *out) { each_section(out, g, put_in_force); }

static void put_sample(const struct givens *g, const struct setting *t, FILE *out) {
  (void)g;
  fprintf(out, "  # %s\n", t->help);
  if (t->initial && t->clear) fprintf(out, "  #%s = {\"%s\"}\n", t->key, t->initial);
  else if (t->initial) fprintf(out, "  #%s = %s\n", t->key, t->initial);
  else fprintf(out, "  #%s = %s%s%s  # %s\n", t->key, t->clear ? "{\"" : "\"", t->value, t->clear ? "\"}" : "\"", t->otherwise);
}

void settings_print_sample(FILE *out) {
  fputs("# Settings of jidnsd, all with their defaults; see jidnsd.conf(5).\n\n", out);
  each_section(out, NULL, put_sample);
}

/* ---- man pages ---- */

/* Hyphens of options must not become dashes. */
static void put_man(FILE *out, const char *text) {
  for (; *text; text++) {
    if (*text == '-' || *text == '\\') fputc('\\', out);
    if (*text == '\\') fputc('e', out);
    else fputc(*text, out);
  }
}

static void put_man_body(FILE *out, const struct setting *t) {
  put_man(out, t->help);
  fputc('.', out);
  if (t->right) {
    fputs("\nShould be ", out);
    put_man(out, t->right);
    fputc('.', out);
  }
  if (initial_of(t)) {
    fputs("\nDefault: ", out);
    put_man(out, initial_of(t));
    fputc('.', out);
  }
  fputc('\n', out);
}

void settings_print_man_options(FILE *out) {
  for (unsigned i = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    fputs(".TP\n.B \\-\\-", out);
    put_man(out, t->name);
    if (t->value) {
      fputs(" \\fI", out);
      put_man(out, t->value);
      fputs("\\fR", out);
    }
    fputc('\n', out);
    put_man_body(out, t);
  }
}

void settings_print_man_file(FILE *out) {
  const char *section = "";
  for (unsigned i = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    if (!t->section) continue;
    if (strcmp(section, t->section) != 0) fprintf(out, ".SS %s\n", section = t->section);
    fputs(".TP\n.B ", out);
    put_man(out, t->key);
    fputs(t->clear ? " = {\\fI" : " = \\fI", out);
    put_man(out, t->value);
    fputs(t->clear ? "\\fR, ...}\n" : "\\fR\n", out);
    put_man_body(out, t);
  }
}
