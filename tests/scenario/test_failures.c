/* test_failures.c: what servers said to fail is not asked again at once (RFC 9520). */
#include <criterion/criterion.h>
#include <stdio.h>

#include "forward/failures.h"
#include "scenario/kit.h"

#define SRV "_xmpp-server._tcp.d0.lab."

static struct world *world_failing(enum fault fault) {
  struct world *w = world_new(&(struct world_options){0});
  zone_add_domain(&w->zone, 0, 60);
  world_fault(w, SRV, TYPE_SRV, fault);
  return w;
}

/* Prosody asks five times within 2 ms, libstrophe again after 1 ms. */
Test(failures, are_told_again_at_once_without_asking) {
  static const enum fault faults[] = {FAULT_SERVFAIL, FAULT_REFUSED, FAULT_GARBLED, FAULT_REFERRAL};
  for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++) {
    struct world *w = world_failing(faults[i]);
    struct heard *first = client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS);
    int ede = heard_ede(first);
    for (unsigned k = 0; k < 5; k++) {
      struct heard *h = client_ask(w, SRV, TYPE_SRV, HOW_EDNS);
      cr_assert(is_answered(h));
      cr_expect_eq(heard_rcode(h), RCODE_SERVFAIL);
      cr_expect_eq(heard_ede(h), ede, "with the same reason");
    }
    cr_expect_eq(upstream_asked(w, SRV, TYPE_SRV), 1);
    world_free(w);
  }
}

/* RFC 9520 section 3.2 asks for one. */
Test(failures, are_forgotten_after_a_second) {
  struct world *w = world_failing(FAULT_SERVFAIL);
  client_ask_and_wait(w, SRV, TYPE_SRV, HOW_PLAIN);
  world_heal(w);
  world_run_ms(w, 900);
  cr_expect_eq(heard_rcode(client_ask(w, SRV, TYPE_SRV, HOW_PLAIN)), RCODE_SERVFAIL);
  world_run_ms(w, 100);
  cr_expect(heard_truth(client_ask_and_wait(w, SRV, TYPE_SRV, HOW_PLAIN)));
  world_free(w);
}

/* RFC 9520 section 3.2: the longer the failure lasts, up to half a minute. */
Test(failures, that_last_are_asked_about_less_and_less) {
  struct world *w = world_failing(FAULT_SERVFAIL);
  for (unsigned s = 0; s < 3600; s++) {
    client_ask(w, SRV, TYPE_SRV, HOW_PLAIN);
    world_run_ms(w, 1000);
  }
  unsigned asked = upstream_asked(w, SRV, TYPE_SRV);
  cr_expect_leq(asked, 3600 / 30 + 40, "%u in an hour", asked);
  cr_expect_geq(asked, 3600 / 30 - 10, "%u in an hour", asked);
  world_free(w);
}

/* A program that asks each second learns of the server's return soon, though nobody asks for any other name.
 */
Test(failures, of_20_seconds_are_over_2_500_ms_after_the_server_is_well) {
  struct world *w = world_failing(FAULT_SERVFAIL);
  for (unsigned s = 0; s < 20; s++) {
    client_ask(w, SRV, TYPE_SRV, HOW_PLAIN);
    world_run_ms(w, 1000);
  }
  cr_expect_leq(upstream_asked(w, SRV, TYPE_SRV), 16);
  world_heal(w);
  unsigned s = 0;
  while (heard_rcode(client_ask_and_wait(w, SRV, TYPE_SRV, HOW_PLAIN)) != RCODE_NOERROR && s++ < 20)
    world_run_ms(w, 500);
  cr_expect_leq(s, 5, "%u half seconds", s);
  world_free(w);
}

Test(failures, are_forgotten_when_somebody_flushes) {
  struct world *w = world_failing(FAULT_SERVFAIL);
  client_ask_and_wait(w, SRV, TYPE_SRV, HOW_PLAIN);
  world_heal(w);
  forward_forget_failures(w->wiring.forward);
  cr_expect(heard_truth(client_ask_and_wait(w, SRV, TYPE_SRV, HOW_PLAIN)));
  world_free(w);
}

Test(failures, are_forgotten_when_settings_are_put_into_force) {
  struct world *w = world_failing(FAULT_SERVFAIL);
  client_ask_and_wait(w, SRV, TYPE_SRV, HOW_PLAIN);
  world_heal(w);
  struct forward_options o = *forward_options(w->wiring.forward);
  forward_set_options(w->wiring.forward, &o);
  cr_expect(heard_truth(client_ask_and_wait(w, SRV, TYPE_SRV, HOW_PLAIN)));
  world_free(w);
}

Test(failures, end_with_the_first_answer) {
  struct world *w = world_failing(FAULT_SERVFAIL);
  for (unsigned i = 0; i < 3; i++) {
    client_ask_and_wait(w, SRV, TYPE_SRV, HOW_PLAIN);
    world_run_ms(w, 21000);
  }
  world_heal(w);
  cr_expect(heard_truth(client_ask_and_wait(w, SRV, TYPE_SRV, HOW_PLAIN)));
  world_run_ms(w, 61000);
  world_fault(w, SRV, TYPE_SRV, FAULT_SERVFAIL);
  client_ask_and_wait(w, SRV, TYPE_SRV, HOW_PLAIN);
  world_heal(w);
  world_run_ms(w, 5000);
  cr_expect(heard_truth(client_ask_and_wait(w, SRV, TYPE_SRV, HOW_PLAIN)), "the count begins anew");
  world_free(w);
}

/* The names that were asked for in an upstream's short trouble must not fail for five seconds more. */
Test(failures, of_a_trouble_of_the_servers_end_a_second_after_they_began_once_these_answer_again) {
  struct world *w = world_failing(FAULT_SERVFAIL);
  world_fault(w, "", 0, FAULT_SERVFAIL);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  client_ask_and_wait(w, "b.lab.", TYPE_A, HOW_PLAIN);
  client_ask_and_wait(w, SRV, TYPE_SRV, HOW_PLAIN);
  world_heal(w);
  world_run_ms(w, 500);
  client_ask_and_wait(w, "d0.lab.", TYPE_A, HOW_PLAIN);
  cr_expect_eq(heard_rcode(client_ask(w, SRV, TYPE_SRV, HOW_PLAIN)), RCODE_SERVFAIL,
               "RFC 9520: not within a second");
  world_run_ms(w, 500);
  cr_expect(heard_truth(client_ask_and_wait(w, SRV, TYPE_SRV, HOW_PLAIN)));
  world_free(w);
}

Test(failures, of_one_question_do_not_touch_another) {
  struct world *w = world_failing(FAULT_SERVFAIL);
  client_ask_and_wait(w, SRV, TYPE_SRV, HOW_PLAIN);
  cr_expect(heard_truth(client_ask_and_wait(w, "_xmpp-client._tcp.d0.lab.", TYPE_SRV, HOW_PLAIN)));
  cr_expect(heard_truth(client_ask_and_wait(w, "d0.lab.", TYPE_A, HOW_PLAIN)));
  world_free(w);
}

Test(failures, are_not_asked_about_ahead_either) {
  struct world *w = world_new(&(struct world_options){.xmpp.prefetch = true});
  zone_add_domain(&w->zone, 0, 60);
  world_fault(w, "d0.lab.", TYPE_A, FAULT_SERVFAIL);
  client_ask_and_wait(w, SRV, TYPE_SRV, HOW_PLAIN);
  client_ask_and_wait(w, "_xmpp-client._tcp.d0.lab.", TYPE_SRV, HOW_PLAIN);
  cr_expect_eq(upstream_asked(w, "d0.lab.", TYPE_A), 1);
  world_run_ms(w, 1000);
  world_free(w);
}

/* A dead second server must not make what the first one says slow. */
Test(failures, are_told_soon_though_another_server_is_down) {
  struct world *w = world_new(&(struct world_options){.servers = 2});
  zone_add_domain(&w->zone, 0, 60);
  world_server_fault(w, 1, FAULT_LOST);
  for (unsigned i = 0; i < 10 && !w->upstream.servers[1].down_until_ms; i++) {
    char name[32];
    snprintf(name, sizeof name, "made-up-%u.lab.", i);
    client_ask_and_wait(w, name, TYPE_A, HOW_PLAIN);
    world_run_ms(w, 1000);
  }

  cr_assert(w->upstream.servers[1].down_until_ms, "it is known to be down");
  world_fault(w, SRV, TYPE_SRV, FAULT_SERVFAIL);
  world_server_fault(w, 1, FAULT_LOST);
  struct heard *h = client_ask_and_wait(w, SRV, TYPE_SRV, HOW_PLAIN);
  cr_expect_eq(heard_rcode(h), RCODE_SERVFAIL);
  cr_expect_lt(heard_wait_ms(h), 500);
  cr_expect(is_answered(client_ask(w, SRV, TYPE_SRV, HOW_PLAIN)), "and it is remembered");
  world_free(w);
}
