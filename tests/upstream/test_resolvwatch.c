/* test_resolvwatch.c: each way in which a resolv.conf is exchanged is noticed, within a second, bursts once.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "upstream/resolvwatch.h"

static char folder[] = "/tmp/jidns-watch-XXXXXX", path[64], other[64];
static uv_loop_t loop;
static struct resolvwatch *watch;
static unsigned told;

static bool of_no_use;

static bool on_changed(void *ctx) {
  (void)ctx;
  told++;
  return !of_no_use;
}

static void put(const char *file, const char *text) {
  FILE *f = fopen(file, "w");
  cr_assert(f);
  fputs(text, f);
  fclose(f);
}

static void on_time(uv_timer_t *timer) { uv_stop(timer->loop); }

/* Lets the loop run for so long. */
static void run_ms(unsigned ms) {
  uv_timer_t timer;
  uv_timer_init(&loop, &timer);
  uv_timer_start(&timer, on_time, ms, 0);
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_close((uv_handle_t *)&timer, NULL);
  uv_run(&loop, UV_RUN_NOWAIT);
}

static void start(void) {
  cr_assert(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/resolv.conf", folder);
  snprintf(other, sizeof other, "%s/other", folder);
  put(path, "nameserver 192.0.2.1\n");
  cr_assert(uv_loop_init(&loop) == 0);
  watch = resolvwatch_new(&loop, path, on_changed, NULL);
  cr_assert(watch);
  run_ms(3 * RESOLVWATCH_MS);
  cr_expect_eq(told, 1, "once soon, so that nothing before it is missed");
  told = 0;
}

static void stop(void) {
  resolvwatch_close(watch);
  uv_run(&loop, UV_RUN_DEFAULT);
  cr_expect(uv_loop_close(&loop) == 0);
  unlink(path);
  unlink(other);
  rmdir(folder);
}

enum { SOON_MS = 900 };

TestSuite(resolvwatch, .init = start, .fini = stop);

Test(resolvwatch, a_file_that_stays_as_it_is_is_not_told) {
  run_ms(SOON_MS);
  cr_expect_eq(told, 0);
}

Test(resolvwatch, a_file_written_in_place_is_told) {
  put(path, "nameserver 192.0.2.2\n");
  run_ms(SOON_MS);
  cr_expect_eq(told, 1);
}

Test(resolvwatch, a_file_replaced_by_rename_is_told) {
  put(other, "nameserver 192.0.2.2\n");
  cr_assert(rename(other, path) == 0);
  run_ms(SOON_MS);
  cr_expect_eq(told, 1);
}

Test(resolvwatch, a_link_that_points_elsewhere_is_told) {
  put(other, "nameserver 192.0.2.2\n");
  cr_assert(unlink(path) == 0 && symlink(other, path) == 0);
  run_ms(SOON_MS);
  cr_expect_eq(told, 1);
  put(other, "nameserver 192.0.2.3\nnameserver 192.0.2.4\n");
  run_ms(SOON_MS);
  cr_expect_eq(told, 2, "what it points at was written to");
}

Test(resolvwatch, a_file_that_goes_and_comes_back_is_told) {
  cr_assert(unlink(path) == 0);
  run_ms(SOON_MS);
  cr_expect_eq(told, 1);
  put(path, "nameserver 192.0.2.2\n");
  run_ms(SOON_MS);
  cr_expect_eq(told, 2);
}

Test(resolvwatch, what_could_not_be_used_is_told_again) {
  enum { REST_MS = (RESOLVWATCH_REST + 3) * RESOLVWATCH_MS };
  of_no_use = true;
  put(path, "nameserver 192.0.2.2\n");
  run_ms(SOON_MS);
  cr_expect_eq(told, 1);
  run_ms(REST_MS);
  cr_expect_eq(told, 2);
  of_no_use = false;
  run_ms(REST_MS);
  cr_expect_eq(told, 3);
  run_ms(REST_MS);
  cr_expect_eq(told, 3, "once it could be used that is all");
}

Test(resolvwatch, a_burst_is_told_once) {
  for (int i = 0; i < 12; i++) {
    FILE *f = fopen(path, "a");
    cr_assert(f);
    fprintf(f, "nameserver 192.0.2.%d\n", 10 + i);
    fclose(f);
    run_ms(50);
  }
  run_ms(SOON_MS);
  cr_expect_eq(told, 1);
}
