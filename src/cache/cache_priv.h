/* Inside the cache: a shard is an index over two rings of entries. Nothing here is locked; cache.c does that. */
#ifndef JIDNS_CACHE_CACHE_PRIV_H
#define JIDNS_CACHE_CACHE_PRIV_H
#include <pthread.h>

#include "cache/cache.h"

/* An entry in a ring, 4-octet aligned: this head, the key, a uint16_t for the TTL place of each record, the body, spare
 * room. */
struct entry {
  struct answer_head answer;
  uint16_t units;   /* size in ENTRY_UNIT octets; never 0 */
  uint8_t name_len; /* the key takes name_len + KEY_TAIL octets */
  uint8_t mark;
  uint8_t data[];
};
enum { ENTRY_UNIT = 4, ENTRY_MOST = 0xffff * ENTRY_UNIT };
enum { MARK_USES = 3 /* times asked for, at most 3 */, MARK_AHEAD = 4, MARK_DEAD = 8, MARK_SNOOZED = 16 };

/* Positions count octets ever written; position % size is where it lies. Behind a ring's end lie RING_SLACK octets, so that
 * the head of a dead entry that fills the last few may stick out. */
enum { RING_SLACK = 64 };
struct ring {
  uint8_t *base;
  uint64_t size, head, tail;
};

struct slot {
  uint32_t tag; /* the low half of the key's hash */
  uint32_t ref; /* offset in the shard's arena in ENTRY_UNITs, plus 1; 0 = empty */
};

struct shard {
  pthread_mutex_t lock;
  struct slot *slots; /* open addressing, ordered by tag: slot = tag * slot_count >> 32 */
  uint32_t slot_count, entries;
  uint8_t *arena;
  struct ring small, main;
  uint32_t *ghosts; /* tags of entries that left the small ring unused, by tag; 0 = none */
  uint32_t ghost_mask;
  uint64_t seed;
  uint64_t evicted, wasted;
} __attribute__((aligned(64)));

/* index.c: tag -> ref */

/* The slot of the entry with this key, or NULL. */
struct slot *index_find(struct shard *s, const struct question *q);
/* The slot that holds this ref; there must be one. */
struct slot *index_find_ref(struct shard *s, uint32_t tag, uint32_t ref);
bool index_add(struct shard *s, uint32_t tag, uint32_t ref); /* false: no memory */
void index_remove(struct shard *s, struct slot *slot);
void index_free(struct shard *s);

static inline struct entry *entry_at(const struct shard *s, uint32_t ref) {
  return (struct entry *)(void *)(s->arena + (size_t)(ref - 1) * ENTRY_UNIT);
}
static inline uint32_t entry_ref(const struct shard *s, const struct entry *e) {
  return (uint32_t)((size_t)((const uint8_t *)e - s->arena) / ENTRY_UNIT) + 1;
}

/* evict.c: the rings */

/* Room for an entry of `units` in the small or the main ring; others leave for it. NULL when it can't fit at all. Slots may
 * move: look them up again. */
struct entry *evict_make_room(struct shard *s, bool in_main, uint32_t units);
bool evict_is_in_main(const struct shard *s, const struct entry *e);
/* Has an entry with this tag left the small ring lately? Forgets it. */
bool evict_take_ghost(struct shard *s, uint32_t tag);
#endif
