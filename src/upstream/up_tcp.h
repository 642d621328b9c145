/* Questions over TCP: one connection to the server, opened when needed, kept for a while, pipelined, answers
 * in any order (RFC 7766 section 6.2.1). More of them only where that is not enough: beside one on which a
 * reply stands still, or nothing comes; and for a server that closes each behind so many answers. */
#ifndef JIDNS_UPSTREAM_UP_TCP_H
#define JIDNS_UPSTREAM_UP_TCP_H
#include <uv.h>

#include "base/addr.h"
#include "base/counter.h"
#include "base/random.h"
#include "crypto/tls.h"
#include "upstream/channel.h"

enum {
  UP_TCP_IDLE_MS =
      10000, /* a plain connection without questions is closed after this, or sooner if the server says so; an
                encrypted one, which costs more to make, after CARRIER_IDLE_MS */
  UP_TCP_STALL_MS = 3000, /* questions waiting, no right reply for so long: the connection is given up */
  UP_TCP_SLOW_MS =
      400, /* a reply that began and is not whole by then, or no octet for so long: others go beside it */
  UP_TCP_LIMIT_MS = 1000, /* a connection that got all the answers there should be, and is still open then:
                             there are more */
  UP_TCP_CONNS = 8,       /* connections to one server */
  UP_TCP_BESIDE = 2,      /* ... because nothing comes on the one there is */
  UP_TCP_WRONG = 32,      /* so many more frames than questions: the connection is given up */
  UP_TCP_UNSENT =
      262144, /* octets that the server does not take: no further questions are put on the connection */
  UP_TCP_OPEN = 4096 /* questions on one connection; further ones are refused with ERR_OVERLOAD */
};

/* All borrowed for the channel's life. NULL when memory is out. When the connection breaks, the exchanges on
 * it end with ERR_TCP; but those on a connection that had served before are first asked again over a new one
 * (RFC 7766 section 6.2.4), one whose reply was cut short once only, three times of an encrypted server.
 * Nothing but a right reply keeps a connection alive while questions wait. */
struct channel *up_tcp_new(uv_loop_t *loop, const union addr *server, struct counters *counters,
                           struct random *random);

/* The same over TLS (RFC 7858), to a server that is as `expect` says (copied); the context is held. No octet
 * of a question leaves before it has proven that; how it fails to is how the questions end. Those on a
 * connection on which nothing comes are asked again beside it. */
struct channel *up_tcp_new_tls(uv_loop_t *loop, const union addr *server, const struct tls_expect *expect,
                               struct tls_context *context, struct counters *counters, struct random *random);
#endif
