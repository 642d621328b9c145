/* test_counter.c: the table of counters. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <string.h>

#include "base/counter.h"

Test(counter, names_are_unique_and_fit_for_metrics) {
  for (int i = 0; i < COUNTER_COUNT; i++) {
    const struct counter_info *info = &counter_infos[i];
    size_t len = strlen(info->name);
    cr_assert_gt(len, 6);
    cr_expect_str_eq(info->name + len - 6, "_total");
    for (const char *c = info->name; *c; c++)
      cr_expect(islower((unsigned char)*c) || *c == '_', "%s", info->name);
    cr_expect_eq(info->help[strlen(info->help) - 1], '.', "%s", info->help);
    for (int k = 0; k < i; k++) {
      cr_expect_str_neq(info->name, counter_infos[k].name);
      cr_expect_str_neq(info->field, counter_infos[k].field);
    }
  }
}

Test(counter, infos_stand_in_the_order_of_the_fields) {
  struct counters c = {0};
  const uint64_t *all = (const uint64_t *)&c;
  count(&c, hit);
  count_add(&c, asked_tcp, 41);
  count(&c, asked_tcp);
  for (int i = 0; i < COUNTER_COUNT; i++) {
    uint64_t want = strcmp(counter_infos[i].field, "hit") == 0         ? 1
                    : strcmp(counter_infos[i].field, "asked_tcp") == 0 ? 42
                                                                       : 0;
    cr_expect_eq(all[i], want, "%s", counter_infos[i].field);
  }
}

Test(counter, sums_every_field_of_every_worker) {
  struct counters sum = {0}, a, b;
  uint64_t *pa = (uint64_t *)&a, *pb = (uint64_t *)&b, *ps = (uint64_t *)&sum;
  for (unsigned i = 0; i < COUNTER_COUNT; i++) {
    pa[i] = i + 1;
    pb[i] = 1000 * (i + 1);
  }
  counters_sum(&sum, &a);
  counters_sum(&sum, &b);
  for (unsigned i = 0; i < COUNTER_COUNT; i++) cr_expect_eq(ps[i], 1001 * (i + 1));
}
