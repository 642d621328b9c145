/* http.c: fuzz target: a response over HTTP, and where it leads. It reads the same in whatever pieces, never
 * more than is taken, and what is kept of it is printable. */
#include "tool/http.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"

static void expect_printable(const char *text, size_t room) {
  size_t len = strnlen(text, room);
  must(len < room);
  for (size_t i = 0; i < len; i++) must(text[i] >= ' ' && text[i] <= '~');
}

static void read_in_pieces(struct http_response *r, const char *octets, size_t len, size_t piece) {
  http_response_init(r);
  for (size_t at = 0; at < len; at += piece) http_put(r, octets + at, len - at < piece ? len - at : piece);
  (void)http_end(r);
}

static void expect_same(const struct http_response *a, const struct http_response *b) {
  must(a->state == b->state && a->status == b->status && a->body_len == b->body_len);
  must(memcmp(a->body, b->body, a->body_len) == 0);
  must(strcmp(a->location, b->location) == 0 && strcmp(a->allow_origin, b->allow_origin) == 0);
}

/* A URL that was read is the same when it is written and read again. */
static void follow(const char *location) {
  struct http_url base, to, again;
  char text[HTTP_URL_TEXT], request[2048];
  must(http_url_parse("https://d.chat/.well-known/host-meta", &base));
  if (!http_url_follow(&base, location, &to)) return;

  expect_printable(http_url_text(&to, text), sizeof text);
  must(http_url_parse(text, &again));
  must(again.https == to.https && again.port == to.port);
  must(strcmp(again.host, to.host) == 0 && strcmp(again.path, to.path) == 0);

  /* Nothing that a server says adds a line to the next request. */
  size_t len = http_request(&to, "*/*", "https://o.chat", request, sizeof request), lines = 0;
  must(len > 0);
  for (size_t i = 0; i < len; i++) lines += request[i] == '\n';
  must(lines == 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct http_response whole, pieces;
  struct wire w = feed(data, size);
  size_t piece = feed_u8(&w) + 1u, len;
  const char *octets = (const char *)feed_octets(&w, feed_left(&w), &len);

  read_in_pieces(&whole, octets, len, len ? len : 1);
  read_in_pieces(&pieces, octets, len, piece);
  expect_same(&whole, &pieces);
  must(whole.body_len <= HTTP_BODY_MAX && (whole.status == 0 || whole.status <= 599));
  expect_printable(whole.location, sizeof whole.location);
  expect_printable(whole.allow_origin, sizeof whole.allow_origin);
  if (whole.location[0]) follow(whole.location);
  return 0;
}
