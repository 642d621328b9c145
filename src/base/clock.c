/* clock.c: the one place that reads a clock. Exports clock_ms, clock_epoch_ms. */
#include "base/clock.h"

#include <time.h>

#include "base/must.h"

static uint64_t read_clock(clockid_t which) {
  struct timespec ts;
  must(clock_gettime(which, &ts) == 0);
  return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t clock_ms(void) { return CLOCK_EARLIER_MS + read_clock(CLOCK_BOOTTIME); }

int64_t clock_epoch_ms(void) { return (int64_t)(read_clock(CLOCK_REALTIME) - clock_ms()); }
