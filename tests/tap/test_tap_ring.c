/* test_tap_ring.c: frames between two threads: in order, whole, never more than there is room for. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "tap/tap_ring.h"

static struct tap_ring *ring_new(void) {
  struct tap_ring *r = aligned_alloc(64, sizeof *r);
  cr_assert(r && tap_ring_init(r));
  return r;
}

static void ring_free(struct tap_ring *r) {
  tap_ring_free(r);
  free(r);
}

static uint8_t *put(struct tap_ring *r, size_t len, int octet) {
  uint8_t *frame = tap_ring_take(r, len);
  if (!frame) return NULL;
  cr_assert(frame >= r->octets && frame + len <= r->octets + TAP_RING);
  memset(frame, octet, len);
  tap_ring_keep(r, frame, len);
  return frame;
}

Test(tap_ring, has_no_room_until_the_oldest_frame_is_given_back) {
  struct tap_ring *r = ring_new();
  uint8_t *frames[100];
  unsigned n = 0;
  while ((frames[n] = put(r, 65535, (int)n))) n++;
  cr_expect_eq(n, TAP_RING / (65536 + 8));
  for (unsigned i = 0; i < n; i++) cr_expect(frames[i][0] == i && frames[i][65534] == i);
  cr_expect_null(tap_ring_take(r, 65535));
  tap_ring_give_back(r, frames[0]);
  tap_ring_give_back(r, frames[1]);
  cr_expect_not_null(put(r, 65535, 50));
  cr_expect(frames[2][0] == 2 && frames[2][65534] == 2);
  ring_free(r);
}

Test(tap_ring, begins_anew_when_it_is_empty) {
  struct tap_ring *r = ring_new();
  uint8_t *first = put(r, 100, 1);
  tap_ring_give_back(r, first);
  for (unsigned i = 0; i < 100000; i++) {
    uint8_t *frame = put(r, i % 5000, 2);
    cr_assert_eq(frame, first);
    tap_ring_give_back(r, frame);
  }
  ring_free(r);
}

Test(tap_ring, keeps_the_octets_that_a_frame_has_and_not_those_it_might_have_had) {
  struct tap_ring *r = ring_new();
  unsigned n = 0;
  for (uint8_t *frame; (frame = tap_ring_take(r, 65535)); n++) tap_ring_keep(r, frame, 56);
  cr_expect_eq(n, (TAP_RING - 65536) / 64);
  ring_free(r);
}

Test(tap_ring, forgets_a_frame_that_is_not_handed_over) {
  struct tap_ring *r = ring_new();
  uint8_t *kept = put(r, 1000, 1);
  for (unsigned i = 0; i < 100000; i++) {
    uint8_t *frame = put(r, 3000, 2);
    cr_assert_not_null(frame);
    tap_ring_undo(r, frame);
  }
  cr_expect(kept[0] == 1 && kept[999] == 1);
  ring_free(r);
}

/* ---- two threads ---- */

enum { MANY = 200000, HANDED = 1024 };

struct handed {
  struct tap_ring *ring;
  const uint8_t *frames[HANDED];
  unsigned put, taken; /* modulo HANDED */
};

static size_t len_of(unsigned i) { return 4 + i * 2654435761u % 3000; }

static void *take_all(void *arg) {
  struct handed *h = arg;
  for (unsigned i = 0; i < MANY; i++) {
    while (__atomic_load_n(&h->put, __ATOMIC_ACQUIRE) == i) sched_yield();
    const uint8_t *frame = h->frames[i % HANDED];
    uint32_t first;
    memcpy(&first, frame, sizeof first);
    if (first != i || frame[len_of(i) - 1] != (uint8_t)(len_of(i) > 4 ? i : i >> 24)) return h;
    tap_ring_give_back(h->ring, frame);
    __atomic_store_n(&h->taken, i + 1, __ATOMIC_RELEASE);
  }
  return NULL;
}

Test(tap_ring, carries_frames_from_one_thread_to_another_in_order) {
  static struct handed h;
  pthread_t thread;
  void *failed;
  h.ring = ring_new();
  cr_assert(pthread_create(&thread, NULL, take_all, &h) == 0);
  for (unsigned i = 0; i < MANY; i++) {
    uint8_t *frame;
    while (!(frame = tap_ring_take(h.ring, len_of(i)))) sched_yield();
    while (i - __atomic_load_n(&h.taken, __ATOMIC_ACQUIRE) >= HANDED) sched_yield();
    uint32_t first = i;
    memset(frame, (int)(uint8_t)i, len_of(i));
    memcpy(frame, &first, sizeof first);
    tap_ring_keep(h.ring, frame, len_of(i));
    h.frames[i % HANDED] = frame;
    __atomic_store_n(&h.put, i + 1, __ATOMIC_RELEASE);
  }
  cr_assert(pthread_join(thread, &failed) == 0);
  cr_expect_null(failed);
  ring_free(h.ring);
}
