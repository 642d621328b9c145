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

  p.floor_s = 4102444800;
  cr_expect_eq(prover_clock_s(&p, clock_ms()), 0);
  cr_expect_eq(logged(f, "later than 2100-01-01, when the snapshot was written"), 1);
  p.clock_is_wrong = false;
  p.floor_s = clock_floor_of_build();
  cr_expect_eq(prover_clock_s(&p, (uint64_t)-clock_epoch_ms()), 0);
  cr_expect_eq(logged(f, "when jidnsd was built"), 1);
  prover_free(&p);
}

Test(prover, what_answers_are_proven_by_is_another_when_settings_would_have_them_proven_otherwise) {
  static struct settings s, other;
  static struct anchors anchors;
  struct prover p;
  prover_init(&p);
  cr_expect_eq(prover_proven_by(&p, &s), prover_proven_by(&p, &s));
  uint64_t nobody = prover_proven_by(&p, &s);
  s.forward.trust_ad = true;
  cr_expect_neq(prover_proven_by(&p, &s), nobody, "the servers' word");
  s.forward.trust_ad = false;

  anchors_built_in(&anchors);
  p.anchors = &anchors;
  s.forward.prove = PROVE_LOG;
  cr_expect_eq(prover_proven_by(&p, &s), nobody);
  s.forward.prove = PROVE_VALIDATE;
  s.forward_count = 1;
  s.forwards[0].domain = (struct settings_domain){.len = 6, .octets = "\4corp"};
  uint64_t by = prover_proven_by(&p, &s);
  cr_expect_neq(by, nobody);
  other = s;
  other.forward.trust_ad = true;
  cr_expect_eq(prover_proven_by(&p, &other), by, "nobody asks the servers");
  other.forward.unsigned_denial = UNSIGNED_DENIAL_PASS;
  cr_expect_neq(prover_proven_by(&p, &other), by);
  other = s;
  other.forwards[0].is_proven = true;
  cr_expect_neq(prover_proven_by(&p, &other), by);
  other = s;
  other.forward_count = 0;
  cr_expect_neq(prover_proven_by(&p, &other), by);
  cr_assert(anchors_add_negative(&anchors, (const uint8_t *)"\4evil", 6));
  cr_expect_neq(prover_proven_by(&p, &s), by);
  anchors_built_in(&anchors);
  cr_expect_eq(prover_proven_by(&p, &s), by);
  anchors.zones[0].ds.ds[0].digest[0] ^= 1;
  cr_expect_neq(prover_proven_by(&p, &s), by);
  p.anchors = NULL;
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
