/* Inside the room: chance that repeats itself. */
#ifndef JIDNS_FAULTS_FAULT_PRIV_H
#define JIDNS_FAULTS_FAULT_PRIV_H
#include "faults/fault.h"

/* What is drawn for. Draws for different things have nothing to do with each other. */
enum lot { LOT_SHARE, LOT_DELAY, LOT_ORDER, LOT_TARGET, LOT_ID, LOT_CUT, LOT_GARBAGE, LOTS };

/* A sequence of numbers (splitmix64): the state goes up by a constant, and is mixed. */
static inline uint64_t lot_next(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* Where the sequence of the nth answer begins. */
static inline uint64_t lot_start(uint64_t seed, uint64_t nth, enum lot lot) {
  uint64_t state = seed;
  state = lot_next(&state) + nth * LOTS + lot;
  return lot_next(&state);
}

/* 0 to n-1; n > 0 and far below 2^64, so that the bias is nothing. */
static inline uint64_t lot_below(uint64_t *state, uint64_t n) { return lot_next(state) % n; }
#endif
