/* Many domains at once: each goes through its stages as its answers come, and is handed on in the order in
 * which it was put in. */
#ifndef JIDNS_TOOL_PIPELINE_H
#define JIDNS_TOOL_PIPELINE_H
#include "tool/check.h"

enum { PIPELINE_DOMAINS = 64 /* under way together */ };

struct pipeline;

/* answered: called with each domain whose questions all have their outcomes; takes over what x points to.
 * sources and context are borrowed. */
struct pipeline *pipeline_new(struct sources *sources, void (*answered)(void *context, struct checked *x),
                              void *context);
/* Waits for the questions under way; domains that were not handed on are dropped. */
void pipeline_free(struct pipeline *p);

/* Puts a domain in, its facts not asked yet; takes x->facts over. When there is no room, works until the
 * oldest is through. */
void pipeline_add(struct pipeline *p, const struct checked *x);
/* Works until all are through. */
void pipeline_drain(struct pipeline *p);
#endif
