/* test_judge_zones.c: what answers to questions for DS and DNSKEY records teach, odd questions, what a
 * judgement may cost, and what is wished for. */
#include "dnssec/judge_kit.h"

TestSuite(judge_zones, .init = judge_kit_begin, .fini = judge_kit_end);

/* ---- DS and DNSKEY records ---- */

Test(judge_zones, a_ds_answered_by_a_signed_alias_says_that_no_zone_begins_there) {
  struct msg alias;
  msg_answer(&alias, "h.example.org", TYPE_DS, RCODE_NOERROR);
  signer_set(world, &alias, SECTION_ANSWER, "h.example.org", TYPE_CNAME, rd_name("a.other.org"),
             by("example.org"));
  signer_answer_is(world, "h.example.org", TYPE_DS, &alias);
  answer("x.h.example.org", TYPE_A, RCODE_NOERROR);
  a("x.h.example.org", unsigned_);
  expect_bogus(ERR_NO_RRSIG);
  cr_expect_eq(known("h.example.org"), ZONE_NO_CUT);
}

Test(judge_zones, a_ds_answered_by_an_unsigned_alias_says_nothing) {
  struct msg alias;
  msg_answer(&alias, "h.example.org", TYPE_DS, RCODE_NOERROR);
  signer_set(world, &alias, SECTION_ANSWER, "h.example.org", TYPE_CNAME, rd_name("a.insecure.org"),
             unsigned_);
  signer_answer_is(world, "h.example.org", TYPE_DS, &alias);
  answer("x.h.example.org", TYPE_A, RCODE_NOERROR);
  a("x.h.example.org", unsigned_);
  expect_bogus(ERR_NO_RRSIG);
  cr_expect_eq(known("h.example.org"), ZONE_UNKNOWN);
}

Test(judge_zones, a_ds_answered_by_a_wildcards_alias_needs_its_denial) {
  static const struct signer_way wild = {.zone = "example.org", .owner = "*.example.org"};
  answer("h.example.org", TYPE_DS, RCODE_NOERROR);
  cname("h.example.org", "a.other.org", wild);
  cr_expect_eq(judged().state, DNSSEC_BOGUS);
  cr_expect_eq(known("h.example.org"), ZONE_UNKNOWN);
  signer_nsec(world, &m, "a.example.org", "z.example.org", types_host, by("example.org"));
  judged();
  cr_expect_eq(known("h.example.org"), ZONE_NO_CUT);
}

Test(judge_zones, a_dname_above_says_that_no_zone_begins_below) {
  answer("h.d.example.org", TYPE_DS, RCODE_NOERROR);
  dname("d.example.org", "other.org", by("example.org"));
  judged();
  cr_expect_eq(known("h.d.example.org"), ZONE_NO_CUT);
}

Test(judge_zones, ds_records_in_a_ring_of_aliases_do_not_wait_for_each_other) {
  struct msg alias;
  msg_answer(&alias, "x.example.org", TYPE_DS, RCODE_NOERROR);
  signer_set(world, &alias, SECTION_ANSWER, "x.example.org", TYPE_CNAME, rd_name("y.example.org"),
             by("example.org"));
  signer_set(world, &alias, SECTION_ANSWER, "y.example.org", TYPE_DS, signer_ds(world, "sub.example.org"),
             unsigned_);
  signer_answer_is(world, "x.example.org", TYPE_DS, &alias);
  msg_answer(&alias, "y.example.org", TYPE_DS, RCODE_NOERROR);
  signer_set(world, &alias, SECTION_ANSWER, "y.example.org", TYPE_CNAME, rd_name("x.example.org"),
             by("example.org"));
  signer_set(world, &alias, SECTION_ANSWER, "x.example.org", TYPE_DS, signer_ds(world, "sub.example.org"),
             unsigned_);
  signer_answer_is(world, "y.example.org", TYPE_DS, &alias);
  answer("a.x.example.org", TYPE_A, RCODE_NOERROR);
  a("a.x.example.org", unsigned_);
  cr_expect_eq(judged().state, DNSSEC_BOGUS);
}

Test(judge_zones, a_zone_that_denies_its_keys_with_its_keys_is_bogus) {
  struct msg none;
  msg_answer(&none, "example.org", TYPE_DNSKEY, RCODE_NOERROR);
  signer_nsec(world, &none, "example.org", "a.example.org", types_apex, by("example.org"));
  signer_answer_is(world, "example.org", TYPE_DNSKEY, &none);
  answer("a.example.org", TYPE_A, RCODE_NOERROR);
  a("a.example.org", by("example.org"));
  cr_expect_eq(judged().state, DNSSEC_BOGUS);
}

Test(judge_zones, what_is_proven_of_zones_is_known_from_then_on) {
  learn_zone("sub.example.org");
  cr_expect_eq(known("."), ZONE_SECURE);
  cr_expect_eq(known("org"), ZONE_SECURE);
  cr_expect_eq(known("example.org"), ZONE_SECURE);
  cr_expect_eq(known("sub.example.org"), ZONE_SECURE);

  answer("a.insecure.org", TYPE_A, RCODE_NOERROR);
  a("a.insecure.org", unsigned_);
  judged();
  cr_expect_eq(known("insecure.org"), ZONE_INSECURE);
  world->now.now_s += SIGNER_TTL;
  cr_expect_eq(known("insecure.org"), ZONE_UNKNOWN);
  cr_expect_eq(known("sub.example.org"), ZONE_UNKNOWN);
}

Test(judge_zones, keys_that_are_known_outlive_the_same_ds_records) {
  struct msg ds;
  learn_zone("example.org");
  msg_answer(&ds, "example.org", TYPE_DS, RCODE_NOERROR);
  signer_set(world, &ds, SECTION_ANSWER, "example.org", TYPE_DS, signer_ds(world, "example.org"), by("org"));
  cr_expect_eq(signer_judge(world, "example.org", TYPE_DS, &ds).state, DNSSEC_SECURE);
  cr_expect_eq(known("example.org"), ZONE_SECURE);
}

Test(judge_zones, what_a_parent_says_of_an_anchors_zone_does_not_replace_its_keys) {
  signer_anchor(world, "example.org");
  learn_zone("example.org");
  answer("example.org", TYPE_DS, RCODE_NOERROR);
  signer_set(world, &m, SECTION_ANSWER, "example.org", TYPE_DS, signer_ds(world, "other.org"), by("org"));
  expect_secure();
  cr_expect_eq(known("example.org"), ZONE_SECURE);

  answer("example.org", TYPE_DS, RCODE_NOERROR);
  signer_soa(world, &m, "org", by("org"));
  signer_nsec(world, &m, "example.org", "f.org", types_cut, by("org"));
  expect_secure();
  cr_expect_eq(known("example.org"), ZONE_SECURE);
}

Test(judge_zones, keys_are_known_no_longer_than_the_ds_records_that_vouch_for_them) {
  struct msg ds;
  msg_answer(&ds, "example.org", TYPE_DS, RCODE_NOERROR);
  signer_set(world, &ds, SECTION_ANSWER, "example.org", TYPE_DS, signer_ds(world, "example.org"),
             (struct signer_way){.zone = "org", .expires = 100});
  signer_answer_is(world, "example.org", TYPE_DS, &ds);
  learn_zone("example.org");
  world->now.now_s += 99;
  cr_expect_eq(known("example.org"), ZONE_SECURE);
  world->now.now_s += 1;
  cr_expect_eq(known("example.org"), ZONE_UNKNOWN);
}

/* ---- where a zone begins that was none ---- */

static void answer_h(struct signer_way s) {
  answer("h.example.org", TYPE_TXT, RCODE_NOERROR);
  signer_set(world, &m, SECTION_ANSWER, "h.example.org", TYPE_TXT, rd_txt("t"), s);
}

static void no_cut_at_h(void) {
  answer_h(by("example.org"));
  expect_secure();
  cr_assert_eq(known("h.example.org"), ZONE_NO_CUT);
}

/* The answer is bogus, and says what to ask for anew; which is done. */
static void expect_doubt_of(const char *name) {
  static struct msg ds;
  char text[NAME_TEXT];
  struct verdict v = judged();
  cr_assert_eq(v.state, DNSSEC_BOGUS);
  cr_assert_eq(v.need_type, TYPE_DS);
  cr_expect_str_eq(name_format(v.need, v.need_len, text), name);
  signer_answer(world, v.need, v.need_len, TYPE_DS, &ds);
  signer_judge(world, name, TYPE_DS, &ds); /* proven, or not */
}

Test(judge_zones, a_signed_zone_that_begins_where_none_was_is_asked_for_anew) {
  no_cut_at_h();
  signer_zone(world, "h.example.org", SIGNER_SIGNED);
  answer_h(by("h.example.org"));
  expect_doubt_of("h.example.org.");
  expect_secure();
}

Test(judge_zones, an_unsigned_zone_that_begins_where_none_was_is_asked_for_anew) {
  no_cut_at_h();
  signer_zone(world, "h.example.org", SIGNER_UNSIGNED);
  answer_h(unsigned_);
  expect_doubt_of("h.example.org.");
  expect(DNSSEC_INSECURE, ERR_NONE);
}

static void no_ds_at_h(bool has_soa) {
  static const struct signer_way day = {.zone = "example.org", .ttl_s = 86400};
  answer("h.example.org", TYPE_DS, RCODE_NOERROR);
  if (has_soa) signer_soa(world, &m, "example.org", by("example.org"));
  signer_nsec(world, &m, "h.example.org", "i.example.org", types_host, day);
  expect_secure();
}

Test(judge_zones, that_no_zone_begins_is_known_as_long_as_the_soa_lets_denials_last) {
  no_ds_at_h(true);
  world->now.now_s += 299;
  cr_expect_eq(known("h.example.org"), ZONE_NO_CUT);
  world->now.now_s += 1;
  cr_expect_eq(known("h.example.org"), ZONE_UNKNOWN);
}

Test(judge_zones, that_no_zone_begins_is_known_for_three_hours_at_most) {
  no_ds_at_h(false);
  world->now.now_s += 3 * 3600 - 1;
  cr_expect_eq(known("h.example.org"), ZONE_NO_CUT);
  world->now.now_s += 1;
  cr_expect_eq(known("h.example.org"), ZONE_UNKNOWN);
}

/* ---- odd questions ---- */

Test(judge_zones, all_types_at_once_are_secure_if_all_are_signed) {
  answer("a.example.org", TYPE_ANY, RCODE_NOERROR);
  a("a.example.org", by("example.org"));
  signer_set(world, &m, SECTION_ANSWER, "a.example.org", TYPE_TXT, rd_txt("t"), by("example.org"));
  expect_secure();
  signer_set(world, &m, SECTION_ANSWER, "a.example.org", TYPE_MX, rd_mx(1, "b.example.org"), unsigned_);
  expect(DNSSEC_INSECURE, ERR_NONE);
  signer_set(world, &m, SECTION_ANSWER, "a.example.org", TYPE_PTR, rd_name("b.example.org"),
             (struct signer_way){.zone = "example.org", .is_spoiled = true});
  expect_bogus(ERR_BOGUS);
}

Test(judge_zones, signatures_are_not_signed) {
  answer("a.example.org", TYPE_RRSIG, RCODE_NOERROR);
  a("a.example.org", (struct signer_way){.zone = "example.org", .is_last = true});
  expect(DNSSEC_INSECURE, ERR_NONE);
}

Test(judge_zones, what_can_not_be_read_is_bogus_only_where_something_is_to_be_proven) {
  answer("a.example.org", TYPE_A, RCODE_NOERROR);
  msg_record(&m, SECTION_ANSWER, "a.example.org", TYPE_RRSIG, 60, rd_octets("short", 5));
  expect_bogus(ERR_BAD_REPLY);
  answer("a.insecure.org", TYPE_A, RCODE_NOERROR);
  msg_record(&m, SECTION_ANSWER, "a.insecure.org", TYPE_RRSIG, 60, rd_octets("short", 5));
  expect(DNSSEC_INSECURE, ERR_NONE);
}

/* ---- what it may cost ---- */

/* An answer with so many sets; a signature by Ed25519 costs two. */
static void many_sets(uint16_t asked, unsigned count) {
  answer("a.example.org", asked, RCODE_NOERROR);
  for (unsigned i = 0; i < count; i++)
    signer_set(world, &m, SECTION_ANSWER, "a.example.org", (uint16_t)(1000 + i), rd_octets("x", 1),
               by("example.org"));
}

Test(judge_zones, much_work_is_done_in_several_turns) {
  learn_zone("example.org");
  many_sets(TYPE_ANY, 20);
  expect_secure();
  cr_expect_eq(world->laters, 2);
  cr_expect_eq(world->last.budget.cost, DNSSEC_COST - 40);
}

Test(judge_zones, the_budget_is_counted_over_all_turns) {
  learn_zone("example.org");
  many_sets(1000, 60);
  expect_bogus(ERR_TOO_COSTLY);
  cr_expect_lt(world->last.budget.cost, 2);
}

Test(judge_zones, all_types_at_once_are_given_unproven_where_they_are_too_many) {
  learn_zone("example.org");
  many_sets(TYPE_ANY, 60);
  expect(DNSSEC_INSECURE, ERR_NONE);
  cr_expect_lt(world->last.budget.cost, 2);
  signer_set(world, &m, SECTION_ANSWER, "a.example.org", TYPE_TXT, rd_txt("t"),
             (struct signer_way){.zone = "example.org", .expires = -60});
  expect_bogus(ERR_SIGNATURE_EXPIRED);
}

Test(judge_zones, signatures_in_vain_are_counted_over_all_of_an_answer) {
  learn_zone("example.org");
  answer("a.example.org", TYPE_TXT, RCODE_NOERROR);
  for (unsigned i = 0; i < 6; i++) {
    char owner[64];
    snprintf(owner, sizeof owner, "n%u.example.org", i);
    signer_nsec(world, &m, owner, "zz.example.org", types_host,
                (struct signer_way){.zone = "example.org", .is_spoiled = true});
  }
  expect_bogus(ERR_TOO_COSTLY);
  cr_expect_eq(world->last.budget.failures, 0);
  cr_expect_eq(world->last.budget.cost,
               DNSSEC_COST - 2 * (DNSSEC_FAILURES + 1)); /* the last is one too many */
}

Test(judge_zones, questions_are_bounded) {
  char name[NAME_TEXT] = "a";
  for (unsigned i = 0; i < 60; i++) strcat(name, ".a");
  strcat(name, ".example.org");
  answer(name, TYPE_A, RCODE_NOERROR);
  a(name, unsigned_);
  expect_bogus(ERR_TOO_COSTLY);
  cr_expect_eq(world->last.questions, DNSSEC_QUESTIONS);
}

/* ---- wishes ---- */

static void expect_wishes(const char *name, uint16_t type, const char *expected) {
  struct judge_wish wishes[JUDGE_WISHES_MAX];
  char text[1024] = "", one[NAME_TEXT];
  struct question q = question(name, type);
  unsigned count = judge_wishes(world->judge, &q, world->now, wishes, JUDGE_WISHES_MAX);
  for (unsigned i = 0; i < count; i++)
    snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s %s", i ? ", " : "",
             name_format(wishes[i].name, wishes[i].len, one), wishes[i].type == TYPE_DS ? "DS" : "DNSKEY");
  cr_expect_str_eq(text, expected, "%s: %s", name, text);
}

Test(judge_zones, wishes_are_what_the_zones_above_a_name_need) {
  expect_wishes("_xmpp-client._tcp.example.org", TYPE_SRV,
                ". DNSKEY, org. DS, org. DNSKEY, example.org. DS, example.org. DNSKEY");
  learn_zone("org");
  expect_wishes("_xmpp-client._tcp.example.org", TYPE_SRV, "example.org. DS, example.org. DNSKEY");
  expect_wishes("example.org", TYPE_A, "example.org. DS, example.org. DNSKEY");
  expect_wishes("a.example.org", TYPE_A, "example.org. DS, example.org. DNSKEY");
  expect_wishes("_5222._tcp.a.example.org", TYPE_TLSA, "example.org. DS, example.org. DNSKEY");
  expect_wishes("a.example.org", TYPE_MX,
                "example.org. DS, example.org. DNSKEY, a.example.org. DS, a.example.org. DNSKEY");
  expect_wishes("example.org", TYPE_DS, "");
  expect_wishes("example.org", TYPE_DNSKEY, "example.org. DS");
}

Test(judge_zones, wishes_are_few_and_none_where_nothing_is_to_be_proven) {
  struct judge_wish wishes[JUDGE_WISHES_MAX];
  struct question q = question("1.2.3.4.5.6.7.8.9.example.org", TYPE_PTR);
  cr_expect_eq(judge_wishes(world->judge, &q, world->now, wishes, JUDGE_WISHES_MAX), 9);
  cr_expect_eq(judge_wishes(world->judge, &q, world->now, wishes, 3), 3);

  answer("a.insecure.org", TYPE_A, RCODE_NOERROR);
  a("a.insecure.org", unsigned_);
  judged();
  expect_wishes("a.b.insecure.org", TYPE_A, "");
  learn_zone("example.org");
  expect_wishes("a.example.org", TYPE_A, "");
}

/* The library takes long to find out that a point is not on the curve. */
Test(judge_zones, of_a_zones_keys_only_so_many_are_tried) {
  static struct rdata keys[2 + 2 * ZONE_KEYS_MAX];
  static struct msg dnskey;
  unsigned count = 0;
  const struct signer_zone *zone = &world->zones[2];
  cr_assert_str_eq(zone->text, "example.org.");
  keys[count++] = zone->key.dnskey;
  while (count <= 2 * ZONE_KEYS_MAX) {
    uint8_t head[] = {1, 0, DNSKEY_PROTOCOL, ALGORITHM_ECDSAP256};
    struct rdata *bad = &keys[count];
    *bad = rd_fill((uint8_t)count++, 68);
    memcpy(bad->octets, head, sizeof head);
  }
  keys[count++] = world->zones[3].key.dnskey;
  msg_answer(&dnskey, "example.org", TYPE_DNSKEY, RCODE_NOERROR);
  signer_sets(world, &dnskey, SECTION_ANSWER, "example.org", TYPE_DNSKEY, keys, count, by("example.org"));
  signer_answer_is(world, "example.org", TYPE_DNSKEY, &dnskey);

  learn_zone("example.org");
  uint8_t name[NAME_MAX_LEN];
  const struct zone_known *k = trust_find(judge_trust(world->judge), name, name_parse("example.org", name),
                                          world->now.now_s);
  cr_assert(k);
  cr_expect_eq(k->keys.count, 1);
}
