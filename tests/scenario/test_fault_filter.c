/* test_fault_filter.c: faults by rule between the resolver and its clients; what is cached stays as it is. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "scenario/kit.h"

#define D1 "_xmpp-server._tcp.d1.lab."

static struct world *world_with_domain(void) {
  struct world *w = world_new(&(struct world_options){
      .xmpp.prefetch = true, .xmpp.expand = XMPP_EXPAND_CACHED, .forward.max_stale_s = 60});
  zone_add_domain(&w->zone, 1, 3600);
  zone_add(&w->zone, "a.lab.", TYPE_A, 3600, rd_a("192.0.2.9"));
  return w;
}

Test(spoil, a_delay_counts_from_the_question_for_answers_new_and_cached) {
  struct world *w = world_with_domain();
  world_rule(w, "type=A delay=900");
  cr_expect_eq(heard_wait_ms(client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN)), 900);
  struct heard *cached = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_TCP);
  cr_expect_eq(heard_wait_ms(cached), 900);
  cr_expect(heard_truth(cached));
  cr_expect_eq(heard_wait_ms(client_ask_and_wait(w, "a.lab.", TYPE_AAAA, HOW_PLAIN)), WORLD_DELAY_MS);
  world_late(w, "b.lab.", TYPE_A, 1500);
  cr_expect_eq(heard_wait_ms(client_ask_and_wait(w, "b.lab.", TYPE_A, HOW_PLAIN)), 1500,
               "never later than need be");
  cr_expect(w->counters.fault == 3 && w->counters.fault_delayed == 3 && w->counters.fault_altered == 0);
  cr_expect_eq(upstream_asked(w, "a.lab.", TYPE_A), 1);
  world_free(w);
}

Test(spoil, delays_overtake_each_other) {
  struct world *w = world_with_domain();
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_rule(w, "transport=udp delay=500");
  world_rule(w, "delay=100");
  struct heard *slow = client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN),
               *fast = client_ask(w, "a.lab.", TYPE_A, HOW_TCP);
  client_wait(fast);
  cr_expect_not(is_answered(slow));
  client_wait(slow);
  cr_expect(heard_wait_ms(fast) == 100 && heard_wait_ms(slow) == 500);
  world_free(w);
}

Test(spoil, delay_and_failure_come_together) {
  struct world *w = world_with_domain();
  world_rule(w, "delay=300 servfail");
  struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_EDNS);
  cr_expect(heard_rcode(h) == RCODE_SERVFAIL && heard_wait_ms(h) == 300);
  cr_expect(w->counters.fault == 1 && w->counters.fault_delayed == 1 && w->counters.fault_failed == 1);
  world_free(w);
}

Test(spoil, what_is_spoiled_never_enters_the_cache) {
  static const char *const rules[] = {
      "servfail",    "nxdomain",      "nodata",  "truncate", "ttl=1",    "port=1 target=wrong.lab",
      "lose-target", "no-additional", "reverse", "garbage",  "wrong-id", "cut",
      "drop"};
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    struct world *w = world_with_domain();
    world_rule(w, rules[i]);
    client_ask(w, D1, TYPE_SRV, HOW_BIG | HOW_RAW);
    world_run_ms(w, WORLD_DELAY_MS + 1000);
    client_ask(w, D1, TYPE_SRV, HOW_BIG | HOW_RAW);
    world_clear_rules(w);
    struct heard *h = client_ask_and_wait(w, D1, TYPE_SRV, HOW_BIG);
    cr_expect(heard_truth(h), "%s", rules[i]);
    cr_expect_eq(heard_ttl(h, SECTION_ANSWER, D1, TYPE_SRV), 3599, "%s", rules[i]);
    cr_expect_gt(heard_count(h, SECTION_ADDITIONAL), 0, "%s", rules[i]);
    cr_expect_eq(upstream_asked(w, D1, TYPE_SRV), 1, "%s", rules[i]);
    cr_expect_eq(w->counters.fault, 2, "%s", rules[i]);
    world_free(w);
  }
}

Test(spoil, a_dropped_answer_is_there_when_the_client_tries_again) {
  struct world *w = world_with_domain();
  world_rule(w, "first=1 drop");
  struct heard *lost = client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_run_ms(w, 1000);
  cr_expect(!is_answered(lost) && lost->dropped);
  cr_expect_eq(heard_wait_ms(client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN)), 0, "the cache has it");
  cr_expect(w->counters.fault == 1 && w->counters.fault_dropped == 1);
  world_free(w);
}

Test(spoil, followers_fare_each_by_its_own_lot) {
  struct world *w = world_with_domain();
  world_rule(w, "transport=tcp servfail");
  struct heard *one = client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN),
               *two = client_ask(w, "a.lab.", TYPE_A, HOW_TCP);
  client_wait(one);
  client_wait(two);
  cr_expect_eq(heard_rcode(one), RCODE_NOERROR);
  cr_expect_eq(heard_rcode(two), RCODE_SERVFAIL);
  cr_expect_eq(upstream_asked(w, "a.lab.", TYPE_A), 1);
  world_free(w);
}

Test(spoil, flapping_dns_is_down_by_period) {
  struct world *w = world_with_domain();
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_rule(w, "flap=10/5 refused");
  for (unsigned s = 0; s < 45; s++) {
    struct heard *h = client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN);
    cr_expect_eq(heard_rcode(h), s % 15 < 10 ? RCODE_NOERROR : RCODE_REFUSED, "second %u", s);
    world_run_ms(w, 1000);
  }
  world_free(w);
}

/* Of a thousand answers those that are SERVFAIL. */
static unsigned fail_share(const char *rule, bool failed[1000]) {
  struct world *w = world_with_domain();
  unsigned n = 0;
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_rule(w, rule);
  for (unsigned i = 0; i < 1000; i++) {
    failed[i] = heard_rcode(client_ask(w, "a.lab.", TYPE_A, i % 2 ? HOW_TCP : HOW_PLAIN)) == RCODE_SERVFAIL;
    n += failed[i];
  }
  cr_expect_eq(w->counters.fault, n);
  world_free(w);
  return n;
}

Test(spoil, a_share_strikes_the_same_queries_on_every_run) {
  bool first[1000], again[1000];
  cr_expect_eq(fail_share("share=30% seed=7 servfail", first), 306);
  cr_expect_eq(fail_share("share=30% seed=7 servfail", again), 306);
  cr_expect_arr_eq(first, again, sizeof first);
}

Test(spoil, a_connection_ends_instead_of_an_answer_or_in_its_midst) {
  struct world *w = world_with_domain();
  struct heard *whole = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_TCP);
  world_rule(w, "type=A cut=20");
  world_rule(w, "type=SRV close");
  for (unsigned i = 0; i < 2; i++) { /* new, then cached */
    struct heard *cut = client_ask_and_wait(w, i ? "a.lab." : "b.lab.", TYPE_A, HOW_TCP | HOW_RAW);
    cr_expect(cut->closed && cut->len == 20 && cut->len < whole->len);
    struct heard *closed = client_ask(w, D1, TYPE_SRV, HOW_TCP);
    world_run_ms(w, WORLD_DELAY_MS);
    cr_expect(closed->closed && closed->dropped);
  }
  cr_expect_eq(w->counters.fault_broken, 4);
  world_free(w);
}

Test(spoil, cleared_rules_let_go_at_once_of_whom_they_held) {
  struct world *w = world_with_domain();
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_rule(w, "delay=5000");
  struct heard *held = client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN),
               *waits = client_ask(w, "b.lab.", TYPE_A, HOW_PLAIN);
  world_run_ms(w, 20);
  cr_expect_not(is_answered(held));
  world_clear_rules(w);
  cr_expect_eq(heard_wait_ms(held), 20);
  client_wait(waits);
  cr_expect_eq(heard_wait_ms(waits), WORLD_DELAY_MS);
  cr_expect_eq(fault_filter_held(w->wiring.fault_filter), 0);
  cr_expect_eq(heard_wait_ms(client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN)), 0);
  world_free(w);
}

Test(spoil, another_rule_leaves_alone_whom_the_first_one_holds) {
  struct world *w = world_with_domain();
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_rule(w, "delay=500");
  struct heard *held = client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_rule(w, "servfail");
  client_wait(held);
  cr_expect(heard_wait_ms(held) == 500 && heard_rcode(held) == RCODE_NOERROR);
  world_free(w);
}

Test(spoil, who_waits_when_the_resolver_stops_is_told) {
  struct world *w = world_with_domain();
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_rule(w, "delay=5000");
  client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN);
  client_ask(w, "b.lab.", TYPE_A, HOW_TCP);
  world_free(w); /* fails where somebody was not answered */
}

Test(spoil, only_so_many_answers_are_held_and_the_rest_is_served) {
  struct world *w = world_with_domain();
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_rule(w, "delay=5000");
  for (unsigned i = 0; i < FAULT_FILTER_HELD; i++) client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_expect_eq(fault_filter_held(w->wiring.fault_filter), FAULT_FILTER_HELD);
  cr_expect_eq(heard_wait_ms(client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN)), 0);
  cr_expect_eq(w->counters.fault_missed, 1);
  world_run_ms(w, 5000);
  cr_expect_eq(fault_filter_held(w->wiring.fault_filter), 0);
  world_free(w);
}

Test(spoil, only_so_many_octets_are_held_and_the_rest_is_served) {
  struct world *w = world_with_domain();
  for (unsigned i = 0; i < 2000; i++) {
    char text[32];
    snprintf(text, sizeof text, "record %04u of many", i);
    zone_add(&w->zone, "big.lab.", TYPE_TXT, 3600, rd_txt(text));
  }

  size_t len = client_ask_and_wait(w, "big.lab.", TYPE_TXT, HOW_TCP | HOW_RAW)->len;
  cr_assert_gt(len, 60000);
  world_rule(w, "delay=5000");
  unsigned held = 0;
  while (!is_answered(client_ask(w, "big.lab.", TYPE_TXT, HOW_TCP | HOW_RAW))) cr_assert_lt(++held, 1000);
  cr_expect_eq(held, FAULT_FILTER_OCTETS / len);
  world_run_ms(w, 5000);
  cr_expect(!is_answered(client_ask(w, "big.lab.", TYPE_TXT, HOW_TCP | HOW_RAW)), "there is room again");
  world_free(w);
}
