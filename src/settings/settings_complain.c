/* settings_complain.c: what is wrong, and where. Exports settings_complain*,
 * settings_put_source, settings_put_variable. */
#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>

#include "base/shown.h"
#include "settings/settings_priv.h"

/* In a file or text of sections, by line. */
static bool has_line(const struct raw_value *v) {
  return v->source == SOURCE_FILE || v->source == SOURCE_TEXT;
}

static void put_where(FILE *out, const char *path, unsigned line) {
  shown_put(out, path, PATH_MAX);
  if (line) fprintf(out, ":%u", line);
}

void settings_put_variable(FILE *out, const char *name) {
  fputs("JIDNS_", out);
  for (const char *p = name; *p; p++) fputc(*p == '-' ? '_' : toupper((unsigned char)*p), out);
}

void settings_put_source(FILE *out, const struct raw_settings *g, const struct raw_value *v) {
  switch (v->source) {
  case SOURCE_DEFAULT: fputs("default", out); break;
  case SOURCE_FILE: put_where(out, g->path, v->line); break;
  case SOURCE_TEXT: put_where(out, g->text_name, v->line); break;
  case SOURCE_ENVIRONMENT: settings_put_variable(out, v->setting->name); break;
  case SOURCE_OPTION: fprintf(out, "--%s", v->setting->name); break;
  }
}

/* What stands before the @ of a URL may be a password. */
static void put_text(FILE *out, const char *text) {
  const char *host = strstr(text, "://") ? strrchr(text, '@') : NULL;
  if (host) fputs("...", out);
  shown_put(out, host ? host : text, SHOWN_MAX);
}

/* jidnsd: --name 'text', or jidnsd: file:3: key 'text' */
static void put_given(struct raw_settings *g, const struct raw_value *v) {
  fputs("jidnsd: ", g->err);
  settings_put_source(g->err, g, v);
  if (has_line(v)) fprintf(g->err, ": %s", v->kind == RAW_BEGIN ? v->section->name : v->setting->key);
  fputs(" '", g->err);
  put_text(g->err, v->text);
  fputc('\'', g->err);
  g->failed = true;
}

void settings_complain_value(struct raw_settings *g, const struct raw_value *v) {
  char text[EXPECTED_TEXT], why[WHY_TEXT];
  put_given(g, v);
  if (v->kind == RAW_VALUE && v->setting->explain) {
    fprintf(g->err, ": %s\n", v->setting->explain(v->text, why));
    return;
  }
  fprintf(g->err, ": should be %s\n",
          v->kind == RAW_BEGIN ? v->section->expected : setting_expected(v->setting, text));
}

void settings_complain_raw(struct raw_settings *g, const struct raw_value *v, const char *format, ...) {
  va_list args;
  put_given(g, v);
  fputs(": ", g->err);
  va_start(args, format);
  vfprintf(g->err, format, args);
  va_end(args);
  fputc('\n', g->err);
}

void settings_complain_needed(struct raw_settings *g, const struct raw_value *begin,
                              const struct setting *t) {
  char text[EXPECTED_TEXT];
  const char *expected = setting_expected(t, text);
  if (has_line(begin)) settings_complain_raw(g, begin, "has no %s; should be %s", t->key, expected);
  else settings_complain_raw(g, begin, "should be %s=%s, with %s", t->section->title, t->value, expected);
}

void settings_complain(struct raw_settings *g, unsigned line, const char *format, ...) {
  char text[300];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  fputs("jidnsd: ", g->err);
  put_where(g->err, g->text_name ? g->text_name : g->path, line); /* the text is read last */
  fputs(": ", g->err);
  shown_put(g->err, text, sizeof text);
  fputc('\n', g->err);
  g->failed = true;
}
