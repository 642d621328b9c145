/* Questions to one server over HTTPS (RFC 8484): each is a stream of one connection over HTTP/2. */
#ifndef JIDNS_UPSTREAM_UP_HTTPS_H
#define JIDNS_UPSTREAM_UP_HTTPS_H
#include <uv.h>

#include "base/addr.h"
#include "base/counter.h"
#include "crypto/tls.h"
#include "upstream/channel.h"
#include "upstream/http2.h"

enum {
  UP_HTTPS_PING_MS = 50,        /* so long nothing came while questions wait: it is asked for a sign of life;
                                   or half of the patience that the question has, if that is more */
  UP_HTTPS_STALL_MS = 3000,     /* nothing came for so long: the connection is given up; */
  UP_HTTPS_HANG_MS = 10000,     /* or no reply, whatever else has come */
  UP_HTTPS_REST_MS = 1000,      /* a server that says "later" and not when is left alone for so long, */
  UP_HTTPS_REST_MAX_MS = 60000, /* and never for longer than this */
  UP_HTTPS_CONNS = 3,           /* at once: one, and others only beside one that is silent, */
  UP_HTTPS_LEAVING = 8,         /* and those that the server ends (GOAWAY) when it has answered */
  UP_HTTPS_OPEN = 8192,         /* questions on a connection, with those that wait for a stream */
  UP_HTTPS_AGAIN = 3            /* times that a question is asked again without its asker's knowing */
};

/* A server and how to ask it. */
struct up_https_server {
  const union addr *addr;
  const struct tls_expect *expect;
  const char *path; /* "/dns-query" */
};

/* A channel to that server (all copied), which has to prove itself as one over TLS does; context is held,
 * nghttp2 borrowed. NULL when memory is out. It connects when first asked or warmed, keeps the connection for
 * CARRIER_IDLE_MS, and asks again on another one what the server has not looked at or left over. A status
 * other than 2xx ends a question with ERR_HTTP_ANSWER; 429 and 503 end it with ERR_HTTP, and have the server
 * left alone for as long as it says, within UP_HTTPS_REST_MAX_MS. TTLs are less what Age says. */
struct channel *up_https_new(uv_loop_t *loop, const struct up_https_server *server,
                             struct tls_context *context, const struct http2_library *nghttp2,
                             struct counters *counters);
#endif
