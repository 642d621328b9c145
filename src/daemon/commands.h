/* What a running daemon can be told over its control socket; doc/control.md says it to those who do. */
#ifndef JIDNS_DAEMON_COMMANDS_H
#define JIDNS_DAEMON_COMMANDS_H
#include "daemon/daemon.h"

struct commands;

/* Takes commands on d->control from now on, in the loop of d, which is borrowed until commands_stop. NULL
 * when there is no such socket, or no memory (logged). */
struct commands *commands_start(struct daemon *d);

/* To be called while the workers run; frees in the loop's next turns. NULL is allowed. */
void commands_stop(struct commands *c);
#endif
