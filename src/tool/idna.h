/* Domain names as people write them, to ASCII (IDNA 2008, UTS #46 non-transitional); one of two files behind
 * it is built. */
#ifndef JIDNS_TOOL_IDNA_H
#define JIDNS_TOOL_IDNA_H

/* Turns UTF-8 into ASCII. *out: the name, which the caller frees. Returns NULL, or else why not (a sentence,
 * static). */
const char *idna_to_ascii(const char *text, char **out);
#endif
