/* Inside the module: chance that repeats itself. */
#ifndef JIDNS_FAULTS_FAULT_PRIV_H
#define JIDNS_FAULTS_FAULT_PRIV_H
#include "dns/record.h"
#include "faults/fault.h"

/* What is drawn for. Draws for different things have nothing to do with each other. */
enum fault_draw { DRAW_SHARE, DRAW_DELAY, DRAW_ORDER, DRAW_TARGET, DRAW_ID, DRAW_CUT, DRAW_GARBAGE, DRAWS };

/* A sequence of numbers (splitmix64): the state goes up by a constant, and is mixed. */
static inline uint64_t fault_rng_next(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* Where the sequence of the nth answer begins. */
static inline uint64_t fault_rng_start(uint64_t seed, uint64_t nth, enum fault_draw what) {
  uint64_t state = seed;
  state = fault_rng_next(&state) + nth * DRAWS + what;
  return fault_rng_next(&state);
}

/* 0 to n-1; n > 0 and far below 2^64, so that the bias is nothing. */
static inline uint64_t fault_rng_below(uint64_t *state, uint64_t n) { return fault_rng_next(state) % n; }
/* fault_dnssec.c: answers whose DNSSEC is broken on purpose. */

enum { FAULT_RDATA_MOST = 1024 }; /* octets of what is changed; what is longer stays as it is */

/* Is the record among what the rule takes away? */
bool fault_is_stripped(const struct rule *rule, const struct record *r);
/* A signature or a DS record as the rule wants it, its RDATA written to `room`. */
void fault_change_proof(const struct rule *rule, struct record *r, uint8_t room[FAULT_RDATA_MOST]);
#endif
