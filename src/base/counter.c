/* counter.c: the table of counters, made from counters.def. Exports counter_infos, counter_sample,
 * counters_sum. */
#include "base/counter.h"

#include <stddef.h>

enum {
#define FAMILY(name, help) FAMILY_##name,
#define COUNTER(field, family, labels, help)
#define LESS(field, part, family, labels, help)
#include "base/counters.def"
#undef FAMILY
#undef COUNTER
#undef LESS
  FAMILIES
};

static const struct counter_family families[FAMILIES] = {
#define FAMILY(name, help) {#name, help},
#define COUNTER(field, family, labels, help)
#define LESS(field, part, family, labels, help)
#include "base/counters.def"
#undef FAMILY
#undef COUNTER
#undef LESS
};

#define NTH(field) ((int)(offsetof(struct counters, field) / sizeof(uint64_t)))
#define OF(family) (FAMILY_##family == FAMILY_none ? NULL : &families[FAMILY_##family])

const struct counter_info counter_infos[COUNTER_COUNT] = {
#define FAMILY(name, help)
#define COUNTER(field, family, labels, help) {#field, OF(family), labels, help, -1},
#define LESS(field, part, family, labels, help) {#field, OF(family), labels, help, NTH(part)},
#include "base/counters.def"
#undef FAMILY
#undef COUNTER
#undef LESS
};

/* Workers count on while they are summed, so the part may be ahead of the whole for a moment. */
uint64_t counter_sample(const struct counters *c, unsigned i) {
  uint64_t all = counter_at(c, i);
  int less = counter_infos[i].less;
  uint64_t part = less < 0 ? 0 : counter_at(c, (unsigned)less);
  return part < all ? all - part : 0;
}

void counters_sum(struct counters *sum, const struct counters *from) {
#define ADD(field) sum->field += __atomic_load_n(&from->field, __ATOMIC_RELAXED);
#define FAMILY(name, help)
#define COUNTER(field, family, labels, help) ADD(field)
#define LESS(field, part, family, labels, help) ADD(field)
#include "base/counters.def"
#undef FAMILY
#undef COUNTER
#undef LESS
}
