/* latency.c: how long things took. Exports latency_note, latency_sum, latency_bounds_ms. */
#include "base/latency.h"

#include "base/counter.h"

const uint16_t latency_bounds_ms[LATENCY_BOUNDS] = {1, 2, 5, 10, 20, 50, 100, 200, 400, 700, 1000, 2500};

void latency_note(struct latency *l, uint64_t took_ms) {
  unsigned i = 0;
  while (i < LATENCY_BOUNDS && took_ms > latency_bounds_ms[i]) i++;
  count(l, counts[i]);
  count_add(l, sum_ms, took_ms);
}

void latency_sum(struct latency *sum, const struct latency *from) {
  for (unsigned i = 0; i <= LATENCY_BOUNDS; i++)
    sum->counts[i] += __atomic_load_n(&from->counts[i], __ATOMIC_RELAXED);
  sum->sum_ms += __atomic_load_n(&from->sum_ms, __ATOMIC_RELAXED);
}
