/* idna_none.c: what stands in when libidn2 is missing. Exports idna_to_ascii. */
#include "tool/idna.h"

const char *idna_to_ascii(const char *text, char **out) {
  (void)text, (void)out;
  return "this jidns was built without libidn2: write the name in ASCII (xn--...)";
}
