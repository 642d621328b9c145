/* Sentences broken into lines. */
#ifndef JIDNS_BASE_WRAP_H
#define JIDNS_BASE_WRAP_H
#include <stdio.h>

/* Words of a sentence in lines of at most `width` columns, and a line feed. The first line begins at column
 * `first`, where the output is now, the others at `indent`. A word that is longer than a line stays whole. */
void wrap_text(FILE *out, unsigned width, unsigned first, unsigned indent, const char *text);
#endif
