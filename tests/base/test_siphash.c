/* test_siphash.c: SipHash-2-4 against its authors' vectors. */
#include <criterion/criterion.h>

#include "base/siphash.h"

/* Key 00 01 .. 0f, message 00 01 .. n-1: the first, some at a word's edges, and the last of the paper's
 * appendix A. */
Test(siphash, gives_its_authors_vectors) {
  static const struct {
    size_t n;
    uint64_t hash;
  } vectors[] = {{0, 0x726fdb47dd0e0e31},
                 {1, 0x74f839c593dc67fd},
                 {7, 0xab0200f58b01d137},
                 {8, 0x93f5f5799a932462},
                 {15, 0xa129ca6149be45e5}};
  uint8_t key[SIPHASH_KEY], message[64];
  for (unsigned i = 0; i < sizeof key; i++) key[i] = (uint8_t)i;
  for (unsigned i = 0; i < sizeof message; i++) message[i] = (uint8_t)i;
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
    cr_expect_eq(siphash(key, message, vectors[i].n), vectors[i].hash, "%zu octets", vectors[i].n);
  }
}
