/* idna_none.c: what stands in when libidn2 is missing. Exports idna_*. */
#include "tool/idna.h"

const char *idna_to_ascii(const char *text, char **out) {
  (void)text, (void)out;
  return "this jidns was built without libidn2: write the name in ASCII (xn--...)";
}

const char *idna_to_ascii_2003(const char *text, char **out) { return idna_to_ascii(text, out); }

bool idna_is_valid(const char *ascii) {
  (void)ascii;
  return true;
}
