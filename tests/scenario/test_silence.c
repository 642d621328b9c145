/* test_silence.c: no server answers: the client always does get an answer, and what comes late is kept. */
#include <criterion/criterion.h>

#include "forward/failures.h"
#include "scenario/kit.h"

Test(silence, is_told_as_servfail_with_a_reason_when_the_clients_patience_ends) {
  for (unsigned servers = 1; servers <= 3; servers++) {
    struct world *w = world_new(&(struct world_options){.servers = servers});
    world_fault(w, "", 0, FAULT_LOST);
    struct heard *edns = client_ask(w, "a.lab.", TYPE_A, HOW_EDNS),
                 *plain = client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN);
    world_run_ms(w, PATIENCE_MS - 1);
    cr_expect_not(is_answered(edns) || is_answered(plain));
    world_run_ms(w, 1);
    cr_expect_eq(heard_rcode(edns), RCODE_SERVFAIL);
    cr_expect_eq(heard_ede(edns), err_ede(ERR_TIMEOUT));
    cr_expect_eq(heard_rcode(plain), RCODE_SERVFAIL);
    world_free(w);
  }
}

Test(silence, a_closed_port_or_network_is_told_at_once) {
  static const enum fault faults[] = {FAULT_ICMP, FAULT_CLOSED};
  for (unsigned i = 0; i < 2; i++) {
    struct world *w = world_new(&(struct world_options){.servers = 2});
    world_fault(w, "", 0, faults[i]);
    struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_EDNS);
    cr_expect_eq(heard_rcode(h), RCODE_SERVFAIL);
    cr_expect_eq(heard_ede(h), err_ede(ERR_UNREACHABLE));
    cr_expect_leq(heard_wait_ms(h), 3 * WORLD_DELAY_MS, "the last one is asked over TCP, too");
    world_free(w);
  }
}

Test(silence, an_answer_that_comes_too_late_is_there_for_the_next) {
  struct world *w = world_new(&(struct world_options){0});
  zone_add(&w->zone, "a.lab.", TYPE_A, 60, rd_a("192.0.2.9"));
  world_late(w, "", 0, PATIENCE_MS + 500);
  cr_expect_eq(heard_rcode(client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN)), RCODE_SERVFAIL);
  world_run_ms(w, 500);
  cr_expect_eq(w->counters.reply_late, 1);
  struct heard *h = client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_expect(is_answered(h) && heard_truth(h));
  world_free(w);
}

Test(silence, an_answer_that_comes_late_reaches_who_asked_again_meanwhile) {
  struct world *w = world_new(&(struct world_options){0});
  zone_add(&w->zone, "a.lab.", TYPE_A, 60, rd_a("192.0.2.9"));
  world_late(w, "", 0, PATIENCE_MS + 500);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_expect_eq(heard_rcode(h), RCODE_NOERROR);
  cr_expect_leq(heard_wait_ms(h), 500);
  world_free(w);
}

Test(silence, rfc9520_is_remembered_for_a_second_and_no_longer_once_the_server_answers) {
  struct world *w = world_new(&(struct world_options){0});
  zone_add(&w->zone, "a.lab.", TYPE_A, 60, rd_a("192.0.2.9"));
  world_fault(w, "", 0, FAULT_LOST);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_heal(w);
  struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_expect_eq(heard_rcode(h), RCODE_NOERROR);
  cr_expect_leq(heard_wait_ms(h), FAILURE_LEAST_MS + WORLD_DELAY_MS);
  world_free(w);
}

/* A client that goes on asking after its time-out, as Erlang does at 667 ms. */
Test(silence, a_client_that_sends_again_gets_an_answer_to_each) {
  struct world *w = world_new(&(struct world_options){0});
  zone_add(&w->zone, "a.lab.", TYPE_A, 60, rd_a("192.0.2.9"));
  world_late(w, "", 0, 900);
  struct heard *first = client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_run_ms(w, 667);
  struct heard *again = client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_run_ms(w, 900 - 667);
  cr_expect(heard_truth(first) && heard_truth(again));
  world_free(w);
}
