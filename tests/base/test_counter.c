/* test_counter.c: the table of counters. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <string.h>

#include "base/counter.h"

static void expect_good_family(const struct counter_family *f) {
  size_t len = strlen(f->name);
  cr_assert_gt(len, 6);
  cr_expect_str_eq(f->name + len - 6, "_total");
  for (const char *c = f->name; *c; c++) cr_expect(islower((unsigned char)*c) || *c == '_', "%s", f->name);
  cr_expect_eq(f->help[strlen(f->help) - 1], '.', "%s", f->help);
}

Test(counter, fields_and_samples_are_unique_and_fit_for_metrics) {
  for (int i = 0; i < COUNTER_COUNT; i++) {
    const struct counter_info *info = &counter_infos[i];
    if (info->family) expect_good_family(info->family);
    cr_expect_eq(info->help[strlen(info->help) - 1], '.', "%s", info->help);
    for (int k = 0; k < i; k++) {
      const struct counter_info *other = &counter_infos[k];
      cr_expect_str_neq(info->field, other->field);
      if (info->family && info->family == other->family)
        cr_expect_str_neq(info->labels, other->labels, "%s", info->field);
    }
  }
}

Test(counter, samples_of_a_family_stand_together_with_the_same_label) {
  for (int i = 0; i < COUNTER_COUNT; i++) {
    const struct counter_info *a = &counter_infos[i];
    for (int k = 0; k < i; k++) {
      const struct counter_info *b = &counter_infos[k];
      if (!a->family || a->family != b->family) continue;
      cr_expect(counter_infos[i - 1].family == a->family, "%s", a->field);
      cr_expect_eq(strcspn(a->labels, "="), strcspn(b->labels, "="), "%s", a->field);
      cr_expect_eq(strncmp(a->labels, b->labels, strcspn(a->labels, "=")), 0, "%s", a->field);
      cr_expect(*a->labels && *b->labels, "%s", a->field);
    }
  }
}

Test(counter, samples_of_a_whole_and_its_part_do_not_overlap) {
  struct counters c = {.queries = 10, .queries_tcp = 3};
  for (unsigned i = 0; i < COUNTER_COUNT; i++) {
    if (strcmp(counter_infos[i].field, "queries") == 0) cr_expect_eq(counter_sample(&c, i), 7);
    if (strcmp(counter_infos[i].field, "queries_tcp") == 0) cr_expect_eq(counter_sample(&c, i), 3);
  }
}

Test(counter, infos_stand_in_the_order_of_the_fields) {
  struct counters c = {0};
  const uint64_t *all = (const uint64_t *)&c;
  count(&c, hit);
  count_add(&c, upstream_tcp, 41);
  count(&c, upstream_tcp);
  for (int i = 0; i < COUNTER_COUNT; i++) {
    uint64_t want = strcmp(counter_infos[i].field, "hit") == 0            ? 1
                    : strcmp(counter_infos[i].field, "upstream_tcp") == 0 ? 42
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
