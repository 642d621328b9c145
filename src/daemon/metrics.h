/* What the daemon shows over HTTP: /metrics for Prometheus, /healthz, /readyz. */
#ifndef JIDNS_DAEMON_METRICS_H
#define JIDNS_DAEMON_METRICS_H
#include "daemon/daemon.h"

/* Answers from now on, if d->metrics was opened, until metrics_stop. */
void metrics_start(struct daemon *d);

/* To be called while the workers run; frees in the loop's next turns. */
void metrics_stop(struct daemon *d);
#endif
