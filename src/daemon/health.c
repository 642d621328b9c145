/* health.c: can the daemon answer while no upstream server does? Exports health_text, health_of_cache*. */
#include "daemon/health.h"

#include "dns/ttl.h"

enum { REMEMBER_MS = 1000 };

const char *health_text(enum health h) {
  switch (h) {
  case HEALTH_GOOD: return "ready";
  case HEALTH_CACHE_ONLY: return "ready: no server upstream answers, but the cache does";
  case HEALTH_NONE: break;
  }
  return "no server upstream answers";
}

/* An answer that clients can use, not a failure that was kept for a while; no older than may be given. */
static bool may_be_given(const struct cache_entry *e, uint32_t max_stale_s, uint32_t tick) {
  if (e->answer.head.rcode != RCODE_NOERROR && e->answer.head.rcode != RCODE_NXDOMAIN) return false;
  return e->expiry > tick || tick - e->expiry < (uint64_t)max_stale_s * TICKS_PER_S;
}

enum health health_of_cache(struct cache *c, uint32_t max_stale_s, uint64_t now_ms) {
  struct cache_walk *walk = cache_walk_new(c);
  struct cache_entry e;
  bool found = false;
  while (walk && !found && cache_walk_next(walk, &e))
    found = may_be_given(&e, max_stale_s, tick_of_ms(now_ms));
  cache_walk_free(walk);
  return found ? HEALTH_CACHE_ONLY : HEALTH_NONE;
}

enum health health_of_cache_again(struct health_memory *m, struct cache *c, uint32_t max_stale_s,
                                  uint64_t now_ms) {
  if (now_ms >= m->until_ms) {
    m->health = health_of_cache(c, max_stale_s, now_ms);
    m->until_ms = now_ms + REMEMBER_MS;
  }
  return m->health;
}
