/* test_log_out.c: lines whose reader is slow, gone, or has a full disk. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/descriptors.h"
#include "base/log.h"
#include "base/log_out.h"

enum { PIPE_SIZE = 4096 };

static int kept = -1; /* the test's own standard error */

/* Standard error is a pipe of the smallest size. Returns the end to read. */
static int open_pipe(void) {
  int ends[2];
  kept = dup(STDERR_FILENO);
  cr_assert(pipe(ends) == 0 && fcntl(ends[1], F_SETPIPE_SZ, PIPE_SIZE) >= 0 &&
            dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
  close(ends[1]);
  signal(SIGPIPE, SIG_IGN);
  return ends[0];
}

static void open_file(const char *path) {
  int fd = open(path, O_WRONLY);
  kept = dup(STDERR_FILENO);
  cr_assert(fd >= 0 && dup2(fd, STDERR_FILENO) == STDERR_FILENO);
  close(fd);
}

static void restore(void) { dup2(kept, STDERR_FILENO); }

static uint64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* All that can be read until the other end is closed, or `lines` lines came. */
static char *read_lines(int fd, unsigned lines) {
  static char text[4 << 20];
  size_t n = 0;
  unsigned seen = 0;
  while (seen < lines && n < sizeof text - 1) {
    ssize_t got = read(fd, text + n, sizeof text - 1 - n);
    if (got <= 0) break;
    for (ssize_t i = 0; i < got; i++) seen += text[n + (size_t)i] == '\n';
    n += (size_t)got;
  }
  text[n] = 0;
  return text;
}

static void say(unsigned n, unsigned from) {
  for (unsigned i = from; i < from + n; i++) {
    char line[80];
    int len = snprintf(line, sizeof line, "line %u ......................................\n", i);
    log_out_line(line, (size_t)len, LOG_OUT_NOTICE);
  }
}

/* The lines in text are a few of 0 to n - 1, in order and whole, each "line N ..." or of the log itself.
 * Returns how many of the former. */
static unsigned count_whole(char *text, unsigned n) {
  unsigned count = 0, next = 0;
  for (char *rest = text, *line; (line = strtok_r(rest, "\n", &rest));) {
    unsigned number;
    if (strncmp(line, "warn base: ", 11) == 0) continue;
    cr_assert_eq(sscanf(line, "line %u ......................................", &number), 1, "%s", line);
    cr_assert_eq(line[strlen(line) - 1], '.', "%s", line);
    cr_assert(number >= next && number < n, "%u after %u", number, next);
    next = number + 1;
    count++;
  }
  return count;
}

/* ---- before there is the thread ---- */

Test(log_out, a_start_whose_reader_is_stuck_goes_on_after_a_moment) {
  int fd = open_pipe();
  uint64_t began = now_ms();
  say(1000, 0);
  uint64_t took = now_ms() - began;
  uint64_t dropped = log_out_dropped();
  restore();
  cr_expect_lt(took, LOG_OUT_PATIENCE_MS + 1500, "%llu ms: one line waits, the others don't",
               (unsigned long long)took);
  cr_expect_gt(dropped, 500);
  cr_expect_eq(count_whole(read_lines(fd, UINT32_MAX), 1000) + dropped, 1000);
}

Test(log_out, a_reader_that_is_gone_ends_nothing) {
  close(open_pipe());
  say(10, 0);
  restore();
  cr_expect_eq(log_out_dropped(), 10);
}

/* ---- with the thread ---- */

Test(log_out, all_lines_come_in_order) {
  int fd = open_pipe();
  cr_assert(log_start());
  say(1000, 0);
  char *text = read_lines(fd, 1000);
  log_out_stop();
  restore();
  cr_expect_eq(count_whole(text, 1000), 1000);
  cr_expect_eq(log_out_dropped(), 0);
}

Test(log_out, nobody_waits_for_a_reader_that_is_stuck) {
  enum { LINES = 100000 };
  int fd = open_pipe();
  cr_assert(log_start());
  uint64_t began = now_ms();
  say(LINES, 0);
  uint64_t took = now_ms() - began, dropped = log_out_dropped();
  cr_expect_lt(took, 3000);
  cr_expect_gt(dropped, LINES / 2);
  cr_expect_lt(dropped, LINES - LOG_OUT_BUFFER / 60);

  /* The reader goes on: what was kept comes whole, then how much was not. */
  char *text = read_lines(fd, LINES - (unsigned)dropped + 1), told[100];
  log_out_stop();
  restore();
  snprintf(told, sizeof told, "\nwarn base: %llu lines were dropped: standard error took no more\n",
           (unsigned long long)dropped);
  cr_expect(strstr(text, told), "%s is not in what was said", told);
  cr_expect_eq(count_whole(text, LINES) + dropped, LINES);
}

Test(log_out, the_end_does_not_wait_long_for_a_reader_that_is_stuck) {
  open_pipe();
  cr_assert(log_start());
  say(1000, 0);
  uint64_t began = now_ms();
  log_out_stop();
  say(1000, 0);
  uint64_t took = now_ms() - began;
  restore();
  cr_expect_lt(took, LOG_OUT_STOP_MS + 1000);
  cr_expect_geq(log_out_dropped(), 1000);
}

Test(log_out, the_end_brings_out_what_is_in_the_buffer) {
  char path[] = "/tmp/test_log_out.XXXXXX";
  int fd = mkstemp(path);
  open_file(path);
  unlink(path);
  cr_assert(log_start());
  say(3000, 0);
  log_out_stop();
  say(1, 3000);
  restore();
  cr_expect_eq(count_whole(read_lines(fd, UINT32_MAX), 3001), 3001);
}

Test(log_out, a_full_disk_costs_lines_and_nothing_else) {
  open_file("/dev/full");
  cr_assert(log_start());
  say(100, 0);
  log_out_stop();
  restore();
  cr_expect_eq(log_out_dropped(), 100);
}

Test(log_out, how_many_were_dropped_is_told_when_there_is_room_again) {
  open_file("/dev/full");
  cr_assert(log_start());
  say(5, 0);
  while (log_out_dropped() < 5) usleep(1000);
  int ends[2];
  cr_assert(pipe(ends) == 0 && dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
  close(ends[1]);
  say(1, 5);
  char *text = read_lines(ends[0], 2);
  log_out_stop();
  restore();
  cr_expect_str_eq(strchr(text, '\n'), "\nwarn base: 5 lines were dropped: standard error took no more\n");
}

Test(log_out, lines_asked_for_one_by_one_leave_room_for_the_others) {
  int fd = open_pipe();
  cr_assert(log_start());
  for (unsigned i = 0; i < 20000; i++)
    log_each("query", "%u ..............................................", i);
  log_error("upstream", "this is of more use");
  log_out_line("end\n", 4, LOG_OUT_NOTICE);
  char *text = read_lines(fd, 1), *rest = text + strlen(text);
  while (!strstr(text, "end\n")) {
    ssize_t got = read(fd, rest, 4096);
    cr_assert_gt(got, 0);
    rest += got;
    *rest = 0;
  }

  log_out_stop();
  restore();
  cr_expect(strstr(text, "error upstream: this is of more use\n"));
  cr_expect_gt(log_out_dropped(), 1000);
}

Test(log_out, lines_longer_than_a_pipe_takes_at_once_are_whole) {
  static char line[LOG_OUT_LINE];
  int fd = open_pipe();
  memset(line, 'x', sizeof line);
  line[sizeof line - 1] = '\n';
  cr_assert(log_start());
  for (unsigned i = 0; i < 20; i++) log_out_line(line, sizeof line, LOG_OUT_NOTICE);
  char *text = read_lines(fd, 20);
  log_out_stop();
  restore();
  cr_expect_eq(strlen(text), 20 * sizeof line);
  for (unsigned i = 0; i < 20; i++)
    cr_expect(memcmp(text + i * sizeof line, line, sizeof line) == 0, "%u", i);
}

Test(log_out, a_stream_goes_the_same_way) {
  int fd = open_pipe();
  FILE *f = log_out_stream();
  fprintf(f, "jidnsd: %d\n", 1);
  fclose(f);
  restore();
  cr_expect_str_eq(read_lines(fd, 1), "jidnsd: 1\n");
}

Test(log_out, the_last_words_of_a_program_do_not_wait_for_ever) {
  int fd = open_pipe();
  cr_assert(log_start());
  say(1000, 0);
  uint64_t began = now_ms();
  log_out_last("jidns: end\n", 11);
  uint64_t took = now_ms() - began;
  log_out_stop();
  restore();
  close(fd);
  cr_expect_lt(took, 2000);
}

/* ---- descriptors ---- */

Test(descriptors, that_are_closed_at_the_start_are_filled_and_fail_when_used) {
  int kept_ones[3], first, out, error;
  for (int fd = 0; fd < 3; fd++) kept_ones[fd] = dup(fd);
  for (int fd = 0; fd < 3; fd++) close(fd);
  descriptors_fill();
  first = dup(0);
  out = (int)write(1, "x", 1);
  error = (int)write(2, "x", 1);
  for (int fd = 0; fd < 3; fd++) dup2(kept_ones[fd], fd);
  cr_expect_gt(first, 2, "the next descriptor is none of them");
  cr_expect(out < 0 && error < 0);
}

Test(descriptors, that_are_open_stay_what_they_are) {
  int fd = open_pipe();
  descriptors_fill();
  say(1, 0);
  restore();
  cr_expect_eq(count_whole(read_lines(fd, 1), 1), 1);
}
