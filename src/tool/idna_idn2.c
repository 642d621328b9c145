/* idna_idn2.c: internationalised names through libidn2. Exports idna_to_ascii. */
#include <idn2.h>

#include <stdlib.h>
#include <string.h>

#include "tool/idna.h"

const char *idna_to_ascii(const char *text, char **out) {
  char *ascii = NULL;
  int result = idn2_to_ascii_8z(text, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  if (result != IDN2_OK) return idn2_strerror(result);
  *out = strdup(ascii); /* libidn2 may have an allocator of its own */
  idn2_free(ascii);
  return *out ? NULL : "out of memory";
}
