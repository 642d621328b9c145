/* Clients over TCP (RFC 7766): queries pipelined, in any split; answers in any order, those of one turn with
 * one write, or one for each 128 KiB. */
#ifndef JIDNS_SERVER_SERVE_TCP_H
#define JIDNS_SERVER_SERVE_TCP_H
#include <uv.h>

#include "server/listen.h"
#include "server/serve.h"

enum {
  SERVE_TCP_LISTENERS = 32,
  SERVE_TCP_UNSENT =
      256 << 10, /* octets of answers a client has not taken: until it does, it is not read from */
  SERVE_TCP_GIVE_UP = 1 << 20, /* with so many the connection is given up */
  SERVE_TCP_WAITING =
      200 /* questions of one connection that wait for upstream; more are not read meanwhile */
};

struct serve_tcp_policy {
  unsigned connections; /* at most, an eighth of them for loopback alone; when full, who is idle for longest
                           makes room */
  unsigned per_host;    /* of them from one IPv4 address or 64 bits of IPv6; loopback may have all */
  size_t
      held; /* octets of unsent answers and unfinished queries, of all; a quarter of them for one such host */
  int descriptors;  /* a connection's is a lower one: the others are for questions upstream. 0: it may be any
                     */
  uint32_t idle_ms; /* a connection without a whole query lasts so long; one that takes no answers, at most
                       twice that */
};
#define SERVE_TCP_DEFAULTS                                                                                   \
  ((struct serve_tcp_policy){.connections = 1000, .per_host = 100, .held = 32 << 20, .idle_ms = 10000})

struct serve_tcp;

/* One a worker. loop and serve, which is told options->idle_ms, are borrowed for its life, which ends in the
 * loop's turns after serve_tcp_close. NULL when memory is out. */
struct serve_tcp *serve_tcp_new(uv_loop_t *loop, struct query_service *serve,
                                const struct serve_tcp_policy *options);

/* Takes connections from l->tcp from now on and takes it over (it is then -1 in l). Returns 0 or a negative
 * libuv error: nothing taken. At most SERVE_TCP_LISTENERS. */
int serve_tcp_add(struct serve_tcp *t, struct listener *l);

/* Listens no more at addr, as it was added: connections waiting there are taken first, and all go on.
 * Harmless when nothing listens there. */
void serve_tcp_remove(struct serve_tcp *t, const union addr *addr);

/* Sends the late answers gathered since the last flush; called once a turn of the loop. */
void serve_tcp_flush(struct serve_tcp *t);

/* Closes the listeners and reads no more queries; answers to those taken still go out. */
void serve_tcp_stop(struct serve_tcp *t);

/* Flushes, closes all connections and frees itself as their handles close. No answer may be owed any more. */
void serve_tcp_close(struct serve_tcp *t);

unsigned serve_tcp_connections(const struct serve_tcp *t); /* open now */
size_t serve_tcp_held(const struct serve_tcp *t);          /* octets, as options.held counts them */
#endif
