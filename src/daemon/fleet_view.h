/* The fleet as all workers see it: for those who ask over the control socket. */
#ifndef JIDNS_DAEMON_FLEET_VIEW_H
#define JIDNS_DAEMON_FLEET_VIEW_H
#include "base/jsonw.h"
#include "daemon/daemon.h"

/* Writes "fleet": null without one, else where its engine is, whether it is connected, and why not. */
void fleet_view_write(struct daemon *d, struct jsonw *j);

bool fleet_view_is_up(struct daemon *d); /* is a worker connected? d has a member */

/* Tells the engine to take a name's answers out; whether it does, nobody waits for: see share_flush. False:
 * the engine can't be asked now, or this is a reader: *why. */
bool fleet_view_flush(struct daemon *d, const uint8_t *name, size_t len, const char **why);
#endif
