/* test_revive.c: after a restart what was in use before is asked again, the most used first, gently. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "dns/ttl.h"
#include "scenario/kit.h"
#include "xmpp/revive.h"

enum { TTL = 600, NAMES = 200 };

static const char *name_of(unsigned i) {
  static char name[32];
  snprintf(name, sizeof name, "n%u.lab.", i);
  return name;
}

static struct world *world_of(bool prefetch) {
  struct world *w = world_new(
      &(struct world_options){.xmpp.prefetch = prefetch, .forward.max_stale_s = 86400});
  for (unsigned i = 0; i < NAMES; i++) zone_add(&w->zone, name_of(i), TYPE_A, TTL, rd_a("192.0.2.1"));
  return w;
}

static void ask(struct world *w, unsigned i, unsigned times) {
  while (times-- > 0) client_ask_and_wait(w, name_of(i), TYPE_A, HOW_PLAIN);
}

/* Ends one and starts another `asleep_s` later, with its cache; returns that. */
static struct world *restart(struct world *before, uint64_t asleep_s, bool prefetch) {
  struct world *w = world_of(prefetch);
  struct cache_walk *walk = cache_walk_new(before->cache);
  struct cache_entry e;
  static struct answer a;
  w->now_ms = before->now_ms + asleep_s * 1000;
  while (cache_walk_next(walk, &e)) {
    cache_peek(before->cache, e.question, tick_of_ms(before->now_ms), &a);
    cr_assert(cache_restore(w->cache, e.question, &a, 0, &e.standing));
  }
  cache_walk_free(walk);
  world_free(before);
  struct revive_list *list = revive_gather(w->cache, asleep_s, tick_of_ms(w->now_ms), w->wiring.serve.seed,
                                           NULL);
  if (list) xmpp_revive(w->wiring.xmpp, list, w->now_ms);
  return w;
}

static unsigned most_in_a_second(const struct world *w) {
  unsigned most = 0;
  for (unsigned i = 0; i < w->script.asked_count; i++) {
    unsigned n = 0;
    for (unsigned k = i; k < w->script.asked_count; k++)
      n += w->script.asked[k].at_ms < w->script.asked[i].at_ms + 1000;
    if (n > most) most = n;
  }
  return most;
}

Test(revive, names_in_use_before_are_there_before_anybody_asks_the_most_used_first) {
  struct world *w = world_of(true);
  for (unsigned i = 0; i < NAMES; i++) ask(w, i, 1 + i % 4);
  w = restart(w, 3600, true);
  world_run_ms(w, 30000);

  unsigned in_use = NAMES / 4 * 3;
  cr_expect_eq(w->script.asked_count, in_use, "%u: those asked for once are not in use",
               w->script.asked_count);
  cr_expect_eq(w->counters.renewed_at_start, in_use);
  cr_expect_eq(w->counters.renewed, in_use);
  for (unsigned i = 0; i < NAMES / 4; i++) {
    unsigned n = (unsigned)atoi(w->script.asked[i].name + 1);
    cr_expect_eq(n % 4, 3, "%s", w->script.asked[i].name);
  }
  cr_expect_leq(most_in_a_second(w), REVIVE_PER_S, "%u", most_in_a_second(w));
  for (unsigned i = 0; i < NAMES; i++) {
    if (i % 4) cr_expect(is_answered(client_ask(w, name_of(i), TYPE_A, HOW_PLAIN)), "%s", name_of(i));
  }
  cr_expect_eq(w->counters.renewed_hit, in_use);
  world_free(w);
}

Test(revive, what_still_lives_is_renewed_when_it_runs_out) {
  struct world *w = world_of(true);
  ask(w, 1, 3);
  w = restart(w, TTL / 2 + 100, true);
  world_run_ms(w, 10000);
  cr_expect_eq(w->script.asked_count, 0);
  world_run_ms(w, TTL / 2 * 1000);
  cr_expect_eq(w->script.asked_count, 1);
  cr_expect(is_answered(client_ask(w, name_of(1), TYPE_A, HOW_PLAIN)));
  world_free(w);
}

Test(revive, nothing_is_asked_that_had_run_out_before_or_after_a_day_or_without_prefetch) {
  static const struct {
    unsigned idle_s;
    uint64_t asleep_s;
    bool prefetch;
  } rows[] = {{2 * TTL, 60, true}, {0, REVIVE_AGE_MAX_S + 1, true}, {0, 3600, false}, {0, 60, true}};
  for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct world *w = world_of(true);
    ask(w, 1, 3);
    world_run_ms(w, rows[i].idle_s * 1000);
    w = restart(w, rows[i].asleep_s, rows[i].prefetch);
    world_run_ms(w, 60000);
    cr_expect_eq(w->script.asked_count, 0, "row %u", i);
    world_free(w);
  }
}

Test(revive, clients_go_first) {
  struct world *w = world_of(true);
  for (unsigned i = 0; i < NAMES; i++) ask(w, i, 3);
  w = restart(w, 3600, true);
  world_late(w, "busy.lab.", TYPE_AAAA, 2000);
  for (unsigned i = 0; i <= REVIVE_WAITING; i++) client_ask(w, "busy.lab.", TYPE_AAAA, HOW_PLAIN);
  world_run_ms(w, 1900);
  cr_expect_eq(w->counters.renewed_at_start, 0);
  world_run_ms(w, 30000);
  cr_expect_eq(w->counters.renewed_at_start, NAMES);
  world_free(w);
}

/* No pile-up: few questions while nobody answers, none once that is known; afterwards all are asked. */
Test(revive, a_start_without_the_servers_asks_little_and_goes_on_when_they_are_back) {
  struct world *w = world_of(true);
  for (unsigned i = 0; i < NAMES; i++) ask(w, i, 3);
  w = restart(w, 3600, true);
  world_fault(w, "", 0, FAULT_LOST);
  world_run_ms(w, 300000);
  unsigned lost = w->script.asked_count;
  cr_expect_leq(lost, 100, "%u questions in five minutes", lost);
  cr_expect_leq(forward_in_flight(w->wiring.forward), REVIVE_IN_FLIGHT);

  world_heal(w);
  world_run_ms(w, 120000);
  unsigned there = 0;
  for (unsigned i = 0; i < NAMES; i++) there += upstream_last_ms(w, name_of(i), TYPE_A) > w->now_ms - 120000;
  cr_expect_eq(there, NAMES, "%u", there);
  cr_expect_leq(most_in_a_second(w), 2 * REVIVE_PER_S, "%u", most_in_a_second(w));
  world_free(w);
}

Test(revive, a_name_that_fails_is_asked_twice_and_the_others_once) {
  struct world *w = world_of(true);
  for (unsigned i = 0; i < NAMES; i++) ask(w, i, 3);
  w = restart(w, 3600, true);
  world_fault(w, name_of(7), TYPE_A, FAULT_SERVFAIL);
  world_run_ms(w, 120000);
  cr_expect_leq(upstream_asked(w, name_of(7), TYPE_A), 6, "%u", upstream_asked(w, name_of(7), TYPE_A));
  cr_expect_eq(upstream_asked(w, name_of(8), TYPE_A), 1);
  cr_expect_eq(forward_in_flight(w->wiring.forward), 0);
  unsigned asked = w->script.asked_count;
  world_run_ms(w, 3600000);
  cr_expect_eq(w->script.asked_count, asked, "it is over");
  world_free(w);
}

/* How long it takes until all but the first `bad` are asked, clients asking for those meanwhile. */
static uint64_t all_but_ms(struct world *w, unsigned bad) {
  uint64_t begun_ms = w->now_ms;
  unsigned asked = 0;
  while (asked < NAMES - bad && w->now_ms < begun_ms + 600000) {
    for (unsigned i = 0; i < bad; i++) client_ask(w, name_of(i), TYPE_A, HOW_PLAIN);
    world_run_ms(w, 1000);
    asked = 0;
    for (unsigned i = bad; i < NAMES; i++) asked += upstream_asked(w, name_of(i), TYPE_A) > 0;
  }
  return w->now_ms - begun_ms;
}

Test(revive, names_that_fail_for_clients_do_not_hold_up_the_others) {
  enum { BAD = 40 };
  struct world *w = world_of(true);
  for (unsigned i = 0; i < NAMES; i++) ask(w, i, 3);
  w = restart(w, 3600, true);
  for (unsigned i = 0; i < BAD; i++) world_fault(w, name_of(i), TYPE_A, FAULT_SERVFAIL);
  uint64_t ms = all_but_ms(w, BAD);
  cr_expect_leq(ms, 2 * NAMES * 1000 / REVIVE_PER_S, "%lu ms", (unsigned long)ms);
  cr_expect_leq(w->counters.renewed_at_start, w->counters.renewed, "%lu of %lu",
                (unsigned long)w->counters.renewed_at_start, (unsigned long)w->counters.renewed);
  world_free(w);
}

/* What a client waits for is not counted as renewed. */
Test(revive, a_question_of_a_client_is_not_counted) {
  struct world *w = world_of(true);
  ask(w, 1, 3);
  w = restart(w, 3600, true);
  world_late(w, name_of(1), TYPE_A, 250);
  client_ask(w, name_of(1), TYPE_A, HOW_PLAIN);
  world_run_ms(w, 10000);
  cr_expect_eq(upstream_asked(w, name_of(1), TYPE_A), 1);
  cr_expect_eq(w->counters.renewed_at_start, 0);
  cr_expect_eq(w->counters.renewed, 0);
  world_free(w);
}

Test(revive, a_stop_in_the_midst_leaves_nothing_behind) {
  struct world *w = world_of(true);
  for (unsigned i = 0; i < NAMES; i++) ask(w, i, 3);
  w = restart(w, 3600, true);
  world_run_ms(w, 1050);
  world_free(w);
}
