/* Counts in all workers which XMPP domains are asked for most (xmpp/busy.h), and what becomes of walks to
 * them (walk_watch.h), while somebody looks: it costs each query a moment, and each worker 18 KiB; walks
 * take 370 KiB in all. */
#ifndef JIDNS_DAEMON_DOMAIN_WATCH_H
#define JIDNS_DAEMON_DOMAIN_WATCH_H
#include <uv.h>

#include "daemon/walk_watch.h"
#include "daemon/workers.h"
#include "xmpp/busy.h"
#include "xmpp/contacts.h"

enum { DOMAIN_WATCH_MS = 60000 }; /* without a look: then they stop, and forget */

/* The main thread's. */
struct domain_watch {
  uv_timer_t over; /* when nobody looks any more */
  bool has_timer;
  struct workers *workers;
  struct busy *busy[SETTINGS_THREADS]; /* each worker's; NULL: it does not count */
  struct walk_watch *walk_watch;       /* borrowed */
  bool has_walks;                      /* it counts for us */
};

/* All zero but for its timer in this loop. walk_watch: borrowed. */
void domain_watch_init(struct domain_watch *d, uv_loop_t *loop, struct walk_watch *walk_watch);

/* Workers count from now on, or go on for another DOMAIN_WATCH_MS. */
enum domain_watch_depth { DOMAIN_WATCH_QUESTIONS, DOMAIN_WATCH_WALKS /* as well */ };
void domain_watch_look(struct domain_watch *d, struct workers *workers, enum domain_watch_depth depth);

/* Adds up what the workers have counted. */
void domain_watch_sum(struct domain_watch *d, struct busy *busy, struct contacts *contacts);

/* Before the workers stop; the timer is closed when the loop has run. */
void domain_watch_stop(struct domain_watch *d);
#endif
