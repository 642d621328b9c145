/* A shard made by hand, with rings of any size, so that tests reach what a whole cache hides: who lies where.
 */
#ifndef JIDNS_CACHE_RING_KIT_H
#define JIDNS_CACHE_RING_KIT_H
#include "cache/cache_priv.h"
#include "kit/made.h"

/* Rings of these sizes, multiples of ENTRY_UNIT. What lies behind a ring's slack is watched: ring_check sees
 * writes there. */
void ring_open(struct shard *s, size_t small, size_t main);
void ring_close(struct shard *s);

/* A question named by a number. */
void ring_question(struct question *q, unsigned number);

/* What cache_put does with a shard: makes room for an entry of so many octets (rounded up to units; at least
 * what its key takes), fills its body with an octet made from the number, links it in. NULL when there is no
 * room. */
struct entry *ring_put(struct shard *s, unsigned number, size_t octets);

/* The number's entry, whose body must be as ring_put left it; NULL when it is not there. */
struct entry *ring_get(struct shard *s, unsigned number);

/* Walks both rings and the index: every entry whole, each living one found by its key, no other in the index.
 * Aborts the test when that does not hold. */
void ring_check(struct shard *s);
#endif
