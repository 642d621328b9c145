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

static uint64_t ms(clockid_t id) {
  struct timespec ts;
  clock_gettime(id, &ts);
  return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

Test(clock, counts_milliseconds_of_the_clock_that_goes_on_in_sleep_from_a_fortnight_before) {
  uint64_t before = ms(CLOCK_BOOTTIME), now = clock_ms(), after = ms(CLOCK_BOOTTIME);
  cr_expect_geq(now, before + CLOCK_EARLIER_MS);
  cr_expect_leq(now, after + CLOCK_EARLIER_MS);
}

Test(clock, tells_what_the_clock_on_the_wall_shows) {
  uint64_t before = ms(CLOCK_REALTIME), now = clock_ms() + (uint64_t)clock_epoch_ms(),
           after = ms(CLOCK_REALTIME);
  cr_expect_geq(now + 1, before, "rounding");
  cr_expect_leq(now, after + 1);
}

Test(clock, advances) {
  uint64_t start = clock_ms();
  nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
  uint64_t passed = clock_ms() - start;
  cr_expect_geq(passed, 2);
  cr_expect_lt(passed, 5000);
}

Test(clock, a_floor_goes_up_but_not_by_a_clock_that_was_years_ahead) {
  int64_t build_s = clock_floor_of_build();
  cr_expect_eq(clock_floor_raise(build_s, build_s + 86400), build_s + 86400);
  cr_expect_eq(clock_floor_raise(build_s + 86400, build_s), build_s + 86400);
  cr_expect_eq(clock_floor_raise(build_s, build_s + 11 * 365 * 86400LL), build_s);
}
