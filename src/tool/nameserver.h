/* Which server to ask when none is named. */
#ifndef JIDNS_TOOL_NAMESERVER_H
#define JIDNS_TOOL_NAMESERVER_H
#include <stdio.h>

#include "base/addr.h"

#define NAMESERVER_FILE "/etc/resolv.conf"

/* The first usable `nameserver` of the file as jidnsd reads it, port 53; 127.0.0.1, as libc does, and said on
 * err, when there is no file or no such line. */
void nameserver_first(const char *path, union addr *out, FILE *err);
enum { NAMESERVER_SEARCH_MAX = 3, NAMESERVER_NAME = 256 };

/* The domains that libc appends to names: those of the last `search` or `domain` line. Returns how many. */
size_t nameserver_search(const char *path, char out[NAMESERVER_SEARCH_MAX][NAMESERVER_NAME]);
#endif
