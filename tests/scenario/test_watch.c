/* test_watch.c: what those who look at a resolver are told: how long clients waited, and what they asked. */
#include <criterion/criterion.h>

#include "scenario/kit.h"

/* How many answers were waited for longer than `above` ms and at most `most`, bounds of the ranges. */
static uint64_t waited(const struct world *w, unsigned above, unsigned most) {
  uint64_t n = 0;
  for (unsigned i = 0; i < LATENCY_BOUNDS; i++) {
    if (latency_bounds_ms[i] > above && latency_bounds_ms[i] <= most) n += w->waited.counts[i];
  }
  return n;
}

static uint64_t waited_at_all(const struct world *w) {
  return waited(w, 0, UINT16_MAX) + w->waited.counts[LATENCY_BOUNDS];
}

Test(watch, leader_and_follower_have_each_waited_since_they_asked) {
  struct world *w = world_new(&(struct world_options){.delay_ms = 40});
  zone_add(&w->zone, "a.lab.", TYPE_A, 60, rd_a("192.0.2.1"));
  client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_run_ms(w, 33);
  client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_run_ms(w, 7);
  cr_expect_eq(waited(w, 20, 50), 1);
  cr_expect_eq(waited(w, 5, 10), 1);
  cr_expect_eq(w->waited.sum_ms, 47);
  world_free(w);
}

Test(watch, hits_and_failures_are_no_waits) {
  struct world *w = world_new(&(struct world_options){.delay_ms = 40});
  zone_add(&w->zone, "a.lab.", TYPE_A, 60, rd_a("192.0.2.1"));
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_fault(w, "", 0, FAULT_LOST);
  client_ask(w, "b.lab.", TYPE_A, HOW_PLAIN);
  world_run_ms(w, PATIENCE_MS);
  cr_expect_eq(w->counters.hit, 1);
  cr_expect_eq(w->counters.failed, 1);
  cr_expect_eq(waited_at_all(w), 1);
  world_free(w);
}

Test(watch, a_stale_answer_was_waited_for) {
  struct world *w = world_new(&(struct world_options){.forward.max_stale_s = 3600});
  zone_add(&w->zone, "a.lab.", TYPE_A, 60, rd_a("192.0.2.1"));
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_run_ms(w, 61000);
  world_fault(w, "", 0, FAULT_LOST);
  client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_run_ms(w, STALE_PATIENCE_MS);
  cr_expect_eq(w->counters.stale, 1);
  cr_expect_eq(waited(w, 200, 400), 1);
  world_free(w);
}

struct noted {
  unsigned count;
  uint16_t last;
};

static void note(void *ctx, const struct question *q) {
  struct noted *n = ctx;
  n->count++;
  n->last = question_type(q);
}

Test(watch, one_who_looks_hears_hits_and_misses_until_he_looks_away) {
  struct world *w = world_new(&(struct world_options){0});
  struct noted n = {0};
  zone_add(&w->zone, "a.lab.", TYPE_A, 60, rd_a("192.0.2.1"));
  w->wiring.serve.on_question = note;
  w->wiring.serve.on_question_ctx = &n;
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  client_ask_and_wait(w, "a.lab.", TYPE_SRV, HOW_TCP);
  cr_expect_eq(n.count, 3);
  cr_expect_eq(n.last, TYPE_SRV);
  w->wiring.serve.on_question = NULL;
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_expect_eq(n.count, 3);
  world_free(w);
}
