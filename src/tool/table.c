/* table.c: columns of text. Exports table_*. */
#include "tool/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 2 /* blanks between columns */ };

void table_row(struct table *t) {
  if (t->rows == t->room) {
    size_t room = t->room ? 2 * t->room : 32;
    struct table_row *row = realloc(t->row, room * sizeof *row);
    if (!row) return;
    t->row = row;
    t->room = room;
  }
  t->row[t->rows++] = (struct table_row){.flows = false};
}

void table_cell(struct table *t, unsigned column, const char *fmt, ...) {
  if (t->rows == 0) return;
  char **cell = &t->row[t->rows - 1].cells[column];
  va_list args;
  va_start(args, fmt);
  free(*cell);
  if (vasprintf(cell, fmt, args) < 0) *cell = NULL;
  va_end(args);
}

void table_head(struct table *t, const char *const *names, unsigned n) {
  table_row(t);
  for (unsigned c = 0; c < n; c++) table_cell(t, c, "%s", names[c]);
}

void table_flow(struct table *t) {
  if (t->rows > 0) t->row[t->rows - 1].flows = true;
}

static int last_cell(const struct table_row *r) {
  int last = TABLE_COLUMNS - 1;
  while (last >= 0 && !r->cells[last]) last--;
  return last;
}

void table_write(const struct table *t, FILE *out) {
  size_t width[TABLE_COLUMNS] = {0};
  for (size_t i = 0; i < t->rows; i++) {
    int last = last_cell(&t->row[i]);
    for (int c = 0; c <= last; c++) {
      const char *cell = t->row[i].cells[c];
      size_t len = cell ? strlen(cell) : 0;
      if (len > width[c] && !(t->row[i].flows && c == last)) width[c] = len;
    }
  }

  for (size_t i = 0; i < t->rows; i++) {
    int last = last_cell(&t->row[i]);
    for (int c = 0; c <= last; c++) {
      const char *cell = t->row[i].cells[c] ? t->row[i].cells[c] : "";
      if (c < last) {
        fprintf(out, "%-*s", (int)width[c] + GAP, cell);
      } else {
        fprintf(out, "%s", cell);
      }
    }
    fputc('\n', out);
  }
}

void table_free(struct table *t) {
  for (size_t i = 0; i < t->rows; i++) {
    for (int c = 0; c < TABLE_COLUMNS; c++) free(t->row[i].cells[c]);
  }
  free(t->row);
  *t = (struct table){0};
}
