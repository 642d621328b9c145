/* Sockets that whoever starts the daemon has opened for it: systemd does for jidnsd.socket (sd_listen_fds(3)
 * describes the protocol). Clients that ask while the daemon is started again wait there, and are answered.
 */
#ifndef JIDNS_OPS_PASSED_SOCKETS_H
#define JIDNS_OPS_PASSED_SOCKETS_H
#include <stdio.h>

#include "base/addr.h"

enum { PASSED_SOCKETS = 16 }; /* addresses */

struct passed_sockets {
  unsigned count;
  struct passed_socket {
    union addr addr;
    int udp, tcp; /* file descriptors that stay open as long as the process; -1: there is none */
  } of[PASSED_SOCKETS];
};

/* Finds them, none as a rule, by the environment: LISTEN_FDS and LISTEN_PID. False, and said in one line on
 * err, when one of them can't be answered on. May be called again. */
bool passed_sockets_find(struct passed_sockets *out, FILE *err);

/* Says on err that there are more addresses than PASSED_SOCKETS, which is as many as jidnsd listens on. */
void passed_sockets_too_many(FILE *err);

/* Those at this address; NULL: there are none. */
const struct passed_socket *passed_sockets_at(const struct passed_sockets *all, const union addr *addr);
#endif
