/* runner_selftest.c: tests of which some must fail: what runner.c says of them shows that it notices.
 * contrib/check-arch runs it. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static int made;

static void make(void) { made++; }
static void unmake(void) { cr_expect_eq(made, 2); }

TestSuite(passes, .init = make, .fini = unmake);
TestSuite(slow, .timeout = 0.2);

Test(passes, after_its_suites_and_its_own_start, .init = make) { cr_assert_eq(made, 2); }
Test(passes, with_the_signal_it_is_to_end_by, .signal = SIGABRT, .init = make) { abort(); }
Test(passes, with_the_status_it_is_to_end_with, .exit_code = 3, .init = make) { exit(3); }

Test(passes, with_what_it_writes, .init = make) {
  cr_redirect_stderr();
  fputs("one\n", stderr);
  cr_assert_stderr_eq_str("one\n");
}

Test(fails, by_what_it_expects) { cr_expect_str_eq("one", "two"); }
Test(fails, with_other_text_than_it_writes, .init = cr_redirect_stdout) { cr_assert_stdout_eq_str("one"); }
Test(fails, with_no_signal_where_one_is_due, .signal = SIGABRT) {}
Test(fails, with_a_status_of_its_own) { exit(1); }
Test(fails, at_its_end, .fini = unmake) {}

Test(fails, and_does_not_go_on) {
  cr_assert(false);
  abort();
}

Test(crashes, by_a_signal) { abort(); }

Test(slow, beyond_its_time) {
  for (;;) pause();
}

Test(skipped, for_a_reason) {
  cr_skip_test("no reason");
  abort();
}
