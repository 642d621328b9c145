/* test_up_tcp.c: questions over TCP: framing, matching, writing. When connections break:
 * test_up_tcp_break.c. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

#include "upstream/peer.h"
#include "upstream/up_tcp.h"

enum { MANY = 100 };

static struct lo l;
static struct probe *p; /* MANY */
static struct peer peer;
static struct framed f[MANY];

static void start(int family) {
  lo_start(&l, family, SOCK_STREAM);
  l.channel = up_tcp_new(&l.loop, &l.server, &l.counters, &l.random);
  p = probes_new(&l, MANY);
  cr_assert(l.channel);
}

static void setup(void) { start(AF_INET); }

static void finish(void) {
  for (unsigned i = 0; i < MANY; i++) channel_drop(&p[i].x);
  free(p);
  if (peer.fd > 0) peer_close(&peer);
  lo_end(&l);
}

static void ask_and_get(unsigned n) {
  for (unsigned i = 0; i < n; i++) cr_assert_eq(probe_ask(&p[i]), ERR_NONE);
  if (peer.fd <= 0) peer_accept(&peer, &l);
  for (unsigned i = 0; i < n; i++) peer_get(&peer, &f[i]);
}

TestSuite(up_tcp, .init = setup);

Test(up_tcp, sends_the_question_in_a_frame_and_takes_the_reply) {
  uint8_t want[EXCHANGE_QUERY_MAX];
  size_t len = exchange_write(&p[0].question, &(struct exchange_opts){.edns = true}, want);
  ask_and_get(1);
  cr_assert_eq(f[0].len, len);
  cr_expect_eq(load_u16(framed_msg(&f[0])), p[0].x.id);
  cr_expect_arr_eq(framed_msg(&f[0]) + 2, want + 2, len - 2);
  peer_answer(&peer, &f[0]);
  probes_until(p, 1, 1);
  cr_expect_eq(p[0].outcome, ERR_NONE);
  cr_expect_eq(p[0].len, len);
  cr_expect_arr_eq(p[0].msg, framed_msg(&f[0]), len);
  cr_expect_eq(l.counters.upstream_tcp, 1);
  cr_expect_eq(l.counters.reply_good, 1);
  finish();
}

Test(up_tcp_other, asks_over_ipv6) {
  start(AF_INET6);
  ask_and_get(1);
  peer_answer(&peer, &f[0]);
  probes_until(p, 1, 1);
  cr_expect_eq(p[0].outcome, ERR_NONE);
  finish();
}

Test(up_tcp, many_share_a_connection_and_get_answers_in_any_order) {
  static bool seen[65536];
  ask_and_get(MANY);
  for (unsigned i = 0; i < MANY; i++) {
    cr_expect_not(seen[p[i].x.id]);
    seen[p[i].x.id] = true;
  }
  for (unsigned i = MANY; i-- > 0;) peer_answer(&peer, &f[i]);
  probes_until(p, MANY, MANY);
  for (unsigned i = 0; i < MANY; i++) cr_expect_eq(question_number(p[i].msg), i);
  cr_expect_eq(l.counters.upstream_tcp, MANY);
  cr_expect_eq(l.counters.reply_good, MANY);
  cr_expect(nobody_connects(&l));
  finish();
}

Test(up_tcp, a_later_question_goes_over_the_same_connection) {
  for (unsigned times = 1; times <= 3; times++) {
    ask_and_get(1);
    peer_answer(&peer, &f[0]);
    probes_until(p, 1, times);
  }
  cr_expect(nobody_connects(&l));
  finish();
}

Test(up_tcp, questions_of_a_turn_are_written_together) {
  ask_and_get(1);
  for (unsigned i = 1; i < MANY; i++) cr_assert_eq(probe_ask(&p[i]), ERR_NONE);
  lo_turns(&l, 0);
  cr_expect_eq(l.counters.upstream_tcp, 1, "nothing goes out before flush");
  lo_flush(&l);
  ssize_t n = recv(peer.fd, peer.in, sizeof peer.in, 0);
  peer.len = (size_t)n;
  for (unsigned i = 1; i < MANY; i++) {
    cr_assert_gt(frame_next(peer.in, peer.len, &f[i].len), 0, "all are there after one read");
    peer_get(&peer, &f[i]);
    cr_expect_eq(question_number(framed_msg(&f[i])), i);
  }
  cr_expect_eq(l.counters.upstream_tcp, MANY);
  finish();
}

Test(up_tcp, replies_come_octet_by_octet) {
  ask_and_get(2);
  for (unsigned i = 0; i < 2; i++) {
    reply_make(framed_msg(&f[i]));
    for (size_t at = 0; at < FRAME_HEAD + f[i].len; at++) {
      cr_expect_eq(probes_called(p, 2), i);
      peer_send(&peer, f[i].frame + at, 1);
      lo_turn(&l);
    }
    probes_until(p, 2, i + 1);
  }
  cr_expect_eq(l.counters.reply_good, 2);
  finish();
}

Test(up_tcp, replies_come_in_pieces_that_are_no_frames) {
  static uint8_t all[MANY * 300];
  size_t len = 0;

  ask_and_get(MANY);
  for (unsigned i = 0; i < MANY; i++) {
    reply_make(framed_msg(&f[i]));
    framed_fill(&f[i], f[i].len + i);
    memcpy(all + len, f[i].frame, FRAME_HEAD + f[i].len);
    len += FRAME_HEAD + f[i].len;
  }

  for (size_t at = 0, n; at < len; at += n) {
    n = len - at < 997 ? len - at : 997;
    peer_send(&peer, all + at, n);
    lo_turn(&l);
  }

  probes_until(p, MANY, MANY);
  for (unsigned i = 0; i < MANY; i++) cr_expect_eq(p[i].len, f[i].len);
  finish();
}

Test(up_tcp, takes_the_longest_message_there_is) {
  ask_and_get(2);
  framed_fill(&f[0], DNS_MSG_MAX);
  peer_answer(&peer, &f[0]);
  peer_answer(&peer, &f[1]);
  probes_until(p, 2, 2);
  cr_expect_eq(p[0].len, DNS_MSG_MAX);
  cr_expect_eq(p[0].last, 9);
  cr_expect_eq(question_number(p[1].msg), 1);
  finish();
}

Test(up_tcp, counts_what_is_no_reply_as_wrong_and_reads_on) {
  ask_and_get(1);
  peer_send(&peer, "\0\0", 2);
  peer_send(&peer, "\0\001x", 3);
  peer_send(&peer, f[0].frame, FRAME_HEAD + f[0].len); /* a question itself */
  reply_make(framed_msg(&f[0]));
  f[1] = f[2] = f[0];
  framed_msg(&f[1])[0] ^= 0x80;           /* unknown id */
  framed_msg(&f[2])[DNS_HEADER + 1] ^= 1; /* another name */
  peer_answer(&peer, &f[1]);
  peer_answer(&peer, &f[2]);
  peer_answer(&peer, &f[0]);
  peer_answer(&peer, &f[0]); /* once too often */
  probes_until(p, 1, 1);
  for (int i = 0; i < 1000 && l.counters.reply_wrong < 6; i++) lo_turns(&l, 1);
  cr_expect_eq(p[0].outcome, ERR_NONE);
  cr_expect_eq(l.counters.reply_good, 1);
  cr_expect_eq(l.counters.reply_wrong, 6);
  finish();
}

Test(up_tcp, a_dropped_question_is_not_sent_or_its_reply_is_wrong) {
  ask_and_get(2);
  cr_assert_eq(probe_ask(&p[2]), ERR_NONE);
  cr_assert_eq(probe_ask(&p[3]), ERR_NONE);
  channel_drop(&p[0].x);
  channel_drop(&p[2].x);
  lo_turn(&l);
  peer_answer(&peer, &f[0]);
  peer_answer(&peer, &f[1]);
  peer_get(&peer, &f[3]);
  cr_expect_eq(question_number(framed_msg(&f[3])), 3);
  peer_answer(&peer, &f[3]);
  probes_until(p, 4, 2);
  cr_expect_eq(p[0].called + p[2].called, 0);
  cr_expect_eq(l.counters.reply_wrong, 1);
  cr_expect_eq(l.counters.upstream_tcp, 3);
  finish();
}

static void wreak_havoc(struct probe *me, uint64_t now_ms) {
  (void)now_ms;
  channel_drop(&p[1].x);
  channel_drop(&p[2].x);
  cr_expect_eq(probe_ask(&p[2]), ERR_NONE);
  free(me);
}

Test(up_tcp, done_may_drop_others_ask_and_free_itself_between_frames) {
  struct probe *doomed = probes_new(&l, 1);
  doomed->then = wreak_havoc;
  cr_assert_eq(probe_ask(doomed), ERR_NONE);
  for (unsigned i = 1; i < 4; i++) cr_assert_eq(probe_ask(&p[i]), ERR_NONE);
  peer_accept(&peer, &l);
  for (unsigned i = 0; i < 4; i++) peer_get(&peer, &f[i]);
  for (unsigned i = 0; i < 4; i++) peer_answer(&peer, &f[i]);
  probes_until(p, 4, 1);
  cr_expect_eq(p[3].outcome, ERR_NONE);
  cr_expect_eq(l.counters.reply_wrong, 2);
  peer_get(&peer, &f[2]);
  peer_answer(&peer, &f[2]);
  probes_until(p, 4, 2);
  cr_expect_eq(p[2].outcome, ERR_NONE);
  finish();
}

static void close_channel(struct probe *me, uint64_t now_ms) {
  (void)now_ms;
  me->lo->channel->ops->close(me->lo->channel);
  me->lo->channel = NULL;
}

Test(up_tcp, the_last_done_may_close_the_channel_between_frames) {
  ask_and_get(1);
  p[0].then = close_channel;
  framed_fill(&f[0], 400);
  f[1] = f[0];
  memcpy(f[0].frame + FRAME_HEAD + 400, f[1].frame, FRAME_HEAD + 400);
  reply_make(framed_msg(&f[0]));
  peer_send(&peer, f[0].frame, 2 * (FRAME_HEAD + 400));
  probes_until(p, 1, 1);
  cr_expect_eq(p[0].last, 9);
  finish();
}

Test(up_tcp, closing_with_a_write_under_way_is_clean) {
  cr_assert_eq(probe_ask(&p[0]), ERR_NONE);
  lo_flush(&l); /* still connecting */
  channel_drop(&p[0].x);
  finish();
}

Test(up_tcp, more_than_a_connection_takes_is_refused) {
  struct probe *many = probes_new(&l, UP_TCP_OPEN + 1);
  for (unsigned i = 0; i < UP_TCP_OPEN; i++) cr_assert_eq(probe_ask(&many[i]), ERR_NONE);
  cr_expect_eq(probe_ask(&many[UP_TCP_OPEN]), ERR_OVERLOAD);
  cr_expect_eq(many[UP_TCP_OPEN].x.channel, NULL);
  channel_drop(&many[5].x);
  cr_expect_eq(probe_ask(&many[UP_TCP_OPEN]), ERR_NONE);
  for (unsigned i = 0; i <= UP_TCP_OPEN; i++) channel_drop(&many[i].x);
  free(many);
  finish();
}
