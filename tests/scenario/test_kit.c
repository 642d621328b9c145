/* test_kit.c: the scenarios' own kit: time, upstream and clients do what the script says. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "scenario/kit.h"

Test(scenario_kit, time_moves_only_when_told) {
  struct world *w = world_new(&(struct world_options){0});
  zone_add(&w->zone, "a.lab.", TYPE_A, 60, rd_a("192.0.2.9"));
  struct heard *h = client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_assert_eq(w->now_ms, WORLD_START_MS);
  cr_assert_not(is_answered(h));
  world_run_ms(w, WORLD_DELAY_MS - 1);
  cr_assert_not(is_answered(h));
  world_run_ms(w, 1);
  cr_assert(is_answered(h));
  cr_assert_eq(w->now_ms, WORLD_START_MS + WORLD_DELAY_MS);
  cr_assert_eq(heard_wait_ms(h), WORLD_DELAY_MS);
  cr_expect(heard_has(h, SECTION_ANSWER, "a.lab.", TYPE_A, rd_a("192.0.2.9")));
  cr_expect_not(heard_has(h, SECTION_ANSWER, "a.lab.", TYPE_A, rd_a("192.0.2.8")));
  cr_expect_eq(heard_ttl(h, SECTION_ANSWER, "a.lab.", TYPE_A), 60);
  cr_expect(heard_truth(h));
  zone_add(&w->zone, "a.lab.", TYPE_A, 60, rd_a("192.0.2.8"));
  cr_expect_not(heard_truth(h), "the zone has one record more");
  world_free(w);
}

Test(scenario_kit, the_upstream_notes_what_it_is_asked) {
  struct world *w = world_new(&(struct world_options){0});
  client_ask_and_wait(w, "A.b.lab.", TYPE_TXT, HOW_PLAIN);
  client_ask_and_wait(w, "a.b.lab.", TYPE_TXT, HOW_DO | HOW_CD | HOW_TCP);
  cr_assert_eq(upstream_asked(w, "", 0), 2);
  cr_assert_eq(upstream_asked(w, "a.b.lab.", TYPE_TXT), 2);
  cr_assert_eq(upstream_asked(w, "a.b.lab.", TYPE_A), 0);
  const struct upstream_question *first = &w->script.asked[0], *last = upstream_last(w, "a.b.lab.", TYPE_TXT);
  cr_expect(first->edns && !first->dnssec_ok && !first->cd && !first->tcp && first->at_ms == WORLD_START_MS);
  cr_expect(last->edns && last->dnssec_ok && last->cd && last->at_ms == WORLD_START_MS + WORLD_DELAY_MS);
  cr_expect_eq(w->counters.upstream_udp, 2);
  world_free(w);
}

Test(scenario_kit, the_zone_answers_as_a_server_does) {
  struct world *w = world_new(&(struct world_options){0});
  zone_add(&w->zone, "x.a.lab.", TYPE_A, 60, rd_a("192.0.2.9"));
  zone_add(&w->zone, "alias.lab.", TYPE_CNAME, 60, rd_name("x.a.lab."));
  zone_add(&w->zone, "d.lab.", TYPE_DNAME, 60, rd_name("a.lab."));
  struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_expect_eq(heard_rcode(h), RCODE_NOERROR, "an empty name between others exists");
  cr_expect_eq(heard_count(h, SECTION_ANSWER), 0);
  cr_expect_eq(heard_typed(h, SECTION_AUTHORITY, TYPE_SOA), 1);
  h = client_ask_and_wait(w, "b.lab.", TYPE_A, HOW_PLAIN);
  cr_expect_eq(heard_rcode(h), RCODE_NXDOMAIN);
  h = client_ask_and_wait(w, "alias.lab.", TYPE_A, HOW_PLAIN);
  cr_expect_eq(heard_count(h, SECTION_ANSWER), 2);
  h = client_ask_and_wait(w, "x.d.lab.", TYPE_A, HOW_PLAIN);
  cr_expect(heard_has(h, SECTION_ANSWER, "d.lab.", TYPE_DNAME, rd_name("a.lab.")));
  cr_expect(heard_has(h, SECTION_ANSWER, "x.d.lab.", TYPE_CNAME, rd_name("x.a.lab.")));
  cr_expect(heard_has(h, SECTION_ANSWER, "x.a.lab.", TYPE_A, rd_a("192.0.2.9")));
  world_free(w);
}

Test(scenario_kit, faults_come_as_often_as_told) {
  struct world *w = world_new(&(struct world_options){0});
  zone_add(&w->zone, "a.lab.", TYPE_A, 0, rd_a("192.0.2.9"));
  world_fault_once(w, "a.lab.", TYPE_A, FAULT_NXDOMAIN);
  cr_expect_eq(heard_rcode(client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN)), RCODE_NXDOMAIN);
  world_run_ms(w, 61000);
  cr_expect_eq(heard_rcode(client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN)), RCODE_NOERROR);
  world_late(w, "a.lab.", TYPE_A, 90);
  cr_expect_eq(heard_wait_ms(client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN)), 90);
  world_heal(w);
  cr_expect_eq(heard_wait_ms(client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN)), WORLD_DELAY_MS);
  world_free(w);
}

Test(scenario_kit, what_is_no_reply_is_counted_and_leaves_the_question_open) {
  static const enum fault wrong[] = {FAULT_GARBAGE, FAULT_WRONG_QUESTION, FAULT_WRONG_ID};
  for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct world *w = world_new(&(struct world_options){0});
    world_fault(w, "", 0, wrong[i]);
    struct heard *h = client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN);
    world_run_ms(w, WORLD_DELAY_MS);
    cr_expect_not(is_answered(h));
    cr_expect_eq(w->counters.reply_wrong, 1);
    cr_expect_eq(w->script.under_way, 1);
    world_free(w);
  }
}

Test(scenario_kit, an_alias_fault_leads_to_the_right_records) {
  struct world *w = world_new(&(struct world_options){0});
  zone_add(&w->zone, "_xmpp-server._tcp.lab.", TYPE_SRV, 60, rd_srv(1, 2, 5269, "x.lab."));
  world_fault(w, "", TYPE_SRV, FAULT_CNAME);
  struct heard *h = client_ask_and_wait(w, "_xmpp-server._tcp.lab.", TYPE_SRV, HOW_PLAIN);
  cr_expect(heard_has(h, SECTION_ANSWER, "_xmpp-server._tcp.lab.", TYPE_CNAME,
                      rd_name("alias._xmpp-server._tcp.lab.")));
  cr_expect(
      heard_has(h, SECTION_ANSWER, "alias._xmpp-server._tcp.lab.", TYPE_SRV, rd_srv(1, 2, 5269, "x.lab.")));
  cr_expect_eq(heard_count(h, SECTION_ANSWER), 2);
  world_free(w);
}

Test(scenario_kit, the_five_kinds_of_domains_are_there) {
  static const unsigned srvs[KINDS] = {1, 2, 0, 1, 1};
  struct world *w = world_new(&(struct world_options){0});

  for (unsigned i = 0; i < KINDS; i++) {
    char name[64];
    zone_add_domain(&w->zone, i, 60);
    snprintf(name, sizeof name, "_xmpp-server._tcp.d%u.lab.", i);
    cr_expect_eq(heard_typed(client_ask_and_wait(w, name, TYPE_SRV, HOW_PLAIN), SECTION_ANSWER, TYPE_SRV),
                 srvs[i]);
    snprintf(name, sizeof name, "_xmpps-server._tcp.d%u.lab.", i);
    struct heard *h = client_ask_and_wait(w, name, TYPE_SRV, HOW_PLAIN);
    cr_expect_eq(heard_rcode(h), i == 4 ? RCODE_NOERROR : RCODE_NXDOMAIN);
    snprintf(name, sizeof name, "d%u.lab.", i);
    cr_expect_eq(heard_count(client_ask_and_wait(w, name, TYPE_AAAA, HOW_PLAIN), SECTION_ANSWER), 1);
  }

  world_free(w);
}
