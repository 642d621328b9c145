/* test_must.c: the two tiers of assertion. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/must.h"

Test(must, aborts_when_it_does_not_hold, .signal = SIGABRT, .init = cr_redirect_stderr) { must(1 + 1 == 3); }

Test(must, memory_that_can_be_had_is_told_from_what_can_not) {
  cr_expect(memory_has(1 << 20));
  cr_expect_not(memory_has(SIZE_MAX - (1 << 20)));
}

static int calls;
static bool yes(void) {
  calls++;
  return true;
}

Test(must, looks_once_and_goes_on_when_it_holds) {
  must(yes());
  cr_expect_eq(calls, 1);
}

Test(must, broken_says_what_and_where_and_lets_go_on, .init = cr_redirect_stderr) {
  cr_expect(broken(yes()));
  cr_expect_not(broken(!yes()));
  fflush(stderr);
  char said[256] = {0};
  cr_expect_gt(fread(said, 1, sizeof said - 1, cr_get_redirected_stderr()), 0);
  cr_expect_not_null(strstr(said, "test_must.c"));
  cr_expect_not_null(strstr(said, "broken: yes()"));
}

static bool odd(unsigned n) { return broken(n % 2); }

Test(must, broken_is_said_once_for_each_place_and_counted_each_time, .init = cr_redirect_stderr) {
  uint64_t before = log_broken_count();
  for (unsigned n = 0; n < 100; n++) cr_assert_eq(odd(n), n % 2 == 1);
  cr_expect(broken(yes()));
  cr_expect_eq(log_broken_count() - before, 51);
  fflush(stderr);
  char said[1024] = {0};
  size_t len = fread(said, 1, sizeof said - 1, cr_get_redirected_stderr());
  unsigned lines = 0;
  for (size_t i = 0; i < len; i++) lines += said[i] == '\n';
  cr_expect_eq(lines, 2, "%s", said);
}

Test(must, allocates_memory_that_is_zero_where_it_says_so) {
  uint8_t *p = must_zalloc(1000);
  for (int i = 0; i < 1000; i++) cr_assert_eq(p[i], 0);
  free(p);
  free(must_alloc(1));
}

Test(must, finds_the_object_around_its_member) {
  struct outer {
    int a;
    char b;
    long inner;
  } o;
  cr_expect_eq(container(&o.inner, struct outer, inner), &o);
  cr_expect_eq(container(&o.a, struct outer, a), &o);
}
