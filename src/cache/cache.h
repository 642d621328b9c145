/* Answers in memory, shared by all workers: bounded, sharded, found by question, written straight into a
 * client's buffer.
 *
 * Eviction is S3-FIFO (Yang et al., SOSP 2023): new entries wait in a small ring; those asked for again move
 * to the main ring, the others leave first, so that a flood of names asked once pushes out nothing that is in
 * use. doc/cache.md says why this one. */
#ifndef JIDNS_CACHE_CACHE_H
#define JIDNS_CACHE_CACHE_H
#include "dns/answer.h"

enum { CACHE_SIZE_MIN = 1 << 20 }; /* octets: a 64 KiB answer must fit into the small ring */

struct cache;

/* A cache that takes at most `size` octets (at least CACHE_SIZE_MIN) for entries and touches memory only as
 * it fills. NULL, and errno, when memory can't be had. `seed` is that of the questions' hashes. */
struct cache *cache_new(size_t size, uint64_t seed);
void cache_free(struct cache *c);

enum cache_found {
  CACHE_MISS,
  CACHE_FRESH,
  CACHE_DUE,    /* answered, but past its `refresh_at` tick: something about it wants to be renewed. Of
                 * cache_peek and cache_look: its TTL is over, but it is being renewed (cache_begin_renewal)
                 * and given out meanwhile */
  CACHE_EXPIRED /* not answered: the TTL is over; the entry is kept for serve-stale and as a hint */
};

/* Why an answer is put in. */
enum cache_origin {
  ORIGIN_QUERY,        /* somebody asked for it */
  ORIGIN_RENEWED,      /* it was about to run out, and its name is in use */
  ORIGIN_PREFETCH_C2S, /* prefetched for an XMPP client or ... */
  ORIGIN_PREFETCH_S2S, /* ... for a server; either goes as soon as any that nobody asks for again */
  ORIGINS
};

static inline bool origin_is_prefetch(enum cache_origin origin) { return origin >= ORIGIN_PREFETCH_C2S; }

struct cache_hit {
  size_t len; /* octets written to out; 0 unless FRESH or DUE (or EXPIRED in cache_get_stale) */
  enum cache_origin
      origin; /* the first time that anybody asks for it: how it had come in; else ORIGIN_QUERY */
};

/* Looks q's question up and, unless missing or expired, writes the answer for this client: see answer_write.
 */
enum cache_found cache_get(struct cache *c, const struct query *q, uint32_t tick, size_t limit, uint8_t *out,
                           struct cache_hit *hit);

/* The same for an entry at most max_stale_s seconds past its TTL, written as a stale answer (RFC 8767). False
 * if none. */
bool cache_get_stale(struct cache *c, const struct query *q, uint32_t tick, uint32_t max_stale_s,
                     size_t limit, uint8_t *out, struct cache_hit *hit);

/* Copies the whole entry out as it was put in: TTLs and ttl_s count from head.stored_at. CACHE_FRESH,
 * CACHE_DUE or CACHE_EXPIRED (copied as well), CACHE_MISS. Does not count as a use. */
enum cache_found cache_peek(struct cache *c, const struct question *q, uint32_t tick, struct answer *out);

/* What the cache knows of q, without copying it: CACHE_FRESH, CACHE_DUE, CACHE_EXPIRED, CACHE_MISS. *unused:
 * it was prefetched and nobody has asked for it. Not a use either. */
enum cache_found cache_look(struct cache *c, const struct question *q, uint32_t tick, bool *unused);

/* Puts a copy of the answer in, in place of an earlier one. a->head.refresh_at is set here: the tick when
 * ttl_s is over, or earlier when additional records run out earlier or `refresh_at` (a tick, 0 for none) says
 * so. `spare` octets are left free behind the body so that a longer successor fits in place. False when it is
 * not kept: ttl_s is 0, too large, no memory, or the cache has one born later. */
bool cache_put(struct cache *c, const struct question *q, const struct answer *a, enum cache_origin origin,
               uint32_t refresh_at, size_t spare);

/* From now to `until` the entry counts as fresh again (never beyond its TTL): whoever renews it says so. */
void cache_postpone(struct cache *c, const struct question *q, uint32_t tick, uint32_t until);

/* Who is to renew q's entry? One caller for each life of it, of all threads: true, and *expiry, the tick when
 * its TTL is over; until RENEW_GRACE_TICKS after that it is given out with a TTL of 1. False when it is too
 * short-lived, not there, another's to renew, or
 *  - RENEWAL_OF_USED: not yet in the second half of its life, or past its end;
 *  - RENEWAL_OF_STEADY, as it was renewed before and is used again: past its end;
 *  - RENEWAL_OF_WANTED, as it goes with another answer in use, which is somewhat older: in the first third of
 * its life, or past its end by RENEW_AFTER_TICKS. */
enum cache_renewal { RENEWAL_OF_USED, RENEWAL_OF_STEADY, RENEWAL_OF_WANTED };
bool cache_begin_renewal(struct cache *c, const struct question *q, enum cache_renewal why, uint32_t tick,
                         uint32_t *expiry);

/* How an entry stands among the others. */
struct cache_standing {
  uint8_t hits;             /* how often it was asked for since it came into its ring; 3 for more */
  enum cache_origin origin; /* how it came in, as long as nobody has asked for it; then ORIGIN_QUERY */
  bool in_main;             /* in the main ring */
};

/* What a walk shows of one entry; question and answer are borrowed until the next step. */
struct cache_entry {
  const struct question *question;
  struct answer_view answer;
  uint32_t expiry; /* the tick when its TTL is over; its age counts from answer.head.stored_at */
  struct cache_standing standing;
};

/* A walk past all entries, expired ones too, that may take as long as it likes, in any one thread: it copies
 * pieces of a ring out, a shard's lock is held for a memcpy of 64 KiB (of one entry where that is larger) and
 * never between two steps. What is there from its start to its end is shown, at least once: what moves
 * meanwhile may be shown twice. What is put in meanwhile may be shown. cache_walk_new: NULL when memory is
 * out. The cache is borrowed until cache_walk_free. */
struct cache_walk;
struct cache_walk *cache_walk_new(struct cache *c);
/* The same; it ends a piece later at most when *stop (set by another thread; NULL: never) becomes true. */
struct cache_walk *cache_walk_new_until(struct cache *c, const bool *stop);
/* false behind the last; *out is then as it was */
bool cache_walk_next(struct cache_walk *w, struct cache_entry *out);
void cache_walk_free(struct cache_walk *w);

/* Puts a copy back in that a walk showed, with this standing; else as cache_put. False as well when there is
 * an entry already. */
bool cache_restore(struct cache *c, const struct question *q, const struct answer *a, uint32_t refresh_at,
                   const struct cache_standing *standing);

/* While a snapshot is loaded the cache remembers what is flushed, so that it stays out: from
 * cache_restore_begin, before the first flush that is to count, to cache_restore_end. False when memory is
 * out: then nothing should be restored. */
bool cache_restore_begin(struct cache *c,
                         bool (*refuses)(const void *ctx, const struct question *q,
                                         const struct answer_view *v),
                         const void *ctx); /* who says what else stays out; NULL: nobody */
void cache_restore_end(struct cache *c);
bool cache_restore_is_flushed(struct cache *c); /* has anything been flushed since it began? */

/* Which entries go. */
struct cache_which {
  const uint8_t *name; /* in any case, without compression; NULL: all entries, whatever the rest says */
  size_t name_len;
  bool below;    /* the names below it as well */
  uint16_t type; /* 0: of all types */
};

/* Removes them, and what other answers carry of theirs in the additional section; returns how many entries
 * went. What was there when it began is gone when it returns; answers in flight come in later all the same.
 * By any thread; each shard's lock is held for 500 entries at a time. */
size_t cache_flush(struct cache *c, const struct cache_which *which);

/* Ends the time of the entries that is_one says so of and that came in until `tick`: they have just expired
 * then, and may still be given out as stale. Returns how many. Locks as cache_flush does. */
size_t cache_expire(struct cache *c, bool (*is_one)(const void *ctx, const struct question *q),
                    const void *ctx, uint32_t tick);

struct cache_stats {
  size_t entries, octets, limit; /* octets: taken by live and dead entries */
  uint64_t evicted;
  uint64_t unused[ORIGINS]; /* by how it was put in: pushed out or replaced before anybody asked;
                                  [ORIGIN_QUERY] is 0 */
};
void cache_stats(struct cache *c, struct cache_stats *out);
#endif
