/* shown.c: somebody else's text, harmless. Exports shown_put. */
#include "base/shown.h"

#include <stdint.h>
#include <string.h>

void shown_put(FILE *out, const char *text, size_t most) {
  size_t n = strlen(text);
  for (size_t i = 0; i < n && i < most; i++) fputc((uint8_t)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i], out);
  if (n > most) fputs("...", out);
}
