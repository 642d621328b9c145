/* idna_idn2.c: internationalised names through libidn2. Exports idna_*. */
#include <idn2.h>

#include <stdlib.h>
#include <string.h>

#include "tool/idna.h"

static const char *to_ascii(const char *text, int flags, char **out) {
  char *ascii = NULL;
  int result = idn2_to_ascii_8z(text, &ascii, flags);
  if (result != IDN2_OK) return idn2_strerror(result);
  *out = strdup(ascii); /* libidn2 may have an allocator of its own */
  idn2_free(ascii);
  return *out ? NULL : "out of memory";
}

const char *idna_to_ascii(const char *text, char **out) {
  return to_ascii(text, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL, out);
}

const char *idna_to_ascii_2003(const char *text, char **out) {
  return to_ascii(text, IDN2_NFC_INPUT | IDN2_TRANSITIONAL, out);
}

bool idna_is_valid(const char *ascii) {
  char *unicode = NULL;
  int result = idn2_to_unicode_8z8z(ascii, &unicode, 0);
  idn2_free(unicode);
  return result == IDN2_OK || result == IDN2_MALLOC;
}
