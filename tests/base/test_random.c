/* test_random.c: unpredictable numbers; what can be said of them without luck (a false alarm once in 10^9
 * runs or less). */
#include <criterion/criterion.h>
#include <string.h>

#include "base/random.h"

Test(random, below_stays_below_and_reaches_all) {
  struct random r = {.left = 0};
  for (uint32_t n = 1; n <= 40; n++) {
    unsigned seen[40] = {0};
    for (int i = 0; i < 4000; i++) {
      uint32_t v = random_below(&r, n);
      cr_assert_lt(v, n);
      seen[v]++;
    }
    for (uint32_t v = 0; v < n; v++) cr_expect_gt(seen[v], 0, "%u of %u never came", v, n);
  }
  for (int i = 0; i < 1000; i++) cr_assert_lt(random_below(&r, UINT32_MAX), UINT32_MAX);
}

Test(random, below_has_no_bias_to_small_numbers) {
  struct random r = {.left = 0};
  uint32_t n = 3u << 30; /* a plain remainder would give the lower third twice as often as the others */
  int low = 0, draws = 30000;
  for (int i = 0; i < draws; i++) low += random_below(&r, n) < n / 3;
  cr_expect(low > draws / 3 - 600 && low < draws / 3 + 600, "%d of %d in the lower third", low, draws);
}

Test(random, u16_reaches_its_whole_range) {
  struct random r = {.left = 0};
  unsigned seen[256] = {0}, ones = 0;
  for (int i = 0; i < 65536; i++) {
    uint16_t v = random_u16(&r);
    seen[v >> 8]++;
    ones += (unsigned)__builtin_popcount(v);
  }
  for (int i = 0; i < 256; i++)
    cr_expect(seen[i] > 120 && seen[i] < 420, "%u numbers from %d on", seen[i], i << 8);
  cr_expect(ones > 520000 && ones < 528600, "%u bits of 2^20 are 1", ones);
}

Test(random, pools_do_not_repeat_each_other_or_themselves) {
  struct random a = {.left = 0}, b = {.left = 0};
  uint16_t first[256], second[256], other[256];
  for (int i = 0; i < 256; i++) first[i] = random_u16(&a);
  for (int i = 0; i < 256; i++) second[i] = random_u16(&a);
  for (int i = 0; i < 256; i++) other[i] = random_u16(&b);
  cr_expect_arr_neq(first, second, sizeof first);
  cr_expect_arr_neq(first, other, sizeof first);
  cr_expect_neq(random_seed(), random_seed());
}

Test(random, what_was_given_out_is_forgotten) {
  struct random r = {.left = 0};
  random_u16(&r);
  for (int i = 0; i < 100; i++) random_u16(&r);
  for (size_t i = r.left; i < sizeof r.pool; i++) cr_assert_eq(r.pool[i], 0);
}
