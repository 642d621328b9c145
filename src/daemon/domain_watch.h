/* Counts in all workers which XMPP domains are asked for most (xmpp/busy.h), while somebody looks: it costs
 * each query a moment. */
#ifndef JIDNS_DAEMON_DOMAIN_WATCH_H
#define JIDNS_DAEMON_DOMAIN_WATCH_H
#include <uv.h>

#include "daemon/workers.h"
#include "xmpp/busy.h"

enum { DOMAIN_WATCH_MS = 60000 }; /* without a look: then they stop, and forget */

/* The main thread's. */
struct domain_watch {
  uv_timer_t over; /* when nobody looks any more */
  bool has_timer;
  struct workers *workers;
  struct busy *busy[SETTINGS_THREADS]; /* each worker's; NULL: it does not count */
};

/* All zero but for its timer in this loop. */
void domain_watch_init(struct domain_watch *d, uv_loop_t *loop);

/* Workers count from now on, or go on for another DOMAIN_WATCH_MS. */
void domain_watch_look(struct domain_watch *d, struct workers *workers);

/* Adds up what the workers have counted. */
void domain_watch_sum(struct domain_watch *d, struct busy *sum);

/* Before the workers stop; the timer is closed when the loop has run. */
void domain_watch_stop(struct domain_watch *d);
#endif
