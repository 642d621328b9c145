/* How well the daemon can answer, and the question about it: health.jidnsd CH TXT, which this machine alone
 * may ask. */
#ifndef JIDNS_DAEMON_HEALTH_H
#define JIDNS_DAEMON_HEALTH_H
#include "cache/cache.h"
#include "settings/settings.h"

enum health {
  HEALTH_GOOD,
  HEALTH_CACHE_ONLY, /* no upstream server answers; there are answers, fresh or stale, that may be given */
  HEALTH_NONE        /* no upstream server answers, and there is nothing that may be given */
};

/* One line without its end; it begins with "ready" unless it is HEALTH_NONE. */
const char *health_text(enum health h);

/* While no upstream server answers: is anything in the cache that may still be given? Walks it up to the
 * first such answer: milliseconds at worst, and not for the path of a query. */
enum health health_of_cache(struct cache *c, uint32_t max_stale_s, uint64_t now_ms);

/* What a reload of `max_stale_s` and the like can't change within a second is told again. */
struct health_memory {
  enum health health;
  uint64_t until_ms; /* 0: nothing is remembered */
};
enum health health_of_cache_again(struct health_memory *m, struct cache *c, uint32_t max_stale_s,
                                  uint64_t now_ms);

/* Asks the daemon that runs with these settings how it is, at each address it listens on, and says so in one
 * line on out, or why there is no answer on err. Takes less than a second. True: it can answer. */
bool health_ask(struct settings *s, FILE *out, FILE *err);
#endif
