/* test_transport.c: truncated replies are asked for over TCP, servers without EDNS are asked without. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "scenario/kit.h"

static struct world *world_with_a(unsigned servers) {
  struct world *w = world_new(&(struct world_options){.servers = servers});
  zone_add(&w->zone, "a.lab.", TYPE_A, 3600, rd_a("192.0.2.9"));
  zone_add(&w->zone, "b.lab.", TYPE_A, 3600, rd_a("192.0.2.8"));
  zone_add(&w->zone, "c.lab.", TYPE_A, 3600, rd_a("192.0.2.7"));
  return w;
}

Test(transport, a_truncated_reply_is_asked_for_over_tcp) {
  struct world *w = world_with_a(1);
  world_fault(w, "", 0, FAULT_TRUNCATED);
  struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_expect(heard_truth(h));
  cr_expect_eq(heard_wait_ms(h), 2 * WORLD_DELAY_MS);
  cr_expect_eq(upstream_asked(w, "", 0), 2);
  cr_expect(upstream_last(w, "a.lab.", TYPE_A)->tcp);
  cr_expect_eq(w->counters.truncated_up, 1);
  world_free(w);
}

Test(transport, a_reply_over_tcp_says_nothing_of_the_round_trip_over_udp) {
  struct world *w = world_with_a(1);
  const struct server *s = &w->upstream.servers[0];
  struct latency all = {0};
  uint64_t noted = 0;
  world_fault(w, "", 0, FAULT_TRUNCATED);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  latency_sum(&all, &s->rtt);
  for (unsigned i = 0; i <= LATENCY_BOUNDS; i++) noted += all.counts[i];
  cr_expect_eq(s->replies, 2);
  cr_expect_eq(noted, 1);
  cr_expect_eq(s->rttvar_x4_ms, 2 * WORLD_DELAY_MS, "as after the first reply, RFC 6298 section 2.2");
  world_free(w);
}

Test(transport, nothing_of_a_truncated_reply_is_kept) {
  struct world *w = world_with_a(1);
  struct msg m;
  msg_answer(&m, "a.lab.", TYPE_A, 0);
  m.octets[2] |= DNS_TC;
  msg_record(&m, SECTION_ANSWER, "a.lab.", TYPE_A, 60, rd_a("192.0.2.1"));
  world_reply(w, "a.lab.", TYPE_A, &m); /* over TCP as well */
  struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_expect_eq(heard_rcode(h), RCODE_SERVFAIL);
  cr_expect_eq(upstream_asked(w, "", 0), 2, "once over UDP, once over TCP");
  world_heal(w);
  world_run_ms(w, 10000);
  cr_expect(heard_truth(client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN)));
  world_free(w);
}

Test(transport, five_hundred_targets_come_over_tcp_and_are_kept_whole) {
  struct world *w = world_new(&(struct world_options){0});
  for (unsigned i = 0; i < 500; i++) {
    char target[32];
    snprintf(target, sizeof target, "h%u.d.lab.", i);
    zone_add(&w->zone, "_x._tcp.d.lab.", TYPE_SRV, 60, rd_srv(1, 1, 5269, target));
  }
  struct heard *udp = client_ask_and_wait(w, "_x._tcp.d.lab.", TYPE_SRV, HOW_PLAIN);
  cr_expect(heard_is_tc(udp));
  struct heard *tcp = client_ask(w, "_x._tcp.d.lab.", TYPE_SRV, HOW_TCP);
  cr_assert(is_answered(tcp));
  cr_expect_eq(heard_typed(tcp, SECTION_ANSWER, TYPE_SRV), 500);
  world_free(w);
}

Test(transport, where_tcp_fails_another_server_is_asked) {
  struct world *w = world_with_a(2);
  struct fault_rule cut = {.server = 0, .fault = FAULT_TRUNCATED, .times = 1};
  script_rule(&w->script, &cut);
  world_server_fault(w, 0, FAULT_ICMP); /* its TCP port is closed */
  struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_expect(heard_truth(h));
  cr_expect_eq(heard_wait_ms(h), 3 * WORLD_DELAY_MS);
  world_free(w);
}

Test(transport, a_server_without_tcp_stays_good_for_udp) {
  struct world *w = world_with_a(1);
  struct fault_rule cut = {.name = "a.lab.", .server = -1, .fault = FAULT_TRUNCATED, .times = 1};
  script_rule(&w->script, &cut);
  world_fault(w, "a.lab.", 0, FAULT_ICMP);
  struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_EDNS);
  cr_expect_eq(heard_rcode(h), RCODE_SERVFAIL);
  cr_expect_eq(heard_ede(h), err_ede(ERR_TCP));
  cr_expect_not(upstream_is_failing(&w->upstream));
  cr_expect(heard_truth(client_ask_and_wait(w, "b.lab.", TYPE_A, HOW_PLAIN)));
  world_free(w);
}

Test(transport, a_stalled_tcp_connection_ends_in_servfail_not_silence) {
  struct world *w = world_with_a(1);
  struct fault_rule cut = {.name = "a.lab.", .server = -1, .fault = FAULT_TRUNCATED, .times = 1};
  script_rule(&w->script, &cut);
  world_fault(w, "a.lab.", 0, FAULT_LOST);
  struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_expect_eq(heard_rcode(h), RCODE_SERVFAIL);
  cr_expect_eq(heard_wait_ms(h), PATIENCE_MS);
  world_free(w);
}

Test(transport, a_server_that_does_not_know_edns_is_asked_without) {
  static const enum fault faults[] = {FAULT_FORMERR, FAULT_NOTIMP};
  for (unsigned i = 0; i < 2; i++) {
    struct world *w = world_with_a(1);
    world_fault(w, "", 0, faults[i]);
    struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_EDNS);
    cr_expect(heard_truth(h));
    cr_expect_eq(heard_wait_ms(h), 2 * WORLD_DELAY_MS);
    cr_expect_not(upstream_last(w, "a.lab.", TYPE_A)->edns);
    cr_expect_eq(heard_wait_ms(client_ask_and_wait(w, "b.lab.", TYPE_A, HOW_EDNS)), WORLD_DELAY_MS,
                 "it is remembered");
    world_free(w);
  }
}

Test(transport, edns_is_tried_again_after_a_while) {
  struct world *w = world_with_a(1);
  world_fault(w, "", 0, FAULT_FORMERR);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_heal(w);
  client_ask_and_wait(w, "b.lab.", TYPE_A, HOW_PLAIN);
  cr_expect_not(upstream_last(w, "b.lab.", TYPE_A)->edns);
  world_run_ms(w, 600000);
  client_ask_and_wait(w, "c.lab.", TYPE_A, HOW_PLAIN);
  cr_expect(upstream_last(w, "c.lab.", TYPE_A)->edns);
  world_free(w);
}

Test(transport, formerr_without_edns_is_a_failure) {
  struct world *w = world_with_a(1);
  struct msg m;
  msg_start(&m, DNS_QR << 8 | RCODE_FORMERR); /* a bare header, whatever is asked */
  world_reply(w, "", 0, &m);
  struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_EDNS);
  cr_expect_eq(heard_rcode(h), RCODE_SERVFAIL);
  cr_expect_eq(upstream_asked(w, "", 0), 2, "with and without EDNS");
  world_heal(w);
  client_ask_and_wait(w, "b.lab.", TYPE_A, HOW_PLAIN);
  cr_expect(upstream_last(w, "b.lab.", TYPE_A)->edns, "a failure says nothing about EDNS");
  world_free(w);
}

Test(transport, a_large_answer_without_edns_comes_over_tcp) {
  struct world *w = world_new(&(struct world_options){0});
  for (unsigned i = 0; i < 40; i++) {
    char target[32];
    snprintf(target, sizeof target, "h%u.d.lab.", i);
    zone_add(&w->zone, "d.lab.", TYPE_SRV, 60, rd_srv(1, 1, 5269, target));
  }
  world_fault(w, "", 0, FAULT_FORMERR);
  struct heard *h = client_ask_and_wait(w, "d.lab.", TYPE_SRV, HOW_TCP);
  cr_expect_eq(heard_count(h, SECTION_ANSWER), 40);
  cr_expect_eq(heard_wait_ms(h), 3 * WORLD_DELAY_MS, "EDNS, none, TCP");
  cr_expect_not(upstream_last(w, "d.lab.", TYPE_SRV)->edns);
  world_free(w);
}
