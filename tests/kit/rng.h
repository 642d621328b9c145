/* Random numbers that are the same on every run (splitmix64): what a test meets today it meets tomorrow. */
#ifndef JIDNS_KIT_RNG_H
#define JIDNS_KIT_RNG_H
#include <stddef.h>
#include <stdint.h>

struct rng {
  uint64_t state; /* any seed */
};

static inline uint64_t rng_next(struct rng *r) {
  uint64_t z = (r->state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* 0 to n-1; n > 0, far below 2^64, so that the bias is nothing. */
static inline uint64_t rng_below(struct rng *r, uint64_t n) { return rng_next(r) % n; }

/* In [0, 1). */
static inline double rng_unit(struct rng *r) { return (double)(rng_next(r) >> 11) * 0x1p-53; }
#endif
