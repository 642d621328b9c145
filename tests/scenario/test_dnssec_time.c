/* test_dnssec_time.c: keys that are rolled, signatures that end, clocks that are wrong, settings that change:
 * what is right is found to be so. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#include "forward/failures.h"
#include "scenario/lab.h"

#define SRV_A "_xmpp-client._tcp.a.lab."

enum { MINUTE_MS = 60000, DAY_S = 86400 };

static struct lab *l;
static struct world *w;

static void begin(struct world_options o) {
  l = lab_new(o);
  w = l->world;
  signer_zone(l->signer, "a.lab.", SIGNER_SIGNED);
  zone_add(&w->zone, SRV_A, TYPE_SRV, 600, rd_srv(0, 0, 5222, "xmpp.a.lab."));
  zone_add(&w->zone, "xmpp.a.lab.", TYPE_A, 600, rd_a("192.0.2.9"));
}

static struct heard *ask(const char *name, uint16_t type, unsigned how) {
  return client_ask_and_wait(w, name, type, how);
}

static void expect(const struct heard *h, unsigned rcode, bool ad) {
  cr_expect_eq(heard_rcode(h), rcode, "RCODE %u, EDE %d", heard_rcode(h), heard_ede(h));
  cr_expect_eq(heard_ad(h), ad, "AD is %u", heard_ad(h));
}

/* A zone that nobody has asked about yet, below one that is known. */
static void add_zone(const char *name, const char *host) {
  signer_zone(l->signer, name, SIGNER_SIGNED);
  zone_add(&w->zone, host, TYPE_A, 600, rd_a("192.0.2.9"));
}

/* ---- keys ---- */

static void expect_right_after_roll(void) {
  expect(ask("xmpp.a.lab.", TYPE_A, HOW_DO), RCODE_NOERROR, true);
  expect(ask("no.a.lab.", TYPE_A, HOW_DO), RCODE_NXDOMAIN, true);
  expect(ask("xmpp.a.lab.", TYPE_AAAA, HOW_DO), RCODE_NOERROR, true);
}

static void known(void) {
  begin((struct world_options){0});
  expect(ask(SRV_A, TYPE_SRV, HOW_DO), RCODE_NOERROR, true);
  world_run_ms(w, MINUTE_MS);
}

Test(dnssec_time, answers_by_a_new_key_are_proven_though_the_old_one_is_known) {
  known();
  signer_roll_data_key(l->signer, "a.lab.");
  expect_right_after_roll();
  world_run_ms(w, MINUTE_MS);
  signer_roll_data_key(l->signer, "a.lab.");
  zone_add(&w->zone, "new.a.lab.", TYPE_A, 600, rd_a("192.0.2.9"));
  expect(ask("new.a.lab.", TYPE_A, HOW_DO), RCODE_NOERROR, true);
  lab_free(l);
}

Test(dnssec_time, answers_are_proven_though_the_zone_has_another_key_and_ds) {
  known();
  signer_roll(l->signer, "a.lab.");
  expect_right_after_roll();
  lab_free(l);
}

Test(dnssec_time, a_denial_is_proven_though_the_zone_has_another_key_and_ds) {
  known();
  signer_roll(l->signer, "a.lab.");
  expect(ask("no.a.lab.", TYPE_A, HOW_DO), RCODE_NXDOMAIN, true);
  lab_free(l);
}

Test(dnssec_time, zones_are_found_though_the_parent_has_another_key_and_ds) {
  known();
  signer_roll(l->signer, "lab.");
  add_zone("b.lab.", "x.b.lab.");
  expect(ask("x.b.lab.", TYPE_A, HOW_DO), RCODE_NOERROR, true);
  expect_right_after_roll();
  lab_free(l);
}

Test(dnssec_time, all_keys_of_a_chain_may_be_others_at_once) {
  known();
  signer_roll_data_key(l->signer, ".");
  signer_roll(l->signer, "lab.");
  signer_roll(l->signer, "a.lab.");
  expect_right_after_roll();
  lab_free(l);
}

Test(dnssec_time, the_roots_key_is_rolled_while_both_are_trusted) {
  known();
  signer_roll(l->signer, ".");
  signer_anchor(l->signer, ".");
  add_zone("b.", "x.b.");
  expect(ask("x.b.", TYPE_A, HOW_DO), RCODE_NOERROR, true);
  lab_free(l);
}

Test(dnssec_time, a_root_that_is_signed_by_one_of_two_trusted_keys_is_secure) {
  begin((struct world_options){0});
  signer_roll(l->signer, ".");
  signer_anchor(l->signer, ".");
  expect(ask(SRV_A, TYPE_SRV, HOW_DO), RCODE_NOERROR, true);
  lab_free(l);
}

/* How often that was logged. */
static unsigned logged(FILE *f, const char *what) {
  char line[512];
  unsigned n = 0;
  fflush(stderr);
  rewind(f);
  while (fgets(line, sizeof line, f)) n += strstr(line, what) != NULL;
  return n;
}

Test(dnssec_time, a_root_that_is_signed_by_no_trusted_key_proves_nothing_and_is_told_of_once) {
  FILE *f = tmpfile();
  begin((struct world_options){0});
  cr_assert(f && dup2(fileno(f), STDERR_FILENO) == STDERR_FILENO);
  signer_roll(l->signer, ".");
  expect(ask("xmpp.a.lab.", TYPE_A, HOW_EDNS), RCODE_SERVFAIL, false);
  struct heard *h = ask(SRV_A, TYPE_SRV, HOW_EDNS);
  cr_expect_eq(logged(f, "error forward: the root is signed by no key that jidnsd trusts"), 1);
  expect(h, RCODE_SERVFAIL, false);
  cr_expect_eq(heard_ede(h), 9, "EDE %d", heard_ede(h));
  lab_free(l);
}

/* The root's keys are an old one, revoked, and what it has now, signed by the latter. */
static void revoke_old_root(bool has_new) {
  static struct msg m;
  struct rdata keys[2] = {l->signer->zones[0].key.dnskey};
  struct signer_way way = {.zone = "."};
  keys[0].octets[1] |= DNSKEY_REVOKED;
  if (has_new) signer_roll(l->signer, ".");
  else way.tag = keys_tag(keys[0].octets, keys[0].len);
  keys[1] = l->signer->zones[0].key.dnskey;
  msg_answer(&m, ".", TYPE_DNSKEY, RCODE_NOERROR);
  signer_sets(l->signer, &m, SECTION_ANSWER, ".", TYPE_DNSKEY, keys, has_new ? 2 : 1, way);
  signer_answer_is(l->signer, ".", TYPE_DNSKEY, &m);
}

Test(dnssec_time, rfc5011_2_1_a_root_one_of_whose_trusted_keys_is_revoked_is_secure_by_the_other) {
  begin((struct world_options){0});
  revoke_old_root(true);
  signer_anchor(l->signer, ".");
  expect(ask(SRV_A, TYPE_SRV, HOW_DO), RCODE_NOERROR, true);
  lab_free(l);
}

Test(dnssec_time, rfc5011_2_1_a_revoked_key_vouches_for_nothing) {
  for (unsigned has_new = 0; has_new < 2; has_new++) {
    begin((struct world_options){0});
    revoke_old_root(has_new);
    expect(ask(SRV_A, TYPE_SRV, HOW_DO), RCODE_SERVFAIL, false);
    lab_free(l);
  }
}

/* Its keys stay as they are known, and its answers are by others. */
Test(dnssec_time, strange_signatures_lead_to_few_questions_for_keys) {
  static struct msg keys;
  begin((struct world_options){0});
  expect(ask(SRV_A, TYPE_SRV, HOW_DO), RCODE_NOERROR, true);
  uint8_t name[NAME_MAX_LEN];
  signer_answer(l->signer, name, name_parse("a.lab.", name), TYPE_DNSKEY, &keys);
  signer_answer_is(l->signer, "a.lab.", TYPE_DNSKEY, &keys);
  signer_roll_data_key(l->signer, "a.lab.");
  world_run_ms(w, MINUTE_MS);
  for (unsigned i = 0; i < 50; i++) {
    char text[32];
    snprintf(text, sizeof text, "n%u.a.lab.", i);
    struct heard *h = ask(text, TYPE_A, HOW_EDNS);
    expect(h, RCODE_SERVFAIL, false);
    cr_expect_eq(heard_ede(h), 9, "EDE %d", heard_ede(h));
  }
  cr_expect_eq(upstream_asked(w, "a.lab.", TYPE_DNSKEY), 2, "%u", upstream_asked(w, "a.lab.", TYPE_DNSKEY));
  lab_free(l);
}

/* ---- signatures that end ---- */

Test(dnssec_time, rfc4035_5_3_3_an_answer_is_kept_no_longer_than_its_signature_holds) {
  begin((struct world_options){0});
  l->life_s = 100;
  struct heard *h = ask("xmpp.a.lab.", TYPE_A, HOW_AD);
  expect(h, RCODE_NOERROR, true);
  cr_expect_leq(heard_ttl(h, SECTION_ANSWER, "xmpp.a.lab.", TYPE_A), 100);
  world_run_ms(w, 101000);
  expect(ask("xmpp.a.lab.", TYPE_A, HOW_AD), RCODE_NOERROR, true);
  cr_expect_eq(upstream_asked(w, "xmpp.a.lab.", TYPE_A), 2);
  lab_free(l);
}

Test(dnssec_time, answers_are_proven_day_after_day) {
  begin((struct world_options){0});
  for (unsigned day = 0; day < 30; day++) {
    expect(ask(SRV_A, TYPE_SRV, HOW_DO), RCODE_NOERROR, true);
    expect_right_after_roll();
    if (day % 7 == 3) signer_roll(l->signer, "a.lab.");
    world_run_ms(w, (uint64_t)DAY_S * 1000 - 7 * MINUTE_MS);
  }
  lab_free(l);
}

/* ---- clocks ---- */

Test(dnssec_time, names_resolve_without_ad_until_the_clock_is_right) {
  begin((struct world_options){0});
  l->clock_is_wrong = true;
  expect(ask(SRV_A, TYPE_SRV, HOW_DO), RCODE_NOERROR, false);
  world_fault(w, "xmpp.a.lab.", TYPE_A, FAULT_EXPIRED);
  expect(ask("xmpp.a.lab.", TYPE_A, HOW_DO), RCODE_NOERROR, false);
  world_fault(w, "xmpp.a.lab.", TYPE_AAAA, FAULT_SPOILED);
  expect(ask("xmpp.a.lab.", TYPE_AAAA, HOW_DO), RCODE_SERVFAIL, false);

  l->clock_is_wrong = false;
  world_heal(w);
  expect(ask("no.a.lab.", TYPE_A, HOW_DO), RCODE_NXDOMAIN, true);
  world_run_ms(w, 11 * MINUTE_MS);
  expect(ask(SRV_A, TYPE_SRV, HOW_DO), RCODE_NOERROR, true);
  expect_right_after_roll();
  lab_free(l);
}

Test(dnssec_time, what_was_believed_by_a_wrong_clock_is_looked_at_again) {
  begin((struct world_options){0});
  l->clock_is_wrong = true;
  world_server_fault(w, 0, FAULT_EXPIRED);
  expect(ask(SRV_A, TYPE_SRV, HOW_DO), RCODE_NOERROR, false);
  world_run_ms(w, MINUTE_MS);
  world_heal(w);
  l->clock_is_wrong = false;
  expect_right_after_roll();
  lab_free(l);
}

/* The alias has been found good by then, but for its dates; what it leads to has not. */
Test(dnssec_time,
     what_an_answer_in_the_middle_of_its_proof_was_believed_by_a_wrong_clock_is_looked_at_again) {
  for (unsigned is_over = 0; is_over < 2; is_over++) {
    begin((struct world_options){0});
    add_zone("b.lab.", "y.b.lab.");
    zone_add(&w->zone, "x.a.lab.", TYPE_CNAME, 600, rd_name("y.b.lab."));
    script_rule(
        &w->script,
        &(struct fault_rule){
            .name = "b.lab.", .type = TYPE_DNSKEY, .server = -1, .fault = FAULT_LATE, .late_ms = 1000});
    l->clock_is_wrong = true;
    l->expired = is_over ? "a.lab." : NULL;
    struct heard *h = client_ask(w, "x.a.lab.", TYPE_A, HOW_DO);
    world_run_ms(w, 500);
    cr_expect_not(is_answered(h));
    l->clock_is_wrong = false;
    client_wait(h);
    expect(h, is_over ? RCODE_SERVFAIL : RCODE_NOERROR, !is_over);
    if (is_over) cr_expect_eq(heard_count(h, SECTION_ANSWER), 0);
    lab_free(l);
  }
}

Test(dnssec_time, a_clock_that_jumps_ahead_and_back_breaks_names_no_longer_than_that) {
  known();
  l->skew_s = 30 * DAY_S;
  struct heard *h = ask("xmpp.a.lab.", TYPE_A, HOW_EDNS);
  expect(h, RCODE_SERVFAIL, false);
  cr_expect_eq(heard_ede(h), 7);
  l->skew_s = 0;
  world_run_ms(w, FAILURE_FIRST_MS);
  expect_right_after_roll();
  lab_free(l);
}

/* It was suspended: what was kept of keys is as old as what all others keep, and its signatures are over. */
Test(dnssec_time, names_resolve_when_a_month_has_gone_by_unnoticed) {
  known();
  l->skew_s = l->signs_skew_s = 30 * DAY_S;
  signer_roll(l->signer, "lab.");
  signer_roll_data_key(l->signer, "a.lab.");
  expect_right_after_roll();
  add_zone("b.lab.", "x.b.lab.");
  expect(ask("x.b.lab.", TYPE_A, HOW_DO), RCODE_NOERROR, true);
  lab_free(l);
}

Test(dnssec_time, what_the_cache_has_of_keys_is_asked_anew_when_it_proves_nothing) {
  known();
  forward_forget_zones(w->wiring.forward);
  l->skew_s = l->signs_skew_s = 30 * DAY_S;
  expect_right_after_roll();
  lab_free(l);
}

/* ---- settings ---- */

static struct heard *ask_in_flight(enum fault fault) {
  world_fault(w, "xmpp.a.lab.", TYPE_A, fault);
  struct heard *h = client_ask(w, "xmpp.a.lab.", TYPE_A, HOW_DO);
  world_run_ms(w, 1);
  return h;
}

Test(dnssec_time, what_is_in_flight_when_answers_are_to_be_proven_is_proven) {
  begin((struct world_options){0});
  lab_set_prove(l, PROVE_OFF);
  struct heard *h = ask_in_flight(FAULT_SPOILED), *right = client_ask(w, SRV_A, TYPE_SRV, HOW_AD);
  lab_set_prove(l, PROVE_VALIDATE);
  client_wait(h);
  client_wait(right);
  expect(h, RCODE_SERVFAIL, false);
  expect(right, RCODE_NOERROR, true);
  lab_free(l);
}

Test(dnssec_time, what_waits_for_a_proof_when_none_is_wanted_any_more_is_answered) {
  static const enum prove_mode modes[] = {PROVE_OFF, PROVE_LOG};
  for (unsigned i = 0; i < 2; i++) {
    begin((struct world_options){0});
    script_rule(&w->script, &(struct fault_rule){
                                .type = TYPE_DNSKEY, .server = -1, .fault = FAULT_LATE, .late_ms = 1000});
    struct heard *h = client_ask(w, SRV_A, TYPE_SRV, HOW_DO);
    world_run_ms(w, 100);
    cr_expect_not(is_answered(h));
    lab_set_prove(l, modes[i]);
    client_wait(h);
    expect(h, RCODE_NOERROR, false);
    world_run_ms(w, 2000);
    lab_set_prove(l, PROVE_VALIDATE);
    expect(ask("xmpp.a.lab.", TYPE_A, HOW_DO), RCODE_NOERROR, true);
    lab_free(l);
  }
}

Test(dnssec_time, what_waits_for_a_proof_is_proven_by_keys_that_are_trusted_since) {
  begin((struct world_options){0});
  script_rule(&w->script,
              &(struct fault_rule){.type = TYPE_DNSKEY, .server = -1, .fault = FAULT_LATE, .late_ms = 1000});
  struct heard *h = client_ask(w, SRV_A, TYPE_SRV, HOW_DO);
  world_run_ms(w, 100);
  signer_roll(l->signer, ".");
  signer_anchor(l->signer, ".");
  lab_renew_judge(l);
  client_wait(h);
  expect(h, RCODE_NOERROR, true);
  lab_free(l);
}

/* ---- in the middle ---- */

Test(dnssec_time, a_proof_that_is_late_costs_its_clients_patience_and_is_there_for_the_next) {
  begin((struct world_options){0});
  script_rule(&w->script,
              &(struct fault_rule){.type = TYPE_DNSKEY, .server = -1, .fault = FAULT_LATE, .late_ms = 4000});
  struct heard *h = ask(SRV_A, TYPE_SRV, HOW_EDNS);
  cr_expect_eq(heard_rcode(h), RCODE_SERVFAIL);
  cr_expect_leq(heard_wait_ms(h), PATIENCE_MS);
  world_run_ms(w, 10000);
  expect(ask(SRV_A, TYPE_SRV, HOW_AD), RCODE_NOERROR, true);
  lab_free(l);
}

Test(dnssec_time, a_stop_in_the_middle_of_a_proof_answers_all) {
  static const uint32_t at_ms[] = {0, 1, 41, 100, 1500};
  for (unsigned i = 0; i < sizeof at_ms / sizeof *at_ms; i++) {
    begin((struct world_options){0});
    script_rule(&w->script, &(struct fault_rule){
                                .type = TYPE_DNSKEY, .server = -1, .fault = FAULT_LATE, .late_ms = 1400});
    client_ask(w, SRV_A, TYPE_SRV, HOW_EDNS);
    client_ask(w, "no.a.lab.", TYPE_A, HOW_DO);
    world_run_ms(w, at_ms[i]);
    lab_free(l); /* expects that all are answered */
  }
}
