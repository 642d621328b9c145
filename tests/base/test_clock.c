/* test_clock.c: the clock. */
#include <criterion/criterion.h>
#include <time.h>

#include "base/clock.h"

Test(clock, never_goes_back) {
  uint64_t last = clock_ms();
  for (int i = 0; i < 100000; i++) {
    uint64_t now = clock_ms();
    cr_assert_geq(now, last);
    last = now;
  }
}

Test(clock, counts_milliseconds_of_the_clock_that_goes_on_in_sleep) {
  struct timespec before, after;
  clock_gettime(CLOCK_BOOTTIME, &before);
  uint64_t now = clock_ms();
  clock_gettime(CLOCK_BOOTTIME, &after);
  cr_expect_geq(now, (uint64_t)before.tv_sec * 1000 + (uint64_t)before.tv_nsec / 1000000);
  cr_expect_leq(now, (uint64_t)after.tv_sec * 1000 + (uint64_t)after.tv_nsec / 1000000);
}

Test(clock, advances) {
  uint64_t start = clock_ms();
  nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
  uint64_t passed = clock_ms() - start;
  cr_expect_geq(passed, 2);
  cr_expect_lt(passed, 5000);
}
