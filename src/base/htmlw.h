/* An HTML writer: element by element; escapes and end tags are seen to here. SVG inside HTML is written the
 * same way. */
#ifndef JIDNS_BASE_HTMLW_H
#define JIDNS_BASE_HTMLW_H
#include <stdbool.h>
#include <stdio.h>

enum { HTMLW_DEPTH = 32 };

/* A document being written to `out`; the rest begins zeroed. */
struct htmlw {
  FILE *out;                     /* borrowed */
  const char *open[HTMLW_DEPTH]; /* elements whose end tag is still to come: static names */
  unsigned depth;
  bool in_tag; /* the innermost start tag may still get attributes */
};

/* Begins an element; htmlw_close ends the innermost one. Names of elements and attributes are the program's
 * own. */
void htmlw_open(struct htmlw *w, const char *element);
void htmlw_close(struct htmlw *w);

/* An attribute of the element just opened, before anything is written into it. */
void htmlw_attr(struct htmlw *w, const char *name, const char *value);
void htmlw_attrf(struct htmlw *w, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Text, which may be anything: markup is escaped; octets that are no UTF-8 are shown as \xff, characters that
 * would not be seen, or would change how others are seen, as \u{202e}. */
void htmlw_text(struct htmlw *w, const char *text);
void htmlw_textf(struct htmlw *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A whole element with text in it; klass: its class attribute, or NULL for none. */
void htmlw_element(struct htmlw *w, const char *element, const char *klass, const char *text);

/* Opens an element with a class. */
void htmlw_open_class(struct htmlw *w, const char *element, const char *klass);

/* Static text of the program's own, as it stands: a style sheet, a line feed. */
void htmlw_raw(struct htmlw *w, const char *text);
#endif
