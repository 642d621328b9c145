/* Tells systemd, where it wants to know (WatchdogSec= in the unit), that no thread of the daemon is stuck. */
#ifndef JIDNS_DAEMON_WATCHDOG_H
#define JIDNS_DAEMON_WATCHDOG_H
#include <uv.h>

#include "daemon/workers.h"

struct watchdog {
  uv_timer_t timer;
  struct workers *workers;
};

/* Looks after the workers, borrowed, from the main thread's loop. False: nobody wants to know, and nothing is
 * to be stopped. */
bool watchdog_start(struct watchdog *w, uv_loop_t *loop, struct workers *workers);
void watchdog_stop(struct watchdog *w); /* the timer closes in the loop's next turn */
#endif
