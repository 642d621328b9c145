/* test_expand.c: SRV answers with their targets' addresses, as far as the cache has them. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "scenario/kit.h"

#define SRV "_xmpp-server._tcp.d.lab."

static struct world *world_expanding(enum xmpp_expand expand) {
  struct world *w = world_new(&(struct world_options){.xmpp.prefetch = true, .xmpp.expand = expand});
  zone_add(&w->zone, SRV, TYPE_SRV, 3600, rd_srv(20, 1, 5269, "second.d.lab."));
  zone_add(&w->zone, SRV, TYPE_SRV, 3600, rd_srv(10, 1, 5269, "first.d.lab."));
  zone_add(&w->zone, "first.d.lab.", TYPE_A, 60, rd_a("192.0.2.1"));
  zone_add(&w->zone, "first.d.lab.", TYPE_AAAA, 30, rd_aaaa("2001:db8::1"));
  zone_add(&w->zone, "second.d.lab.", TYPE_A, 600, rd_a("192.0.2.2"));
  return w;
}

/* The answer after everything was fetched. */
static struct heard *ask_warm(struct world *w, unsigned how) {
  client_ask_and_wait(w, SRV, TYPE_SRV, how);
  world_run_ms(w, 1000);
  struct heard *h = client_ask(w, SRV, TYPE_SRV, how);
  cr_assert(is_answered(h));
  return h;
}

Test(expand, adds_nothing_when_it_is_off) {
  struct world *w = world_expanding(XMPP_EXPAND_OFF);
  cr_expect_eq(heard_count(ask_warm(w, HOW_EDNS), SECTION_ADDITIONAL), 0);
  world_free(w);
}

Test(expand, does_not_hold_back_the_first_answer) {
  struct world *w = world_expanding(XMPP_EXPAND_CACHED);
  struct heard *h = client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS);
  cr_expect_eq(heard_wait_ms(h), WORLD_DELAY_MS);
  cr_expect_eq(heard_count(h, SECTION_ADDITIONAL), 0);
  world_free(w);
}

Test(expand, adds_the_addresses_in_the_order_in_which_targets_are_tried) {
  struct world *w = world_expanding(XMPP_EXPAND_CACHED);
  struct heard *h = ask_warm(w, HOW_EDNS);
  const struct seen *s = heard_seen(h);
  cr_expect(heard_truth(h));
  cr_assert_eq(s->ar, 3);
  cr_expect_eq(seen_record(s, SECTION_ADDITIONAL, 0)->owner[1], 'f');
  cr_expect_eq(seen_record(s, SECTION_ADDITIONAL, 1)->owner[1], 'f');
  cr_expect_eq(seen_record(s, SECTION_ADDITIONAL, 2)->owner[1], 's');
  cr_expect(heard_has(h, SECTION_ADDITIONAL, "first.d.lab.", TYPE_A, rd_a("192.0.2.1")));
  cr_expect(heard_has(h, SECTION_ADDITIONAL, "first.d.lab.", TYPE_AAAA, rd_aaaa("2001:db8::1")));
  cr_expect(heard_has(h, SECTION_ADDITIONAL, "second.d.lab.", TYPE_A, rd_a("192.0.2.2")));
  world_free(w);
}

Test(expand, every_record_keeps_its_own_ttl) {
  struct world *w = world_expanding(XMPP_EXPAND_CACHED);
  client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS);
  world_run_ms(w, WORLD_DELAY_MS); /* the addresses are born now */
  for (unsigned s = 0; s <= 25; s += 5) {
    struct heard *h = client_ask(w, SRV, TYPE_SRV, HOW_EDNS);
    cr_expect_leq(heard_ttl(h, SECTION_ADDITIONAL, "first.d.lab.", TYPE_AAAA), 30 - s, "after %u s", s);
    cr_expect_geq(heard_ttl(h, SECTION_ADDITIONAL, "first.d.lab.", TYPE_AAAA), 29 - s, "after %u s", s);
    cr_expect_leq(heard_ttl(h, SECTION_ADDITIONAL, "first.d.lab.", TYPE_A), 60 - s, "after %u s", s);
    cr_expect_geq(heard_ttl(h, SECTION_ADDITIONAL, "first.d.lab.", TYPE_A), 59 - s, "after %u s", s);
    cr_expect_eq(heard_ttl(h, SECTION_ANSWER, SRV, TYPE_SRV), 3600 - s, "after %u s", s);
    world_run_ms(w, 5000);
  }
  world_free(w);
}

/* Clients that read the additional section never ask for the address itself. */
Test(expand, an_address_that_runs_out_is_left_off_and_fetched_again) {
  struct world *w = world_expanding(XMPP_EXPAND_CACHED);
  client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS);
  for (unsigned s = 0; s < 600; s++) {
    world_run_ms(w, 1000);
    struct heard *h = client_ask(w, SRV, TYPE_SRV, HOW_EDNS);
    cr_assert(is_answered(h), "after %u s", s);
    if (heard_typed(h, SECTION_ADDITIONAL, TYPE_AAAA) == 1) continue;
    world_run_ms(w, 2000);
    h = client_ask(w, SRV, TYPE_SRV, HOW_EDNS);
    cr_assert_eq(heard_typed(h, SECTION_ADDITIONAL, TYPE_AAAA), 1, "left off for more than 2 s, after %u s",
                 s);
  }

  cr_expect_geq(upstream_asked(w, "first.d.lab.", TYPE_AAAA), 15, "%u",
                upstream_asked(w, "first.d.lab.", TYPE_AAAA));
  cr_expect_leq(upstream_asked(w, "first.d.lab.", TYPE_AAAA), 30, "%u",
                upstream_asked(w, "first.d.lab.", TYPE_AAAA));
  world_free(w);
}

Test(expand, a_changed_address_arrives_with_the_next_fetch) {
  struct world *w = world_expanding(XMPP_EXPAND_CACHED);
  ask_warm(w, HOW_EDNS);
  zone_remove(&w->zone, "first.d.lab.", TYPE_A);
  zone_add(&w->zone, "first.d.lab.", TYPE_A, 60, rd_a("192.0.2.99"));
  world_run_ms(w, 61000);
  client_ask_and_wait(w, "first.d.lab.", TYPE_A, HOW_EDNS);
  world_run_ms(w, 2000);
  struct heard *h = client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS);
  cr_expect_not(heard_has(h, SECTION_ADDITIONAL, "first.d.lab.", TYPE_A, rd_a("192.0.2.1")));
  cr_expect(heard_has(h, SECTION_ADDITIONAL, "first.d.lab.", TYPE_A, rd_a("192.0.2.99")));
  world_free(w);
}

Test(expand, never_sets_tc_and_leaves_off_whole_sets) {
  for (unsigned targets = 1; targets <= 14; targets++) {
    struct world *w = world_new(
        &(struct world_options){.xmpp.prefetch = true, .xmpp.expand = XMPP_EXPAND_CACHED});
    for (unsigned i = 0; i < targets; i++) {
      char target[32];
      snprintf(target, sizeof target, "h%u.d.lab.", i);
      zone_add(&w->zone, SRV, TYPE_SRV, 60, rd_srv(1, 1, 5269, target));
      zone_add(&w->zone, target, TYPE_A, 60, rd_a("192.0.2.1"));
      zone_add(&w->zone, target, TYPE_A, 60, rd_a("192.0.2.2"));
      zone_add(&w->zone, target, TYPE_AAAA, 60, rd_aaaa("2001:db8::1"));
    }
    for (unsigned use = 0; use < 3; use++) { /* more than seven targets are fetched in several goes */
      client_ask_and_wait(w, SRV, TYPE_SRV, HOW_PLAIN);
      world_run_ms(w, 1100);
    }
    struct heard *h = ask_warm(w, HOW_PLAIN), *big = client_ask(w, SRV, TYPE_SRV, HOW_BIG);
    cr_expect_not(heard_is_tc(h), "%u targets", targets);
    cr_expect_eq(heard_count(h, SECTION_ANSWER), targets);
    cr_expect_eq(heard_typed(h, SECTION_ADDITIONAL, TYPE_A) % 2, 0, "half a set with %u targets", targets);
    cr_expect_eq(heard_count(big, SECTION_ADDITIONAL), 3 * targets);
    world_free(w);
  }
}

Test(expand, signed_and_plain_answers_are_kept_apart) {
  struct world *w = world_expanding(XMPP_EXPAND_CACHED);
  w->zone.is_signed = true;
  struct heard *with = ask_warm(w, HOW_DO | HOW_BIG), *plain = ask_warm(w, HOW_BIG);
  cr_expect_eq(heard_typed(with, SECTION_ANSWER, TYPE_RRSIG), 1);
  cr_expect_eq(heard_typed(with, SECTION_ADDITIONAL, TYPE_RRSIG), 3);
  cr_expect_eq(heard_typed(plain, SECTION_ANSWER, TYPE_RRSIG), 0);
  cr_expect_eq(heard_typed(plain, SECTION_ADDITIONAL, TYPE_RRSIG), 0);
  cr_expect_eq(heard_count(plain, SECTION_ADDITIONAL), 3);
  world_free(w);
}

Test(expand, a_target_listed_twice_has_its_addresses_once) {
  struct world *w = world_expanding(XMPP_EXPAND_CACHED);
  zone_add(&w->zone, SRV, TYPE_SRV, 3600, rd_srv(30, 1, 5270, "First.d.lab."));
  cr_expect_eq(heard_count(ask_warm(w, HOW_EDNS), SECTION_ADDITIONAL), 3);
  world_free(w);
}

Test(expand, a_target_that_is_none_or_has_no_address_adds_nothing) {
  struct world *w = world_new(
      &(struct world_options){.xmpp.prefetch = true, .xmpp.expand = XMPP_EXPAND_CACHED});
  zone_add(&w->zone, SRV, TYPE_SRV, 60, rd_srv(0, 0, 0, "."));
  zone_add(&w->zone, "_xmpp-client._tcp.d.lab.", TYPE_SRV, 60, rd_srv(0, 0, 0, "none.d.lab."));
  cr_expect_eq(heard_count(ask_warm(w, HOW_EDNS), SECTION_ADDITIONAL), 0);
  cr_expect_eq(upstream_asked(w, ".", 0), 0);
  client_ask_and_wait(w, "_xmpp-client._tcp.d.lab.", TYPE_SRV, HOW_EDNS);
  world_run_ms(w, 1000);
  struct heard *h = client_ask(w, "_xmpp-client._tcp.d.lab.", TYPE_SRV, HOW_EDNS);
  cr_expect_eq(heard_count(h, SECTION_ADDITIONAL), 0);
  world_free(w);
}

/* Each name of a chain by its own answer, so each link takes one more use. */
static struct heard *ask_often(struct world *w, unsigned how, unsigned uses) {
  for (unsigned i = 1; i < uses; i++) {
    client_ask_and_wait(w, SRV, TYPE_SRV, how);
    world_run_ms(w, 1500);
  }
  return ask_warm(w, how);
}

Test(expand, the_alias_that_leads_to_an_address_comes_with_it) {
  struct world *w = world_expanding(XMPP_EXPAND_CACHED);
  zone_add(&w->zone, SRV, TYPE_SRV, 3600, rd_srv(1, 1, 5269, "alias.d.lab."));
  zone_add(&w->zone, "alias.d.lab.", TYPE_CNAME, 60, rd_name("third.d.lab."));
  zone_add(&w->zone, "third.d.lab.", TYPE_A, 60, rd_a("192.0.2.3"));
  struct heard *h = ask_often(w, HOW_EDNS, 3);
  cr_expect(heard_has(h, SECTION_ADDITIONAL, "alias.d.lab.", TYPE_CNAME, rd_name("third.d.lab.")));
  cr_expect(heard_has(h, SECTION_ADDITIONAL, "third.d.lab.", TYPE_A, rd_a("192.0.2.3")));
  world_free(w);
}

static struct msg lie;

/* SRV to two hosts; who answers for the first says that it is an alias of the second, and what address that
 * has. */
static struct world *world_of_liar(enum xmpp_expand expand) {
  struct world *w = world_new(&(struct world_options){.xmpp.prefetch = true, .xmpp.expand = expand});
  zone_add(&w->zone, SRV, TYPE_SRV, 3600, rd_srv(10, 1, 5269, "liar.d.lab."));
  zone_add(&w->zone, SRV, TYPE_SRV, 3600, rd_srv(20, 1, 5269, "victim.lab."));
  zone_add(&w->zone, "victim.lab.", TYPE_A, 600, rd_a("192.0.2.1"));
  msg_answer(&lie, "liar.d.lab.", TYPE_A, 0);
  msg_record(&lie, SECTION_ANSWER, "liar.d.lab.", TYPE_CNAME, 600, rd_name("victim.lab."));
  msg_record(&lie, SECTION_ANSWER, "victim.lab.", TYPE_A, 600, rd_a("203.0.113.66"));
  world_reply(w, "liar.d.lab.", TYPE_A, &lie);
  return w;
}

Test(expand, what_one_name_s_server_says_of_another_is_not_told_under_that_name) {
  for (unsigned expand = XMPP_EXPAND_CACHED; expand <= XMPP_EXPAND_WAIT; expand++) {
    struct world *w = world_of_liar((enum xmpp_expand)expand);
    for (unsigned use = 0; use < 4; use++) {
      struct heard *h = client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS);
      cr_expect_not(heard_has(h, SECTION_ADDITIONAL, "victim.lab.", TYPE_A, rd_a("203.0.113.66")), "use %u",
                    use);
      bool is_there = heard_has(h, SECTION_ADDITIONAL, "victim.lab.", TYPE_A, rd_a("192.0.2.1"));
      cr_expect_eq(is_there, use > 0 || expand == XMPP_EXPAND_WAIT, "the true one, use %u", use);
      world_run_ms(w, 1500);
    }
    world_free(w);
  }
}

Test(expand, an_alias_is_followed_by_each_name_s_own_answer) {
  struct world *w = world_new(
      &(struct world_options){.xmpp.prefetch = true, .xmpp.expand = XMPP_EXPAND_CACHED});
  zone_add(&w->zone, SRV, TYPE_SRV, 3600, rd_srv(10, 1, 5269, "l0.d.lab."));
  for (unsigned i = 0; i < 12; i++) {
    char from[32], to[32];
    snprintf(from, sizeof from, "l%u.d.lab.", i);
    snprintf(to, sizeof to, "l%u.d.lab.", i + 1);
    zone_add(&w->zone, from, TYPE_CNAME, 3600, rd_name(to));
  }
  zone_add(&w->zone, "l12.d.lab.", TYPE_A, 3600, rd_a("192.0.2.1"));
  struct heard *h = ask_often(w, HOW_BIG, 20);
  cr_expect_eq(heard_typed(h, SECTION_ADDITIONAL, TYPE_CNAME), 9, "the target and eight more");
  cr_expect_eq(upstream_asked(w, "l8.d.lab.", TYPE_A), 1);
  cr_expect_eq(upstream_asked(w, "l9.d.lab.", 0), 0, "no further");
  world_free(w);
}

Test(expand, aliases_in_a_ring_come_to_an_end) {
  struct world *w = world_new(
      &(struct world_options){.xmpp.prefetch = true, .xmpp.expand = XMPP_EXPAND_CACHED});
  static struct msg links[3];

  zone_add(&w->zone, SRV, TYPE_SRV, 3600, rd_srv(10, 1, 5269, "r0.d.lab."));
  for (unsigned i = 0; i < 3; i++) { /* each server tells its own part only: none sees the ring */
    char from[32], to[32];
    snprintf(from, sizeof from, "r%u.d.lab.", i);
    snprintf(to, sizeof to, "r%u.d.lab.", (i + 1) % 3);
    msg_answer(&links[i], from, TYPE_A, 0);
    msg_record(&links[i], SECTION_ANSWER, from, TYPE_CNAME, 3600, rd_name(to));
    msg_record(&links[i], SECTION_ANSWER, to, TYPE_A, 3600, rd_a("192.0.2.1"));
    world_reply(w, from, TYPE_A, &links[i]);
  }

  struct heard *h = ask_often(w, HOW_EDNS, 8);
  cr_expect_eq(heard_typed(h, SECTION_ADDITIONAL, TYPE_CNAME), 3, "each once");
  cr_expect_eq(heard_typed(h, SECTION_ADDITIONAL, TYPE_A), 0);
  for (unsigned i = 0; i < 3; i++) {
    char name[32];
    snprintf(name, sizeof name, "r%u.d.lab.", i);
    cr_expect_leq(upstream_asked(w, name, TYPE_A), 1, "%s", name);
  }

  world_free(w);
}

/* RFC 2181 section 5: a set of records stands in a message once, though A and AAAA lead through the same
 * alias, and two aliases to the same host. */
Test(expand, what_two_addresses_share_is_there_once) {
  for (unsigned how = HOW_BIG; how <= (HOW_BIG | HOW_DO); how += HOW_DO) {
    struct world *w = world_new(
        &(struct world_options){.xmpp.prefetch = true, .xmpp.expand = XMPP_EXPAND_CACHED});
    w->zone.is_signed = true;
    zone_add(&w->zone, SRV, TYPE_SRV, 3600, rd_srv(1, 1, 5269, "one.d.lab."));
    zone_add(&w->zone, SRV, TYPE_SRV, 3600, rd_srv(2, 1, 5269, "two.d.lab."));
    zone_add(&w->zone, "one.d.lab.", TYPE_CNAME, 60, rd_name("host.d.lab."));
    zone_add(&w->zone, "two.d.lab.", TYPE_CNAME, 60, rd_name("host.d.lab."));
    zone_add(&w->zone, "host.d.lab.", TYPE_A, 60, rd_a("192.0.2.3"));
    zone_add(&w->zone, "host.d.lab.", TYPE_A, 60, rd_a("192.0.2.4"));
    zone_add(&w->zone, "host.d.lab.", TYPE_AAAA, 60, rd_aaaa("2001:db8::3"));
    struct heard *h = ask_often(w, how, 3);
    cr_expect_eq(heard_typed(h, SECTION_ADDITIONAL, TYPE_CNAME), 2);
    cr_expect_eq(heard_typed(h, SECTION_ADDITIONAL, TYPE_A), 2);
    cr_expect_eq(heard_typed(h, SECTION_ADDITIONAL, TYPE_AAAA), 1);
    cr_expect_eq(heard_typed(h, SECTION_ADDITIONAL, TYPE_RRSIG), how & HOW_DO ? 4 : 0);
    world_free(w);
  }
}

Test(expand, addresses_asked_for_with_other_flags_are_not_added) {
  static const unsigned hows[] = {HOW_EDNS, HOW_DO, HOW_EDNS | HOW_CD, HOW_DO | HOW_CD};
  for (unsigned i = 0; i < 4; i++) {
    struct world *w = world_new(&(struct world_options){.xmpp.expand = XMPP_EXPAND_CACHED});
    zone_add(&w->zone, SRV, TYPE_SRV, 3600, rd_srv(1, 1, 5269, "host.d.lab."));
    zone_add(&w->zone, "host.d.lab.", TYPE_A, 60, rd_a("192.0.2.3"));
    client_ask_and_wait(w, "host.d.lab.", TYPE_A, hows[i]);
    for (unsigned k = 0; k < 4; k++) {
      struct heard *h = client_ask_and_wait(w, SRV, TYPE_SRV, hows[k]);
      cr_expect_eq(heard_count(h, SECTION_ADDITIONAL), i == k, "address with %u, SRV with %u", hows[i],
                   hows[k]);
    }
    world_free(w);
  }
}

Test(expand, other_services_are_left_alone_unless_told) {
  for (unsigned all = 0; all < 2; all++) {
    struct world *w = world_new(&(struct world_options){
        .xmpp.prefetch = true, .xmpp.expand = XMPP_EXPAND_CACHED, .xmpp.expand_all = all});
    zone_add(&w->zone, "_sip._tcp.d.lab.", TYPE_SRV, 60, rd_srv(1, 1, 5060, "first.d.lab."));
    zone_add(&w->zone, "first.d.lab.", TYPE_A, 60, rd_a("192.0.2.1"));
    client_ask_and_wait(w, "first.d.lab.", TYPE_A, HOW_PLAIN);
    struct heard *h = client_ask_and_wait(w, "_sip._tcp.d.lab.", TYPE_SRV, HOW_PLAIN);
    cr_expect_eq(heard_count(h, SECTION_ADDITIONAL), all);
    world_run_ms(w, 1000);
    world_free(w);
  }
}

Test(expand, nothing_is_fetched_for_it_when_asking_ahead_is_off) {
  struct world *w = world_new(&(struct world_options){.xmpp.expand = XMPP_EXPAND_CACHED});
  zone_add_domain(&w->zone, 0, 60);
  for (unsigned i = 0; i < 5; i++) {
    client_ask_and_wait(w, "_xmpp-server._tcp.d0.lab.", TYPE_SRV, HOW_EDNS);
    world_run_ms(w, 2000);
  }
  cr_expect_eq(w->script.asked_count, 1);
  client_ask_and_wait(w, "xmpp.d0.lab.", TYPE_A, HOW_EDNS);
  world_run_ms(w, 2000);
  struct heard *h = client_ask(w, "_xmpp-server._tcp.d0.lab.", TYPE_SRV, HOW_EDNS);
  cr_expect_eq(heard_count(h, SECTION_ADDITIONAL), 1, "what a client has asked for is there");
  world_free(w);
}

/* Servers that can be reached over Tor do name such targets; who asks DNS for them tells on its clients. */
Test(expand, rfc7686_the_address_of_an_onion_target_is_never_asked_for) {
  static const enum xmpp_expand modes[] = {XMPP_EXPAND_OFF, XMPP_EXPAND_CACHED, XMPP_EXPAND_WAIT};
  for (unsigned i = 0; i < 3; i++) {
    struct world *w = world_expanding(modes[i]);
    zone_add(&w->zone, SRV, TYPE_SRV, 3600, rd_srv(5, 1, 5269, "x.onion."));
    cr_expect(heard_truth(ask_warm(w, HOW_EDNS)));
    cr_expect_eq(upstream_asked(w, "x.onion.", 0), 0);
    cr_expect_eq(upstream_asked(w, "first.d.lab.", TYPE_A), 1);
    world_free(w);
  }
}
