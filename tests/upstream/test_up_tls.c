/* test_up_tls.c: questions over TLS: nothing before the server has proven itself, one connection, asked again
 * when it is closed or goes silent. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "upstream/tls_end.h"
#include "upstream/up_tcp.h"

enum { MANY = 100 };

static struct lo l;
static struct probe *p; /* MANY */
static struct tls_end_trust trust;

static bool writes_fail;

/* libuv's, which sends at once what it can. */
int uv_write(uv_write_t *req, uv_stream_t *stream, const uv_buf_t bufs[], unsigned n, uv_write_cb done) {
  int (*real)(uv_write_t *, uv_stream_t *, const uv_buf_t *, unsigned, uv_write_cb);
  if (writes_fail) return UV_EPIPE;
  *(void **)&real = dlsym(RTLD_NEXT, "uv_write");
  return real(req, stream, bufs, n, done);
}

static void start_with(const char *names, long until_s) {
  tls_end_make_trust(&trust, names, until_s);
  lo_start(&l, AF_INET, SOCK_STREAM);
  struct tls_expect expect = {.name = "dns.test"};
  l.channel = up_tcp_new_tls(&l.loop, &l.server, &expect, trust.context, &l.counters, &l.random);
  p = probes_new(&l, MANY);
  for (unsigned i = 0; i < MANY; i++) {
    p[i].x.rto_ms = 140;
    p[i].x.query_opts = (struct exchange_opts){.edns = true, .transport = TRANSPORT_TLS};
  }
  cr_assert(l.channel);
}

static void start(void) { start_with("DNS:dns.test", DAY); }

static void finish(void) {
  for (unsigned i = 0; i < MANY; i++) channel_drop(&p[i].x);
  free(p);
  lo_end(&l);
  tls_end_free_trust(&trust);
}

TestSuite(up_tls);

/* ---- the server's end ---- */

struct end {
  struct tls_end tls;
  size_t len;
  uint8_t in[1 << 16];
};

/* False: the channel has closed the connection. */
static bool carry(struct end *e) {
  bool was_open = SSL_is_init_finished(e->tls.tls.ssl), is_open = tls_end_carry(&e->tls);
  int n = was_open ? SSL_read(e->tls.tls.ssl, e->in + e->len, (int)(sizeof e->in - e->len)) : 0;
  if (n > 0) e->len += (size_t)n;
  return is_open;
}

static void end_accept(struct end *e) {
  e->len = 0;
  tls_end_accept(&e->tls, &l, &trust.own, "dot");
}

static void end_close(struct end *e) { tls_end_close(&e->tls); }

/* Accepts, and shakes hands. */
static void end_meet(struct end *e) {
  end_accept(e);
  tls_end_shake(&e->tls);
  for (unsigned i = 0; i < 5; i++) carry(e);
}

static void end_get(struct end *e, struct framed *f) {
  size_t took = 0;
  for (unsigned i = 0; i < 200 && !(took = frame_next(e->in, e->len, &f->len)); i++) carry(e);
  cr_assert_gt(took, 0, "no question came");
  memcpy(f->frame, e->in, took);
  e->len -= took;
  memmove(e->in, e->in + took, e->len);
}

static void end_answer(struct end *e, struct framed *f) {
  reply_make(framed_msg(f));
  cr_assert_eq(SSL_write(e->tls.tls.ssl, f->frame, (int)(FRAME_HEAD + f->len)), (int)(FRAME_HEAD + f->len));
  carry(e);
}

static void until_called(struct end *e, unsigned n, unsigned want) {
  for (unsigned i = 0; i < 200 && probes_called(p, n) < want; i++) carry(e);
  cr_assert_eq(probes_called(p, n), want);
}

/* ---- the tests ---- */

static struct end end, second;
static struct framed f;

Test(up_tls, asks_many_questions_over_one_connection) {
  start();
  for (unsigned i = 0; i < MANY; i++) cr_assert_eq(probe_ask(&p[i]), ERR_NONE);
  end_meet(&end);
  for (unsigned i = 0; i < MANY; i++) {
    end_get(&end, &f);
    end_answer(&end, &f);
  }
  until_called(&end, MANY, MANY);
  for (unsigned i = 0; i < MANY; i++) cr_expect(p[i].outcome == ERR_NONE && p[i].x.connects);
  cr_expect(nobody_connects(&l));
  cr_expect_eq(l.counters.upstream_tls, MANY);
  cr_expect_eq(l.counters.tls_handshakes, 1);
  end_close(&end);
  finish();
}

static void expect_refusal(enum err why) {
  const struct channel_facts *facts = l.channel->ops->facts(l.channel);
  cr_assert_eq(probe_ask(&p[0]), ERR_NONE);
  end_accept(&end);
  for (unsigned i = 0; i < 200 && !p[0].called; i++) carry(&end);
  cr_expect(p[0].called == 1 && p[0].outcome == why, "%s", err_word(p[0].outcome));
  cr_expect_eq(end.len, 0, "nothing of the question was seen");
  cr_expect(facts->failed == why && facts->peer.has_pin && l.counters.tls_refused == 1);
  cr_expect_eq(l.counters.upstream_tls, 0);
  cr_expect_eq(probe_ask(&p[1]), why, "at once, without another connection");
  lo_skip_ms(250);
  cr_expect_eq(probe_ask(&p[1]), ERR_NONE, "and then it is tried again");
  end_close(&end);
  finish();
}

Test(up_tls, asks_nothing_of_another_server) {
  start_with("DNS:other.test", DAY);
  expect_refusal(ERR_CERT_NAME);
}

Test(up_tls, asks_nothing_of_a_server_whose_certificate_has_expired) {
  start_with("DNS:dns.test", -DAY);
  expect_refusal(ERR_CERT_EXPIRED);
}

Test(up_tls, names_a_closed_port_and_what_does_not_answer) {
  start();
  cr_assert_eq(probe_ask(&p[0]), ERR_NONE);
  end_accept(&end);
  lo_turns(&l, 2);
  lo_skip_ms(850);
  lo_turns(&l, 3);
  cr_expect(p[0].called == 1 && p[0].outcome == ERR_TLS, "%s", err_word(p[0].outcome));
  end_close(&end);
  lo_close_server(&l);
  lo_skip_ms(300);
  cr_assert_eq(probe_ask(&p[1]), ERR_NONE);
  lo_turns(&l, 10);
  cr_expect(p[1].called == 1 && p[1].outcome == ERR_UNREACHABLE, "%s", err_word(p[1].outcome));
  finish();
}

Test(up_tls, is_connected_before_it_is_asked_and_resumes_what_the_server_closed) {
  start();
  l.channel->ops->warm(l.channel, clock_ms());
  end_meet(&end);
  const struct channel_facts *facts = l.channel->ops->facts(l.channel);
  cr_expect(facts->open == 1 && facts->handshakes == 1 && !facts->is_resumed);
  cr_expect_str_eq(facts->version, "TLSv1.3");

  cr_assert_eq(probe_ask(&p[0]), ERR_NONE);
  cr_expect_not(p[0].x.connects);
  end_get(&end, &f);
  end_answer(&end, &f);
  until_called(&end, 1, 1);

  close(end.tls.fd); /* idle */
  lo_turns(&l, 5);
  cr_expect_eq(l.channel->ops->facts(l.channel)->open, 0);
  cr_assert_eq(probe_ask(&p[1]), ERR_NONE);
  server_close(&end.tls.tls);
  end_meet(&end);
  end_get(&end, &f);
  end_answer(&end, &f);
  until_called(&end, 2, 2);
  cr_expect(p[1].outcome == ERR_NONE && facts->failed == ERR_NONE && facts->handshakes == 2);
  end_close(&end);
  finish();
}

Test(up_tls, asks_again_what_the_server_closes_upon) {
  start();
  l.channel->ops->warm(l.channel, clock_ms());
  end_meet(&end);
  cr_assert_eq(probe_ask(&p[0]), ERR_NONE);
  cr_assert_eq(probe_ask(&p[1]), ERR_NONE);
  end_get(&end, &f);
  end_close(&end); /* nothing was answered on it yet */
  end_meet(&end);
  end_get(&end, &f);
  end_answer(&end, &f);
  until_called(&end, 2, 1);
  end_close(&end); /* behind one answer */
  end_meet(&end);
  end_get(&end, &f);
  end_answer(&end, &f);
  until_called(&end, 2, 2);
  cr_expect(p[0].outcome == ERR_NONE && p[1].outcome == ERR_NONE);
  end_close(&end);
  finish();
}

Test(up_tls, opens_a_second_connection_beside_a_silent_one_and_leaves_that) {
  start();
  l.channel->ops->warm(l.channel, clock_ms());
  end_meet(&end);
  cr_assert_eq(probe_ask(&p[0]), ERR_NONE);
  end_get(&end, &f);
  lo_skip_ms(100);
  cr_assert_eq(probe_ask(&p[1]), ERR_NONE);
  end_get(&end, &f);
  cr_expect(nobody_connects(&l), "not yet");
  lo_skip_ms(60);
  cr_assert_eq(probe_ask(&p[2]), ERR_NONE);
  end_meet(&second);
  end_get(&second, &f);
  end_answer(&second, &f);
  until_called(&second, 3, 1);
  cr_expect_eq(p[2].called, 1);

  for (unsigned i = 0; i < 2; i++) { /* the two of before come here as well */
    end_get(&second, &f);
    end_answer(&second, &f);
  }
  until_called(&second, 3, 3);
  unsigned turns = 0;
  while (turns < 20 && carry(&end)) turns++;
  cr_expect_lt(turns, 20, "and it is closed");
  end_close(&end);
  end_close(&second);
  finish();
}

Test(up_tls, a_second_connection_that_fails_takes_no_question_with_it) {
  start();
  l.channel->ops->warm(l.channel, clock_ms());
  end_meet(&end);
  struct framed slow;
  cr_assert_eq(probe_ask(&p[0]), ERR_NONE);
  end_get(&end, &slow);
  lo_skip_ms(160);
  cr_assert_eq(probe_ask(&p[1]), ERR_NONE);
  struct peer refused;
  peer_accept(&refused, &l);
  peer_close(&refused); /* the server allows one connection a client */
  end_get(&end, &f);
  cr_expect_eq(probes_called(p, 2), 0, "the first one has both");

  cr_assert_eq(probe_ask(&p[2]), ERR_NONE);
  cr_expect(nobody_connects(&l), "not once more at once");
  end_answer(&end, &slow);
  end_answer(&end, &f);
  end_get(&end, &f);
  end_answer(&end, &f);
  until_called(&end, 3, 3);
  for (unsigned i = 0; i < 3; i++) cr_expect_eq(p[i].outcome, ERR_NONE, "%s", err_word(p[i].outcome));
  end_close(&end);
  finish();
}

Test(up_tls, names_a_connect_that_fails_at_once_and_lets_the_server_rest) {
  start();
  const struct channel_facts *facts = l.channel->ops->facts(l.channel);
  lo_watches_end(true, 0);
  cr_expect_eq(probe_ask(&p[0]), ERR_UNREACHABLE);
  cr_expect(facts->failed == ERR_UNREACHABLE && l.counters.tls_failed == 1);
  lo_watches_end(false, 0);
  cr_expect_eq(probe_ask(&p[0]), ERR_UNREACHABLE, "and is left alone for a moment");
  cr_expect_eq(l.counters.tls_failed, 1);
  lo_turns(&l, 2);
  lo_skip_ms(250);
  cr_expect_eq(probe_ask(&p[0]), ERR_NONE);
  finish();
}

/* The server cuts each connection's last answer in its midst. */
Test(up_tls, an_answer_that_is_cut_twice_is_asked_for_again) {
  start();
  cr_assert_eq(probe_ask(&p[0]), ERR_NONE);
  for (unsigned i = 1; i <= 3; i++) {
    cr_assert_eq(probe_ask(&p[i]), ERR_NONE);
    end_meet(&end);
    struct framed mine, others;
    end_get(&end, &mine);
    end_get(&end, &others);
    if (question_number(framed_msg(&mine)) != 0) {
      f = mine;
      mine = others;
      others = f;
    }
    end_answer(&end, &others);
    until_called(&end, i + 1, i);
    reply_make(framed_msg(&mine));
    SSL_write(end.tls.tls.ssl, mine.frame, (int)(FRAME_HEAD + mine.len / 2));
    carry(&end);
    end_close(&end);
    lo_turns(&l, 3);
  }
  end_meet(&end);
  end_get(&end, &f);
  end_answer(&end, &f);
  until_called(&end, 4, 4);
  cr_expect_eq(p[0].outcome, ERR_NONE);
  end_close(&end);
  finish();
}

Test(up_tls, a_server_that_closes_behind_each_handshake_is_left_alone_for_longer_and_longer) {
  start();
  uint32_t rest_ms = 250;
  for (unsigned i = 0; i < 2; i++, rest_ms *= 2) {
    p[i].called = 0;
    cr_assert_eq(probe_ask(&p[i]), ERR_NONE);
    for (unsigned k = 0; k < 2; k++) { /* once more at once, since it may have closed an idle one */
      end_meet(&end);
      end_close(&end);
      lo_turns(&l, 3);
    }
    cr_assert_eq(p[i].called, 1);
    cr_expect_eq(p[i].outcome, ERR_TCP);
    lo_skip_ms(rest_ms - 20);
    cr_expect_eq(probe_ask(&p[9]), ERR_TCP, "it rests");
    lo_skip_ms(20);
  }
  finish();
}

/* An answer that says how long an idle connection is kept, in units of 100 ms (RFC 7828). */
static void end_answer_keeping(struct end *e, struct framed *got, uint8_t units) {
  uint8_t option[] = {0, OPT_KEEPALIVE, 0, 2, 0, units};
  uint8_t *msg = framed_msg(got);
  struct msg m;
  size_t len = DNS_HEADER;
  while (msg[len]) len += 1u + msg[len];
  msg_start(&m, (uint16_t)((DNS_QR | DNS_RD) << 8 | DNS_RA));
  memcpy(m.octets, msg, 2);
  msg_put(&m, msg + DNS_HEADER, len + 5 - DNS_HEADER);
  msg_set_count(&m, 0, 1);
  msg_opt(&m, DNS_UDP_OURS, 0, false, option, sizeof option);
  got->len = m.len;
  store_u16(got->frame, (uint16_t)m.len);
  memcpy(msg, m.octets, m.len);
  SSL_write(e->tls.tls.ssl, got->frame, (int)(FRAME_HEAD + got->len));
  carry(e);
}

static void ask_on_a_new_connection(unsigned i, uint8_t units) {
  cr_assert_eq(probe_ask(&p[i]), ERR_NONE);
  end_meet(&end);
  end_get(&end, &f);
  if (units) end_answer_keeping(&end, &f, units);
  else end_answer(&end, &f);
  until_called(&end, i + 1, i + 1);
}

Test(up_tls, a_time_that_the_server_gives_leaves_what_was_learnt_as_it_is) {
  start();
  const struct channel_facts *facts = l.channel->ops->facts(l.channel);
  ask_on_a_new_connection(0, 0);
  lo_skip_ms(4000);
  end_close(&end); /* idle: the next ones are closed after 3.6 s */
  lo_turns(&l, 5);
  ask_on_a_new_connection(1, 10);
  lo_skip_ms(1050);
  lo_turns(&l, 5);
  l.channel->ops->facts(l.channel);
  cr_expect_eq(facts->open, 0, "as the server says");
  end_close(&end);
  ask_on_a_new_connection(2, 0);
  lo_skip_ms(3700);
  lo_turns(&l, 5);
  l.channel->ops->facts(l.channel);
  cr_expect_eq(facts->open, 0, "as was learnt");
  end_close(&end);
  finish();
}

Test(up_tls, what_cannot_be_sent_is_asked_again_at_once) {
  start();
  l.channel->ops->warm(l.channel, clock_ms());
  end_meet(&end);
  cr_assert_eq(probe_ask(&p[0]), ERR_NONE);
  writes_fail = true;
  lo_flush(&l);
  writes_fail = false;
  end_meet(&second); /* though the server has closed nothing */
  struct end first = end;
  end = second;
  end_get(&end, &f);
  end_answer(&end, &f);
  until_called(&end, 1, 1);
  cr_expect_eq(p[0].outcome, ERR_NONE);
  end_close(&first);
  end_close(&end);
  finish();
}
