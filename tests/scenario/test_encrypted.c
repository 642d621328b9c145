/* test_encrypted.c: servers that are asked over TLS: never in plain, with nothing that tells who asks, and
 * beside plain ones as the policy has it. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "scenario/kit.h"

enum { STRICT = 1, SECOND_STRICT = 2, BOTH = 3 };

static struct world *world_of(unsigned servers, unsigned encrypted) {
  struct world *w = world_new(&(struct world_options){.servers = servers,
                                                      .encrypted = encrypted,
                                                      .order = UPSTREAM_ORDER,
                                                      .forward = {.cookies = true, .case_random = true}});
  zone_add(&w->zone, "a.lab.", TYPE_A, 3600, rd_a("192.0.2.9"));
  zone_add(&w->zone, "b.lab.", TYPE_A, 3600, rd_a("192.0.2.8"));
  zone_add(&w->zone, "c.lab.", TYPE_A, 3600, rd_a("192.0.2.7"));
  return w;
}

/* All that server 0 was ever asked, it was over TLS. */
static void expect_strict(const struct world *w) {
  for (unsigned i = 0; i < w->script.asked_count; i++) {
    const struct upstream_question *u = &w->script.asked[i];
    if (u->server == 0) cr_expect_eq(u->over, TRANSPORT_TLS, "question %u", i);
  }
}

Test(encrypted, a_question_shows_nothing_but_itself_and_is_padded) {
  struct world *w = world_of(1, STRICT);
  cr_expect(heard_truth(client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN)));
  const struct upstream_question *u = upstream_last(w, "a.lab.", TYPE_A);
  cr_expect(u->over == TRANSPORT_TLS && u->edns && !u->cookie_len);
  cr_expect_gt(u->options_len, 60);
  cr_expect_eq(w->counters.upstream_tls, 1);
  expect_strict(w);
  world_free(w);
}

Test(encrypted, a_server_that_does_not_prove_itself_is_never_asked_in_plain) {
  struct world *w = world_of(1, STRICT);
  world_server_fault(w, 0, FAULT_CERTIFICATE);
  for (unsigned i = 0; i < 5; i++) {
    struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_EDNS);
    cr_expect_eq(heard_rcode(h), RCODE_SERVFAIL);
    cr_expect_eq(heard_ede(h), 23, "network error");
    cr_expect_leq(heard_wait_ms(h), WORLD_DELAY_MS);
    world_run_ms(w, 1500);
  }
  expect_strict(w);
  world_heal(w);
  cr_expect(heard_truth(client_ask_and_wait(w, "b.lab.", TYPE_A, HOW_PLAIN)));
  world_free(w);
}

Test(encrypted, a_silent_server_is_asked_again_over_the_same_and_a_few_times_only) {
  struct world *w = world_of(1, STRICT);
  world_server_fault(w, 0, FAULT_LOST);
  struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_EDNS);
  cr_expect_eq(heard_rcode(h), RCODE_SERVFAIL);
  cr_expect_eq(upstream_asked(w, "a.lab.", TYPE_A), FORWARD_EACH);
  expect_strict(w);
  world_free(w);
}

Test(encrypted, an_error_code_leads_to_nothing_less) {
  struct world *w = world_of(1, STRICT);
  enum fault faults[] = {FAULT_FORMERR, FAULT_NOTIMP, FAULT_BADVERS, FAULT_SERVFAIL, FAULT_REFUSED};
  static const char *const names[] = {"a.lab.", "b.lab.", "c.lab.", "d.lab.", "e.lab."};
  for (unsigned i = 0; i < 5; i++) {
    world_heal(w);
    world_server_fault(w, 0, faults[i]);
    cr_expect_eq(heard_rcode(client_ask_and_wait(w, names[i], TYPE_A, HOW_PLAIN)), RCODE_SERVFAIL);
    cr_expect_eq(upstream_asked(w, names[i], TYPE_A), 1);
  }
  expect_strict(w);
  world_free(w);
}

Test(encrypted, of_two_servers_the_other_answers_and_no_client_notices) {
  struct world *w = world_of(2, BOTH);
  world_server_fault(w, 0, FAULT_CERTIFICATE);
  struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_expect(heard_truth(h));
  cr_expect_eq(heard_wait_ms(h), 2 * WORLD_DELAY_MS, "what it took to find out, once");
  h = client_ask_and_wait(w, "b.lab.", TYPE_A, HOW_PLAIN);
  cr_expect(heard_truth(h) && heard_wait_ms(h) == WORLD_DELAY_MS);
  world_free(w);
}

Test(encrypted, in_a_mixed_set_the_order_holds_and_a_server_that_is_back_is_found) {
  struct world *w = world_of(2, STRICT);
  cr_expect(heard_truth(client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN)));
  cr_expect_eq(upstream_last(w, "a.lab.", TYPE_A)->server, 0);
  world_server_fault(w, 0, FAULT_CERTIFICATE);
  cr_expect(heard_truth(client_ask_and_wait(w, "b.lab.", TYPE_A, HOW_PLAIN)));
  cr_expect_eq(upstream_last(w, "b.lab.", TYPE_A)->over, TRANSPORT_UDP, "of the second server");

  world_heal(w);
  world_run_ms(w, DOWN_MAX_MS);
  cr_expect(heard_truth(client_ask_and_wait(w, "c.lab.", TYPE_A, HOW_PLAIN)));
  world_run_ms(w, 100);
  cr_expect_not(w->upstream.servers[0].down_until_ms, "it had the same question beside");
  expect_strict(w);
  world_free(w);
}

Test(encrypted, the_time_that_a_connection_takes_is_not_taken_for_the_servers) {
  struct world *w = world_of(1, STRICT);
  w->script.is_cold = true;
  cr_expect_eq(heard_wait_ms(client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN)), 3 * WORLD_DELAY_MS);
  cr_expect_eq(w->upstream.servers[0].srtt_x8_ms, 0);
  client_ask_and_wait(w, "b.lab.", TYPE_A, HOW_PLAIN);
  cr_expect_eq(w->upstream.servers[0].srtt_x8_ms / 8, WORLD_DELAY_MS);
  cr_expect_eq(w->upstream.servers[0].replies, 2);
  world_free(w);
}

Test(encrypted, a_server_that_goes_silent_is_asked_anew_within_its_time) {
  struct world *w = world_of(1, STRICT);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_fault_once(w, "b.lab.", TYPE_A, FAULT_LOST);
  struct heard *h = client_ask_and_wait(w, "b.lab.", TYPE_A, HOW_PLAIN);
  cr_expect(heard_truth(h));
  cr_expect_leq(heard_wait_ms(h), 400);
  world_free(w);
}

/* Questions to a server that is down go beside the picked one, each server's in its own way. */
static void ask_through_an_outage(unsigned encrypted, enum fault fault) {
  struct world *w = world_of(2, encrypted);
  world_server_fault(w, 0, fault);
  world_server_fault(w, 1, fault);
  for (unsigned i = 0; i < 12; i++) {
    char name[16];
    snprintf(name, sizeof name, "n%u.lab.", i);
    cr_expect_eq(heard_rcode(client_ask_and_wait(w, name, TYPE_A, HOW_PLAIN)), RCODE_SERVFAIL);
    world_run_ms(w, 700);
  }
  world_heal(w);
  world_run_ms(w, DOWN_MAX_MS);
  cr_expect(heard_truth(client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN)));
  for (unsigned i = 0; i < w->script.asked_count; i++) {
    const struct upstream_question *u = &w->script.asked[i];
    cr_expect_eq(u->over == TRANSPORT_TLS, (encrypted >> u->server & 1) == 1, "question %u", i);
  }
  world_free(w);
}

Test(encrypted, an_outage_of_a_mixed_set_ends_whichever_is_asked_beside_the_other) {
  enum fault faults[] = {FAULT_LOST, FAULT_ICMP};
  for (unsigned i = 0; i < 2; i++) {
    ask_through_an_outage(STRICT, faults[i]);
    ask_through_an_outage(SECOND_STRICT, faults[i]);
  }
}

/* The plain server does not repeat capitals, and its TCP is silent: the failure is the encrypted one's. */
static void expect_no_plain_retry(unsigned encrypted, uint32_t late_ms) {
  struct world *w = world_of(2, encrypted);
  int strict = encrypted == STRICT ? 0 : 1;
  w->script.lowers = true;
  script_rule(&w->script, &(struct fault_rule){.server = strict, .fault = FAULT_BROKEN, .late_ms = late_ms});
  script_rule(&w->script,
              &(struct fault_rule){.server = !strict, .fault = FAULT_LOST, .skip = 1}); /* its TCP */
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  for (unsigned i = 0; i < w->script.asked_count; i++) {
    const struct upstream_question *u = &w->script.asked[i];
    if (u->server == (unsigned)strict) cr_expect_eq(u->over, TRANSPORT_TLS, "question %u", i);
  }
  world_free(w);
}

Test(encrypted, a_plain_servers_capitals_and_an_encrypted_ones_failure_are_two_things) {
  expect_no_plain_retry(STRICT, 600);
  expect_no_plain_retry(SECOND_STRICT, 0);
}

Test(encrypted, when_all_of_a_mixed_set_are_down_each_is_probed_over_its_own_transport) {
  struct world *w = world_of(2, STRICT);
  world_server_fault(w, 0, FAULT_CERTIFICATE);
  world_server_fault(w, 1, FAULT_ICMP);
  for (unsigned i = 0; i < 10; i++) {
    cr_expect_eq(heard_rcode(client_ask_and_wait(w, i % 2 ? "a.lab." : "b.lab.", TYPE_A, HOW_PLAIN)),
                 RCODE_SERVFAIL);
    world_run_ms(w, 700 + 333 * i);
  }
  expect_strict(w);
  world_free(w);
}

Test(encrypted, one_more_connection_that_fails_ends_no_question_that_is_under_way) {
  struct world *w = world_of(1, STRICT);
  client_ask_and_wait(w, "b.lab.", TYPE_A, HOW_PLAIN);
  script_rule(&w->script, &(struct fault_rule){.fault = FAULT_LATE, .server = 0, .times = 1, .late_ms = 900});
  world_server_fault(w, 0, FAULT_BROKEN);
  struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_expect(heard_truth(h));
  cr_expect_eq(heard_wait_ms(h), 900);
  world_free(w);
}

Test(encrypted, a_status_for_one_name_takes_no_server_down) {
  struct world *w = world_of(2, STRICT);
  world_fault(w, "a.lab.", TYPE_A, FAULT_HTTP);
  cr_expect_eq(heard_rcode(client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN)), RCODE_SERVFAIL);
  cr_expect_not(w->upstream.servers[0].down_until_ms);
  cr_expect(heard_truth(client_ask_and_wait(w, "b.lab.", TYPE_A, HOW_PLAIN)));
  cr_expect_eq(upstream_last(w, "b.lab.", TYPE_A)->over, TRANSPORT_TLS, "still the first server");
  expect_strict(w);
  world_free(w);
}
