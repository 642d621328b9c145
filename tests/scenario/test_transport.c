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
  cr_expect_eq(w->upstream.servers[0].capabilities[CAPABILITY_UDP].state, CAPABILITY_WORKS,
               "it did reply over UDP");
  world_free(w);
}

Test(transport, a_reply_over_tcp_says_nothing_of_the_round_trip_over_udp) {
  struct world *w = world_with_a(1);
  const struct nameserver *s = &w->upstream.servers[0];
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

static struct msg part;

/* Over UDP a truncated reply with two whole records and half of one. What is asked over TCP meets the fault.
 */
static struct world *world_of_parts(unsigned servers, enum fault tcp) {
  struct world *w = world_with_a(servers);
  struct fault_rule cut = {
      .name = "a.lab.", .server = -1, .fault = FAULT_MADE, .over_udp = true, .made = &part};
  msg_answer(&part, "a.lab.", TYPE_A, 0);
  for (unsigned i = 1; i <= 3; i++) {
    char text[16];
    snprintf(text, sizeof text, "192.0.2.%u", i);
    msg_record(&part, SECTION_ANSWER, "a.lab.", TYPE_A, 60, rd_a(text));
  }
  part.len -= 3;
  part.octets[2] |= DNS_TC;
  script_rule(&w->script, &cut);
  if (tcp != FAULT_NONE) world_fault(w, "a.lab.", 0, tcp);
  return w;
}

static void expect_part(const struct heard *h, const char *when) {
  cr_expect_eq(heard_rcode(h), RCODE_NOERROR, "%s", when);
  cr_expect(heard_is_tc(h), "%s", when);
  cr_expect_eq(heard_count(h, SECTION_ANSWER), 2, "%s: whole records", when);
  cr_expect(heard_has(h, SECTION_ANSWER, "a.lab.", TYPE_A, rd_a("192.0.2.1")), "%s", when);
}

/* What UDP brought, when TCP is refused, resets, can't be tried at all, brings garbage, or is silent. */
Test(transport, a_truncated_reply_is_better_than_none_where_tcp_fails) {
  static const struct {
    enum fault tcp;
    const char *word;
    uint64_t wait_ms;
  } rows[] = {
      {FAULT_ICMP, "refused", 2 * WORLD_DELAY_MS},
      {FAULT_NONE, "no descriptor", WORLD_DELAY_MS},
      {FAULT_GARBLED, "garbage", 2 * WORLD_DELAY_MS},
      {FAULT_SERVFAIL, "SERVFAIL", 2 * WORLD_DELAY_MS},
      {FAULT_LOST, "silent", WORLD_DELAY_MS + 280 /* twice the time-out after one round trip */},
  };
  for (unsigned i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
    struct world *w = world_of_parts(1, rows[i / 2].tcp);
    w->script.no_tcp = rows[i / 2].tcp == FAULT_NONE;
    struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, i % 2 ? HOW_TCP : HOW_EDNS);
    expect_part(h, rows[i / 2].word);
    cr_expect_leq(heard_wait_ms(h), rows[i / 2].wait_ms, "%s: %lu", rows[i / 2].word,
                  (unsigned long)heard_wait_ms(h));
    cr_expect_eq(w->counters.partial, 1);
    cr_expect_eq(w->counters.failed, 0);
    cr_expect_eq(w->counters.stored, 0);
    cr_expect_not(upstream_is_failing(&w->upstream), "%s", rows[i / 2].word);
    world_run_ms(w, LATE_MS);
    unsigned before = w->script.asked_count;
    expect_part(client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN), "it is asked again");
    cr_expect_gt(w->script.asked_count, before, "nothing is kept, not even a failure");
    world_heal(w);
    w->script.no_tcp = false;
    world_run_ms(w, LATE_MS);
    cr_expect(heard_truth(client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN)));
    world_free(w);
  }
}

Test(transport, who_joins_after_a_part_was_given_out_gets_it_at_once) {
  struct world *w = world_of_parts(1, FAULT_LOST);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_TCP);
  expect_part(h, "over TCP, as it was told to");
  cr_expect_eq(heard_wait_ms(h), 0);
  world_run_ms(w, LATE_MS);
  world_free(w);
}

Test(transport, an_answer_over_tcp_that_comes_late_is_whole_and_kept) {
  struct world *w = world_of_parts(1, FAULT_NONE);
  world_late(w, "a.lab.", TYPE_A, 800);
  expect_part(client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN), "in time");
  world_run_ms(w, 1000);
  struct heard *h = client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_assert(is_answered(h));
  cr_expect(heard_truth(h));
  world_free(w);
}

Test(transport, nobody_waits_for_tcp_that_was_silent_three_times) {
  struct world *w = world_of_parts(1, FAULT_LOST);
  for (unsigned i = 0; i < 6; i++) {
    struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
    expect_part(h, "each time");
    if (i < 3) cr_expect_gt(heard_wait_ms(h), 2 * WORLD_DELAY_MS, "question %u", i);
    else cr_expect_eq(heard_wait_ms(h), WORLD_DELAY_MS, "question %u", i);
    world_run_ms(w, LATE_MS);
  }

  world_heal(w);
  struct fault_rule cut = {
      .name = "a.lab.", .server = -1, .fault = FAULT_MADE, .over_udp = true, .made = &part};
  script_rule(&w->script, &cut);
  expect_part(client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN), "TCP is there again");
  world_run_ms(w, LATE_MS);
  cr_expect(heard_truth(client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN)), "it was asked all the same");
  world_free(w);
}

Test(transport, another_server_s_tcp_is_tried_before_a_part_goes_out) {
  struct world *w = world_of_parts(2, FAULT_NONE);
  struct fault_rule refused = {.name = "a.lab.", .server = 0, .fault = FAULT_ICMP};
  script_rule(&w->script, &refused);
  struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_expect(heard_truth(h));
  world_free(w);
}

Test(transport, a_truncated_reply_without_a_whole_record_is_a_failure) {
  struct world *w = world_with_a(1);
  struct fault_rule cut = {
      .name = "a.lab.", .server = -1, .fault = FAULT_MADE, .over_udp = true, .made = &part};
  msg_answer(&part, "a.lab.", TYPE_A, 0);
  msg_record(&part, SECTION_ANSWER, "a.lab.", TYPE_A, 60, rd_a("192.0.2.1"));
  part.len -= 1;
  part.octets[2] |= DNS_TC;
  script_rule(&w->script, &cut);
  world_fault(w, "a.lab.", 0, FAULT_ICMP);
  cr_expect_eq(heard_rcode(client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN)), RCODE_SERVFAIL);
  world_free(w);
}

/* TC over TCP, too: no better, no worse. */
Test(transport, nothing_of_a_truncated_reply_is_kept) {
  struct world *w = world_with_a(1);
  struct msg m;
  msg_answer(&m, "a.lab.", TYPE_A, 0);
  m.octets[2] |= DNS_TC;
  msg_record(&m, SECTION_ANSWER, "a.lab.", TYPE_A, 60, rd_a("192.0.2.1"));
  world_reply(w, "a.lab.", TYPE_A, &m); /* over TCP as well */
  struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_expect_eq(heard_rcode(h), RCODE_NOERROR);
  cr_expect(heard_is_tc(h));
  cr_expect_eq(upstream_asked(w, "", 0), 2, "once over UDP, once over TCP");
  cr_expect_eq(w->counters.stored, 0);
  world_heal(w);
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

Test(transport, who_wants_dnssec_gets_it_from_the_server_that_has_it) {
  struct world *w = world_with_a(2);
  world_server_fault(w, 0, FAULT_FORMERR);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN); /* each is new and asked once */
  client_ask_and_wait(w, "b.lab.", TYPE_A, HOW_PLAIN);
  cr_assert_eq(w->upstream.servers[0].capabilities[CAPABILITY_EDNS].state, CAPABILITY_RESTS);
  w->upstream.servers[1].srtt_x8_ms += 8 * 20; /* the other one is faster */
  client_ask_and_wait(w, "c.lab.", TYPE_A, HOW_PLAIN);
  cr_expect_eq(upstream_last(w, "c.lab.", TYPE_A)->server, 0);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_DO);
  cr_expect_eq(upstream_last(w, "a.lab.", TYPE_A)->server, 1);
  cr_expect(upstream_last(w, "a.lab.", TYPE_A)->dnssec_ok);

  world_server_fault(w, 1, FAULT_ICMP);
  cr_expect(heard_truth(client_ask_and_wait(w, "b.lab.", TYPE_A, HOW_DO)),
            "one that has none is better than none");
  cr_expect_eq(upstream_last(w, "b.lab.", TYPE_A)->server, 0);
  world_free(w);
}

Test(transport, a_server_that_passes_edns_over_is_not_taken_for_one_that_knows_it) {
  struct world *w = world_with_a(1);
  const struct capability *edns = &w->upstream.servers[0].capabilities[CAPABILITY_EDNS];
  struct msg m;
  msg_answer(&m, "a.lab.", TYPE_A, 0);
  msg_record(&m, SECTION_ANSWER, "a.lab.", TYPE_A, 3600, rd_a("192.0.2.9"));
  world_reply(w, "a.lab.", TYPE_A, &m); /* no OPT */
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_expect_eq(edns->state, CAPABILITY_DOUBTED);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_DO);
  cr_expect_eq(edns->state, CAPABILITY_RESTS);
  cr_expect_eq(edns->why, WHY_EDNS_PASSED_OVER);
  world_free(w);
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

/* Two servers, asked in order; the second is known to speak EDNS. */
static struct world *world_with_edns_at_the_second(void) {
  struct world *w = world_new(&(struct world_options){.servers = 2, .order = UPSTREAM_ORDER});
  static const char *const names[] = {"a.lab.", "b.lab.", "c.lab.", "d.lab."};
  for (unsigned i = 0; i < 4; i++) zone_add(&w->zone, names[i], TYPE_A, 3600, rd_a("192.0.2.9"));
  world_server_fault(w, 0, FAULT_REFUSED);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_DO);
  cr_assert(w->upstream.servers[1].speaks_edns && !w->upstream.servers[0].speaks_edns);
  world_heal(w);
  return w;
}

Test(transport, dnssec_comes_from_a_server_with_edns_while_another_fails_what_has_it) {
  struct world *w = world_with_edns_at_the_second();
  static const char *const names[] = {"b.lab.", "c.lab.", "d.lab."};
  world_server_fault(w, 0, FAULT_NOTIMP);
  for (unsigned i = 0; i < 3; i++) {
    struct heard *h = client_ask_and_wait(w, names[i], TYPE_A, HOW_DO);
    cr_expect(heard_truth(h));
    cr_expect_eq(upstream_last(w, names[i], TYPE_A)->server, 1);
  }
  cr_expect_eq(upstream_asked(w, "d.lab.", TYPE_A), 1, "by then it is known whom to ask");
  world_free(w);
}

Test(transport, an_answer_without_edns_does_not_do_for_dnssec_while_another_server_speaks_it) {
  struct world *w = world_with_edns_at_the_second();
  struct msg m;
  msg_answer(&m, "b.lab.", TYPE_A, 0);
  msg_record(&m, SECTION_ANSWER, "b.lab.", TYPE_A, 3600, rd_a("192.0.2.9"));
  script_rule(&w->script,
              &(struct fault_rule){.name = "b.lab.", .server = 0, .fault = FAULT_MADE, .made = &m});
  struct heard *h = client_ask_and_wait(w, "b.lab.", TYPE_A, HOW_DO);
  cr_expect(heard_truth(h));
  cr_expect_eq(upstream_last(w, "b.lab.", TYPE_A)->server, 1);
  cr_expect_eq(w->upstream.servers[0].capabilities[CAPABILITY_EDNS].state, CAPABILITY_DOUBTED);
  world_free(w);
}
