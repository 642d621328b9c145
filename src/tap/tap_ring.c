/* tap_ring.c: a ring of frames between two threads. Exports tap_ring_*.
 *
 * Before each frame stand the octets that its end is further than the end of the one before it: itself, and
 * what was skipped at the ring's end, where it did not fit in one piece. */
#include "tap/tap_ring.h"

#include <stdlib.h>
#include <string.h>

enum { STEP = 8, HEAD = 8 }; /* frames begin at multiples of STEP, behind HEAD octets of the ring's own */
_Static_assert((TAP_RING & (TAP_RING - 1)) == 0 && HEAD % STEP == 0, "positions are counted modulo the ring");

bool tap_ring_init(struct tap_ring *r) {
  *r = (struct tap_ring){.octets = malloc(TAP_RING)};
  return r->octets != NULL;
}

void tap_ring_free(struct tap_ring *r) {
  free(r->octets);
  r->octets = NULL;
}

/* Octets from the head to where so many fit in one piece. */
static size_t skipped(const struct tap_ring *r, size_t octets) {
  size_t at = r->head & (TAP_RING - 1);
  return at + octets > TAP_RING ? TAP_RING - at : 0;
}

uint8_t *tap_ring_take(struct tap_ring *r, size_t len) {
  size_t octets = (HEAD + len + STEP - 1) & ~(size_t)(STEP - 1);
  size_t tail = __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);

  /* Nothing is under way, so the sender does not look: by beginning anew few pages are used, while it keeps
   * up. */
  if (tail == r->head) {
    r->head = 0;
    __atomic_store_n(&r->tail, 0, __ATOMIC_RELAXED);
    tail = 0;
  }

  size_t skip = skipped(r, octets);
  if (r->head + skip + octets - tail > TAP_RING) return NULL;
  uint8_t *frame = r->octets + ((r->head + skip) & (TAP_RING - 1)) + HEAD;
  memcpy(frame - HEAD, &skip, sizeof skip);
  return frame;
}

/* What stands before it: first what was skipped, then all that it has taken. */
static size_t advance_of(const uint8_t *frame) {
  size_t advance;
  memcpy(&advance, frame - HEAD, sizeof advance);
  return advance;
}

void tap_ring_keep(struct tap_ring *r, uint8_t *frame, size_t len) {
  size_t advance = advance_of(frame) + ((HEAD + len + STEP - 1) & ~(size_t)(STEP - 1));
  memcpy(frame - HEAD, &advance, sizeof advance);
  r->head += advance;
}

void tap_ring_undo(struct tap_ring *r, const uint8_t *frame) { r->head -= advance_of(frame); }

void tap_ring_give_back(struct tap_ring *r, const uint8_t *frame) {
  __atomic_add_fetch(&r->tail, advance_of(frame), __ATOMIC_RELEASE);
}
