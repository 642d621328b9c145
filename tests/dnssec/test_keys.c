/* test_keys.c: keys, DS records and signatures out of RFCs, and the root's. */
#include "dnssec/keys.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "crypto/lacking.h"
#include "dnssec/anchors.h"
#include "dnssec/known.h"
#include "kit/msg.h"

static struct verifier *verifier;
static struct canon_room *room;
static struct rrsets sets;
static struct msg m;

static void begin(void) {
  cr_assert(verifier = verifier_new(stderr));
  cr_assert(room = canon_room_new());
}
static void end(void) {
  canon_room_free(room);
  verifier_free(verifier);
}
TestSuite(keys, .init = begin, .fini = end);

/* ---- examples of RFCs ---- */

struct example {
  const char *zone, *owner, *key, *signature;
  uint16_t flags, tag;
  uint8_t algorithm;
  uint32_t expires, begins;
  const char *address; /* A; NULL: MX 10 mail.example.com */
  const char *digest;  /* of its DS record, if the RFC has one */
};
/* RFC 5702 sections 6.1 and 6.2, RFC 6605 sections 6.1 and 6.2, RFC 8080 sections 6.1 and 6.2 with erratum
 * 4935. */
static const struct example examples[] = {
    {"example.net", "www.example.net",
     "AwEAAcFcGsaxxdgiuuGmCkVImy4h99CqT7jwY3pexPGcnUFtR2Fh36BponcwtkZ4cAgtvd4Qs8PkxUdp6p/DlUmObdk=",
     "kRCOH6u7l0QGy9qpC9l1sLncJcOKFLJ7GhiUOibu4teYp5VE9RncriShZNz85mwlMgNEacFYK/lPtPiVYP4bwg==", 256, 9033, 8,
     1893456000, 946684800, "192.0.2.91", NULL},
    {"example.net", "www.example.net",
     "AwEAAdHoNTOW+et86KuJOWRDp1pndvwb6Y83nSVXXyLA3DLroROUkN6X0O6pnWnjJQujX/AyhqFDxj13tOnD9u/1kTg7cV6rklMr"
     "ZDtJCQ5PCl/D7QNPsgVsMu1J2Q8gpMpztNFLpPBz1bWXjDtaR7ZQBlZ3PFY12ZTSncorffcGmhOL",
     "tsb4wnjRUDnB1BUi+t6TMTXThjVnG+eCkWqjvvjhzQL1d0YRoOe0CbxrVDYd0xDtsuJRaeUw1ep94PzEWzr0iGYgZBWm/zpq+9fO"
     "uagYJRfDqfReKBzMweOLDiNa8iP5g9vMhpuv6OPlvpXwm9Sa9ZXIbNl1MBGk0fthPgxdDLw=",
     256, 3740, 10, 1893456000, 946684800, "192.0.2.91", NULL},
    {"example.net", "www.example.net",
     "GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==",
     "qx6wLYqmh+l9oCKTN6qIc+bw6ya+KJ8oMz0YP107epXAyGmt+3SNruPFKG7tZoLBLlUzGGus7ZwmwWep666VCw==", 257, 55648,
     13, 1284026679, 1281607479, "192.0.2.1",
     "b4c8c1fe2e7477127b27115656ad6256f424625bf5c1e2770ce6d6e37df61d17"},
    {"example.net", "www.example.net",
     "xKYaNhWdGOfJ+nPrL8/arkwf2EY3MDJ+SErKivBVSum1w/egsXvSADtNJhyem5RCOpgQ6K8X1DRSEkrbYQ+OB+v8/uX45NBwY8rp"
     "65F6Glur8I/mlVNgF6W/qTI37m40",
     "/L5hDKIvGDyI1fcARX3z65qrmPsVz73QD1Mr5CEqOiLP95hxQouuroGCeZOvzFaxsT8Glr74hbavRKayJNuydCuzWTSSPdz7wnqX"
     "L5bdcJzusdnI0RSMROxxwGipWcJm",
     257, 10771, 14, 1284027625, 1281608425, "192.0.2.1",
     "72d7b62976ce06438e9c0bf319013cf801f09ecc84b8d7e9495f27e305c6a9b0563a9b5f4d288405c3008a946df983d6"},
    {"example.com", "example.com", "l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=",
     "oL9krJun7xfBOIWcGHi7mag5/hdZrKWw15jPGrHpjQeRAvTdszaPD+QLs3fx8A4M3e23mRZ9VrbpMngwcrqNAg==", 257, 3613,
     15, 1440021600, 1438207200, NULL, "3aa5ab37efce57f737fc1627013fee07bdf241bd10f3b1964ab55c78e79a304b"},
    {"example.com", "example.com", "zPnZ/QwEe7S8C5SPz2OfS5RR40ATk2/rYnE9xHIEijs=",
     "zXQ0bkYgQTEFyfLyi9QoiY6D8ZdYo4wyUhVioYZXFdT410QPRITQSqJSnzQoSm5poJ7gD7AQR0O7KuI5k2pcBg==", 257, 35217,
     15, 1440021600, 1438207200, NULL, "401781b934e392de492ec77ae2e15d70f6575a1c0bc59c5275c04ebe80c6614c"},
    {"example.com", "example.com",
     "3kgROaDjrh0H2iuixWBrc8g2EpBBLCdGzHmn+G2MpTPhpj/OiBVHHSfPodx1FYYUcJKm1MDpJtIA",
     "3cPAHkmlnxcDHMyg7vFC34l0blBhuG1qpwLmjInI8w1CMB29FkEAIJUA0amxWndkmnBZ6SKiwZSAxGILn/NBtOXft0+Gj7FSvOKx"
     "E/07+4RQvE581N3Aj/JtIyaiYVdnYtyMWbSNyGEY2213WKsJlwEA",
     257, 9713, 16, 1440021600, 1438207200, NULL,
     "6ccf18d5bc5d7fc2fceb1d59d17321402f2aa8d368048db93dd811f5cb2b19c7"},
    {"example.com", "example.com",
     "kkreGWoccSDmUBGAe7+zsbG6ZAFQp+syPmYUurBRQc3tDjeMCJcVMRDmgcNLp5HlHAMy12VoISsA",
     "E1/oLjSGIbmLny/4fcgM1z4oL6aqo+izT3urCyHyvEp4Sp8Syg1eI+lJ57CSnZqjJP41O/9l4m0AsQ4f7qI1gVnML8vWWiyW2KXh"
     "T9kuAICUSxv5OWbf81Rq7Yu60npabODB0QFPb/rkW3kUZmQ0YQUA",
     257, 38353, 16, 1440021600, 1438207200, NULL,
     "645ff078b3568f5852b70cb60e8e696cc77b75bfaaffc118cf79cbda1ba28af4"}};
enum { EXAMPLES = sizeof examples / sizeof *examples };

static struct rdata dnskey_of(const struct example *x) {
  uint8_t head[4] = {(uint8_t)(x->flags >> 8), (uint8_t)x->flags, DNSKEY_PROTOCOL, x->algorithm};
  struct rdata rd = rd_octets(head, sizeof head);
  rd.len = (uint16_t)(rd.len + known_octets(x->key, rd.octets + rd.len));
  return rd;
}

/* The message: the records of the example, as text has them, and its RRSIG. */
static void put_example(const struct example *x) {
  uint16_t type = x->address ? TYPE_A : TYPE_MX;
  uint8_t head[18];
  store_u16(head, type);
  head[2] = x->algorithm;
  head[3] = x->address ? 3 : 2;
  store_u32(head + 4, 3600);
  store_u32(head + 8, x->expires);
  store_u32(head + 12, x->begins);
  store_u16(head + 16, x->tag);
  struct rdata sig = rd_octets(head, sizeof head), signer = rd_name(x->zone);
  memcpy(sig.octets + sig.len, signer.octets, signer.len);
  sig.len = (uint16_t)(sig.len + signer.len);
  sig.len = (uint16_t)(sig.len + known_octets(x->signature, sig.octets + sig.len));

  msg_answer(&m, x->owner, type, RCODE_NOERROR);
  struct rdata rd = x->address ? rd_a(x->address) : rd_mx(10, "Mail.Example.COM");
  msg_record(&m, SECTION_ANSWER, x->owner, type, 60, rd);
  msg_record(&m, SECTION_ANSWER, x->owner, TYPE_RRSIG, 60, sig);
  cr_assert_eq(rrsets_read(&sets, m.octets, m.len), ERR_NONE);
  cr_assert_eq(sets.count, 1);
}

static void put_key(struct zone_keys *out, const struct example *x) {
  struct rdata rd = dnskey_of(x);
  out->name_len = (uint16_t)name_parse(x->zone, out->name);
  struct public_key *key = public_key_new(verifier, x->algorithm, rd.octets + 4, rd.len - 4u);
  cr_assert(key, "%u", x->tag);
  out->keys[out->count++] = (struct zone_key){keys_tag(rd.octets, rd.len), x->flags, x->algorithm, key};
}

static enum err check(const struct zone_keys *keys, uint32_t now_s, struct signed_by *by) {
  struct dnssec_budget budget = dnssec_budget();
  return keys_check(verifier, room, &sets, &sets.sets[0], keys, now_s, &budget, by);
}

Test(keys, examples_of_rfcs_have_the_tags_and_digests_that_they_say) {
  for (unsigned i = 0; i < EXAMPLES; i++) {
    const struct example *x = &examples[i];
    struct rdata rd = dnskey_of(x);
    uint8_t owner[NAME_MAX_LEN], digest[DIGEST_MOST];
    char text[2 * DIGEST_MOST + 1] = "";
    cr_expect_eq(keys_tag(rd.octets, rd.len), x->tag);
    if (!x->digest) continue;
    enum digest which = strlen(x->digest) == 64 ? DIGEST_SHA256 : DIGEST_SHA384;
    size_t len = verifier_digest(verifier, which, owner, name_parse(x->zone, owner), rd.octets, rd.len,
                                 digest);
    for (size_t k = 0; k < len; k++) (void)sprintf(text + 2 * k, "%02x", digest[k]);
    cr_expect_str_eq(text, x->digest);
  }
}

Test(keys, signatures_of_rfcs_are_good_while_they_are_valid) {
  for (unsigned i = 0; i < EXAMPLES; i++) {
    const struct example *x = &examples[i];
    struct zone_keys keys = {0};
    struct signed_by by;
    put_example(x);
    put_key(&keys, x);
    cr_expect_eq(check(&keys, x->begins + 100, &by), ERR_NONE, "%u", x->tag);
    cr_expect_eq(by.ttl_s, 3600);
    cr_expect_eq(check(&keys, x->expires - 100, &by), ERR_NONE, "%u", x->tag);
    cr_expect_eq(by.ttl_s, 100);
    cr_expect_eq(check(&keys, x->expires + 100, &by), ERR_SIGNATURE_EXPIRED);
    cr_expect_eq(check(&keys, x->begins - 100, &by), ERR_SIGNATURE_EARLY);

    m.octets[m.len - 1] ^= 0x40;
    cr_expect_eq(check(&keys, x->begins + 100, &by), ERR_BOGUS, "%u", x->tag);
    zone_keys_clear(verifier, &keys);
  }
}

/* ---- bounds ---- */

/* A key that has the tag of another one. */
static struct rdata decoy_of(struct rdata dnskey, unsigned i) {
  dnskey.octets[4 + 2 * i]++;
  dnskey.octets[6 + 2 * i]--;
  return dnskey;
}

Test(keys, a_signature_fails_once_however_many_keys_of_its_tag_there_are) {
  const struct example *ed25519 = &examples[4];
  struct zone_keys keys = {0};
  struct signed_by by;
  put_example(ed25519);
  for (unsigned i = 0; i < 3; i++) {
    put_key(&keys, i < 2 ? &examples[5] : ed25519);
    keys.keys[i].tag = ed25519->tag;
  }
  struct dnssec_budget budget = dnssec_budget();
  for (unsigned i = 0; i < 5; i++)
    cr_expect_eq(keys_check(verifier, room, &sets, &sets.sets[0], &keys, 0, &budget, &by), ERR_NONE);
  cr_expect_eq(budget.failures, DNSSEC_FAILURES);

  m.octets[m.len - 1] ^= 0x40;
  for (unsigned i = 0; i < DNSSEC_FAILURES; i++)
    cr_expect_eq(keys_check(verifier, room, &sets, &sets.sets[0], &keys, 0, &budget, &by), ERR_BOGUS);
  cr_expect_eq(budget.failures, 0);
  cr_expect_eq(keys_check(verifier, room, &sets, &sets.sets[0], &keys, 0, &budget, &by), ERR_TOO_COSTLY);
  zone_keys_clear(verifier, &keys);
}

/* A DNSKEY set in which decoys come first, and the DS of the last. ERR_NO_DNSKEY: nobody looked so far. */
static enum err prove_behind(unsigned decoys) {
  struct rdata rd = dnskey_of(&examples[4]);
  uint8_t owner[NAME_MAX_LEN];
  struct zone_ds_set ds = {1, {{examples[4].tag, 15, 2, 32, {0}}}};
  verifier_digest(verifier, DIGEST_SHA256, owner, name_parse("example.com", owner), rd.octets, rd.len,
                  ds.ds[0].digest);

  msg_answer(&m, "example.com", TYPE_DNSKEY, RCODE_NOERROR);
  for (unsigned i = 0; i < decoys; i++)
    msg_record(&m, SECTION_ANSWER, "example.com", TYPE_DNSKEY, 60, decoy_of(rd, i));
  msg_record(&m, SECTION_ANSWER, "example.com", TYPE_DNSKEY, 60, rd);
  cr_assert_eq(rrsets_read(&sets, m.octets, m.len), ERR_NONE);

  struct zone_keys keys;
  struct signed_by by;
  struct dnssec_budget budget = dnssec_budget();
  return keys_prove(verifier, room, &sets, &sets.sets[0], &ds, 0, &budget, &keys, &by);
}

Test(keys, a_ds_record_is_compared_with_few_keys_of_its_tag) {
  cr_expect_eq(prove_behind(DNSSEC_KEYS_OF_A_TAG - 1), ERR_NO_RRSIG, "found, and not signed");
  cr_expect_eq(prove_behind(DNSSEC_KEYS_OF_A_TAG), ERR_NO_DNSKEY);
}

/* Records that nearly fill a message, at the longest owner. */
Test(keys, what_is_put_in_order_and_hashed_is_paid_for) {
  const struct example *x = &examples[4];
  struct zone_keys keys = {0};
  struct signed_by by;
  put_example(x);
  for (unsigned i = 0; i < 1500; i++)
    msg_record(&m, SECTION_ANSWER, x->owner, TYPE_MX, 60, rd_mx((uint16_t)i, "a.example"));
  cr_assert_eq(rrsets_read(&sets, m.octets, m.len), ERR_NONE);
  put_key(&keys, x);
  struct dnssec_budget budget = dnssec_budget();
  cr_expect_eq(keys_check(verifier, room, &sets, &sets.sets[0], &keys, 0, &budget, &by), ERR_BOGUS);
  unsigned octets = 1501 * (13 + 10 + 13), paid = DNSSEC_COST - budget.cost;
  cr_expect_eq(paid, public_key_cost(keys.keys[0].key) + 1501 / 256 + octets / 8192, "%u", paid);

  budget.cost = 1501 / 256;
  cr_expect_eq(keys_check(verifier, room, &sets, &sets.sets[0], &keys, 0, &budget, &by), ERR_TOO_COSTLY);
  zone_keys_clear(verifier, &keys);
}

Test(keys, ds_records_of_what_the_library_cannot_verify_are_not_taken) {
  struct zone_ds_set ds;
  uint8_t head[36] = {0, 1, ALGORITHM_ED25519, 2};
  msg_answer(&m, "example.com", TYPE_DS, RCODE_NOERROR);
  msg_record(&m, SECTION_ANSWER, "example.com", TYPE_DS, 60, rd_octets(head, sizeof head));
  cr_assert_eq(rrsets_read(&sets, m.octets, m.len), ERR_NONE);
  zone_ds_take(verifier, &ds, &sets, &sets.sets[0]);
  cr_expect_eq(ds.count, 1);
  lacking_algorithm(verifier, ALGORITHM_ED25519);
  zone_ds_take(verifier, &ds, &sets, &sets.sets[0]);
  cr_expect_eq(ds.count, 0);
}

/* ---- the root ---- */

static const struct {
  uint16_t tag;
  const char *key;
} root_keys[] = {
    {20326, "AwEAAaz/tAm8yTn4Mfeh5eyI96WSVexTBAvkMgJzkKTOiW1vkIbzxeF3+/4RgWOq7HrxRixHlFlExOLAJr5emLvN"
            "7SWXgnLh4+B5xQlNVz8Og8kvArMtNROxVQuCaSnIDdD5LKyWbRd2n9WGe2R8PzgCmr3EgVLrjyBxWezF0jLHwVN8"
            "efS3rCj/EWgvIWgb9tarpVUDK/b58Da+sqqls3eNbuv7pr+eoZG+SrDK6nWeL3c6H5Apxz7LjVc1uTIdsIXxuOLY"
            "A4/ilBmSVIzuDWfdRUfhHdY6+cn8HFRm+2hM8AnXGXws9555KrUB5qihylGa8subX2Nn6UwNR1AkUTV74bU="},
    {38696, "AwEAAa96jeuknZlaeSrvyAJj6ZHv28hhOKkx3rLGXVaC6rXTsDc449/cidltpkyGwCJNnOAlFNKF2jBosZBU5eeH"
            "spaQWOmOElZsjICMQMC3aeHbGiShvZsx4wMYSjH8e7Vrhbu6irwCzVBApESjbUdpWWmEnhathWu1jo+siFUiRAAx"
            "m9qyJNg/wOZqqzL/dL/q8PkcRU5oUKEpUge71M3ej2/7CPqpdVwuMoTvoB+ZOT4YeGyxMvHmbrxlFzGOHOijtzN+"
            "u1TQNatX2XBuzZNQ1K+s2CXkPIZo7s6JgZyvaBevYtxPvYLw4z9mR7K2vaF18UYH9Z9GNUUeayffKC73PYc="}};

Test(keys, the_roots_keys_are_those_of_the_anchors_that_are_built_in) {
  static struct anchors built_in, made;
  anchors_built_in(&built_in);
  for (unsigned i = 0; i < 2; i++) {
    uint8_t rdata[300] = {1, 1, 3, 8};
    size_t len = 4 + known_octets(root_keys[i].key, rdata + 4);
    struct record r = {
        .msg = rdata, .msg_len = len, .type = TYPE_DNSKEY, .klass = CLASS_IN, .rdlen = (uint16_t)len};
    r.owner_len = 1;
    cr_expect_eq(keys_tag(rdata, len), root_keys[i].tag);
    cr_expect(anchors_add(&made, verifier, &r));
  }
  cr_expect_eq(made.zones[0].ds.count, 2);
  cr_expect_arr_eq(&made.zones[0].ds, &built_in.zones[0].ds, sizeof made.zones[0].ds);
}
