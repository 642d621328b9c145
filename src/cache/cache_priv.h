/* Inside the cache: a shard is an index over two rings of entries. Nothing here is locked; cache.c and walk.c
 * do that. */
#ifndef JIDNS_CACHE_CACHE_PRIV_H
#define JIDNS_CACHE_CACHE_PRIV_H
#include <pthread.h>

#include "cache/cache.h"
#include "dns/ttl.h"

/* An entry in a ring, 4-octet aligned: this head, the key, a uint16_t for the offset of each record's TTL,
 * the body, spare room. */
struct entry {
  struct answer_head answer;
  uint16_t units;   /* size in ENTRY_UNIT octets; never 0 */
  uint8_t name_len; /* the key takes name_len + KEY_TAIL octets */
  uint8_t mark;
  uint8_t data[];
};
enum { ENTRY_UNIT = 4, ENTRY_MAX = 0xffff * ENTRY_UNIT };
enum {
  MARK_HITS = 3,        /* times asked for, at most 3 */
  MARK_ORIGIN_UNIT = 4, /* times enum cache_origin, as long as nobody has asked for it */
  MARK_ORIGIN = 3 * MARK_ORIGIN_UNIT,
  MARK_DEAD = 16,
  MARK_POSTPONED = 32,
  MARK_RENEWING = 64 /* somebody renews it */
};
_Static_assert(ORIGINS == 4, "MARK_ORIGIN has two bits");

static inline enum cache_origin entry_origin(const struct entry *e) {
  return (enum cache_origin)((e->mark & MARK_ORIGIN) / MARK_ORIGIN_UNIT);
}

/* Positions count octets ever written; position % size is where it lies. Behind a ring's end lie RING_SLACK
 * octets, so that the head of a dead entry that fills the last few may stick out. */
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
  uint64_t evicted, unused[ORIGINS];
} __attribute__((aligned(64)));

/* walk.c. Does a flush mean what is known under that name and type (0: of the name as such)? Does it mean a
 * record that was added to the answer with that key? One that is too long to be looked at counts as such. */
bool cache_which_has(const struct cache_which *which, const uint8_t *name, size_t len, uint16_t type);
bool cache_which_is_carried(const struct cache_which *which, const uint8_t *key, size_t name_len,
                            const struct answer_view *v);

/* flushed.c: what was flushed since a snapshot began to be loaded. */
struct flushed;
void flushed_note(struct cache *c, const struct cache_which *which);
bool flushed_has(struct cache *c, const struct question *q, const struct answer *a);

struct cache {
  size_t size, mapped;
  pthread_mutex_t flushed_lock; /* taken with or without a shard's lock, never before one */
  struct flushed *flushed;      /* NULL: nothing is being loaded */
  uint8_t *memory;
  unsigned shard_count; /* a power of two */
  struct shard shards[];
};

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
static inline uint64_t entry_octets(const struct entry *e) { return (uint64_t)e->units * ENTRY_UNIT; }

static inline struct answer_view entry_view(const struct entry *e) {
  const uint8_t *ttl_at = e->data + e->name_len + KEY_TAIL;
  return (struct answer_view){
      .head = e->answer, .ttl_at = ttl_at, .body = ttl_at + 2 * answer_records(&e->answer)};
}

/* The tick when the answer's TTL is over. */
static inline uint32_t entry_expiry(const struct answer_view *v) {
  return v->head.stored_at + ticks_of_ttl(answer_least_ttl(v, 0, (unsigned)v->head.an + v->head.ns));
}

/* evict.c: the rings */

static inline struct entry *ring_at(const struct ring *r, uint64_t pos) {
  return (struct entry *)(void *)(r->base + pos % r->size);
}

/* Room for an entry of `units` in the small or the main ring; others leave for it. NULL when it can't fit at
 * all. Slots may move: look them up again. */
struct entry *evict_make_room(struct shard *s, bool in_main, uint32_t units);
bool evict_is_in_main(const struct shard *s, const struct entry *e);
/* Has an entry with this tag left the small ring lately? Forgets it. */
bool evict_take_ghost(struct shard *s, uint32_t tag);
/* Takes a living entry out of the index and leaves it dead where it lies. */
void evict_drop(struct shard *s, struct entry *e);
#endif
