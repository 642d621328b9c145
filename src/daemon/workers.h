/* All workers of the daemon, as one. Main thread only. */
#ifndef JIDNS_DAEMON_WORKERS_H
#define JIDNS_DAEMON_WORKERS_H
#include "daemon/listeners.h"
#include "daemon/worker.h"

struct workers {
  struct worker *of[SETTINGS_THREADS];
  unsigned count;
};

/* Makes as many as s->threads, each with its listeners. False, and the reason is logged: workers_stop frees
 * those that were made. */
bool workers_make(struct workers *all, const struct settings *s, const struct worker_common *common,
                  struct listeners *listeners);
bool workers_start(struct workers *all); /* false, and the reason is logged: some may run */

/* Runs task in each worker's thread, one after the other, and waits: no worker is in the midst of a query
 * meanwhile. Short work only. */
void workers_each(struct workers *all, void (*task)(struct worker *w, void *arg), void *arg);

/* A reload, in two halves (worker_prepare, worker_commit). The first makes in all workers what can fail;
 * false: out of memory, and all are as before. */
bool workers_prepare(struct workers *all, const struct settings *s, const struct worker_outside *outside);
/* Puts s into force in all; `before` held until now. listeners: those opened for it, NULL: none. False when
 * one of these can't be watched: all else is in force. */
bool workers_commit(struct workers *all, const struct settings *before, const struct settings *s,
                    struct listeners *listeners);

/* These are in force in all; borrowed until the next call or workers_stop. */
void workers_set_zones(struct workers *all, struct zones *zones);
void workers_set_faults(struct workers *all, struct faults *faults);

/* Adds what they have noted of how long clients waited, until now. */
void workers_waited(const struct workers *all, struct latency *sum);

/* Stops and frees all, one after the other; adds their counters to *sum unless that is NULL. */
void workers_stop(struct workers *all, struct counters *sum);
#endif
