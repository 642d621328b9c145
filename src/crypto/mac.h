/* Proofs that octets come from who has a secret: HMAC-SHA256 (RFC 2104), cut to 128 bits. OpenSSL does the
 * work; it is loaded when somebody asks for it. */
#ifndef JIDNS_CRYPTO_MAC_H
#define JIDNS_CRYPTO_MAC_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { MAC_OCTETS = 16, MAC_SECRET_MIN = 32, MAC_SECRET_MAX = 1024 };

struct mac_key; /* the library, and one secret; threads may share it */

/* Loads the library and keeps a copy of the secret. NULL after a line on err. */
struct mac_key *mac_key_new(const uint8_t *secret, size_t len, FILE *err);
void mac_key_free(struct mac_key *k); /* wipes the secret; NULL is fine */

/* Octets that lie apart and are proven as one. */
struct mac_part {
  const void *octets;
  size_t len;
};

/* The proof of n parts, one behind the other: who writes them must see to it that nobody can move octets from
 * one to the next. False: out of memory, or too long (MAC_TEXT_MAX). */
enum { MAC_TEXT_MAX = 8192, MAC_PARTS_MAX = 4 };
bool mac_make(const struct mac_key *k, const struct mac_part *parts, unsigned n, uint8_t mac[MAC_OCTETS]);
/* Is it that of these parts? Takes as long whatever it is. */
bool mac_proves(const struct mac_key *k, const struct mac_part *parts, unsigned n,
                const uint8_t mac[MAC_OCTETS]);
#endif
