/* Who a TLS server has to be: what the settings say, without the library. */
#ifndef JIDNS_CRYPTO_EXPECT_H
#define JIDNS_CRYPTO_EXPECT_H
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/addr.h"

enum {
  TLS_NAME = 256, /* octets of a server's name, with its NUL */
  TLS_PIN = 32,   /* of a pin: SHA-256 of the public key, as SubjectPublicKeyInfo */
  TLS_PINS = 4
};

enum tls_proof {
  TLS_PROOF_NEEDED,
  TLS_PROOF_NONE /* whoever answers will do: it keeps out those who only listen (RFC 7435) */
};

/* With pins the server's own key must be one of them, and nothing else counts: neither names, nor who signed,
 * nor the time (RFC 7858 section 4.2). Without, its certificate must lead to an authority that is trusted and
 * be for the name or, where there is none, for an address. All octets behind what is used are 0. */
struct tls_expect {
  enum tls_proof proof; /* TLS_PROOF_NONE: nothing below counts */
  char name[TLS_NAME];  /* also what the server is told (SNI); "": none */
  union addr addr;      /* the certificate's, its port of no matter; all 0: the server's own */
  unsigned pin_count;
  uint8_t pins[TLS_PINS][TLS_PIN];
};

/* "sha256/" and the digest in base64, as in the settings. */
enum { TLS_PIN_TEXT = 7 + 44 + 1 };
bool expect_parse_pin(const char *text, uint8_t out[TLS_PIN]);
const char *expect_format_pin(const uint8_t pin[TLS_PIN], char text[TLS_PIN_TEXT]);

static inline bool tls_expect_equal(const struct tls_expect *a, const struct tls_expect *b) {
  return a->proof == b->proof && a->pin_count == b->pin_count &&
         memcmp(&a->addr, &b->addr, sizeof a->addr) == 0 && strcmp(a->name, b->name) == 0 &&
         memcmp(a->pins, b->pins, sizeof a->pins) == 0;
}
#endif
