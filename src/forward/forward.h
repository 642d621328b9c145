/* A question that the cache can't answer, until it is answered: joined with the same question in flight, put
 * to the servers, checked, stored, given to all who wait.
 *
 * Everything happens in one thread, at the times it is told; no socket and no clock in here. */
#ifndef JIDNS_FORWARD_FORWARD_H
#define JIDNS_FORWARD_FORWARD_H
#include "base/counter.h"
#include "base/err.h"
#include "base/latency.h"
#include "base/random.h"
#include "base/timer.h"
#include "cache/cache.h"
#include "forward/client.h"
#include "forward/fleet.h"
#include "forward/rebind.h"
#include "forward/route.h"

enum {
  PATIENCE_MS = 2500, /* a client is told SERVFAIL after this: sooner than any but slixmpp gives up */
  STALE_PATIENCE_MS =
      400, /* with a stale answer at hand it gets that after this, or, where servers usually take longer, */
  STALE_PATIENCE_MAX_MS = 650, /* when they are late, at most after this: Erlang re-sends at 667 ms */
  UNANSWERED_PATIENCE_MS =
      600, /* instead of PATIENCE_MS for what servers left unanswered before while they answered others */
  LATE_MS = 10000, /* a question stays open for so long, so that a late answer is there for the next client */
  FORWARD_TRIES = 8, /* tries of one question open at a time: all that fit into PATIENCE_MS at RTO_MAX_MS, so
                      * that no slow answer is hung up on */
  FORWARD_EACH = 3,  /* tries of one question to one server over UDP, then over TCP (RFC 9520 section 3.1) */
  FORWARD_PENDING = 20000, /* clients' questions in flight */
  FORWARD_DOWN = 8000, /* so many, and none is begun for a domain's servers that are all down: other domains
                          need room */
  FORWARD_ALIASES =
      8, /* times that an alias leads a question to other servers, or into or out of local zones */
  FORWARD_PREFETCHES = 4000 /* and prefetched; none is while half of the former are */
};

/* Whom an answer, which is there now, was asked for. */
enum forward_waiters {
  WAITERS_NONE,    /* nobody: it was prefetched; or it failed */
  WAITERS_GONE,    /* clients, none of whom waits any more, or can't wait on as the cache has not taken it */
  WAITERS_CAN_WAIT /* clients */
};

/* What a client was told in the end that asked for what the cache did not have. */
struct forward_told {
  enum { TOLD_ANSWER, TOLD_STALE, TOLD_FAILURE } how;
  enum err why;       /* of TOLD_FAILURE */
  uint64_t waited_ms; /* 0: it was told at once */
};

/* An observer; any member but ctx may be NULL. What it asks of forward from within (forward_prefetch,
 * forward_renew, forward_release) sends questions, but never comes back to it, nor to a client, before it has
 * returned: failures and releases wait for the timers. */
struct forward_watch {
  void *ctx;
  /* A client asks q and has to wait. */
  void (*on_miss)(void *ctx, const struct question *q, uint64_t now_ms);
  /* a is about to be stored for q: records may be added to its additional section. *refresh_at and *spare as
   * in cache_put. */
  void (*before_store)(void *ctx, const struct question *q, struct answer *a, uint32_t *refresh_at,
                       size_t *spare, uint64_t now_ms);
  /* q was answered by a, or failed (a NULL). Returns for how many ms its clients should be kept waiting on, 0
   * for none: until then forward_release may let them go. Only WAITERS_CAN_WAIT are kept waiting, and that
   * their time is over on_due says, not `used`. Asks of the observer's own go out now. */
  uint32_t (*on_done)(void *ctx, const struct question *q, const struct answer *a,
                      enum forward_waiters waiters, uint64_t now_ms);
  /* A client got q's entry, which is past its refresh_at; or, not `used`, those are about to get it who were
   * kept waiting for it. True when the entry has been renewed on the spot. */
  bool (*on_due)(void *ctx, const struct question *q, bool used, uint64_t now_ms);
  /* A client is the first to get q's entry, which came in so before anybody asked (cache_hit.origin). */
  void (*on_first_use)(void *ctx, const struct question *q, enum cache_origin how, uint64_t now_ms);
  /* A client is being told: once for each that on_miss came for, or that was turned away. */
  void (*on_told)(void *ctx, const struct question *q, const struct forward_told *told, uint64_t now_ms);
};

struct judge;
struct prove_log;
struct forward;

/* What becomes of answers that DNSSEC may prove: nothing is looked at; they are judged, and what is wrong is
 * counted and logged, but goes out; or what is bogus does not. */
enum prove_mode { PROVE_OFF, PROVE_LOG, PROVE_VALIDATE };
/* And of those that say that there is nothing and have no record that could prove it, as of a server that
 * filters: they are bogus, or taken for those of an unsigned zone. */
enum unsigned_denial { UNSIGNED_DENIAL_REFUSE, UNSIGNED_DENIAL_PASS };

/* What that takes; all borrowed. */
struct proving {
  struct judge *judge;   /* the thread's; NULL: nothing is proven, whatever the policy says */
  struct prove_log *log; /* shared by all workers; NULL: nobody is told of bogus answers */
  /* The time of day in seconds since 1970; 0: the clock is not to be trusted. */
  uint32_t (*clock_s)(void *ctx, uint64_t now_ms);
  void *clock_ctx;
};

/* What the operator decides; a part of the settings that is handed over whole. */
struct forward_policy {
  uint32_t max_stale_s; /* how long an expired answer may stand in (RFC 8767); 0: never */
  uint32_t
      max_ttl_s; /* no answer is kept, or said to last, for longer, unless its route says so; 0: no limit */
  uint32_t udp_size; /* octets of a reply that servers may send in a datagram; 0: DNS_UDP_OURS */
  bool nxdomain_cut; /* NXDOMAIN covers what is below (RFC 8020) */
  bool trust_ad;     /* what the servers say of authenticity is passed on (RFC 6840 section 5.8) */
  bool cookies;      /* are shown to the servers (RFC 7873) */
  bool case_random;  /* the case of questions is random and must come back so (0x20) */
  enum prove_mode prove;
  enum unsigned_denial unsigned_denial;
  struct rebind rebind; /* which addresses answers may hold */
};

struct forward_options {
  struct cache *cache; /* all borrowed */
  const struct routes *routes;
  struct timers *timers;
  struct counters *counters;
  struct latency *waited;      /* how long clients waited for answers; NULL: nobody wants to know */
  struct stale_log *stale_log; /* shared by all workers; NULL: nobody is told of stale answers */
  uint64_t seed;
  struct random *random; /* not NULL where policy.case_random is set */
  /* is q answered without any server? Then it is never prefetched */
  bool (*is_local)(const void *local, const struct question *q);
  const void *local; /* NULL: there are none, and is_local may be NULL */
  /* Answers a question from zones, cache and servers, as serve_question does: for what an alias leads to.
   * NULL: none is followed. */
  int (*answer)(void *ctx, const struct query *q, const struct client *client, uint64_t now_ms, uint8_t *out);
  void *answer_ctx;
  struct fleet fleet; /* all NULL: there is none */
  struct proving proving;
  struct forward_policy policy;
};

struct forward *forward_new(const struct forward_options *options); /* NULL when memory is out */
void forward_free(struct forward *f);                               /* after forward_stop */

/* One observer; its ctx must live until forward_stop. */
void forward_set_watch(struct forward *f, const struct forward_watch *watch);

/* q missed the cache (or found it expired): lets the client wait. ERR_NONE: deliver will be called later,
 * never from within. ERR_AGAIN: the same datagram waits already, and one answer is enough. Else why it can't,
 * and nothing happens. q->query_opts.qname_wire is copied. */
enum err forward_ask(struct forward *f, const struct query *q, const struct client *client, uint64_t now_ms);

/* Asks q before any client does, unless it is in the cache, in flight, or too much is; or it was prefetched
 * before, ran out, and nobody had any use for it. `how`: which family's (origin_is_prefetch). */
void forward_prefetch(struct forward *f, const struct question *q, enum cache_origin how, uint64_t now_ms);

/* Asks q, records of a zone, ahead of the proof that will take them. Bounded as above. */
void forward_prove_ahead(struct forward *f, const struct question *q, uint64_t now_ms);

/* Would forward_prefetch have reason to ask? */
bool forward_is_new(const struct forward *f, const struct question *q, uint64_t now_ms);

/* May q be asked for on the mere guess that its name exists? The servers of some domains are not to see that.
 */
bool forward_may_guess(const struct forward *f, const struct question *q);

/* Asks q once more although the cache has it: ORIGIN_RENEWED because it is about to expire, ORIGIN_QUERY
 * because it was given out stale or is to go with another answer. Bounded as above. False when it is not
 * under way. */
bool forward_renew(struct forward *f, const struct question *q, enum cache_origin how, uint64_t now_ms);

bool forward_is_asking(const struct forward *f, const struct question *q); /* it is in flight */

/* q is for a name that no server is to be asked for (dns/special.h), and no server is set for it all the
 * same, as Tor's may be for onion. */
bool forward_is_special(const struct forward *f, const struct question *q);

/* All upstreams are known to be down, q failed a moment ago (RFC 9520), or it is in flight and somebody has
 * waited for it in vain already: what the cache has of it, stale or not, should be given out at once. */
bool forward_is_failing(const struct forward *f, const struct question *q, uint64_t now_ms);
bool forward_is_down(const struct forward *f, const struct question *q); /* q's upstreams are known to be */

/* With nxdomain_cut: writes the answer for a query whose name, or one above, is known not to exist. Returns
 * its length, at most `limit`, or 0 when nothing of the kind is known. */
size_t forward_denied(struct forward *f, const struct query *q, uint64_t now_ms, size_t limit, uint8_t *out);

/* A client that asked q was told so at once, by the caller: the observer hears of it. */
void forward_note_told(struct forward *f, const struct question *q, const struct forward_told *told,
                       uint64_t now_ms);

/* A client is the first to get q's entry, as forward_watch.on_first_use says. */
void forward_note_first_use(struct forward *f, const struct question *q, enum cache_origin how,
                            uint64_t now_ms);

/* A client found q's entry past its refresh_at: see forward_watch.on_due. */
bool forward_due(struct forward *f, const struct question *q, bool used, uint64_t now_ms);

/* Lets the clients go that wait for q because the observer said so: when the timers are next looked at, never
 * from within, they get what the cache then holds. The observer hears that q's time is over (on_due) before
 * that. */
void forward_release(struct forward *f, const struct question *q, uint64_t now_ms);

/* Drops all that is in flight; every waiting client hears SERVFAIL. */
void forward_stop(struct forward *f);

unsigned forward_in_flight(const struct forward *f); /* questions */
unsigned forward_waiting(const struct forward *f);   /* clients, for any of them */

/* From now on these hold; cache, timers, counters and seed must be the same. What is in flight stays with the
 * servers it was put to until forward_reroute. */
void forward_set_options(struct forward *f, const struct forward_options *options);

/* What failed is asked again at once: somebody flushes. forward_set_options does so, too. */
void forward_forget_failures(struct forward *f);
/* The keys of zones are asked for anew: somebody flushes. */
void forward_forget_zones(struct forward *f);
/* Servers have changed, by forward_set_options: what is in flight for a name none of whose servers stayed is
 * put to the new ones. Never from within a callback of forward's own. */
void forward_reroute(struct forward *f, uint64_t now_ms);

/* Borrowed: for observers. */
const struct forward_options *forward_options(const struct forward *f);
#endif
