/* walk.c: past all entries, ring by ring. Exports cache_walk_*, cache_flush, cache_expire. */
#include <stdlib.h>

#include "base/hash.h"
#include "cache/cache_priv.h"
#include "dns/record.h"

/* Copied out under one lock: few enough octets for some 10 us. Looked at under one lock by a flush: few
 * enough entries for some 100 us. */
enum { PIECE = 64 << 10, LOOKED_AT = 500 };

/* Where a walk stands. Entries move from the small to the main ring and within that from its tail to its
 * head, so a walk goes through the small ring first and in each up to its head, however far that has moved;
 * but no more than one turn: all that was there at the start has by then been met or has left. */
struct walk_position {
  unsigned shard;
  bool in_main, begun;
  uint64_t at, end;
};

/* The ring where the walk stands, p->at being an entry of it; NULL when it is through with that ring. */
static struct ring *ring_here(struct shard *s, struct walk_position *p) {
  struct ring *r = p->in_main ? &s->main : &s->small;
  if (!p->begun) {
    p->at = r->tail;
    p->end = r->head + r->size;
    p->begun = true;
  }
  if (p->at < r->tail) p->at = r->tail;
  return p->at < r->head && p->at < p->end ? r : NULL;
}

static void next_ring(struct walk_position *p) {
  if (p->in_main) p->shard++;
  p->in_main = !p->in_main;
  p->begun = false;
}

/* ---- showing ---- */

struct cache_walk {
  struct cache *cache;
  const bool *stop;
  struct walk_position position; /* of the next entry in the piece, or of the next piece */
  size_t len, used;
  struct question question;
  _Alignas(struct entry) uint8_t piece[ENTRY_MAX + RING_SLACK];
};

struct cache_walk *cache_walk_new_until(struct cache *c, const bool *stop) {
  struct cache_walk *w = malloc(sizeof *w);
  if (!w) return NULL;
  w->cache = c;
  w->stop = stop;
  w->position = (struct walk_position){0};
  w->len = w->used = 0;
  return w;
}

struct cache_walk *cache_walk_new(struct cache *c) {
  return cache_walk_new_until(c, NULL);
}

void cache_walk_free(struct cache_walk *w) { free(w); }

/* At least one entry, as many as fit, and the start of one that does not. Behind the ring's end the slack is
 * copied, too: a dead entry's head may stick out into it. */
static void copy_piece(struct cache_walk *w, const struct ring *r) {
  uint64_t at = w->position.at, to_end = r->size - at % r->size, first = entry_octets(ring_at(r, at));
  w->len = r->head - at < to_end ? r->head - at : to_end;
  if (w->len > PIECE) w->len = first > PIECE ? first : PIECE;
  w->used = 0;
  memcpy(w->piece, ring_at(r, at), w->len + sizeof(struct entry));
}

static bool take_piece(struct cache_walk *w) {
  if (w->stop && __atomic_load_n(w->stop, __ATOMIC_RELAXED)) return false;
  for (; w->position.shard < w->cache->shard_count; next_ring(&w->position)) {
    struct shard *s = &w->cache->shards[w->position.shard];
    pthread_mutex_lock(&s->lock);
    const struct ring *r = ring_here(s, &w->position);
    if (r) copy_piece(w, r);
    pthread_mutex_unlock(&s->lock);
    if (r) return true;
  }
  return false;
}

/* The next entry in the piece; NULL when what is left of it is none or only a part. */
static const struct entry *entry_in_piece(struct cache_walk *w) {
  if (w->used == w->len) return NULL;
  const struct entry *e = (const struct entry *)(const void *)(w->piece + w->used);
  if (entry_octets(e) > w->len - w->used) return NULL;
  w->used += entry_octets(e);
  w->position.at += entry_octets(e);
  return e;
}

static void show(struct cache_walk *w, const struct entry *e, struct cache_entry *out) {
  struct question *q = &w->question;
  struct answer_view v = entry_view(e);
  q->name_len = e->name_len;
  memcpy(q->key, e->data, question_key_len(q));
  q->hash = hash_bytes(q->key, question_key_len(q), w->cache->shards[0].seed);
  *out = (struct cache_entry){
      .question = q,
      .answer = v,
      .expiry = entry_expiry(&v),
      .standing = {.hits = e->mark & MARK_HITS, .origin = entry_origin(e), .in_main = w->position.in_main}};
}

bool cache_walk_next(struct cache_walk *w, struct cache_entry *out) {
  for (;;) {
    const struct entry *e = entry_in_piece(w);
    if (e && !(e->mark & MARK_DEAD)) {
      show(w, e, out);
      return true;
    }
    if (!e && !take_piece(w)) return false;
  }
}

/* ---- flushing ---- */

bool cache_which_has(const struct cache_which *which, const uint8_t *name, size_t len, uint16_t type) {
  /* type 0: what is known of the name as such, and so of each type */
  if (which->type && type && which->type != type) return false;
  if (which->below) return name_is_within(name, len, which->name, which->name_len);
  return name_equal(name, len, which->name, which->name_len);
}

static bool goes(const struct entry *e, const struct cache_which *which) {
  return cache_which_has(which, e->data, e->name_len, load_u16(e->data + e->name_len));
}

bool cache_which_is_carried(const struct cache_which *which, const uint8_t *key, size_t name_len,
                            const struct answer_view *v) {
  enum { BODY_MAX = 4096, MESSAGE = DNS_HEADER + NAME_MAX_LEN + 4 };
  uint8_t message[MESSAGE + BODY_MAX];
  size_t at = DNS_HEADER + name_len + 4;
  struct record r;
  if (!v->head.ar) return false;
  if (v->head.body_len > BODY_MAX) return true;

  memset(message, 0, DNS_HEADER);
  memcpy(message + DNS_HEADER, key, name_len + 4); /* name, type, class: owners may point there */
  memcpy(message + at, v->body, v->head.body_len);
  struct wire w = wire_read(message, at + v->head.body_len);
  w.at = at;
  for (unsigned i = 0; i < answer_records(&v->head) && record_read(&w, &r); i++) {
    if (i >= (unsigned)v->head.an + v->head.ns && cache_which_has(which, r.owner, r.owner_len, r.type))
      return true;
  }

  return false;
}

static bool carries(const struct entry *e, const struct cache_which *which) {
  struct answer_view v = entry_view(e);
  return cache_which_is_carried(which, e->data, e->name_len, &v);
}

/* Takes out what was added to it. Who asks next finds it due, and whoever added that does so again from what
 * is there then. */
static void drop_additional(struct entry *e) {
  struct answer_view v = entry_view(e);
  unsigned own = (unsigned)v.head.an + v.head.ns;
  uint8_t *offsets = e->data + e->name_len + KEY_TAIL;
  uint16_t last = 0, end = 0;
  if (own) {
    memcpy(&last, v.ttl_at + 2 * (own - 1), sizeof last);
    end = (uint16_t)(last + 6 + load_u16(v.body + last + 4)); /* behind a TTL are RDLENGTH and RDATA */
  }
  memmove(offsets + 2 * own, v.body, end);
  e->answer.ar = 0;
  e->answer.body_len = end;
  e->answer.refresh_at = e->answer.stored_at;
}

/* Goes on for some entries; false when it is through with this ring. */
static bool flush_some(struct shard *s, struct walk_position *p, const struct cache_which *which,
                       size_t *flushed) {
  struct ring *r = NULL;
  for (unsigned i = 0; i < LOOKED_AT && (r = ring_here(s, p)); i++) {
    struct entry *e = ring_at(r, p->at);
    p->at += entry_octets(e);
    if (e->mark & MARK_DEAD) continue;
    if (goes(e, which)) {
      evict_drop(s, e);
      ++*flushed;
    } else if (e->answer.ar && carries(e, which)) {
      drop_additional(e);
    }
  }
  return r != NULL;
}

/* Both rings start anew at their bases, whose pages are in memory already; positions never go back. */
static void empty_ring(struct ring *r) {
  r->head = (r->head + r->size - 1) / r->size * r->size;
  r->tail = r->head;
}

static size_t flush_shard(struct shard *s) {
  pthread_mutex_lock(&s->lock);
  struct shard old = {.slots = s->slots, .slot_count = s->slot_count};
  size_t flushed = s->entries;
  s->slots = NULL;
  s->slot_count = s->entries = 0;
  empty_ring(&s->small);
  empty_ring(&s->main);
  pthread_mutex_unlock(&s->lock);
  index_free(&old); /* unmapping takes its time */
  return flushed;
}

size_t cache_flush(struct cache *c, const struct cache_which *which) {
  struct walk_position p = {0};
  size_t flushed = 0;

  flushed_note(c, which);
  if (!which->name) {
    for (unsigned i = 0; i < c->shard_count; i++) flushed += flush_shard(&c->shards[i]);
    return flushed;
  }

  while (p.shard < c->shard_count) {
    struct shard *s = &c->shards[p.shard];
    pthread_mutex_lock(&s->lock);
    bool more = flush_some(s, &p, which, &flushed);
    pthread_mutex_unlock(&s->lock);
    if (!more) next_ring(&p);
  }

  return flushed;
}

/* ---- ending their time ---- */

struct expiring {
  bool (*is_one)(const void *ctx, const struct question *q);
  const void *ctx;
  uint32_t tick;
  size_t count;
};

/* Its birth is set back by what is left of its time. Not having been used in that time is nothing against
 * asking for it ahead again. */
static void expire(struct expiring *x, struct entry *e) {
  struct question q = {.name_len = e->name_len};
  struct answer_view v = entry_view(e);
  uint32_t expiry = entry_expiry(&v);
  memcpy(q.key, e->data, question_key_len(&q));
  if (!x->is_one(x->ctx, &q)) return;
  e->mark &= (uint8_t)~MARK_RENEWING; /* no grace: what it says is another network's */
  if (expiry <= x->tick || e->answer.stored_at > x->tick) return;

  e->answer.stored_at -= expiry - x->tick;
  if (e->answer.refresh_at > x->tick) e->answer.refresh_at = x->tick;
  e->mark &= (uint8_t)~MARK_ORIGIN;
  x->count++;
}

/* Goes on for some entries; false when it is through with this ring. */
static bool expire_some(struct shard *s, struct walk_position *p, struct expiring *x) {
  struct ring *r = NULL;
  for (unsigned i = 0; i < LOOKED_AT && (r = ring_here(s, p)); i++) {
    struct entry *e = ring_at(r, p->at);
    p->at += entry_octets(e);
    if (e->mark & MARK_DEAD) continue; /* nothing else of it need be there: it may fill a ring's end */
    expire(x, e);
    /* another name's addresses may be among them; they are looked up anew */
    if (e->answer.ar) drop_additional(e);
  }
  return r != NULL;
}

size_t cache_expire(struct cache *c, bool (*is_one)(const void *ctx, const struct question *q),
                    const void *ctx, uint32_t tick) {
  struct expiring x = {.is_one = is_one, .ctx = ctx, .tick = tick};
  struct walk_position p = {0};
  while (p.shard < c->shard_count) {
    struct shard *s = &c->shards[p.shard];
    pthread_mutex_lock(&s->lock);
    bool more = expire_some(s, &p, &x);
    pthread_mutex_unlock(&s->lock);
    if (!more) next_ring(&p);
  }
  return x.count;
}
