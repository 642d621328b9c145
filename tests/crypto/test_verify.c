/* test_verify.c: digests, keys and what signatures of theirs cost; a library that can't do all. What
 * signatures are good is in tests/dnssec. */
#include <criterion/criterion.h>

#include "crypto/verify_priv.h"

static struct verifier *v;
static void begin(void) { cr_assert(v = verifier_new(stderr)); }
static void end(void) { verifier_free(v); }
TestSuite(verify, .init = begin, .fini = end);

static void expect_digest(enum digest which, const char *a, const char *b, const char *expected) {
  uint8_t out[DIGEST_MOST];
  char text[2 * DIGEST_MOST + 1] = "";
  size_t len = verifier_digest(v, which, (const uint8_t *)a, strlen(a), (const uint8_t *)b, strlen(b), out);
  for (size_t i = 0; i < len; i++) (void)sprintf(text + 2 * i, "%02x", out[i]);
  cr_expect_str_eq(text, expected);
}

/* FIPS 180-2, appendices A to D. */
Test(verify, digests_are_those_of_the_standard) {
  expect_digest(DIGEST_SHA1, "abc", "", "a9993e364706816aba3e25717850c26c9cd0d89d");
  expect_digest(DIGEST_SHA256, "a", "bc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  expect_digest(DIGEST_SHA384, "ab", "c",
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
                "8086072ba1e7cc2358baeca134c825a7");
}

/* ---- RSA ---- */

enum { KEY_MOST = 3 + 16 + 520 };

/* A key of such lengths, in bits, behind so many zeros each. */
static struct public_key *rsa(unsigned exponent_bits, unsigned modulus_bits, unsigned zeros) {
  uint8_t key[KEY_MOST] = {0};
  unsigned exponent = (exponent_bits + 7) / 8, at = 0;
  key[at++] = (uint8_t)(zeros + exponent);
  at += zeros;
  key[at] = (uint8_t)(1 << ((exponent_bits - 1) % 8));
  key[at + exponent - 1] |= 1;
  at += exponent + zeros;
  memset(key + at, 0xd7, modulus_bits / 8);
  return public_key_new(v, 8, key, at + modulus_bits / 8);
}

static unsigned rsa_cost(unsigned exponent_bits, unsigned modulus_bits, unsigned zeros) {
  struct public_key *k = rsa(exponent_bits, modulus_bits, zeros);
  unsigned cost = k ? public_key_cost(k) : 0;
  public_key_free(v, k);
  return cost;
}

Test(verify, an_rsa_signature_costs_by_the_lengths_of_modulus_and_exponent) {
  cr_expect_eq(rsa_cost(17, 1024, 0), 1);
  cr_expect_eq(rsa_cost(17, 2048, 0), 1);
  cr_expect_eq(rsa_cost(17, 4096, 0), 2);
  cr_expect_eq(rsa_cost(33, 2048, 0), 1);
  cr_expect_eq(rsa_cost(33, 4096, 0), 4);
  cr_expect_eq(rsa_cost(40, 4096, 0), 5);
  cr_expect_eq(rsa_cost(17, 4096, 2), 2, "zeros in front count for nothing");
}

Test(verify, rsa_keys_that_are_too_large_or_too_small_are_none) {
  cr_expect_eq(rsa_cost(41, 2048, 0), 0);
  cr_expect_eq(rsa_cost(64, 4096, 0), 0);
  cr_expect_eq(rsa_cost(17, 4104, 0), 0);
  cr_expect_eq(rsa_cost(17, 504, 0), 0);
  uint8_t cut[] = {3, 1, 0, 1}, long_form[] = {0, 0, 3, 1, 0, 1}, no_exponent[80] = {2, 0, 0, 0xd7};
  cr_expect_null(public_key_new(v, 8, cut, sizeof cut));
  cr_expect_null(public_key_new(v, 8, cut, 0));
  cr_expect_null(public_key_new(v, 8, long_form, sizeof long_form));
  cr_expect_null(public_key_new(v, 8, long_form, 2));
  cr_expect_null(public_key_new(v, 8, no_exponent, sizeof no_exponent));
}

Test(verify, keys_of_other_lengths_or_no_point_of_their_curve_are_none) {
  static const uint8_t octets[200] = {0x5a};
  static const struct {
    uint8_t algorithm;
    size_t len;
  } lengths[] = {{13, 64}, {13, 63}, {13, 65}, {14, 96}, {14, 97},
                 {15, 31}, {15, 33}, {16, 56}, {16, 58}, {5, 64}};
  for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++)
    cr_expect_null(public_key_new(v, lengths[i].algorithm, octets, lengths[i].len), "%u: %zu",
                   lengths[i].algorithm, lengths[i].len);
}

/* ---- what the library can't do ---- */

Test(verify, algorithms_of_sha_1_and_those_without_a_number_are_not_known) {
  static const uint8_t known[] = {8, 10, 13, 14, 15, 16};
  for (unsigned a = 0, k = 0; a < 256; a++) {
    bool is_known = k < sizeof known && known[k] == a;
    cr_expect_eq(verifier_knows(v, (uint8_t)a), is_known, "%u", a);
    k += is_known;
  }
}

Test(verify, a_library_that_may_do_nothing_is_refused_with_a_line) {
  char line[256] = "";
  FILE *err = fmemopen(line, sizeof line, "w");
  cr_assert(EVP_set_default_properties(NULL, "fips=yes"));
  cr_expect_null(verifier_new(err));
  (void)fclose(err);
  cr_expect_str_eq(line, "OpenSSL lacks SHA-2 or is not allowed to use it: nothing can be validated\n");
}
