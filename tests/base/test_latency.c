/* test_latency.c: how long things took, counted by ranges. */
#include <criterion/criterion.h>

#include "base/latency.h"

Test(latency, bounds_rise) {
  for (unsigned i = 1; i < LATENCY_BOUNDS; i++) cr_expect_lt(latency_bounds_ms[i - 1], latency_bounds_ms[i]);
}

Test(latency, each_time_counts_in_the_range_that_ends_at_its_bound) {
  for (unsigned i = 0; i < LATENCY_BOUNDS; i++) {
    struct latency l = {0};
    latency_note(&l, latency_bounds_ms[i]);
    latency_note(&l, latency_bounds_ms[i] + 1u);
    for (unsigned k = 0; k <= LATENCY_BOUNDS; k++)
      cr_expect_eq(l.counts[k], k == i || k == i + 1, "%u in %u", i, k);
    cr_expect_eq(l.sum_ms, 2u * latency_bounds_ms[i] + 1);
  }
}

Test(latency, none_is_too_short_or_too_long) {
  struct latency l = {0};
  latency_note(&l, 0);
  latency_note(&l, UINT32_MAX);
  cr_expect_eq(l.counts[0], 1);
  cr_expect_eq(l.counts[LATENCY_BOUNDS], 1);
}

Test(latency, several_writers_are_summed_by_a_reader) {
  struct latency a = {0}, b = {0}, sum = {0};
  latency_note(&a, 3);
  latency_note(&b, 4);
  latency_note(&b, 9999);
  latency_sum(&sum, &a);
  latency_sum(&sum, &b);
  cr_expect_eq(sum.counts[2], 2);
  cr_expect_eq(sum.counts[LATENCY_BOUNDS], 1);
  cr_expect_eq(sum.sum_ms, 10006);
}
