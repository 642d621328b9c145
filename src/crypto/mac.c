/* mac.c: HMAC-SHA256 through OpenSSL. Exports mac_*. */
#include "crypto/mac.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "base/library.h"
#include "base/must.h"
#include "config.h"

#define MAC_FUNCTIONS(F) F(HMAC) F(EVP_sha256)

struct mac_functions {
#define MEMBER(name) LIBRARY_MEMBER(, name)
  MAC_FUNCTIONS(MEMBER)
};

static const struct library_symbol symbols[] = {
#define SYMBOL(name) LIBRARY_SYMBOL(, struct mac_functions, name)
    MAC_FUNCTIONS(SYMBOL)};

struct mac_key {
  void *handle;
  struct mac_functions f;
  const EVP_MD *sha256;
  size_t len;
  uint8_t secret[MAC_SECRET_MAX];
};

struct mac_key *mac_key_new(const uint8_t *secret, size_t len, FILE *err) {
  must(len >= MAC_SECRET_MIN && len <= MAC_SECRET_MAX);
  struct mac_key *k = must_zalloc(sizeof *k);
  k->handle = library_open(CRYPTO_SONAME, symbols, sizeof symbols / sizeof *symbols, &k->f, err);
  if (!k->handle) {
    free(k);
    return NULL;
  }

  k->sha256 = k->f.EVP_sha256();
  k->len = len;
  memcpy(k->secret, secret, len);
  uint8_t tried[MAC_OCTETS]; /* what the library has to read or map for it, it does before the sandbox */
  if (mac_make(k, &(struct mac_part){"", 0}, 1, tried)) return k;
  fputs("OpenSSL can't make HMAC-SHA256\n", err);
  mac_key_free(k);
  return NULL;
}

void mac_key_free(struct mac_key *k) {
  if (!k) return;
  library_close(k->handle);
  explicit_bzero(k, sizeof *k);
  free(k);
}

bool mac_make(const struct mac_key *k, const struct mac_part *parts, unsigned n, uint8_t mac[MAC_OCTETS]) {
  uint8_t text[MAC_TEXT_MAX], whole[EVP_MAX_MD_SIZE];
  size_t len = 0;
  unsigned whole_len = 0;

  for (unsigned i = 0; i < n; i++) {
    if (parts[i].len > sizeof text - len) return false;
    if (parts[i].len) memcpy(text + len, parts[i].octets, parts[i].len);
    len += parts[i].len;
  }

  if (!k->f.HMAC(k->sha256, k->secret, (int)k->len, text, len, whole, &whole_len)) return false;
  must(whole_len >= MAC_OCTETS);
  memcpy(mac, whole, MAC_OCTETS);
  return true;
}

bool mac_proves(const struct mac_key *k, const struct mac_part *parts, unsigned n,
                const uint8_t mac[MAC_OCTETS]) {
  uint8_t right[MAC_OCTETS], differs = 0;
  if (!mac_make(k, parts, n, right)) return false;
  for (unsigned i = 0; i < MAC_OCTETS; i++) differs |= right[i] ^ mac[i];
  return differs == 0;
}
