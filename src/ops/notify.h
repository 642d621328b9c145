/* What systemd hears of the daemon's state, over the socket that it names in NOTIFY_SOCKET (sd_notify(3)
 * describes the protocol). Where nobody named one nothing is done. */
#ifndef JIDNS_OPS_NOTIFY_H
#define JIDNS_OPS_NOTIFY_H
#include <stdint.h>

enum notify_state {
  NOTIFY_READY,     /* it answers; also: a reload is over */
  NOTIFY_RELOADING, /* NOTIFY_READY follows */
  NOTIFY_STOPPING,
  NOTIFY_ALIVE /* for the watchdog */
};

/* status: what `systemctl status` shows beside the state, one line; NULL: as it was. Never waits for the
 * reader. */
void notify(enum notify_state state, const char *status);

/* How often NOTIFY_ALIVE is due, in ms: twice within the time after which systemd takes the daemon for stuck
 * and starts it again (WatchdogSec=, sd_watchdog_enabled(3)). 0: there is no such time. */
uint64_t notify_alive_every_ms(void);
#endif
