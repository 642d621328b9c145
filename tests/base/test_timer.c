/* test_timer.c: timers in a heap, against plain arrays. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/must.h"
#include "base/timer.h"
#include "kit/rng.h"

enum { MANY = 500 };

static struct timers timers;
static struct probe {
  struct timer timer;
  uint64_t fired_ms; /* 0: not yet */
  unsigned order, times;
} probes[MANY];
static unsigned fired;

static void note(struct timer *t, uint64_t now_ms) {
  struct probe *p = container(t, struct probe, timer);
  cr_assert_not(timer_is_set(t), "a timer that fires is no longer set");
  p->fired_ms = now_ms;
  p->order = ++fired;
  p->times++;
}

static void setup(void) {
  timers_init(&timers);
  for (int i = 0; i < MANY; i++) {
    probes[i].timer.fire = note;
    cr_assert(timers_promise(&timers));
  }
}

static void teardown(void) { timers_close(&timers); }

TestSuite(timer, .init = setup, .fini = teardown);

Test(timer, none_is_due_when_none_is_set) {
  cr_expect_eq(timers_next_ms(&timers), UINT64_MAX);
  timers_run(&timers, UINT64_MAX);
  timers_stop(&timers, &probes[0].timer);
  cr_expect_eq(fired, 0);
}

Test(timer, fires_at_its_time_and_not_a_millisecond_before) {
  timers_set(&timers, &probes[0].timer, 1000);
  cr_expect_eq(timers_next_ms(&timers), 1000);
  timers_run(&timers, 999);
  cr_expect_eq(fired, 0);
  cr_expect(timer_is_set(&probes[0].timer));
  timers_run(&timers, 1000);
  cr_expect_eq(probes[0].times, 1);
  cr_expect_eq(probes[0].fired_ms, 1000);
  timers_run(&timers, 5000);
  cr_expect_eq(probes[0].times, 1, "once is enough");
}

Test(timer, moves_earlier_and_later) {
  for (int i = 0; i < 3; i++) timers_set(&timers, &probes[i].timer, 100u * (unsigned)(i + 1));
  timers_set(&timers, &probes[0].timer, 400);
  timers_set(&timers, &probes[2].timer, 50);
  cr_expect_eq(timers_next_ms(&timers), 50);
  timers_run(&timers, 1000);
  cr_expect_eq(probes[2].order, 1);
  cr_expect_eq(probes[1].order, 2);
  cr_expect_eq(probes[0].order, 3);
  cr_expect_eq(fired, 3);
}

Test(timer, fires_in_order_of_time_whatever_the_order_of_setting) {
  struct rng r = {3};
  for (int i = 0; i < MANY; i++) timers_set(&timers, &probes[i].timer, rng_below(&r, 100));
  timers_run(&timers, 100);
  cr_expect_eq(fired, MANY);
  for (int i = 0; i < MANY; i++) {
    for (int k = 0; k < MANY; k++) {
      bool earlier = probes[i].timer.due_ms < probes[k].timer.due_ms;
      if (earlier) cr_assert_lt(probes[i].order, probes[k].order);
    }
  }
}

/* Least due time of a model: due[i] 0 is not set. */
static uint64_t least(const uint64_t *due) {
  uint64_t found = UINT64_MAX;
  for (int i = 0; i < MANY; i++) {
    if (due[i] && due[i] < found) found = due[i];
  }
  return found;
}

Test(timer, agrees_with_a_plain_array_over_thousands_of_steps) {
  static uint64_t due[MANY];
  struct rng r = {4};
  uint64_t now = 1;

  for (int step = 0; step < 20000; step++) {
    unsigned i = (unsigned)rng_below(&r, MANY);
    switch (rng_below(&r, 4)) {
    case 0:
    case 1:
      due[i] = now + 1 + rng_below(&r, 1000);
      timers_set(&timers, &probes[i].timer, due[i]);
      break;
    case 2:
      due[i] = 0;
      timers_stop(&timers, &probes[i].timer);
      break;
    default: now += rng_below(&r, 20); timers_run(&timers, now);
    }
    for (unsigned k = 0; k < MANY; k++) {
      if (due[k] && due[k] <= now) {
        cr_assert_eq(probes[k].fired_ms, now, "step %d: timer %u is due", step, k);
        due[k] = 0;
      }
      cr_assert_eq(timer_is_set(&probes[k].timer), due[k] != 0);
    }
    cr_assert_eq(timers_next_ms(&timers), least(due));
  }
}

static void set_again(struct timer *t, uint64_t now_ms) {
  note(t, now_ms);
  if (container(t, struct probe, timer)->times < 3) timers_set(&timers, t, now_ms);
}

Test(timer, may_set_itself_for_now) {
  probes[0].timer.fire = set_again;
  timers_set(&timers, &probes[0].timer, 10);
  timers_run(&timers, 10);
  cr_expect_eq(probes[0].times, 3);
  cr_expect_eq(timers_next_ms(&timers), UINT64_MAX);
}

static void stop_the_rest(struct timer *t, uint64_t now_ms) {
  note(t, now_ms);
  for (int i = 1; i < MANY; i++) timers_stop(&timers, &probes[i].timer);
}

Test(timer, may_stop_others_that_are_due_as_well) {
  probes[0].timer.fire = stop_the_rest;
  for (unsigned i = 0; i < MANY; i++) timers_set(&timers, &probes[i].timer, 10 + i);
  timers_run(&timers, 10000);
  cr_expect_eq(fired, 1);
  cr_expect_eq(timers_next_ms(&timers), UINT64_MAX);
}

static void free_itself(struct timer *t, uint64_t now_ms) {
  (void)now_ms;
  fired++;
  free(t);
}

Test(timer, may_free_itself) {
  for (unsigned i = 0; i < 100; i++) {
    struct timer *t = must_zalloc(sizeof *t);
    t->fire = free_itself;
    timers_set(&timers, t, i % 7);
  }
  timers_run(&timers, 7);
  cr_expect_eq(fired, 100);
}
