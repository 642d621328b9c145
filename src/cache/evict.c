/* evict.c: the two rings of a shard and who leaves them (S3-FIFO). Exports evict_make_room, evict_is_in_main,
 * evict_take_ghost, evict_drop. */
#include "base/hash.h"
#include "cache/cache_priv.h"

/* So many entries at most get another round before one has to go: bounds the work of one insertion. */
enum { ROUNDS_MAX = 64 };

bool evict_is_in_main(const struct shard *s, const struct entry *e) {
  return (const uint8_t *)e >= s->main.base;
}

bool evict_take_ghost(struct shard *s, uint32_t tag) {
  if (!s->evicted) return false; /* even reading the table would make it take memory */
  uint32_t *ghost = &s->ghosts[tag & s->ghost_mask];
  if (*ghost != tag) return false;
  *ghost = 0;
  return true;
}

/* An entry does not wrap: when it would, what is left to the ring's end is filled with a dead one. */
static uint64_t filler(const struct ring *r, uint64_t need) {
  uint64_t left = r->size - r->head % r->size;
  return left < need ? left : 0;
}

static bool has_room(const struct ring *r, uint64_t need) {
  return r->head + filler(r, need) + need - r->tail <= r->size;
}

static struct entry *push(struct ring *r, uint64_t need) {
  /* more than one when the rest is larger than an entry can be */
  for (uint64_t fill = filler(r, need); fill > 0;) {
    uint64_t piece = fill < ENTRY_MAX ? fill : ENTRY_MAX;
    struct entry *e = ring_at(r, r->head);
    e->units = (uint16_t)(piece / ENTRY_UNIT);
    e->mark = MARK_DEAD;
    r->head += piece;
    fill -= piece;
  }
  struct entry *e = ring_at(r, r->head);
  r->head += need;
  return e;
}

static uint32_t tag_of(const struct shard *s, const struct entry *e) {
  return (uint32_t)hash_bytes(e->data, (size_t)e->name_len + KEY_TAIL, s->seed);
}

/* Copies e to the main ring's head, where there is room, and lets the index point there. */
static void move_to_main(struct shard *s, struct entry *e, uint32_t tag, unsigned uses) {
  struct slot *slot = index_find_ref(s, tag, entry_ref(s, e));
  uint64_t len = entry_octets(e);
  struct entry *to = push(&s->main, len);
  memmove(to, e, len);
  to->mark = (uint8_t)((to->mark & ~MARK_HITS) | uses);
  slot->ref = entry_ref(s, to);
}

static void leave(struct shard *s, struct entry *e, uint32_t tag) {
  index_remove(s, index_find_ref(s, tag, entry_ref(s, e)));
  s->evicted++;
  if (entry_origin(e)) s->unused[entry_origin(e)]++;
}

void evict_drop(struct shard *s, struct entry *e) {
  index_remove(s, index_find_ref(s, tag_of(s, e), entry_ref(s, e)));
  e->mark |= MARK_DEAD;
}

/* Makes room in the main ring; an entry that was used gets another round for each use. */
static void shrink_main(struct shard *s, uint64_t need) {
  struct ring *r = &s->main;
  for (unsigned rounds = 0; !has_room(r, need);) {
    struct entry *e = ring_at(r, r->tail);
    r->tail += entry_octets(e);
    if (e->mark & MARK_DEAD) continue;
    unsigned uses = e->mark & MARK_HITS;
    uint32_t tag = tag_of(s, e);
    if (uses > 0 && rounds++ < ROUNDS_MAX && has_room(r, entry_octets(e))) move_to_main(s, e, tag, uses - 1);
    else leave(s, e, tag);
  }
}

/* Makes room in the small ring: what was used, or fits into the main ring as long as that is not full, moves
 * there. */
static void shrink_small(struct shard *s, uint64_t need) {
  struct ring *r = &s->small;
  while (!has_room(r, need)) {
    struct entry *e = ring_at(r, r->tail);
    if (!(e->mark & MARK_DEAD)) {
      uint32_t tag = tag_of(s, e);
      bool used = (e->mark & MARK_HITS) != 0;
      if (used) shrink_main(s, entry_octets(e));
      if (used || has_room(&s->main, entry_octets(e))) {
        move_to_main(s, e, tag, 0);
      } else {
        leave(s, e, tag);
        if (!origin_is_prefetch(entry_origin(e)))
          s->ghosts[tag & s->ghost_mask] = tag; /* nobody will miss it */
      }
    }
    r->tail += entry_octets(e);
  }
}

struct entry *evict_make_room(struct shard *s, bool in_main, uint32_t units) {
  uint64_t need = (uint64_t)units * ENTRY_UNIT;
  struct ring *r = in_main ? &s->main : &s->small;
  if (need > r->size / 2) return NULL;
  if (in_main) shrink_main(s, need);
  else shrink_small(s, need);
  struct entry *e = push(r, need);
  e->units = (uint16_t)units;
  e->mark = 0;
  return e;
}
