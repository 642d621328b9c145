/* wrap.c: breaks sentences at a column. Exports wrap_text. */
#include "base/wrap.h"

#include <stdbool.h>
#include <string.h>

void wrap_text(FILE *out, unsigned width, unsigned first, unsigned indent, const char *text) {
  unsigned column = first;
  bool fresh = true; /* nothing of the sentence stands on this line */
  while (*text) {
    size_t len = strcspn(text, " ");
    bool fits = column + !fresh + len <= width;
    if (!fits && (!fresh || column > indent)) {
      fprintf(out, "\n%*s", (int)indent, "");
      column = indent;
    } else if (!fresh) {
      fputc(' ', out);
      column++;
    }
    fprintf(out, "%.*s", (int)len, text);
    column += (unsigned)len;
    fresh = false;
    text += len;
    text += strspn(text, " ");
  }

  fputc('\n', out);
}
