/* answer_cut.c: what of an answer goes out where not even answer and authority fit: whole records, the most
 * useful first, for clients that can't ask again over TCP (RFC 2181 section 9). Exports answer_cut. */
#include "dns/answer_priv.h"

enum { OWNER_POINTER = 2, SRV_PRIORITY = 6, SRV_WEIGHT = 8 }; /* offsets of an SRV's fields from its TTL */

/* SRV records waiting to be taken: a heap, the most wanted on top. */
struct ranking {
  const struct answer_view *v;
  unsigned count;
  uint16_t heap[ANSWER_RECORDS_MAX];
};

/* The lower the sooner: priority, then the heavier weight, then as they stand. */
static uint64_t rank(const struct answer_view *v, unsigned i) {
  const uint8_t *ttl = v->body + answer_ttl_offset(v, i);
  uint64_t priority = load_u16(ttl + SRV_PRIORITY), lightness = 0xffffu - load_u16(ttl + SRV_WEIGHT);
  return priority << 48 | lightness << 32 | i;
}

static void sink(struct ranking *r, unsigned at) {
  uint16_t record = r->heap[at];
  for (unsigned child; (child = 2 * at + 1) < r->count; at = child) {
    if (child + 1 < r->count && rank(r->v, r->heap[child + 1]) < rank(r->v, r->heap[child])) child++;
    if (rank(r->v, record) < rank(r->v, r->heap[child])) break;
    r->heap[at] = r->heap[child];
  }
  r->heap[at] = record;
}

static unsigned take_best(struct ranking *r) {
  unsigned best = r->heap[0];
  r->heap[0] = r->heap[--r->count];
  if (r->count) sink(r, 0);
  return best;
}

/* Can record i stand anywhere among its fellows? Its owner is a pointer to before `first_at` in the message,
 * and an SRV's target is never compressed (RFC 2782). */
static bool is_movable(const struct answer_view *v, unsigned i, size_t first_at) {
  size_t start = answer_record_start(v, i), ttl = answer_ttl_offset(v, i);
  if (ttl - start != OWNER_POINTER + 4 || answer_record_end(v, i) < ttl + SRV_WEIGHT + 2) return false;
  unsigned owner = load_u16(v->body + start);
  return owner >= 0xc000 && owner - 0xc000 < first_at;
}

/* Ranks the SRV records from `first` on. False, none ranked, when they are to stay as they stand. */
static bool rank_srv(struct ranking *r, const struct answer_view *v, unsigned first, size_t base) {
  size_t first_at = base + answer_record_start(v, first);
  r->v = v;
  r->count = 0;
  for (unsigned i = first; i < v->head.an && answer_record_type(v, i) == TYPE_SRV; i++) {
    if (!is_movable(v, i, first_at)) return false;
    r->heap[r->count++] = (uint16_t)i;
  }

  for (unsigned i = r->count / 2; i > 0; i--) sink(r, i - 1);
  return true;
}

struct taken {
  unsigned count;
  size_t len;
};

/* Copies record i behind what was taken; false when there is no room. */
static bool take(struct taken *t, const struct answer_view *v, unsigned i, const struct answer_opts *how,
                 size_t room, uint8_t *out) {
  size_t start = answer_record_start(v, i), len = answer_record_end(v, i) - start;
  if (len > room - t->len) return false;
  memcpy(out + t->len, v->body + start, len);
  answer_age_ttl(out + t->len + (answer_ttl_offset(v, i) - start), how->age, how->age_s);
  t->len += len;
  t->count++;
  return true;
}

/* The record that comes in place of record i. */
static unsigned rotated(const struct rotation *r, unsigned i) {
  if (i < r->first || i >= r->first + r->count) return i;
  return r->first + (i - r->first + r->lead) % r->count;
}

void answer_cut(struct answer_view *v, const struct answer_opts *how, size_t base, size_t room,
                uint8_t *out) {
  struct ranking ranking;
  struct rotation rotation = {0};
  struct taken t = {0};
  unsigned all = (unsigned)v->head.an + v->head.ns, next = 0;

  if (v->head.flags & ANSWER_ROTATES) rotation = answer_rotation(v, how->rotation);

  /* Aliases come first, as they stand; then the records asked for. */
  while (next < all && !(next < v->head.an && answer_record_type(v, next) == TYPE_SRV) &&
         take(&t, v, rotated(&rotation, next), how, room, out)) {
    next++;
  }

  /* What stands behind ranked SRV records is left out: its names may point into them. */
  if (next < v->head.an && answer_record_type(v, next) == TYPE_SRV) {
    if (rank_srv(&ranking, v, next, base)) {
      while (ranking.count && take(&t, v, take_best(&ranking), how, room, out)) continue;
    } else {
      while (next < all && take(&t, v, next, how, room, out)) next++;
    }
  }

  v->head.ns = (uint8_t)(t.count > v->head.an ? t.count - v->head.an : 0);
  v->head.an = (uint16_t)(t.count - v->head.ns);
  v->head.ar = 0;
  v->head.body_len = (uint16_t)t.len;
}
