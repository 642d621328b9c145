/* test_hash.c: the keyed hash. */
#include <criterion/criterion.h>

#include "base/hash.h"
#include "kit/rng.h"

Test(hash, depends_on_every_octet_the_length_and_the_seed) {
  uint8_t bytes[260] = {0};
  for (size_t len = 1; len <= sizeof bytes; len++) {
    uint64_t h = hash_bytes(bytes, len, 1);
    cr_assert_neq(h, hash_bytes(bytes, len - 1, 1));
    cr_assert_neq(h, hash_bytes(bytes, len, 2));
    cr_assert_eq(h, hash_bytes(bytes, len, 1));
    for (size_t i = 0; i < len; i++) {
      bytes[i] = 1;
      cr_assert_neq(h, hash_bytes(bytes, len, 1), "octet %zu of %zu", i, len);
      bytes[i] = 0;
    }
  }
}

Test(hash, does_not_depend_on_where_the_octets_lie) {
  uint8_t room[300];
  struct rng r = {5};
  for (size_t len = 0; len <= 260; len++) {
    uint8_t bytes[260];
    for (size_t i = 0; i < len; i++) bytes[i] = (uint8_t)rng_next(&r);
    for (size_t shift = 0; shift < 9; shift++) {
      for (size_t i = 0; i < len; i++) room[shift + i] = bytes[i];
      cr_assert_eq(hash_bytes(room + shift, len, 9), hash_bytes(bytes, len, 9));
    }
  }
}

Test(hash, spreads_in_all_the_bits_that_tables_use) {
  enum { NAMES = 1 << 14 };
  static const unsigned shifts[] = {0, 16, 20, 48, 56}; /* low half: an index's tag; from 48 on: the shard */
  unsigned buckets[5][256] = {{0}};
  for (uint32_t i = 0; i < NAMES; i++) {
    uint64_t h = hash_bytes(&i, sizeof i, 77);
    for (int k = 0; k < 5; k++) buckets[k][h >> shifts[k] & 0xff]++;
  }
  for (int k = 0; k < 5; k++) {
    for (int b = 0; b < 256; b++)
      cr_expect(buckets[k][b] > 16 && buckets[k][b] < 160, "bits from %u on", shifts[k]);
  }
}
