/* cache.c: the door of the cache: locks a shard, finds, writes out, puts in. Exports cache_*. */
#include "cache/cache.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "cache/cache_priv.h"

/* A shard is 4 MiB or larger: enough for some 40,000 answers, small enough that growing its index takes no
 * millisecond. */
enum { SHARD_MIN = 4 << 20, SHARDS_MAX = 64, GHOST_OCTETS = 128 };

static_assert(sizeof(struct entry) == 20, "doc/cache.md draws it");
static_assert(RING_SLACK >= sizeof(struct entry), "a filler's head must fit behind the ring");

static struct shard *shard_of(struct cache *c, uint64_t hash) {
  return &c->shards[(hash >> 48) & (c->shard_count - 1)];
}

static bool shard_init(struct shard *s, uint8_t *arena, size_t size) {
  size_t small = size / 10 < CACHE_SIZE_MIN / 4 ? CACHE_SIZE_MIN / 4 : size / 10;
  small &= ~(size_t)63;
  s->arena = arena;
  s->small = (struct ring){.base = arena, .size = small};
  s->main = (struct ring){.base = arena + small + RING_SLACK, .size = (size - small) & ~(size_t)63};
  s->ghost_mask = 1;
  while (s->ghost_mask < s->main.size / GHOST_OCTETS) s->ghost_mask *= 2;
  s->ghosts = calloc(s->ghost_mask, sizeof *s->ghosts);
  s->ghost_mask--;
  pthread_mutex_init(&s->lock, NULL);
  return s->ghosts != NULL;
}

struct cache *cache_new(size_t size, uint64_t seed) {
  unsigned shards = 1;
  if (size < CACHE_SIZE_MIN) size = CACHE_SIZE_MIN;
  while (shards < SHARDS_MAX && size / (shards * 2) >= SHARD_MIN) shards *= 2;
  struct cache *c = aligned_alloc(64, (sizeof *c + shards * sizeof *c->shards + 63) / 64 * 64);
  if (!c) return NULL;
  size_t each = size / shards & ~(size_t)63, stride = each + 2 * RING_SLACK;
  *c = (struct cache){.size = size, .mapped = stride * shards};
  pthread_mutex_init(&c->flushed_lock, NULL);
  memset(c->shards, 0, shards * sizeof *c->shards);
  void *memory = mmap(NULL, c->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                      -1, 0);
  if (memory == MAP_FAILED) {
    int e = errno;
    pthread_mutex_destroy(&c->flushed_lock);
    free(c);
    errno = e;
    return NULL;
  }

  /* memory is to be taken as the rings fill, not 2 MiB at a time */
  madvise(memory, c->mapped, MADV_NOHUGEPAGE);
  c->memory = memory;
  for (; c->shard_count < shards; c->shard_count++) {
    struct shard *s = &c->shards[c->shard_count];
    s->seed = seed;
    if (shard_init(s, c->memory + c->shard_count * stride, each)) continue;
    c->shard_count++;
    cache_free(c);
    errno = ENOMEM;
    return NULL;
  }

  return c;
}

void cache_free(struct cache *c) {
  if (!c) return;
  for (unsigned i = 0; i < c->shard_count; i++) {
    pthread_mutex_destroy(&c->shards[i].lock);
    free(c->shards[i].ghosts);
    index_free(&c->shards[i]);
  }
  munmap(c->memory, c->mapped);
  cache_restore_end(c);
  pthread_mutex_destroy(&c->flushed_lock);
  free(c);
}

/* Its TTL is over, or not yet; what is being renewed gets some time more. */
static bool is_expired(const struct entry *e, uint32_t expiry, uint32_t tick) {
  return tick >= expiry + (e->mark & MARK_RENEWING ? RENEW_GRACE_TICKS : 0);
}

static enum cache_found judge(const struct entry *e, const struct answer_view *v, uint32_t tick) {
  if (tick < v->head.refresh_at) return CACHE_FRESH;
  return is_expired(e, entry_expiry(v), tick) ? CACHE_EXPIRED : CACHE_DUE;
}

/* The tick for which a worn answer is written: while it is being renewed past its end, the last before that.
 */
static uint32_t worn_tick(const struct answer_view *v, uint32_t tick) {
  uint32_t expiry = entry_expiry(v);
  return tick < expiry ? tick : expiry - 1;
}

/* The same for those who look: CACHE_DUE only past its end. */
static enum cache_found judge_life(const struct entry *e, uint32_t expiry, uint32_t tick) {
  if (tick < expiry) return CACHE_FRESH;
  return is_expired(e, expiry, tick) ? CACHE_EXPIRED : CACHE_DUE;
}

/* Notes that somebody asked for it. Written only when it changes, so that a hot entry's cache line stays
 * clean. */
static enum cache_origin note_use(struct entry *e) {
  enum cache_origin first = entry_origin(e);
  if (first) e->mark &= (uint8_t)~MARK_ORIGIN;
  if ((e->mark & MARK_HITS) < MARK_HITS) e->mark++;
  return first;
}

enum cache_found cache_get(struct cache *c, const struct query *q, uint32_t tick, size_t limit, uint8_t *out,
                           struct cache_hit *hit) {
  struct shard *s = shard_of(c, q->question.hash);
  enum cache_found found = CACHE_MISS;

  *hit = (struct cache_hit){0};
  pthread_mutex_lock(&s->lock);
  struct slot *slot = index_find(s, &q->question);
  if (slot) {
    struct entry *e = entry_at(s, slot->ref);
    struct answer_view v = entry_view(e);
    found = judge(e, &v, tick);
    if (found != CACHE_EXPIRED) {
      bool whole = found == CACHE_FRESH && !(e->mark & MARK_POSTPONED); /* none of its records has run out */
      if (found == CACHE_DUE) tick = worn_tick(&v, tick);
      hit->len = answer_write(&v, &q->query_opts, whole ? ANSWER_FRESH : ANSWER_DUE, tick, limit, out);
      hit->origin = note_use(e);
    }
  }

  pthread_mutex_unlock(&s->lock);
  return found;
}

bool cache_get_stale(struct cache *c, const struct query *q, uint32_t tick, uint32_t max_stale_s,
                     size_t limit, uint8_t *out, struct cache_hit *hit) {
  struct shard *s = shard_of(c, q->question.hash);
  *hit = (struct cache_hit){0};
  pthread_mutex_lock(&s->lock);
  struct slot *slot = index_find(s, &q->question);
  if (slot) {
    struct entry *e = entry_at(s, slot->ref);
    struct answer_view v = entry_view(e);
    enum cache_found found = judge(e, &v, tick);
    if (found == CACHE_DUE) tick = worn_tick(&v, tick);
    bool usable = found != CACHE_EXPIRED || tick - entry_expiry(&v) <= (uint64_t)max_stale_s * TICKS_PER_S;
    if (usable) {
      hit->len = answer_write(&v, &q->query_opts, found == CACHE_EXPIRED ? ANSWER_STALE : ANSWER_DUE, tick,
                              limit, out);
      hit->origin = note_use(e);
    }
  }

  pthread_mutex_unlock(&s->lock);
  return hit->len > 0;
}

enum cache_found cache_peek(struct cache *c, const struct question *q, uint32_t tick, struct answer *out) {
  struct shard *s = shard_of(c, q->hash);
  enum cache_found found = CACHE_MISS;

  pthread_mutex_lock(&s->lock);
  struct slot *slot = index_find(s, q);
  if (slot) {
    struct entry *e = entry_at(s, slot->ref);
    struct answer_view v = entry_view(e);
    uint32_t until = entry_expiry(&v);
    found = judge_life(e, until, tick);
    out->head = v.head;
    out->ttl_s = (until - v.head.stored_at) / TICKS_PER_S;
    memcpy(out->ttl_at, v.ttl_at, 2 * answer_records(&v.head));
    memcpy(out->body, v.body, v.head.body_len);
  }

  pthread_mutex_unlock(&s->lock);
  return found;
}

enum cache_found cache_look(struct cache *c, const struct question *q, uint32_t tick, bool *unused) {
  struct shard *s = shard_of(c, q->hash);
  enum cache_found found = CACHE_MISS;
  *unused = false;
  pthread_mutex_lock(&s->lock);
  struct slot *slot = index_find(s, q);
  if (slot) {
    struct entry *e = entry_at(s, slot->ref);
    struct answer_view v = entry_view(e);
    found = judge_life(e, entry_expiry(&v), tick);
    *unused = origin_is_prefetch(entry_origin(e));
  }
  pthread_mutex_unlock(&s->lock);
  return found;
}

static void fill(struct entry *e, const struct question *q, const struct answer *a, uint32_t refresh_at) {
  size_t key = question_key_len(q), offsets = 2 * answer_records(&a->head);
  e->answer = a->head;
  struct answer_view v = answer_view(a);
  unsigned must_last = (unsigned)a->head.an + a->head.ns;
  uint32_t until = a->head.stored_at + ticks_of_ttl(a->ttl_s);
  if (a->head.ar) {
    uint32_t first_gone = a->head.stored_at +
                          ticks_of_ttl(answer_least_ttl(&v, must_last, must_last + a->head.ar));
    if (first_gone < until) until = first_gone;
  }

  e->answer.refresh_at = refresh_at && refresh_at < until ? refresh_at : until;
  e->name_len = (uint8_t)q->name_len;
  memcpy(e->data, q->key, key);
  memcpy(e->data + key, a->ttl_at, offsets);
  memcpy(e->data + key + offsets, a->body, a->head.body_len);
}

static size_t octets_of(const struct question *q, const struct answer *a) {
  return sizeof(struct entry) + question_key_len(q) + 2 * answer_records(&a->head) + a->head.body_len;
}

/* A new entry of at least `octets`, linked in; NULL when there is no room. */
static struct entry *add(struct shard *s, uint32_t tag, bool in_main, size_t octets) {
  size_t units = (octets + ENTRY_UNIT - 1) / ENTRY_UNIT;
  struct entry *e = units * ENTRY_UNIT <= ENTRY_MAX ? evict_make_room(s, in_main, (uint32_t)units) : NULL;
  if (!e || index_add(s, tag, entry_ref(s, e))) return e;
  e->mark = MARK_DEAD;
  return NULL;
}

/* The entry that is to hold an answer of `octets`: the old one if that is large enough, else a new one. */
static struct entry *entry_for(struct shard *s, const struct question *q, uint32_t stored_at,
                               enum cache_origin origin, size_t octets, size_t spare) {
  uint32_t tag = (uint32_t)q->hash;
  struct slot *slot = index_find(s, q);

  if (!slot) { /* that it is prefetched again says nothing of its use */
    return add(s, tag, !origin_is_prefetch(origin) && evict_take_ghost(s, tag), octets + spare);
  }

  struct entry *old = entry_at(s, slot->ref);
  if (old->answer.stored_at > stored_at) return NULL; /* another worker has renewed it meanwhile */
  if (entry_origin(old)) s->unused[entry_origin(old)]++;

  /* the same answer with other addresses */
  uint8_t marks = old->mark & (MARK_HITS | (old->answer.stored_at == stored_at ? MARK_RENEWING : 0));
  if ((size_t)old->units * ENTRY_UNIT >= octets) {
    old->mark = marks;
    return old;
  }

  bool in_main = evict_is_in_main(s, old);
  old->mark |= MARK_DEAD;
  index_remove(s, slot);
  struct entry *e = add(s, tag, in_main, octets + spare);
  if (e) e->mark = marks;
  return e;
}

/* The shard's lock is held for one look-up and one copy. An answer is written over its predecessor where that
 * is large enough, so that what is in steady use stays where it is; a longer one goes to the ring that its
 * predecessor was in. A new one goes to the small ring, or to the main ring when it has left the small one
 * lately, and others leave for it. Hits are kept; how it came in is marked until somebody asks for it. */
bool cache_put(struct cache *c, const struct question *q, const struct answer *a, enum cache_origin origin,
               uint32_t refresh_at, size_t spare) {
  if (a->ttl_s == 0) return false;

  struct shard *s = shard_of(c, q->hash);
  pthread_mutex_lock(&s->lock);
  struct entry *e = entry_for(s, q, a->head.stored_at, origin, octets_of(q, a), spare);
  if (e) {
    fill(e, q, a, refresh_at);
    e->mark = (uint8_t)((e->mark & (MARK_HITS | MARK_RENEWING)) | origin * MARK_ORIGIN_UNIT);
  }
  pthread_mutex_unlock(&s->lock);
  return e != NULL;
}

bool cache_restore(struct cache *c, const struct question *q, const struct answer *a, uint32_t refresh_at,
                   const struct cache_standing *standing) {
  if (a->ttl_s == 0) return false;
  struct shard *s = shard_of(c, q->hash);
  pthread_mutex_lock(&s->lock);
  /* a flush that is not noted yet will meet it in its shard */
  bool stays_out = index_find(s, q) || flushed_has(c, q, a);
  struct entry *e = stays_out ? NULL : add(s, (uint32_t)q->hash, standing->in_main, octets_of(q, a));
  if (e) {
    fill(e, q, a, refresh_at);
    e->mark = (uint8_t)((standing->hits < MARK_HITS ? standing->hits : MARK_HITS) |
                        standing->origin * MARK_ORIGIN_UNIT);
  }
  pthread_mutex_unlock(&s->lock);
  return e != NULL;
}

void cache_postpone(struct cache *c, const struct question *q, uint32_t tick, uint32_t until) {
  struct shard *s = shard_of(c, q->hash);
  pthread_mutex_lock(&s->lock);
  struct slot *slot = index_find(s, q);
  if (slot) {
    struct entry *e = entry_at(s, slot->ref);
    struct answer_view v = entry_view(e);
    uint32_t over = entry_expiry(&v);
    if (tick < over) {
      e->answer.refresh_at = until < over ? until : over;
      e->mark |= MARK_POSTPONED;
    }
  }
  pthread_mutex_unlock(&s->lock);
}

/* May who asks for this reason renew it now? */
static bool is_to_be_renewed(const struct entry *e, uint32_t expiry, enum cache_renewal why, uint32_t tick) {
  uint32_t life = expiry - e->answer.stored_at;
  if (e->mark & MARK_RENEWING || life < ticks_of_ttl(RENEW_TTL_MIN)) return false;
  if (why == RENEWAL_OF_STEADY) return tick < expiry;
  if (why == RENEWAL_OF_USED) return tick >= e->answer.stored_at + life / 2 && tick < expiry;
  return tick >= e->answer.stored_at + life / 3 && tick < expiry + RENEW_AFTER_TICKS;
}

bool cache_begin_renewal(struct cache *c, const struct question *q, enum cache_renewal why, uint32_t tick,
                         uint32_t *expiry) {
  struct shard *s = shard_of(c, q->hash);
  pthread_mutex_lock(&s->lock);
  struct slot *slot = index_find(s, q);
  struct entry *e = slot ? entry_at(s, slot->ref) : NULL;
  bool begun = false;
  if (e) {
    struct answer_view v = entry_view(e);
    *expiry = entry_expiry(&v);
    begun = is_to_be_renewed(e, *expiry, why, tick);
  }
  if (begun) e->mark |= MARK_RENEWING;
  pthread_mutex_unlock(&s->lock);
  return begun;
}

static uint64_t used(const struct ring *r) { return r->head - r->tail; }

void cache_stats(struct cache *c, struct cache_stats *out) {
  *out = (struct cache_stats){.limit = c->size};
  for (unsigned i = 0; i < c->shard_count; i++) {
    struct shard *s = &c->shards[i];
    pthread_mutex_lock(&s->lock);
    out->entries += s->entries;
    out->octets += used(&s->small) + used(&s->main) + (uint64_t)s->slot_count * sizeof(struct slot);
    out->evicted += s->evicted;
    for (unsigned o = 0; o < ORIGINS; o++) out->unused[o] += s->unused[o];
    pthread_mutex_unlock(&s->lock);
  }
}
