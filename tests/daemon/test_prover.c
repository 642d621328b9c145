/* test_prover.c: the clock that signatures are judged by. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/prover.h"

static unsigned logged(FILE *f, const char *what) {
  char line[512];
  unsigned n = 0;
  fflush(stderr);
  rewind(f);
  while (fgets(line, sizeof line, f)) n += strstr(line, what) != NULL;
  return n;
}

static const char wrong[] = "warn daemon: the clock is wrong",
                  right[] = "info daemon: the clock is right again";

Test(prover, a_clock_before_the_floor_is_not_trusted_and_told_of_once) {
  struct prover p;
  FILE *f = tmpfile();
  cr_assert(f && dup2(fileno(f), STDERR_FILENO) == STDERR_FILENO);
  prover_init(&p);
  p.floor_s = INT64_MAX;
  for (unsigned i = 0; i < 3; i++) cr_expect_eq(prover_clock_s(&p, clock_ms()), 0);
  cr_expect_eq(logged(f, wrong), 1);
  cr_expect_eq(logged(f, right), 0);

  p.floor_s = 1;
  for (unsigned i = 0; i < 3; i++) cr_expect_gt(prover_clock_s(&p, clock_ms()), 1700000000);
  cr_expect_eq(logged(f, wrong), 1);
  cr_expect_eq(logged(f, right), 1);
  prover_free(&p);
}

Test(prover, the_floor_is_that_of_the_build_or_of_the_snapshot_if_that_is_later_and_likely) {
  struct prover p;
  prover_init(&p);
  cr_expect_eq(p.floor_s, clock_floor_of_build());
  prover_floor(&p, clock_floor_of_build() - 1);
  cr_expect_eq(p.floor_s, clock_floor_of_build());
  prover_floor(&p, clock_floor_of_build() + 86400);
  cr_expect_eq(p.floor_s, clock_floor_of_build() + 86400);
  prover_floor(&p, INT64_MAX / 1000);
  cr_expect_eq(p.floor_s, clock_floor_of_build() + 86400,
               "a snapshot of a wrong clock does not end all proofs");
  prover_free(&p);
}
