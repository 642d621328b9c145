/* The sockets that clients ask on: one for UDP and one for TCP at each address, for each worker. */
#ifndef JIDNS_SERVER_LISTEN_H
#define JIDNS_SERVER_LISTEN_H
#include "base/addr.h"

struct listener {
  union addr addr; /* as bound: with the port that the kernel chose when 0 was asked for */
  int udp, tcp;    /* file descriptors, not blocking; -1 when closed or handed on */
  bool later;      /* this machine does not have the address yet */
};

/* Opens both sockets at addr; TCP already takes connections. `nth` counts the listeners of this process at
 * the same address: the first one (0) fails with EADDRINUSE when anybody has the port, the others share it
 * with the first (SO_REUSEPORT), and the kernel spreads the clients over them. Returns NULL, or "UDP" or
 * "TCP" for the one that failed, errno says why, and nothing is open. */
const char *listen_open(struct listener *l, const union addr *addr, unsigned nth);

/* The same with sockets that are open already, bound and perhaps shared with other listeners: takes copies of
 * udp and tcp. One that is -1 is opened as above. */
const char *listen_take(struct listener *l, const union addr *addr, int udp, int tcp, unsigned nth);

/* Closes what is still open of it. */
void listen_close(struct listener *l);
#endif
