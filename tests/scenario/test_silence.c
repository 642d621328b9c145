/* test_silence.c: no server answers: the client always does get an answer, and what comes late is kept. */
#include <criterion/criterion.h>
#include <stdio.h>

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
  cr_expect_leq(heard_wait_ms(h), FAILURE_MIN_MS + WORLD_DELAY_MS);
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

/* ---- a type that a server never answers ---- */

static void add_hosts(struct world *w, unsigned n) {
  for (unsigned i = 0; i < n; i++) {
    char name[32];
    snprintf(name, sizeof name, "n%u.lab.", i);
    zone_add(&w->zone, name, TYPE_A, 600, rd_a("192.0.2.9"));
    zone_add(&w->zone, name, TYPE_AAAA, 600, rd_aaaa("2001:db8::9"));
    zone_add(&w->zone, name, 65, 600, rd_octets("\0\1\0", 3));
  }
}

/* As programs do: A and the other type at once. How long the other took. */
static uint64_t ask_both(struct world *w, unsigned i, uint16_t type) {
  char name[32];
  snprintf(name, sizeof name, "n%u.lab.", i);
  struct heard *a = client_ask(w, name, TYPE_A, HOW_PLAIN), *other = client_ask(w, name, type, HOW_PLAIN);
  client_wait(a);
  client_wait(other);
  cr_expect(heard_truth(a), "%s: A is never hurt", name);
  cr_expect_lt(heard_wait_ms(a), 2 * WORLD_DELAY_MS);
  world_run_ms(w, 1);
  return heard_wait_ms(other);
}

Test(silence, of_one_type_for_several_names_makes_it_rest_at_that_server) {
  static const uint16_t types[] = {TYPE_AAAA, 65};
  for (unsigned k = 0; k < 2; k++) {
    struct world *w = world_new(&(struct world_options){0});
    add_hosts(w, 40);
    world_fault(w, "", types[k], FAULT_LOST);
    for (unsigned i = 0; i < 3; i++) cr_expect_eq(ask_both(w, i, types[k]), PATIENCE_MS, "name %u", i);
    world_run_ms(w, LATE_MS); /* what is in flight is over */
    unsigned before = upstream_asked(w, "", types[k]);
    for (unsigned i = 3; i < 20; i++) cr_expect_leq(ask_both(w, i, types[k]), 1, "name %u", i);
    cr_expect_eq(upstream_asked(w, "", types[k]), before, "nothing is asked while it rests");

    world_run_ms(w, UNANSWERED_REST_MS);
    cr_expect_leq(ask_both(w, 20, types[k]), UNANSWERED_PATIENCE_MS, "one tries");
    cr_expect_gt(upstream_asked(w, "", types[k]), before);
    cr_expect_leq(ask_both(w, 21, types[k]), 1, "no other does");

    world_heal(w);
    world_run_ms(w, 2 * UNANSWERED_REST_MS);
    ask_both(w, 22, types[k]);
    for (unsigned i = 23; i < 26; i++)
      cr_expect_eq(ask_both(w, i, types[k]), WORLD_DELAY_MS, "all is as before, name %u", i);
    world_run_ms(w, LATE_MS);
    world_free(w);
  }
}

Test(silence, of_one_type_at_one_server_of_two_costs_new_names_nothing) {
  struct world *w = world_new(&(struct world_options){.servers = 2});
  struct fault_rule mute = {.type = TYPE_AAAA, .server = 0, .fault = FAULT_LOST};
  add_hosts(w, 20);
  script_rule(&w->script, &mute);
  world_server_late(w, 1, WORLD_DELAY_MS + 10); /* the mute one is the faster */
  for (unsigned i = 0; i < 8; i++) ask_both(w, i, TYPE_AAAA);
  for (unsigned i = 8; i < 20; i++)
    cr_expect_leq(ask_both(w, i, TYPE_AAAA), WORLD_DELAY_MS + 10, "name %u", i);
  world_run_ms(w, LATE_MS);
  world_free(w);
}

/* Some load balancers drop AAAA for all their names; and nobody answers for a domain whose servers are dead.
 */
Test(silence, of_one_domain_is_no_silence_of_the_server) {
  struct world *w = world_new(&(struct world_options){0});
  add_hosts(w, 10);
  for (unsigned i = 0; i < 6; i++) {
    char name[32];
    snprintf(name, sizeof name, "h%u.balanced.lab.", i);
    zone_add(&w->zone, name, TYPE_A, 600, rd_a("192.0.2.9"));
    world_fault(w, name, TYPE_AAAA, FAULT_LOST);
    struct heard *a = client_ask(w, name, TYPE_A, HOW_PLAIN),
                 *aaaa = client_ask(w, name, TYPE_AAAA, HOW_PLAIN);
    snprintf(name, sizeof name, "_xmpp-server._tcp.dead%u.lab.", i);
    world_fault(w, name, 0, FAULT_LOST);
    struct heard *srv = client_ask(w, name, TYPE_SRV, HOW_PLAIN);
    client_wait(aaaa);
    client_wait(srv);
    cr_expect(heard_truth(a));
  }

  zone_add(&w->zone, "_xmpp-server._tcp.n1.lab.", TYPE_SRV, 60, rd_srv(1, 1, 5269, "n1.lab."));
  cr_expect(heard_truth(client_ask_and_wait(w, "_xmpp-server._tcp.n1.lab.", TYPE_SRV, HOW_PLAIN)));
  cr_expect_eq(ask_both(w, 1, TYPE_AAAA), WORLD_DELAY_MS);
  world_run_ms(w, LATE_MS);
  world_free(w);
}

Test(silence, of_a_type_that_rests_ends_with_a_flush) {
  struct world *w = world_new(&(struct world_options){0});
  add_hosts(w, 10);
  world_fault(w, "", TYPE_AAAA, FAULT_LOST);
  for (unsigned i = 0; i < 3; i++) ask_both(w, i, TYPE_AAAA);
  world_heal(w);
  cr_expect_leq(ask_both(w, 4, TYPE_AAAA), 1);
  forward_forget_failures(w->wiring.forward);
  cr_expect_eq(ask_both(w, 5, TYPE_AAAA), WORLD_DELAY_MS);
  world_run_ms(w, LATE_MS);
  world_free(w);
}
