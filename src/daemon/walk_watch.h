/* Watches queries for walks (xmpp/walks.h), while somebody wants to know: the log, or whoever looks at the
 * domains lately contacted. Else it has no memory, and no query costs more.
 *
 * The questions of one walk may come to several workers. So the walks are the daemon's, behind a lock; each
 * worker's wiring has a listener. */
#ifndef JIDNS_DAEMON_WALK_WATCH_H
#define JIDNS_DAEMON_WALK_WATCH_H
#include <pthread.h>

#include "base/timer.h"
#include "server/serve.h"
#include "xmpp/contacts.h"

struct ended_walk; /* one that is to be told of */

/* What all workers share. */
struct walk_watch {
  pthread_mutex_t lock; /* of all but `open`, the contacts and their lock */
  uint64_t seed;
  uint32_t serial;          /* of the walks, whenever they were made */
  unsigned listeners;       /* that are on */
  struct walks *walks;      /* NULL: none is, or memory is out */
  unsigned open;            /* walks, as of the last time; read without the lock */
  bool logs;                /* each walk gets a line */
  struct ended_walk *ended; /* to be told of when the lock is released, the first first */
  pthread_mutex_t contacts_lock;
  struct contacts *contacts; /* owned; NULL: nobody looks */
};

void walk_watch_init(struct walk_watch *w, uint64_t seed);
void walk_watch_close(struct walk_watch *w); /* when all listeners are off */

/* From now on what becomes of walks is counted, or no more, and is forgotten. Any thread. */
void walk_watch_look(struct walk_watch *w, bool looks);
/* What has been counted; all zero: nothing. Any thread. */
void walk_watch_contacts(struct walk_watch *w, struct contacts *out);

/* One wiring's part in it. Zeroed it is off, and off it is to be before the service and the timers go. */
struct walk_listener {
  struct walk_watch *watch; /* borrowed */
  struct query_service *service;
  struct timers *timers;
  struct timer timer; /* for walks to end */
  bool is_on, logs, looks;
};

/* watch NULL: it stays off. All are borrowed. */
void walk_listener_init(struct walk_listener *l, struct walk_watch *watch, struct query_service *s,
                        struct timers *timers);
/* From now on this is wanted: lines in the log, counts for who looks. Off for neither. */
void walk_listener_set(struct walk_listener *l, bool logs, bool looks);
#endif
