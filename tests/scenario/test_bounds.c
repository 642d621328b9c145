/* test_bounds.c: what is asked ahead and what is kept in flight have limits, and clients go first. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "scenario/kit.h"

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

static unsigned asked_of(const struct world *w, uint16_t type) { return upstream_asked(w, "", type); }

/* Without those that were sent again because the reply was late or too long for UDP. */
static unsigned asked_once(const struct world *w) {
  unsigned n = 0;
  for (unsigned i = 0; i < w->script.asked_count; i++) {
    const struct upstream_question *u = &w->script.asked[i];
    unsigned k = 0;
    while (k < i && (strcmp(w->script.asked[k].name, u->name) != 0 || w->script.asked[k].type != u->type))
      k++;
    n += k == i;
  }
  return n;
}

Test(bounds, one_question_costs_at_most_sixteen_upstream_with_dane_too) {
  for (unsigned i = 0; i < 3 * 2 * 2 * 3; i++) {
    enum xmpp_expand expand = (enum xmpp_expand)(i % 3);
    bool dane = i / 3 % 2, ahead = i / 6 % 2;
    static const char *const services[] = {"_xmpp-server._tcp.d.lab.", "_xmpps-server._tcp.d.lab.",
                                           "_sip._tcp.d.lab."};
    struct world *w = world_new(&(struct world_options){
        .xmpp.prefetch = ahead, .xmpp.expand = expand, .xmpp.expand_all = true, .forward.trust_ad = dane});
    w->script.authentic = dane;
    for (unsigned k = 0; k < 3; k++) add_targets(w, services[k], 1000);
    /* long after its sibling's targets were asked for */
    world_late(w, "_xmpp-server._tcp.d.lab.", TYPE_SRV, 1100);
    struct heard *h = client_ask_and_wait(w, services[i / 12], TYPE_SRV, HOW_TCP | HOW_RAW);
    world_run_ms(w, 20000);
    cr_expect_eq(load_u16(h->msg + 6), 1000, "whole over TCP");
    cr_expect_leq(asked_once(w), 16, "%s, expand %u, DANE %u, ahead %u: %u", services[i / 12], expand, dane,
                  ahead, asked_once(w));
    if (ahead && i / 12 < 2) {
      cr_expect_eq(asked_once(w), 16, "%s, expand %u, DANE %u: %u", services[i / 12], expand, dane,
                   asked_once(w));
      cr_expect_eq(asked_of(w, TYPE_TLSA) > 0, dane);
    }
    world_free(w);
  }
}

/* What programs ask for besides, asked ahead for whoever comes next, is counted as well. */
Test(bounds, capabilities_do_not_make_a_question_cost_more) {
  struct world *w = world_new(
      &(struct world_options){.xmpp.prefetch = true, .xmpp.expand = XMPP_EXPAND_WAIT});
  client_ask_and_wait(w, "_5269._tcp.other.lab.", TYPE_TLSA, HOW_TCP);
  client_ask_and_wait(w, "_jabber._tcp.other.lab.", TYPE_SRV, HOW_TCP);
  add_targets(w, "_xmpp-server._tcp.d.lab.", 30);
  unsigned before = w->script.asked_count;
  client_ask_and_wait(w, "_xmpp-server._tcp.d.lab.", TYPE_SRV, HOW_TCP);
  world_run_ms(w, 5000);
  cr_expect_eq(upstream_asked(w, "_jabber._tcp.d.lab.", TYPE_SRV), 1);
  cr_expect_eq(upstream_asked(w, "_5269._tcp.d.lab.", TYPE_TLSA), 1);
  cr_expect_eq(upstream_asked(w, "_5269._tcp.h0.d.lab.", TYPE_TLSA), 1);
  cr_expect_eq(w->script.asked_count - before, 16, "%u", w->script.asked_count - before);
  world_free(w);
}

Test(bounds, a_domain_of_four_targets_is_fetched_whole_at_once) {
  for (unsigned dane = 0; dane < 2; dane++) {
    struct world *w = world_new(
        &(struct world_options){.xmpp.prefetch = true, .xmpp.expand = XMPP_EXPAND_CACHED});
    if (dane) client_ask_and_wait(w, "_5269._tcp.other.lab.", TYPE_TLSA, HOW_TCP);
    add_targets(w, "_xmpp-server._tcp.d.lab.", 4 - dane);
    add_targets(w, "_xmpps-server._tcp.d.lab.", 4 - dane);
    client_ask_and_wait(w, "_xmpps-server._tcp.d.lab.", TYPE_SRV, HOW_EDNS);
    world_run_ms(w, 900);
    cr_expect_eq(asked_of(w, TYPE_A), 4 - dane + 1, "and the domain's own");
    cr_expect_eq(asked_of(w, TYPE_AAAA), 4 - dane + 1);
    cr_expect_eq(asked_of(w, TYPE_TLSA), dane ? 1 + 4 : 0);
    world_free(w);
  }
}

Test(bounds, the_other_targets_are_fetched_when_the_srv_is_used_again) {
  for (unsigned expand = XMPP_EXPAND_OFF; expand <= XMPP_EXPAND_WAIT; expand++) {
    struct world *w = world_new(
        &(struct world_options){.xmpp.prefetch = true, .xmpp.expand = (enum xmpp_expand)expand});
    for (unsigned i = 0; i < 30; i++) {
      char target[32];
      snprintf(target, sizeof target, "h%u.d.lab.", i);
      zone_add(&w->zone, "_xmpp-server._tcp.d.lab.", TYPE_SRV, 600, rd_srv((uint16_t)i, 1, 5269, target));
      zone_add(&w->zone, target, TYPE_A, 600, rd_a("192.0.2.1"));
    }
    w->zone.negative_ttl = 600;
    unsigned before = 0;
    for (unsigned use = 0; use < 6; use++) {
      client_ask_and_wait(w, "_xmpp-server._tcp.d.lab.", TYPE_SRV, HOW_TCP);
      world_run_ms(w, 1900);
      cr_expect_leq(w->script.asked_count - before, 16, "expand %u, use %u", expand, use);
      before = w->script.asked_count;
    }
    cr_expect_eq(asked_of(w, TYPE_A), 31, "expand %u: %u", expand, asked_of(w, TYPE_A));
    cr_expect_eq(asked_of(w, TYPE_AAAA), 31);
    struct heard *h = client_ask(w, "_xmpp-server._tcp.d.lab.", TYPE_SRV, HOW_TCP);
    cr_expect_eq(heard_typed(h, SECTION_ADDITIONAL, TYPE_A) > 0, expand != XMPP_EXPAND_OFF);
    world_run_ms(w, 1000);
    cr_expect_eq(w->script.asked_count, before, "nothing is left to ask");
    world_free(w);
  }
}

/* One use in the second half of the TTL marks addresses for renewal, too. */
Test(bounds, one_use_of_a_cached_answer_costs_at_most_sixteen_upstream) {
  struct world *w = world_new(
      &(struct world_options){.xmpp.prefetch = true, .xmpp.expand = XMPP_EXPAND_CACHED});
  add_targets(w, "_xmpp-server._tcp.d.lab.", 32);
  w->zone.negative_ttl = 60;
  for (unsigned use = 0; use < 12; use++) {
    client_ask_and_wait(w, "_xmpp-server._tcp.d.lab.", TYPE_SRV, HOW_TCP);
    world_run_ms(w, 1500);
  }

  cr_assert_eq(asked_of(w, TYPE_A), 33);
  world_run_ms(w, 30000);
  unsigned before = w->script.asked_count;
  client_ask(w, "_xmpp-server._tcp.d.lab.", TYPE_SRV, HOW_TCP);
  world_run_ms(w, 120000);
  cr_expect_leq(w->script.asked_count - before, 16, "%u", w->script.asked_count - before);
  cr_expect_gt(w->script.asked_count, before, "it is in use");
  world_free(w);
}

Test(bounds, four_workers_share_one_budget) {
  enum { WORKERS = 4, DOMAINS = 1500 };
  static struct xmpp_budget budget;
  struct world *workers[WORKERS];
  unsigned ahead = 0;
  for (unsigned i = 0; i < WORKERS; i++)
    workers[i] = world_new(&(struct world_options){.xmpp.prefetch = true, .budget = &budget});
  for (unsigned i = 0; i < DOMAINS; i++) {
    for (unsigned k = 0; k < WORKERS; k++) {
      ask_family(workers[k], k * DOMAINS + i);
      if (i % 2) world_run_ms(workers[k], 1);
    }
  }

  for (unsigned i = 0; i < WORKERS; i++) {
    ahead += (unsigned)workers[i]->counters.background;
    cr_expect_gt(workers[i]->counters.background, AHEAD_A_SECOND / 10, "each has its part");
    world_run_ms(workers[i], 100);
    world_free(workers[i]);
  }

  cr_expect_eq(ahead, AHEAD_A_SECOND, "%u", ahead);
}

/* So that nobody has other people's resolvers ask a third party's servers. */
Test(bounds, targets_in_a_third_domain_are_bounded) {
  static const struct {
    const char *first,
        *rest; /* of each target's name, around a number; NULL: they lie below the domain itself */
    unsigned most, least;
  } rows[] = {
      {"t", "victim.lab.", 32, 32},
      {"t.m", "victim.lab.", 256, 200}, /* a parent for each, made up */
      {"t", "lab.", 256, 200},          /* directly below a top-level domain */
      {NULL, "", 100000, 300 * 11},     /* no third party */
  };
  for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct world *w = world_new(
        &(struct world_options){.xmpp.prefetch = true, .xmpp.expand = XMPP_EXPAND_WAIT});
    unsigned before = 0, third = 0;
    for (unsigned n = 0; n < 300; n++) {
      char service[48], target[48];
      snprintf(service, sizeof service, "_xmpp-client._tcp.n%u.lab.", n);
      for (unsigned k = 0; k < 6; k++) {
        if (!rows[i].first) snprintf(target, sizeof target, "t%u.n%u.lab.", k, n);
        else snprintf(target, sizeof target, "%s%u.%s", rows[i].first, n * 10 + k, rows[i].rest);
        zone_add(&w->zone, service, TYPE_SRV, 60, rd_srv((uint16_t)k, 1, 5222, target));
      }
      client_ask(w, service, TYPE_SRV, HOW_TCP);
      world_run_ms(w, 2);
    }
    world_run_ms(w, 300);
    for (unsigned k = before; k < w->script.asked_count; k++) third += w->script.asked[k].name[0] == 't';
    cr_expect_leq(third, rows[i].most, "row %u: %u", i, third);
    cr_expect_geq(third, rows[i].least, "row %u: %u", i, third);
    world_run_ms(w, 3000);
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

/* Both services, their targets and what is remembered of them. */
Test(bounds, a_domain_has_one_bound_for_all_its_services) {
  for (unsigned expand = XMPP_EXPAND_OFF; expand <= XMPP_EXPAND_WAIT; expand++) {
    struct world *w = world_new(
        &(struct world_options){.xmpp.prefetch = true, .xmpp.expand = (enum xmpp_expand)expand});
    for (unsigned visit = 0; visit < 2; visit++) {
      unsigned before = w->script.asked_count, addresses = 0;
      add_named(w, "_xmpp-server._tcp.d.lab.", visit ? "c" : "a", 100, 60);
      add_named(w, "_xmpps-server._tcp.d.lab.", visit ? "d" : "b", 100, 60);
      client_ask(w, "_xmpps-server._tcp.d.lab.", TYPE_SRV, HOW_TCP);
      client_ask(w, "_xmpp-server._tcp.d.lab.", TYPE_SRV, HOW_TCP);
      world_run_ms(w, 900);
      for (unsigned i = before; i < w->script.asked_count; i++)
        addresses += w->script.asked[i].type != TYPE_SRV;
      cr_expect_leq(addresses, 14, "expand %u, visit %u: %u", expand, visit, addresses);
      cr_expect_geq(addresses, 13);
      world_run_ms(w, 70100); /* begins a second, too */
    }
    world_free(w);
  }
}

Test(bounds, a_domain_whose_every_answer_names_other_targets_has_fifteen_asked_ahead_a_second) {
  struct world *w = world_new(&(struct world_options){.xmpp.prefetch = true});
  for (unsigned ms = 0; ms < 2000; ms += 50) {
    char prefix[16];
    snprintf(prefix, sizeof prefix, "at%u-", ms);
    add_named(w, "_xmpp-client._tcp.d.lab.", prefix, 30, 0);
    client_ask_and_wait(w, "_xmpp-client._tcp.d.lab.", TYPE_SRV, HOW_TCP);
    world_run_ms(w, 10);
  }
  cr_expect_geq(upstream_asked(w, "_xmpp-client._tcp.d.lab.", TYPE_SRV), 40);
  /* of two seconds and what was begun of a third */
  cr_expect_leq(w->counters.background, 2 * 15 + 15, "%lu", (unsigned long)w->counters.background);
  cr_expect_gt(w->counters.prefetch_dropped, 0);
  world_free(w);
}

Test(bounds, a_target_in_a_ring_of_aliases_is_asked_for_ever_more_seldom) {
  for (unsigned expand = XMPP_EXPAND_OFF; expand <= XMPP_EXPAND_WAIT; expand++) {
    struct world *w = world_new(
        &(struct world_options){.xmpp.prefetch = true, .xmpp.expand = (enum xmpp_expand)expand});
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
  struct world *w = world_new(&(struct world_options){.xmpp.prefetch = true});
  ask_family(w, 1);
  cr_assert_gt(w->script.asked_count, 1);
  cr_expect_str_eq(w->script.asked[0].name, "_xmpp-server._tcp.n1.lab.");
  world_run_ms(w, 1000);
  world_free(w);
}

Test(bounds, the_best_targets_are_fetched_first) {
  struct world *w = world_new(&(struct world_options){.xmpp.prefetch = true});
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
  struct world *w = world_new(&(struct world_options){.xmpp.prefetch = true});
  for (unsigned i = 0; i < 6000; i++) {
    ask_family(w, i);
    if (i % 6 == 5) world_run_ms(w, 1);
  }
  world_run_ms(w, 10);
  cr_expect_leq(w->counters.background, 2 * AHEAD_A_SECOND, "%lu", (unsigned long)w->counters.background);
  cr_expect_gt(w->counters.prefetch_dropped, 0);
  world_run_ms(w, 100);
  for (unsigned i = 0; i < w->heard_count; i++)
    cr_assert_eq(heard_wait_ms(w->heard[i]), WORLD_DELAY_MS, "client %u", i);
  world_free(w);
}

Test(bounds, no_more_than_four_thousand_are_in_flight_ahead) {
  struct world *w = world_new(&(struct world_options){.xmpp.prefetch = true});
  world_fault(w, "", 0, FAULT_LOST);
  for (unsigned i = 0; i < 3000; i++) {
    ask_family(w, i);
    world_run_ms(w, 1);
    cr_assert_leq(w->counters.background, FORWARD_PREFETCHES + i, "%u clients", i);
  }
  cr_expect_leq(forward_in_flight(w->wiring.forward), 3000 + FORWARD_PREFETCHES);
  cr_expect_eq(w->counters.background, FORWARD_PREFETCHES);
  cr_expect_gt(w->counters.prefetch_dropped, 0);
  world_run_ms(w, LATE_MS + PATIENCE_MS);
  cr_expect_eq(forward_in_flight(w->wiring.forward), 0);
  world_free(w);
}

Test(bounds, clients_are_not_turned_away_for_what_is_asked_ahead) {
  struct world *w = world_new(&(struct world_options){.xmpp.prefetch = true});
  world_fault(w, "", 0, FAULT_LOST);
  for (unsigned i = 0; i < FORWARD_PENDING; i++) {
    cr_assert_not(is_answered(ask_family(w, i)), "client %u", i);
    if (i % 10 == 0) world_run_ms(w, 1);
  }
  cr_expect_gt(w->counters.background, 1000);
  cr_expect_eq(w->counters.rejected, 0);
  world_run_ms(w, LATE_MS + PATIENCE_MS);
  world_free(w);
}

/* A server that answers no question of an attacker's, or takes its time: those that nobody waits for any more
 * make room. */
Test(bounds, questions_that_only_a_late_answer_could_end_keep_nobody_out) {
  struct world *w = world_new(&(struct world_options){0});
  world_fault(w, "", 0, FAULT_LOST);
  for (unsigned i = 0; i < FORWARD_PENDING; i++) ask_family(w, i);
  world_run_ms(w, PATIENCE_MS + 100);
  world_heal(w);
  cr_assert_eq(forward_in_flight(w->wiring.forward), FORWARD_PENDING,
               "all of them are open for a late answer");
  for (unsigned i = 0; i < 1000; i++) {
    char name[32];
    snprintf(name, sizeof name, "good%u.lab.", i);
    cr_assert_eq(heard_rcode(client_ask_and_wait(w, name, TYPE_A, HOW_PLAIN)), RCODE_NXDOMAIN, "%s", name);
  }
  cr_expect_eq(w->counters.rejected, 0);
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
