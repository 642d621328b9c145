/* Where an XMPP domain is, as far as the cache knows: for domains that nobody has walked to while somebody
 * looked. */
#ifndef JIDNS_DAEMON_DOMAIN_WAY_H
#define JIDNS_DAEMON_DOMAIN_WAY_H
#include "cache/cache.h"
#include "xmpp/walks.h"

/* What one service says outweighs what the other says when it comes later here. */
enum domain_way {
  DOMAIN_WAY_UNKNOWN,   /* the cache has no SRV answer */
  DOMAIN_WAY_ADDRESSES, /* no SRV record: the domain's own addresses */
  DOMAIN_WAY_NONE,      /* "." */
  DOMAIN_WAY_SRV        /* the target that programs try first */
};

struct domain_way_reader; /* scratch for any number of domains */

/* The cache is borrowed until domain_way_free; seed: the cache's. NULL when memory is out. */
struct domain_way_reader *domain_way_new(struct cache *cache, uint64_t seed);
void domain_way_free(struct domain_way_reader *r);

/* Fills *out but for DOMAIN_WAY_UNKNOWN and DOMAIN_WAY_NONE. *is_stale: what it follows from has expired. No
 * use of the cache's entries; the domain in lower case. */
enum domain_way domain_way_read(struct domain_way_reader *r, const uint8_t *domain, size_t len,
                                enum family_role role, uint32_t tick, struct walk_way *out, bool *is_stale);
#endif
