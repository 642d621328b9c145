/* verify_none.c: what stands in when this was built without OpenSSL. Exports verifier_*, public_key_*. */
#include "crypto/verify.h"

struct verifier *verifier_new(FILE *err) {
  fputs("jidnsd: --dnssec: built without OpenSSL; build with --with-openssl=yes\n", err);
  return NULL;
}

/* There is no verifier, so nothing is proven. */
void verifier_free(struct verifier *v) { (void)v; }
bool verifier_knows(const struct verifier *v, uint8_t algorithm) {
  (void)v, (void)algorithm;
  return false;
}
bool verifier_has_digest(const struct verifier *v, enum digest which) {
  (void)v, (void)which;
  return false;
}
size_t verifier_digest(const struct verifier *v, enum digest which, const uint8_t *a, size_t a_len,
                       const uint8_t *b, size_t b_len, uint8_t out[DIGEST_MOST]) {
  (void)v, (void)which, (void)a, (void)a_len, (void)b, (void)b_len, (void)out;
  return 0;
}
struct public_key *public_key_new(const struct verifier *v, uint8_t algorithm, const uint8_t *key,
                                  size_t len) {
  (void)v, (void)algorithm, (void)key, (void)len;
  return NULL;
}
void public_key_free(const struct verifier *v, struct public_key *k) { (void)v, (void)k; }
bool public_key_verifies(const struct verifier *v, const struct public_key *k, const uint8_t *octets,
                         size_t len, const uint8_t *signature, size_t signature_len) {
  (void)v, (void)k, (void)octets, (void)len, (void)signature, (void)signature_len;
  return false;
}
unsigned public_key_cost(const struct public_key *k) {
  (void)k;
  return 1;
}
