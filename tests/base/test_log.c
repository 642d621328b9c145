/* test_log.c: lines to stderr. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

static const struct log_policy usual = {.levels = {
#define X(component) LOG_INFO,
                                            LOG_COMPONENTS(X)
#undef X
                                        }};

/* Sets levels as the setting does. */
static void set(const char *levels, enum log_format format, bool times) {
  struct log_policy o = {.format = format, .times = times};
  cr_assert(log_levels_parse(levels, o.levels), "%s", levels);
  log_set(&o);
}

/* What was said since the test began. */
static const char *said(void) {
  static char text[40000];
  fflush(stderr);
  text[fread(text, 1, sizeof text - 1, cr_get_redirected_stderr())] = 0;
  return text;
}

static unsigned count_lines(const char *text) {
  unsigned n = 0;
  for (; *text; text++) n += *text == '\n';
  return n;
}

Test(log, has_four_levels) {
  static const char *const words[] = {"error", "warn", "info", "debug"};
  for (unsigned i = 0; i < 4; i++) {
    uint8_t levels[LOG_COMPONENT_COUNT];
    cr_assert(log_levels_parse(words[i], levels));
    for (unsigned k = 0; k < LOG_COMPONENT_COUNT; k++) cr_expect_eq(levels[k], i);
  }
}

Test(log, a_level_lets_the_graver_ones_through) {
  for (int level = LOG_ERROR; level <= LOG_DEBUG; level++) {
    log_set_level((enum log_level)level);
    for (int line = LOG_ERROR; line <= LOG_DEBUG; line++)
      cr_expect_eq(log_is_on((enum log_level)line, "xmpp"), line <= level);
  }
}

Test(log, says_info_but_not_debug_at_first) {
  cr_expect(log_is_on(LOG_INFO, "base"));
  cr_expect_not(log_is_on(LOG_DEBUG, "worker"));
}

Test(log, writes_level_room_and_text_in_one_line, .init = cr_redirect_stderr) {
  log_set_level(LOG_WARN);
  log_warn("cache", "%d of %s", 3, "four");
  log_info("cache", "not said");
  log_error("xmpp", "bad");
  fflush(stderr);
  cr_assert_stderr_eq_str("warn cache: 3 of four\nerror xmpp: bad\n");
}

static int called;
static const char *costly(void) {
  called++;
  return "";
}

Test(log, arguments_of_debug_lines_cost_nothing_while_debug_is_off) {
  log_set_level(LOG_INFO);
  log_debug("forward", "%s", costly());
  cr_expect_eq(called, 0);
}

Test(log, a_line_that_is_too_long_is_cut_and_still_ends, .init = cr_redirect_stderr) {
  char text[5000], want[12 + 1023 + 2];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = 0;
  log_error("xmpp", "%s", text);
  fflush(stderr);
  memset(want, 'x', sizeof want);
  memcpy(want, "error xmpp: ", 12);
  strcpy(want + sizeof want - 2, "\n");
  cr_assert_stderr_eq_str(want);
}

/* ---- levels of single components ---- */

Test(log, a_room_may_have_a_level_of_its_own) {
  set("warn,xmpp=debug,cache=error", LOG_TEXT, false);
  cr_expect(log_is_on(LOG_DEBUG, "xmpp") && log_is_on(LOG_WARN, "forward") && log_is_on(LOG_ERROR, "cache"));
  cr_expect_not(log_is_on(LOG_INFO, "forward") || log_is_on(LOG_WARN, "cache") ||
                log_is_on(LOG_DEBUG, "server"));
  set("forward=debug", LOG_TEXT, false);
  cr_expect(log_is_on(LOG_INFO, "xmpp") && !log_is_on(LOG_DEBUG, "xmpp") && log_is_on(LOG_DEBUG, "forward"));
}

Test(log, levels_that_are_none_are_refused_and_change_nothing) {
  static const char *const wrong[] = {"",
                                      ",",
                                      "info,",
                                      ",info",
                                      "xmpp",
                                      "xmpp=",
                                      "=debug",
                                      "info,warn",
                                      "xmpp=loud",
                                      "nowhere=info",
                                      "info,xmpp=debug,",
                                      "info xmpp=debug",
                                      "info,xmpp=debug=info",
                                      "INFO",
                                      "xmpp=debug,info",
                                      "err",
                                      "errors",
                                      "warning",
                                      " info",
                                      "debug ",
                                      "0"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    uint8_t levels[LOG_COMPONENT_COUNT];
    memset(levels, 9, sizeof levels);
    cr_expect_not(log_levels_parse(wrong[i], levels), "%s", wrong[i]);
    for (unsigned k = 0; k < LOG_COMPONENT_COUNT; k++) cr_assert_eq(levels[k], 9);
  }

  char longest[1000];
  memset(longest, 'x', sizeof longest - 1);
  longest[sizeof longest - 1] = 0;
  uint8_t levels[LOG_COMPONENT_COUNT];
  cr_expect_not(log_levels_parse(longest, levels));
}

Test(log, what_holds_is_told_as_it_can_be_set) {
  static const char *const texts[] = {"error", "info", "debug", "warn,cache=error,xmpp=debug",
                                      "info,base=warn"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    char text[LOG_LEVELS_TEXT];
    set(texts[i], LOG_TEXT, false);
    cr_expect_str_eq(log_levels_format(text), texts[i]);
  }
}

/* ---- lines ---- */

Test(log, what_comes_from_outside_makes_no_lines_of_its_own, .init = cr_redirect_stderr) {
  log_set(&usual);
  log_info("server", "%s", "a\nerror jidnsd: b\r\x1b[31m\t.");
  cr_expect_str_eq(said(), "info server: a?error jidnsd: b??[31m?.\n");
}

Test(log, json_says_when_how_grave_who_and_what, .init = cr_redirect_stderr) {
  set("info", LOG_JSON, false);
  log_warn("upstream", "a \"b\" \\ \x01 %s \xff|", "caf\u00e9");
  const char *text = said();
  unsigned year, month, day, hour, minute;
  int used = 0;
  float second;
  cr_assert_eq(sscanf(text, "{\"time\":\"%4u-%2u-%2uT%2u:%2u:%fZ\",%n", &year, &month, &day, &hour, &minute,
                      &second, &used),
               6, "%s", text);
  cr_expect(year >= 2024 && month <= 12 && day <= 31 && hour < 24 && minute < 60 && second < 61);
  cr_expect_str_eq(text + used, "\"level\":\"warn\",\"component\":\"upstream\",\"text\":\"a \\\"b\\\" \\\\ "
                                "\\u0001 caf\u00e9 \\ufffd|\"}\n");
}

Test(log, text_begins_with_the_time_when_set, .init = cr_redirect_stderr) {
  set("info", LOG_TEXT, true);
  log_info("cache", "x");
  const char *text = said();
  cr_assert(strlen(text) > 25 && text[10] == 'T' && text[23] == 'Z', "%s", text);
  cr_expect_str_eq(text + 24, " info cache: x\n");
}

Test(log, journald_gets_its_own_prefixes_and_no_times, .init = cr_redirect_stderr) {
  struct stat st;
  char stream[60];
  cr_assert(fstat(STDERR_FILENO, &st) == 0);
  snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
  setenv("JOURNAL_STREAM", stream, 1);
  set("debug", LOG_TEXT, true);
  log_error("cache", "1");
  log_warn("cache", "2");
  log_info("cache", "3");
  log_debug("cache", "4");
  setenv("JOURNAL_STREAM", "0:1", 1); /* somebody else's, inherited */
  set("debug", LOG_TEXT, false);
  log_error("cache", "5");
  cr_expect_str_eq(said(), "<3>cache: 1\n<4>cache: 2\n<6>cache: 3\n<7>cache: 4\nerror cache: 5\n");
}

/* ---- floods ---- */

static void flood(unsigned n) {
  for (unsigned i = 0; i < n; i++) log_warn("server", "no room for %u", i);
}

Test(log, a_flood_of_one_line_is_cut_and_what_is_left_out_counted, .init = cr_redirect_stderr) {
  flood(1000);
  log_info("cache", "another line is not held up");
  log_flush(true);
  log_flush(true);
  const char *text = said();
  const char *other = strstr(text, "info cache: another"), *told = strstr(text, "warn server: left out: ");
  cr_assert(other && told, "%s", text);
  unsigned left_out = 0, lines = count_lines(text);
  for (const char *p = text; (p = strstr(p, "left out: ")); p++)
    left_out += (unsigned)strtoul(p + 10, NULL, 10);
  cr_expect(strstr(told, "more lines like: no room for %u\n") != NULL);
  /* the clock's second may have ended in between */
  cr_expect(lines <= 2 * (LOG_SAID + 1) + 1, "%u: at most two seconds' worth", lines);
  cr_expect(left_out >= 1000 - 2 * LOG_SAID && left_out <= 1000 - LOG_SAID, "%u", left_out);
}

Test(log, debug_lines_and_what_is_asked_for_line_by_line_are_all_said, .init = cr_redirect_stderr) {
  log_set_level(LOG_DEBUG);
  for (unsigned i = 0; i < 200; i++) log_debug("xmpp", "line %u", i);
  for (unsigned i = 0; i < 200; i++) log_each("query", "line %u", i);
  log_flush(true);
  cr_expect_eq(count_lines(said()), 400);
}

Test(log, what_is_off_is_not_counted, .init = cr_redirect_stderr) {
  log_set_level(LOG_ERROR);
  flood(100);
  log_each("query", "x");
  log_flush(true);
  cr_expect_str_empty(said());
}

static void *talk(void *arg) {
  (void)arg;
  flood(20000);
  return NULL;
}

Test(log, threads_may_flood_together, .init = cr_redirect_stderr) {
  pthread_t threads[4];
  for (unsigned i = 0; i < 4; i++) cr_assert(pthread_create(&threads[i], NULL, talk, NULL) == 0);
  for (unsigned i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  log_flush(true);
  const char *text = said();
  unsigned long left_out = 0, others = 0;
  for (const char *p = text; (p = strstr(p, "left out: ")); p++) left_out += strtoul(p + 10, NULL, 10);
  for (const char *p = text; *p; p = strchr(p, '\n') + 1)
    others += strncmp(p, "warn server: no room", 20) == 0;
  cr_expect_eq(left_out + others, 80000);
}
