/* Questions over UDP from connected sockets with unpredictable source ports (RFC 5452 section 9.2).
 *
 * On a quiet day every question gets a socket, so a port, of its own. Under load a pool of UDP_SOCKETS is
 * shared: the questions of one turn of the loop go out from one of them, drawn at random, with one
 * sendmmsg; each is retired for a new one after UDP_USES questions or UDP_AGE_MS. When the load is over
 * the pool is closed: an idle channel holds no socket. */
#ifndef JIDNS_UPSTREAM_UP_UDP_H
#define JIDNS_UPSTREAM_UP_UDP_H
#include <uv.h>

#include "base/addr.h"
#include "base/counter.h"
#include "base/random.h"
#include "upstream/channel.h"

enum {
  UDP_QUIET = 8,        /* so many questions open to one server are load */
  UDP_QUIET_ASKS = 250, /* so are more than these asked within UDP_BUSY_MS: a port each costs 30 us */
  UDP_BUSY_MS = 250,    /* after which load is over, so that waves find the pool still there */
  UDP_SOCKETS = 16,
  UDP_USES = 2000,
  UDP_AGE_MS = 10000,
  UDP_FORGED = 32,  /* so many more replies than questions on one socket: somebody else sends them */
  UDP_QUEUED = 4096 /* questions that the kernel has not taken yet; further ones get ERR_OVERLOAD */
};

/* All borrowed for the channel's life. NULL when memory is out. A refused port (ICMP) or a network that
 * can't be reached ends the exchanges on that socket with ERR_UNREACHABLE; a reply that is not to one of
 * them is counted in reply_wrong and changes nothing, until there are too many: then all on that socket end
 * with ERR_FORGED. One that spells the question otherwise ends its exchange with ERR_CASE_MISMATCH, one
 * that does not show its cookie with ERR_COOKIE. ask fails with ERR_UNREACHABLE also when no socket
 * can be had, with ERR_OVERLOAD when that is for want of descriptors or memory. */
struct channel *up_udp_new(uv_loop_t *loop, const union addr *server, struct counters *counters,
                           struct random *random);
#endif
