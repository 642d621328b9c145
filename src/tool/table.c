/* table.c: columns of text. Exports table_*. */
#include "tool/table.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
  GAP = 2,           /* blanks between columns */
  SENTENCE_MIN = 24, /* columns that are left for sentences: with less they get lines of their own */
  SENTENCE_INDENT = 4,
  NOTE_INDENT = 4
};

void table_row(struct table *t) {
  if (t->rows == t->room) {
    size_t room = t->room ? 2 * t->room : 32;
    struct table_row *row = realloc(t->row, room * sizeof *row);
    if (!row) return;
    t->row = row;
    t->room = room;
  }
  t->row[t->rows++] = (struct table_row){.cells = {NULL}};
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

void table_note(struct table *t, const char *fmt, ...) {
  if (t->rows == 0) return;
  char **note = &t->row[t->rows - 1].note;
  va_list args;
  va_start(args, fmt);
  free(*note);
  if (vasprintf(note, fmt, args) < 0) *note = NULL;
  va_end(args);
}

void table_style(struct table *t, unsigned column, enum term_style style) {
  if (t->rows > 0) t->row[t->rows - 1].styles[column] = style;
}

void table_head(struct table *t, const char *const *names, unsigned n) {
  table_row(t);
  t->has_head = true;
  for (unsigned c = 0; c < n; c++) {
    table_cell(t, c, "%s", names[c]);
    table_style(t, c, STYLE_HEAD);
  }
}

/* ---- how wide it is ---- */

static const char *text_of(const struct table_row *r, int column) {
  return r->cells[column] ? r->cells[column] : "";
}

static int last_cell(const struct table_row *r) {
  int last = TABLE_COLUMNS - 1;
  while (last >= 0 && !r->cells[last]) last--;
  return last;
}

/* The widths of all columns; returns the number of the last one that has anything in it. */
static int measure(const struct table *t, size_t width[TABLE_COLUMNS]) {
  int last = 0;
  memset(width, 0, TABLE_COLUMNS * sizeof *width);
  for (size_t i = 0; i < t->rows; i++) {
    for (int c = 0; c <= last_cell(&t->row[i]); c++) {
      size_t len = strlen(text_of(&t->row[i], c));
      if (len > width[c]) width[c] = len;
      if (c > last) last = c;
    }
  }
  return last;
}

/* Where a column begins, if all before it have their widths. */
static size_t begin_of(const size_t width[TABLE_COLUMNS], int column) {
  size_t at = 0;
  for (int c = 0; c < column; c++) at += width[c] + GAP;
  return at;
}

/* ---- its forms ---- */

static void write_cell(const struct table_row *r, int c, const struct term *term, FILE *out) {
  term_put(term, out, r->styles[c], text_of(r, c));
}

static void write_note(const struct table_row *r, const struct term *term, FILE *out) {
  if (!r->note) return;
  fprintf(out, "%*s", NOTE_INDENT, "");
  term_wrap(term, out, NOTE_INDENT, NOTE_INDENT, r->note);
}

/* The cells before `end`, each as wide as its column. */
static void write_cells(const struct table_row *r, int end, const size_t width[TABLE_COLUMNS],
                        const struct term *term, FILE *out) {
  for (int c = 0; c < end; c++) {
    write_cell(r, c, term, out);
    fprintf(out, "%*s", (int)(width[c] - strlen(text_of(r, c))) + GAP, "");
  }
}

static void write_in_columns(const struct table *t, const size_t width[TABLE_COLUMNS],
                             const struct term *term, FILE *out) {
  for (size_t i = 0; i < t->rows; i++) {
    const struct table_row *r = &t->row[i];
    int last = last_cell(r);
    write_cells(r, last, width, term, out);
    if (last >= 0) write_cell(r, last, term, out);
    fputc('\n', out);
    write_note(r, term, out);
  }
}

static size_t longest_word(const char *text) {
  size_t longest = 0;
  while (*text) {
    size_t len = strcspn(text, " ");
    if (len > longest) longest = len;
    text += len;
    text += strspn(text, " ");
  }
  return longest;
}

static void write_with_sentences(const struct table *t, const size_t width[TABLE_COLUMNS], int last,
                                 const struct term *term, FILE *out) {
  unsigned indent = (unsigned)begin_of(width, last);
  bool narrow = indent + SENTENCE_MIN > term_width(term);
  for (size_t i = 0; i < t->rows; i++) {
    const struct table_row *r = &t->row[i];
    bool below = narrow || indent + longest_word(text_of(r, last)) > term_width(term);
    write_cells(r, last, width, term, out);
    if (below) fprintf(out, "\n%*s", SENTENCE_INDENT, "");
    fputs(term_begin(term, r->styles[last]), out);
    term_wrap(term, out, below ? SENTENCE_INDENT : indent, below ? SENTENCE_INDENT : indent,
              text_of(r, last));
    fputs(term_end(term, r->styles[last]), out);
  }
}

static void put_lower(const char *text, FILE *out) {
  for (; *text; text++) fputc(tolower((unsigned char)*text), out);
}

static void write_row_as_list(const struct table_row *head, const struct table_row *r,
                              const struct term *term, FILE *out) {
  unsigned column = 0;
  write_cell(r, 0, term, out);
  for (int c = 1; c <= last_cell(r); c++) {
    if (!*text_of(r, c)) continue;
    unsigned len = (unsigned)(strlen(text_of(head, c)) + 1 + strlen(text_of(r, c)));
    bool begins = column == 0 || column + 2 + len + 1 > term_width(term);
    if (begins && column > 0) fputc(',', out);
    fputs(begins ? "\n  " : ", ", out);
    column = begins ? 2 + len : column + 2 + len;
    put_lower(text_of(head, c), out);
    fputc(' ', out);
    write_cell(r, c, term, out);
  }
  fputc('\n', out);
  write_note(r, term, out);
}

void table_write(const struct table *t, const struct term *term, FILE *out) {
  size_t width[TABLE_COLUMNS];
  int last = measure(t, width);
  bool fits = begin_of(width, last) + width[last] <= term_width(term);

  if (t->wraps) write_with_sentences(t, width, last, term, out);
  else if (fits || !t->has_head) write_in_columns(t, width, term, out);
  else
    for (size_t i = 1; i < t->rows; i++) write_row_as_list(&t->row[0], &t->row[i], term, out);
}

void table_free(struct table *t) {
  for (size_t i = 0; i < t->rows; i++) {
    for (int c = 0; c < TABLE_COLUMNS; c++) free(t->row[i].cells[c]);
    free(t->row[i].note);
  }
  free(t->row);
  *t = (struct table){0};
}
