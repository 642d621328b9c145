/* HTTP/2 (RFC 9113) as a client of one server of DNS over HTTPS (RFC 8484), as a machine without sockets and
 * clocks: octets from the server go in, octets for it come out, requests go in, and finished ones come out.
 * nghttp2 does the framing; it is loaded when somebody asks for it.
 *
 *   http2_put what came in, send what http2_take gives until NULL, then http2_finished until NULL. Whatever
 * the server sends, what it costs is bounded. */
#ifndef JIDNS_UPSTREAM_HTTP2_H
#define JIDNS_UPSTREAM_HTTP2_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/list.h"

enum {
  HTTP2_STREAMS = 100,    /* open at once at most; fewer when the server says so */
  HTTP2_BODY_MAX = 65535, /* octets of a reply: a DNS message has no more */
  HTTP2_FIELDS_MAX = 64,  /* header fields of a reply, and their octets */
  HTTP2_FIELD_OCTETS = 16384,
  HTTP2_IDLE_FRAMES = 1000,    /* frames since the last reply that brought nothing: more are a flood */
  HTTP2_IDLE_OCTETS = 8 << 20, /* octets since the last reply: more than all streams' bodies have */
  HTTP2_WHY = 96
};

struct http2_library; /* nghttp2's functions */
struct http2;         /* one connection */

/* Loads the library, to be called before system calls are filtered. NULL after a line on err. */
struct http2_library *http2_load(FILE *err);
void http2_unload(struct http2_library *l); /* after the last connection; NULL is fine */

enum http2_outcome {
  HTTP2_REPLIED,   /* whole, whatever its status */
  HTTP2_UNTOUCHED, /* the server has not looked at it (GOAWAY, REFUSED_STREAM), or never got it */
  HTTP2_LOST,      /* the connection ended before the reply did */
  HTTP2_BAD        /* the server reset its stream, or the reply breaks a bound or the protocol */
};

/* One message of DNS, put by POST; memory of the caller's. */
struct http2_request {
  struct list link; /* the machine's */
  /* set by the caller, borrowed until it is finished or dropped */
  const uint8_t *question;
  size_t len;

  /* valid once it is finished; what follows the error is 0 unless the outcome is HTTP2_REPLIED */
  enum http2_outcome outcome;
  bool was_cut;           /* of HTTP2_LOST: its reply had begun */
  uint32_t error;         /* of HTTP2_BAD: the stream's (RFC 9113 section 7) */
  unsigned status;        /* 200 */
  bool is_dns;            /* its content is application/dns-message */
  uint32_t age_s;         /* Age: what its TTLs have lost since (RFC 8484 section 5.1) */
  uint32_t retry_after_s; /* Retry-After in seconds; 0: not said, or as a date */
  uint8_t *body;          /* freed by http2_request_free */
  size_t body_len;

  /* the machine's */
  size_t sent, body_room, field_octets;
  unsigned fields;
  int32_t stream; /* 0: none yet */
  bool whole;     /* the server has ended the stream in order */
};

/* Whom requests are for: borrowed. */
struct http2_target {
  const char *authority; /* "dns.example" or "192.0.2.1:8443" */
  const char *path;      /* "/dns-query" */
};

/* NULL when memory is out. */
struct http2 *http2_new(const struct http2_library *l, const struct http2_target *target);
void http2_free(struct http2 *h); /* all requests must be finished and fetched, or dropped; NULL is fine */

/* Takes the request on its way; it waits while the server has as many as it allows. */
void http2_ask(struct http2 *h, struct http2_request *r);
/* Forgets it: its stream is reset if it has one. Harmless for one that is finished and not fetched yet. */
void http2_drop(struct http2 *h, struct http2_request *r);
/* Asks for a sign of life. */
void http2_ping(struct http2 *h);
/* The connection has ended: every request is finished, as HTTP2_UNTOUCHED or HTTP2_LOST. */
void http2_abandon(struct http2 *h);

/* Octets from the server; false: the connection is to be closed, http2_why says why. */
bool http2_put(struct http2 *h, const uint8_t *octets, size_t len);
/* The next octets for the server, valid until the next call: *len of them. NULL: none for now. */
const uint8_t *http2_take(struct http2 *h, size_t *len);
/* The next request that is finished, which is its owner's again; NULL: none for now. */
struct http2_request *http2_finished(struct http2 *h);
void http2_request_free(struct http2_request *r); /* its body; the rest is the caller's */

/* Takes no more requests: the server leaves (GOAWAY), or the connection is broken. Those that it has may
 * still be answered. */
bool http2_is_leaving(const struct http2 *h);
/* Nothing is to be sent or expected any more: it can be closed. */
bool http2_is_over(const struct http2 *h);
/* Requests that are under way or wait. */
unsigned http2_open(const struct http2 *h);
unsigned http2_sent(const struct http2 *h); /* requests that got a stream so far */
bool http2_has_finished(const struct http2 *h);
const char *http2_why(const struct http2 *h);

/* A header field of a reply, for those who test: what is not known is passed over. */
void http2_read_field(struct http2_request *r, const char *name, size_t name_len, const char *value,
                      size_t value_len);
#endif
