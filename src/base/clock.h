/* Time is an argument everywhere; only the loop's edge reads a clock. */
#ifndef JIDNS_BASE_CLOCK_H
#define JIDNS_BASE_CLOCK_H
#include <stdint.h>

/* They began so long before the machine was started: what is older than that, as answers kept on disk are,
 * has its time as well. */
#define CLOCK_EARLIER_MS (15ull * 86400 * 1000)

/* Milliseconds that never go back and go on while the machine sleeps (CLOCK_BOOTTIME), so that no TTL
 * outlives a suspend. */
uint64_t clock_ms(void);

/* What to add to clock_ms for the milliseconds since 1970, as the wall clock has them now. */
int64_t clock_epoch_ms(void);
#endif
