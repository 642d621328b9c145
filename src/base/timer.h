/* Timers in a binary heap, driven by whoever knows the time: the loop in the daemon, the script in a
 * scenario. */
#ifndef JIDNS_BASE_TIMER_H
#define JIDNS_BASE_TIMER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer {
  uint64_t due_ms;
  size_t place; /* 1-based place in the heap; 0 = not set */
  void (*fire)(struct timer *t, uint64_t now_ms);
};

struct timers {
  struct timer **heap; /* heap[0] unused */
  size_t count, room, promised;
};

void timers_init(struct timers *ts);
void timers_close(struct timers *ts); /* frees the heap; the timers are their owners' */

/* Promises room for one timer more, so that setting it can't fail later, in the midst of things: false when
 * memory is out. Its owner gives the promise back when it goes. */
bool timers_promise(struct timers *ts);
void timers_release(struct timers *ts);

/* Sets or moves a timer (zeroed before its first use, `fire` filled in), for which there must be a promise.
 */
void timers_set(struct timers *ts, struct timer *t, uint64_t due_ms);
void timers_stop(struct timers *ts, struct timer *t); /* harmless when not set */
uint64_t timers_next_ms(const struct timers *ts);     /* UINT64_MAX when there is none */

/* Fires all that are due; a timer may set, stop or free itself and others. */
void timers_run(struct timers *ts, uint64_t now_ms);

static inline bool timer_is_set(const struct timer *t) { return t->place != 0; }
#endif
