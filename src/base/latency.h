/* How long things took, counted by ranges: a single writer, a worker, and other threads that may read. */
#ifndef JIDNS_BASE_LATENCY_H
#define JIDNS_BASE_LATENCY_H
#include <stdint.h>

/* The ranges' upper bounds, inclusive: close where a program notices a difference, up to a client's patience.
 */
enum { LATENCY_BOUNDS = 12 };
extern const uint16_t latency_bounds_ms[LATENCY_BOUNDS];

struct latency {
  uint64_t sum_ms;
  uint64_t counts[LATENCY_BOUNDS + 1]; /* the last: above all bounds */
};

void latency_note(struct latency *l, uint64_t took_ms);

/* Adds what `from` holds now to `sum`; `from` may be another thread's. */
void latency_sum(struct latency *sum, const struct latency *from);
#endif
