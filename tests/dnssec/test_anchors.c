/* test_anchors.c: trust anchors, and names below which nothing is to be proven. */
#include "dnssec/anchors.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "kit/msg.h"

static struct verifier *verifier;
static struct anchors anchors;
static void begin(void) {
  cr_assert(verifier = verifier_new(stderr));
  memset(&anchors, 0, sizeof anchors);
}
static void end(void) { verifier_free(verifier); }
TestSuite(anchors, .init = begin, .fini = end);

static bool is_denied(const struct anchors *a, const char *text) {
  uint8_t name[NAME_MAX_LEN];
  size_t len = name_parse(text, name);
  cr_assert(len, "%s", text);
  return anchors_deny(a, name, len);
}

#define ZEROS "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."

Test(anchors, names_of_each_networks_own_need_no_proof) {
  static const char *const own[] = {"5.0.64.100.in-addr.arpa",
                                    "127.100.in-addr.arpa",
                                    "_dns.resolver.arpa",
                                    "1." ZEROS "ip6.arpa",
                                    "0." ZEROS "ip6.arpa",
                                    "a.internal",
                                    "a.onion",
                                    "a.alt",
                                    "nas.home.arpa",
                                    "1.1.168.192.in-addr.arpa",
                                    "16.172.in-addr.arpa",
                                    "31.172.in-addr.arpa",
                                    "LocalHost"};
  static const char *const not_own[] = {"63.100.in-addr.arpa", "128.100.in-addr.arpa",
                                        "15.172.in-addr.arpa", "32.172.in-addr.arpa",
                                        "2." ZEROS "ip6.arpa", "arpa",
                                        "alternative",         "example"};
  anchors_built_in(&anchors);
  for (unsigned i = 0; i < sizeof own / sizeof *own; i++)
    cr_expect(is_denied(&anchors, own[i]), "%s", own[i]);
  for (unsigned i = 0; i < sizeof not_own / sizeof *not_own; i++)
    cr_expect_not(is_denied(&anchors, not_own[i]), "%s", not_own[i]);
  cr_expect_leq(anchors.negative_count, ANCHORS_NEGATIVE_MAX / 2, "half of the places are for settings");
}

Test(anchors, negative_ones_beyond_their_places_are_refused) {
  uint8_t name[NAME_MAX_LEN];
  size_t len = name_parse("example", name);
  for (unsigned i = 0; i < ANCHORS_NEGATIVE_MAX; i++) cr_expect(anchors_add_negative(&anchors, name, len));
  cr_expect_not(anchors_add_negative(&anchors, name, len));
}

/* ---- positive ones ---- */

static struct record record_of(uint16_t type, const struct rdata *rd, const char *owner) {
  struct record r = {
      .msg = rd->octets, .msg_len = rd->len, .type = type, .klass = CLASS_IN, .rdlen = rd->len};
  r.owner_len = (uint16_t)name_parse(owner, r.owner);
  return r;
}

static struct rdata numbers(unsigned a, unsigned b, unsigned c, size_t octets) {
  struct rdata rd = rd_fill(0x11, 4 + octets);
  store_u16(rd.octets, (uint16_t)a);
  rd.octets[2] = (uint8_t)b;
  rd.octets[3] = (uint8_t)c;
  return rd;
}

static void expect_refusal(uint16_t type, struct rdata rd, const char *expected) {
  struct record r = record_of(type, &rd, "example");
  const char *why = anchors_refusal(&anchors, verifier, &r);
  cr_expect_str_eq(why ? why : "none", expected);
  cr_expect_eq(anchors_add(&anchors, verifier, &r), !why);
}

Test(anchors, records_that_are_none_are_refused_with_a_reason) {
  expect_refusal(TYPE_DNSKEY, numbers(257, 3, 15, 32), "none");
  expect_refusal(TYPE_DNSKEY, numbers(256, 3, 15, 32), "none");
  expect_refusal(TYPE_DNSKEY, numbers(1, 3, 15, 32), "it is no zone's key: flag 256 is not set");
  expect_refusal(TYPE_DNSKEY, numbers(257 | 128, 3, 15, 32), "it is revoked: flag 128 is set");
  expect_refusal(TYPE_DNSKEY, numbers(257, 2, 15, 32), "its protocol is not 3");
  expect_refusal(TYPE_DNSKEY, numbers(257, 3, 5, 32), "its algorithm is not known or not trusted");
  expect_refusal(TYPE_DNSKEY, numbers(257, 3, 15, 31), "its octets are no key of its algorithm");
  expect_refusal(TYPE_DNSKEY, numbers(257, 3, 15, 0), "it is cut short");
  expect_refusal(TYPE_DS, numbers(1, 13, 2, 32), "none");
  expect_refusal(TYPE_DS, numbers(1, 13, 4, 48), "none");
  expect_refusal(TYPE_DS, numbers(1, 7, 2, 32), "its algorithm is not known or not trusted");
  expect_refusal(TYPE_DS, numbers(1, 13, 1, 20), "its digest is none of types 2 (SHA-256) and 4 (SHA-384)");
  expect_refusal(TYPE_DS, numbers(1, 13, 2, 31), "its digest has not its type's length");
  expect_refusal(TYPE_DS, numbers(1, 13, 2, 0), "it is cut short");
  expect_refusal(TYPE_A, rd_a("192.0.2.1"), "it is neither a DS nor a DNSKEY record");
}

Test(anchors, the_same_ds_record_counts_once) {
  struct rdata rd = numbers(1, 13, 2, 32), key = numbers(257, 3, 15, 32);
  struct record r = record_of(TYPE_DS, &rd, "example"), in_capitals = record_of(TYPE_DS, &rd, "EXAMPLE");
  struct record dnskey = record_of(TYPE_DNSKEY, &key, "example");
  for (unsigned i = 0; i < ZONE_DS_MAX + 2; i++) {
    cr_expect(anchors_add(&anchors, verifier, i % 2 ? &r : &in_capitals));
    cr_expect(anchors_add(&anchors, verifier, &dnskey));
  }
  cr_expect_eq(anchors.count, 1);
  cr_expect_eq(anchors.zones[0].ds.count, 2);
}

Test(anchors, there_are_places_for_so_many_records_and_zones) {
  for (unsigned i = 0; i < ZONE_DS_MAX; i++) expect_refusal(TYPE_DS, numbers(i, 13, 2, 32), "none");
  expect_refusal(TYPE_DS, numbers(99, 13, 2, 32), "there are 16 anchors of its zone already");
  struct rdata rd = numbers(1, 13, 2, 32);
  char owner[8];
  for (unsigned i = 1; i < ANCHORS_MAX; i++) {
    (void)snprintf(owner, sizeof owner, "a%u", i);
    struct record r = record_of(TYPE_DS, &rd, owner);
    cr_expect(anchors_add(&anchors, verifier, &r));
  }
  struct record r = record_of(TYPE_DS, &rd, "b");
  cr_expect_str_eq(anchors_refusal(&anchors, verifier, &r), "there are anchors of 32 zones already");
  cr_expect_not(anchors_add(&anchors, verifier, &r));
}
