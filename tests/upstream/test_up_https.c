/* test_up_https.c: questions over HTTPS to a server of the test's own: one connection, what it leaves over is
 * asked again, what it says later to is not, and what it does amiss costs that question alone. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "upstream/h2_server.h"
#include "upstream/tls_end.h"
#include "upstream/up_https.h"

enum { MANY = 40, RTO_MS = 140 };

static struct lo l;
static struct probe *p; /* MANY */
static struct tls_end_trust trust;
static struct http2_library *library;
static uint8_t said[H2_OUT];

/* The server's end of one connection: TLS, and HTTP/2 in it. */
struct web {
  struct tls_end tls;
  struct h2_server http;
  bool is_open;
};

static struct web web, second;

static void start(void) {
  signal(SIGPIPE, SIG_IGN); /* as the daemon does */
  tls_end_make_trust(&trust, "DNS:dns.test", DAY);
  library = http2_load(stderr);
  cr_assert(library);
  lo_start(&l, AF_INET, SOCK_STREAM);
  struct tls_expect expect = {.name = "dns.test"};
  struct up_https_server server = {&l.server, &expect, "/dns-query"};
  l.channel = up_https_new(&l.loop, &server, trust.context, library, &l.counters);
  cr_assert(l.channel);
  p = probes_new(&l, MANY);
  for (unsigned i = 0; i < MANY; i++) {
    p[i].x.rto_ms = RTO_MS;
    p[i].x.query_opts = (struct exchange_opts){.edns = true, .transport = TRANSPORT_HTTPS};
  }
}

static void close_web(struct web *w) {
  if (!w->is_open) return;
  w->is_open = false;
  h2_server_stop(&w->http);
  tls_end_close(&w->tls);
}

static void finish(void) {
  for (unsigned i = 0; i < MANY; i++) channel_drop(&p[i].x);
  close_web(&web);
  close_web(&second);
  free(p);
  lo_end(&l);
  http2_unload(library);
  tls_end_free_trust(&trust);
}

TestSuite(up_https);

/* ---- the server's end ---- */

static void say(struct web *w, size_t len) {
  if (len) cr_assert_eq(SSL_write(w->tls.tls.ssl, said, (int)len), (int)len);
}

/* What one end has for the other. What the server has to say stays unsaid unless it may. */
static void hear(struct web *w) {
  uint8_t octets[16384];
  tls_end_carry(&w->tls);
  for (int n; (n = SSL_read(w->tls.tls.ssl, octets, sizeof octets)) > 0;)
    h2_server_put(&w->http, octets, (size_t)n);
}

static void carry(struct web *w) {
  hear(w);
  say(w, h2_server_take(&w->http, said));
}

/* Accepts, and shakes hands; requests are kept until the test answers them. */
static void meet(struct web *w) {
  *w = (struct web){.is_open = true};
  tls_end_accept(&w->tls, &l, &trust.own, "h2");
  h2_server_start(&w->http, 100);
  w->http.hold = true;
  tls_end_shake(&w->tls);
  for (unsigned i = 0; i < 5; i++) carry(w);
}

static void await(struct web *w, unsigned requests) {
  bool whole = false;
  for (unsigned i = 0; i < 200 && !whole; i++) {
    carry(w);
    whole = w->http.count == requests && w->http.seen[requests - 1].len;
  }
  cr_assert(whole, "%u of %u requests came", w->http.count, requests);
}

/* What is asked for turns into its reply. */
static void reply(struct web *w, unsigned nth) {
  reply_make(w->http.seen[nth].body);
  h2_server_answer(&w->http, nth);
}

static void until_called(struct web *w, unsigned n, unsigned want) {
  for (unsigned i = 0; i < 200 && probes_called(p, n) < want; i++) carry(w);
  cr_assert_eq(probes_called(p, n), want);
}

static void serve_one(struct web *w, unsigned of) {
  unsigned before = w->http.count;
  cr_assert_eq(probe_ask(&p[of]), ERR_NONE);
  await(w, before + 1);
  reply(w, before);
  for (unsigned i = 0; i < 200 && !p[of].called; i++) carry(w);
  cr_assert(p[of].called == 1 && p[of].outcome == ERR_NONE);
}

static void refuse(struct web *w, unsigned nth, uint32_t error) {
  cr_assert_eq(nghttp2_submit_rst_stream(w->http.session, 0, w->http.seen[nth].stream, error), 0);
}

static const struct channel_facts *facts(void) { return l.channel->ops->facts(l.channel); }

/* ---- the tests ---- */

Test(up_https, asks_many_questions_over_one_connection_and_in_any_order) {
  start();
  for (unsigned i = 0; i < MANY; i++) cr_assert_eq(probe_ask(&p[i]), ERR_NONE);
  meet(&web);
  await(&web, MANY);
  for (unsigned i = MANY; i-- > 0;) reply(&web, i);
  until_called(&web, MANY, MANY);
  for (unsigned i = 0; i < MANY; i++) {
    const struct h2_seen *seen = &web.http.seen[i];
    cr_expect(p[i].outcome == ERR_NONE && p[i].x.connects);
    cr_expect(load_u16(seen->body) == 0 && load_u16(seen->body + 4) == 1);
    cr_expect_str_eq(seen->path, "/dns-query");
  }
  cr_expect(nobody_connects(&l));
  cr_expect(l.counters.upstream_https == MANY && l.counters.tls_handshakes == 1);
  finish();
}

Test(up_https, what_goaway_leaves_over_is_asked_again_and_the_rest_is_answered) {
  start();
  for (unsigned i = 0; i < 4; i++) cr_assert_eq(probe_ask(&p[i]), ERR_NONE);
  meet(&web);
  await(&web, 4);
  nghttp2_submit_goaway(web.http.session, 0, web.http.seen[1].stream, NGHTTP2_NO_ERROR, NULL, 0);
  for (unsigned i = 0; i < 5; i++) carry(&web);
  meet(&second);
  await(&second, 2);
  for (unsigned i = 0; i < 2; i++) reply(&second, i);
  until_called(&second, MANY, 2);
  for (unsigned i = 0; i < 2; i++) reply(&web, i);
  until_called(&web, MANY, 4);
  for (unsigned i = 0; i < 4; i++) cr_expect_eq(p[i].outcome, ERR_NONE);
  lo_turns(&l, 5);
  cr_expect_eq(facts()->open, 1, "the first one is closed");
  finish();
}

Test(up_https, a_refused_stream_is_asked_again_a_few_times) {
  start();
  cr_assert_eq(probe_ask(&p[0]), ERR_NONE);
  meet(&web);
  for (unsigned i = 0; i <= UP_HTTPS_AGAIN; i++) {
    cr_expect_eq(p[0].called, 0);
    await(&web, i + 1);
    refuse(&web, i, NGHTTP2_REFUSED_STREAM);
  }
  until_called(&web, 1, 1);
  cr_expect_neq(p[0].outcome, ERR_NONE);
  serve_one(&web, 1);
  cr_expect_eq(l.counters.tls_handshakes, 1);
  finish();
}

Test(up_https, a_stream_that_is_reset_fails_its_question_alone) {
  start();
  for (unsigned i = 0; i < 2; i++) cr_assert_eq(probe_ask(&p[i]), ERR_NONE);
  meet(&web);
  await(&web, 2);
  refuse(&web, 0, NGHTTP2_INTERNAL_ERROR);
  reply(&web, 1);
  until_called(&web, 2, 2);
  cr_expect(p[0].outcome == ERR_HTTP_ANSWER && p[1].outcome == ERR_NONE);
  finish();
}

/* Each connection answers one question, and then is cut one octet later in the answer to the next. */
Test(up_https, an_answer_cut_anywhere_is_asked_for_again) {
  start();
  size_t whole = 1;
  unsigned cuts = 0;
  for (size_t cut = 0; cut < whole; cut += 5, cuts++) {
    probe_make(&p[0], &l, 0);
    probe_make(&p[1], &l, 1);
    p[0].x.rto_ms = p[1].x.rto_ms = RTO_MS;
    cr_assert_eq(probe_ask(&p[0]), ERR_NONE);
    meet(&web);
    await(&web, 1);
    reply(&web, 0);
    until_called(&web, 1, 1);

    cr_assert_eq(probe_ask(&p[1]), ERR_NONE);
    await(&web, 2);
    reply(&web, 1);
    whole = h2_server_take(&web.http, said);
    say(&web, cut);
    for (unsigned i = 0; i < 3; i++) tls_end_carry(&web.tls);
    close_web(&web);

    meet(&second);
    await(&second, 1);
    reply(&second, 0);
    until_called(&second, 2, 2);
    cr_assert(p[0].outcome == ERR_NONE && p[1].outcome == ERR_NONE, "cut at %zu of %zu", cut, whole);
    close_web(&second);
    lo_turns(&l, 3);
  }
  cr_expect(cuts > 5 && l.counters.reply_cut > 0 && l.counters.reply_cut < cuts);
  finish();
}

/* Others are answered on each connection, so that each is of some use. */
Test(up_https, an_answer_that_is_cut_each_time_is_given_up) {
  start();
  cr_assert_eq(probe_ask(&p[0]), ERR_NONE);
  unsigned connections = 0;
  for (; !p[0].called && connections < 10; connections++) {
    unsigned other = connections + 1;
    cr_assert_eq(probe_ask(&p[other]), ERR_NONE);
    meet(&web);
    await(&web, 2);
    unsigned mine = question_number(web.http.seen[0].body) == 0 ? 0 : 1;
    reply(&web, !mine);
    for (unsigned i = 0; i < 200 && !p[other].called; i++) carry(&web);
    reply(&web, mine);
    size_t len = h2_server_take(&web.http, said);
    say(&web, len - 20);
    for (unsigned i = 0; i < 3; i++) tls_end_carry(&web.tls);
    close_web(&web);
    lo_turns(&l, 5);
  }
  cr_expect(p[0].called == 1 && p[0].outcome == ERR_TCP);
  cr_expect_eq(connections, 1 + UP_HTTPS_AGAIN);
  cr_expect_eq(l.counters.reply_cut, connections);
  finish();
}

/* How long after that the server is asked again. */
static void expect_rest(const char *status, const char *retry_after, uint32_t rest_ms) {
  start();
  cr_assert_eq(probe_ask(&p[0]), ERR_NONE);
  meet(&web);
  await(&web, 1);
  web.http.status = status;
  web.http.retry_after = retry_after;
  h2_server_answer(&web.http, 0);
  until_called(&web, 1, 1);
  web.http.status = web.http.retry_after = NULL;
  cr_expect(p[0].outcome == ERR_HTTP && facts()->status == (unsigned)atoi(status));
  lo_skip_ms(rest_ms - 10);
  cr_expect_eq(probe_ask(&p[1]), ERR_HTTP, "at once, and it is not asked");
  lo_skip_ms(20);
  cr_expect_eq(probe_ask(&p[1]), ERR_NONE);
  finish();
}

Test(up_https, a_server_that_says_later_rests_for_as_long_as_it_says) { expect_rest("429", "7", 7000); }
Test(up_https, a_server_that_does_not_say_how_long_rests_for_a_second) {
  expect_rest("503", NULL, UP_HTTPS_REST_MS);
}
Test(up_https, a_server_that_says_tomorrow_rests_for_a_minute) {
  expect_rest("503", "86400", UP_HTTPS_REST_MAX_MS);
}

Test(up_https, another_status_fails_the_question_and_the_next_success_ends_that) {
  start();
  cr_assert_eq(probe_ask(&p[0]), ERR_NONE);
  meet(&web);
  await(&web, 1);
  web.http.status = "404";
  h2_server_answer(&web.http, 0);
  until_called(&web, 1, 1);
  web.http.status = NULL;
  cr_expect(p[0].outcome == ERR_HTTP_ANSWER && facts()->status == 404);
  serve_one(&web, 1);
  cr_expect_eq(facts()->status, 0);
  finish();
}

Test(up_https, another_content_or_the_reply_to_another_question_is_no_answer) {
  start();
  for (unsigned i = 0; i < 2; i++) cr_assert_eq(probe_ask(&p[i]), ERR_NONE);
  meet(&web);
  await(&web, 2);
  web.http.content_type = "text/html";
  reply(&web, 0);
  for (unsigned i = 0; i < 3; i++) carry(&web);
  web.http.content_type = NULL;
  memcpy(web.http.seen[1].body, web.http.seen[0].body, web.http.seen[0].len);
  h2_server_answer(&web.http, 1);
  until_called(&web, 2, 2);
  cr_expect(p[0].outcome == ERR_HTTP_ANSWER && p[1].outcome == ERR_HTTP_ANSWER);
  cr_expect_eq(l.counters.reply_wrong, 2);
  finish();
}

/* An answer of one record, in place of the OPT that the question has behind its name. */
static size_t add_record(uint8_t *msg, uint32_t ttl_s) {
  size_t at = DNS_HEADER;
  while (msg[at]) at += msg[at] + 1u;
  at += 5;
  memcpy(msg + at, "\300\14\0\1\0\1\0\0\0\0\0\4\300\0\2\1", 16);
  store_u32(msg + at + 6, ttl_s);
  store_u16(msg + 6, 1);
  store_u16(msg + 10, 0);
  return at + 16;
}

Test(up_https, age_is_taken_from_ttls) {
  start();
  cr_assert_eq(probe_ask(&p[0]), ERR_NONE);
  meet(&web);
  await(&web, 1);
  web.http.age = "100";
  web.http.seen[0].len = add_record(web.http.seen[0].body, 300);
  reply(&web, 0);
  until_called(&web, 1, 1);
  cr_expect_eq(p[0].outcome, ERR_NONE);
  cr_expect_eq(load_u32(p[0].msg + p[0].len - 10), 200);
  finish();
}

Test(up_https, a_question_larger_than_the_servers_window_leaves_in_pieces) {
  start();
  l.channel->ops->warm(l.channel, clock_ms());
  meet(&web);
  nghttp2_settings_entry entry = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 16};
  cr_assert_eq(nghttp2_submit_settings(web.http.session, 0, &entry, 1), 0);
  for (unsigned i = 0; i < 5; i++) carry(&web);
  for (unsigned i = 0; i < 3; i++) {
    cr_assert_eq(probe_ask(&p[i]), ERR_NONE);
    await(&web, i + 1);
    for (unsigned k = 0; k < 20; k++) carry(&web);
    cr_expect_gt(web.http.seen[i].len, 16);
    reply(&web, i);
    until_called(&web, 3, i + 1);
    cr_expect_eq(p[i].outcome, ERR_NONE);
  }
  finish();
}

Test(up_https, a_silent_connection_is_pinged_and_left_for_a_second_one_that_answers) {
  start();
  cr_assert_eq(probe_ask(&p[0]), ERR_NONE);
  meet(&web);
  serve_one(&web, 1);
  cr_assert_eq(probe_ask(&p[2]), ERR_NONE);
  await(&web, 3);
  lo_skip_ms(RTO_MS / 2 + 5);
  for (unsigned i = 0; i < 5; i++) hear(&web);
  cr_expect_eq(web.http.pings, 1);
  lo_skip_ms(RTO_MS);
  cr_assert_eq(probe_ask(&p[3]), ERR_NONE);
  meet(&second);
  await(&second, 3);
  for (unsigned i = 0; i < 3; i++) reply(&second, i);
  until_called(&second, MANY, 4);
  for (unsigned i = 0; i < 4; i++) cr_expect_eq(p[i].outcome, ERR_NONE);
  cr_expect_eq(facts()->open, 1);
  finish();
}

Test(up_https, a_slow_answer_is_waited_for_while_pings_are_answered) {
  start();
  cr_assert_eq(probe_ask(&p[0]), ERR_NONE);
  meet(&web);
  await(&web, 1);
  for (unsigned i = 0; i < 8; i++) {
    lo_skip_ms(RTO_MS / 2 + 5);
    for (unsigned k = 0; k < 5; k++) carry(&web);
  }
  cr_expect(web.http.pings >= 4 && p[0].called == 0 && nobody_connects(&l));
  reply(&web, 0);
  until_called(&web, 1, 1);
  cr_expect_eq(p[0].outcome, ERR_NONE);
  finish();
}

Test(up_https, a_dropped_question_resets_its_stream_and_no_other) {
  start();
  for (unsigned i = 0; i < 2; i++) cr_assert_eq(probe_ask(&p[i]), ERR_NONE);
  meet(&web);
  await(&web, 2);
  channel_drop(&p[0].x);
  for (unsigned i = 0; i < 5; i++) carry(&web);
  cr_expect_eq(web.http.resets, 1);
  reply(&web, 1);
  until_called(&web, 2, 1);
  cr_expect(p[1].outcome == ERR_NONE && p[0].called == 0);
  finish();
}

/* It takes connections and serves nothing on them. */
Test(up_https, a_server_that_closes_upon_each_question_rests) {
  start();
  cr_assert_eq(probe_ask(&p[0]), ERR_NONE);
  unsigned connections = 0;
  for (; !p[0].called && connections < 10; connections++) {
    meet(&web);
    await(&web, 1);
    close_web(&web);
    lo_turns(&l, 5);
  }
  cr_expect(p[0].called == 1 && p[0].outcome == ERR_TCP);
  cr_expect_eq(connections, UP_HTTPS_AGAIN);
  cr_expect_eq(probe_ask(&p[1]), ERR_TCP, "at once, without another connection");
  lo_skip_ms(251);
  cr_expect_eq(probe_ask(&p[1]), ERR_NONE);
  finish();
}
