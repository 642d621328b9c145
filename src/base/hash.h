/* The keyed hash of all tables whose keys come from the network: XXH3 with a seed that no client can learn.
 */
#ifndef JIDNS_BASE_HASH_H
#define JIDNS_BASE_HASH_H
#include <stddef.h>
#include <stdint.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static inline uint64_t hash_bytes(const void *bytes, size_t len, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes, len, seed);
}
#endif
