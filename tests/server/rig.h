/* What the servers' tests share: serve_udp and serve_tcp on a loopback port, with the real cache and
 * forwarder behind them, an upstream that answers when told, clients with sockets of their own, and time that
 * moves when told. One thread. */
#ifndef JIDNS_SERVER_RIG_H
#define JIDNS_SERVER_RIG_H
#include <uv.h>

#include "kit/made.h"
#include "kit/seen.h"
#include "kit/skip.h"
#include "server/serve_tcp.h"
#include "server/serve_udp.h"

enum { RIG_OPEN = 1000, RIG_WAIT_MS = 3000 };

struct rig {
  uv_loop_t loop;
  uv_prepare_t turn;
  struct cache *cache;
  struct timers timers;
  struct counters counters;
  struct upstream upstream;
  struct routes routes;
  struct forward *forward;
  struct query_service serve;
  struct fault_filter *fault_filter; /* with timers of its own, that run as time goes by */
  struct timers held;
  struct faults *faults;
  struct serve_udp *udp;
  struct serve_tcp *tcp;
  union addr addr;                 /* where it listens */
  struct channel channel;          /* both of the only server's */
  struct exchange *open[RIG_OPEN]; /* what upstream was asked and has not answered, oldest first */
  unsigned open_count;
};

/* Listens on a free port of this address. Skips the test where the machine does not have it. options NULL:
 * the defaults. */
struct rig *rig_new(const char *address, const struct serve_tcp_policy *options);
void rig_listen(struct rig *r, const char *address); /* at one more; its port goes to r->addr */

/* listen_open at a port that the kernel chooses (at's is 0), again while TCP finds taken what UDP was given.
 */
const char *listen_anywhere(struct listener *l, const union addr *at);

/* Takes no more queries; who waits hears SERVFAIL. For tests of that; rig_free does it else. */
void rig_stop(struct rig *r);

/* Stops in the daemon's order. The loop must close and the counters' sum hold. */
void rig_free(struct rig *r);

void rig_turns(struct rig *r, unsigned n); /* turns of the loop, 1 ms apart */

/* A rule more for faults (faults/rule.h). */
void rig_rule(struct rig *r, const char *rule);

/* The cache knows `count` A records of name, for an hour. */
void rig_know(struct rig *r, const char *name, unsigned count);

/* Turns until so many queries were taken in. */
void rig_queries(struct rig *r, unsigned n);

/* Turns until upstream was asked so many questions that it has not answered. */
void rig_asked(struct rig *r, unsigned n);

/* Upstream answers open[i] with one A record, or with `count` of them; those behind it move up. */
void rig_answer(struct rig *r, unsigned i);
void rig_answer_much(struct rig *r, unsigned i, unsigned count);

/* ---- clients; descriptors are theirs to close, none blocks ---- */

int client_udp(const struct rig *r);
int client_tcp(struct rig *r); /* connected */

/* A query (with EDNS and 4096 octets) for name's A record. */
void client_ask(int fd, const char *name, uint16_t id);
void client_ask_tcp(int fd, const char *name, uint16_t id);

/* A stream of such queries, for sending in pieces. Returns the octets written to out. */
size_t client_stream(uint8_t *out, size_t room, const char *name, uint16_t id);

/* Turns until a datagram comes; returns its length, 0 when none comes in RIG_WAIT_MS. from may be NULL. */
size_t client_hear(struct rig *r, int fd, uint8_t *out, size_t room, union addr *from);

/* Turns until a whole frame comes and is read; returns the message's length, or 0 when the connection is
 * closed first or nothing comes in RIG_WAIT_MS. */
size_t client_hear_tcp(struct rig *r, int fd, uint8_t *out);

bool client_is_closed(struct rig *r, int fd); /* turns a few times, reads nothing but the end */
bool client_hears_nothing(struct rig *r, int fd);

/* The answer's id; fails the test unless it is a whole message with this RCODE and so many answer records. */
uint16_t heard_id(const uint8_t *msg, size_t len, unsigned rcode, unsigned answers);
#endif
