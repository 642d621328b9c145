/* test_busy.c: the XMPP domains that are asked for most. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "kit/made.h"
#include "kit/rng.h"
#include "xmpp/busy.h"

static void note(struct busy *b, const char *service, unsigned domain) {
  char name[100];
  struct question q;
  snprintf(name, sizeof name, "%s._tcp.d%u.lab.", service, domain);
  question_of(&q, name, TYPE_SRV);
  busy_note(b, &q);
}

static const struct busy_domain *find(const struct busy *b, unsigned domain) {
  uint8_t name[NAME_MAX_LEN];
  char text[40];
  snprintf(text, sizeof text, "d%u.lab.", domain);
  size_t len = name_parse(text, name);
  for (unsigned i = 0; i < BUSY_DOMAINS; i++) {
    const struct busy_domain *d = &b->domains[i];
    if (d->name_len == len && memcmp(d->name, name, len) == 0) return d;
  }
  return NULL;
}

Test(busy, counts_all_four_services_of_a_domain_as_one_and_nothing_else) {
  struct busy *b = calloc(1, sizeof *b);
  struct question q;
  note(b, "_xmpp-client", 1);
  note(b, "_XMPPS-Client", 1);
  note(b, "_xmpp-server", 1);
  note(b, "_xmpps-server", 1);
  note(b, "_sip", 1);
  question_of(&q, "_xmpp-server._tcp.d1.lab.", TYPE_A);
  busy_note(b, &q);
  cr_expect_eq(b->noted, 4);
  cr_assert_not_null(find(b, 1));
  cr_expect_eq(find(b, 1)->asked, 4);
  cr_expect_eq(find(b, 1)->error, 0);
  free(b);
}

Test(busy, keeps_those_asked_for_most_within_its_error_whatever_else_comes) {
  struct busy *b = calloc(1, sizeof *b);
  struct rng rng = {.state = 5};

  enum { ALL = 100000, HEAVY = 5, RARE = 5000 };
  unsigned asked[HEAVY] = {0};
  for (unsigned i = 0; i < ALL; i++) {
    unsigned r = rng_below(&rng, 100);
    if (r < 40) asked[r % HEAVY]++;
    note(b, "_xmpp-server", r < 40 ? r % HEAVY : HEAVY + rng_below(&rng, RARE));
  }

  for (unsigned i = 0; i < HEAVY; i++) {
    const struct busy_domain *d = find(b, i);
    cr_assert_not_null(d);
    cr_expect_geq(d->asked, asked[i]);
    cr_expect_leq(d->asked - d->error, asked[i]);
    cr_expect_leq(d->error, ALL / BUSY_DOMAINS);
  }

  busy_sort(b);
  for (unsigned i = 1; i < BUSY_DOMAINS; i++) cr_expect_leq(b->domains[i].asked, b->domains[i - 1].asked);
  cr_expect_eq(b->noted, ALL);
  free(b);
}

Test(busy, a_sum_allows_for_what_one_of_them_had_no_place_for) {
  struct busy *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b), *sum = calloc(1, sizeof *sum);
  for (unsigned i = 0; i < 5; i++) note(a, "_xmpp-server", 0);
  for (unsigned i = 0; i < 3; i++) note(b, "_xmpp-server", 0);
  for (unsigned i = 1; i <= BUSY_DOMAINS; i++) {
    for (unsigned k = 0; k < 4; k++) note(b, "_xmpp-server", i);
  }

  cr_assert_null(find(b, 0));
  busy_add(sum, a);
  busy_add(sum, b);
  cr_assert_not_null(find(sum, 0));
  cr_expect_geq(find(sum, 0)->asked, 8);
  cr_expect_leq(find(sum, 0)->asked - find(sum, 0)->error, 8);
  free(a);
  free(b);
  free(sum);
}

Test(busy, sums_what_several_have_counted) {
  struct busy *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b), *sum = calloc(1, sizeof *sum);
  for (unsigned i = 0; i < 10; i++) note(a, "_xmpp-server", 1);
  for (unsigned i = 0; i < 5; i++) note(b, "_xmpp-client", 1);
  for (unsigned i = 0; i < 12; i++) note(b, "_xmpp-client", 2);
  busy_add(sum, a);
  busy_add(sum, b);
  busy_sort(sum);
  cr_expect_eq(sum->noted, 27);
  cr_expect_eq(sum->domains[0].asked, 15);
  cr_expect_eq(sum->domains[1].asked, 12);
  cr_expect_eq(sum->domains[2].name_len, 0);
  free(a);
  free(b);
  free(sum);
}
