/* The running daemon: one cache, the workers that share it, the main thread's loop. */
#ifndef JIDNS_DAEMON_DAEMON_H
#define JIDNS_DAEMON_DAEMON_H
#include <uv.h>

#include "daemon/domain_watch.h"
#include "daemon/fault_rules.h"
#include "daemon/prover.h"
#include "daemon/snapshotter.h"
#include "daemon/tapping.h"
#include "daemon/workers.h"
#include "forward/stale_log.h"

/* All members are the main thread's. */
struct daemon {
  uv_loop_t loop; /* of the main thread: signals, and what is not a query */
  bool has_loop;
  struct settings settings;
  int argc; /* the command line, for a reload; borrowed */
  char **argv;
  struct cache *cache;
  uint64_t seed; /* of its questions */
  struct xmpp_budget budget;
  struct guesses guesses;
  struct kin kin;
  struct stale_log stale_log;
  struct walk_watch walk_watch;
  bool has_walk_watch;
  struct workers workers;
  struct fault_rules faults;
  struct zonefile *zone_reader; /* NULL: ldns was not loaded */
  struct signer *signer;        /* of zones; NULL: none was signed so far */
  struct zones *zones;          /* NULL: there are none */
  struct member *member;        /* of a fleet; NULL: of none */
  struct tls_context *trust;    /* by whose word encrypted servers are known; NULL: OpenSSL was not loaded */
  struct prover prover;
  struct http2_library *http; /* NULL: nghttp2 was not loaded */
  struct tapping tapping;
  struct resolvwatch *watch; /* of resolv.conf, while the servers are those of it */
  struct netwatch *netwatch; /* of interfaces and addresses */
  struct domain_watch domain_watch;
  uv_timer_t signing; /* looks whether signatures of zones grow old */
  bool has_signing;
  bool reload_failed;   /* the last one: what held before still holds */
  uint64_t reloaded_ms; /* when that was; 0: there was none */
  struct snapshotter *snapshotter;
  struct metrics_http *metrics; /* NULL: nobody is to see them */
  struct page *page;            /* NULL: nobody has looked at it */
  uint64_t started_ms;
  struct control_socket control; /* bound by daemon_start; whoever takes commands there takes it over */
};

/* Reads what the settings name and looks whether it is there: zones, the user, the group. False, and the
 * reason on err, when that is not so: no better at another start. What was done is undone by daemon_stop. */
bool daemon_prepare(struct daemon *d, FILE *err);

/* After daemon_prepare: opens the sockets that d->settings names, gives up what rights it can, starts the
 * workers: from then on queries are answered. d->loop is open then, or, when it failed, if d->has_loop.
 * False, and the reason in one line on err: what was done is undone by daemon_stop. */
bool daemon_start(struct daemon *d, FILE *err);

/* The sum of all workers' counters, now. */
void daemon_counters(struct daemon *d, struct counters *sum);

/* Ends the workers in order and frees what daemon_start made, some of it when the loop has run; *sum: their
 * counters' last word. */
void daemon_stop(struct daemon *d, struct counters *sum);
#endif
