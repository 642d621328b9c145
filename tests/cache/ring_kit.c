/* ring_kit.c: a shard made by hand. Exports ring_*. */
#include "cache/ring_kit.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/must.h"

enum { WATCH = 64, WATCH_OCTET = 0x5a };

void ring_open(struct shard *s, size_t small, size_t main) {
  size_t arena = small + main + 2 * RING_SLACK + 2 * WATCH;
  *s = (struct shard){.seed = KIT_SEED, .ghost_mask = 255};
  s->arena = aligned_alloc(64, (arena + 63) / 64 * 64);
  s->ghosts = calloc(s->ghost_mask + 1, sizeof *s->ghosts);
  must(s->arena && s->ghosts);
  memset(s->arena, WATCH_OCTET, arena);
  s->small = (struct ring){.base = s->arena, .size = small};
  s->main = (struct ring){.base = s->arena + small + RING_SLACK + WATCH, .size = main};
}

void ring_close(struct shard *s) {
  free(s->arena);
  free(s->ghosts);
  index_free(s);
}

void ring_question(struct question *q, unsigned number) {
  char name[40];
  snprintf(name, sizeof name, "n%u.example", number);
  question_of(q, name, TYPE_A);
}

static uint8_t *body_of(struct entry *e, size_t *len) {
  size_t key = (size_t)e->name_len + KEY_TAIL;
  *len = (size_t)e->units * ENTRY_UNIT - sizeof *e - key;
  return e->data + key;
}

struct entry *ring_put(struct shard *s, unsigned number, size_t octets) {
  struct question q;
  size_t len;

  ring_question(&q, number);
  uint32_t tag = (uint32_t)q.hash;
  size_t least = sizeof(struct entry) + question_key_len(&q);
  uint32_t units = (uint32_t)((octets < least ? least : octets) + ENTRY_UNIT - 1) / ENTRY_UNIT;
  must(!index_find(s, &q));
  struct entry *e = evict_make_room(s, evict_take_ghost(s, tag), units);
  if (!e) return NULL;
  e->name_len = (uint8_t)q.name_len;
  memcpy(e->data, q.key, question_key_len(&q));
  uint8_t *body = body_of(e, &len);
  memset(body, (int)(number & 0xff), len);
  must(index_add(s, tag, entry_ref(s, e)));
  return e;
}

struct entry *ring_get(struct shard *s, unsigned number) {
  struct question q;
  size_t len;
  ring_question(&q, number);
  struct slot *slot = index_find(s, &q);
  if (!slot) return NULL;
  struct entry *e = entry_at(s, slot->ref);
  const uint8_t *body = body_of(e, &len);
  for (size_t i = 0; i < len; i++)
    cr_assert_eq(body[i], number & 0xff, "entry %u, octet %zu of %zu", number, i, len);
  return e;
}

static unsigned check_ring(struct shard *s, const struct ring *r) {
  unsigned living = 0;
  uint64_t pos = r->tail;

  cr_assert_leq(r->head - r->tail, r->size);
  while (pos < r->head) {
    const struct entry *e = (const struct entry *)(const void *)(r->base + pos % r->size);
    uint64_t octets = (uint64_t)e->units * ENTRY_UNIT;
    cr_assert_gt(octets, 0);
    cr_assert_leq(pos % r->size + octets, r->size, "an entry runs over the ring's end");
    pos += octets;
    if (e->mark & MARK_DEAD) continue;
    struct question q = {.name_len = e->name_len};
    memcpy(q.key, e->data, question_key_len(&q));
    q.hash = hash_bytes(q.key, question_key_len(&q), s->seed);
    const struct slot *slot = index_find(s, &q);
    cr_assert_not_null(slot, "a living entry is not in the index");
    cr_assert_eq(slot->ref, entry_ref(s, e), "the index knows another entry of that key");
    living++;
  }

  cr_assert_eq(pos, r->head);
  const uint8_t *watch = r->base + r->size + RING_SLACK;
  for (int i = 0; i < WATCH; i++)
    cr_assert_eq(watch[i], WATCH_OCTET, "written %d octets behind the ring's slack", i);
  return living;
}

void ring_check(struct shard *s) {
  unsigned slots = 0, living = check_ring(s, &s->small) + check_ring(s, &s->main);
  for (uint32_t i = 0; i < s->slot_count; i++) slots += s->slots[i].ref != 0;
  cr_assert_eq(living, s->entries);
  cr_assert_eq(slots, s->entries);
}
