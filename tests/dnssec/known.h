/* Octets that others made, in base64. */
#ifndef JIDNS_TESTS_KNOWN_H
#define JIDNS_TESTS_KNOWN_H
#include <openssl/evp.h>
#include <string.h>

#include "base/must.h"

/* Writes what the text stands for, of which out has room for three quarters and more. Its length. */
static inline size_t known_octets(const char *base64, uint8_t *out) {
  size_t len = strlen(base64);
  int decoded = EVP_DecodeBlock(out, (const unsigned char *)base64, (int)len);
  must(decoded >= 0);
  for (; len && base64[len - 1] == '='; len--) decoded--;
  return (size_t)decoded;
}
#endif
