/* test_failover.c: several servers: the next is asked when one is silent, fails or lies; the dead are left
 * alone and found again. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "scenario/kit.h"

static struct world *world_of(unsigned servers) {
  struct world *w = world_new(&(struct world_options){.servers = servers});
  for (unsigned i = 0; i < 100; i++) {
    char name[32];
    snprintf(name, sizeof name, "n%u.lab.", i);
    zone_add(&w->zone, name, TYPE_A, 60, rd_a("192.0.2.9"));
  }
  return w;
}

static struct heard *ask_number(struct world *w, unsigned i) {
  char name[32];
  snprintf(name, sizeof name, "n%u.lab.", i);
  return client_ask_and_wait(w, name, TYPE_A, HOW_EDNS);
}

static unsigned asked_of(const struct world *w, unsigned server) {
  unsigned n = 0;
  for (unsigned i = 0; i < w->script.asked_count; i++) n += w->script.asked[i].server == server;
  return n;
}

Test(failover, a_silent_server_costs_one_retransmission_time) {
  struct world *w = world_of(2);
  world_server_fault(w, 0, FAULT_LOST);
  struct heard *h = ask_number(w, 0);
  cr_expect_eq(heard_wait_ms(h), RTO_UNKNOWN_MS + WORLD_DELAY_MS);
  cr_expect(heard_truth(h));
  world_free(w);
}

Test(failover, an_error_costs_one_more_round_trip) {
  static const enum fault faults[] = {FAULT_SERVFAIL, FAULT_REFUSED, FAULT_GARBLED, FAULT_REFERRAL,
                                      FAULT_ICMP};
  for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++) {
    struct world *w = world_of(2);
    world_server_fault(w, 0, faults[i]);
    struct heard *h = ask_number(w, 0);
    cr_expect_eq(heard_wait_ms(h), 2 * WORLD_DELAY_MS, "fault %u", faults[i]);
    cr_expect(heard_truth(h), "fault %u", faults[i]);
    world_free(w);
  }
}

Test(failover, a_server_that_cannot_be_sent_to_costs_nothing) {
  struct world *w = world_of(2);
  world_server_fault(w, 0, FAULT_CLOSED);
  cr_expect_eq(heard_wait_ms(ask_number(w, 0)), WORLD_DELAY_MS);
  world_free(w);
}

Test(failover, a_closed_port_is_known_from_then_on) {
  struct world *w = world_of(2);
  world_server_fault(w, 0, FAULT_ICMP);
  ask_number(w, 0);
  for (unsigned i = 1; i < 20; i++)
    cr_expect_eq(heard_wait_ms(ask_number(w, i)), WORLD_DELAY_MS, "question %u", i);
  world_free(w);
}

Test(failover, the_first_of_eight_servers_that_answers_is_found) {
  struct world *w = world_of(8);
  for (int i = 0; i < 7; i++) world_server_fault(w, i, FAULT_SERVFAIL);
  struct heard *h = ask_number(w, 0);
  cr_expect_eq(heard_wait_ms(h), 8 * WORLD_DELAY_MS);
  cr_expect(heard_truth(h));
  world_free(w);
}

Test(failover, the_only_good_one_of_eight_silent_servers_is_found_within_the_clients_patience) {
  struct world *w = world_of(8);
  for (int i = 0; i < 7; i++) world_server_fault(w, i, FAULT_LOST);
  struct heard *h = ask_number(w, 0);
  cr_expect_eq(heard_rcode(h), RCODE_NOERROR, "after %lu ms", (unsigned long)heard_wait_ms(h));
  world_free(w);
}

Test(failover, servfail_only_when_all_have_said_it) {
  struct world *w = world_of(3);
  world_server_fault(w, 0, FAULT_SERVFAIL);
  world_server_fault(w, 1, FAULT_REFUSED);
  world_server_fault(w, 2, FAULT_SERVFAIL);
  struct heard *h = ask_number(w, 0);
  cr_expect_eq(heard_rcode(h), RCODE_SERVFAIL);
  cr_expect_neq(heard_ede(h), -1);
  cr_expect_eq(heard_wait_ms(h), 3 * WORLD_DELAY_MS);
  cr_expect_eq(upstream_asked(w, "", 0), 3, "each once");
  world_free(w);
}

Test(failover, an_error_from_one_does_not_end_the_wait_for_the_other) {
  struct world *w = world_of(2);
  struct fault_rule late = {.server = 0, .fault = FAULT_LATE, .late_ms = 600};
  script_rule(&w->script, &late);
  world_server_fault(w, 1, FAULT_SERVFAIL);
  struct heard *h = ask_number(w, 0);
  cr_expect_eq(heard_rcode(h), RCODE_NOERROR);
  cr_expect_eq(heard_wait_ms(h), 600);
  world_free(w);
}

Test(failover, a_dead_server_is_left_alone_but_for_a_few_questions_a_second) {
  struct world *w = world_of(2);
  world_server_fault(w, 0, FAULT_LOST);
  for (unsigned i = 0; i < 20; i++) ask_number(w, i); /* it goes down */
  unsigned before = asked_of(w, 0);
  for (unsigned s = 0; s < 10; s++) {
    for (unsigned i = 0; i < 5; i++) {
      cr_expect_eq(heard_wait_ms(ask_number(w, 20 + s * 5 + i)), WORLD_DELAY_MS, "no client waits for it");
      world_run_ms(w, 160);
    }
  }
  cr_expect_geq(asked_of(w, 0) - before, 10000 / DOWN_MAX_MS - 2);
  cr_expect_leq(asked_of(w, 0) - before, 10000 / DOWN_FIRST_MS, "%u", asked_of(w, 0) - before);
  world_free(w);
}

Test(failover, a_dead_server_that_returns_is_used_again_within_a_second_or_so) {
  struct world *w = world_of(2);
  struct fault_rule slow = {.server = 1, .fault = FAULT_LATE, .late_ms = 90};
  world_server_fault(w, 0, FAULT_LOST);
  script_rule(&w->script, &slow);
  for (unsigned i = 0; i < 20; i++) ask_number(w, i);
  world_heal(w);
  script_rule(&w->script, &slow);
  for (unsigned i = 20; i < 40; i++) {
    ask_number(w, i);
    world_run_ms(w, 60);
  }
  cr_expect_eq(heard_wait_ms(ask_number(w, 50)), WORLD_DELAY_MS, "the fast one again");
  world_free(w);
}

Test(failover, the_faster_server_is_preferred) {
  struct world *w = world_of(2);
  struct fault_rule slow = {.server = 0, .fault = FAULT_LATE, .late_ms = 90};
  script_rule(&w->script, &slow);
  for (unsigned i = 0; i < 5; i++) ask_number(w, i);
  unsigned before = asked_of(w, 0);
  for (unsigned i = 5; i < 30; i++) cr_expect_eq(heard_wait_ms(ask_number(w, i)), WORLD_DELAY_MS);
  cr_expect_eq(asked_of(w, 0), before);
  world_free(w);
}

Test(failover, without_a_server_the_answer_is_servfail_at_once) {
  struct world *w = world_new(&(struct world_options){.no_server = true});
  struct heard *h = client_ask(w, "a.lab.", TYPE_A, HOW_EDNS);
  cr_expect(is_answered(h));
  cr_expect_eq(heard_rcode(h), RCODE_SERVFAIL);
  cr_expect_eq(heard_ede(h), err_ede(ERR_NO_UPSTREAM));
  world_free(w);
}

/* ---- hedging ---- */

/* So many questions, that it may ask twice and knows its servers; server 0 is the one it asks. */
static void get_used(struct world *w, unsigned questions) {
  w->upstream.policy = UPSTREAM_ORDER;
  for (unsigned i = 0; i < questions; i++) cr_assert(heard_truth(ask_number(w, i)));
}

Test(failover, a_question_that_is_late_is_asked_of_the_next_server_too) {
  struct world *w = world_of(2);
  get_used(w, 40);
  world_server_fault(w, 0, FAULT_LOST);
  struct heard *h = ask_number(w, 40);
  cr_expect(heard_truth(h));
  cr_expect_leq(heard_wait_ms(h), 2 * WORLD_DELAY_MS + 30, "%lu ms: well before its RTO",
                (unsigned long)heard_wait_ms(h));
  cr_expect_eq(w->counters.hedged, 1);
  world_free(w);
}

Test(failover, asking_twice_costs_five_percent_at_most) {
  struct world *w = world_of(2);
  get_used(w, 20);
  world_late(w, "", 0, 200); /* slower than it was, for as long as that is news */
  for (unsigned i = 20; i < 100; i++) cr_expect(heard_truth(ask_number(w, i)));
  cr_expect_leq(w->counters.hedged, 100 / HEDGE_PRICE);
  world_free(w);
}

Test(failover, a_server_on_its_usual_time_is_not_doubted) {
  struct world *w = world_of(2);
  get_used(w, 100);
  cr_expect_eq(w->counters.hedged, 0);
  cr_expect_eq(asked_of(w, 1), 0);
  world_free(w);
}

Test(failover, what_is_asked_ahead_is_not_asked_twice_early) {
  struct world *w = world_of(2);
  get_used(w, 40);
  struct question q;
  uint8_t name[NAME_MAX_LEN];
  question_make(&q, name, name_parse("n50.lab.", name), TYPE_A, CLASS_IN, 0, w->wiring.serve.seed);
  world_server_fault(w, 0, FAULT_LOST);
  forward_prefetch(w->wiring.forward, &q, ORIGIN_PREFETCH_S2S, w->now_ms);
  world_run_ms(w, 2000);
  cr_expect_eq(w->counters.hedged, 0);
  world_free(w);
}

/* ---- health ---- */

/* A question each `every_ms` for so long. */
static void traffic(struct world *w, unsigned *next, uint64_t every_ms, uint64_t ms) {
  for (uint64_t end_ms = w->now_ms + ms; w->now_ms < end_ms;) {
    uint64_t next_ms = w->now_ms + every_ms;
    cr_expect(heard_truth(ask_number(w, (*next)++ % 100)));
    if (next_ms > w->now_ms) world_run_ms(w, next_ms - w->now_ms);
  }
}

Test(failover, a_server_that_comes_back_slower_than_the_others_is_noticed) {
  struct world *w = world_of(2);
  unsigned next = 0;
  w->upstream.policy = UPSTREAM_ORDER;
  world_server_fault(w, 0, FAULT_LOST);
  traffic(w, &next, 100, 3000);
  cr_assert(w->upstream.servers[0].down_until_ms);
  world_heal(w);
  world_server_late(w, 0, 2 * WORLD_DELAY_MS);
  traffic(w, &next, 100, 2000);
  cr_expect_not(w->upstream.servers[0].down_until_ms);
  world_free(w);
}

Test(failover, a_server_that_dies_is_known_within_a_second_of_few_questions) {
  struct world *w = world_of(2);
  unsigned next = 0;
  w->upstream.policy = UPSTREAM_ORDER;
  traffic(w, &next, 300, 3000);
  world_server_fault(w, 0, FAULT_LOST);
  traffic(w, &next, 300, 1200);
  cr_expect(w->upstream.servers[0].down_until_ms);
  world_free(w);
}

Test(failover, one_silence_is_enough_to_ask_another_server_first) {
  struct world *w = world_of(2);
  unsigned next = 0;
  w->upstream.policy = UPSTREAM_ORDER;
  traffic(w, &next, 300, 3000);
  world_server_fault(w, 0, FAULT_LOST);
  ask_number(w, next++);
  cr_expect_eq(heard_wait_ms(ask_number(w, next++)), WORLD_DELAY_MS, "the next client does not wait for it");
  world_heal(w);
  traffic(w, &next, 300, 1000);
  cr_expect_eq(upstream_pick(&w->upstream, 0), &w->upstream.servers[0], "it answered meanwhile");
  world_free(w);
}
