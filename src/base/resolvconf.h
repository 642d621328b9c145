/* The servers that a resolv.conf names (resolv.conf(5)): one reader for the daemon and the tool. */
#ifndef JIDNS_BASE_RESOLVCONF_H
#define JIDNS_BASE_RESOLVCONF_H
#include "base/addr.h"

enum {
  RESOLVCONF_SERVERS = 8,
  RESOLVCONF_LINES = 1000,     /* what comes after so many lines, */
  RESOLVCONF_OCTETS = 1 << 20, /* or octets, is not read */
  RESOLVCONF_WORD = 80,
  RESOLVCONF_TEXT = 1024
};

enum resolvconf_state {
  RESOLVCONF_GOOD,    /* it names servers */
  RESOLVCONF_UNREAD,  /* it can't be read: `error` */
  RESOLVCONF_NO_FILE, /* a folder, a pipe, a socket */
  RESOLVCONF_EMPTY,   /* it has no line with a server */
  RESOLVCONF_OWN,     /* its only servers are jidnsd itself */
  RESOLVCONF_RING,    /* its only server is systemd-resolved, whose only servers are jidnsd itself */
  RESOLVCONF_AWAY,    /* its only servers are at interfaces that this machine does not have now */
  RESOLVCONF_WRONG    /* none of its lines has an address */
};

struct resolvconf {
  enum resolvconf_state state;
  int error; /* errno */
  unsigned count;
  union addr servers[RESOLVCONF_SERVERS]; /* in their order, each once, port 53; 0.0.0.0 and :: are loopback,
                                             as in connect(2) */
  unsigned own, away, wrong; /* lines left out: jidnsd itself, no such interface now, no address */
  bool ring; /* it names systemd-resolved, which asks jidnsd itself: left out, whoever reads it for the daemon
              */
  unsigned wrong_line; /* the first without an address, and what it has in place of one */
  char wrong_word[RESOLVCONF_WORD];
};

/* Reads the `nameserver` lines as glibc does: the keyword at the line's start, comments and port 53 only.
 * Left out are the `own_count` addresses in `own`, on which jidnsd itself listens: it would ask itself. A
 * wildcard among them means all loopback addresses and those of this machine's interfaces. True when there is
 * a server to ask. */
bool resolvconf_read(const char *path, const union addr *own, unsigned own_count, struct resolvconf *out);

/* Why there is no server to ask: "/etc/resolv.conf: there is no such file". */
const char *resolvconf_why(const char *path, const struct resolvconf *r, char text[RESOLVCONF_TEXT]);

/* Does whoever listens at all of `own` get what is sent to `a`? */
bool resolvconf_is_own(const union addr *a, const union addr *own, unsigned own_count);
#endif
