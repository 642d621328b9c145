/* test_judge.c: verdicts on answers out of a small signed world: chains of trust and signatures, trap by
 * trap. */
#include "dnssec/judge_kit.h"

TestSuite(judge, .init = judge_kit_begin, .fini = judge_kit_end);

/* ---- chains of trust ---- */

Test(judge, a_signed_answer_is_secure_and_asks_for_each_zone_once) {
  answer("_xmpp-client._tcp.example.org", TYPE_SRV, RCODE_NOERROR);
  srv("_xmpp-client._tcp.example.org", by("example.org"));
  expect_secure();
  cr_expect_eq(world->needs, 5); /* DS of org and example.org, DNSKEY of these and of the root */
  expect_secure();
  cr_expect_eq(world->needs, 0);
}

Test(judge, a_second_domain_needs_its_own_two_records) {
  answer("a.example.org", TYPE_A, RCODE_NOERROR);
  a("a.example.org", by("example.org"));
  expect_secure();
  answer("a.other.org", TYPE_A, RCODE_NOERROR);
  a("a.other.org", by("other.org"));
  expect_secure();
  cr_expect_eq(world->needs, 2);
}

Test(judge, asks_for_keys_beside_ds_records_when_a_signature_names_the_zone) {
  struct judgement at = {.budget = dnssec_budget()};
  struct question q = question("a.example.org", TYPE_A);
  answer("a.example.org", TYPE_A, RCODE_NOERROR);
  a("a.example.org", by("example.org"));
  struct verdict v = judge(world->judge, &at, &q, m.octets, m.len, world->now);
  cr_expect_eq(v.state, DNSSEC_NEEDS);
  cr_expect_eq(v.need_type, TYPE_DS);
  cr_expect(v.is_signed_by_it);
}

Test(judge, a_stripped_answer_of_a_signed_zone_is_bogus) {
  answer("a.example.org", TYPE_A, RCODE_NOERROR);
  a("a.example.org", unsigned_);
  expect_bogus(ERR_NO_RRSIG);
}

Test(judge, labels_with_an_underscore_are_asked_for_last) {
  answer("_xmpp-client._tcp.example.org", TYPE_SRV, RCODE_NOERROR);
  srv("_xmpp-client._tcp.example.org", unsigned_);
  expect_bogus(ERR_NO_RRSIG);
  answer("_xmpp-client._tcp.insecure.org", TYPE_SRV, RCODE_NOERROR);
  srv("_xmpp-client._tcp.insecure.org", unsigned_);
  expect(DNSSEC_INSECURE, ERR_NONE);
  cr_expect_eq(world->needs, 1); /* DS of insecure.org */
}

Test(judge, an_unsigned_zone_is_insecure_by_its_parents_word) {
  answer("a.b.insecure.org", TYPE_A, RCODE_NOERROR);
  a("a.b.insecure.org", unsigned_);
  expect(DNSSEC_INSECURE, ERR_NONE);
  cr_expect_eq(world->needs, 4); /* DS of org and insecure.org, keys of org and of the root */
}

Test(judge, a_zone_is_not_insecure_by_an_unsigned_word) {
  struct msg no_ds;
  msg_answer(&no_ds, "example.org", TYPE_DS, RCODE_NOERROR);
  signer_soa(world, &no_ds, "org", unsigned_);
  signer_answer_is(world, "example.org", TYPE_DS, &no_ds);
  answer("a.example.org", TYPE_A, RCODE_NOERROR);
  a("a.example.org", unsigned_);
  expect_bogus(ERR_NO_RRSIG);
}

Test(judge, a_ds_set_with_nothing_that_is_known_makes_a_zone_insecure) {
  answer("a.strange.org", TYPE_A, RCODE_NOERROR);
  a("a.strange.org", by("strange.org"));
  expect(DNSSEC_INSECURE, ERR_NONE);
}

Test(judge, keys_that_nobody_signed_prove_nothing) {
  answer("a.nokeys.org", TYPE_A, RCODE_NOERROR);
  a("a.nokeys.org", by("nokeys.org"));
  cr_expect_eq(judged().state, DNSSEC_BOGUS);
}

Test(judge, names_above_no_anchor_and_below_a_negative_one_are_insecure) {
  struct anchors *anchors = &world->anchors;
  uint8_t name[NAME_MAX_LEN];
  anchors_add_negative(anchors, name, name_parse("example.org", name));
  answer("a.example.org", TYPE_A, RCODE_NOERROR);
  a("a.example.org", unsigned_);
  expect(DNSSEC_INSECURE, ERR_NONE);
  cr_expect_eq(world->needs, 0);

  anchors->count = 0;
  answer("a.other.org", TYPE_A, RCODE_NOERROR);
  a("a.other.org", unsigned_);
  expect(DNSSEC_INSECURE, ERR_NONE);
}

Test(judge, below_a_negative_anchor_nothing_is_looked_at) {
  uint8_t name[NAME_MAX_LEN];
  anchors_add_negative(&world->anchors, name, name_parse("b.example.org", name));
  answer("b.example.org", TYPE_A, RCODE_NOERROR);
  a("b.example.org", (struct signer_way){.zone = "example.org", .is_spoiled = true});
  expect(DNSSEC_INSECURE, ERR_NONE);
  cr_expect_eq(world->needs, 0);
  answer("b.example.org", TYPE_A, RCODE_NXDOMAIN);
  nothing_from("a.example.org", "c.example.org");
  signer_nsec(world, &m, "example.org", "a.example.org", types_apex, by("example.org"));
  expect(DNSSEC_INSECURE, ERR_NONE);
}

Test(judge, an_anchor_makes_an_island_below_an_insecure_zone) {
  signer_zone(world, "island.insecure.org", SIGNER_SIGNED);
  signer_anchor(world, "island.insecure.org");
  answer("a.island.insecure.org", TYPE_A, RCODE_NOERROR);
  a("a.island.insecure.org", by("island.insecure.org"));
  expect_secure();
  cr_expect_eq(world->needs, 1); /* its keys */
  answer("a.island.insecure.org", TYPE_A, RCODE_NOERROR);
  a("a.island.insecure.org", unsigned_);
  expect_bogus(ERR_NO_RRSIG);
}

Test(judge, zones_above_an_anchor_have_no_say_below_it) {
  signer_anchor(world, "example.org");
  answer("a.example.org", TYPE_A, RCODE_NOERROR);
  a("a.example.org", by("org"));
  expect_bogus(ERR_NO_RRSIG);
  answer("example.org", TYPE_DS, RCODE_NOERROR);
  signer_set(world, &m, SECTION_ANSWER, "example.org", TYPE_DS, signer_ds(world, "example.org"), by("org"));
  expect_secure();
}

Test(judge, nothing_is_asked_of_zones_above_all_anchors) {
  world->anchors.count = 0;
  signer_anchor(world, "example.org");
  learn_zone("example.org");
  answer("example.org", TYPE_TXT, RCODE_NOERROR);
  signer_nsec(world, &m, "example.org", "f.org", types_cut, by("org"));
  expect_bogus(ERR_NO_RRSIG);
  cr_expect_eq(world->needs, 0);
}

Test(judge, a_zone_may_begin_at_a_label_with_an_underscore) {
  signer_zone(world, "_tcp.example.org", SIGNER_UNSIGNED);
  answer("_xmpp-client._tcp.example.org", TYPE_SRV, RCODE_NOERROR);
  srv("_xmpp-client._tcp.example.org", unsigned_);
  expect(DNSSEC_INSECURE, ERR_NONE);
}

Test(judge, other_labels_come_before_those_with_an_underscore) {
  learn_zone("example.org");
  struct judgement at = {.budget = dnssec_budget()};
  struct question q = question("host._tcp.example.org", TYPE_A);
  answer("host._tcp.example.org", TYPE_A, RCODE_NOERROR);
  a("host._tcp.example.org", unsigned_);
  struct verdict v = judge(world->judge, &at, &q, m.octets, m.len, world->now);
  char text[NAME_TEXT];
  cr_expect_eq(v.state, DNSSEC_NEEDS);
  cr_expect_eq(v.why, ERR_NO_RRSIG);
  cr_expect_str_eq(name_format(v.need, v.need_len, text), "host._tcp.example.org.");
}

/* ---- signatures ---- */

static void one_signature(struct signer_way s, enum err why) {
  answer("a.example.org", TYPE_A, RCODE_NOERROR);
  a("a.example.org", s);
  expect_bogus(why);
}

Test(judge, a_signature_that_is_wrong_in_one_way_proves_nothing) {
  one_signature((struct signer_way){.zone = "example.org", .expires = -60}, ERR_SIGNATURE_EXPIRED);
  one_signature((struct signer_way){.zone = "example.org", .begins = 60}, ERR_SIGNATURE_EARLY);
  one_signature((struct signer_way){.zone = "example.org", .is_spoiled = true}, ERR_BOGUS);
  one_signature((struct signer_way){.zone = "example.org", .by = "other.org"}, ERR_NO_DNSKEY);
  one_signature((struct signer_way){.zone = "example.org", .algorithm = 200}, ERR_NO_DNSKEY);
  one_signature((struct signer_way){.zone = "example.org", .labels = 4}, ERR_BOGUS);
  one_signature((struct signer_way){.zone = "other.org"}, ERR_NO_RRSIG);
}

Test(judge, fewer_labels_than_the_signers_are_refused) {
  one_signature((struct signer_way){.zone = "example.org", .owner = "*.org"}, ERR_BOGUS);
  one_signature((struct signer_way){.zone = "example.org", .labels = SIGNER_NO_LABELS}, ERR_BOGUS);
}

Test(judge, one_good_signature_among_others_is_enough) {
  answer("a.example.org", TYPE_A, RCODE_NOERROR);
  a("a.example.org", (struct signer_way){.zone = "example.org", .expires = -60});
  a("a.example.org", (struct signer_way){.zone = "example.org", .algorithm = 200, .is_last = true});
  a("a.example.org", (struct signer_way){.zone = "example.org", .is_spoiled = true, .is_last = true});
  a("a.example.org", (struct signer_way){.zone = "other.org", .is_last = true});
  a("a.example.org", (struct signer_way){.zone = "example.org", .is_last = true});
  expect_secure();
}

Test(judge, times_are_not_judged_by_a_clock_that_is_not_trusted) {
  world->now.clock_s = 0;
  answer("a.example.org", TYPE_A, RCODE_NOERROR);
  a("a.example.org", (struct signer_way){.zone = "example.org", .expires = -60});
  expect_secure();
}

Test(judge, an_answer_is_kept_no_longer_than_its_signature_lives) {
  answer("a.example.org", TYPE_A, RCODE_NOERROR);
  a("a.example.org", (struct signer_way){.zone = "example.org", .expires = 90});
  cr_expect_eq(judged().ttl_s, 90);
  answer("b.example.org", TYPE_A, RCODE_NOERROR);
  a("b.example.org", by("example.org"));
  cr_expect_eq(judged().ttl_s, SIGNER_TTL);
}

Test(judge, a_parent_does_not_sign_what_is_its_childs) {
  learn_zone("sub.example.org");
  answer("a.sub.example.org", TYPE_A, RCODE_NOERROR);
  a("a.sub.example.org", by("example.org"));
  expect_bogus(ERR_NO_RRSIG);
  answer("sub.example.org", TYPE_A, RCODE_NOERROR);
  a("sub.example.org", by("example.org"));
  expect_bogus(ERR_NO_RRSIG);
}

Test(judge, a_parent_does_not_sign_what_is_below_a_child_that_is_not_known_yet) {
  const struct {
    const char *name;
    uint16_t type;
    struct rdata rd;
  } of_child[] = {{"a.sub.example.org", TYPE_A, rd_a("192.0.2.1")},
                  {"b.a.sub.example.org", TYPE_A, rd_a("192.0.2.1")},
                  {"_5222._tcp.a.sub.example.org", TYPE_TLSA, rd_fill(1, 35)},
                  {"a.sub.example.org", TYPE_CNAME, rd_name("example.org")},
                  {"sub.example.org", TYPE_TXT, rd_txt("parent")},
                  {"sub.example.org", TYPE_MX, rd_mx(10, "mail.example.org")}};
  for (unsigned i = 0; i < sizeof of_child / sizeof *of_child; i++) {
    trust_flush(judge_trust(world->judge), (const uint8_t *)"", 1);
    learn_zone("example.org");
    cr_assert_eq(known("sub.example.org"), ZONE_UNKNOWN);
    answer(of_child[i].name, of_child[i].type, RCODE_NOERROR);
    signer_set(world, &m, SECTION_ANSWER, of_child[i].name, of_child[i].type, of_child[i].rd,
               by("example.org"));
    struct verdict v = judged();
    cr_expect_eq(v.state, DNSSEC_BOGUS, "%s", of_child[i].name);
    cr_expect_neq(known("sub.example.org"), ZONE_UNKNOWN);
  }
}

/* Its zone has no NSEC records: that no zone begins at a name is proven nowhere. */
static void deny_without_proof(const char *name) {
  struct msg none;
  msg_answer(&none, name, TYPE_DS, RCODE_NOERROR);
  signer_soa(world, &none, "example.org", by("example.org"));
  signer_answer_is(world, name, TYPE_DS, &none);
}

Test(judge, a_zone_is_believed_where_nobody_can_say_whether_another_begins) {
  deny_without_proof("d.example.org");
  deny_without_proof("t.example.org");
  answer("host.d.example.org", TYPE_A, RCODE_NOERROR);
  dname("d.example.org", "t.example.org", by("example.org"));
  signer_set(world, &m, SECTION_ANSWER, "t.example.org", TYPE_TXT, rd_txt("t"), by("example.org"));
  a("host.t.example.org", by("example.org"));
  expect_secure();
  cr_expect(world->last.goes_without_cuts);

  answer("d.example.org", TYPE_TXT, RCODE_NOERROR);
  signer_set(world, &m, SECTION_ANSWER, "d.example.org", TYPE_TXT, rd_txt("t"),
             (struct signer_way){.zone = "example.org", .is_spoiled = true});
  expect_bogus(ERR_BOGUS);
}

Test(judge, apex_records_are_signed_by_their_own_zone) {
  answer("sub.example.org", TYPE_NS, RCODE_NOERROR);
  signer_set(world, &m, SECTION_ANSWER, "sub.example.org", TYPE_NS, rd_name("ns.example.org"),
             by("example.org"));
  expect_bogus(ERR_NO_RRSIG);
  answer("sub.example.org", TYPE_NS, RCODE_NOERROR);
  signer_set(world, &m, SECTION_ANSWER, "sub.example.org", TYPE_NS, rd_name("ns.example.org"),
             by("sub.example.org"));
  expect_secure();
}

Test(judge, ds_records_are_the_parents_to_sign_not_a_siblings_nor_the_childs) {
  static const char *const by_whom[] = {"other.org", "sub.example.org", "org"};
  for (unsigned i = 0; i < 3; i++) {
    answer("sub.example.org", TYPE_DS, RCODE_NOERROR);
    signer_set(world, &m, SECTION_ANSWER, "sub.example.org", TYPE_DS, signer_ds(world, "sub.example.org"),
               by(by_whom[i]));
    learn_zone("example.org");
    cr_expect_eq(judged().state, DNSSEC_BOGUS, "%s", by_whom[i]);
    cr_expect_eq(known("sub.example.org"), ZONE_UNKNOWN);
  }
}

Test(judge, a_child_whose_keys_are_known_does_not_sign_its_own_ds) {
  learn_zone("sub.example.org");
  answer("sub.example.org", TYPE_DS, RCODE_NOERROR);
  signer_set(world, &m, SECTION_ANSWER, "sub.example.org", TYPE_DS, signer_ds(world, "sub.example.org"),
             by("sub.example.org"));
  expect_bogus(ERR_NO_RRSIG);
}

Test(judge, a_signature_that_failed_asks_for_nothing_but_whether_another_zone_begins) {
  static const struct signer_way expired = {.zone = "example.org", .expires = -60};
  learn_zone("example.org");
  answer("example.org", TYPE_A, RCODE_NOERROR);
  a("example.org", expired);
  expect_bogus(ERR_SIGNATURE_EXPIRED);
  cr_expect_eq(world->needs, 0);
  one_signature(expired, ERR_SIGNATURE_EXPIRED);
  cr_expect_eq(world->needs, 1); /* DS of a.example.org */
  answer("_xmpp-client._tcp.example.org", TYPE_SRV, RCODE_NOERROR);
  srv("_xmpp-client._tcp.example.org", expired);
  expect_bogus(ERR_SIGNATURE_EXPIRED);
  cr_expect_eq(world->needs, 0);
}

Test(judge, signatures_left_over_from_before_an_unsigned_zone_began_do_not_hurt) {
  static const struct signer_way left[] = {{.zone = "example.org", .expires = -60},
                                           {.zone = "example.org", .is_spoiled = true},
                                           {.zone = "example.org"}};
  signer_zone(world, "h.example.org", SIGNER_UNSIGNED);
  for (unsigned i = 0; i < 3; i++) {
    trust_flush(judge_trust(world->judge), (const uint8_t *)"", 1);
    answer("x.h.example.org", TYPE_A, RCODE_NOERROR);
    a("x.h.example.org", left[i]);
    expect(DNSSEC_INSECURE, ERR_NONE);
    if (i == 2) continue; /* it holds: nothing more is asked */
    trust_flush(judge_trust(world->judge), (const uint8_t *)"", 1);
    answer("h.example.org", TYPE_A, RCODE_NOERROR);
    a("h.example.org", left[i]);
    expect(DNSSEC_INSECURE, ERR_NONE);
    cr_expect_eq(world->last.budget.failures, DNSSEC_FAILURES - i); /* verified once */
  }
}

Test(judge, a_signature_that_failed_stays_so_where_nobody_can_say_whether_a_zone_begins) {
  deny_without_proof("a.example.org");
  one_signature((struct signer_way){.zone = "example.org", .is_spoiled = true}, ERR_BOGUS);
  cr_expect(world->last.goes_without_cuts);
}

Test(judge, a_signature_in_an_insecure_zone_does_not_hurt) {
  static const struct signer_way junk[] = {
      {.zone = "insecure.org"}, {.zone = "org", .by = "other.org"}, {.zone = "other.org"}, {.zone = "."}};
  for (unsigned i = 0; i < 4; i++) {
    answer("a.insecure.org", TYPE_A, RCODE_NOERROR);
    a("a.insecure.org", junk[i]);
    expect(DNSSEC_INSECURE, ERR_NONE);
  }
}
