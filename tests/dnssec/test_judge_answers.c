/* test_judge_answers.c: verdicts on aliases, on what wildcards make, and on what is said not to be there. */
#include "dnssec/judge_kit.h"

TestSuite(judge_answers, .init = judge_kit_begin, .fini = judge_kit_end);

/* ---- aliases ---- */

static void alias_to(const char *target, struct signer_way s) {
  answer("alias.example.org", TYPE_A, RCODE_NOERROR);
  cname("alias.example.org", target, by("example.org"));
  a(target, s);
}

Test(judge_answers, every_link_of_a_chain_is_judged_by_its_own_zone) {
  alias_to("a.example.org", by("example.org"));
  expect_secure();
  alias_to("a.other.org", by("other.org"));
  expect_secure();
  alias_to("a.insecure.org", unsigned_);
  expect(DNSSEC_INSECURE, ERR_NONE);
  alias_to("a.other.org", unsigned_);
  expect_bogus(ERR_NO_RRSIG);
  alias_to("a.other.org", by("example.org"));
  expect_bogus(ERR_NO_RRSIG);
}

Test(judge_answers, an_unsigned_link_is_bogus_though_the_target_is_secure) {
  answer("alias.example.org", TYPE_A, RCODE_NOERROR);
  cname("alias.example.org", "a.example.org", unsigned_);
  a("a.example.org", by("example.org"));
  expect_bogus(ERR_NO_RRSIG);
}

Test(judge_answers, what_is_bogus_at_the_end_is_not_excused_by_an_insecure_link) {
  answer("alias.insecure.org", TYPE_A, RCODE_NOERROR);
  cname("alias.insecure.org", "a.example.org", unsigned_);
  a("a.example.org", unsigned_);
  expect_bogus(ERR_NO_RRSIG);
}

Test(judge_answers, an_alias_that_leads_nowhere_needs_proof_for_where_it_leads) {
  answer("alias.example.org", TYPE_A, RCODE_NXDOMAIN);
  cname("alias.example.org", "b.other.org", by("example.org"));
  expect_bogus(ERR_NO_NSEC);
  signer_soa(world, &m, "other.org", by("other.org"));
  signer_nsec(world, &m, "other.org", "z.other.org", types_apex, by("other.org"));
  expect_secure();
}

Test(judge_answers, a_cname_made_by_a_signed_dname_needs_no_signature_but_must_follow) {
  answer("x.d.example.org", TYPE_A, RCODE_NOERROR);
  dname("d.example.org", "other.org", by("example.org"));
  cname("x.d.example.org", "x.other.org", unsigned_);
  a("x.other.org", by("other.org"));
  expect_secure();

  answer("x.d.example.org", TYPE_A, RCODE_NOERROR);
  dname("d.example.org", "other.org", by("example.org"));
  cname("x.d.example.org", "y.other.org", unsigned_);
  a("y.other.org", by("other.org"));
  expect_bogus(ERR_BOGUS);

  answer("x.d.example.org", TYPE_A, RCODE_NOERROR);
  dname("d.example.org", "other.org", unsigned_);
  cname("x.d.example.org", "x.other.org", unsigned_);
  a("x.other.org", by("other.org"));
  expect_bogus(ERR_NO_RRSIG);
}

Test(judge_answers, a_signed_cname_below_a_dname_must_agree_with_it) {
  answer("x.d.example.org", TYPE_A, RCODE_NOERROR);
  dname("d.example.org", "other.org", by("example.org"));
  cname("x.d.example.org", "y.other.org", by("example.org"));
  a("y.other.org", by("other.org"));
  expect_bogus(ERR_BAD_REPLY);
}

Test(judge_answers, a_cname_that_was_asked_for_may_be_one_that_a_dname_makes) {
  answer("x.d.example.org", TYPE_CNAME, RCODE_NOERROR);
  dname("d.example.org", "other.org", by("example.org"));
  cname("x.d.example.org", "x.other.org", unsigned_);
  expect_secure();
}

Test(judge_answers, a_dname_may_make_too_long_a_name) {
  char label[64] = {0}, name[256], target[256];
  memset(label, 'l', 63);
  snprintf(name, sizeof name, "%s.d.example.org", label);
  snprintf(target, sizeof target, "%s.%s.%s.org", label, label, label);
  answer(name, TYPE_A, RCODE_YXDOMAIN);
  dname("d.example.org", target, by("example.org"));
  expect_secure();
  answer(name, TYPE_A, RCODE_NOERROR);
  dname("d.example.org", target, by("example.org"));
  expect_bogus(ERR_BAD_REPLY);
}

Test(judge_answers, aliases_in_a_ring_come_to_nothing) {
  answer("a.example.org", TYPE_A, RCODE_NOERROR);
  cname("a.example.org", "b.example.org", by("example.org"));
  cname("b.example.org", "a.example.org", by("example.org"));
  expect(DNSSEC_INSECURE, ERR_NONE);
}

/* ---- wildcards ---- */

static void made_from_wildcard(void) {
  answer("x.w.example.org", TYPE_A, RCODE_NOERROR);
  a("x.w.example.org", (struct signer_way){.zone = "example.org", .owner = "*.w.example.org"});
}

Test(judge_answers, what_a_wildcard_makes_needs_the_denial_of_a_closer_name) {
  made_from_wildcard();
  expect_bogus(ERR_NO_NSEC);
  made_from_wildcard();
  signer_nsec(world, &m, "*.w.example.org", "z.example.org", types_host, by("example.org"));
  expect_secure();
}

Test(judge_answers, no_other_denial_will_do_for_a_wildcard) {
  static const struct {
    const char *owner, *next;
    struct signer_way by;
  } wrong[] = {
      {"*.w.example.org", "z.example.org", {.zone = NULL}},
      {"*.w.example.org", "z.example.org", {.zone = "example.org", .is_spoiled = true}},
      {"*.w.example.org", "z.example.org", {.zone = "org"}},
      {"*.w.example.org", "z.example.org", {.zone = "example.org", .owner = "*.example.org"}},
      {"a.example.org", "b.example.org", {.zone = "example.org"}},
      {"y.w.example.org", "z.example.org", {.zone = "example.org"}},
      {"x.w.example.org", "z.example.org", {.zone = "example.org"}},
  };
  for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    made_from_wildcard();
    signer_nsec(world, &m, wrong[i].owner, wrong[i].next, types_host, wrong[i].by);
    cr_expect_eq(judged().state, DNSSEC_BOGUS, "%u", i);
  }
}

Test(judge_answers, a_wildcard_itself_is_as_it_stands) {
  answer("*.w.example.org", TYPE_A, RCODE_NOERROR);
  a("*.w.example.org", by("example.org"));
  expect_secure();
}

/* ---- that there is nothing ---- */

Test(judge_answers, that_there_is_nothing_needs_proof) {
  answer("b.example.org", TYPE_A, RCODE_NXDOMAIN);
  nothing_from("a.example.org", "c.example.org");
  signer_nsec(world, &m, "example.org", "a.example.org", types_apex, by("example.org"));
  expect_secure();

  answer("a.example.org", TYPE_TXT, RCODE_NOERROR);
  nothing_from("a.example.org", "c.example.org");
  expect_secure();
}

Test(judge_answers, a_wildcard_that_may_be_there_leaves_a_name_unproven) {
  answer("b.example.org", TYPE_A, RCODE_NXDOMAIN);
  nothing_from("a.example.org", "c.example.org");
  expect_bogus(ERR_NO_NSEC);
}

Test(judge_answers, an_rcode_must_be_what_is_proven) {
  answer("a.example.org", TYPE_TXT, RCODE_NXDOMAIN);
  nothing_from("a.example.org", "c.example.org");
  expect_bogus(ERR_NO_NSEC);
  answer("a.example.org", TYPE_A, RCODE_NOERROR);
  nothing_from("a.example.org", "c.example.org");
  expect_bogus(ERR_NO_NSEC);
  answer("a.example.org", TYPE_A, RCODE_NXDOMAIN);
  a("a.example.org", by("example.org"));
  expect_bogus(ERR_BAD_REPLY);
}

Test(judge_answers, an_unsigned_denial_is_bogus_and_known_as_such) {
  answer("b.example.org", TYPE_A, RCODE_NXDOMAIN);
  cr_expect(judged().is_unsigned_denial);
  expect_bogus(ERR_NO_NSEC);
  signer_soa(world, &m, "example.org", unsigned_);
  cr_expect(judged().is_unsigned_denial);
  expect_bogus(ERR_NO_RRSIG);

  answer("a.example.org", TYPE_A, RCODE_NOERROR);
  nothing_from("a.example.org", "c.example.org");
  cr_expect_not(judged().is_unsigned_denial);
  answer("alias.example.org", TYPE_A, RCODE_NXDOMAIN);
  cname("alias.example.org", "b.example.org", by("example.org"));
  cr_expect_not(judged().is_unsigned_denial);
}

Test(judge_answers, a_denial_says_why_its_records_do_not_count) {
  answer("a.example.org", TYPE_TXT, RCODE_NOERROR);
  signer_nsec(world, &m, "a.example.org", "c.example.org", types_host,
              (struct signer_way){.zone = "example.org", .expires = -60});
  expect_bogus(ERR_SIGNATURE_EXPIRED);
}

Test(judge_answers, nothing_in_an_insecure_zone_needs_no_proof) {
  answer("b.insecure.org", TYPE_A, RCODE_NXDOMAIN);
  signer_soa(world, &m, "insecure.org", unsigned_);
  expect(DNSSEC_INSECURE, ERR_NONE);
  answer("b.insecure.org", TYPE_A, RCODE_NOERROR);
  expect(DNSSEC_INSECURE, ERR_NONE);
}

Test(judge_answers, the_soa_of_a_denial_must_be_as_good_as_its_proof) {
  answer("a.example.org", TYPE_TXT, RCODE_NOERROR);
  signer_nsec(world, &m, "a.example.org", "c.example.org", types_host, by("example.org"));
  expect_secure();
  signer_soa(world, &m, "example.org", unsigned_);
  expect_bogus(ERR_NO_RRSIG);
}

Test(judge_answers, a_proof_made_from_a_wildcard_proves_nothing) {
  answer("b.w.example.org", TYPE_TXT, RCODE_NOERROR);
  signer_nsec(world, &m, "b.w.example.org", "z.example.org", types_host,
              (struct signer_way){.zone = "example.org", .owner = "*.w.example.org"});
  expect_bogus(ERR_NO_NSEC);
}

Test(judge_answers, a_proof_made_from_a_wildcard_proves_nothing_with_a_second_signature) {
  answer("b.w.example.org", TYPE_TXT, RCODE_NOERROR);
  signer_nsec(world, &m, "b.w.example.org", "z.example.org", types_host,
              (struct signer_way){.zone = "example.org", .owner = "*.w.example.org"});
  signer_nsec(world, &m, "b.w.example.org", "z.example.org", types_host,
              (struct signer_way){.zone = "example.org", .tag = 1, .is_last = true});
  expect_bogus(ERR_NO_NSEC);
}

Test(judge_answers, the_parents_record_at_a_cut_says_nothing_of_what_is_below) {
  answer("a.sub.example.org", TYPE_A, RCODE_NXDOMAIN);
  signer_nsec(world, &m, "sub.example.org", "z.example.org", types_cut, by("example.org"));
  signer_nsec(world, &m, "example.org", "sub.example.org", types_apex, by("example.org"));
  cr_expect_eq(judged().state, DNSSEC_BOGUS);
  answer("sub.example.org", TYPE_A, RCODE_NOERROR);
  signer_nsec(world, &m, "sub.example.org", "z.example.org", types_cut, by("example.org"));
  cr_expect_eq(judged().state, DNSSEC_BOGUS);
}

Test(judge_answers, a_next_name_of_another_zone_proves_nothing) {
  answer("b.example.org", TYPE_A, RCODE_NXDOMAIN);
  signer_nsec(world, &m, "a.example.org", "z.org", types_host, by("example.org"));
  signer_nsec(world, &m, "example.org", "a.example.org", types_apex, by("example.org"));
  expect_bogus(ERR_NO_NSEC);
}

Test(judge_answers, a_name_that_is_there_for_its_denial_alone_is_proven_nothing) {
  static const uint16_t none[] = {TYPE_RRSIG, TYPE_NSEC, TYPE_NXNAME, 0};
  for (unsigned rcode = RCODE_NOERROR; rcode <= RCODE_NXDOMAIN; rcode += RCODE_NXDOMAIN) {
    answer("b.example.org", TYPE_A, rcode);
    signer_nsec(world, &m, "b.example.org", "\\000.b.example.org", none, by("example.org"));
    expect_secure();
  }
}

Test(judge_answers, an_empty_message_is_never_secure) {
  static const char *const names[] = {".",          "org", "example.org", "a.example.org", "insecure.org",
                                      "strange.org"};
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    answer(names[i], TYPE_TXT, RCODE_NOERROR);
    cr_expect_neq(judged().state, DNSSEC_SECURE, "%s", names[i]);
    answer(names[i], TYPE_DS, RCODE_NOERROR);
    cr_expect_neq(judged().state, DNSSEC_SECURE, "%s", names[i]);
  }
}

Test(judge_answers, unrelated_records_of_the_authority_section_do_not_hurt_nor_count) {
  answer("a.example.org", TYPE_A, RCODE_NOERROR);
  a("a.example.org", by("example.org"));
  signer_nsec(world, &m, "nobody.lab", "zz.lab", types_host, by("other.org"));
  signer_set(world, &m, SECTION_AUTHORITY, "example.org", TYPE_NS, rd_name("ns.lab"), unsigned_);
  expect_secure();
  answer("b.example.org", TYPE_A, RCODE_NXDOMAIN);
  signer_nsec(world, &m, "a.other.org", "z.other.org", types_host, by("other.org"));
  expect_bogus(ERR_NO_NSEC);
}

Test(judge_answers, what_is_not_proven_beside_a_proven_answer_is_told) {
  answer("b.example.org", TYPE_A, RCODE_NXDOMAIN);
  nothing_from("a.example.org", "c.example.org");
  signer_nsec(world, &m, "example.org", "a.example.org", types_apex, by("example.org"));
  cr_expect_not(judged().has_unproven);
  signer_nsec(world, &m, "x.example.org", "z.example.org", types_host,
              (struct signer_way){.zone = "example.org", .is_spoiled = true});
  expect_secure();
  cr_expect(judged().has_unproven);

  answer("a.example.org", TYPE_A, RCODE_NOERROR);
  a("a.example.org", by("example.org"));
  cr_expect_not(judged().has_unproven);
  signer_nsec(world, &m, "x.other.org", "z.other.org", types_host, by("other.org"));
  expect_secure();
  cr_expect(judged().has_unproven);
}

/* As many as four aliases to a name take that NSEC3 denies. */
Test(judge_answers, eight_signatures_on_the_dearest_curve_are_verified) {
  signer_zone_by(world, "p384.org", SIGNER_SIGNED, ALGORITHM_ECDSAP384);
  learn_zone("p384.org");
  answer("a.p384.org", TYPE_A, RCODE_NOERROR);
  for (unsigned i = 0; i < 7; i++) {
    char owner[] = "a.p384.org", target[] = "b.p384.org";
    owner[0] = (char)(owner[0] + i);
    target[0] = (char)(target[0] + i);
    cname(owner, target, by("p384.org"));
  }
  a("h.p384.org", by("p384.org"));
  expect_secure();
  cr_expect_lt(world->last.budget.cost, 10);
}

/* A record of the right form whose zone would take too long: what it says is not looked at. */
static void costly_record(const char *zone) {
  char owner[NAME_TEXT];
  uint8_t rd[] = {1, 0, 0, 151, 0, 20, [6 ... 25] = 0x55, 0, 1, 0x40};
  snprintf(owner, sizeof owner, "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.%s", zone);
  signer_set(world, &m, SECTION_AUTHORITY, owner, TYPE_NSEC3, rd_octets(rd, sizeof rd), by(zone));
}

Test(judge_answers, a_zone_whose_proofs_cost_too_much_is_insecure_but_not_the_secure_ones_below_it) {
  answer("b.example.org", TYPE_A, RCODE_NXDOMAIN);
  costly_record("example.org");
  expect(DNSSEC_INSECURE, ERR_NONE);
  cr_expect_eq(world->last.budget.digests, DNSSEC_NSEC3_DIGESTS);
  answer("b.sub.example.org", TYPE_A, RCODE_NXDOMAIN);
  costly_record("example.org");
  expect_bogus(ERR_NO_NSEC);
}

Test(judge_answers, the_root_denies_its_own_ds_as_it_has_no_parent) {
  answer(".", TYPE_DS, RCODE_NOERROR);
  signer_soa(world, &m, ".", by("."));
  signer_nsec(world, &m, ".", "org", types_apex, by("."));
  expect_secure();
}

/* As of a zone that is signed by two programs, one of which is broken. */
Test(judge_answers, one_bad_signature_beside_a_good_one_in_each_set_does_not_hurt) {
  static const struct signer_way spoiled = {.zone = "example.org", .is_spoiled = true};
  static const struct signer_way second = {.zone = "example.org", .is_last = true};
  answer("a.example.org", TYPE_A, RCODE_NOERROR);
  cname("a.example.org", "b.example.org", spoiled);
  cname("a.example.org", "b.example.org", second);
  cname("b.example.org", "c.example.org", spoiled);
  cname("b.example.org", "c.example.org", second);
  a("c.example.org", spoiled);
  a("c.example.org", second);
  expect_secure();
}
