/* Somebody else's text inside a complaint. */
#ifndef JIDNS_BASE_SHOWN_H
#define JIDNS_BASE_SHOWN_H
#include <stdio.h>

enum { SHOWN_MAX = 60 }; /* octets of a wrong value */

/* Writes text without control characters and those that change the direction of writing, at most so many
 * octets of it and then "...". */
void shown_put(FILE *out, const char *text, size_t most);
#endif
