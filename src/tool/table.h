/* A table of text whose columns are as wide as what stands in them, and that is never wider than the
 * terminal. */
#ifndef JIDNS_TOOL_TABLE_H
#define JIDNS_TOOL_TABLE_H
#include <stdbool.h>
#include <stdio.h>

#include "tool/term.h"

enum { TABLE_COLUMNS = 12 };

struct table {
  bool has_head; /* the first row has the names of the columns */
  bool wraps;    /* set by the caller: the last column has sentences, which are broken at the edge */
  size_t rows, room;
  struct table_row {
    char *cells[TABLE_COLUMNS]; /* owned; NULL is empty */
    enum term_style styles[TABLE_COLUMNS];
    char *note; /* owned; a sentence below the row; NULL: none */
  } * row;
};

/* Zero a table to start. The calls below do nothing more to it once memory is out. */

/* Starts a row; cells go into the last one. */
void table_row(struct table *t);

/* The first row: n names, one a column. */
void table_head(struct table *t, const char *const *names, unsigned n);

/* Puts text into a column of the last row; what was there goes. */
void table_cell(struct table *t, unsigned column, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void table_style(struct table *t, unsigned column, enum term_style style); /* of that cell */

/* A sentence below the last row. */
void table_note(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Where the columns don't fit beside each other each row is written as a list: its first cell, and below it
 * the others, each behind its column's name. No cell is left out or cut. */
void table_write(const struct table *t, const struct term *term, FILE *out);
void table_free(struct table *t);
#endif
