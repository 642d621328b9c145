/* http2.c: fuzz target: a server's octets in a connection over HTTP/2. Requests end the same in whatever
 * pieces they come, once each, within bounds; and what is said to the server is HTTP/2.
 *
 * Input: an octet of the pieces' size, one of how many requests, one of which are dropped, then the octets.
 */
#include "upstream/http2.h"

#include <nghttp2/nghttp2.h>
#include <string.h>

#include "fuzz/fuzz.h"

enum { REQUESTS = 8 };

static const struct http2_target target = {"dns.test", "/dns-query"};
static struct http2_library *library;
static nghttp2_session_callbacks *no_callbacks;

struct run {
  struct http2_request requests[REQUESTS];
  unsigned finished[REQUESTS];
  bool is_miscounted; /* nghttp2 counts a frame of CONTINUATION once for each piece in which it comes */
};

static void start(void) {
  library = http2_load(stderr);
  must(library && nghttp2_session_callbacks_new(&no_callbacks) == 0);
}

/* A server of no mood: what it is told must be what the protocol allows. */
static void say(struct http2 *h, nghttp2_session *server) {
  size_t len;
  for (const uint8_t *octets; (octets = http2_take(h, &len));) {
    if (server) must(nghttp2_session_mem_recv(server, octets, len) == (ssize_t)len);
  }
}

static void fetch(struct http2 *h, struct run *run) {
  for (struct http2_request *r; (r = http2_finished(h));) {
    run->finished[r - run->requests]++;
    must(r->body_len <= HTTP2_BODY_MAX && (r->body || !r->body_len));
    if (r->outcome == HTTP2_REPLIED) must(r->status >= 200);
  }
}

static void play(struct run *run, const uint8_t *octets, size_t len, size_t piece, unsigned n, unsigned drops,
                 nghttp2_session *server) {
  memset(run, 0, sizeof *run);
  struct http2 *h = http2_new(library, &target);
  must(h);
  for (unsigned i = 0; i < n; i++) {
    run->requests[i].question = (const uint8_t *)"a question";
    run->requests[i].len = 10;
    http2_ask(h, &run->requests[i]);
  }

  say(h, server);
  for (unsigned i = 0; i < n; i++) {
    if (drops >> i & 1) http2_drop(h, &run->requests[i]);
  }
  for (size_t at = 0; at < len && !http2_is_over(h); at += piece) {
    if (!http2_put(h, octets + at, len - at < piece ? len - at : piece)) break;
    if (server) say(h, server);
  }

  say(h, server);
  fetch(h, run);
  http2_abandon(h);
  fetch(h, run);
  must(http2_open(h) == 0 && http2_is_leaving(h));
  for (unsigned i = 0; i < n; i++) must(run->finished[i] == !(drops >> i & 1));
  run->is_miscounted = strstr(http2_why(h), "CONTINUATION") != NULL;
  http2_free(h);
}

static void expect_same(const struct run *a, const struct run *b) {
  for (unsigned i = 0; i < REQUESTS; i++) {
    const struct http2_request *x = &a->requests[i], *y = &b->requests[i];
    must(x->outcome == y->outcome && x->status == y->status && x->is_dns == y->is_dns);
    must(x->age_s == y->age_s && x->retry_after_s == y->retry_after_s && x->body_len == y->body_len);
    must(x->body_len == 0 || memcmp(x->body, y->body, x->body_len) == 0);
  }
}

static void run_free(struct run *run) {
  for (unsigned i = 0; i < REQUESTS; i++) http2_request_free(&run->requests[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct run whole, pieces, heard;
  if (!library) start();
  struct wire w = feed(data, size);
  size_t piece = feed_u8(&w) + 1u, len;
  unsigned n = feed_u8(&w) % REQUESTS + 1, drops = feed_u8(&w);
  const uint8_t *octets = feed_octets(&w, feed_left(&w), &len);

  play(&whole, octets, len, len ? len : 1, n, drops, NULL);
  play(&pieces, octets, len, piece, n, drops, NULL);
  if (!whole.is_miscounted && !pieces.is_miscounted) expect_same(&whole, &pieces);

  nghttp2_session *server;
  must(nghttp2_session_server_new(&server, no_callbacks, NULL) == 0);
  play(&heard, octets, len, piece, n, drops, server);
  nghttp2_session_del(server);
  run_free(&whole);
  run_free(&pieces);
  run_free(&heard);
  return 0;
}
