/* A server of HTTP/2 for the machine under test: nghttp2's own, in memory, whose moods a test sets. */
#ifndef JIDNS_TESTS_UPSTREAM_H2_SERVER_H
#define JIDNS_TESTS_UPSTREAM_H2_SERVER_H
#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { H2_SEEN = 256, H2_OUT = 1 << 20 };

/* A request that came whole. */
struct h2_seen {
  int32_t stream;
  char method[8], path[64], authority[64], content_type[64];
  uint8_t body[600];
  size_t len;
};

struct h2_server {
  nghttp2_session *session;
  struct h2_seen seen[H2_SEEN];
  unsigned count, resets, pings, most_open, open;
  bool hold; /* requests are not answered by themselves */

  /* of the next answers */
  const char *status, *content_type, *age, *retry_after; /* NULL: the usual, or none */
  size_t body_len;                                       /* 0: what was asked is sent back */
  unsigned extra_fields;
};

void h2_server_start(struct h2_server *s, uint32_t streams); /* streams: MAX_CONCURRENT_STREAMS */
void h2_server_stop(struct h2_server *s);
void h2_server_answer(struct h2_server *s, unsigned nth); /* of seen */
void h2_server_put(struct h2_server *s, const uint8_t *octets, size_t len);
/* All that it says: out has H2_OUT octets of room. */
size_t h2_server_take(struct h2_server *s, uint8_t *out);
#endif
