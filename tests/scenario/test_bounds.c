/* test_bounds.c: what is asked ahead and what is kept in flight have limits, and clients go first. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "scenario/kit.h"
#include "xmpp/family.h"

enum { AHEAD_A_SECOND = 5000 }; /* as doc/xmpp.md says */

static void add_targets(struct world *w, const char *name, unsigned n) {
  for (unsigned i = 0; i < n; i++) {
    char target[32];
    snprintf(target, sizeof target, "h%u.d.lab.", i);
    zone_add(&w->zone, name, TYPE_SRV, 60, rd_srv((uint16_t)(i / 10), 1, 5269, target));
  }
}

static struct heard *ask_family(struct world *w, unsigned i) {
  char name[48];
  snprintf(name, sizeof name, "_xmpp-server._tcp.n%u.lab.", i);
  return client_ask(w, name, TYPE_SRV, HOW_PLAIN);
}

Test(bounds, a_thousand_targets_set_off_no_more_than_32_pairs) {
  for (unsigned expand = XMPP_EXPAND_OFF; expand <= XMPP_EXPAND_WAIT; expand++) {
    struct world *w =
        world_new(&(struct world_options){.prefetch = true, .expand = (enum xmpp_expand)expand});
    add_targets(w, "_xmpp-server._tcp.d.lab.", 1000);
    struct heard *h = client_ask_and_wait(w, "_xmpp-server._tcp.d.lab.", TYPE_SRV, HOW_TCP | HOW_RAW);
    world_run_ms(w, 2000);
    cr_expect_eq(load_u16(h->msg + 6), 1000, "whole over TCP");
    cr_expect_eq(upstream_asked(w, "", TYPE_A), FAMILY_TARGETS + 1, "and the domain's own");
    cr_expect_eq(upstream_asked(w, "", TYPE_AAAA), FAMILY_TARGETS + 1);
    world_free(w);
  }
}

/* Targets of one service, named anew with each `prefix`. */
static void add_named(struct world *w, const char *service, const char *prefix, unsigned n, uint32_t ttl) {
  zone_remove(&w->zone, service, TYPE_SRV);
  for (unsigned i = 0; i < n; i++) {
    char target[32];
    snprintf(target, sizeof target, "%s%u.d.lab.", prefix, i);
    zone_add(&w->zone, service, TYPE_SRV, ttl, rd_srv((uint16_t)i, 1, 5269, target));
  }
}

/* 32 targets are those of both services and of what is remembered of them. */
Test(bounds, a_domain_has_one_bound_for_all_its_services) {
  for (unsigned expand = XMPP_EXPAND_OFF; expand <= XMPP_EXPAND_WAIT; expand++) {
    struct world *w = world_new(&(struct world_options){.prefetch = true, .expand = (enum xmpp_expand)expand});
    for (unsigned visit = 0; visit < 2; visit++) {
      unsigned before = w->script.asked_count, addresses = 0;
      add_named(w, "_xmpp-server._tcp.d.lab.", visit ? "c" : "a", 100, 60);
      add_named(w, "_xmpps-server._tcp.d.lab.", visit ? "d" : "b", 100, 60);
      client_ask(w, "_xmpps-server._tcp.d.lab.", TYPE_SRV, HOW_TCP);
      client_ask(w, "_xmpp-server._tcp.d.lab.", TYPE_SRV, HOW_TCP);
      world_run_ms(w, 900);
      for (unsigned i = before; i < w->script.asked_count; i++) addresses += w->script.asked[i].type != TYPE_SRV;
      cr_expect_leq(addresses, 2 * FAMILY_TARGETS + 2, "expand %u, visit %u: %u", expand, visit, addresses);
      cr_expect_geq(addresses, 2 * FAMILY_TARGETS);
      world_run_ms(w, 70100); /* begins a second, too */
    }
    world_free(w);
  }
}

Test(bounds, a_domain_whose_every_answer_names_other_targets_costs_no_more_than_32_pairs_a_second) {
  struct world *w = world_new(&(struct world_options){.prefetch = true});
  for (unsigned ms = 0; ms < 2000; ms += 50) {
    char prefix[16];
    snprintf(prefix, sizeof prefix, "at%u-", ms);
    add_named(w, "_xmpp-client._tcp.d.lab.", prefix, 30, 0);
    client_ask_and_wait(w, "_xmpp-client._tcp.d.lab.", TYPE_SRV, HOW_TCP);
    world_run_ms(w, 10);
  }
  cr_expect_geq(upstream_asked(w, "_xmpp-client._tcp.d.lab.", TYPE_SRV), 40);
  cr_expect_leq(upstream_asked(w, "", TYPE_A), 2 * (FAMILY_TARGETS + 1) + 1, "%u", upstream_asked(w, "", TYPE_A));
  cr_expect_gt(w->counters.ahead_dropped, 0);
  world_free(w);
}

Test(bounds, a_target_in_a_ring_of_aliases_is_asked_for_ever_more_seldom) {
  for (unsigned expand = XMPP_EXPAND_OFF; expand <= XMPP_EXPAND_WAIT; expand++) {
    struct world *w = world_new(&(struct world_options){.prefetch = true, .expand = (enum xmpp_expand)expand});
    zone_add(&w->zone, "_xmpp-server._tcp.d.lab.", TYPE_SRV, 1, rd_srv(1, 1, 5269, "r0.d.lab."));
    zone_add(&w->zone, "r0.d.lab.", TYPE_CNAME, 60, rd_name("r1.d.lab."));
    zone_add(&w->zone, "r1.d.lab.", TYPE_CNAME, 60, rd_name("r0.d.lab."));
    for (unsigned ms = 0; ms < 60000; ms += 250) {
      client_ask_and_wait(w, "_xmpp-server._tcp.d.lab.", TYPE_SRV, HOW_EDNS);
      world_run_ms(w, 250);
    }
    cr_expect_leq(upstream_asked(w, "r0.d.lab.", TYPE_A), 5, "%u", upstream_asked(w, "r0.d.lab.", TYPE_A));
    cr_expect_eq(upstream_asked(w, "r1.d.lab.", 0), 0);
    world_free(w);
  }
}

Test(bounds, a_clients_own_question_goes_out_first) {
  struct world *w = world_new(&(struct world_options){.prefetch = true});
  ask_family(w, 1);
  cr_assert_gt(w->script.asked_count, 1);
  cr_expect_str_eq(w->script.asked[0].name, "_xmpp-server._tcp.n1.lab.");
  world_run_ms(w, 1000);
  world_free(w);
}

Test(bounds, the_best_targets_are_fetched_first) {
  struct world *w = world_new(&(struct world_options){.prefetch = true});
  for (unsigned i = 0; i < 100; i++) {
    char target[32];
    snprintf(target, sizeof target, "h%u.d.lab.", i);
    zone_add(&w->zone, "_xmpp-server._tcp.d.lab.", TYPE_SRV, 60,
             rd_srv((uint16_t)(100 - i), 1, 5269, target));
  }
  client_ask_and_wait(w, "_xmpp-server._tcp.d.lab.", TYPE_SRV, HOW_TCP);
  world_run_ms(w, 2000);
  cr_expect_eq(upstream_asked(w, "h99.d.lab.", TYPE_A), 1, "the first that a program tries");
  cr_expect_eq(upstream_asked(w, "h0.d.lab.", TYPE_A), 0, "the last");
  world_free(w);
}

Test(bounds, no_more_than_five_thousand_a_second_are_asked_ahead) {
  struct world *w = world_new(&(struct world_options){.prefetch = true});
  for (unsigned i = 0; i < 6000; i++) {
    ask_family(w, i);
    if (i % 6 == 5) world_run_ms(w, 1);
  }
  world_run_ms(w, 10);
  cr_expect_leq(w->counters.ahead, 2 * AHEAD_A_SECOND, "%lu", w->counters.ahead);
  cr_expect_gt(w->counters.ahead_dropped, 0);
  world_run_ms(w, 100);
  for (unsigned i = 0; i < w->heard_count; i++)
    cr_assert_eq(heard_wait_ms(w->heard[i]), WORLD_DELAY_MS, "client %u", i);
  world_free(w);
}

Test(bounds, no_more_than_four_thousand_are_in_flight_ahead) {
  struct world *w = world_new(&(struct world_options){.prefetch = true});
  world_fault(w, "", 0, FAULT_LOST);
  for (unsigned i = 0; i < 3000; i++) {
    ask_family(w, i);
    world_run_ms(w, 1);
    cr_assert_leq(w->counters.ahead, FORWARD_AHEAD + i, "%u clients", i);
  }
  cr_expect_leq(forward_in_flight(w->forward), 3000 + FORWARD_AHEAD);
  cr_expect_eq(w->counters.ahead, FORWARD_AHEAD);
  cr_expect_gt(w->counters.ahead_dropped, 0);
  world_run_ms(w, LATE_MS + PATIENCE_MS);
  cr_expect_eq(forward_in_flight(w->forward), 0);
  world_free(w);
}

Test(bounds, clients_are_not_turned_away_for_what_is_asked_ahead) {
  struct world *w = world_new(&(struct world_options){.prefetch = true});
  world_fault(w, "", 0, FAULT_LOST);
  for (unsigned i = 0; i < FORWARD_PENDING; i++) {
    cr_assert_not(is_answered(ask_family(w, i)), "client %u", i);
    if (i % 10 == 0) world_run_ms(w, 1);
  }
  cr_expect_gt(w->counters.ahead, 1000);
  cr_expect_eq(w->counters.turned_away, 0);
  world_run_ms(w, LATE_MS + PATIENCE_MS);
  world_free(w);
}

/* A server that answers no question of an attacker's, or takes its time: those that nobody waits for any more make room. */
Test(bounds, questions_that_only_a_late_answer_could_end_keep_nobody_out) {
  struct world *w = world_new(&(struct world_options){0});
  world_fault(w, "", 0, FAULT_LOST);
  for (unsigned i = 0; i < FORWARD_PENDING; i++) ask_family(w, i);
  world_run_ms(w, PATIENCE_MS + 100);
  world_heal(w);
  cr_assert_eq(forward_in_flight(w->forward), FORWARD_PENDING, "all of them are open for a late answer");
  for (unsigned i = 0; i < 1000; i++) {
    char name[32];
    snprintf(name, sizeof name, "good%u.lab.", i);
    cr_assert_eq(heard_rcode(client_ask_and_wait(w, name, TYPE_A, HOW_PLAIN)), RCODE_NXDOMAIN, "%s", name);
  }
  cr_expect_eq(w->counters.turned_away, 0);
  world_run_ms(w, LATE_MS);
  world_free(w);
}

Test(bounds, the_20001st_question_in_flight_is_turned_away_with_a_reason) {
  struct world *w = world_new(&(struct world_options){0});
  world_fault(w, "", 0, FAULT_LOST);
  for (unsigned i = 0; i < FORWARD_PENDING; i++) cr_assert_not(is_answered(ask_family(w, i)));
  char name[] = "_xmpp-server._tcp.n0.lab.";
  struct heard *follower = client_ask(w, name, TYPE_SRV, HOW_EDNS);
  struct heard *h = client_ask(w, "one-more.lab.", TYPE_A, HOW_EDNS);
  cr_assert(is_answered(h));
  cr_expect_eq(heard_rcode(h), RCODE_SERVFAIL);
  cr_expect_neq(heard_ede(h), -1);
  cr_expect_not(is_answered(follower), "who follows takes no place");
  world_heal(w);
  world_run_ms(w, PATIENCE_MS);
  cr_expect_eq(heard_rcode(client_ask_and_wait(w, "one-more.lab.", TYPE_A, HOW_EDNS)), RCODE_NXDOMAIN);
  world_free(w);
}
