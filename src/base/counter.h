/* Counters with a single writer, a worker, that other threads may read. */
#ifndef JIDNS_BASE_COUNTER_H
#define JIDNS_BASE_COUNTER_H
#include <stdint.h>

struct counters {
#define FAMILY(name, help)
#define COUNTER(field, family, labels, help) uint64_t field;
#define LESS(field, part, family, labels, help) uint64_t field;
#include "base/counters.def"
#undef FAMILY
#undef COUNTER
#undef LESS
};

/* A family of /metrics, without the program's prefix. */
struct counter_family {
  const char *name, *help;
};

/* What one counter is, for all that shows it. */
struct counter_info {
  const char *field;                   /* its name in `jidns stats` */
  const struct counter_family *family; /* NULL: it is not in /metrics */
  const char *labels;                  /* side="c2s"; "": none */
  const char *help;
  int less; /* which counter is taken off it in /metrics; -1: none */
};

/* counter_infos[i] describes the i-th uint64_t of struct counters; those of one family stand together. */
enum { COUNTER_COUNT = sizeof(struct counters) / sizeof(uint64_t) };
extern const struct counter_info counter_infos[COUNTER_COUNT];
static inline uint64_t counter_at(const struct counters *c, unsigned i) {
  return ((const uint64_t *)(const void *)c)[i];
}

/* The i-th as a sample of its family. */
uint64_t counter_sample(const struct counters *c, unsigned i);

#define count_add(counters, field, n)                                                                        \
  __atomic_store_n(&(counters)->field, (counters)->field + (uint64_t)(n), __ATOMIC_RELAXED)
#define count(counters, field) count_add(counters, field, 1)

/* Adds what `from` holds now to `sum`; `from` may be another thread's. */
void counters_sum(struct counters *sum, const struct counters *from);
#endif
