/* test_stale.c: expired answers while upstreams fail (RFC 8767): soon, marked, bounded, and only then. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "dns/ttl.h"
#include "scenario/kit.h"

enum { DAY = 86400 };
#define SRV "_xmpp-server._tcp.d0.lab."
#define NO_SRV "_xmpps-server._tcp.d0.lab."

/* Knows SRV, A, an NXDOMAIN and a NODATA of d0.lab., all of them expired. */
static struct world *world_expired(const struct world_options *o) {
  struct world *w = world_new(o);
  zone_add_domain(&w->zone, 0, 60);
  w->zone.negative_ttl = 60;
  client_ask(w, SRV, TYPE_SRV, HOW_EDNS);
  client_ask(w, NO_SRV, TYPE_SRV, HOW_EDNS);
  client_ask(w, "xmpp.d0.lab.", TYPE_A, HOW_EDNS);
  client_ask(w, "xmpp.d0.lab.", TYPE_TXT, HOW_EDNS);
  world_run_ms(w, 61000);
  return w;
}

static struct world_options stale_for(uint32_t seconds) {
  return (struct world_options){.forward.max_stale_s = seconds};
}

static void expect_stale(const struct heard *h) {
  cr_expect(heard_truth(h));
  cr_expect_eq(heard_ede(h), EDE_STALE);
  const struct seen *s = heard_seen(h);
  for (unsigned i = 0; i < s->an + s->ns; i++) cr_expect_eq(s->records[i].ttl, TTL_STALE);
}

/* Three questions that nobody answers: the upstream is known to be down. */
static void bring_down(struct world *w) {
  world_fault(w, "", 0, FAULT_LOST);
  for (unsigned i = 0; i < 3; i++) {
    char name[32];
    snprintf(name, sizeof name, "down%u.lab.", i);
    client_ask(w, name, TYPE_A, HOW_PLAIN);
  }
  world_run_ms(w, PATIENCE_MS);
  cr_assert(upstream_is_failing(&w->upstream));
}

Test(stale, answers_go_out_after_400_ms_of_silence) {
  struct world_options o = stale_for(DAY);
  struct world *w = world_expired(&o);
  world_fault(w, "", 0, FAULT_LOST);
  struct heard *h = client_ask(w, SRV, TYPE_SRV, HOW_EDNS);
  cr_expect_not(is_answered(h));
  client_wait(h);
  cr_expect_eq(heard_wait_ms(h), STALE_PATIENCE_MS);
  expect_stale(h);
  world_free(w);
}

/* Programs ask the same more than once, and several of them do. */
Test(stale, answers_go_out_at_once_to_who_asks_for_what_another_has_just_waited_for) {
  struct world_options o = stale_for(DAY);
  struct world *w = world_expired(&o);

  world_fault(w, SRV, TYPE_SRV, FAULT_LOST);
  client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS);
  for (unsigned i = 0; i < 10; i++) {
    struct heard *h = client_ask(w, SRV, TYPE_SRV, HOW_EDNS);
    cr_assert(is_answered(h), "time %u", i);
    expect_stale(h);
    world_run_ms(w, 500);
  }

  world_heal(w);
  expect_stale(client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS)); /* and it is asked again behind it */
  world_run_ms(w, WORLD_DELAY_MS);
  struct heard *h = client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS);
  cr_expect_eq(heard_ede(h), -1);
  cr_expect(heard_truth(h));
  world_free(w);
}

Test(stale, answers_are_not_given_while_the_upstream_answers) {
  struct world_options o = stale_for(DAY);
  struct world *w = world_expired(&o);
  world_late(w, "", 0, STALE_PATIENCE_MS - 1);
  struct heard *h = client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS);
  cr_expect_eq(heard_wait_ms(h), STALE_PATIENCE_MS - 1);
  cr_expect_eq(heard_ede(h), -1);
  cr_expect_eq(heard_ttl(h, SECTION_ANSWER, SRV, TYPE_SRV), 60);
  world_free(w);
}

Test(stale, answers_of_every_kind_go_out_at_once_while_the_upstream_is_down) {
  struct world_options o = stale_for(DAY);
  struct world *w = world_expired(&o);
  bring_down(w);
  struct heard *h[] = {client_ask(w, SRV, TYPE_SRV, HOW_EDNS), client_ask(w, NO_SRV, TYPE_SRV, HOW_EDNS),
                       client_ask(w, "xmpp.d0.lab.", TYPE_A, HOW_EDNS),
                       client_ask(w, "xmpp.d0.lab.", TYPE_TXT, HOW_EDNS)};
  for (unsigned i = 0; i < 4; i++) {
    cr_assert(is_answered(h[i]), "answer %u", i);
    expect_stale(h[i]);
  }
  cr_expect_eq(heard_rcode(h[1]), RCODE_NXDOMAIN);
  cr_expect_eq(heard_rcode(h[3]), RCODE_NOERROR);
  cr_expect_eq(w->counters.stale, 4);
  world_free(w);
}

Test(stale, answers_come_before_servfail_of_any_reason) {
  static const enum fault faults[] = {FAULT_SERVFAIL, FAULT_REFUSED, FAULT_GARBLED,
                                      FAULT_REFERRAL, FAULT_ICMP,    FAULT_CLOSED};
  for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++) {
    struct world_options o = stale_for(DAY);
    struct world *w = world_expired(&o);
    world_fault(w, "", 0, faults[i]);
    struct heard *h = client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS);
    cr_expect_leq(heard_wait_ms(h), WORLD_DELAY_MS, "fault %u", faults[i]);
    expect_stale(h);
    h = client_ask(w, SRV, TYPE_SRV, HOW_EDNS);
    cr_expect(is_answered(h) || faults[i] == FAULT_CLOSED, "and at once from then on, fault %u", faults[i]);
    client_wait(h);
    expect_stale(h);
    world_free(w);
  }
}

/* RFC 2782 programs read SERVFAIL as "no SRV": an old answer is better also when too much is in flight. */
Test(stale, answers_come_before_turning_a_client_away) {
  struct world_options o = stale_for(DAY);
  struct world *w = world_expired(&o);
  world_fault(w, "", 0, FAULT_LOST);
  for (unsigned i = 0; i < FORWARD_PENDING; i++) {
    char name[32];
    snprintf(name, sizeof name, "n%u.lab.", i);
    client_ask(w, name, TYPE_A, HOW_PLAIN);
  }
  cr_expect_eq(heard_rcode(client_ask(w, "one-more.lab.", TYPE_A, HOW_PLAIN)), RCODE_SERVFAIL);
  struct heard *h = client_ask(w, SRV, TYPE_SRV, HOW_EDNS);
  cr_assert(is_answered(h));
  expect_stale(h);
  world_free(w);
}

Test(stale, answers_have_an_age_limit) {
  struct world_options o = stale_for(100);
  struct world *w = world_expired(&o);
  bring_down(w);
  world_run_ms(w, 95000 - PATIENCE_MS);
  cr_expect(is_answered(client_ask(w, SRV, TYPE_SRV, HOW_EDNS)));
  world_run_ms(w, 5000);
  struct heard *h = client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS);
  cr_expect_eq(heard_rcode(h), RCODE_SERVFAIL);
  world_free(w);
}

Test(stale, answers_are_never_given_when_switched_off) {
  struct world_options o = stale_for(0);
  struct world *w = world_expired(&o);
  bring_down(w);
  struct heard *h = client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS);
  cr_expect_eq(heard_rcode(h), RCODE_SERVFAIL);
  cr_expect_eq(heard_wait_ms(h), PATIENCE_MS);
  world_free(w);
}

Test(stale, answers_give_way_to_fresh_ones_within_a_second_of_the_upstreams_return) {
  struct world_options o = stale_for(DAY);
  struct world *w = world_expired(&o);

  bring_down(w);
  for (unsigned ms = 0; ms < 15000; ms += 100) {
    struct heard *h = client_ask(w, SRV, TYPE_SRV, HOW_EDNS);
    cr_assert(is_answered(h), "after %u ms", ms);
    world_run_ms(w, 100);
  }

  world_heal(w);
  unsigned ms = 0;
  for (; ms < 5000 && heard_ede(client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS)) == EDE_STALE; ms += 50)
    world_run_ms(w, 50);
  cr_expect_leq(ms, 1000);
  cr_expect_not(upstream_is_failing(&w->upstream));
  world_free(w);
}

Test(stale, answers_cost_a_down_upstream_few_questions) {
  struct world_options o = stale_for(DAY);
  struct world *w = world_expired(&o);
  bring_down(w);
  unsigned before = upstream_asked(w, SRV, TYPE_SRV);
  for (unsigned i = 0; i < 10000; i++) {
    cr_assert(is_answered(client_ask(w, SRV, TYPE_SRV, HOW_EDNS)));
    world_run_ms(w, 1);
  }
  cr_expect_leq(upstream_asked(w, SRV, TYPE_SRV) - before, 10000 / RTO_SPREAD_MIN_MS);
  world_free(w);
}

/* A question that nobody waits for stays open for 10 s. That its tries were lost says nothing about the
 * server any more when it has answered since. */
Test(stale, answers_are_not_given_for_what_was_lost_long_before) {
  struct world_options o = stale_for(DAY);
  struct world *w = world_expired(&o);

  world_fault(w, "", 0, FAULT_LOST);
  for (unsigned i = 0; i < 8; i++) {
    struct question q;
    char name[32];
    uint8_t octets[NAME_MAX_LEN];
    snprintf(name, sizeof name, "ahead%u.lab.", i);
    question_make(&q, octets, name_parse(name, octets), TYPE_A, CLASS_IN, 0, w->wiring.serve.seed);
    forward_prefetch(w->wiring.forward, &q, ORIGIN_PREFETCH_C2S, w->now_ms);
  }

  world_run_ms(w, 1000);
  world_heal(w);
  client_ask_and_wait(w, "d0.lab.", TYPE_A, HOW_PLAIN);
  cr_assert_not(upstream_is_failing(&w->upstream));
  world_run_ms(w, 12000);
  cr_expect_not(upstream_is_failing(&w->upstream), "it answered the last question it was asked");
  struct heard *h = client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS);
  cr_expect_eq(heard_ede(h), -1);
  world_free(w);
}

Test(stale, answers_carry_no_additional_records) {
  struct world_options o = {
      .forward.max_stale_s = DAY, .xmpp.expand = XMPP_EXPAND_WAIT, .xmpp.prefetch = true};
  struct world *w = world_expired(&o);
  world_fault(w, "", 0, FAULT_SERVFAIL);
  struct heard *h = client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS);
  expect_stale(h);
  cr_expect_eq(heard_count(h, SECTION_ADDITIONAL), 0);
  world_free(w);
}

Test(stale, what_the_upstream_says_late_replaces_it) {
  struct world_options o = stale_for(DAY);
  struct world *w = world_expired(&o);
  world_late(w, "", 0, 900);
  expect_stale(client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS));
  world_run_ms(w, 900);
  struct heard *h = client_ask(w, SRV, TYPE_SRV, HOW_EDNS);
  cr_assert(is_answered(h));
  cr_expect_eq(heard_ede(h), -1);
  world_free(w);
}

/* A healthy server far away: each answer is the one of now, and costs one question. */
Test(stale, slow_is_not_down_on_a_link_of_600_ms) {
  struct world_options o = {.forward.max_stale_s = DAY, .delay_ms = 600};
  struct world *w = world_new(&o);

  for (unsigned i = 0; i < 10; i++) {
    char address[16];
    snprintf(address, sizeof address, "192.0.2.%u", i + 1);
    zone_clear(&w->zone);
    zone_add(&w->zone, "a.lab.", TYPE_A, 5, rd_a(address));
    struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_EDNS);
    cr_expect(heard_truth(h), "time %u", i);
    cr_expect_eq(heard_ede(h), -1, "time %u", i);
    world_run_ms(w, 6000);
  }

  cr_expect_leq(upstream_asked(w, "a.lab.", TYPE_A), 10 + 2, "%u: nothing is known of it at first",
                upstream_asked(w, "a.lab.", TYPE_A));
  world_free(w);
}

Test(stale, a_satellite_is_not_down_either) {
  struct world_options o = {.delay_ms = 1200};
  struct world *w = world_new(&o);
  zone_add(&w->zone, "a.lab.", TYPE_A, 5, rd_a("192.0.2.1"));
  for (unsigned i = 0; i < 10; i++) {
    struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_EDNS);
    cr_expect(heard_truth(h), "time %u", i);
    cr_expect_not(upstream_is_failing(&w->upstream));
    world_run_ms(w, 6000);
  }
  cr_expect_leq(upstream_asked(w, "a.lab.", TYPE_A), 10 + 4);
  world_free(w);
}

/* AAAA is never answered, A is: that costs AAAA, and ever less often. */
Test(stale, silence_to_one_type_says_nothing_of_the_server) {
  struct world_options o = stale_for(DAY);
  struct world *w = world_new(&o);

  zone_add(&w->zone, "a.lab.", TYPE_A, 5, rd_a("192.0.2.1"));
  world_fault(w, "", TYPE_AAAA, FAULT_LOST);
  unsigned waited_long = 0;
  for (unsigned i = 0; i < 60; i++) {
    struct heard *a = client_ask(w, "a.lab.", TYPE_A, HOW_EDNS),
                 *aaaa = client_ask(w, "a.lab.", TYPE_AAAA, HOW_EDNS);
    world_run_ms(w, 6000);
    cr_expect(heard_truth(a));
    cr_expect_eq(heard_ede(a), -1);
    cr_expect_eq(heard_rcode(aaaa), RCODE_SERVFAIL);
    cr_expect_eq(heard_ede(aaaa), err_ede(ERR_TIMEOUT));
    waited_long += heard_wait_ms(aaaa) > UNANSWERED_PATIENCE_MS;
    cr_expect_eq(w->upstream.servers[0].timeouts, 0, "time %u", i);
  }

  cr_expect_leq(waited_long, 2, "%u", waited_long);
  world_free(w);
}
