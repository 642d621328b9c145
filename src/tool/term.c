/* term.c: a terminal's width and colours. Exports term_*. */
#include "tool/term.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/must.h"
#include "base/wrap.h"

static unsigned width_of_terminal(void) {
  struct winsize w;
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 ? w.ws_col : 0;
}

static unsigned width_of_environment(void) {
  const char *columns = getenv("COLUMNS");
  unsigned long n = columns ? strtoul(columns, NULL, 10) : 0;
  return n <= TERM_WIDEST ? (unsigned)n : TERM_WIDEST;
}

static bool shows_colours(void) {
  const char *never = getenv("NO_COLOR"), *term = getenv("TERM");
  return isatty(STDOUT_FILENO) && !(never && *never) && term && *term && strcmp(term, "dumb") != 0;
}

struct term term_find(enum term_colours colours) {
  unsigned width = width_of_terminal();
  if (!width) width = width_of_environment();
  if (width && width < TERM_NARROWEST) width = TERM_NARROWEST;
  if (width > TERM_WIDEST) width = TERM_WIDEST;
  return (struct term){.width = width,
                       .colours = colours == TERM_ALWAYS || (colours == TERM_AUTO && shows_colours())};
}

unsigned term_width(const struct term *t) { return t && t->width ? t->width : TERM_WIDTH; }

/* ---- styles ---- */

/* The colours that a terminal's own theme makes readable: no background of ours. */
const char *term_begin(const struct term *t, enum term_style style) {
  static const char *const begins[] = {
      [STYLE_PLAIN] = "",        [STYLE_HEAD] = "\033[1m",   [STYLE_GOOD] = "\033[32m",
      [STYLE_WARN] = "\033[33m", [STYLE_BAD] = "\033[1;31m", [STYLE_FAINT] = "\033[2m"};
  return t && t->colours ? begins[style] : "";
}

const char *term_end(const struct term *t, enum term_style style) {
  return t && t->colours && style != STYLE_PLAIN ? "\033[0m" : "";
}

void term_put(const struct term *t, FILE *out, enum term_style style, const char *text) {
  fprintf(out, "%s%s%s", term_begin(t, style), text, term_end(t, style));
}

/* ---- sentences ---- */

void term_wrap(const struct term *t, FILE *out, unsigned first, unsigned indent, const char *text) {
  wrap_text(out, term_width(t), first, indent, text);
}

void term_wrapf(const struct term *t, FILE *out, unsigned first, unsigned indent, const char *fmt, ...) {
  char *text = NULL;
  va_list args;
  va_start(args, fmt);
  must(vasprintf(&text, fmt, args) >= 0);
  va_end(args);
  term_wrap(t, out, first, indent, text);
  free(text);
}
