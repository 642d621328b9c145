/* test_alias.c: aliases that lead from one set of servers to another, or into a local zone: each name goes
 * its own way. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "scenario/kit.h"
#include "zones/zone_kit.h"

enum { CORP = 1, OTHERS = 0 }; /* servers */

static struct world *w;
static struct list sets;
static struct routes routes;
static struct zones *lab;
static struct msg reply;

/* corp.lab. and all below it have a server of their own. */
static void start(void) {
  w = world_new(&(struct world_options){.forward.max_stale_s = 3600});
  list_init(&sets);
  struct upstream *corp = upstream_new(&sets, UPSTREAM_FASTEST);
  script_server(&w->script, corp, CORP, "192.0.2.2");
  routes = (struct routes){
      .rest = &w->upstream, .count = 1, .list = {{.upstream = corp, .name_len = 10, .name = "\4corp\3lab"}}};

  struct forward_options o = *forward_options(w->wiring.forward);
  o.routes = &routes;
  forward_set_options(w->wiring.forward, &o);

  zone_add(&w->zone, "in.corp.lab.", TYPE_A, 20, rd_a("10.0.0.9"));
  zone_add(&w->zone, "out.lab.", TYPE_A, 30, rd_a("192.0.2.9"));
}

static void stop(void) {
  upstream_release(routes.list[0].upstream);
  struct forward_options o = *forward_options(w->wiring.forward);
  o.routes = &w->tables.routes;
  forward_set_options(w->wiring.forward, &o);
  world_free(w);
  zones_free(lab);
}

TestSuite(alias, .init = start, .fini = stop);

/* All replies to `from` are an alias that lasts 60 s, and this RCODE with a SOA for what it leads to. */
static void lead(const char *from, const char *to, unsigned rcode) {
  msg_answer(&reply, from, TYPE_A, rcode);
  msg_record(&reply, SECTION_ANSWER, from, TYPE_CNAME, 60, rd_name(to));
  msg_record(&reply, SECTION_AUTHORITY, "lab.", TYPE_SOA, 10, rd_soa("ns.lab.", "who.lab.", 10));
  world_reply(w, from, TYPE_A, &reply);
}

static int server_of(const char *name) { return (int)upstream_last(w, name, TYPE_A)->server; }

static void expect_led(const struct heard *h, const char *from, const char *to, const char *address) {
  cr_expect_eq(heard_rcode(h), RCODE_NOERROR);
  cr_expect_eq(heard_count(h, SECTION_ANSWER), 2);
  cr_expect_eq(heard_count(h, SECTION_AUTHORITY), 0);
  cr_expect(heard_has(h, SECTION_ANSWER, from, TYPE_CNAME, rd_name(to)));
  cr_expect(heard_has(h, SECTION_ANSWER, to, TYPE_A, rd_a(address)));
}

Test(alias, into_a_domain_with_servers_of_its_own_is_asked_there) {
  lead("www.lab.", "in.corp.lab.", RCODE_NXDOMAIN);
  struct heard *h = client_ask_and_wait(w, "www.lab.", TYPE_A, HOW_EDNS);
  expect_led(h, "www.lab.", "in.corp.lab.", "10.0.0.9");
  cr_expect_eq(server_of("www.lab."), OTHERS);
  cr_expect_eq(server_of("in.corp.lab."), CORP);
  cr_expect_eq(heard_wait_ms(h), 2 * WORLD_DELAY_MS);
}

Test(alias, out_of_such_a_domain_is_asked_of_the_others) {
  lead("www.corp.lab.", "out.lab.", 0);
  expect_led(client_ask_and_wait(w, "www.corp.lab.", TYPE_A, HOW_PLAIN), "www.corp.lab.", "out.lab.",
             "192.0.2.9");
  cr_expect_eq(server_of("www.corp.lab."), CORP);
  cr_expect_eq(server_of("out.lab."), OTHERS);
}

Test(alias, what_the_wrong_servers_say_of_its_target_is_dropped) {
  msg_answer(&reply, "www.lab.", TYPE_A, 0);
  msg_record(&reply, SECTION_ANSWER, "www.lab.", TYPE_CNAME, 60, rd_name("in.corp.lab."));
  msg_record(&reply, SECTION_ANSWER, "in.corp.lab.", TYPE_A, 60, rd_a("198.51.100.66"));
  world_reply(w, "www.lab.", TYPE_A, &reply);
  expect_led(client_ask_and_wait(w, "www.lab.", TYPE_A, HOW_TCP), "www.lab.", "in.corp.lab.", "10.0.0.9");
}

Test(alias, of_a_dname_is_followed_the_same_way) {
  msg_answer(&reply, "in.old.lab.", TYPE_A, RCODE_NXDOMAIN);
  msg_record(&reply, SECTION_ANSWER, "old.lab.", TYPE_DNAME, 60, rd_name("corp.lab."));
  world_reply(w, "in.old.lab.", TYPE_A, &reply);
  struct heard *h = client_ask_and_wait(w, "in.old.lab.", TYPE_A, HOW_EDNS);
  cr_expect_eq(heard_rcode(h), RCODE_NOERROR);
  cr_expect_eq(heard_typed(h, SECTION_ANSWER, TYPE_DNAME), 1);
  cr_expect(heard_has(h, SECTION_ANSWER, "in.old.lab.", TYPE_CNAME, rd_name("in.corp.lab.")));
  cr_expect(heard_has(h, SECTION_ANSWER, "in.corp.lab.", TYPE_A, rd_a("10.0.0.9")));
}

Test(alias, itself_is_answered_without_being_followed) {
  lead("www.lab.", "in.corp.lab.", 0);
  msg_answer(&reply, "www.lab.", TYPE_CNAME, 0);
  msg_record(&reply, SECTION_ANSWER, "www.lab.", TYPE_CNAME, 60, rd_name("in.corp.lab."));
  world_reply(w, "www.lab.", TYPE_CNAME, &reply);
  cr_expect_eq(heard_count(client_ask_and_wait(w, "www.lab.", TYPE_CNAME, HOW_EDNS), SECTION_ANSWER), 1);
  cr_expect_eq(upstream_asked(w, "in.corp.lab.", 0), 0);
}

Test(alias, and_its_target_are_kept_as_long_as_both_last) {
  lead("www.lab.", "in.corp.lab.", 0);
  client_ask_and_wait(w, "www.lab.", TYPE_A, HOW_EDNS);
  world_run_ms(w, 15000);
  struct heard *h = client_ask(w, "www.lab.", TYPE_A, HOW_EDNS);
  cr_assert(is_answered(h));
  expect_led(h, "www.lab.", "in.corp.lab.", "10.0.0.9");
  cr_expect_eq(upstream_asked(w, "www.lab.", TYPE_A), 1);
  world_run_ms(w, 10000); /* the address has run out, the alias not */
  zone_remove(&w->zone, "in.corp.lab.", TYPE_A);
  zone_add(&w->zone, "in.corp.lab.", TYPE_A, 20, rd_a("10.0.0.10"));
  expect_led(client_ask_and_wait(w, "www.lab.", TYPE_A, HOW_EDNS), "www.lab.", "in.corp.lab.", "10.0.0.10");
}

Test(alias, to_a_name_that_is_not_there_is_denied_by_those_who_know) {
  lead("www.lab.", "no.corp.lab.", 0);
  struct heard *h = client_ask_and_wait(w, "www.lab.", TYPE_A, HOW_EDNS);
  cr_expect_eq(heard_rcode(h), RCODE_NXDOMAIN);
  cr_expect_eq(heard_count(h, SECTION_ANSWER), 1);
  cr_expect_eq(heard_typed(h, SECTION_AUTHORITY, TYPE_SOA), 1);
  cr_expect(is_answered(client_ask(w, "www.lab.", TYPE_A, HOW_EDNS)), "and that is kept");
}

Test(alias, to_servers_that_fail_is_a_failure_or_stale) {
  lead("www.lab.", "in.corp.lab.", 0);
  client_ask_and_wait(w, "www.lab.", TYPE_A, HOW_EDNS);
  world_server_fault(w, CORP, FAULT_SERVFAIL);
  world_run_ms(w, 25000);
  struct heard *h = client_ask_and_wait(w, "www.lab.", TYPE_A, HOW_EDNS);
  expect_led(h, "www.lab.", "in.corp.lab.", "10.0.0.9");
  cr_expect_eq(heard_ede(h), 3, "stale");
  lead("new.lab.", "new.corp.lab.", 0);
  cr_expect_eq(heard_rcode(client_ask_and_wait(w, "new.lab.", TYPE_A, HOW_EDNS)), RCODE_SERVFAIL);
}

Test(alias, to_silent_servers_costs_no_more_patience_than_any_question) {
  lead("www.lab.", "in.corp.lab.", 0);
  world_server_fault(w, CORP, FAULT_LOST);
  struct heard *h = client_ask_and_wait(w, "www.lab.", TYPE_A, HOW_EDNS);
  cr_expect_eq(heard_rcode(h), RCODE_SERVFAIL);
  cr_expect_leq(heard_wait_ms(h), PATIENCE_MS + 1);
}

Test(alias, in_a_ring_of_both_fails_at_once) {
  lead("a.lab.", "b.corp.lab.", 0);
  lead("b.corp.lab.", "a.lab.", 0);
  struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_EDNS);
  cr_expect_eq(heard_rcode(h), RCODE_SERVFAIL);
  cr_expect_leq(heard_wait_ms(h), 4 * WORLD_DELAY_MS);
  cr_expect_leq(upstream_asked(w, "", 0), 2);
}

Test(alias, leads_on_eight_times_at_most) {
  char from[32], to[32];
  for (unsigned i = 0; i < 12; i++) {
    snprintf(from, sizeof from, "l%u.%slab.", i, i % 2 ? "corp." : "");
    snprintf(to, sizeof to, "l%u.%slab.", i + 1, i % 2 ? "" : "corp.");
    lead(from, to, 0);
  }
  cr_expect_eq(heard_rcode(client_ask_and_wait(w, "l0.lab.", TYPE_A, HOW_EDNS)), RCODE_SERVFAIL);
  cr_expect_eq(upstream_asked(w, "", 0), 1 + FORWARD_ALIASES);
}

Test(alias, into_a_local_zone_is_answered_from_there) {
  wiring_set_zones(&w->wiring, lab = zones_of("xmpp A 192.0.2.77\n"));
  lead("www.corp.lab.", "xmpp.zone.lab.", RCODE_NXDOMAIN);
  expect_led(client_ask_and_wait(w, "www.corp.lab.", TYPE_A, HOW_EDNS), "www.corp.lab.", "xmpp.zone.lab.",
             "192.0.2.77");
  cr_expect_eq(upstream_asked(w, "xmpp.zone.lab.", 0), 0);
}

Test(alias, from_a_local_zone_through_servers_back_into_it_ends) {
  wiring_set_zones(&w->wiring, lab = zones_of("a CNAME b.corp.lab.\n"));
  lead("b.corp.lab.", "a.zone.lab.", 0);
  struct heard *h = client_ask_and_wait(w, "a.zone.lab.", TYPE_A, HOW_EDNS);
  cr_expect_eq(heard_rcode(h), RCODE_SERVFAIL);
  cr_expect_leq(heard_wait_ms(h), 2 * WORLD_DELAY_MS);
  cr_expect_leq(upstream_asked(w, "", 0), 2);
}

Test(alias, is_given_up_without_harm_when_all_stops) {
  lead("www.lab.", "in.corp.lab.", 0);
  struct heard *h = client_ask(w, "www.lab.", TYPE_A, HOW_EDNS);
  world_run_ms(w, WORLD_DELAY_MS + 10);
  cr_expect(!is_answered(h) && upstream_asked(w, "in.corp.lab.", TYPE_A) == 1);
}

Test(alias, is_asked_anew_when_its_own_servers_change_meanwhile) {
  lead("www.lab.", "in.corp.lab.", 0);
  struct heard *h = client_ask(w, "www.lab.", TYPE_A, HOW_EDNS);
  world_run_ms(w, WORLD_DELAY_MS + 10);
  forward_reroute(w->wiring.forward, w->now_ms);
  client_wait(h);
  expect_led(h, "www.lab.", "in.corp.lab.", "10.0.0.9");
}

/* ---- the whole ---- */

static struct msg part;

Test(alias, whose_target_comes_in_part_is_a_part_and_not_kept) {
  struct fault_rule cut = {
      .name = "in.corp.lab.", .server = CORP, .fault = FAULT_MADE, .over_udp = true, .made = &part};
  msg_answer(&part, "in.corp.lab.", TYPE_A, 0);
  msg_record(&part, SECTION_ANSWER, "in.corp.lab.", TYPE_A, 60, rd_a("10.0.0.9"));
  msg_record(&part, SECTION_ANSWER, "in.corp.lab.", TYPE_A, 60, rd_a("10.0.0.10"));
  part.len -= 3;
  part.octets[2] |= DNS_TC;
  script_rule(&w->script, &cut);
  w->script.no_tcp = true;
  lead("www.lab.", "in.corp.lab.", 0);
  for (unsigned i = 0; i < 2; i++) {
    struct heard *h = client_ask_and_wait(w, "www.lab.", TYPE_A, HOW_EDNS);
    expect_led(h, "www.lab.", "in.corp.lab.", "10.0.0.9");
    cr_expect(heard_is_tc(h));
  }

  cr_expect_eq(w->counters.stored, 0);
}

Test(alias, to_a_private_address_is_refused_where_the_name_asked_for_may_not_have_one) {
  static const struct rebind filter = {
      .on = true, .exempt_count = 1, .exempt = {{.len = 10, .octets = "\4corp\3lab"}}};
  struct forward_options o = *forward_options(w->wiring.forward);
  o.policy.rebind = filter;
  forward_set_options(w->wiring.forward, &o);
  lead("www.lab.", "in.corp.lab.", 0);
  cr_expect_eq(heard_count(client_ask_and_wait(w, "www.lab.", TYPE_A, HOW_EDNS), SECTION_ANSWER), 0);
  cr_expect_eq(heard_count(client_ask_and_wait(w, "in.corp.lab.", TYPE_A, HOW_EDNS), SECTION_ANSWER), 1);
}

Test(alias, with_proofs_keeps_its_records_in_their_sections) {
  w->zone.is_signed = true;
  msg_answer(&reply, "www.lab.", TYPE_A, 0);
  msg_record(&reply, SECTION_ANSWER, "www.lab.", TYPE_CNAME, 60, rd_name("in.corp.lab."));
  msg_record(&reply, SECTION_AUTHORITY, "a.lab.", TYPE_NSEC, 60, rd_octets("\3zzz\3lab\0\0\1\x40", 12));
  world_reply(w, "www.lab.", TYPE_A, &reply);
  struct heard *h = client_ask_and_wait(w, "www.lab.", TYPE_A, HOW_DO | HOW_EDNS);
  cr_expect(heard_has(h, SECTION_ANSWER, "in.corp.lab.", TYPE_A, rd_a("10.0.0.9")));
  cr_expect_eq(heard_typed(h, SECTION_ANSWER, TYPE_NSEC), 0);
  cr_expect_eq(heard_typed(h, SECTION_AUTHORITY, TYPE_NSEC), 1);
}

Test(alias, to_an_alias_to_nothing_is_not_kept_where_nobody_says_for_how_long) {
  lead("www.lab.", "in.corp.lab.", 0);
  static struct msg end;
  msg_answer(&end, "in.corp.lab.", TYPE_A, 0);
  msg_record(&end, SECTION_ANSWER, "in.corp.lab.", TYPE_CNAME, 60, rd_name("nothing.corp.lab."));
  world_reply(w, "in.corp.lab.", TYPE_A, &end);
  cr_expect_eq(heard_count(client_ask_and_wait(w, "www.lab.", TYPE_A, HOW_EDNS), SECTION_ANSWER), 2);
  cr_expect_eq(w->counters.stored, 0);
}
