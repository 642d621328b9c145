/* test_upstream.c: which server is asked: round-trip times, health, and who comes back. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/log.h"
#include "upstream/upstream.h"

static struct mock {
  struct channel channel;
  unsigned flushed, closed;
  uint64_t flushed_ms;
} udp[UPSTREAM_SERVERS + 1], tcp[UPSTREAM_SERVERS + 1];
static struct upstream u;

static void mock_flush(struct channel *c, uint64_t now_ms) {
  struct mock *m = (struct mock *)c;
  m->flushed++;
  m->flushed_ms = now_ms;
}
static void mock_close(struct channel *c) { ((struct mock *)c)->closed++; }
static const struct channel_ops mock_ops = {.flush = mock_flush, .close = mock_close};

/* The i-th channels of each kind for a server at this address. */
static bool add_to(struct upstream *set, const char *address, unsigned i) {
  struct ns_address a = {.transport = TRANSPORT_UDP};
  struct channel *channels[TRANSPORTS] = {&udp[i].channel, &tcp[i].channel};
  cr_assert(addr_parse(address, 53, &a.addr));
  udp[i].channel.ops = tcp[i].channel.ops = &mock_ops;
  return upstream_add(set, &a, channels);
}

static bool add(void) { return add_to(&u, "192.0.2.1", u.count); }

static void setup(void) {
  log_set_level(LOG_ERROR);
  for (int i = 0; i < 3; i++) cr_assert(add());
}

enum { HEARD_MS = 100, LATER_MS = HEARD_MS + DOWN_SILENT_MS };

/* So often, at HEARD_MS. */
static void replied(unsigned server, uint64_t rtt_ms, unsigned times) {
  while (times--) ns_replied(&u.servers[server], rtt_ms, HEARD_MS);
}

static int pick(unsigned tried) {
  struct nameserver *s = upstream_pick(&u, tried);
  return s ? (int)(s - u.servers) : -1;
}

TestSuite(upstream, .init = setup);

Test(upstream, holds_eight_servers) {
  while (u.count < UPSTREAM_SERVERS) cr_assert(add());
  cr_expect_not(add());
  cr_expect_eq(u.count, UPSTREAM_SERVERS);
}

Test(upstream, flushes_and_closes_all_channels) {
  upstream_flush(&u, 77);
  upstream_close(&u);
  for (int i = 0; i < 3; i++) {
    cr_expect_eq(udp[i].flushed + tcp[i].flushed, 2);
    cr_expect_eq(udp[i].flushed_ms + tcp[i].flushed_ms, 2 * 77);
    cr_expect_eq(udp[i].closed + tcp[i].closed, 2);
  }
  cr_expect_eq(u.count, 0);
  cr_expect_eq(pick(0), -1);
}

Test(upstream, picks_unknown_servers_first_then_the_fastest) {
  cr_expect_eq(pick(0), 0);
  replied(0, 5, 1);
  cr_expect_eq(pick(0), 1);
  replied(1, 3, 1);
  replied(2, 9, 1);
  cr_expect_eq(pick(0), 1);
  cr_expect_eq(pick(1u << 1), 0);
  cr_expect_eq(pick(1u << 1 | 1u << 0), 2);
  cr_expect_eq(pick(7), -1);
  cr_expect_eq(upstream_bit(&u, &u.servers[2]), 1u << 2);
}

Test(upstream, the_rto_is_rtt_and_spread_within_its_bounds) {
  struct nameserver *s = &u.servers[0];
  cr_expect_eq(ns_rto_ms(s), RTO_UNKNOWN_MS);
  replied(0, 20, 1);
  cr_expect_eq(ns_rto_ms(s), 20 + RTO_SPREAD_MIN_MS);
  replied(0, 100, 1); /* SRTT 20 + 80/8; RTTVAR 10*3/4 + 80/4 = 27.5 */
  cr_expect_eq(ns_rto_ms(s), 30 + 110);
  replied(0, 0, 200);
  cr_expect_eq(ns_rto_ms(s), RTO_SPREAD_MIN_MS, "%u", ns_rto_ms(s));
  cr_expect_gt(s->srtt_x8_ms, 0, "known, though it is fast");
  replied(0, UINT64_MAX, 20);
  cr_expect_eq(ns_rto_ms(s), RTO_FAR_MAX_MS);
}

Test(upstream, rtts_that_are_steady_are_learnt) {
  for (uint64_t rtt = 1; rtt < 300; rtt += 37) {
    replied(1, rtt, 100);
    uint64_t near = u.servers[1].srtt_x8_ms / 8;
    cr_expect(near >= rtt - 1 && near <= rtt + 1, "%lu for %lu", (unsigned long)near, (unsigned long)rtt);
  }
}

Test(upstream, how_long_replies_took_is_counted_for_each_server) {
  replied(1, 3, 2);
  replied(1, 5000, 1);
  const struct latency *l = &u.servers[1].rtt;
  cr_expect_eq(l->sum_ms, 5006);
  cr_expect_eq(l->counts[2], 2, "up to %u ms", latency_bounds_ms[2]);
  cr_expect_eq(l->counts[LATENCY_BOUNDS], 1);
  cr_expect_eq(u.servers[0].rtt.sum_ms, 0);
}

Test(upstream, a_server_that_has_just_replied_is_not_down) {
  replied(0, 1, 1);
  for (int i = 0; i < 50; i++) ns_was_silent(&u.servers[0], HEARD_MS + DOWN_SILENT_MS - 1);
  cr_expect_not(u.servers[0].down_until_ms);
  ns_was_silent(&u.servers[0], HEARD_MS + DOWN_SILENT_MS);
  cr_expect(u.servers[0].down_until_ms);
}

Test(upstream, a_server_is_down_after_some_silence_in_a_row) {
  replied(0, 1, 1), replied(1, 2, 1), replied(2, 3, 1);
  for (int i = 1; i < DOWN_AFTER; i++) ns_was_silent(&u.servers[0], 1000);
  cr_expect_not(u.servers[0].down_until_ms);
  replied(0, 1, 1);
  for (int i = 1; i < DOWN_AFTER; i++) ns_was_silent(&u.servers[0], 1000);
  cr_expect_not(u.servers[0].down_until_ms);
  ns_was_silent(&u.servers[0], 1000);
  cr_expect(u.servers[0].down_until_ms);
  cr_expect_eq(pick(0), 1);
  cr_expect_not(upstream_is_failing(&u));
  replied(0, 1, 1);
  cr_expect_eq(pick(0), 0);
}

Test(upstream, a_server_that_replied_lately_is_not_down) {
  replied(0, 1, 1), replied(1, 2, 1), replied(2, 3, 1);
  for (int i = 0; i < 10 * DOWN_AFTER; i++) ns_was_silent(&u.servers[0], LATER_MS - 1);
  cr_expect_not(u.servers[0].down_until_ms);
  ns_was_silent(&u.servers[0], LATER_MS);
  cr_expect(u.servers[0].down_until_ms);
}

Test(upstream, a_server_that_never_replied_is_down_after_some_silence) {
  replied(1, 2, 1), replied(2, 3, 1);
  cr_expect_eq(pick(0), 0);
  for (int i = 0; i < DOWN_AFTER; i++) ns_was_silent(&u.servers[0], 1);
  cr_expect_eq(pick(0), 1);
}

Test(upstream, a_server_that_refuses_is_down_at_once) {
  ns_refused(&u.servers[0], 1000);
  cr_expect_eq(pick(0), 1);
  ns_refused(&u.servers[1], 1000);
  ns_refused(&u.servers[2], 1000);
  cr_expect(upstream_is_failing(&u));
  cr_expect_eq(pick(0), 0, "better one that is down than none");
  cr_expect_eq(pick(1), 1);
}

Test(upstream, of_those_down_the_one_to_be_tried_first_is_picked) {
  ns_refused(&u.servers[0], 1200);
  ns_refused(&u.servers[1], 1100);
  ns_refused(&u.servers[2], 1150);
  cr_expect_eq(pick(0), 1);
  cr_expect_eq(pick(1u << 1), 2);
}

Test(upstream, a_server_that_is_down_is_probed_at_growing_intervals) {
  struct nameserver *s = &u.servers[1];
  uint64_t now = 1000;

  cr_expect_eq(upstream_probe(&u, now), NULL);
  ns_refused(s, now);
  for (uint64_t interval = DOWN_FIRST_MS, i = 0; i < 5; i++) {
    cr_expect_eq(upstream_probe(&u, now + interval - 1), NULL);
    cr_expect_eq(upstream_probe(&u, now + interval), s);
    cr_expect_eq(upstream_probe(&u, now + interval), NULL, "one question each time");
    now += interval;
    for (int k = 0; k < DOWN_AFTER; k++) ns_was_silent(s, now);
    interval = s->down_for_ms;
    cr_expect_leq(interval, DOWN_MAX_MS);
  }

  cr_expect_eq(s->down_for_ms, DOWN_MAX_MS);
  replied(1, 1, 1);
  cr_expect_eq(upstream_probe(&u, now + 100000), NULL);
  ns_refused(s, now);
  cr_expect_eq(s->down_for_ms, DOWN_FIRST_MS, "it starts anew");
}

/* ---- cookies ---- */

Test(upstream, rfc7873_no_cookie_of_ours_lasts_longer_than_a_day) {
  struct nameserver *s = &u.servers[0];
  uint8_t first[COOKIE_CLIENT];
  memcpy(first, ns_cookie(s, 1000)->client, sizeof first);
  s->cookie.server_len = 8;
  cr_expect_arr_eq(ns_cookie(s, 1000 + COOKIE_RENEW_MS - 1)->client, first, sizeof first);
  cr_expect_arr_neq(ns_cookie(s, 1000 + COOKIE_RENEW_MS)->client, first, sizeof first);
  cr_expect_eq(s->cookie.server_len, 0, "the server's belongs to the one before");
}

Test(upstream, rfc7873_each_server_has_a_cookie_of_its_own) {
  struct server_cookie *a = ns_cookie(&u.servers[0], 1000), *b = ns_cookie(&u.servers[1], 1000);
  cr_expect_arr_neq(a->client, b->client, COOKIE_CLIENT);
}

Test(upstream, rfc9018_a_server_without_cookies_sees_none_twice_and_none_for_a_while) {
  struct nameserver *s = &u.servers[0];
  uint8_t first[COOKIE_CLIENT];
  memcpy(first, ns_cookie(s, 1000)->client, sizeof first);
  s->cookie.unanswered = true;
  cr_expect_null(ns_cookie(s, 1000));
  cr_expect_null(ns_cookie(s, 1000 + COOKIE_REST_MS - 1));
  cr_assert_not_null(ns_cookie(s, 1000 + COOKIE_REST_MS));
  cr_expect_arr_neq(s->cookie.client, first, sizeof first);
}

Test(upstream, one_silence_puts_a_server_in_doubt_others_are_asked_first_and_it_is_asked_beside_them) {
  replied(0, 1, 1), replied(1, 2, 1), replied(2, 3, 1);
  cr_expect_null(upstream_probe(&u, 1000));
  ns_was_silent(&u.servers[0], 1000);
  cr_expect_eq(pick(0), 1);
  cr_expect_eq(upstream_probe(&u, 1000), &u.servers[0]);
  u.servers[0].probed = true;
  cr_expect_null(upstream_probe(&u, 1000), "once at a time");
  cr_expect_eq(pick(6), 0, "rather than none");
  ns_was_silent(&u.servers[1], 1000), ns_was_silent(&u.servers[2], 1000);
  cr_expect_eq(pick(0), 0, "all are in doubt");
  replied(0, 1, 1);
  cr_expect_eq(pick(0), 0);
}

/* ---- policies ---- */

Test(upstream, in_order_the_first_that_is_up_is_asked) {
  u.policy = UPSTREAM_ORDER;
  replied(0, 300, 5), replied(1, 1, 5);
  cr_expect_eq(pick(0), 0);
  cr_expect_eq(pick(0), 0);
  ns_refused(&u.servers[0], 1000);
  cr_expect_eq(pick(0), 1);
  replied(0, 300, 1);
  cr_expect_eq(pick(0), 0);
}

Test(upstream, spread_questions_go_to_all_that_are_up_in_turn) {
  u.policy = UPSTREAM_SPREAD;
  unsigned asked[3] = {0};
  for (int i = 0; i < 30; i++) asked[pick(0)]++;
  for (int i = 0; i < 3; i++) cr_expect_eq(asked[i], 10);
  ns_refused(&u.servers[1], 1000);
  for (int i = 0; i < 30; i++) cr_expect_neq(pick(0), 1);
  cr_expect_eq(pick(5), 1, "rather than none");
}

Test(upstream, a_server_that_was_slow_is_tried_again_after_some_questions) {
  replied(0, 20, 50), replied(1, 80, 50), replied(2, 5000, 50);
  int questions = 0;
  while (pick(0) == 0) cr_assert_lt(++questions, 500);
  cr_expect_gt(questions, 50);
  cr_expect_eq(pick(1), 1);
  replied(1, 80, 20);
  cr_expect_eq(pick(0), 0, "still slow");
}

/* ---- hedging ---- */

Test(upstream, one_question_in_twenty_may_cost_twice) {
  replied(0, 20, 5), replied(1, 30, 5);
  unsigned hedged = 0;
  for (int i = 0; i < 1000; i++) {
    upstream_note_asked(&u);
    if (!upstream_may_hedge(&u, &u.servers[0])) continue;
    upstream_note_hedged(&u);
    hedged++;
  }
  cr_expect_eq(hedged, 50);
}

Test(upstream, few_hedges_are_saved_up) {
  for (int i = 0; i < 10000; i++) upstream_note_asked(&u);
  unsigned hedged = 0;
  for (; upstream_may_hedge(&u, &u.servers[0]); hedged++) upstream_note_hedged(&u);
  cr_expect_eq(hedged, HEDGE_SAVED);
}

Test(upstream, nobody_is_asked_early_when_all_others_are_down) {
  for (int i = 0; i < 1000; i++) upstream_note_asked(&u);
  cr_expect(upstream_may_hedge(&u, &u.servers[0]));
  ns_refused(&u.servers[1], 1000), ns_refused(&u.servers[2], 1000);
  cr_expect_not(upstream_may_hedge(&u, &u.servers[0]));
  cr_expect(upstream_may_hedge(&u, &u.servers[1]));
}

Test(upstream, a_server_is_late_before_its_rto_is_over) {
  struct nameserver *s = &u.servers[0];
  cr_expect_eq(ns_late_ms(s), RTO_UNKNOWN_MS, "nothing is known of it");
  replied(0, 40, 60);
  cr_expect_leq(ns_late_ms(s), 40 + 2 * HEDGE_MIN_MS);
  cr_expect_gt(ns_late_ms(s), 40);
  cr_expect_lt(ns_late_ms(s), ns_rto_ms(s));
}

/* ---- sets ---- */

Test(upstream, a_new_set_inherits_what_is_known_of_a_server) {
  struct list all;

  list_init(&all);
  struct upstream *set = upstream_new(&all, UPSTREAM_ORDER);
  cr_assert(add_to(set, "192.0.2.1", 7) && add_to(set, "192.0.2.77", 8));
  u.count = 1;
  replied(0, 40, 60);
  u.servers[0].cookie.server_len = 16;
  upstream_inherit(set, &u);
  cr_expect_eq(ns_late_ms(&set->servers[0]), ns_late_ms(&u.servers[0]));
  cr_expect_eq(set->servers[0].cookie.server_len, 16);
  cr_expect_eq(set->servers[0].channels[TRANSPORT_UDP], &udp[7].channel, "its own sockets");
  cr_expect_eq(set->servers[1].srtt_x8_ms, 0, "another server");
  upstream_release(set);
}

Test(upstream, a_set_is_closed_when_its_last_user_lets_go) {
  struct list all;
  list_init(&all);
  struct upstream *set = upstream_new(&all, UPSTREAM_FASTEST);
  cr_assert(add_to(set, "192.0.2.1", 7));
  upstream_hold(set);
  upstream_release(set);
  cr_expect_eq(udp[7].closed + tcp[7].closed, 0);
  cr_expect_not(list_empty(&all));
  upstream_release(set);
  cr_expect_eq(udp[7].closed + tcp[7].closed, 2);
  cr_expect(list_empty(&all));
}
