/* trust.c: a table of bounded size of what is known of zones: trust_new, trust_free, trust_flush, trust_find,
 * trust_put. */
#include "dnssec/trust.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/must.h"
#include "base/random.h"
#include "dnssec/anchors.h"

struct slot {
  bool is_taken, is_anchor, is_top;
  uint16_t name_len;
  uint8_t name[NAME_MAX_LEN]; /* in lower case */
  uint64_t used;              /* when it was last looked for, counted in looks */
  struct zone_known known;
};

/* Hashes lie side by side: to look through all of them is a matter of some cache lines. */
struct trust {
  const struct verifier *verifier;
  const struct anchors *anchors; /* borrowed */
  uint64_t seed, looks;
  unsigned top_count;
  uint64_t hashes[TRUST_ZONES];
  struct slot slots[TRUST_ZONES];
};

struct trust *trust_new(const struct verifier *v, const struct anchors *anchors) {
  struct trust *z = calloc(1, sizeof *z);
  if (!z) return NULL;
  z->verifier = v;
  z->anchors = anchors;
  z->seed = random_seed();
  return z;
}

static void slot_clear(struct trust *z, struct slot *s) {
  if (!s->is_taken) return;
  if (s->is_top) z->top_count--;
  zone_keys_clear(z->verifier, &s->known.keys);
  memset(s, 0, sizeof *s);
  z->hashes[s - z->slots] = 0;
}

void trust_free(struct trust *z) {
  if (!z) return;
  for (unsigned i = 0; i < TRUST_ZONES; i++) slot_clear(z, &z->slots[i]);
  free(z);
}

void trust_flush(struct trust *z, const uint8_t *name, size_t len) {
  for (unsigned i = 0; i < TRUST_ZONES; i++) {
    struct slot *s = &z->slots[i];
    if (s->is_taken && name_is_within(s->name, s->name_len, name, len)) slot_clear(z, s);
  }
}

static struct slot *slot_of(struct trust *z, const uint8_t *lower, size_t len, uint64_t hash) {
  for (unsigned i = 0; i < TRUST_ZONES; i++) {
    struct slot *s = &z->slots[i];
    if (z->hashes[i] == hash && s->is_taken && s->name_len == len && memcmp(s->name, lower, len) == 0)
      return s;
  }
  return NULL;
}

const struct zone_known *trust_find(struct trust *z, const uint8_t *name, size_t len, uint64_t now_s) {
  uint8_t lower[NAME_MAX_LEN];
  name_lower(lower, name, len);
  struct slot *s = slot_of(z, lower, len, hash_bytes(lower, len, z->seed));
  if (!s || s->known.until_s <= now_s) return NULL;
  s->used = ++z->looks;
  return &s->known;
}

static bool is_before(const struct slot *a, const struct slot *b) { return !b || a->used < b->used; }

/* The place to take for a new zone: a free one or one that has run out, else the one that was not used for
 * the longest time. Anchors' zones stay, and so do top-level domains, unless they become too many: whoever
 * asks for thousands of them would push out all else. */
static struct slot *slot_to_take(struct trust *z, bool is_top, uint64_t now_s) {
  struct slot *oldest = NULL, *oldest_top = NULL;
  for (unsigned i = 0; i < TRUST_ZONES; i++) {
    struct slot *s = &z->slots[i];
    if (!s->is_taken || s->known.until_s <= now_s) {
      if (!is_top || z->top_count < TRUST_TOP || s->is_top) return s;
    } else if (s->is_top) {
      if (is_before(s, oldest_top)) oldest_top = s;
    } else if (!s->is_anchor && is_before(s, oldest)) oldest = s;
  }
  return is_top && z->top_count >= TRUST_TOP ? oldest_top : oldest;
}

static bool is_anchor(const struct trust *z, const uint8_t *lower, size_t len) {
  return len == 1 || anchors_at(z->anchors, lower, len);
}

static bool is_top_level(const uint8_t *lower, size_t len) { return len > 1 && len == 2u + lower[0]; }

static_assert(TRUST_TOP + ANCHORS_MAX + 1 < TRUST_ZONES, "there is always a place to take");

struct zone_known *trust_put(struct trust *z, const uint8_t *name, size_t len, uint64_t now_s,
                             uint32_t ttl_s) {
  uint8_t lower[NAME_MAX_LEN];
  name_lower(lower, name, len);
  uint64_t hash = hash_bytes(lower, len, z->seed);
  bool is_stay = is_anchor(z, lower, len), is_top = !is_stay && is_top_level(lower, len);

  struct slot *s = slot_of(z, lower, len, hash);
  if (!s) s = slot_to_take(z, is_top, now_s);
  must(s);
  slot_clear(z, s);

  s->is_taken = true;
  s->is_anchor = is_stay;
  s->is_top = is_top;
  s->name_len = (uint16_t)len;
  memcpy(s->name, lower, len);
  s->used = ++z->looks;
  z->hashes[s - z->slots] = hash;
  if (is_top) z->top_count++;

  if (ttl_s < TRUST_LEAST_S) ttl_s = TRUST_LEAST_S;
  if (ttl_s > TRUST_DAY_S) ttl_s = TRUST_DAY_S;
  s->known.until_s = now_s + ttl_s;
  return &s->known;
}
