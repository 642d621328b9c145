/* timer.c: a binary heap of timers. Exports timers_*. */
#include "base/timer.h"

#include <stdlib.h>

#include "base/must.h"

void timers_init(struct timers *ts) { *ts = (struct timers){0}; }

void timers_close(struct timers *ts) {
  free(ts->heap);
  *ts = (struct timers){0};
}

static void place(struct timers *ts, size_t at, struct timer *t) {
  ts->heap[at] = t;
  t->place = at;
}

static void sift_up(struct timers *ts, struct timer *t, size_t at) {
  while (at > 1 && ts->heap[at / 2]->due_ms > t->due_ms) {
    place(ts, at, ts->heap[at / 2]);
    at /= 2;
  }
  place(ts, at, t);
}

static void sift_down(struct timers *ts, struct timer *t, size_t at) {
  for (size_t child; (child = at * 2) <= ts->count; at = child) {
    if (child < ts->count && ts->heap[child + 1]->due_ms < ts->heap[child]->due_ms) child++;
    if (ts->heap[child]->due_ms >= t->due_ms) break;
    place(ts, at, ts->heap[child]);
  }
  place(ts, at, t);
}

static void settle(struct timers *ts, struct timer *t, size_t at) {
  if (at > 1 && ts->heap[at / 2]->due_ms > t->due_ms) sift_up(ts, t, at);
  else sift_down(ts, t, at);
}

bool timers_promise(struct timers *ts) {
  if (ts->promised + 1 >= ts->room) {
    size_t room = ts->room ? ts->room * 2 : 64;
    struct timer **heap = realloc(ts->heap, room * sizeof *heap);
    if (!heap) return false;
    ts->heap = heap;
    ts->room = room;
  }
  ts->promised++;
  return true;
}

void timers_release(struct timers *ts) {
  must(ts->promised > ts->count); /* its timer is not set any more */
  ts->promised--;
}

void timers_set(struct timers *ts, struct timer *t, uint64_t due_ms) {
  t->due_ms = due_ms;
  if (t->place) {
    settle(ts, t, t->place);
    return;
  }
  must(ts->count < ts->promised);
  sift_up(ts, t, ++ts->count);
}

void timers_stop(struct timers *ts, struct timer *t) {
  size_t at = t->place;
  if (!at) return;
  t->place = 0;
  struct timer *last = ts->heap[ts->count--];
  if (last != t) settle(ts, last, at);
}

uint64_t timers_next_ms(const struct timers *ts) { return ts->count ? ts->heap[1]->due_ms : UINT64_MAX; }

void timers_run(struct timers *ts, uint64_t now_ms) {
  while (ts->count && ts->heap[1]->due_ms <= now_ms) {
    struct timer *t = ts->heap[1];
    timers_stop(ts, t);
    t->fire(t, now_ms);
  }
}
