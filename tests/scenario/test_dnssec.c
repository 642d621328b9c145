/* test_dnssec.c: answers are proven: in how many round trips, by how many questions, and who is told what. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "scenario/lab.h"

#define SRV_A "_xmpp-client._tcp.a.lab."
#define SRV_U "_xmpp-client._tcp.u.lab."

static struct lab *l;
static struct world *w;

/* a.lab. is signed, u.lab. is not. */
static void begin(struct world_options o) {
  l = lab_new(o);
  w = l->world;
  signer_zone(l->signer, "a.lab.", SIGNER_SIGNED);
  signer_zone(l->signer, "u.lab.", SIGNER_UNSIGNED);
  zone_add(&w->zone, SRV_A, TYPE_SRV, 3600, rd_srv(0, 0, 5222, "xmpp.a.lab."));
  zone_add(&w->zone, "xmpp.a.lab.", TYPE_A, 3600, rd_a("192.0.2.9"));
  zone_add(&w->zone, SRV_U, TYPE_SRV, 3600, rd_srv(0, 0, 5222, "xmpp.u.lab."));
  zone_add(&w->zone, "xmpp.u.lab.", TYPE_A, 3600, rd_a("192.0.2.9"));
}

static void end(void) { lab_free(l); }

static struct heard *ask(const char *name, uint16_t type, unsigned how) {
  return client_ask_and_wait(w, name, type, how);
}

static void expect(const struct heard *h, unsigned rcode, bool ad) {
  cr_expect_eq(heard_rcode(h), rcode, "RCODE %u, EDE %d", heard_rcode(h), heard_ede(h));
  cr_expect_eq(heard_ad(h), ad, "AD");
}

/* ---- how long, and how many questions ---- */

Test(dnssec, a_cold_answer_takes_one_round_trip_however_deep_its_zone) {
  begin((struct world_options){0});
  struct heard *h = ask(SRV_A, TYPE_SRV, HOW_DO);
  expect(h, RCODE_NOERROR, true);
  cr_expect_eq(heard_wait_ms(h), WORLD_DELAY_MS);
  cr_expect_eq(lab_asked_of_zones(l), 5, "DS and DNSKEY of lab. and a.lab., DNSKEY of the root");
  for (unsigned i = 0; i < w->script.asked_count; i++) cr_expect_eq(w->script.asked[i].at_ms, WORLD_START_MS);
  end();
}

Test(dnssec, a_zone_below_known_ones_takes_one_round_trip_and_two_questions) {
  begin((struct world_options){0});
  ask(SRV_U, TYPE_SRV, HOW_PLAIN);
  unsigned before = lab_asked_of_zones(l);
  struct heard *h = ask(SRV_A, TYPE_SRV, HOW_DO);
  expect(h, RCODE_NOERROR, true);
  cr_expect_eq(heard_wait_ms(h), WORLD_DELAY_MS);
  cr_expect_eq(lab_asked_of_zones(l) - before, 2);
  h = ask("xmpp.a.lab.", TYPE_A, HOW_DO);
  expect(h, RCODE_NOERROR, true);
  cr_expect_eq(lab_asked_of_zones(l) - before, 2, "its keys are known");
  end();
}

Test(dnssec, a_thousand_cold_domains_take_little_more_than_two_questions_each) {
  enum { DOMAINS = 1000, TOPS = 5 };
  char name[64];
  begin((struct world_options){0});
  for (unsigned i = 0; i < TOPS; i++) {
    snprintf(name, sizeof name, "t%u.", i);
    signer_zone(l->signer, name, SIGNER_SIGNED);
  }
  for (unsigned i = 0; i < DOMAINS; i++) {
    snprintf(name, sizeof name, "d%u.t%u.", i, i % TOPS);
    signer_zone(l->signer, name, SIGNER_SIGNED);
    snprintf(name, sizeof name, "_xmpp-client._tcp.d%u.t%u.", i, i % TOPS);
    zone_add(&w->zone, name, TYPE_SRV, 3600, rd_srv(0, 0, 5222, "xmpp.a.lab."));
  }
  for (unsigned i = 0; i < DOMAINS; i++) {
    snprintf(name, sizeof name, "_xmpp-client._tcp.d%u.t%u.", i, i % TOPS);
    expect(ask(name, TYPE_SRV, HOW_DO), RCODE_NOERROR, true);
  }
  cr_expect_leq(lab_asked_of_zones(l), DOMAINS * 22 / 10, "%u questions", lab_asked_of_zones(l));
  end();
}

Test(dnssec, one_answer_leads_to_no_more_than_forty_questions) {
  char name[160] = "";
  begin((struct world_options){0});
  for (unsigned i = 0; i < 60; i++) strcat(name, "x.");
  strcat(name, "a.lab.");
  world_fault(w, "", TYPE_TXT, FAULT_STRIPPED);
  zone_add(&w->zone, name, TYPE_TXT, 60, rd_txt("deep"));
  struct heard *h = client_ask(w, name, TYPE_TXT, HOW_EDNS);
  world_run_ms(w, 10000);
  expect(h, RCODE_SERVFAIL, false);
  cr_expect_leq(w->counters.proof_awaited, DNSSEC_QUESTIONS, "%lu", (unsigned long)w->counters.proof_awaited);
  cr_expect_gt(w->counters.proof_awaited, DNSSEC_QUESTIONS / 2);
  end();
}

/* All is in the cache, and trust has forgotten it: each look reads 30 KB, and hardly anything is verified. */
Test(dnssec, rounds_of_a_long_answer_are_spread_over_turns_though_the_cache_has_all_of_its_proof) {
  enum { LABELS = 12, RECORDS = 30 };
  char name[64] = "";
  begin((struct world_options){0});
  for (unsigned i = 0; i < LABELS; i++) strcat(name, "x.");
  strcat(name, "a.lab.");
  for (unsigned i = 0; i < RECORDS; i++) {
    struct rdata rd = rd_fill(255, 1024);
    rd.octets[1] = (uint8_t)i;
    zone_add(&w->zone, name, TYPE_TXT, 60, rd);
  }
  world_fault(w, "", TYPE_TXT, FAULT_STRIPPED);
  expect(ask(name, TYPE_TXT, HOW_TCP | HOW_EDNS), RCODE_SERVFAIL, false);
  forward_forget_zones(w->wiring.forward);
  world_run_ms(w, 60000);

  l->judged_most = 0;
  unsigned before = lab_asked_of_zones(l);
  expect(ask(name, TYPE_TXT, HOW_TCP | HOW_EDNS), RCODE_SERVFAIL, false);
  cr_expect_leq(lab_asked_of_zones(l) - before, 1, "all was in the cache, and one may have changed since");
  cr_expect_leq(l->judged_most, 6, "%u", l->judged_most);
  end();
}

Test(dnssec, those_who_ask_the_same_share_one_proof) {
  begin((struct world_options){0});
  struct heard *one = client_ask(w, SRV_A, TYPE_SRV, HOW_PLAIN);
  struct heard *two = client_ask(w, SRV_A, TYPE_SRV, HOW_EDNS);
  struct heard *other = client_ask(w, "xmpp.a.lab.", TYPE_A, HOW_PLAIN);
  client_wait(one);
  client_wait(two);
  client_wait(other);
  cr_expect_eq(upstream_asked(w, SRV_A, TYPE_SRV), 1);
  cr_expect_eq(lab_asked_of_zones(l), 5, "%u", lab_asked_of_zones(l));
  cr_expect_eq(w->counters.secure, 2 + 5);
  end();
}

/* ---- how it is asked ---- */

Test(dnssec, capitals_cookies_and_encryption_change_no_verdict) {
  for (unsigned encrypted = 0; encrypted < 2; encrypted++) {
    begin((struct world_options){.encrypted = encrypted, .forward = {.case_random = true, .cookies = true}});
    w->script.cookie_len = 16;
    expect(ask("_XMPP-Client._TCP.A.laB.", TYPE_SRV, HOW_DO), RCODE_NOERROR, true);
    expect(ask("No.a.LAB.", TYPE_A, HOW_DO), RCODE_NXDOMAIN, true);
    expect(ask("XMPP.a.lab.", TYPE_AAAA, HOW_AD), RCODE_NOERROR, true);
    expect(ask("XMPP.U.lab.", TYPE_A, HOW_DO), RCODE_NOERROR, false);
    world_fault(w, "xmpp.a.lab.", TYPE_A, FAULT_SPOILED);
    expect(ask("XmPP.a.lab.", TYPE_A, HOW_AD), RCODE_SERVFAIL, false);
    end();
  }
}

Test(dnssec, every_question_that_is_proven_asks_for_signatures) {
  begin((struct world_options){0});
  ask(SRV_A, TYPE_SRV, HOW_PLAIN);
  ask("no.u.lab.", TYPE_A, HOW_PLAIN);
  for (unsigned i = 0; i < w->script.asked_count; i++) {
    cr_expect(w->script.asked[i].dnssec_ok, "%s", w->script.asked[i].name);
    cr_expect_not(w->script.asked[i].cd, "%s", w->script.asked[i].name);
  }
  end();
}

/* ---- where zones begin ---- */

Test(dnssec, a_zone_whose_server_can_not_prove_that_no_other_begins_in_it_is_believed) {
  begin((struct world_options){0});
  zone_add(&w->zone, "t.a.lab.", TYPE_TXT, 3600, rd_txt("t"));
  world_fault(w, "t.a.lab.", TYPE_DS, FAULT_STRIPPED);
  expect(ask("t.a.lab.", TYPE_TXT, HOW_AD), RCODE_NOERROR, true);
  end();
}

Test(dnssec, a_zone_that_begins_where_none_was_is_noticed) {
  begin((struct world_options){0});
  zone_add(&w->zone, "t.a.lab.", TYPE_TXT, 3600, rd_txt("t"));
  zone_add(&w->zone, "t.a.lab.", TYPE_MX, 3600, rd_mx(1, "xmpp.a.lab."));
  expect(ask("t.a.lab.", TYPE_TXT, HOW_AD), RCODE_NOERROR, true);
  world_run_ms(w, 100000);
  signer_zone(l->signer, "t.a.lab.", SIGNER_SIGNED);
  expect(ask("t.a.lab.", TYPE_MX, HOW_AD), RCODE_NOERROR, true);
  end();
}

/* ---- who is told what ---- */

Test(dnssec, rfc6840_5_7_ad_is_said_to_those_who_set_ad_or_do_alone) {
  begin((struct world_options){0});
  expect(ask(SRV_A, TYPE_SRV, HOW_PLAIN), RCODE_NOERROR, false);
  expect(ask(SRV_A, TYPE_SRV, HOW_EDNS), RCODE_NOERROR, false);
  expect(ask(SRV_A, TYPE_SRV, HOW_AD), RCODE_NOERROR, true);
  expect(ask(SRV_A, TYPE_SRV, HOW_DO), RCODE_NOERROR, true);
  expect(ask(SRV_U, TYPE_SRV, HOW_AD), RCODE_NOERROR, false);
  expect(ask(SRV_U, TYPE_SRV, HOW_DO), RCODE_NOERROR, false);
  end();
}

Test(dnssec, rfc3225_3_signatures_and_proofs_are_given_to_those_who_set_do_alone) {
  begin((struct world_options){0});
  struct heard *plain = ask(SRV_A, TYPE_SRV, HOW_AD);
  cr_expect_eq(heard_count(plain, SECTION_ANSWER), 1);
  cr_expect_eq(heard_count(ask("no.a.lab.", TYPE_A, HOW_AD), SECTION_AUTHORITY), 1);
  cr_expect_eq(heard_count(ask("xmpp.a.lab.", TYPE_AAAA, HOW_AD), SECTION_AUTHORITY), 1);

  struct heard *h = ask(SRV_A, TYPE_SRV, HOW_DO);
  cr_expect_eq(heard_typed(h, SECTION_ANSWER, TYPE_RRSIG), 1);
  h = ask("no.a.lab.", TYPE_A, HOW_DO);
  expect(h, RCODE_NXDOMAIN, true);
  cr_expect_eq(heard_typed(h, SECTION_AUTHORITY, TYPE_NSEC), 1);
  cr_expect_eq(heard_typed(h, SECTION_AUTHORITY, TYPE_RRSIG), 2);
  h = ask("xmpp.a.lab.", TYPE_AAAA, HOW_DO);
  expect(h, RCODE_NOERROR, true);
  cr_expect_eq(heard_typed(h, SECTION_AUTHORITY, TYPE_NSEC), 1);
  end();
}

Test(dnssec, what_is_bogus_goes_out_to_those_who_set_cd_and_to_nobody_else) {
  begin((struct world_options){0});
  world_fault(w, SRV_A, TYPE_SRV, FAULT_SPOILED);
  struct heard *h = ask(SRV_A, TYPE_SRV, HOW_CD | HOW_DO);
  expect(h, RCODE_NOERROR, false);
  cr_expect_eq(heard_typed(h, SECTION_ANSWER, TYPE_SRV), 1);
  expect(ask(SRV_A, TYPE_SRV, HOW_CD), RCODE_NOERROR, false);
  expect(ask(SRV_A, TYPE_SRV, HOW_DO), RCODE_SERVFAIL, false);
  expect(ask(SRV_A, TYPE_SRV, HOW_PLAIN), RCODE_SERVFAIL, false);
  end();
}

Test(dnssec, a_name_that_a_bogus_answer_denies_to_those_who_set_cd_exists_for_others) {
  begin((struct world_options){.forward.nxdomain_cut = true});
  world_fault_once(w, "a.lab.", TYPE_A, FAULT_NXDOMAIN);
  expect(ask("a.lab.", TYPE_A, HOW_CD), RCODE_NXDOMAIN, false);
  expect(ask("xmpp.a.lab.", TYPE_A, HOW_AD), RCODE_NOERROR, true);
  end();
}
