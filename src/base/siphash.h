/* SipHash-2-4: the keyed hash that DNS cookies are made with (RFC 9018 section 4.4). */
#ifndef JIDNS_BASE_SIPHASH_H
#define JIDNS_BASE_SIPHASH_H
#include <stddef.h>
#include <stdint.h>

enum { SIPHASH_KEY = 16 };

/* The 64 bits for len octets under the key; written in little-endian order they are the octets that the RFC
 * means. */
uint64_t siphash(const uint8_t key[SIPHASH_KEY], const void *octets, size_t len);
#endif
