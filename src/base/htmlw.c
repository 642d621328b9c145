/* htmlw.c: writes HTML. Exports htmlw_*. */
#include "base/htmlw.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/utf8.h"

/* Elements without content have no end tag (HTML, section 13.1.2). */
static bool is_void(const char *element) {
  return strcmp(element, "meta") == 0 || strcmp(element, "br") == 0 || strcmp(element, "hr") == 0;
}

static void end_tag(struct htmlw *w) {
  if (w->in_tag) fputc('>', w->out);
  w->in_tag = false;
}

static void put_character(FILE *out, const uint8_t *p, size_t len) {
  if (len == 0) fprintf(out, "\\x%02x", *p);
  else if (utf8_is_hidden(utf8_point(p, len))) fprintf(out, "\\u{%x}", (unsigned)utf8_point(p, len));
  else if (*p == '&') fputs("&amp;", out);
  else if (*p == '<') fputs("&lt;", out);
  else if (*p == '>') fputs("&gt;", out);
  else if (*p == '"') fputs("&quot;", out);
  else if (*p == '\'') fputs("&#39;", out);
  else fwrite(p, 1, len, out);
}

static void put_escaped(FILE *out, const char *text) {
  for (const uint8_t *p = (const uint8_t *)text; *p;) {
    size_t len = utf8_len(p);
    put_character(out, p, len);
    p += len ? len : 1;
  }
}

void htmlw_open(struct htmlw *w, const char *element) {
  must(w->depth < HTMLW_DEPTH);
  end_tag(w);
  fprintf(w->out, "<%s", element);
  w->open[w->depth++] = element;
  w->in_tag = true;
}

void htmlw_close(struct htmlw *w) {
  must(w->depth > 0);
  const char *element = w->open[--w->depth];
  end_tag(w);
  if (!is_void(element)) fprintf(w->out, "</%s>", element);
}

void htmlw_attr(struct htmlw *w, const char *name, const char *value) {
  must(w->in_tag);
  fprintf(w->out, " %s=\"", name);
  put_escaped(w->out, value);
  fputc('"', w->out);
}

static char *format(const char *fmt, va_list args) __attribute__((format(printf, 1, 0)));

static char *format(const char *fmt, va_list args) {
  char *text = NULL;
  must(vasprintf(&text, fmt, args) >= 0);
  return text;
}

void htmlw_attrf(struct htmlw *w, const char *name, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  char *value = format(fmt, args);
  va_end(args);
  htmlw_attr(w, name, value);
  free(value);
}

void htmlw_text(struct htmlw *w, const char *text) {
  end_tag(w);
  put_escaped(w->out, text);
}

void htmlw_textf(struct htmlw *w, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  char *text = format(fmt, args);
  va_end(args);
  htmlw_text(w, text);
  free(text);
}

void htmlw_open_class(struct htmlw *w, const char *element, const char *klass) {
  htmlw_open(w, element);
  if (klass) htmlw_attr(w, "class", klass);
}

void htmlw_element(struct htmlw *w, const char *element, const char *klass, const char *text) {
  htmlw_open_class(w, element, klass);
  htmlw_text(w, text);
  htmlw_close(w);
}

void htmlw_raw(struct htmlw *w, const char *text) {
  end_tag(w);
  fputs(text, w->out);
}
