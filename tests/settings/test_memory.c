/* test_memory.c: how much the cache takes where memory is limited. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "settings/said.h"

enum { M = 1 << 20 };

/* The settings of that command line where memory is limited so; what is said of them. */
static struct settings fitted(const char *line, uint64_t most, const char *warning) {
  struct settings s = *said_right(line, NULL);
  struct memory_limit m = {.octets = most, .what = "memory.max of /x"};
  char *text = NULL;
  size_t len;
  FILE *err = open_memstream(&text, &len);
  bool fits = settings_fit_memory(&s, &m, err);
  fclose(err);
  cr_expect_eq(fits, *warning == 0);
  cr_expect(*warning ? strstr(text, warning) != NULL : len == 0, "%s", text);
  cr_expect(!*warning || strchr(text, '\n') == text + len - 1, "not one line: %s", text);
  free(text);
  return s;
}

static size_t room(uint64_t most) { return fitted("", most, "").cache_limit; }

Test(settings_memory, the_cache_takes_what_is_usual_where_there_is_enough) {
  cr_expect_eq(room(UINT64_MAX), 128 * M);
  cr_expect_eq(room(1024ull * M), 128 * M);
  cr_expect_eq(room(272 * M), 128 * M);
}

Test(settings_memory, the_cache_takes_half_of_what_the_rest_leaves) {
  cr_expect_eq(room(256 * M), 120 * M);
  cr_expect_eq(room(64 * M), 24 * M);
  cr_expect_eq(room(32 * M), 8 * M);
}

Test(settings_memory, the_cache_is_never_smaller_than_one_can_be) {
  for (uint64_t most = 0; most <= 18 * M; most += M) cr_expect_eq(room(most), M);
}

Test(settings_memory, clients_over_tcp_hold_no_more_than_an_eighth) {
  cr_expect_eq(fitted("", 64 * M, "").tcp.held, 8 * M);
  cr_expect_eq(fitted("", 1024ull * M, "").tcp.held, 32 * M);
}

Test(settings_memory, a_size_that_was_said_holds) {
  cr_expect_eq(fitted("--cache-size 40M", 64 * M, "").cache_limit, 40 * M);
  cr_expect_eq(fitted("--cache-size 1G", 8192ull * M, "").cache_limit, 1024ull * M);
}

Test(settings_memory, a_size_beyond_the_limit_is_warned_about_and_holds) {
  static const char warning[] =
      "--cache-size: 128 MiB is too much where all of jidnsd may take 64 MiB (memory.max of /x)";
  cr_expect_eq(fitted("--cache-size 128M", 64 * M, warning).cache_limit, 128 * M);
  cr_expect_eq(fitted("--cache-size 48M", 64 * M, "--cache-size: 48 MiB is too much").cache_limit, 48 * M);
}
