/* test_log.c: lines to stderr. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

Test(log, parses_its_four_levels_and_nothing_else) {
  static const char *const words[] = {"error", "warn", "info", "debug"};
  static const char *const wrong[] = {"", "Error", "err", "errors", "warning", " info", "debug ", "0"};
  for (int i = 0; i < 4; i++) {
    enum log_level level = (enum log_level)((i + 1) % 4);
    cr_expect(log_level_parse(words[i], &level));
    cr_expect_eq((int)level, i);
  }
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    enum log_level level = LOG_WARN;
    cr_expect_not(log_level_parse(wrong[i], &level), "%s", wrong[i]);
    cr_expect_eq(level, LOG_WARN);
  }
}

Test(log, a_level_lets_the_graver_ones_through) {
  for (int level = LOG_ERROR; level <= LOG_DEBUG; level++) {
    log_set_level((enum log_level)level);
    for (int line = LOG_ERROR; line <= LOG_DEBUG; line++) cr_expect_eq(log_is_on((enum log_level)line), line <= level);
  }
}

Test(log, says_info_but_not_debug_at_first) {
  cr_expect(log_is_on(LOG_INFO));
  cr_expect_not(log_is_on(LOG_DEBUG));
}

Test(log, writes_level_room_and_text_in_one_line, .init = cr_redirect_stderr) {
  log_set_level(LOG_WARN);
  log_warn("cache", "%d of %s", 3, "four");
  log_info("cache", "not said");
  log_error("dns", "bad");
  fflush(stderr);
  cr_assert_stderr_eq_str("warn cache: 3 of four\nerror dns: bad\n");
}

static int called;
static const char *costly(void) {
  called++;
  return "";
}

Test(log, arguments_of_debug_lines_cost_nothing_while_debug_is_off) {
  log_set_level(LOG_INFO);
  log_debug("dns", "%s", costly());
  cr_expect_eq(called, 0);
}

Test(log, a_line_that_is_too_long_is_cut_and_still_ends, .init = cr_redirect_stderr) {
  char text[5000], want[1024];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = 0;
  log_error("dns", "%s", text);
  fflush(stderr);
  memset(want, 'x', sizeof want);
  memcpy(want, "error dns: ", 11);
  want[1022] = '\n';
  want[1023] = 0;
  cr_assert_stderr_eq_str(want);
}
