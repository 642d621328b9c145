/* The servers that a resolv.conf names (resolv.conf(5)). */
#ifndef JIDNS_UPSTREAM_RESOLVCONF_H
#define JIDNS_UPSTREAM_RESOLVCONF_H
#include "base/addr.h"

enum { RESOLVCONF_LINES = 1000 }; /* what comes after so many lines is not read */

/* Writes the addresses of the `nameserver` lines, port 53, to out, at most `max`, in their order and each
 * once. 0.0.0.0 and :: stand for the loopback address, as they do in connect(2). Lines that hold no
 * address are logged and left out.
 *
 * So are the `own_count` addresses in `own`, on which jidnsd itself listens: it would ask itself. A
 * wildcard among them means all loopback addresses and those of this machine's interfaces.
 *
 * Returns how many were written: 0 when the file names no server that can be used, or -errno when it can't
 * be read. */
int resolvconf_read(const char *path, const union addr *own, unsigned own_count, union addr *out,
                    unsigned max);
#endif
