/* test_domains.c: what became of XMPP domains' services. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "kit/made.h"
#include "xmpp/domains.h"

static void note(struct domains *d, const char *service, unsigned domain, struct forward_told told,
                 uint64_t now_ms) {
  char name[100];
  struct question q;
  snprintf(name, sizeof name, "%s._tcp.d%u.lab.", service, domain);
  question_of(&q, name, TYPE_SRV);
  domains_note(d, &q, &told, now_ms);
}

static const struct domain_outcomes *find(const struct domains *d, unsigned domain) {
  uint8_t name[NAME_MAX_LEN];
  char text[40];
  snprintf(text, sizeof text, "d%u.lab.", domain);
  return domains_find(d, name, name_parse(text, name));
}

static const struct forward_told answered = {.how = TOLD_ANSWER, .waited_ms = 40},
                                 stale = {.how = TOLD_STALE, .waited_ms = 400},
                                 timed_out = {.how = TOLD_FAILURE, .why = ERR_TIMEOUT, .waited_ms = 2500},
                                 refused = {.how = TOLD_FAILURE, .why = ERR_REFUSED};

Test(domains, count_what_clients_were_told_and_why_the_last_one_failed) {
  struct domains *d = calloc(1, sizeof *d);
  note(d, "_xmpp-client", 1, answered, 1000);
  note(d, "_xmpps-client", 1, stale, 2000);
  note(d, "_xmpp-server", 1, timed_out, 3000);
  note(d, "_XMPPS-server", 1, refused, 4000);
  note(d, "_sip", 1, refused, 5000);

  const struct domain_outcomes *o = find(d, 1);
  cr_assert_not_null(o);
  cr_expect_eq(o->told, 4);
  cr_expect_eq(o->stale, 1);
  cr_expect_eq(o->failed, 2);
  cr_expect_eq(o->wait_ms, 440);
  cr_expect_eq(o->failed_ms, 4000);
  cr_expect_eq(o->why, ERR_REFUSED);
  cr_expect_str_eq(domains_service_text(o), "_xmpps-server");
  free(d);
}

/* A flood of names that nobody asks for twice. */
Test(domains, keep_those_waited_for_most_whatever_else_comes) {
  struct domains *d = calloc(1, sizeof *d);
  for (unsigned i = 0; i < 5000; i++) {
    note(d, "_xmpp-client", 1000 + i, timed_out, i);
    if (i % 4 == 0) note(d, "_xmpp-client", i % 8 ? 1 : 2, refused, i);
  }

  const struct domain_outcomes *one = find(d, 1), *two = find(d, 2);
  cr_assert(one && two);
  cr_expect_leq(one->failed, 625);
  cr_expect_geq(one->failed, 500);
  cr_expect_eq(two->why, ERR_REFUSED);
  domains_sort(d);
  cr_expect(find(d, 1) - d->list < 2 && find(d, 2) - d->list < 2);
  free(d);
}

Test(domains, of_two_threads_add_up) {
  struct domains *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b), *sum = calloc(1, sizeof *sum);
  note(a, "_xmpp-client", 1, timed_out, 9000);
  note(b, "_xmpp-server", 1, refused, 8000);
  note(b, "_xmpp-server", 2, answered, 8000);
  domains_add(sum, a);
  domains_add(sum, b);
  cr_expect_eq(find(sum, 1)->failed, 2);
  cr_expect_eq(find(sum, 1)->why, ERR_TIMEOUT);
  cr_expect_str_eq(domains_service_text(find(sum, 1)), "_xmpp-client");
  cr_expect_eq(find(sum, 2)->told, 1);
  free(a);
  free(b);
  free(sum);
}
