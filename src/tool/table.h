/* A table of text whose columns are as wide as what stands in them. */
#ifndef JIDNS_TOOL_TABLE_H
#define JIDNS_TOOL_TABLE_H
#include <stdbool.h>
#include <stdio.h>

enum { TABLE_COLUMNS = 12 };

struct table {
  size_t rows, room;
  struct table_row {
    char *cells[TABLE_COLUMNS]; /* owned; NULL is empty */
    bool flows;                 /* its last cell does not widen its column */
  } * row;
};

/* Zero a table to start. The calls below do nothing more to it once memory is out. */

/* Starts a row; cells go into the last one. */
void table_row(struct table *t);

/* A row of n names, one a column. */
void table_head(struct table *t, const char *const *names, unsigned n);

/* Puts text into a column of the last row; what was there goes. */
void table_cell(struct table *t, unsigned column, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The last row's last cell may run over the columns after it. */
void table_flow(struct table *t);

void table_write(const struct table *t, FILE *out);
void table_free(struct table *t);
#endif
