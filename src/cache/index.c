/* index.c: a shard's index, open addressing in tag order. Exports index_*. */
#include <sys/mman.h>

#include "base/must.h"
#include "cache/cache_priv.h"

/* Full to at most 7/8, grown by an eighth: less than 10 octets an entry on average. Tags are compared inside
 * the slot, so that a lookup touches one or two cache lines here and then the one entry it wants. Pages come
 * from mmap and go back at once: arrays that grow step by step would leave the heap full of holes. */
enum { INDEX_STEP = 4096 / sizeof(struct slot) };

static struct slot *slots_new(uint32_t count) {
  void *p = mmap(NULL, count * sizeof(struct slot), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                 0);
  return p == MAP_FAILED ? NULL : p;
}

void index_free(struct shard *s) {
  if (s->slots) munmap(s->slots, s->slot_count * sizeof *s->slots);
  s->slots = NULL;
  s->slot_count = 0;
}

static inline uint32_t home(const struct shard *s, uint32_t tag) {
  return (uint32_t)((uint64_t)tag * s->slot_count >> 32);
}

static inline uint32_t after(const struct shard *s, uint32_t i) { return i + 1 == s->slot_count ? 0 : i + 1; }

struct slot *index_find(struct shard *s, const struct question *q) {
  uint32_t tag = (uint32_t)q->hash;
  if (!s->slot_count) return NULL;
  for (uint32_t i = home(s, tag); s->slots[i].ref; i = after(s, i)) {
    if (s->slots[i].tag != tag) continue;
    const struct entry *e = entry_at(s, s->slots[i].ref);
    if (e->name_len == q->name_len && memcmp(e->data, q->key, question_key_len(q)) == 0) return &s->slots[i];
  }
  return NULL;
}

struct slot *index_find_ref(struct shard *s, uint32_t tag, uint32_t ref) {
  for (uint32_t i = home(s, tag); s->slots[i].ref; i = after(s, i)) {
    if (s->slots[i].ref == ref) return &s->slots[i];
  }
  must(!"every living entry is in the index");
  return NULL;
}

static void put_slot(struct shard *s, struct slot slot) {
  uint32_t i = home(s, slot.tag);
  while (s->slots[i].ref) i = after(s, i);
  s->slots[i] = slot;
}

static bool grow(struct shard *s) {
  struct shard old = {.slots = s->slots, .slot_count = s->slot_count};
  uint32_t count = (old.slot_count + old.slot_count / 8) / INDEX_STEP * INDEX_STEP + INDEX_STEP;
  struct slot *slots = slots_new(count);
  if (!slots) return false;
  s->slots = slots;
  s->slot_count = count;
  for (uint32_t i = 0; i < old.slot_count; i++) {
    if (old.slots[i].ref) put_slot(s, old.slots[i]);
  }
  index_free(&old);
  return true;
}

bool index_add(struct shard *s, uint32_t tag, uint32_t ref) {
  if (s->entries + 1 > s->slot_count / 8 * 7 && !grow(s)) return false;
  put_slot(s, (struct slot){.tag = tag, .ref = ref});
  s->entries++;
  return true;
}

/* Closes the gap by moving back those behind it that may lie there, so that no tombstones are needed. */
void index_remove(struct shard *s, struct slot *slot) {
  uint32_t gap = (uint32_t)(slot - s->slots);
  for (uint32_t i = after(s, gap); s->slots[i].ref; i = after(s, i)) {
    uint32_t want = home(s, s->slots[i].tag);
    bool stays = gap < i ? want > gap && want <= i : want > gap || want <= i;
    if (stays) continue;
    s->slots[gap] = s->slots[i];
    gap = i;
  }
  s->slots[gap] = (struct slot){0};
  s->entries--;
}
