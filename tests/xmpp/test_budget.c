/* test_budget.c: what all workers may ask ahead within a second. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>

#include "kit/made.h"
#include "xmpp/budget.h"

static struct xmpp_budget budget; /* each test runs in a process of its own */

static unsigned take_all(uint64_t now_ms) {
  unsigned n = 0;
  while (budget_take(&budget, now_ms)) n++;
  return n;
}

static bool take_outside(const char *text, uint64_t now_ms) {
  uint8_t name[NAME_MAX_LEN];
  return budget_take_outside(&budget, name, name_parse(text, name), KIT_SEED, now_ms);
}

Test(budget, a_second_begins_with_its_first_question) {
  for (uint64_t at_ms = 0; at_ms < 5000; at_ms += 2500) {
    cr_expect_eq(take_all(at_ms), BUDGET_PER_S, "at %lu", (unsigned long)at_ms);
    cr_expect_eq(take_all(at_ms + 999), 0);
    cr_expect_eq(take_all(at_ms + 1000), BUDGET_PER_S);
    cr_expect_eq(take_all(at_ms + 900), 0, "another worker's clock stands a little before");
  }
}

enum { THREADS = 4 };

static void *take_in_thread(void *arg) {
  unsigned *n = arg;
  *n = take_all(7000);
  return NULL;
}

Test(budget, workers_at_once_take_no_more_than_there_is) {
  pthread_t threads[THREADS];
  unsigned taken[THREADS], sum = 0;
  for (unsigned i = 0; i < THREADS; i++)
    cr_assert_eq(pthread_create(&threads[i], NULL, take_in_thread, &taken[i]), 0);
  for (unsigned i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    sum += taken[i];
  }
  cr_expect_eq(sum, BUDGET_PER_S);
}

Test(budget, hosts_of_one_parent_share_and_so_do_the_names_of_services_on_them) {
  unsigned n = 0;
  char name[64];
  for (unsigned i = 0; i < 100; i++) {
    snprintf(name, sizeof name, "%sh%u.hosting.lab.", i % 2 ? "" : "_5269._tcp.", i);
    n += take_outside(name, 1000);
  }
  cr_expect_eq(n, BUDGET_PARENT_PER_S);
  cr_expect(take_outside("h1.other.lab.", 1000), "another's");
  cr_expect_not(take_outside("h1.hosting.lab.", 1999));
  cr_expect(take_outside("h1.hosting.lab.", 2000));
}

Test(budget, made_up_parents_share_their_last_two_labels) {
  unsigned n = 0;
  char name[64];
  for (unsigned i = 0; i < 1000; i++) {
    snprintf(name, sizeof name, "h.a%u.b%u.victim.lab.", i, i);
    n += take_outside(name, 1000);
  }
  cr_expect_leq(n, BUDGET_SUFFIX_PER_S);
  cr_expect_gt(n, BUDGET_SUFFIX_PER_S / 2, "but for those that meet in one place");
}

Test(budget, short_names_are_names_too) {
  static const char *const names[] = {".", "lab.", "_tcp.", "_5269._tcp.", "a.lab.", "_5269._tcp.lab."};
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    for (unsigned k = 0; k < BUDGET_PARENT_PER_S / 2; k++)
      cr_expect(take_outside(names[i], 1000), "%s, %u", names[i], k);
  }
}
