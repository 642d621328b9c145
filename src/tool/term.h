/* Where text goes: how wide it is, whether it shows colours, and sentences broken at its edge. */
#ifndef JIDNS_TOOL_TERM_H
#define JIDNS_TOOL_TERM_H
#include <stdbool.h>
#include <stdio.h>

enum {
  TERM_WIDTH = 80, /* where nothing says how wide it is */
  TERM_NARROWEST = 40,
  TERM_WIDEST = 200 /* longer lines are not read */
};

enum term_colours { TERM_AUTO, TERM_ALWAYS, TERM_NEVER };

/* Zero: 80 columns, no colours. */
struct term {
  unsigned width; /* columns; 0: TERM_WIDTH */
  bool colours;
};

/* What stdout is. As wide as the terminal says, else as COLUMNS does. Colours with TERM_AUTO on a terminal
 * alone, unless NO_COLOR is set to anything or TERM is "dumb". */
struct term term_find(enum term_colours colours);

unsigned term_width(const struct term *t); /* t NULL: TERM_WIDTH */

enum term_style { STYLE_PLAIN, STYLE_HEAD, STYLE_GOOD, STYLE_WARN, STYLE_BAD, STYLE_FAINT };

/* Text in a style, where there are colours; the same text without. */
void term_put(const struct term *t, FILE *out, enum term_style style, const char *text);
/* "" where there are no colours; else what begins a style, and what ends each. */
const char *term_begin(const struct term *t, enum term_style style);
const char *term_end(const struct term *t, enum term_style style);

/* wrap_text (base/wrap.h) at the edge. */
void term_wrap(const struct term *t, FILE *out, unsigned first, unsigned indent, const char *text);
void term_wrapf(const struct term *t, FILE *out, unsigned first, unsigned indent, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
#endif
