/* mac_none.c: what stands in when this was built without OpenSSL. Exports mac_*. */
#include "crypto/mac.h"

struct mac_key *mac_key_new(const uint8_t *secret, size_t len, FILE *err) {
  (void)secret, (void)len;
  fputs("jidnsd: --shared: built without OpenSSL; build with --with-openssl=yes\n", err);
  return NULL;
}

/* There is no key, so nobody has a proof. */
void mac_key_free(struct mac_key *k) { (void)k; }
bool mac_make(const struct mac_key *k, const struct mac_part *parts, unsigned n, uint8_t mac[MAC_OCTETS]) {
  (void)k, (void)parts, (void)n, (void)mac;
  return false;
}
bool mac_proves(const struct mac_key *k, const struct mac_part *parts, unsigned n,
                const uint8_t mac[MAC_OCTETS]) {
  (void)k, (void)parts, (void)n, (void)mac;
  return false;
}
