/* The modules that answer a query, wired together, and from the settings to each module's policy.
 *
 * No socket and no loop: a worker adds those; the tests' resolver in virtual time is wired by the same
 * calls. */
#ifndef JIDNS_DAEMON_WIRING_H
#define JIDNS_DAEMON_WIRING_H
#include "daemon/health.h"
#include "daemon/walk_watch.h"
#include "server/serve_zones.h"
#include "settings/settings.h"

/* What stays the same for the life of a wiring; all borrowed. */
struct wiring_parts {
  struct cache *cache;
  uint64_t seed; /* the cache's */
  struct timers *timers;
  struct counters *counters;
  struct latency *waited;
  struct stale_log *stale_log;   /* shared by all wirings of the process; NULL: none */
  struct walk_watch *walk_watch; /* shared by all wirings of the process; NULL: walks are not watched */
  struct random *random;
  const struct fleet *fleet;  /* NULL: there is none */
  struct xmpp_budget *budget; /* shared by all wirings of the process */
  struct guesses *guesses;    /* the same; NULL: nothing is guessed */
  struct kin *kin;            /* the same; NULL: no subdomains are learnt */
  uint8_t cookie_secret[SIPHASH_KEY];
  uint32_t cookie_epoch_s; /* seconds from 1970 to where times begin */
};

/* What needs memory and depends on settings: a reload makes it anew before it changes anything. */
struct wiring_tables {
  struct routes routes;
  struct access *access;  /* NULL: anybody may ask */
  struct proving proving; /* borrowed; without a judge nothing is proven */
};

struct wiring {
  struct forward *forward;
  struct xmpp *xmpp;
  struct fault_filter *fault_filter;
  struct serve_zones *serve_zones;
  struct query_service serve;
  struct walk_listener walks;
  struct tap tap; /* of clients and of servers */
  struct health_memory health;
};

/* Makes the modules. The tables are borrowed until the next wiring_set or wiring_free. False when memory is
 * out: then wiring_free frees what there is. */
bool wiring_init(struct wiring *w, const struct wiring_parts *parts, const struct wiring_tables *tables,
                 const struct settings *s);

/* From now on these settings hold, and these tables, borrowed as above. Nothing here can fail. */
void wiring_set(struct wiring *w, const struct wiring_tables *tables, const struct settings *s);

/* From now on these zones are answered, borrowed; NULL: none. These faults are in force, borrowed; NULL or
 * none in them: none. */
void wiring_set_zones(struct wiring *w, const struct zones *zones);
void wiring_set_faults(struct wiring *w, const struct faults *faults);

/* From now on somebody looks at what becomes of walks, or nobody does. */
void wiring_look(struct wiring *w, bool looks);
/* From now on this is told to that queue, borrowed; NULL: nothing is. */
void wiring_set_tap(struct wiring *w, const struct tap_policy *policy, struct tap_queue *queue);

/* Drops all questions in flight and all answers held back: who waits for them is told. */
void wiring_stop(struct wiring *w);
void wiring_free(struct wiring *w); /* after wiring_stop */

/* The rebinding filter with all that is exempt: names that were allowed, and domains that have servers of
 * their own. */
void wiring_rebind(const struct settings *s, struct rebind *out);
#endif
