/* Names whose servers are others than before: what the old ones said of them is no longer fresh. */
#ifndef JIDNS_DAEMON_ROUTE_CHANGE_H
#define JIDNS_DAEMON_ROUTE_CHANGE_H
#include "cache/cache.h"
#include "settings/settings.h"

struct route_change;

/* Compares the servers of both; NULL when each name still has one of those that it had. Those for all other
 * names count only when they are resolv.conf's, and were before: other ones are another network. */
struct route_change *route_change_new(const struct settings *before, const struct settings *after);
void route_change_free(struct route_change *e); /* NULL is fine */

/* Expires what the cache had of such names until `tick`, which may be given out as stale from then on;
 * returns how many answers. */
size_t route_change_expire(const struct route_change *e, struct cache *c, uint32_t tick);
#endif
