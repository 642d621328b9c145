/* test_dnssec_servers.c: servers whose answers prove nothing, one of several or all of them; and what is told
 * and kept then. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "forward/failures.h"
#include "forward/prove.h"
#include "scenario/lab.h"

#define SRV_A "_xmpp-client._tcp.a.lab."
#define SRV_U "_xmpp-client._tcp.u.lab."

enum { MINUTE_MS = 60000 };

static struct lab *l;
static struct world *w;

/* a.lab. is signed, u.lab. is not. Servers are asked in their order. */
static void begin(struct world_options o) {
  o.order = UPSTREAM_ORDER;
  l = lab_new(o);
  w = l->world;
  signer_zone(l->signer, "a.lab.", SIGNER_SIGNED);
  signer_zone(l->signer, "u.lab.", SIGNER_UNSIGNED);
  zone_add(&w->zone, SRV_A, TYPE_SRV, 600, rd_srv(0, 0, 5222, "xmpp.a.lab."));
  zone_add(&w->zone, "xmpp.a.lab.", TYPE_A, 600, rd_a("192.0.2.9"));
  zone_add(&w->zone, SRV_U, TYPE_SRV, 600, rd_srv(0, 0, 5222, "xmpp.u.lab."));
}

static struct heard *ask(const char *name, uint16_t type, unsigned how) {
  return client_ask_and_wait(w, name, type, how);
}

static void expect(const struct heard *h, unsigned rcode, bool ad) {
  cr_expect_eq(heard_rcode(h), rcode, "RCODE %u, EDE %d", heard_rcode(h), heard_ede(h));
  cr_expect_eq(heard_ad(h), ad, "AD is %u", heard_ad(h));
}

static void expect_bogus(const struct heard *h, int ede) {
  cr_expect_eq(heard_rcode(h), RCODE_SERVFAIL);
  cr_expect_eq(heard_ede(h), ede, "EDE %d", heard_ede(h));
  cr_expect_eq(heard_count(h, SECTION_ANSWER) + heard_count(h, SECTION_AUTHORITY), 0);
}

/* ---- one of several ---- */

static const enum fault wrongs[] = {FAULT_SPOILED,  FAULT_STRIPPED, FAULT_EXPIRED, FAULT_NXDOMAIN,
                                    FAULT_SERVFAIL, FAULT_REFUSED,  FAULT_LOST,    FAULT_TRUNCATED,
                                    FAULT_EMPTY,    FAULT_FORMERR,  FAULT_NO_EDNS, FAULT_GARBAGE,
                                    FAULT_NOTIMP,   FAULT_REFERRAL, FAULT_GARBLED, FAULT_ICMP};

static void expect_all_right(void) {
  expect(ask(SRV_A, TYPE_SRV, HOW_DO), RCODE_NOERROR, true);
  expect(ask("xmpp.a.lab.", TYPE_A, HOW_AD), RCODE_NOERROR, true);
  expect(ask("xmpp.a.lab.", TYPE_AAAA, HOW_DO), RCODE_NOERROR, true);
  expect(ask("no.a.lab.", TYPE_A, HOW_AD), RCODE_NXDOMAIN, true);
  expect(ask("no.lab.", TYPE_A, HOW_DO), RCODE_NXDOMAIN, true);
  expect(ask(SRV_U, TYPE_SRV, HOW_DO), RCODE_NOERROR, false);
}

Test(dnssec_servers, one_wrong_server_of_several_breaks_no_name) {
  for (unsigned servers = 2; servers <= 3; servers++) {
    for (unsigned wrong = 0; wrong < servers; wrong++) {
      for (unsigned i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        begin((struct world_options){.servers = servers});
        world_server_fault(w, (int)wrong, wrongs[i]);
        if (wrongs[i] == FAULT_TRUNCATED)
          script_rule(&w->script, &(struct fault_rule){.server = (int)wrong, .fault = FAULT_LOST});
        expect_all_right();
        lab_free(l);
      }
    }
  }
}

Test(dnssec_servers, a_server_that_lies_of_zones_alone_breaks_no_name) {
  static const uint16_t types[] = {TYPE_DS, TYPE_DNSKEY};
  for (unsigned t = 0; t < 2; t++) {
    for (unsigned i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
      begin((struct world_options){.servers = 2});
      script_rule(&w->script, &(struct fault_rule){.type = types[t], .server = 0, .fault = wrongs[i]});
      expect_all_right();
      lab_free(l);
    }
  }
}

Test(dnssec_servers, one_that_strips_is_asked_last_for_ten_minutes) {
  begin((struct world_options){.servers = 2});
  world_server_fault(w, 0, FAULT_STRIPPED);
  expect(ask(SRV_A, TYPE_SRV, HOW_DO), RCODE_NOERROR, true);
  const struct capability *dnssec = &w->upstream.servers[0].capabilities[CAPABILITY_DNSSEC];
  cr_expect(capability_is_resting(dnssec));
  cr_expect_eq(dnssec->until_ms - dnssec->rest_ms, WORLD_START_MS + 2 * WORLD_DELAY_MS);
  cr_expect_eq(dnssec->rest_ms, 10 * MINUTE_MS);

  unsigned before = w->script.asked_count;
  struct heard *h = ask("xmpp.a.lab.", TYPE_A, HOW_DO);
  expect(h, RCODE_NOERROR, true);
  cr_expect_eq(heard_wait_ms(h), WORLD_DELAY_MS);
  for (unsigned i = before; i < w->script.asked_count; i++) cr_expect_eq(w->script.asked[i].server, 1);

  world_heal(w);
  world_run_ms(w, 10 * MINUTE_MS);
  expect(ask("x1.a.lab.", TYPE_A, HOW_DO), RCODE_NXDOMAIN, true);
  cr_expect_eq(upstream_last(w, "x1.a.lab.", TYPE_A)->server, 0);
  cr_expect_not(capability_is_resting(dnssec), "and so it counts again");
  lab_free(l);
}

Test(dnssec_servers, one_that_did_not_understand_edns_for_a_while_proves_all_as_soon_as_it_does) {
  begin((struct world_options){0});
  world_server_fault(w, 0, FAULT_FORMERR);
  cr_expect_eq(heard_rcode(ask(SRV_A, TYPE_SRV, HOW_EDNS)), RCODE_SERVFAIL);
  cr_expect(capability_is_resting(&w->upstream.servers[0].capabilities[CAPABILITY_EDNS]));
  world_heal(w);
  world_run_ms(w, MINUTE_MS);
  struct heard *one = client_ask(w, "xmpp.a.lab.", TYPE_A, HOW_DO);
  struct heard *two = client_ask(w, "xmpp.a.lab.", TYPE_AAAA, HOW_DO);
  expect(ask(SRV_A, TYPE_SRV, HOW_DO), RCODE_NOERROR, true);
  client_wait(one);
  client_wait(two);
  expect(one, RCODE_NOERROR, true);
  expect(two, RCODE_NOERROR, true);
  lab_free(l);
}

/* ---- all of them ---- */

Test(dnssec_servers, rfc8914_4_7_the_reason_stays_when_the_servers_asked_next_merely_fail) {
  static const enum fault faults[] = {FAULT_SERVFAIL, FAULT_REFUSED, FAULT_LOST, FAULT_ICMP};
  for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++) {
    begin((struct world_options){.servers = 2});
    script_rule(&w->script, &(struct fault_rule){.type = TYPE_SRV, .server = 0, .fault = FAULT_SPOILED});
    script_rule(&w->script, &(struct fault_rule){.type = TYPE_SRV, .server = 1, .fault = faults[i]});
    expect_bogus(ask(SRV_A, TYPE_SRV, HOW_EDNS), 6);
    lab_free(l);
  }
}

Test(dnssec_servers, rfc8914_4_7_who_asks_with_edns_is_told_why) {
  static const struct {
    enum fault fault;
    int ede;
  } faults[] = {{FAULT_SPOILED, 6}, {FAULT_EXPIRED, 7}, {FAULT_STRIPPED, 10}};
  for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++) {
    begin((struct world_options){0});
    world_fault(w, SRV_A, TYPE_SRV, faults[i].fault);
    expect_bogus(ask(SRV_A, TYPE_SRV, HOW_EDNS), faults[i].ede);
    expect_bogus(ask(SRV_A, TYPE_SRV, HOW_DO), faults[i].ede);
    expect_bogus(ask(SRV_A, TYPE_SRV, HOW_PLAIN), -1);
    cr_expect_eq(w->counters.bogus, 2, "plain and EDNS are one question");
    lab_free(l);
  }
}

Test(dnssec_servers, rfc8914_4_9_signatures_of_tomorrow_are_said_to_be_so) {
  begin((struct world_options){0});
  l->skew_s = -86400;
  expect_bogus(ask(SRV_A, TYPE_SRV, HOW_EDNS), 8);
  lab_free(l);
}

Test(dnssec_servers, rfc8914_4_13_a_denial_without_proof_is_said_to_be_so) {
  begin((struct world_options){0});
  world_fault(w, "xmpp.a.lab.", TYPE_AAAA, FAULT_EMPTY);
  expect_bogus(ask("xmpp.a.lab.", TYPE_AAAA, HOW_EDNS), 12);
  lab_free(l);
}

Test(dnssec_servers, what_is_bogus_is_neither_kept_nor_given_out_stale) {
  begin((struct world_options){.forward.max_stale_s = 86400});
  world_fault(w, SRV_A, TYPE_SRV, FAULT_SPOILED);
  expect_bogus(ask(SRV_A, TYPE_SRV, HOW_EDNS), 6);
  world_heal(w);
  world_server_fault(w, 0, FAULT_LOST);
  world_run_ms(w, MINUTE_MS);
  cr_expect_eq(heard_rcode(ask(SRV_A, TYPE_SRV, HOW_EDNS)), RCODE_SERVFAIL);
  world_heal(w);
  world_run_ms(w, 5 * MINUTE_MS);
  expect(ask(SRV_A, TYPE_SRV, HOW_DO), RCODE_NOERROR, true);
  lab_free(l);
}

Test(dnssec_servers, a_good_answer_heals_a_bogus_one_within_seconds) {
  begin((struct world_options){0});
  world_fault(w, SRV_A, TYPE_SRV, FAULT_SPOILED);
  expect_bogus(ask(SRV_A, TYPE_SRV, HOW_EDNS), 6);
  world_heal(w);
  world_run_ms(w, FAILURE_FIRST_MS);
  expect(ask(SRV_A, TYPE_SRV, HOW_DO), RCODE_NOERROR, true);
  lab_free(l);
}

Test(dnssec_servers, an_expired_answer_stands_in_without_ad_but_not_for_a_bogus_one) {
  begin((struct world_options){.forward.max_stale_s = 86400});
  expect(ask(SRV_A, TYPE_SRV, HOW_AD), RCODE_NOERROR, true);
  world_run_ms(w, 20 * MINUTE_MS);
  world_server_fault(w, 0, FAULT_LOST);
  struct heard *h = ask(SRV_A, TYPE_SRV, HOW_AD);
  expect(h, RCODE_NOERROR, false);
  cr_expect_eq(heard_typed(h, SECTION_ANSWER, TYPE_SRV), 1);

  world_heal(w);
  world_run_ms(w, MINUTE_MS);
  expect(ask(SRV_A, TYPE_SRV, HOW_AD), RCODE_NOERROR, true);
  world_run_ms(w, 20 * MINUTE_MS);
  world_fault(w, SRV_A, TYPE_SRV, FAULT_SPOILED);
  expect_bogus(ask(SRV_A, TYPE_SRV, HOW_EDNS), 6);
  expect_bogus(ask(SRV_A, TYPE_SRV, HOW_EDNS), 6);
  lab_free(l);
}

/* ---- filters ---- */

static void filter(const char *name) { world_fault(w, name, 0, FAULT_NXDOMAIN); }

Test(dnssec_servers, a_filters_denial_is_refused_unless_it_may_pass) {
  for (unsigned passes = 0; passes < 2; passes++) {
    begin((struct world_options){.forward.unsigned_denial = passes ? UNSIGNED_DENIAL_PASS
                                                                   : UNSIGNED_DENIAL_REFUSE});
    filter("a.lab.");
    filter("ads.a.lab.");
    filter("xmpp.a.lab.");
    zone_add(&w->zone, "ads.a.lab.", TYPE_A, 600, rd_a("192.0.2.9"));
    unsigned rcode = passes ? RCODE_NXDOMAIN : RCODE_SERVFAIL;
    expect(ask("a.lab.", TYPE_A, HOW_DO), rcode, false);
    expect(ask("ads.a.lab.", TYPE_A, HOW_DO), rcode, false);
    expect(ask("xmpp.a.lab.", TYPE_AAAA, HOW_AD), rcode, false);
    expect(ask("no.lab.", TYPE_A, HOW_DO), RCODE_NXDOMAIN, true);
    lab_free(l);
  }
}

Test(dnssec_servers, what_may_pass_denies_no_zone_its_keys) {
  begin((struct world_options){.servers = 2, .forward.unsigned_denial = UNSIGNED_DENIAL_PASS});
  script_rule(&w->script, &(struct fault_rule){.type = TYPE_DS, .server = 0, .fault = FAULT_NXDOMAIN});
  expect(ask(SRV_A, TYPE_SRV, HOW_DO), RCODE_NOERROR, true);
  script_rule(&w->script, &(struct fault_rule){.type = TYPE_A, .server = 0, .fault = FAULT_NXDOMAIN});
  expect(ask("xmpp.a.lab.", TYPE_A, HOW_DO), RCODE_NXDOMAIN, false);
  lab_free(l);
}

Test(dnssec_servers, an_answer_that_should_be_signed_does_not_pass_as_a_denial) {
  begin((struct world_options){.forward.unsigned_denial = UNSIGNED_DENIAL_PASS});
  world_fault(w, SRV_A, TYPE_SRV, FAULT_STRIPPED);
  expect_bogus(ask(SRV_A, TYPE_SRV, HOW_EDNS), 10);
  world_fault(w, "xmpp.a.lab.", TYPE_AAAA, FAULT_SPOILED);
  expect_bogus(ask("xmpp.a.lab.", TYPE_AAAA, HOW_EDNS), 6);
  lab_free(l);
}

Test(dnssec_servers, a_denial_does_not_pass_because_nobody_could_be_asked_of_its_zone) {
  begin((struct world_options){.forward.unsigned_denial = UNSIGNED_DENIAL_PASS});
  world_fault(w, "xmpp.a.lab.", TYPE_AAAA, FAULT_STRIPPED);
  script_rule(&w->script, &(struct fault_rule){.type = TYPE_DS, .server = -1, .fault = FAULT_SERVFAIL});
  struct heard *h = ask("xmpp.a.lab.", TYPE_AAAA, HOW_EDNS);
  expect(h, RCODE_SERVFAIL, false);
  cr_expect_eq(heard_count(h, SECTION_AUTHORITY), 0);
  lab_free(l);
}

/* ---- judged, and refused nothing ---- */

Test(dnssec_servers, what_is_only_logged_goes_out_as_without) {
  begin((struct world_options){.forward.prove = PROVE_LOG});
  world_fault(w, SRV_A, TYPE_SRV, FAULT_SPOILED);
  world_fault(w, "xmpp.a.lab.", TYPE_AAAA, FAULT_STRIPPED);
  expect(ask(SRV_A, TYPE_SRV, HOW_DO), RCODE_NOERROR, false);
  expect(ask("xmpp.a.lab.", TYPE_AAAA, HOW_DO), RCODE_NOERROR, false);
  expect(ask("xmpp.a.lab.", TYPE_A, HOW_DO), RCODE_NOERROR, false);
  expect(ask(SRV_U, TYPE_SRV, HOW_DO), RCODE_NOERROR, false);
  cr_expect_eq(w->counters.bogus, 2);
  cr_expect_eq(w->counters.insecure, 2, "its DNSKEY, too");
  cr_expect_geq(w->counters.secure, 1);
  unsigned said = 0;
  for (unsigned i = 0; i < PROVE_LOG_DOMAINS; i++) said += l->log.domains[i].said_ms != 0;
  cr_expect_eq(said, 1, "a domain's first");
  lab_free(l);
}

Test(dnssec_servers, ad_is_the_servers_while_proofs_are_only_logged) {
  begin((struct world_options){.forward = {.prove = PROVE_LOG, .trust_ad = true}});
  w->script.authentic = true;
  world_fault(w, SRV_A, TYPE_SRV, FAULT_SPOILED);
  expect(ask(SRV_A, TYPE_SRV, HOW_DO), RCODE_NOERROR, true);
  lab_set_prove(l, PROVE_VALIDATE);
  expect(ask("xmpp.a.lab.", TYPE_A, HOW_DO), RCODE_NOERROR, true);
  expect(ask("_xmpp-server._tcp.u.lab.", TYPE_SRV, HOW_DO), RCODE_NXDOMAIN, false);
  lab_free(l);
}

Test(dnssec_servers, what_is_only_logged_is_answered_though_nobody_knows_of_keys) {
  begin((struct world_options){.forward.prove = PROVE_LOG});
  script_rule(&w->script, &(struct fault_rule){.type = TYPE_DNSKEY, .server = -1, .fault = FAULT_LOST});
  struct heard *h = ask(SRV_A, TYPE_SRV, HOW_DO);
  expect(h, RCODE_NOERROR, false);
  cr_expect_leq(heard_wait_ms(h), WORLD_DELAY_MS + PROVE_LOG_PATIENCE_MS);
  cr_expect_lt(heard_wait_ms(h), 667, "ejabberd asks again then");
  cr_expect_eq(w->counters.bogus, 0);
  lab_free(l);
}

/* Its answer is late, too; and then nobody knows of keys. */
static void begin_late(uint32_t max_stale_s, uint32_t late_ms) {
  begin((struct world_options){.forward = {.prove = PROVE_LOG, .max_stale_s = max_stale_s}});
  ask(SRV_A, TYPE_SRV, HOW_EDNS);
  world_run_ms(w, 4000000);
  script_rule(&w->script, &(struct fault_rule){.type = TYPE_DNSKEY, .server = -1, .fault = FAULT_LOST});
  script_rule(&w->script,
              &(struct fault_rule){.type = TYPE_SRV, .server = -1, .fault = FAULT_LATE, .late_ms = late_ms});
}

Test(dnssec_servers, what_is_only_logged_is_given_out_stale_when_that_is_due) {
  begin_late(86400, 300);
  struct heard *h = ask(SRV_A, TYPE_SRV, HOW_EDNS);
  expect(h, RCODE_NOERROR, false);
  cr_expect_eq(heard_ede(h), 3, "EDE %d", heard_ede(h));
  cr_expect_leq(heard_wait_ms(h), STALE_PATIENCE_MS);
  world_run_ms(w, 1000);
  unsigned before = upstream_asked(w, SRV_A, TYPE_SRV);
  h = ask(SRV_A, TYPE_SRV, HOW_EDNS);
  expect(h, RCODE_NOERROR, false);
  cr_expect_eq(heard_ede(h), -1, "the answer itself was kept since");
  cr_expect_eq(upstream_asked(w, SRV_A, TYPE_SRV), before);
  lab_free(l);
}

Test(dnssec_servers, what_is_only_logged_and_comes_at_the_last_moment_is_given_out) {
  begin_late(0, PATIENCE_MS - 100);
  struct heard *h = ask(SRV_A, TYPE_SRV, HOW_EDNS);
  expect(h, RCODE_NOERROR, false);
  cr_expect_leq(heard_wait_ms(h), PATIENCE_MS);
  lab_free(l);
}
