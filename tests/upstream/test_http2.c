/* HTTP/2 as a machine, against nghttp2's own server in memory, and against frames written by hand. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "upstream/h2_server.h"
#include "upstream/http2.h"

static const struct http2_target target = {"dns.test", "/dns-query"};

static struct http2_library *library;
static struct http2 *client;
static struct h2_server server;
static uint8_t said[H2_OUT]; /* by the server, not yet put */
static size_t said_len;

static void set_up(void) {
  library = http2_load(stderr);
  must(library);
  client = http2_new(library, &target);
  h2_server_start(&server, 100);
}

static void tear_down(void) {
  http2_abandon(client);
  while (http2_finished(client)) continue;
  http2_free(client);
  h2_server_stop(&server);
  http2_unload(library);
}

TestSuite(http2, .init = set_up, .fini = tear_down);

static void to_server(void) {
  size_t len;
  for (const uint8_t *octets; (octets = http2_take(client, &len));) h2_server_put(&server, octets, len);
}

/* Carries both ways, what the server says in pieces, until nobody has anything to say. */
static void carry_in(size_t piece) {
  do {
    to_server();
    said_len = h2_server_take(&server, said);
    for (size_t at = 0; at < said_len; at += piece)
      http2_put(client, said + at, said_len - at < piece ? said_len - at : piece);
  } while (said_len);
}

static void carry(void) { carry_in(H2_OUT); }

static struct http2_request ask(const char *question) {
  return (struct http2_request){.question = (const uint8_t *)question, .len = strlen(question)};
}

/* A frame's head (RFC 9113 section 4.1) and so many octets of 0. */
static size_t put_frame(uint8_t *out, size_t len, uint8_t type, uint8_t flags, uint32_t stream) {
  const uint8_t head[9] = {
      (uint8_t)(len >> 16),    (uint8_t)(len >> 8),     (uint8_t)len,           type,           flags,
      (uint8_t)(stream >> 24), (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream};
  memcpy(out, head, sizeof head);
  memset(out + sizeof head, 0, len);
  return sizeof head + len;
}

Test(http2, a_question_is_posted_and_its_answer_comes_back) {
  struct http2_request r = ask("a question");
  http2_ask(client, &r);
  carry();
  cr_assert_eq(http2_finished(client), &r);
  cr_assert_null(http2_finished(client));
  cr_assert_eq(r.outcome, HTTP2_REPLIED);
  cr_assert_eq(r.status, 200);
  cr_assert(r.is_dns);
  cr_assert_eq(r.body_len, 10);
  cr_assert_arr_eq(r.body, "a question", 10);

  cr_assert_str_eq(server.seen[0].method, "POST");
  cr_assert_str_eq(server.seen[0].path, "/dns-query");
  cr_assert_str_eq(server.seen[0].authority, "dns.test");
  cr_assert_str_eq(server.seen[0].content_type, "application/dns-message");
  http2_request_free(&r);
}

Test(http2, an_answer_is_the_same_wherever_the_stream_is_cut) {
  for (size_t piece = 1; piece < 80; piece++) {
    struct http2_request r = ask("cut"), other = ask("another");
    server.age = "12";
    http2_ask(client, &r);
    http2_ask(client, &other);
    carry_in(piece);
    cr_assert_eq(http2_finished(client), &r);
    cr_assert_eq(http2_finished(client), &other);
    cr_assert(r.outcome == HTTP2_REPLIED && r.age_s == 12 && r.body_len == 3);
    http2_request_free(&r);
    http2_request_free(&other);
  }
}

Test(http2, answers_out_of_order_find_their_questions) {
  struct http2_request a = ask("a"), b = ask("bb");
  server.hold = true;
  http2_ask(client, &a);
  http2_ask(client, &b);
  carry();
  h2_server_answer(&server, 1);
  carry();
  cr_assert_eq(http2_finished(client), &b);
  h2_server_answer(&server, 0);
  carry();
  cr_assert_eq(http2_finished(client), &a);
  cr_assert(a.body_len == 1 && b.body_len == 2);
  http2_request_free(&a);
  http2_request_free(&b);
}

Test(http2, no_more_streams_are_open_than_the_server_allows) {
  static struct http2_request r[200];
  h2_server_stop(&server);
  h2_server_start(&server, 3);
  carry(); /* its settings */
  for (unsigned i = 0; i < 200; i++) {
    r[i] = ask("x");
    http2_ask(client, &r[i]);
  }
  carry();
  for (unsigned i = 0; i < 200; i++) {
    cr_assert_eq(http2_finished(client), &r[i]);
    cr_assert_eq(r[i].outcome, HTTP2_REPLIED);
    http2_request_free(&r[i]);
  }
  cr_assert_eq(server.most_open, 3);
}

Test(http2, at_most_a_hundred_streams_are_open_whatever_the_server_allows) {
  static struct http2_request r[150];
  h2_server_stop(&server);
  h2_server_start(&server, 100000);
  server.hold = true;
  carry();
  for (unsigned i = 0; i < 150; i++) {
    r[i] = ask("x");
    http2_ask(client, &r[i]);
  }
  carry();
  cr_assert_eq(server.count, HTTP2_STREAMS);
  cr_assert_eq(http2_open(client), 150);
}

Test(http2, a_status_and_what_it_says_of_later_is_handed_on) {
  struct http2_request r = ask("x");
  server.status = "429";
  server.retry_after = "30";
  server.content_type = "text/html";
  http2_ask(client, &r);
  carry();
  cr_assert_eq(http2_finished(client), &r);
  cr_assert(r.outcome == HTTP2_REPLIED && r.status == 429 && r.retry_after_s == 30 && !r.is_dns);
  http2_request_free(&r);
}

Test(http2, the_largest_message_comes_whole_and_one_octet_more_is_refused) {
  struct http2_request r = ask("x"), more = ask("y"), after = ask("z");
  server.body_len = HTTP2_BODY_MAX;
  http2_ask(client, &r);
  carry();
  cr_assert_eq(http2_finished(client), &r);
  cr_assert(r.outcome == HTTP2_REPLIED && r.body_len == HTTP2_BODY_MAX);
  http2_request_free(&r);

  server.body_len = HTTP2_BODY_MAX + 1;
  http2_ask(client, &more);
  carry();
  cr_assert_eq(http2_finished(client), &more);
  cr_assert_eq(more.outcome, HTTP2_BAD);
  http2_request_free(&more);

  server.body_len = 0; /* the connection goes on */
  http2_ask(client, &after);
  carry();
  cr_assert_eq(http2_finished(client), &after);
  cr_assert_eq(after.outcome, HTTP2_REPLIED);
  http2_request_free(&after);
}

Test(http2, a_header_of_too_many_fields_is_refused_alone) {
  struct http2_request r = ask("x"), after = ask("y");
  server.extra_fields = HTTP2_FIELDS_MAX;
  http2_ask(client, &r);
  carry();
  cr_assert_eq(http2_finished(client), &r);
  cr_assert_eq(r.outcome, HTTP2_BAD);
  http2_request_free(&r);

  server.extra_fields = 0;
  http2_ask(client, &after);
  carry();
  cr_assert_eq(http2_finished(client), &after);
  cr_assert_eq(after.outcome, HTTP2_REPLIED);
  http2_request_free(&after);
}

Test(http2, a_refused_stream_was_not_looked_at) {
  struct http2_request r = ask("x");
  server.hold = true;
  http2_ask(client, &r);
  carry();
  nghttp2_submit_rst_stream(server.session, NGHTTP2_FLAG_NONE, server.seen[0].stream, NGHTTP2_REFUSED_STREAM);
  carry();
  cr_assert_eq(http2_finished(client), &r);
  cr_assert_eq(r.outcome, HTTP2_UNTOUCHED);
  cr_assert_not(http2_is_leaving(client));
}

Test(http2, a_reset_stream_is_named) {
  struct http2_request r = ask("x");
  server.hold = true;
  http2_ask(client, &r);
  carry();
  nghttp2_submit_rst_stream(server.session, NGHTTP2_FLAG_NONE, server.seen[0].stream, NGHTTP2_INTERNAL_ERROR);
  carry();
  cr_assert_eq(http2_finished(client), &r);
  cr_assert(r.outcome == HTTP2_BAD && r.error == NGHTTP2_INTERNAL_ERROR);
}

Test(http2, goaway_gives_back_what_is_above_its_last_stream_and_waits_for_the_rest) {
  struct http2_request a = ask("a"), b = ask("b"), later = ask("c");
  server.hold = true;
  http2_ask(client, &a);
  http2_ask(client, &b);
  carry();
  nghttp2_submit_goaway(server.session, NGHTTP2_FLAG_NONE, server.seen[0].stream, NGHTTP2_NO_ERROR, NULL, 0);
  carry();
  cr_assert(http2_is_leaving(client));
  cr_assert_eq(http2_finished(client), &b);
  cr_assert_eq(b.outcome, HTTP2_UNTOUCHED);
  cr_assert_null(http2_finished(client));

  http2_ask(client, &later);
  carry();
  cr_assert_eq(http2_finished(client), &later);
  cr_assert_eq(later.outcome, HTTP2_UNTOUCHED);

  h2_server_answer(&server, 0);
  carry();
  cr_assert_eq(http2_finished(client), &a);
  cr_assert_eq(a.outcome, HTTP2_REPLIED);
  http2_request_free(&a);
  to_server();
  cr_assert(http2_is_over(client));
}

Test(http2, requests_that_never_left_are_untouched_when_the_connection_ends) {
  struct http2_request a = ask("a"), b = ask("b");
  h2_server_stop(&server);
  h2_server_start(&server, 1);
  server.hold = true;
  carry();
  http2_ask(client, &a);
  http2_ask(client, &b);
  carry();
  http2_abandon(client);
  cr_assert_eq(http2_finished(client), &b);
  cr_assert_eq(http2_finished(client), &a);
  cr_assert(a.outcome == HTTP2_LOST && !a.was_cut && b.outcome == HTTP2_UNTOUCHED);
}

Test(http2, requests_that_goaway_catches_half_way_out_are_untouched_once) {
  static struct http2_request r[20];
  size_t len;
  carry();
  for (unsigned i = 0; i < 20; i++) {
    r[i] = ask("a");
    http2_ask(client, &r[i]);
  }
  const uint8_t *first = http2_take(client, &len); /* the others wait in nghttp2 */
  h2_server_put(&server, first, len);
  nghttp2_submit_goaway(server.session, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL, 0);
  said_len = h2_server_take(&server, said);
  http2_put(client, said, said_len);
  while (http2_take(client, &len)) continue;
  http2_abandon(client);
  unsigned n = 0;
  for (struct http2_request *done; (done = http2_finished(client)); n++)
    cr_assert_eq(done->outcome, HTTP2_UNTOUCHED);
  cr_assert_eq(n, 20);
  cr_assert_eq(http2_open(client), 0);
}

Test(http2, a_dropped_request_resets_its_stream_and_its_answer_is_ignored) {
  struct http2_request sent = ask("a"), unsent = ask("b"), done = ask("c"), after = ask("d");
  server.hold = true;
  http2_ask(client, &sent);
  carry();
  h2_server_answer(&server, 0);
  said_len = h2_server_take(&server, said);
  http2_drop(client, &sent);
  http2_ask(client, &unsent);
  http2_drop(client, &unsent);
  http2_put(client, said, said_len);
  cr_assert_null(http2_finished(client));
  carry();
  cr_assert_eq(server.count, 1);

  server.hold = false;
  http2_ask(client, &done);
  carry();
  http2_drop(client, &done); /* finished, and not fetched */
  http2_ask(client, &after);
  carry();
  cr_assert_eq(http2_finished(client), &after);
  cr_assert_eq(http2_open(client), 0);
  http2_request_free(&after);
}

Test(http2, a_question_waits_for_the_servers_window) {
  struct http2_request r = ask("a question of some octets");
  nghttp2_settings_entry entry = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 3};
  nghttp2_submit_settings(server.session, NGHTTP2_FLAG_NONE, &entry, 1);
  carry();
  http2_ask(client, &r);
  carry();
  cr_assert_eq(http2_finished(client), &r);
  cr_assert_eq(r.body_len, r.len);
  http2_request_free(&r);
}

Test(http2, a_ping_is_sent_and_pings_are_answered) {
  carry();
  http2_ping(client);
  carry();
  cr_assert_eq(server.pings, 1);
  nghttp2_submit_ping(server.session, NGHTTP2_FLAG_NONE, NULL);
  carry();
  cr_assert_not(http2_is_over(client));
}

static void flood(uint8_t type, size_t len, uint32_t stream) {
  uint8_t frame[64];
  carry();
  size_t n = put_frame(frame, len, type, 0, stream);
  if (type == NGHTTP2_WINDOW_UPDATE) frame[12] = 1;
  bool lives = true;
  for (unsigned i = 0; lives && i < 2 * HTTP2_IDLE_FRAMES; i++) {
    size_t taken;
    lives = http2_put(client, frame, n);
    while (http2_take(client, &taken)) continue;
  }
  cr_assert_not(lives);
  cr_assert_neq(http2_why(client)[0], 0);
}

Test(http2, a_flood_of_pings_ends_the_connection) { flood(NGHTTP2_PING, 8, 0); }
Test(http2, a_flood_of_settings_ends_the_connection) { flood(NGHTTP2_SETTINGS, 0, 0); }
Test(http2, a_flood_of_window_updates_ends_the_connection) { flood(NGHTTP2_WINDOW_UPDATE, 4, 0); }

/* nghttp2 passes over these without a word. */
Test(http2, a_flood_of_unknown_frames_ends_the_connection) {
  static uint8_t frame[9 + 16384];
  unsigned puts = 0;
  carry();
  size_t n = put_frame(frame, 16384, 0x77, 0, 0);
  while (http2_put(client, frame, n)) cr_assert_lt(++puts * n, 2 * HTTP2_IDLE_OCTETS);
}

Test(http2, a_flood_of_empty_data_ends_the_connection) {
  static struct http2_request r; /* outlives the test's body */
  r = ask("a");
  server.hold = true;
  http2_ask(client, &r);
  carry();
  server.body_len = 10;
  nghttp2_nv status = {(uint8_t[]){":status"}, (uint8_t[]){"200"}, 7, 3, NGHTTP2_NV_FLAG_NONE};
  nghttp2_submit_headers(server.session, NGHTTP2_FLAG_NONE, server.seen[0].stream, NULL, &status, 1, NULL);
  flood(NGHTTP2_DATA, 0, (uint32_t)server.seen[0].stream);
}

Test(http2, a_header_that_goes_on_and_on_ends_the_connection) {
  static struct http2_request r; /* outlives the test's body */
  r = ask("a");
  uint8_t frame[64];
  server.hold = true;
  http2_ask(client, &r);
  carry();
  size_t n = put_frame(frame, 0, NGHTTP2_HEADERS, 0, (uint32_t)server.seen[0].stream);
  http2_put(client, frame, n);
  n = put_frame(frame, 0, NGHTTP2_CONTINUATION, 0, (uint32_t)server.seen[0].stream);
  for (unsigned i = 0; i < 2 * HTTP2_IDLE_FRAMES && !http2_is_over(client); i++) {
    size_t taken;
    if (!http2_put(client, frame, n)) break;
    while (http2_take(client, &taken)) continue;
  }
  cr_assert(http2_is_over(client));
}

Test(http2, what_is_no_http2_ends_the_connection) {
  const char *other = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
  size_t taken;
  http2_put(client, (const uint8_t *)other, strlen(other));
  while (http2_take(client, &taken)) continue;
  cr_assert(http2_is_over(client));
  cr_assert_neq(http2_why(client)[0], 0);
}

Test(http2, a_promise_of_the_servers_ends_the_connection) {
  static struct http2_request r; /* outlives the test's body */
  r = ask("a");
  uint8_t frame[64];
  size_t taken;
  server.hold = true;
  http2_ask(client, &r);
  carry();
  size_t n = put_frame(frame, 4, NGHTTP2_PUSH_PROMISE, NGHTTP2_FLAG_END_HEADERS,
                       (uint32_t)server.seen[0].stream);
  frame[12] = 2;
  http2_put(client, frame, n);
  while (http2_take(client, &taken)) continue;
  cr_assert(http2_is_over(client));
}

/* ---- fields ---- */

static struct http2_request read_as(const char *name, const char *value) {
  struct http2_request r = {0};
  http2_read_field(&r, name, strlen(name), value, strlen(value));
  return r;
}

Test(http2_field, a_media_type_is_known_in_any_case_and_with_parameters) {
  cr_assert(read_as("content-type", "application/dns-message").is_dns);
  cr_assert(read_as("content-type", "Application/DNS-Message; charset=x").is_dns);
  cr_assert_not(read_as("content-type", "application/dns-messages").is_dns);
  cr_assert_not(read_as("content-type", "application/dns-json").is_dns);
  cr_assert_not(read_as("content-type", "").is_dns);
}

Test(http2_field, a_number_is_digits_alone_and_bounded) {
  cr_assert_eq(read_as("age", "0").age_s, 0);
  cr_assert_eq(read_as("age", "86400").age_s, 86400);
  cr_assert_eq(read_as("age", "-1").age_s, 0);
  cr_assert_eq(read_as("age", "1 2").age_s, 0);
  cr_assert_eq(read_as("age", "99999999999999999999999").age_s, UINT32_MAX);
  cr_assert_eq(read_as("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT").retry_after_s, 0);
}

Test(http2_field, a_provisional_answer_is_forgotten) {
  struct http2_request r = read_as("age", "7");
  http2_read_field(&r, ":status", 7, "200", 3);
  cr_assert(r.status == 200 && r.age_s == 0);
}
