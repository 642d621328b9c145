/* shown.c: somebody else's text, harmless. Exports shown_put. */
#include "base/shown.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Octets of a character at text that a terminal may obey or that turns the order of others around: C0 and
 * DEL, C1 (U+0080 to U+009F), U+061C, U+200E and U+200F, U+202A to U+202E, U+2066 to U+2069. 0: none begins
 * here. */
static size_t harmful(const uint8_t *text, size_t n) {
  if (text[0] < ' ' || text[0] == 0x7f) return 1;
  if (n >= 2 && text[0] == 0xc2 && text[1] >= 0x80 && text[1] <= 0x9f) return 2;
  if (n >= 2 && text[0] == 0xd8 && text[1] == 0x9c) return 2;
  if (n < 3 || text[0] != 0xe2) return 0;
  bool turns = (text[1] == 0x80 && ((text[2] & 0xfe) == 0x8e || (text[2] >= 0xaa && text[2] <= 0xae))) ||
               (text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9);
  return turns ? 3 : 0;
}

void shown_put(FILE *out, const char *text, size_t most) {
  size_t n = strlen(text);
  for (size_t i = 0; i < n && i < most;) {
    size_t bad = harmful((const uint8_t *)text + i, n - i);
    fputc(bad ? '?' : text[i], out);
    i += bad ? bad : 1;
  }
  if (n > most) fputs("...", out);
}
