/* test_dane.c: may TLSA records be used, and which names has the certificate to bear? */
#include <criterion/criterion.h>
#include <stdio.h>

#include "xmpp/dane.h"

enum { TLSA_SHA256 = 3 + 32, TLSA_SHA512 = 3 + 64 };

static const uint8_t domain[] = "\001d\003lab", target[] = "\004xmpp\004host\003lab";
static const uint8_t ee[TLSA_SHA256] = {3, 1, 1}, ta[TLSA_SHA256] = {2, 0, 1}, pkix[TLSA_SHA512] = {1, 0, 2},
                     unknown[TLSA_SHA256] = {4, 1, 1}, cut[TLSA_SHA256 - 1] = {3, 1, 1};
static const struct dane_rdata good = {ee, sizeof ee};

/* All of the way is secure, one usable record of usage 3. */
static struct dane_endpoint whole(void) {
  return (struct dane_endpoint){.has_srv = true,
                                .srv = {DANE_SECURE, 1},
                                .addresses = {{DANE_SECURE, 1}, {DANE_SECURE, 0}},
                                .tlsa = {DANE_SECURE, 1},
                                .tlsa_records = &good,
                                .domain = domain,
                                .domain_len = sizeof domain,
                                .target = target,
                                .target_len = sizeof target};
}

static void expect(const struct dane_endpoint *e, enum dane_state state, enum dane_use use) {
  struct dane_verdict v = dane_judge(e);
  cr_expect(v.state == state && v.use == use, "%s, %s instead of %s", dane_state_word(v.state),
            dane_use_word(v.use), dane_state_word(state));
}

static void expect_name(const struct dane_name *n, enum dane_name_kind kind, const uint8_t *name,
                        size_t len) {
  cr_expect(n->kind == kind && n->len == len && memcmp(n->name, name, len) == 0);
}

static void expect_domain_alone(const struct dane_endpoint *e) {
  struct dane_verdict v = dane_judge(e);
  cr_assert_eq(v.name_count, 2);
  cr_expect(v.names_matter);
  expect_name(&v.names[0], DANE_DNS_ID, domain, sizeof domain);
  expect_name(&v.names[1], DANE_SRV_ID, domain, sizeof domain);
}

static void expect_target_and_domain(const struct dane_endpoint *e) {
  struct dane_verdict v = dane_judge(e);
  cr_assert_eq(v.name_count, 3);
  cr_expect(v.names_matter);
  expect_name(&v.names[0], DANE_DNS_ID, target, sizeof target);
  expect_name(&v.names[1], DANE_DNS_ID, domain, sizeof domain);
  expect_name(&v.names[2], DANE_SRV_ID, domain, sizeof domain);
}

Test(dane, a_secure_way_with_a_usable_record_is_to_be_verified) {
  struct dane_endpoint e = whole();
  expect(&e, DANE_USABLE, DANE_VERIFY);
}

Test(dane, no_tlsa_that_is_secure_means_as_without_dane) {
  struct dane_endpoint e = whole();
  e.tlsa.records = 0;
  expect(&e, DANE_NO_TLSA, DANE_PLAIN);
}

Test(dane, an_unsigned_tlsa_answer_is_not_used) {
  struct dane_endpoint e = whole();
  e.tlsa.proof = DANE_INSECURE;
  expect(&e, DANE_TLSA_INSECURE, DANE_PLAIN);
  e.tlsa.records = 0;
  expect(&e, DANE_TLSA_INSECURE, DANE_PLAIN);
}

Test(dane, an_unsigned_srv_answer_makes_the_rest_worthless) {
  struct dane_endpoint e = whole();
  e.srv.proof = DANE_INSECURE;
  expect(&e, DANE_SRV_INSECURE, DANE_PLAIN);
  e.tlsa.proof = DANE_FAILED; /* nobody has to ask */
  expect(&e, DANE_SRV_INSECURE, DANE_PLAIN);
}

Test(dane, one_family_of_secure_addresses_is_enough) {
  struct dane_endpoint e = whole();
  e.addresses[1] = (struct dane_answer){DANE_INSECURE, 1};
  expect(&e, DANE_USABLE, DANE_VERIFY);
  e.addresses[1].proof = DANE_FAILED;
  expect(&e, DANE_USABLE, DANE_VERIFY);
  e.addresses[0].proof = DANE_INSECURE;
  expect(&e, DANE_ADDRESSES_INSECURE, DANE_PLAIN);
}

Test(dane, secure_denial_of_one_family_does_not_vouch_for_the_other) {
  struct dane_endpoint e = whole();
  e.addresses[0].proof = DANE_INSECURE;
  expect(&e, DANE_ADDRESSES_INSECURE, DANE_PLAIN);
}

Test(dane, a_target_without_addresses_is_not_connected_to) {
  struct dane_endpoint e = whole();
  e.addresses[0].records = 0;
  expect(&e, DANE_NO_ADDRESS, DANE_AVOID);
  e.addresses[0].proof = DANE_BOGUS;
  expect(&e, DANE_ADDRESSES_FAILED, DANE_AVOID);
}

Test(dane, a_failed_srv_question_stops_the_program) {
  struct dane_endpoint e = whole();
  e.srv.proof = DANE_FAILED;
  expect(&e, DANE_SRV_FAILED, DANE_AVOID);
  e.srv.proof = DANE_BOGUS;
  expect(&e, DANE_SRV_FAILED, DANE_AVOID);
}

Test(dane, a_failed_tlsa_question_forbids_to_connect) {
  struct dane_endpoint e = whole();
  e.tlsa = (struct dane_answer){DANE_FAILED, 0};
  expect(&e, DANE_TLSA_FAILED, DANE_AVOID);
  e.tlsa.proof = DANE_BOGUS;
  expect(&e, DANE_TLSA_BOGUS, DANE_AVOID);
}

Test(dane, records_that_cannot_be_used_are_as_good_as_none) {
  struct dane_endpoint e = whole();
  const struct dane_rdata bad[] = {{unknown, sizeof unknown}, {cut, sizeof cut}};
  e.tlsa.records = 2;
  e.tlsa_records = bad;
  expect(&e, DANE_TLSA_UNUSABLE, DANE_PLAIN);
  cr_expect_eq(dane_judge(&e).flaw, DANE_USAGE);
}

Test(dane, one_usable_record_among_others_is_enough) {
  struct dane_endpoint e = whole();
  const struct dane_rdata mixed[] = {{cut, sizeof cut}, {ee, sizeof ee}, {unknown, sizeof unknown}};
  e.tlsa.records = 3;
  e.tlsa_records = mixed;
  expect(&e, DANE_USABLE, DANE_VERIFY);
  struct dane_verdict v = dane_judge(&e);
  cr_expect(v.usable == 1 && v.usages == 1u << 3 && v.flaw == DANE_LENGTH);
}

Test(dane, each_flaw_of_a_record_has_a_name) {
  static const uint8_t whole_key[] = {3, 1, 0, 0x30, 2, 5, 0}, cut_key[] = {3, 1, 0, 0x30, 3, 5, 0},
                       long_key[] = {3, 1, 0, 0x30, 0x81, 2, 5}, endless[] = {3, 1, 0, 0x30, 0x80, 0, 0},
                       no_der[] = {3, 1, 0, 0x31, 2, 5, 0}, no_length[] = {3, 1, 0, 0x30, 0x82, 1};
  static const uint8_t selector[TLSA_SHA256] = {3, 2, 1}, matching[TLSA_SHA256] = {3, 1, 3},
                       sha512[TLSA_SHA512] = {0, 0, 2}, wrong512[TLSA_SHA256] = {0, 0, 2},
                       all_wrong[TLSA_SHA256] = {255, 255, 255}; /* PrivCert, PrivSel, PrivMatch */
  const struct {
    const uint8_t *rdata;
    size_t len;
    enum dane_flaw flaw;
  } rows[] = {
      {ee, sizeof ee, DANE_FLAWLESS},
      {sha512, sizeof sha512, DANE_FLAWLESS},
      {whole_key, sizeof whole_key, DANE_FLAWLESS},
      {long_key, sizeof long_key, DANE_DER},
      {ee, 0, DANE_SHORT},
      {ee, 3, DANE_SHORT},
      {unknown, sizeof unknown, DANE_USAGE},
      {all_wrong, sizeof all_wrong, DANE_USAGE},
      {selector, sizeof selector, DANE_SELECTOR},
      {matching, sizeof matching, DANE_MATCHING},
      {cut, sizeof cut, DANE_LENGTH},
      {wrong512, sizeof wrong512, DANE_LENGTH},
      {cut_key, sizeof cut_key, DANE_DER},
      {endless, sizeof endless, DANE_DER},
      {no_der, sizeof no_der, DANE_DER},
      {no_length, sizeof no_length, DANE_DER},
  };
  for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
    enum dane_flaw flaw = dane_flaw_of(rows[i].rdata, rows[i].len);
    cr_expect_eq(flaw, rows[i].flaw, "row %u: %s", i, dane_flaw_text(flaw));
  }
}

Test(dane, names_are_not_checked_with_usage_3_alone) {
  struct dane_endpoint e = whole();
  struct dane_verdict v = dane_judge(&e);
  cr_expect(!v.names_matter && v.name_count == 0);
}

Test(dane, a_secure_srv_answer_lets_the_certificate_name_the_target) {
  struct dane_endpoint e = whole();
  const struct dane_rdata list[] = {{ta, sizeof ta}, {ee, sizeof ee}};
  e.tlsa_records = list;
  expect_target_and_domain(&e);
  e.tlsa.records = 2; /* beside usage 3 the names of the others count */
  expect_target_and_domain(&e);

  const struct dane_rdata authority = {pkix, sizeof pkix};
  e.tlsa = (struct dane_answer){DANE_SECURE, 1};
  e.tlsa_records = &authority;
  expect_target_and_domain(&e);
  e.tlsa.records = 0;
  expect_target_and_domain(&e);
}

Test(dane, an_insecure_srv_answer_leaves_the_domain_alone) {
  struct dane_endpoint e = whole();
  e.srv.proof = DANE_INSECURE;
  expect_domain_alone(&e);
}

Test(dane, without_srv_the_domain_is_all_there_is) {
  struct dane_endpoint e = whole();
  const struct dane_rdata authority = {ta, sizeof ta};
  e.has_srv = false;
  e.srv.records = 0;
  e.target = domain;
  e.target_len = sizeof domain;
  e.tlsa_records = &authority;
  expect(&e, DANE_USABLE, DANE_VERIFY);
  expect_domain_alone(&e);
}

Test(dane, every_state_and_flaw_has_words) {
  for (unsigned i = 0; i < DANE_STATES; i++)
    cr_expect(dane_state_word((enum dane_state)i) && dane_state_text((enum dane_state)i), "%u", i);
  for (unsigned i = 0; i < DANE_FLAWS; i++) cr_expect(dane_flaw_text((enum dane_flaw)i), "%u", i);
}
