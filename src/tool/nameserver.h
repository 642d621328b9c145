/* Which server to ask when none is named. */
#ifndef JIDNS_TOOL_NAMESERVER_H
#define JIDNS_TOOL_NAMESERVER_H
#include "base/addr.h"

#define NAMESERVER_FILE "/etc/resolv.conf"

/* The first usable `nameserver` of the file, port 53; 127.0.0.1 when there is no file or no such line, as
 * libc does. */
void nameserver_first(const char *path, union addr *out);
#endif
