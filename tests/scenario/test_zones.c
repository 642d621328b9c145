/* test_zones.c: local zones beside what is forwarded, and aliases that lead from the ones to the other. */
#include <criterion/criterion.h>

#include "scenario/kit.h"
#include "zones/zone_kit.h"

static struct zones *lab;

static struct world *world_with(const char *zone) {
  struct world *w = world_new(&(struct world_options){.xmpp.expand = XMPP_EXPAND_CACHED});
  lab = zones_of(zone);
  wiring_set_zones(&w->wiring, lab);
  zone_add(&w->zone, "far.lab.", TYPE_A, 5, rd_a("192.0.2.9"));
  return w;
}

static void done(struct world *w) {
  world_free(w);
  zones_free(lab);
}

Test(zones, are_answered_at_once_and_the_rest_is_forwarded) {
  struct world *w = world_with("a A 192.0.2.1\n");
  struct heard *h = client_ask(w, "A.zone.lab.", TYPE_A, HOW_PLAIN);
  cr_assert(is_answered(h));
  cr_expect(heard_has(h, SECTION_ANSWER, "a.zone.lab.", TYPE_A, rd_a("192.0.2.1")));
  cr_expect_eq(heard_rcode(client_ask(w, "b.zone.lab.", TYPE_A, HOW_NO_RD)), RCODE_NXDOMAIN);
  cr_expect_eq(upstream_asked(w, "", 0), 0);
  cr_expect(heard_truth(client_ask_and_wait(w, "far.lab.", TYPE_A, HOW_PLAIN)));
  cr_expect(w->counters.zone == 2 && w->counters.miss == 1 && w->counters.hit == 0);
  done(w);
}

Test(zones, an_alias_and_what_it_leads_to_elsewhere_make_one_answer) {
  struct world *w = world_with("a 7 CNAME b\nb 6 CNAME Far.lab.\n");
  struct heard *first = client_ask(w, "A.zone.lab.", TYPE_A, HOW_PLAIN),
               *second = client_ask(w, "a.ZONE.lab.", TYPE_A, HOW_EDNS | HOW_TCP);

  cr_expect(!is_answered(first) && !is_answered(second));
  client_wait(first);
  client_wait(second);
  struct heard *third = client_ask(w, "a.zone.lab.", TYPE_A, HOW_PLAIN);
  cr_assert(is_answered(third));
  for (unsigned i = 0; i < 3; i++) {
    struct heard *h = i == 0 ? first : i == 1 ? second : third;
    cr_expect_eq(heard_rcode(h), RCODE_NOERROR);
    cr_expect_eq(heard_count(h, SECTION_ANSWER), 3);
    cr_expect(heard_has(h, SECTION_ANSWER, "a.zone.lab.", TYPE_CNAME, rd_name("b.zone.lab.")));
    cr_expect(heard_has(h, SECTION_ANSWER, "b.zone.lab.", TYPE_CNAME, rd_name("far.lab.")));
    cr_expect(heard_has(h, SECTION_ANSWER, "far.lab.", TYPE_A, rd_a("192.0.2.9")));
    cr_expect_eq(heard_ttl(h, SECTION_ANSWER, "a.zone.lab.", TYPE_CNAME), 7);
    cr_expect(heard_seen(h)->high & DNS_AA);
  }

  world_run_ms(w, 3000);
  cr_expect_eq(heard_ttl(client_ask(w, "b.zone.lab.", TYPE_A, HOW_PLAIN), SECTION_ANSWER, "far.lab.", TYPE_A),
               2, "the address ages");
  cr_expect_eq(upstream_asked(w, "", 0), 1);
  cr_expect(w->counters.queries == 4 && w->counters.zone == 0 && w->counters.miss == 2 &&
            w->counters.hit == 2);
  done(w);
}

Test(zones, an_alias_to_what_does_not_exist_says_so) {
  struct world *w = world_with("a CNAME none.lab.\nb CNAME far.lab.\n");
  struct heard *h = client_ask_and_wait(w, "a.zone.lab.", TYPE_A, HOW_PLAIN);
  cr_expect(heard_rcode(h) == RCODE_NXDOMAIN && heard_count(h, SECTION_ANSWER) == 1 &&
            heard_typed(h, SECTION_AUTHORITY, TYPE_SOA) == 1);
  h = client_ask_and_wait(w, "b.zone.lab.", TYPE_AAAA, HOW_PLAIN);
  cr_expect(heard_rcode(h) == RCODE_NOERROR && heard_count(h, SECTION_ANSWER) == 1 &&
            heard_typed(h, SECTION_AUTHORITY, TYPE_SOA) == 1);
  done(w);
}

Test(zones, an_alias_whose_end_nobody_tells_fails) {
  struct world *w = world_with("a CNAME far.lab.\n");
  world_fault(w, "", 0, FAULT_SERVFAIL);
  struct heard *h = client_ask_and_wait(w, "a.zone.lab.", TYPE_A, HOW_EDNS);
  cr_expect(heard_rcode(h) == RCODE_SERVFAIL && heard_count(h, SECTION_ANSWER) == 0);
  done(w);
}

Test(zones, who_wants_no_recursion_is_told_where_an_alias_leads) {
  struct world *w = world_with("a CNAME far.lab.\n");
  struct heard *h = client_ask(w, "a.zone.lab.", TYPE_A, HOW_NO_RD);
  cr_assert(is_answered(h));
  cr_expect(heard_rcode(h) == RCODE_NOERROR && heard_count(h, SECTION_ANSWER) == 1);
  cr_expect_eq(w->counters.zone, 1);
  done(w);
}

Test(zones, an_answer_made_of_two_is_cut_to_what_the_client_takes) {
  struct world *w = world_with("a CNAME large.lab.\n");
  for (unsigned i = 0; i < 40; i++) {
    char text[32];
    snprintf(text, sizeof text, "192.0.2.%u", i);
    zone_add(&w->zone, "large.lab.", TYPE_A, 5, rd_a(text));
  }
  cr_expect(heard_is_tc(client_ask_and_wait(w, "a.zone.lab.", TYPE_A, HOW_PLAIN)));
  cr_expect_eq(w->counters.truncated, 1);
  cr_expect_eq(heard_count(client_ask_and_wait(w, "a.zone.lab.", TYPE_A, HOW_TCP), SECTION_ANSWER), 41);
  cr_expect_eq(heard_count(client_ask_and_wait(w, "a.zone.lab.", TYPE_A, HOW_BIG), SECTION_ANSWER), 41);
  done(w);
}

Test(zones, names_below_a_dname_are_found_under_their_new_name) {
  struct world *w = world_with("old 5 DNAME new\na.new 6 A 192.0.2.1\nout 7 DNAME lab.\nc CNAME a.old\n");
  struct heard *h = client_ask(w, "a.old.zone.lab.", TYPE_A, HOW_PLAIN);

  cr_assert(is_answered(h));
  cr_expect(heard_count(h, SECTION_ANSWER) == 3 &&
            heard_has(h, SECTION_ANSWER, "a.new.zone.lab.", TYPE_A, rd_a("192.0.2.1")));
  cr_expect_eq(heard_rcode(client_ask(w, "b.old.zone.lab.", TYPE_A, HOW_PLAIN)), RCODE_NXDOMAIN);
  h = client_ask(w, "c.zone.lab.", TYPE_A, HOW_PLAIN);
  cr_expect(heard_count(h, SECTION_ANSWER) == 4 &&
            heard_has(h, SECTION_ANSWER, "a.new.zone.lab.", TYPE_A, rd_a("192.0.2.1")));
  h = client_ask_and_wait(w, "far.out.zone.lab.", TYPE_A, HOW_PLAIN);
  cr_expect(heard_count(h, SECTION_ANSWER) == 3 &&
            heard_has(h, SECTION_ANSWER, "far.lab.", TYPE_A, rd_a("192.0.2.9")));
  cr_expect(heard_has(h, SECTION_ANSWER, "far.out.zone.lab.", TYPE_CNAME, rd_name("far.lab.")));
  cr_expect(w->counters.zone == 3 && w->counters.miss == 1);
  done(w);
}

Test(zones, names_renamed_without_end_fail) {
  struct world *w = world_with("a DNAME b\nb DNAME a\n");
  cr_expect_eq(heard_rcode(client_ask(w, "x.a.zone.lab.", TYPE_A, HOW_PLAIN)), RCODE_SERVFAIL);
  cr_expect_eq(w->counters.zone, 1);
  done(w);
}

Test(zones, who_waits_for_an_alias_is_told_when_it_ends) {
  struct world *w = world_with("a CNAME far.lab.\n");
  struct heard *h = client_ask(w, "a.zone.lab.", TYPE_A, HOW_PLAIN);
  cr_expect(!is_answered(h));
  done(w); /* checks that it was answered */
}

Test(zones, local_names_are_never_asked_ahead) {
  struct world *w = world_new(
      &(struct world_options){.xmpp.expand = XMPP_EXPAND_WAIT, .xmpp.prefetch = true});
  wiring_set_zones(&w->wiring, lab = zones_of("xmpp A 192.0.2.1\n"));
  zone_add(&w->zone, "_xmpp-server._tcp.far.lab.", TYPE_SRV, 60, rd_srv(0, 0, 5269, "xmpp.zone.lab."));
  zone_add(&w->zone, "_xmpp-server._tcp.far.lab.", TYPE_SRV, 60, rd_srv(0, 1, 5269, "xmpp.far.lab."));
  zone_add(&w->zone, "xmpp.far.lab.", TYPE_A, 60, rd_a("192.0.2.2"));
  struct heard *h = client_ask_and_wait(w, "_xmpp-server._tcp.far.lab.", TYPE_SRV, HOW_PLAIN);
  world_run_ms(w, 5000);
  cr_expect(heard_has(h, SECTION_ADDITIONAL, "xmpp.far.lab.", TYPE_A, rd_a("192.0.2.2")));
  cr_expect_eq(heard_typed(h, SECTION_ADDITIONAL, TYPE_A), 1);
  cr_expect_eq(upstream_asked(w, "xmpp.far.lab.", TYPE_A), 1);
  cr_expect_eq(upstream_asked(w, "xmpp.zone.lab.", 0), 0);
  done(w);
}

Test(zones, an_srv_answer_behind_an_alias_keeps_its_addresses) {
  struct world *w = world_with("_xmpp-server._tcp CNAME _xmpp-server._tcp.d0.lab.\n");
  zone_add_domain(&w->zone, 0, 60);
  client_ask_and_wait(w, "xmpp.d0.lab.", TYPE_A, HOW_PLAIN);
  struct heard *h = client_ask_and_wait(w, "_xmpp-server._tcp.zone.lab.", TYPE_SRV, HOW_PLAIN);
  cr_expect_eq(heard_typed(h, SECTION_ANSWER, TYPE_SRV), 1);
  cr_expect_eq(heard_typed(h, SECTION_ADDITIONAL, TYPE_A), 1);
  done(w);
}
