/* Domain names as people write them, to ASCII (IDNA 2008, UTS #46 non-transitional); one of two files behind
 * it is built. */
#ifndef JIDNS_TOOL_IDNA_H
#define JIDNS_TOOL_IDNA_H
#include <stdbool.h>

/* Turns UTF-8 into ASCII. *out: the name, which the caller frees. Returns NULL, or else why not (a sentence,
 * static). */
const char *idna_to_ascii(const char *text, char **out);

/* The same as programs of IDNA 2003 do it (UTS #46 transitional): "ss" for the German sharp s. */
const char *idna_to_ascii_2003(const char *text, char **out);

/* False when a label of an ASCII name begins with xn-- and stands for no name. True when that can't be told.
 */
bool idna_is_valid(const char *ascii);
#endif
