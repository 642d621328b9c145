/* One connection to a server, in plain or over TLS: it is made, the server proves who it is, and octets go to
 * and fro. What these mean is the owner's, which is told of all that happens. */
#ifndef JIDNS_UPSTREAM_CARRIER_H
#define JIDNS_UPSTREAM_CARRIER_H
#include <uv.h>

#include "base/addr.h"
#include "base/counter.h"
#include "base/err.h"
#include "crypto/tls.h"
#include "upstream/channel.h"

enum {
  CARRIER_HANDSHAKE_MS = 800, /* a handshake may take so long, and CARRIER_TRIPS times what connecting took */
  CARRIER_TRIPS = 4,
  CARRIER_LOST_MS = 3000,  /* what is sent and not acknowledged for so long ends an encrypted connection */
  CARRIER_READ = 16384,    /* octets that are read at a time from an encrypted one */
  CARRIER_IDLE_MS = 30000, /* an encrypted one without questions is closed after this, */
  CARRIER_IDLE_LEAST_MS = 1000 /* or sooner if the server has closed such, but not sooner than this */
};

/* An encrypted server, for all connections to it: who it has to be, and what was seen of it. */
struct carrier_server {
  struct tls_context *context; /* held */
  union addr addr;
  struct tls_expect expect;
  const char *alpn; /* "dot", "h2" */
  bool needs_alpn;  /* a server that does not speak it is none */
  struct counters *counters;
  struct tls_ticket ticket;
  struct channel_facts facts;
  uint64_t rest_until_ms; /* the last connection came to nothing: before that there is no other */
  uint32_t rest_ms;
  enum err rest_why;
};

void carrier_server_init(struct carrier_server *s, struct tls_context *context, const union addr *addr,
                         const struct tls_expect *expect, const char *alpn, struct counters *counters);
void carrier_server_close(struct carrier_server *s);
/* How a connection turned out: a server that can't be reached as it should be is left alone for a moment,
 * each time a longer one. */
void carrier_server_note(struct carrier_server *s, bool good, enum err why, uint64_t now_ms);
/* The server has closed one that was idle for so long: the next one is closed before that. *limit_ms: after
 * how long they are closed. */
void carrier_learn_idle(uint32_t *limit_ms, uint64_t idle_ms);

struct carrier;

/* What the owner does. It may close the carrier from each of these; none is called after that but gone. */
struct carrier_ops {
  /* Octets may be sent, and the server is who it should be. Not called for a plain one: what is sent earlier
   * leaves when it is connected. */
  void (*ready)(struct carrier *c, uint64_t now_ms);
  /* Where octets that came are to be put; nothing: there is no memory. */
  uv_buf_t (*room)(struct carrier *c);
  /* So many are there. */
  void (*octets)(struct carrier *c, size_t len, uint64_t now_ms);
  /* There are no more for now. */
  void (*rest)(struct carrier *c, uint64_t now_ms);
  /* It is of no more use, and to be closed. ERR_NONE: it was, and the server has closed it. */
  void (*failed)(struct carrier *c, enum err why, uint64_t now_ms);
  /* Closed: its memory may be freed. */
  void (*gone)(struct carrier *c);
};

enum carrier_state { CARRIER_CONNECTS, CARRIER_HANDSHAKES, CARRIER_READY, CARRIER_CLOSED };

struct carrier {
  const struct carrier_ops *ops;
  struct carrier_server *server; /* NULL: in plain */
  struct tls *tls;
  union { /* a plain one may be a Unix socket */
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  };
  uv_connect_t connect;
  int status;               /* libuv's, of what failed; 0: nothing did, or something else */
  enum carrier_state state; /* a plain one is ready from the start */
  uint64_t begun_ms, connected_ms;
  char *in; /* what is being read */
};

/* Octets that leave together, to be filled in. */
struct carrier_batch {
  uv_write_t req;
  size_t len;
  uint8_t octets[];
};

/* server: borrowed for the carrier's life; NULL: in plain. False: nothing is open, and gone is not called. */
bool carrier_init(struct carrier *c, uv_loop_t *loop, const union addr *addr, const struct carrier_ops *ops,
                  struct carrier_server *server);
/* False: it is to be closed; of an encrypted server why is noted (facts.failed) and logged. */
bool carrier_connect(struct carrier *c, const union addr *addr, uint64_t now_ms);
/* The same for a plain one to a Unix socket's path. */
bool carrier_init_pipe(struct carrier *c, uv_loop_t *loop, const struct carrier_ops *ops);
bool carrier_connect_pipe(struct carrier *c, const char *path, uint64_t now_ms);
void carrier_close(struct carrier *c); /* gone is called in one of the loop's next turns */

static inline bool carrier_is_ready(const struct carrier *c) { return c->state == CARRIER_READY; }

/* When it is to be ready at the latest, while it connects; UINT64_MAX: it has no such bound. */
uint64_t carrier_due_ms(const struct carrier *c);
/* That time is over: why, noted and logged as any other failure. */
enum err carrier_expire(struct carrier *c);

struct carrier_batch *carrier_batch_new(size_t len); /* NULL when memory is out */
/* Sends it, and takes it over. Only when the carrier is ready. False: it could not be sent, and the carrier
 * is to be closed. */
bool carrier_send(struct carrier *c, struct carrier_batch *b);

/* Its own address; left as it is when it has none. */
static inline void carrier_ours(const struct carrier *c, union addr *ours) {
  int len = sizeof *ours;
  (void)uv_tcp_getsockname(&c->tcp, &ours->any, &len);
}

/* Octets that the server does not take. */
static inline size_t carrier_unsent(const struct carrier *c) {
  return uv_stream_get_write_queue_size((const uv_stream_t *)&c->tcp);
}
#endif
