/* The parts of an HTML report. For check_html*.c alone. */
#ifndef JIDNS_TOOL_CHECK_HTML_PRIV_H
#define JIDNS_TOOL_CHECK_HTML_PRIV_H
#include "base/htmlw.h"
#include "tool/check.h"

/* The style sheet. */
extern const char check_html_style[];

/* A domain's <section>, whose id is "domain-<number>". */
void check_html_section(const struct checked *c, const struct check_options *o, unsigned number,
                        struct htmlw *w);

/* "2 errors, 1 warning, 3 ignored" or "Nothing to complain of". */
void check_html_count(const struct report *r, struct htmlw *w);

/* A class for the verdict's colour. */
const char *check_html_verdict_class(enum verdict v);

/* A table's columns; klass: of the heading's cell, NULL for none. */
struct table_column {
  const char *text, *klass;
};
void check_html_table_head(struct htmlw *w, const struct table_column *columns, size_t n);
#endif
