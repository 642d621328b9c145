/* test_nsec3_known.c: hashes and proofs of RFC 5155, appendices A and B. */
#include "crypto/lacking.h"
#include "dnssec/denial_kit.h"

static const uint8_t salt[] = {0xaa, 0xbb, 0xcc, 0xdd};
enum { ITERATIONS = 12, OPTS_OUT = 1 };

static const struct {
  const char *name, *hash;
} hashes[] = {{"example", "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom"},
              {"a.example", "35mthgpgcu1qg68fab165klnsnk3dpvl"},
              {"ai.example", "gjeqe526plbf1g8mklp59enfd789njgi"},
              {"ns1.example", "2t7b4g4vsa5smi47k61mv5bv1a22bojr"},
              {"ns2.example", "q04jkcevqvmu85r014c7dkba38o0ji5r"},
              {"w.example", "k8udemvp1j2f7eg6jebps17vp3n8i58h"},
              {"*.w.example", "r53bq7cc2uvmubfu5ocmm6pers9tk9en"},
              {"x.w.example", "b4um86eghhds6nea196smvmlo4ors995"},
              {"y.w.example", "ji6neoaepv8b5o6k4ev33abha8ht9fgc"},
              {"x.y.w.example", "2vptu5timamqttgl4luu9kg21e0aor3s"},
              {"xx.example", "t644ebqk9bibcna874givr6joj62mlhv"}};

static void record(struct denial *d, const char *owner, const char *next, struct denial_types types) {
  denial_nsec3(d, (struct denial_nsec3){.owner = owner,
                                        .next = next,
                                        .flags = OPTS_OUT,
                                        .iterations = ITERATIONS,
                                        .salt_len = sizeof salt,
                                        .salt = salt,
                                        .types = types});
}

/* The records of appendix A that the answers of appendix B have. */
static void apex(struct denial *d) {
  record(d, "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom", "2t7b4g4vsa5smi47k61mv5bv1a22bojr",
         TYPES(TYPE_MX, TYPE_DNSKEY, TYPE_NS, TYPE_SOA, TYPE_RRSIG));
}
static void ns1(struct denial *d) {
  record(d, "2t7b4g4vsa5smi47k61mv5bv1a22bojr", "2vptu5timamqttgl4luu9kg21e0aor3s",
         TYPES(TYPE_A, TYPE_RRSIG));
}
static void a(struct denial *d) {
  record(d, "35mthgpgcu1qg68fab165klnsnk3dpvl", "b4um86eghhds6nea196smvmlo4ors995",
         TYPES(TYPE_NS, TYPE_DS, TYPE_RRSIG));
}
static void x_w(struct denial *d) {
  record(d, "b4um86eghhds6nea196smvmlo4ors995", "gjeqe526plbf1g8mklp59enfd789njgi",
         TYPES(TYPE_MX, TYPE_RRSIG));
}
static void y_w(struct denial *d) {
  record(d, "ji6neoaepv8b5o6k4ev33abha8ht9fgc", "k8udemvp1j2f7eg6jebps17vp3n8i58h", TYPES(0));
}
static void w(struct denial *d) {
  record(d, "k8udemvp1j2f7eg6jebps17vp3n8i58h", "kohar7mbb8dc2ce8a9qvl8hon4k53uhi", TYPES(0));
}
static void ns2(struct denial *d) {
  record(d, "q04jkcevqvmu85r014c7dkba38o0ji5r", "r53bq7cc2uvmubfu5ocmm6pers9tk9en",
         TYPES(TYPE_A, TYPE_RRSIG));
}
static void w_wildcard(struct denial *d) {
  record(d, "r53bq7cc2uvmubfu5ocmm6pers9tk9en", "t644ebqk9bibcna874givr6joj62mlhv",
         TYPES(TYPE_MX, TYPE_RRSIG));
}

Test(nsec3_known, names_have_the_hashes_of_rfc_5155_appendix_a) {
  for (unsigned i = 0; i < sizeof hashes / sizeof *hashes; i++) {
    struct denial *d = denial_new("example");
    record(d, hashes[i].hash, hashes[i].hash, TYPES(TYPE_A, TYPE_RRSIG));
    denial_done(d);
    cr_expect_eq(denial_nodata(d, hashes[i].name, TYPE_TXT), PROOF_SECURE, "%s", hashes[i].name);
    cr_expect_eq(denial_nodata(d, hashes[i].name, TYPE_A), PROOF_NONE, "%s", hashes[i].name);
    denial_free(d);
  }
}

/* B.1: a.c.x.w.example A, no such name, in spans that opt out. */
Test(nsec3_known, b1_a_name_that_does_not_exist) {
  struct denial *d = denial_new("example");
  apex(d), x_w(d), a(d);
  denial_done(d);
  cr_expect_eq(denial_nxdomain(d, "a.c.x.w.example"), PROOF_OPT_OUT);
  cr_expect_eq(denial_nxdomain(d, "a.c.ns1.example"), PROOF_NONE);
  denial_free(d);
}

/* B.2 and B.2.1 */
Test(nsec3_known, b2_a_name_without_such_a_record_and_one_without_any) {
  struct denial *d = denial_new("example");
  ns1(d), y_w(d);
  denial_done(d);
  cr_expect_eq(denial_nodata(d, "ns1.example", TYPE_MX), PROOF_SECURE);
  cr_expect_eq(denial_nodata(d, "y.w.example", TYPE_A), PROOF_SECURE);
  cr_expect_eq(denial_nodata(d, "ns1.example", TYPE_A), PROOF_NONE);
  denial_free(d);
}

/* B.3: mc.c.example MX leads to c.example, which has no DS in a span that opts out. */
Test(nsec3_known, b3_a_delegation_without_ds_records) {
  struct denial *d = denial_new("example");
  a(d), apex(d);
  denial_done(d);
  cr_expect_eq(denial_no_ds(d, "c.example"), CUT_INSECURE);
  cr_expect_eq(denial_no_ds(d, "a.example"), CUT_UNPROVEN, "it has DS records");
  denial_free(d);
}

/* B.4: a.z.w.example MX was made from *.w.example. */
Test(nsec3_known, b4_an_answer_from_a_wildcard) {
  struct denial *d = denial_new("example");
  ns2(d);
  denial_done(d);
  cr_expect_eq(denial_wildcard_answer(d, "a.z.w.example", 2), PROOF_OPT_OUT);
  cr_expect_eq(denial_wildcard_answer(d, "a.z.w.example", 1), PROOF_NONE);
  denial_free(d);
}

/* B.5: a.z.w.example AAAA */
Test(nsec3_known, b5_a_wildcard_without_such_a_record) {
  struct denial *d = denial_new("example");
  w(d), ns2(d), w_wildcard(d);
  denial_done(d);
  cr_expect_eq(denial_nodata(d, "a.z.w.example", TYPE_AAAA), PROOF_OPT_OUT);
  cr_expect_eq(denial_nodata(d, "a.z.w.example", TYPE_MX), PROOF_NONE);
  denial_free(d);
}

/* B.6: example DS, asked of the zone itself. */
Test(nsec3_known, b6_a_zone_has_no_say_about_its_own_ds_records) {
  struct denial *d = denial_new("example");
  apex(d);
  denial_done(d);
  cr_expect_eq(denial_nodata(d, "example", TYPE_DS), PROOF_NONE);
  denial_free(d);
}

/* A policy forbids it: such zones are unsigned then, not broken. */
Test(nsec3_known, without_sha_1_nothing_is_hashed_and_all_is_insecure) {
  struct denial *d = denial_new("example");
  apex(d), x_w(d), a(d);
  denial_done(d);
  lacking_digest(d->verifier, DIGEST_SHA1);
  cr_expect_eq(denial_nxdomain(d, "a.c.x.w.example"), PROOF_COSTLY);
  cr_expect_eq(denial_no_ds(d, "c.example"), CUT_COSTLY);
  cr_expect_eq(d->budget.digests, DNSSEC_NSEC3_DIGESTS);
  denial_free(d);
}
