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
  forward_stop(w->wiring.forward);
  cr_expect_eq(heard_rcode(a), RCODE_SERVFAIL);
  cr_expect_eq(heard_rcode(b), RCODE_SERVFAIL);
  world_free(w);
}

/* ---- how many ---- */

static unsigned given;

static void count_given(const struct client *c, const uint8_t *msg, size_t len) {
  (void)c;
  (void)msg;
  given += len > 0;
}

/* What serve_query makes of a query of that host's. */
static int ask_from(struct world *w, const char *host, uint16_t port, uint16_t id, bool tcp) {
  struct client c = {.deliver = count_given, .transport = tcp ? TRANSPORT_TCP : TRANSPORT_UDP};
  struct msg m;
  cr_assert(addr_parse(host, port, &c.peer) && addr_parse("10.0.0.1", 53, &c.local));
  msg_query(&m, SRV, TYPE_SRV);
  store_u16(m.octets, id);
  return serve_query(&w->wiring.serve, m.octets, m.len, &c, w->now_ms, w->out);
}

Test(followers, a_datagram_sent_again_gets_one_answer_with_the_first) {
  struct world *w = world_with_targets(1);
  cr_expect_eq(ask_from(w, "10.0.0.7", 1000, 1, false), SERVE_LATER);
  for (unsigned i = 0; i < 50; i++) cr_expect_eq(ask_from(w, "10.0.0.7", 1000, 1, false), 0);
  cr_expect_eq(ask_from(w, "10.0.0.7", 1000, 2, false), SERVE_LATER, "another id");
  cr_expect_eq(ask_from(w, "10.0.0.7", 1001, 1, false), SERVE_LATER, "another port");
  cr_expect_eq(ask_from(w, "10.0.0.8", 1000, 1, false), SERVE_LATER, "another host");
  cr_expect_eq(ask_from(w, "10.0.0.7", 1000, 1, true), SERVE_LATER, "over TCP it is no copy");
  world_run_ms(w, WORLD_DELAY_MS);
  cr_expect_eq(given, 5);
  cr_expect_eq(w->counters.ignored, 50);
  world_free(w);
}

static unsigned given_capitals, given_opt;

static void note_form(const struct client *c, const uint8_t *msg, size_t len) {
  count_given(c, msg, len);
  given_capitals += len > DNS_HEADER && msg[DNS_HEADER + 1] == '_' && msg[DNS_HEADER + 2] == 'X';
  given_opt += load_u16(msg + 10) == 1;
}

/* The same id from the same port, but another spelling or with EDNS: the first one's answer would not fit. */
Test(followers, a_query_sent_again_in_another_form_gets_an_answer_of_its_own) {
  struct world *w = world_with_targets(1);
  struct client c = {.deliver = note_form};

  cr_assert(addr_parse("10.0.0.7", 1000, &c.peer) && addr_parse("10.0.0.1", 53, &c.local));
  for (unsigned i = 0; i < 8; i++) {
    struct msg m;
    msg_query(&m, i & 1 ? "_XMPP-server._tcp.d.lab." : SRV, TYPE_SRV);
    store_u16(m.octets, 7);
    if (i & 2) msg_opt(&m, 1232, 0, false, NULL, 0);
    cr_expect_eq(serve_query(&w->wiring.serve, m.octets, m.len, &c, w->now_ms, w->out),
                 i < 4 ? SERVE_LATER : 0, "query %u", i);
  }

  world_run_ms(w, WORLD_DELAY_MS);
  cr_expect_eq(given, 4);
  cr_expect_eq(given_capitals, 2);
  cr_expect_eq(given_opt, 2);
  world_free(w);
}

/* Who waits is counted, not looked for. */
Test(followers, a_crowd_leaves_no_count_behind) {
  struct world *w = world_with_targets(1);
  char host[40];
  for (unsigned round = 0; round < 3; round++) {
    unsigned waiting = 0;
    for (unsigned i = 0; i < 3000; i++) {
      snprintf(host, sizeof host, "10.2.%u.%u", i / 2 / 250, i / 2 % 250);
      waiting += ask_from(w, host, 1000, (uint16_t)i, false) == SERVE_LATER;
    }
    cr_expect_eq(waiting, 1000, "round %u: %u", round, waiting);
    world_run_ms(w, 70000);
  }
  world_free(w);
}

Test(followers, of_one_question_so_many_may_wait_on_a_host_and_on_all_others_and_more_on_this) {
  struct world *w = world_with_targets(1);
  unsigned waiting = 0, local = 0;
  char host[40];

  for (unsigned i = 0; i < 500; i++)
    waiting += ask_from(w, "10.0.0.7", 1000, (uint16_t)i, false) == SERVE_LATER;
  cr_expect_eq(waiting, 200, "%u of one host wait", waiting);
  for (unsigned i = 0; i < 500; i++) {
    snprintf(host, sizeof host, "fd00::%x", i);
    waiting += ask_from(w, host, 1000, (uint16_t)i, false) == SERVE_LATER;
  }

  cr_expect_eq(waiting, 400, "64 bits of IPv6 are one host");
  for (unsigned i = 0; i < 5000; i++) {
    snprintf(host, sizeof host, "10.1.%u.%u", i / 250, i % 250);
    waiting += ask_from(w, host, 1000, (uint16_t)i, false) == SERVE_LATER;
  }

  cr_expect_eq(waiting, 1000, "%u of all hosts wait", waiting);
  for (unsigned i = 0; i < 2000; i++)
    local += ask_from(w, "127.0.0.1", 1000, (uint16_t)i, false) == SERVE_LATER;
  cr_expect_eq(local, 2000, "this machine's own do still");
  world_run_ms(w, WORLD_DELAY_MS);
  cr_expect_eq(given, 3000);
  cr_expect_eq(upstream_asked(w, "", 0), 1);
  world_free(w);
}
