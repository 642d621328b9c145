/* wrap.c: breaks sentences at a column. Exports wrap_text. */
#include "base/wrap.h"

#include <stdbool.h>
#include <string.h>

void wrap_text(FILE *out, unsigned width, unsigned first, unsigned indent, const char *text) {
  unsigned column = first, blanks = 0; /* before the next word, unless it begins a line */
  bool fresh = true;                   /* nothing of the sentence stands on this line */
  while (*text) {
    size_t len = strcspn(text, " ");
    bool fits = column + blanks + len <= width;
    if (!fits && (!fresh || column > indent)) {
      fprintf(out, "\n%*s", (int)indent, "");
      column = indent;
      blanks = 0;
    }

    fprintf(out, "%*s%.*s", (int)blanks, "", (int)len, text);
    column += blanks + (unsigned)len;
    fresh = false;
    text += len;
    blanks = (unsigned)strspn(text, " ");
    text += blanks;
  }

  fputc('\n', out);
}
