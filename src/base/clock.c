/* clock.c: the one place that reads a clock. Exports clock_ms. */
#include "base/clock.h"

#include <time.h>

#include "base/must.h"

uint64_t clock_ms(void) {
  struct timespec ts;
  must(clock_gettime(CLOCK_BOOTTIME, &ts) == 0);
  return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}
