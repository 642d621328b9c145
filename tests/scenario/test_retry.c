/* test_retry.c: a reply that is lost or slow: asked again after the time that the server usually takes,
 * earlier tries kept open. */
#include <criterion/criterion.h>

#include "forward/failures.h"
#include "scenario/kit.h"

static struct world *world_with_a(void) {
  struct world *w = world_new(&(struct world_options){0});
  zone_add(&w->zone, "a.lab.", TYPE_A, 60, rd_a("192.0.2.9"));
  zone_add(&w->zone, "b.lab.", TYPE_A, 60, rd_a("192.0.2.8"));
  return w;
}

Test(retry, a_lost_reply_of_an_unknown_server_is_asked_for_again_after_250_ms) {
  struct world *w = world_with_a();
  world_fault_once(w, "", 0, FAULT_LOST);
  struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_expect_eq(heard_wait_ms(h), RTO_UNKNOWN_MS + WORLD_DELAY_MS);
  cr_expect(heard_truth(h));
  world_free(w);
}

Test(retry, a_known_server_is_asked_again_after_its_usual_time) {
  struct world *w = world_with_a();
  client_ask_and_wait(w, "b.lab.", TYPE_A, HOW_PLAIN);
  world_fault_once(w, "", 0, FAULT_LOST);
  struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_expect_eq(heard_wait_ms(h), WORLD_DELAY_MS + RTO_SPREAD_MIN_MS + WORLD_DELAY_MS);
  world_free(w);
}

Test(retry, garbage_and_forged_replies_cost_no_more_than_a_lost_one) {
  static const enum fault wrong[] = {FAULT_GARBAGE, FAULT_WRONG_QUESTION, FAULT_WRONG_ID};
  for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct world *w = world_with_a();
    world_fault_once(w, "", 0, wrong[i]);
    struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
    cr_expect_eq(heard_wait_ms(h), RTO_UNKNOWN_MS + WORLD_DELAY_MS);
    cr_expect(heard_truth(h));
    world_free(w);
  }
}

Test(retry, the_first_reply_counts_whichever_try_it_belongs_to) {
  struct world *w = world_with_a();
  world_late(w, "", 0, 280);
  struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_expect_eq(heard_wait_ms(h), 280);
  cr_expect_eq(upstream_asked(w, "", 0), 2);
  cr_expect_eq(w->script.under_way, 0, "the other try is given up");
  world_free(w);
}

Test(retry, any_answer_within_the_clients_patience_reaches_it) {
  static const uint32_t late_ms[] = {500, 900, 1500, 1700, 2000, PATIENCE_MS - 1};
  for (unsigned i = 0; i < sizeof late_ms / sizeof *late_ms; i++) {
    struct world *w = world_with_a();
    world_late(w, "", 0, late_ms[i]);
    struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
    cr_expect_eq(heard_rcode(h), RCODE_NOERROR, "%u ms", late_ms[i]);
    cr_expect_eq(heard_wait_ms(h), late_ms[i]);
    world_free(w);
  }
}

Test(retry, a_server_that_comes_back_is_noticed_within_its_time) {
  struct world *w = world_with_a();
  world_fault(w, "", 0, FAULT_LOST);
  struct heard *h = client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_run_ms(w, 1500);
  world_heal(w);
  client_wait(h);
  cr_expect_eq(heard_rcode(h), RCODE_NOERROR);
  cr_expect_leq(heard_wait_ms(h), 1500 + RTO_MAX_MS + WORLD_DELAY_MS);
  world_free(w);
}

Test(retry, silence_is_not_answered_with_a_flood) {
  struct world *w = world_with_a();
  world_fault(w, "", 0, FAULT_LOST);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_expect_leq(upstream_asked(w, "", 0), 8);
  unsigned asked = upstream_asked(w, "", 0);
  world_run_ms(w, 20000);
  cr_expect_eq(upstream_asked(w, "", 0), asked, "nobody waits any more");
  cr_expect_eq(forward_in_flight(w->wiring.forward), 0);
  world_free(w);
}

Test(retry, a_question_that_many_ask_in_turn_is_not_asked_more_often_for_it) {
  struct world *w = world_with_a();
  world_fault(w, "", 0, FAULT_LOST);
  for (unsigned i = 0; i < 100; i++) {
    client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN);
    world_run_ms(w, 20);
  }
  cr_expect_leq(upstream_asked(w, "", 0), 7, "as one client would have it in 2 s");
  world_run_ms(w, PATIENCE_MS);
  world_free(w);
}

/* 12 s are longer than a question may stay open without anybody waiting. */
Test(retry, a_question_that_is_asked_all_the_time_of_a_silent_server_does_no_harm, .timeout = 20) {
  struct world *w = world_with_a();
  world_fault(w, "", 0, FAULT_LOST);
  for (unsigned ms = 0; ms < 12000; ms += 130) {
    client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN);
    world_run_ms(w, 130);
  }
  cr_expect_leq(upstream_asked(w, "", 0), 12000 / FAILURE_MIN_MS + FORWARD_EACH * 2,
                "a failure rests a second, RFC 9520");
  world_heal(w);
  struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_expect_eq(heard_rcode(h), RCODE_NOERROR);
  cr_expect_leq(heard_wait_ms(h), FAILURE_MIN_MS + WORLD_DELAY_MS);
  world_free(w);
}

/* Clients keep asking, the server takes four seconds: what it says is still taken. */
Test(retry, does_not_hang_up_on_a_slow_answer_while_clients_keep_asking) {
  struct world *w = world_with_a();
  zone_add_domain(&w->zone, 0, 60);
  world_late(w, "a.lab.", TYPE_A, 4000);
  for (unsigned i = 0; i < 40; i++) {
    client_ask(w, "a.lab.", TYPE_A, HOW_EDNS);
    world_run_ms(w, 125);
  }
  struct heard *h = client_ask(w, "a.lab.", TYPE_A, HOW_EDNS);
  cr_expect(is_answered(h), "five seconds after the first question it is in the cache");
  cr_expect(heard_truth(h));
  world_free(w);
}

/* RFC 9520 section 3.1: three times over a transport, no more. */
Test(retry, asks_a_silent_server_three_times_over_udp_then_over_tcp) {
  struct world *w = world_with_a();
  world_server_fault(w, 0, FAULT_LOST);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_expect_eq(w->counters.upstream_udp, 3);
  cr_expect_geq(w->counters.upstream_tcp, 1);
  cr_expect_leq(w->counters.upstream_tcp, 3);
  world_free(w);
}
