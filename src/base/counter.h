/* Counters with a single writer, a worker, that other threads may read. */
#ifndef JIDNS_BASE_COUNTER_H
#define JIDNS_BASE_COUNTER_H
#include <stdint.h>

struct counters {
#define COUNTER(field, name, help) uint64_t field;
#include "base/counters.def"
#undef COUNTER
};

struct counter_info {
  const char *field, *name, *help;
};

/* counter_infos[i] describes the i-th uint64_t of struct counters. */
enum { COUNTER_COUNT = sizeof(struct counters) / sizeof(uint64_t) };
extern const struct counter_info counter_infos[COUNTER_COUNT];
static inline uint64_t counter_at(const struct counters *c, unsigned i) {
  return ((const uint64_t *)(const void *)c)[i];
}

#define count_add(counters, field, n)                                                                        \
  __atomic_store_n(&(counters)->field, (counters)->field + (uint64_t)(n), __ATOMIC_RELAXED)
#define count(counters, field) count_add(counters, field, 1)

/* Adds what `from` holds now to `sum`; `from` may be another thread's. */
void counters_sum(struct counters *sum, const struct counters *from);
#endif
