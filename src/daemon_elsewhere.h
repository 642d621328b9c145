/* Names whose servers are others than before: what the old ones said of them is no longer fresh. */
#ifndef JIDNS_DAEMON_ELSEWHERE_H
#define JIDNS_DAEMON_ELSEWHERE_H
#include "cache/cache.h"
#include "settings/settings.h"

struct elsewhere;

/* Compares the servers of both; NULL when each name still has one of those that it had. Those for all other
 * names count only when they are resolv.conf's, and were before: other ones are another network. */
struct elsewhere *elsewhere_new(const struct settings *before, const struct settings *after);
void elsewhere_free(struct elsewhere *e); /* NULL is fine */

/* Expires what the cache had of such names until `tick`, which may be given out as stale from then on;
 * returns how many answers. */
size_t elsewhere_expire(const struct elsewhere *e, struct cache *c, uint32_t tick);
#endif
