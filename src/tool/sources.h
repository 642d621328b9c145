/* Where a check's answers come from: zone files first, as their server would answer, then the resolver. */
#ifndef JIDNS_TOOL_SOURCES_H
#define JIDNS_TOOL_SOURCES_H
#include <stdio.h>

#include "tool/ask.h"

struct sources;

enum { SOURCES_ZONES_MAX = 32 };

/* Reads zone files, each "NAME=FILE" (RFC 1035 section 5); n of them, 0 for none. `ask` is borrowed and must
 * outlive the result. offline: what lies outside the zones is not asked for, its outcome is ASKED_LEFT_OUT.
 * NULL after a line on err that names file, line and what is wrong. */
struct sources *sources_open(const char *const *zones, size_t n, const struct ask_options *ask, bool offline,
                             FILE *err);
/* All answers come from a daemon's cache, which is borrowed. */
struct cached;
struct sources *sources_of_cache(const struct cached *cached);
void sources_close(struct sources *s); /* NULL is allowed */

/* "NAME=FILE" has both, NAME is a domain, FILE is not too long. */
bool sources_is_zone(const char *text);

/* The name lies in one of the zones, and is not delegated to others there. */
bool sources_hold(const struct sources *s, const uint8_t *name, size_t len);

/* Questions that are answered in part: what the zones or the cache have is there after sources_begin; what is
 * in `elsewhere` is then to be asked by the caller, with an asker of sources_asker; sources_end puts together
 * what belongs together. */
struct sources_round {
  struct ask_list elsewhere;
  struct way *ways; /* owned */
  size_t way_count;
};
void sources_begin(struct sources *s, struct asked *const *list, size_t n, struct sources_round *round);
void sources_end(struct sources *s, struct sources_round *round);
struct asker *sources_asker(const struct sources *s);

/* As ask_all does, and as lookup_run wants it; context is a struct sources. A CNAME or DNAME that leads out
 * of the zones is followed by asking on. A delegated name is asked of its servers if the zone has their
 * addresses. */
void sources_ask(void *context, struct asked *const *list, size_t n);
#endif
