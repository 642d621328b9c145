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

/* What the time of day can't be before, in seconds since 1970: a clock that says less is wrong, as many are
 * at the start of a machine without a battery. It is the day of this build, or what is known to have come
 * later, as the time of a snapshot. */
int64_t clock_floor_of_build(void);
/* The later of both, unless at_s is CLOCK_FLOOR_YEARS past the build: whoever says so may have had a wrong
 * clock as well. */
enum { CLOCK_FLOOR_YEARS = 10 };
int64_t clock_floor_raise(int64_t floor_s, int64_t at_s);
#endif
