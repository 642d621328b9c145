/* test_http.c: URLs that redirects lead to, and responses in pieces of every size. */
#include "tool/http.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- URLs ---- */

static const char *followed(const char *base, const char *location, char text[HTTP_URL_TEXT]) {
  struct http_url from, to;
  cr_assert(http_url_parse(base, &from), "%s", base);
  return http_url_follow(&from, location, &to) ? http_url_text(&to, text) : "none";
}

Test(http, follows_a_location_as_a_browser_does) {
  static const struct {
    const char *location, *wanted;
  } cases[] = {
      {"https://www.D.chat/x", "https://www.d.chat/x"},
      {"https://www.d.chat", "https://www.d.chat/"},
      {"https://d.chat:8443/x?y=1#z", "https://d.chat:8443/x?y=1"},
      {"https://d.chat?q", "https://d.chat/?q"},
      {"HTTP://d.chat/", "http://d.chat/"},
      {"//other.chat/x", "https://other.chat/x"},
      {"/x", "https://d.chat/x"},
      {"host-meta.json", "https://d.chat/.well-known/host-meta.json"},
      {"?x", "https://d.chat/.well-known/host-meta?x"},
      {"x/https://y", "https://d.chat/.well-known/x/https://y"},
  };
  char text[HTTP_URL_TEXT];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *is = followed("https://d.chat/.well-known/host-meta", cases[i].location, text);
    cr_expect_str_eq(is, cases[i].wanted, "%s: %s", cases[i].location, is);
  }
}

Test(http, refuses_what_is_no_url_of_the_web) {
  static const char *const bad[] = {"",
                                    "ftp://d.chat/",
                                    "javascript:alert(1)",
                                    "https:///x",
                                    "https://",
                                    "https://user@d.chat/",
                                    "https://127.0.0.1/",
                                    "https://2130706433/",
                                    "https://0x7f.1/",
                                    "https://[::1]/",
                                    "https://d.chat:0/",
                                    "https://d.chat:65536/",
                                    "https://d.chat:x/",
                                    "https://d.chat:0000000443/",
                                    "https://d.chat/a b",
                                    "https://d.chat/\r\nX: y",
                                    ("https://b\xc3\xbc"
                                     "cher.chat/"),
                                    "https://d.chat/\x80"};
  char text[HTTP_URL_TEXT], longest[2 * HTTP_URL] = "/";
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    cr_expect_str_eq(followed("https://d.chat/x", bad[i], text), "none", "%s: %s", bad[i], text);
  memset(longest + 1, 'a', HTTP_URL);
  cr_expect_str_eq(followed("https://d.chat/x", longest, text), "none");
  memset(longest, 'a', 300);
  snprintf(longest, sizeof longest, "https://%0300d/", 1);
  cr_expect_str_eq(followed("https://d.chat/x", longest, text), "none");
}

Test(http, a_request_names_the_host_and_its_unusual_port) {
  struct http_url url;
  char text[1024];
  cr_assert(http_url_parse("https://d.chat:8443/x", &url));
  size_t len = http_request(&url, "application/json", "https://o.chat", text, sizeof text);
  cr_assert(len > 0 && len == strlen(text));
  cr_expect_eq(strncmp(text, "GET /x HTTP/1.1\r\nHost: d.chat:8443\r\n", 36), 0);
  cr_expect_not_null(strstr(text, "\r\nOrigin: https://o.chat\r\n"));
  cr_expect_str_eq(text + len - 4, "\r\n\r\n");
  cr_expect_eq(http_request(&url, "application/json", "https://o.chat", text, 60), 0);
}

/* ---- responses ---- */

/* Reads it in pieces of `piece` octets; `closed`: the connection ends behind it. */
static enum http_state read_all(struct http_response *r, const char *text, size_t len, size_t piece,
                                bool closed) {
  http_response_init(r);
  for (size_t at = 0; at < len; at += piece) http_put(r, text + at, len - at < piece ? len - at : piece);
  if (closed) (void)http_end(r);
  return r->state;
}

static void expect_body(const char *text, bool closed, unsigned status, const char *body) {
  struct http_response *r = malloc(sizeof *r);
  for (size_t piece = 1; piece <= strlen(text); piece++) {
    cr_assert_eq(read_all(r, text, strlen(text), piece, closed), HTTP_DONE, "%s in pieces of %zu", text,
                 piece);
    cr_assert_eq(r->status, status);
    cr_assert(r->body_len == strlen(body) && memcmp(r->body, body, r->body_len) == 0, "%.*s",
              (int)r->body_len, r->body);
  }
  free(r);
}

Test(http, reads_a_body_by_its_length_in_chunks_and_to_the_end) {
  expect_body("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhellomore", false, 200, "hello");
  expect_body("HTTP/1.1 200\r\ncontent-length:5 \r\nContent-Length: 5\r\n\r\nhello", false, 200, "hello");
  expect_body(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n4\r\nhell\r\n01;x=y\r\no\r\n0\r\nA: b\r\n\r\n",
      false, 200, "hello");
  expect_body("HTTP/1.0 200 OK\nServer: x\n\nhello", true, 200, "hello");
  expect_body("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
              false, 404, "");
  expect_body("HTTP/1.1 204 No Content\r\n\r\n", false, 204, "");
}

Test(http, takes_location_and_who_may_read_from_the_head) {
  static const char text[] = "HTTP/1.1 301 Moved\r\nlocation:  https://www.d.chat/x \r\n"
                             "ACCESS-CONTROL-ALLOW-ORIGIN: *\r\nContent-Length: 0\r\n\r\n";
  struct http_response *r = malloc(sizeof *r);
  cr_expect_eq(read_all(r, text, sizeof text - 1, 7, false), HTTP_DONE);
  cr_expect_str_eq(r->location, "https://www.d.chat/x");
  cr_expect_str_eq(r->allow_origin, "*");
  free(r);
}

static enum http_state state_of(const char *head, char filler, size_t count, bool closed) {
  struct http_response *r = malloc(sizeof *r);
  size_t len = strlen(head);
  char *text = malloc(len + count);
  memcpy(text, head, len);
  memset(text + len, filler, count);
  enum http_state state = read_all(r, text, len + count, 4096, closed);
  free(text);
  free(r);
  return state;
}

Test(http, an_end_that_comes_too_early_is_no_end) {
  cr_expect_eq(state_of("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", 0, 0, true), HTTP_READING);
  cr_expect_eq(state_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhell\r\n", 0, 0, true),
               HTTP_READING);
  cr_expect_eq(state_of("HTTP/1.1 200 OK\r\nServer: x\r\n", 0, 0, true), HTTP_READING);
  cr_expect_eq(state_of("", 0, 0, true), HTTP_READING);
}

Test(http, what_is_no_http_or_in_another_coding_is_alien) {
  static const char *const alien[] = {
      "SSH-2.0-OpenSSH\r\n",
      "<?xml version='1.0'?>\n",
      "HTTP/2 200\r\n",
      "HTTP/1.1 2000 OK\r\n",
      "HTTP/1.1 099 OK\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
  };
  for (size_t i = 0; i < sizeof alien / sizeof *alien; i++)
    cr_expect_eq(state_of(alien[i], 0, 0, false), HTTP_ALIEN, "%s", alien[i]);
}

Test(http, head_and_body_have_an_end) {
  cr_expect_eq(state_of("HTTP/1.1 200 OK\r\nX: ", 'a', HTTP_HEAD_MAX, false), HTTP_TOO_MUCH);
  cr_expect_eq(state_of("HTTP/1.1 200 OK\r\n\r\n", 'a', HTTP_BODY_MAX, true), HTTP_DONE);
  cr_expect_eq(state_of("HTTP/1.1 200 OK\r\n\r\n", 'a', HTTP_BODY_MAX + 1, true), HTTP_TOO_MUCH);
  cr_expect_eq(state_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000000\r\n", 'a',
                        HTTP_BODY_MAX + 1, false),
               HTTP_TOO_MUCH);
  cr_expect_eq(state_of("HTTP/1.1 200 OK\r\n\r\n", 'a', HTTP_BODY_MAX, false), HTTP_READING);
}

Test(http, long_lines_are_skipped_but_lead_nowhere) {
  char text[4 * HTTP_LINE];
  struct http_response *r = malloc(sizeof *r);
  int len = snprintf(
      text, sizeof text,
      "HTTP/1.1 302 Found\r\nContent-Security-Policy: %0*d\r\nLocation: /%0*d\r\nContent-Length: 0\r\n\r\n",
      HTTP_LINE, 1, HTTP_LINE, 1);
  cr_expect_eq(read_all(r, text, (size_t)len, 100, false), HTTP_DONE);
  cr_expect_eq(r->status, 302);
  cr_expect_str_empty(r->location);
  free(r);
}
