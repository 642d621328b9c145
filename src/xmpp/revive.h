/* After a restart: names that were in use before are asked again, the most used first, so that nobody waits
 * for them. They are found in the cache once the snapshot is loaded, and asked gently: one worker does it,
 * REVIVE_PER_S a second at most, none while clients wait in numbers, and of names whose servers all fail one
 * in ten seconds. */
#ifndef JIDNS_XMPP_REVIVE_H
#define JIDNS_XMPP_REVIVE_H
#include "cache/cache.h"

enum {
  REVIVE_PER_S = 10,
  REVIVE_IN_FLIGHT = 10,   /* questions of its own */
  REVIVE_WAITING = 20,     /* clients of the worker that wait: with more, none is asked */
  REVIVE_MAX = 10000,      /* names, each 24 octets and its own; of more the least used are left out */
  REVIVE_AGE_MAX_S = 86400 /* a snapshot that is older says little of what is in use */
};

struct revive_list; /* what is to be asked, with most use first */

/* Finds in the cache what was used more than once, was good when the snapshot was written, `asleep_s` seconds
 * before `tick`, and has run out since or will soon. Takes its time; ends early when *stop (cache.h) becomes
 * true. NULL: there is none, or no memory. */
struct revive_list *revive_gather(struct cache *c, uint64_t asleep_s, uint32_t tick, uint64_t seed,
                                  const bool *stop);
unsigned revive_count(const struct revive_list *l);
void revive_list_free(struct revive_list *l);
#endif
