/* test_ttl.c: times to live. */
#include <criterion/criterion.h>

#include "dns/ttl.h"

Test(ttl, rfc8767_the_top_bit_makes_it_long_not_zero) {
  cr_expect_eq(ttl_received(0x80000000u), TTL_MAX);
  cr_expect_eq(ttl_received(0xffffffffu), TTL_MAX);
  cr_expect_eq(ttl_received(0x7fffffffu), TTL_MAX);
}

Test(ttl, a_week_is_the_most) {
  cr_expect_eq(ttl_received(0), 0);
  cr_expect_eq(ttl_received(1), 1);
  cr_expect_eq(ttl_received(TTL_MAX), TTL_MAX);
  cr_expect_eq(ttl_received(TTL_MAX + 1), TTL_MAX);
  cr_expect_lt(ticks_of_ttl(TTL_MAX), UINT32_MAX / 2, "ages and lives of answers never wrap");
}

Test(ttl, a_negative_answer_lasts_as_long_as_the_lesser_of_two_fields) {
  cr_expect_eq(ttl_negative(300, 60), 60);
  cr_expect_eq(ttl_negative(60, 300), 60);
  cr_expect_eq(ttl_negative(0, 300), 0);
  cr_expect_eq(ttl_negative(300, 0), 0);
  cr_expect_eq(ttl_negative(300, 0x80000001u), 300);
  cr_expect_eq(ttl_negative(0x80000001u, 300), 300);
  cr_expect_eq(ttl_negative(TTL_NEGATIVE_MAX, TTL_NEGATIVE_MAX + 1), TTL_NEGATIVE_MAX);
  cr_expect_eq(ttl_negative(TTL_NEGATIVE_MAX + 1, TTL_NEGATIVE_MAX + 1), TTL_NEGATIVE_MAX);
  cr_expect_eq(ttl_negative(TTL_MAX, TTL_MAX), TTL_NEGATIVE_MAX);
}

Test(ttl, a_tick_is_a_tenth_of_a_second) {
  cr_expect_eq(tick_of_ms(0), 0);
  cr_expect_eq(tick_of_ms(99), 0);
  cr_expect_eq(tick_of_ms(100), 1);
  cr_expect_eq(tick_of_ms(60000), ticks_of_ttl(60));
}

Test(ttl, age_counts_whole_seconds) {
  cr_expect_eq(ticks_age_s(100, 100), 0);
  cr_expect_eq(ticks_age_s(109, 100), 0);
  cr_expect_eq(ticks_age_s(110, 100), 1);
  cr_expect_eq(ticks_age_s(699, 100), 59);
  cr_expect_eq(ticks_age_s(700, 100), 60);
}

/* Two threads' clocks are read at different moments: one may store what the other finds at an earlier tick of
 * its own. */
Test(ttl, what_was_born_a_moment_after_now_has_no_age) {
  cr_expect_eq(ticks_age_s(100, 101), 0);
  cr_expect_eq(ticks_age_s(100, 120), 0);
}
