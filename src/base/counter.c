/* counter.c: the table of counters, made from counters.def. Exports counter_infos, counters_sum. */
#include "base/counter.h"

#include <stddef.h>

const struct counter_info counter_infos[COUNTER_COUNT] = {
#define COUNTER(field, name, help) {#field, name, help},
#include "base/counters.def"
#undef COUNTER
};

void counters_sum(struct counters *sum, const struct counters *from) {
#define COUNTER(field, name, help) sum->field += __atomic_load_n(&from->field, __ATOMIC_RELAXED);
#include "base/counters.def"
#undef COUNTER
}
