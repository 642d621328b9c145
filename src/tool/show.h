/* What the tool prints: as text, and as JSON where the build has it (one of two files behind show_*_json is
 * built). All that came from the network is printable ASCII in it. */
#ifndef JIDNS_TOOL_SHOW_H
#define JIDNS_TOOL_SHOW_H
#include "tool/findings.h"
#include "tool/term.h"

/* As wide as t is, with its colours. */
void show_lookup(const struct findings *f, const struct ask_options *o, const struct term *t, FILE *out);

/* One answer, whole; a is ASKED_ANSWERED. */
void show_query(const struct asked *a, const struct ask_options *o, FILE *out);

/* This build can write JSON; without it the two below do nothing. */
bool show_has_json(void);

/* False when memory is out. */
bool show_lookup_json(const struct findings *f, const struct ask_options *o, FILE *out);
bool show_query_json(const struct asked *a, const struct ask_options *o, FILE *out);
#endif
