/* siphash.c: SipHash-2-4 by Aumasson and Bernstein. Exports siphash. */
#include "base/siphash.h"

static uint64_t load_le64(const uint8_t *p) {
  uint64_t v = 0;
  for (int i = 7; i >= 0; i--) v = v << 8 | p[i];
  return v;
}

static uint64_t turn(uint64_t v, int bits) { return v << bits | v >> (64 - bits); }

static void rounds(uint64_t v[4], int n) {
  while (n-- > 0) {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = turn(v[1], 13) ^ v[0];
    v[3] = turn(v[3], 16) ^ v[2];
    v[0] = turn(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = turn(v[1], 17) ^ v[2];
    v[3] = turn(v[3], 21) ^ v[0];
    v[2] = turn(v[2], 32);
  }
}

static void take_in(uint64_t v[4], uint64_t word) {
  v[3] ^= word;
  rounds(v, 2);
  v[0] ^= word;
}

uint64_t siphash(const uint8_t key[SIPHASH_KEY], const void *octets, size_t len) {
  uint64_t k0 = load_le64(key), k1 = load_le64(key + 8);
  uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
                   k1 ^ 0x7465646279746573};
  const uint8_t *p = octets;
  for (size_t left = len; left >= 8; left -= 8, p += 8) take_in(v, load_le64(p));
  uint64_t last = (uint64_t)len << 56;
  for (size_t i = 0; i < len % 8; i++) last |= (uint64_t)p[i] << 8 * i;
  take_in(v, last);
  v[2] ^= 0xff;
  rounds(v, 4);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}
