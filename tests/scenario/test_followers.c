/* test_followers.c: the same question asked by many at once: one leader, many followers, to each an answer
 * of its own. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "scenario/kit.h"

#define SRV "_xmpp-server._tcp.d.lab."

static struct world *world_with_targets(unsigned n) {
  struct world *w = world_new(&(struct world_options){0});
  for (unsigned i = 0; i < n; i++) {
    char target[32];
    snprintf(target, sizeof target, "h%u.d.lab.", i);
    zone_add(&w->zone, SRV, TYPE_SRV, 60, rd_srv(1, 1, 5269, target));
  }
  return w;
}

/* Ids, spelling and OPT are checked by the kit for each answer. */
Test(followers, each_is_answered_in_its_own_spelling_size_and_edns) {
  struct world *w = world_with_targets(60);
  struct heard *plain = client_ask(w, SRV, TYPE_SRV, HOW_PLAIN);
  struct heard *edns = client_ask(w, "_XMPP-Server._TCP.d.lab.", TYPE_SRV, HOW_EDNS);
  struct heard *big = client_ask(w, "_xmpp-server._tcp.D.LAB.", TYPE_SRV, HOW_BIG);
  struct heard *tcp = client_ask(w, "_xMpP-sErVeR._TcP.d.LaB.", TYPE_SRV, HOW_TCP);
  world_run_ms(w, 2 * WORLD_DELAY_MS); /* 60 targets come over TCP only */
  cr_expect_eq(upstream_asked(w, "", 0), 2);
  cr_expect(heard_is_tc(plain) && heard_is_tc(edns));
  cr_expect_not(heard_is_tc(big) || heard_is_tc(tcp));
  cr_expect_eq(heard_typed(big, SECTION_ANSWER, TYPE_SRV), 60);
  cr_expect_eq(heard_typed(tcp, SECTION_ANSWER, TYPE_SRV), 60);
  cr_expect_eq(w->counters.leader, 1);
  cr_expect_eq(w->counters.follower, 3);
  cr_expect_eq(w->counters.truncated, 2);
  world_free(w);
}

Test(followers, a_thousand_are_all_answered_by_one_question) {
  struct world *w = world_with_targets(2);
  for (unsigned i = 0; i < 1000; i++) client_ask(w, SRV, TYPE_SRV, i % 2 ? HOW_EDNS : HOW_PLAIN);
  world_run_ms(w, WORLD_DELAY_MS);
  cr_expect_eq(upstream_asked(w, "", 0), 1);
  for (unsigned i = 0; i < 1000; i++)
    cr_assert(is_answered(w->heard[i]) && heard_truth(w->heard[i]), "client %u", i);
  world_free(w);
}

Test(followers, signed_and_unchecked_questions_are_questions_of_their_own) {
  struct world *w = world_with_targets(1);
  w->zone.is_signed = true;
  struct heard *plain = client_ask(w, SRV, TYPE_SRV, HOW_PLAIN);
  struct heard *signed_ = client_ask(w, SRV, TYPE_SRV, HOW_DO);
  client_ask(w, SRV, TYPE_SRV, HOW_CD);
  client_ask(w, SRV, TYPE_SRV, HOW_DO | HOW_CD);
  world_run_ms(w, WORLD_DELAY_MS);
  cr_expect_eq(upstream_asked(w, SRV, TYPE_SRV), 4);
  cr_expect_eq(heard_typed(plain, SECTION_ANSWER, TYPE_RRSIG), 0);
  cr_expect_eq(heard_typed(signed_, SECTION_ANSWER, TYPE_RRSIG), 1);
  world_free(w);
}

Test(followers, one_that_comes_late_waits_for_the_rest_only) {
  struct world *w = world_with_targets(1);
  client_ask(w, SRV, TYPE_SRV, HOW_PLAIN);
  world_run_ms(w, WORLD_DELAY_MS - 1);
  cr_expect_eq(heard_wait_ms(client_ask_and_wait(w, SRV, TYPE_SRV, HOW_PLAIN)), 1);
  cr_expect_eq(upstream_asked(w, "", 0), 1);
  world_free(w);
}

Test(followers, the_patience_of_each_counts_from_its_own_question) {
  struct world *w = world_with_targets(1);
  world_fault(w, "", 0, FAULT_LOST);
  struct heard *first = client_ask(w, SRV, TYPE_SRV, HOW_PLAIN);
  world_run_ms(w, 1000);
  struct heard *second = client_ask(w, SRV, TYPE_SRV, HOW_PLAIN);
  client_wait(first);
  client_wait(second);
  cr_expect_eq(heard_wait_ms(first), PATIENCE_MS);
  cr_expect_eq(heard_wait_ms(second), PATIENCE_MS);
  world_free(w);
}

Test(followers, a_failure_is_told_to_all) {
  struct world *w = world_with_targets(1);
  world_fault(w, "", 0, FAULT_SERVFAIL);
  struct heard *h[3];
  for (unsigned i = 0; i < 3; i++) h[i] = client_ask(w, SRV, TYPE_SRV, HOW_EDNS);
  world_run_ms(w, WORLD_DELAY_MS);
  for (unsigned i = 0; i < 3; i++) cr_expect_eq(heard_rcode(h[i]), RCODE_SERVFAIL);
  cr_expect_eq(w->counters.failed, 3);
  world_free(w);
}

Test(followers, all_hear_servfail_when_the_resolver_stops) {
  struct world *w = world_with_targets(1);
  struct heard *a = client_ask(w, SRV, TYPE_SRV, HOW_EDNS), *b = client_ask(w, SRV, TYPE_SRV, HOW_TCP);
  forward_stop(w->forward);
  cr_expect_eq(heard_rcode(a), RCODE_SERVFAIL);
  cr_expect_eq(heard_rcode(b), RCODE_SERVFAIL);
  world_free(w);
}
