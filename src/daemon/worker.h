/* One thread that answers: its loop, sockets, timers and counters, and the modules wired together. */
#ifndef JIDNS_DAEMON_WORKER_H
#define JIDNS_DAEMON_WORKER_H
#include "base/counter.h"
#include "base/latency.h"
#include "cache/cache.h"
#include "daemon/prover.h"
#include "faults/fault.h"
#include "server/listen.h"
#include "settings/settings.h"
#include "share/member.h"

struct worker;

/* What all workers have in common; the cache is borrowed. */
struct worker_common {
  struct cache *cache;
  uint64_t seed; /* the cache's */
  uint8_t cookie_secret[SIPHASH_KEY];
  struct xmpp_budget *budget;       /* borrowed: what they ask ahead */
  struct guesses *guesses;          /* borrowed: which hosts many domains have */
  struct kin *kin;                  /* borrowed: which subdomains go with their domain */
  struct stale_log *stale_log;      /* borrowed: when stale answers begin and end */
  struct walk_watch *walk_watch;    /* borrowed: hosts' ways to domains */
  struct tls_context *trust;        /* of encrypted servers: borrowed until worker_prepare brings another */
  const struct http2_library *http; /* borrowed: for servers over HTTPS; NULL: not loaded */
  struct prover *prover;            /* borrowed: what answers are proven by */
  const struct member *member;      /* borrowed: of a fleet; NULL: of none */
  const struct zones *zones;        /* borrowed until worker_set_zones or worker_stop; NULL: there are none */
};

/* What a reload reads besides the settings; all borrowed as those of worker_common. */
struct worker_outside {
  struct tls_context *trust;
  const struct http2_library *http;
  const struct anchors *anchors; /* NULL: nothing is to be proven */
};

/* Makes all that the worker needs, so that nothing can fail later, and takes the listeners over (one for each
 * address in settings; on failure too). settings and the cache are borrowed until worker_stop returns. NULL,
 * and the reason is logged, when something is lacking. */
struct worker *worker_new(const struct settings *settings, const struct worker_common *common,
                          struct listener *listeners);

/* These faults are in force from now on; called in the worker's thread. Borrowed until the next call. */
void worker_set_faults(struct worker *w, const struct faults *faults);

/* This is told to that queue of dnstap's from now on, borrowed; NULL: nothing is. A task for the worker's
 * thread. */
void worker_set_tap(struct worker *w, const struct tap_policy *policy, struct tap_queue *queue);

/* Starts the thread. False, and the reason is logged, when there is none to be had; worker_stop then still
 * frees. */
bool worker_start(struct worker *w);

/* Runs task(w, arg) in the worker's thread, between two queries, and waits until it is done; in this thread
 * while the worker is not started. From one thread at a time, never from a worker. */
void worker_run(struct worker *w, void (*task)(struct worker *w, void *arg), void *arg);

/* From now on these zones are answered; NULL: none. Borrowed as worker_common.zones is. A task for the
 * worker's thread. */
void worker_set_zones(struct worker *w, const struct zones *zones);

/* A reload, in two halves, both within worker_run. The first makes all that can fail for want of memory:
 * false, and the worker is as before. Then either all workers take it into force or all discard it. */
bool worker_prepare(struct worker *w, const struct settings *s, const struct worker_outside *outside);
void worker_discard(struct worker *w);
/* Puts into force what was prepared and s's other settings; `before` held until now. The n listeners at
 * `opened`, of addresses that are new, are taken over; addresses that s no longer lists are closed once all
 * who asked there are answered. False when the kernel would not watch a new one: the others are in force. */
bool worker_commit(struct worker *w, const struct settings *before, const struct settings *s,
                   struct listener *opened, unsigned n);

/* What upstreams failed at is asked again at once. A task for the worker's thread. */
void worker_forget_failures(struct worker *w, void *unused);

/* Borrowed; may be read by any thread while the worker counts on. */
const struct counters *worker_counters(const struct worker *w);

/* How long clients waited for what was not in the cache; as above. */
const struct latency *worker_waited(const struct worker *w);

/* ---- for tasks ---- */

/* Its servers, borrowed for the task. */
const struct routes *worker_routes(const struct worker *w);
unsigned worker_in_flight(const struct worker *w);

/* Its connection to the fleet's engine, and what is asked of it; NULLs without one. */
struct member_thread *worker_member(struct worker *w);
const struct forward_options *worker_forward_options(const struct worker *w); /* borrowed for the task */

/* What became of XMPP domains' services in it; NULL: nobody has waited for any. Borrowed for the task. */
const struct domains *worker_domains(const struct worker *w);

/* A task: the worker asks again what is on this list (xmpp/revive.h) and takes it over. */
void worker_revive(struct worker *w, void *list);

/* From now on seen hears of each question that is let in; NULL: nobody does. */
void worker_watch(struct worker *w, void (*seen)(void *ctx, const struct question *q), void *ctx);

/* From now on somebody looks at what becomes of walks, or nobody does. */
void worker_look(struct worker *w, bool looks);

/* Answers SERVFAIL to who still waits, closes all, waits for the thread to end and frees. Adds its counters
 * to *sum unless that is NULL. */
void worker_stop(struct worker *w, struct counters *sum);
#endif
