/* test_fault.c: which answers the rules in force strike, and that chance repeats itself. */
#include <criterion/criterion.h>
#include <pthread.h>

#include "faults/fault.h"
#include "kit/made.h"

enum { NOW_MS = 5000000 };

static struct faults *with(struct faults *old, const char *text) {
  struct rule r;
  char why[RULE_WHY];
  cr_assert(rule_parse(text, &r, why), "%s: %s", text, why);
  struct faults *fs = faults_with(old, &r, NOW_MS);
  cr_assert_not_null(fs);
  faults_free(old, fs);
  return fs;
}

struct ask {
  const char *name;
  uint16_t type;
  const char *peer;
  bool tcp;
  uint64_t at_ms;
};

/* The number of the rule that strikes, 0 for none. */
static unsigned struck(const struct faults *fs, struct ask a) {
  struct question q;
  union addr peer;
  struct fault_match k;
  question_of(&q, a.name ? a.name : "xmpp.lab", a.type ? a.type : TYPE_A);
  cr_assert(addr_parse(a.peer ? a.peer : "192.0.2.7", 53, &peer));
  return faults_match(fs, &q, &peer, a.tcp, NOW_MS + a.at_ms, &k) ? k.fault->number : 0;
}
#define STRUCK(fs, ...) struck(fs, (struct ask){__VA_ARGS__})

Test(fault, a_rule_strikes_what_all_its_words_are_for) {
  struct faults *fs = with(NULL, "name=*.lab type=SRV,A client=192.0.2.0/24 transport=udp drop");
  cr_expect_eq(STRUCK(fs, 0), 1);
  cr_expect_eq(STRUCK(fs, .type = TYPE_SRV), 1);
  cr_expect_eq(STRUCK(fs, .type = TYPE_AAAA), 0);
  cr_expect_eq(STRUCK(fs, .name = "XMPP.LAB"), 1);
  cr_expect_eq(STRUCK(fs, .name = "xmpp.example"), 0);
  cr_expect_eq(STRUCK(fs, .peer = "192.0.3.1"), 0);
  cr_expect_eq(STRUCK(fs, .peer = "::ffff:192.0.2.1"), 1);
  cr_expect_eq(STRUCK(fs, .tcp = true), 0);
  cr_expect_eq(fs->rules[0]->matched, 4);
  cr_expect_eq(fs->rules[0]->spoiled, 4);
  faults_free(fs, NULL);
}

Test(fault, the_first_rule_that_strikes_decides) {
  struct faults *fs = with(with(with(NULL, "name=a.lab drop"), "first=1 servfail"), "delay=5");
  cr_expect_eq(STRUCK(fs, .name = "a.lab"), 1);
  cr_expect_eq(STRUCK(fs, .name = "b.lab"), 2);
  cr_expect_eq(STRUCK(fs, .name = "b.lab"), 3, "the second is used up");
  cr_expect_eq(STRUCK(fs, .name = "a.lab"), 1);
  faults_free(fs, NULL);
}

Test(fault, times_count_from_when_the_rule_was_set) {
  struct faults *fs = with(NULL, "from=10 until=20.5 drop");
  static const uint64_t without[] = {0, 9999, 20500, 1000000}, inside[] = {10000, 20499};
  for (size_t i = 0; i < 4; i++)
    cr_expect_eq(STRUCK(fs, .at_ms = without[i]), 0, "%lu", (unsigned long)without[i]);
  for (size_t i = 0; i < 2; i++)
    cr_expect_eq(STRUCK(fs, .at_ms = inside[i]), 1, "%lu", (unsigned long)inside[i]);
  cr_expect_eq(fs->rules[0]->matched, 2, "what comes before or after is not for it");
  faults_free(fs, NULL);
}

Test(fault, flap_is_up_first_and_then_down) {
  struct faults *fs = with(NULL, "flap=10/5 drop");
  for (uint64_t s = 0; s < 60; s++)
    cr_expect_eq(STRUCK(fs, .at_ms = s * 1000), s % 15 >= 10, "second %lu", (unsigned long)s);
  faults_free(fs, NULL);
  fs = with(NULL, "flap=2147483.647/2147483.647 drop");
  cr_expect_eq(STRUCK(fs, .at_ms = 2147483646u), 0);
  cr_expect_eq(STRUCK(fs, .at_ms = 2147483647u), 1);
  cr_expect_eq(STRUCK(fs, .at_ms = 4294967294u), 0);
  faults_free(fs, NULL);
}

Test(fault, first_strikes_so_many_and_no_more) {
  struct faults *fs = with(NULL, "first=3 drop");
  for (unsigned i = 0; i < 10; i++) cr_expect_eq(STRUCK(fs, 0), i < 3);
  cr_expect_eq(fs->rules[0]->matched, 10);
  cr_expect_eq(fs->rules[0]->spoiled, 3);
  faults_free(fs, NULL);
}

/* ---- chance ---- */

enum { ASKED = 1000 };

static unsigned share(const char *rule, bool hit[ASKED]) {
  struct faults *fs = with(NULL, rule);
  unsigned n = 0;
  for (unsigned i = 0; i < ASKED; i++) n += hit[i] = STRUCK(fs, 0) > 0;
  faults_free(fs, NULL);
  return n;
}

Test(fault, a_share_is_near_what_it_says_and_the_same_for_the_same_seed) {
  bool first[ASKED], again[ASKED], other[ASKED];
  unsigned n = share("share=30% seed=7 drop", first);
  cr_expect_eq(n, 306, "%u: what seed 7 gives must never change", n);
  cr_expect_eq(share("name=*.lab share=30% seed=7 servfail", again), n);
  cr_expect_arr_eq(first, again, sizeof first);
  cr_expect_neq(share("share=30% seed=8 drop", other), 0);
  cr_expect_arr_neq(first, other, sizeof first);
  cr_expect_eq(share("share=100% drop", other), ASKED);
}

Test(fault, shares_do_not_depend_on_when_or_what_was_asked_between) {
  struct faults *fs = with(NULL, "type=A share=30% seed=7 drop");
  bool first[ASKED];
  share("share=30% seed=7 drop", first);
  for (unsigned i = 0; i < ASKED; i++) {
    cr_expect_eq(STRUCK(fs, .type = TYPE_AAAA), 0);
    cr_expect_eq(STRUCK(fs, .at_ms = i * 7, .tcp = i % 3 == 0) > 0, first[i], "answer %u", i);
  }
  faults_free(fs, NULL);
}

Test(fault, delays_spread_over_their_range_and_repeat) {
  struct faults *fs[] = {with(NULL, "delay=200-204 seed=3"), with(NULL, "delay=200-204 seed=3")};
  unsigned seen[5] = {0};
  struct question q;
  union addr peer;

  question_of(&q, "a.lab", TYPE_A);
  cr_assert(addr_parse("192.0.2.7", 53, &peer));
  for (unsigned i = 0; i < ASKED; i++) {
    struct fault_match a, b;
    cr_assert(faults_match(fs[0], &q, &peer, false, NOW_MS, &a) &&
              faults_match(fs[1], &q, &peer, true, NOW_MS + i, &b));
    uint32_t ms = fault_delay_ms(&a);
    cr_assert(ms >= 200 && ms <= 204 && ms == fault_delay_ms(&b));
    seen[ms - 200]++;
  }

  for (unsigned i = 0; i < 5; i++) cr_expect(seen[i] > 150 && seen[i] < 250, "%u of %u", seen[i], ASKED);
  faults_free(fs[0], NULL);
  faults_free(fs[1], NULL);
}

enum { THREADS = 4 };

struct share_of_thread {
  struct faults *fs;
  unsigned struck;
};

static void *ask_many(void *arg) {
  struct share_of_thread *t = arg;
  for (unsigned i = 0; i < ASKED / THREADS; i++) t->struck += STRUCK(t->fs, 0) > 0;
  return NULL;
}

Test(fault, workers_together_strike_what_one_would) {
  static const char *const rules[] = {"share=30% seed=7 drop", "share=30% seed=7 first=100 drop"};
  static const unsigned right[] = {306, 100};
  for (unsigned r = 0; r < 2; r++) {
    struct faults *fs = with(NULL, rules[r]);
    struct share_of_thread shares[THREADS];
    pthread_t threads[THREADS];
    unsigned sum = 0;
    for (unsigned i = 0; i < THREADS; i++) {
      shares[i] = (struct share_of_thread){.fs = fs};
      cr_assert_eq(pthread_create(&threads[i], NULL, ask_many, &shares[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
      pthread_join(threads[i], NULL);
      sum += shares[i].struck;
    }
    cr_expect_eq(sum, right[r]);
    cr_expect_eq(fs->rules[0]->spoiled, right[r]);
    cr_expect_eq(fs->rules[0]->matched, ASKED);
    faults_free(fs, NULL);
  }
}

/* ---- sets ---- */

Test(fault, rules_keep_their_numbers_and_counts_when_others_come_and_go) {
  struct faults *fs = with(with(with(NULL, "name=a.lab drop"), "name=b.lab drop"), "name=c.lab drop");
  cr_expect_eq(STRUCK(fs, .name = "c.lab"), 3);
  struct faults *less = faults_without(fs, 2);
  cr_expect_eq(less->count, 2);
  cr_expect(faults_have(less, fs->rules[0]) && !faults_have(less, fs->rules[1]) &&
            faults_have(less, fs->rules[2]));
  faults_free(fs, less);
  cr_expect_eq(STRUCK(less, .name = "b.lab"), 0);
  cr_expect_eq(STRUCK(less, .name = "c.lab"), 3);
  cr_expect_eq(less->rules[1]->spoiled, 2);
  less = with(less, "name=b.lab drop");
  cr_expect_eq(STRUCK(less, .name = "b.lab"), 4, "numbers are never given again");
  struct faults *none = faults_without(less, 0);
  cr_expect_eq(none->count, 0);
  faults_free(less, none);
  none = with(none, "drop");
  cr_expect_eq(none->rules[0]->number, 5);
  faults_free(none, NULL);
}

Test(fault, there_are_no_more_than_so_many) {
  struct faults *fs = NULL;
  struct rule r;
  char why[RULE_WHY];
  for (unsigned i = 0; i < FAULTS_MAX; i++) fs = with(fs, "name=a.lab drop");
  cr_assert(rule_parse("drop", &r, why));
  cr_expect_null(faults_with(fs, &r, 0));
  cr_expect_not(faults_have(NULL, fs->rules[0]));
  faults_free(fs, NULL);
  faults_free(NULL, NULL);
}
