/* clock_floor.c: what the time of day can't be before. Exports clock_floor_*. */
#include <stdbool.h>

#include "base/clock.h"
#include "config.h"

int64_t clock_floor_of_build(void) { return BUILD_DAY_S; }

int64_t clock_floor_raise(int64_t floor_s, int64_t at_s) {
  bool is_likely = at_s - clock_floor_of_build() < CLOCK_FLOOR_YEARS * 365LL * 86400;
  return at_s > floor_s && is_likely ? at_s : floor_s;
}
