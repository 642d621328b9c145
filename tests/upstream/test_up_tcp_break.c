/* test_up_tcp_break.c: TCP connections that are refused, closed, stalled or idle. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "upstream/peer.h"
#include "upstream/up_tcp.h"

enum { MANY = 10 };

static struct lo l;
static struct probe *p; /* MANY */
static struct peer peer;
static struct framed f[MANY];

static void setup(void) {
  lo_start(&l, AF_INET, SOCK_STREAM);
  l.channel = up_tcp_new(&l.loop, &l.server, &l.counters, &l.random);
  p = probes_new(&l, MANY);
  cr_assert(l.channel);
}

static void finish(void) {
  for (unsigned i = 0; i < MANY; i++) channel_drop(&p[i].x);
  free(p);
  if (peer.fd > 0) peer_close(&peer);
  lo_end(&l);
}

static void ask_and_get(unsigned from, unsigned to) {
  for (unsigned i = from; i < to; i++) cr_assert_eq(probe_ask(&p[i]), ERR_NONE);
  if (peer.fd <= 0) peer_accept(&peer, &l);
  for (unsigned i = from; i < to; i++) peer_get(&peer, &f[i]);
}

/* A connection over which p[0] got its answer. */
static void serve_one(void) {
  ask_and_get(0, 1);
  peer_answer(&peer, &f[0]);
  probes_until(p, 1, 1);
}

static void expect_tcp_failures(unsigned from, unsigned to) {
  for (unsigned i = from; i < to; i++) {
    cr_expect_eq(p[i].called, 1);
    cr_expect_eq(p[i].outcome, ERR_TCP);
  }
}

TestSuite(up_tcp_break, .init = setup);

Test(up_tcp_break, a_closed_port_ends_the_exchanges_from_the_loop) {
  lo_close_server(&l);
  cr_assert_eq(probe_ask(&p[0]), ERR_NONE);
  cr_assert_eq(probe_ask(&p[1]), ERR_NONE);
  lo_flush(&l);
  cr_expect_eq(probes_called(p, 2), 0);
  probes_until(p, 2, 2);
  expect_tcp_failures(0, 2);
  finish();
}

Test(up_tcp_break, without_descriptors_asking_fails_and_recovers) {
  struct rlimit was, none;
  cr_assert_eq(getrlimit(RLIMIT_NOFILE, &was), 0);
  none = was;
  none.rlim_cur = 3;
  cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
  enum err e = probe_ask(&p[0]);
  cr_assert_eq(setrlimit(RLIMIT_NOFILE, &was), 0);
  cr_expect_eq(e, ERR_TCP);
  cr_expect_eq(p[0].x.channel, NULL);
  serve_one();
  finish();
}

Test(up_tcp_break, without_room_in_epoll_asking_fails_and_recovers) {
  lo_watches_end(true, 0);
  cr_expect_eq(probe_ask(&p[0]), ERR_TCP);
  lo_turns(&l, 2);
  lo_watches_end(true, 1); /* what it has taken libuv may wait for */
  serve_one();
  lo_watches_end(false, 0);
  finish();
}

Test(up_tcp_break, a_connection_that_never_served_fails_its_exchanges) {
  ask_and_get(0, 3);
  peer_close(&peer);
  probes_until(p, 3, 3);
  expect_tcp_failures(0, 3);
  cr_expect(nobody_connects(&l));
  finish();
}

Test(up_tcp_break, a_connection_that_served_is_replaced) {
  serve_one();
  ask_and_get(1, 3);
  uint16_t ids[] = {p[1].x.id, p[2].x.id};
  peer_close(&peer);
  ask_and_get(0, 0); /* a new connection */
  peer_get(&peer, &f[1]);
  peer_get(&peer, &f[2]);
  cr_expect(ids[0] != p[1].x.id || ids[1] != p[2].x.id, "ids are drawn anew");
  cr_expect_eq(probes_called(p, 3), 1);
  peer_answer(&peer, &f[1]);
  probes_until(p, 3, 2);
  cr_expect_eq(p[1].outcome + p[2].outcome, ERR_NONE);
  cr_expect_eq(l.counters.upstream_tcp, 5);
  peer_close(&peer);
  peer_accept(&peer, &l); /* it has answered one: the last is asked a third time */
  peer_get(&peer, &f[2]);
  peer_close(&peer);
  probes_until(p, 3, 3);
  cr_expect_eq(p[1].called, 1);
  cr_expect_eq(p[2].called, 1);
  cr_expect_eq(p[1].outcome + p[2].outcome, ERR_TCP, "the third connection answered nothing");
  cr_expect(nobody_connects(&l));
  finish();
}

Test(up_tcp_break, rfc7766_a_server_that_closes_after_each_answer_answers_all_that_was_pipelined) {
  for (unsigned i = 0; i < MANY; i++) cr_assert_eq(probe_ask(&p[i]), ERR_NONE);
  for (unsigned n = 0; n < MANY; n++) {
    peer_accept(&peer, &l);
    peer_get(&peer, &f[0]);
    peer_answer(&peer, &f[0]);
    probes_until(p, MANY, n + 1);
    peer_close(&peer);
  }
  for (unsigned i = 0; i < MANY; i++) cr_expect_eq(p[i].outcome, ERR_NONE);
  finish();
}

/* A server that answered the first of three questions and closed the connection. */
static void close_behind_one(void) {
  ask_and_get(0, 3);
  peer_answer(&peer, &f[0]);
  probes_until(p, 3, 1);
  peer_close(&peer);
}

static void answer_on_new_connections(unsigned n) {
  struct peer *each = calloc(n, sizeof *each);
  cr_assert(each);
  for (unsigned i = 0; i < n; i++) peer_accept(&each[i], &l);
  for (unsigned i = 0; i < n; i++) {
    peer_get(&each[i], &f[i]);
    peer_answer(&each[i], &f[i]);
  }
  lo_turns(&l, 3);
  for (unsigned i = 0; i < n; i++) peer_close(&each[i]);
  lo_turns(&l, 3);
  free(each);
}

Test(up_tcp_break, who_closes_behind_each_answer_is_asked_one_question_a_connection) {
  close_behind_one();
  answer_on_new_connections(2);
  cr_expect_eq(probes_called(p, 3), 3);
  for (unsigned i = 3; i < 7; i++) cr_assert_eq(probe_ask(&p[i]), ERR_NONE);
  answer_on_new_connections(4);
  cr_expect_eq(probes_called(p, 7), 7);
  cr_expect_eq(l.counters.upstream_tcp, 3 + 2 + 4, "nothing was asked in vain any more");
  finish();
}

Test(up_tcp_break, who_no_longer_closes_behind_an_answer_is_asked_more_on_a_connection_again) {
  close_behind_one();
  channel_drop(&p[2].x);
  peer_accept(&peer, &l);
  peer_get(&peer, &f[1]);
  peer_answer(&peer, &f[1]);
  probes_until(p, 3, 2);
  lo_skip_ms(UP_TCP_LIMIT_MS);
  lo_turns(&l, 3);
  ask_and_get(3, 6);
  for (unsigned i = 3; i < 6; i++) peer_answer(&peer, &f[i]);
  probes_until(p, 6, 5);
  finish();
}

Test(up_tcp_break, there_are_no_more_than_a_few_connections_to_one_server) {
  struct probe *many = probes_new(&l, 3 * UP_TCP_CONNS);
  close_behind_one();
  int fds = lo_fds();
  for (unsigned i = 0; i < 3 * UP_TCP_CONNS; i++) cr_assert_eq(probe_ask(&many[i]), ERR_NONE);
  lo_turns(&l, 3);
  cr_expect_leq(lo_fds(), fds + UP_TCP_CONNS);
  for (unsigned i = 0; i < 3 * UP_TCP_CONNS; i++) channel_drop(&many[i].x);
  free(many);
  finish();
}

Test(up_tcp_break, a_reply_that_stops_midway_holds_up_no_other) {
  struct peer other = {.lo = &l};
  ask_and_get(0, 3);
  reply_make(framed_msg(&f[1]));
  peer_send(&peer, f[1].frame, FRAME_HEAD + DNS_HEADER);
  lo_turns(&l, 3);
  lo_skip_ms(UP_TCP_SLOW_MS);
  lo_turns(&l, 3);
  peer_accept(&other, &l);
  for (unsigned i = 0; i < 2; i++) {
    peer_get(&other, &f[2]);
    peer_answer(&other, &f[2]);
  }

  probes_until(p, 3, 2);
  cr_expect_eq(p[1].called, 0);
  cr_assert_eq(probe_ask(&p[3]), ERR_NONE); /* beside it, too */
  peer_get(&other, &f[3]);
  peer_answer(&other, &f[3]);
  probes_until(p, 4, 3);
  peer_send(&peer, f[1].frame + FRAME_HEAD + DNS_HEADER, f[1].len - DNS_HEADER); /* it goes on after all */
  probes_until(p, 4, 4);
  for (unsigned i = 0; i < 4; i++) cr_expect_eq(p[i].outcome, ERR_NONE);
  peer_close(&other);
  finish();
}

Test(up_tcp_break, beside_a_connection_on_which_nothing_comes_there_is_one_other) {
  struct peer other = {.lo = &l};
  ask_and_get(0, 2);
  lo_skip_ms(UP_TCP_SLOW_MS);
  cr_assert_eq(probe_ask(&p[2]), ERR_NONE);
  peer_accept(&other, &l);
  peer_get(&other, &f[2]);
  lo_skip_ms(UP_TCP_SLOW_MS);
  cr_assert_eq(probe_ask(&p[3]), ERR_NONE);
  cr_expect(nobody_connects(&l));
  peer_answer(&other, &f[2]);
  for (unsigned i = 0; i < 2; i++) peer_answer(&peer, &f[i]);
  probes_until(p, 3, 3);
  peer_close(&other);
  finish();
}

Test(up_tcp_break, frames_that_nobody_asked_for_end_a_connection) {
  ask_and_get(0, 1);
  framed_msg(&f[0])[0] ^= 1;
  reply_make(framed_msg(&f[0]));
  for (unsigned i = 0; i < UP_TCP_WRONG + 2; i++) peer_send(&peer, f[0].frame, FRAME_HEAD + f[0].len);
  probes_until(p, 1, 1);
  expect_tcp_failures(0, 1);
  peer_await_end(&peer);
  finish();
}

Test(up_tcp_break, a_reset_is_an_end_too) {
  serve_one();
  ask_and_get(1, 2);
  struct linger reset = {.l_onoff = 1};
  setsockopt(peer.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  peer_close(&peer);
  peer_accept(&peer, &l);
  peer_get(&peer, &f[1]);
  peer_answer(&peer, &f[1]);
  probes_until(p, 2, 2);
  cr_expect_eq(p[1].outcome, ERR_NONE);
  finish();
}

Test(up_tcp_break, asked_again_when_the_connection_was_closed_unnoticed) {
  serve_one();
  peer_close(&peer);
  cr_assert_eq(probe_ask(&p[1]), ERR_NONE); /* before the loop sees the end */
  lo_flush(&l);
  peer_accept(&peer, &l);
  peer_get(&peer, &f[1]);
  peer_answer(&peer, &f[1]);
  probes_until(p, 2, 2);
  cr_expect_eq(p[1].outcome, ERR_NONE);
  finish();
}

Test(up_tcp_break, an_answer_cut_short_is_asked_for_once_more) {
  serve_one();
  ask_and_get(1, 3);
  reply_make(framed_msg(&f[1]));
  peer_send(&peer, f[1].frame, FRAME_HEAD + 2);
  lo_turns(&l, 3);
  peer_close(&peer);
  peer_accept(&peer, &l);
  peer_get(&peer, &f[1]);
  peer_get(&peer, &f[2]);
  peer_answer(&peer, &f[1]);
  peer_answer(&peer, &f[2]);
  probes_until(p, 3, 3);
  cr_expect_eq(p[1].outcome, ERR_NONE);
  cr_expect_eq(p[2].outcome, ERR_NONE);
  finish();
}

Test(up_tcp_break, a_replacement_that_is_refused_ends_the_exchanges) {
  serve_one();
  ask_and_get(1, 3);
  lo_close_server(&l);
  peer_close(&peer);
  probes_until(p, 3, 3);
  expect_tcp_failures(1, 3);
  finish();
}

static void drop_all_and_ask(struct probe *me, uint64_t now_ms) {
  (void)now_ms;
  for (unsigned i = 0; i < MANY; i++) channel_drop(&p[i].x);
  me->then = NULL;
  cr_expect_eq(probe_ask(me), ERR_NONE);
}

Test(up_tcp_break, done_may_drop_the_others_and_ask) {
  for (unsigned i = 0; i < MANY; i++) p[i].then = drop_all_and_ask;
  ask_and_get(0, MANY);
  peer_close(&peer);
  probes_until(p, MANY, 1);
  peer_accept(&peer, &l);
  peer_get(&peer, &f[0]);
  peer_answer(&peer, &f[0]);
  probes_until(p, MANY, 2);
  cr_expect(nobody_connects(&l));
  finish();
}

Test(up_tcp_break, a_stalled_connection_is_given_up) {
  ask_and_get(0, 2);
  lo_skip_ms(UP_TCP_STALL_MS - 1000);
  lo_turns(&l, 3);
  cr_expect_eq(probes_called(p, 2), 0);
  lo_skip_ms(1000);
  probes_until(p, 2, 2);
  expect_tcp_failures(0, 2);
  peer_await_end(&peer);
  finish();
}

Test(up_tcp_break, a_server_that_never_accepts_is_given_up) {
  int full[2], n = 0; /* fills the queue of connections, so that the next handshake gets no answer */
  cr_assert_eq(listen(l.server_fd, 0), 0);
  for (; n < 2; n++) {
    full[n] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect(full[n], &l.server.any, addr_len(&l.server));
  }
  cr_assert_eq(probe_ask(&p[0]), ERR_NONE);
  lo_turns(&l, 3);
  cr_expect_eq(p[0].called, 0);
  lo_skip_ms(UP_TCP_STALL_MS);
  probes_until(p, 1, 1);
  expect_tcp_failures(0, 1);
  while (n--) close(full[n]);
  finish();
}

Test(up_tcp_break, octets_that_make_no_reply_give_it_no_more_time) {
  ask_and_get(0, 1);
  reply_make(framed_msg(&f[0]));
  for (size_t at = 0; at < 3; at++) {
    lo_skip_ms(UP_TCP_STALL_MS / 4);
    peer_send(&peer, f[0].frame + at, 1);
    lo_turns(&l, 3);
    cr_assert_eq(p[0].called, 0);
  }
  lo_skip_ms(UP_TCP_STALL_MS / 4);
  probes_until(p, 1, 1);
  expect_tcp_failures(0, 1);
  peer_await_end(&peer);
  finish();
}

Test(up_tcp_break, an_idle_connection_is_closed_after_a_while) {
  serve_one();
  int fds = lo_fds();
  lo_skip_ms(UP_TCP_IDLE_MS - 1000);
  cr_expect(peer_is_open(&peer));
  lo_skip_ms(1000);
  peer_await_end(&peer);
  lo_turns(&l, 1);
  cr_expect_eq(lo_fds(), fds - 2);
  lo_turns(&l, 1);
  cr_expect_eq(uv_backend_timeout(&l.loop), 0, "no timer runs, nothing is alive");
  cr_expect_not(uv_loop_alive(&l.loop));
  finish();
}

Test(up_tcp_break, a_question_after_long_idleness_has_its_full_time) {
  serve_one();
  lo_skip_ms(UP_TCP_IDLE_MS - 1000);
  lo_turns(&l, 2);
  ask_and_get(1, 2);
  lo_skip_ms(UP_TCP_STALL_MS - 1000);
  lo_turns(&l, 3);
  cr_expect_eq(p[1].called, 0);
  peer_answer(&peer, &f[1]);
  probes_until(p, 2, 2);
  cr_expect_eq(p[1].outcome, ERR_NONE);
  finish();
}

Test(up_tcp_break, a_connection_silent_for_long_is_not_used_again) {
  ask_and_get(0, 1);
  channel_drop(&p[0].x);
  lo_skip_ms(UP_TCP_STALL_MS - 1000);
  ask_and_get(1, 2); /* on the same one: not so long yet */
  channel_drop(&p[1].x);
  lo_skip_ms(1000);
  cr_assert_eq(probe_ask(&p[2]), ERR_NONE);
  peer_await_end(&peer);
  peer_accept(&peer, &l);
  peer_get(&peer, &f[2]);
  peer_answer(&peer, &f[2]);
  probes_until(p, 3, 1);
  cr_expect_eq(p[2].outcome, ERR_NONE);
  finish();
}
