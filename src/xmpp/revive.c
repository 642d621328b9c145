/* revive.c: names that were in use before a restart. Exports revive_*, xmpp_revive. */
#include "xmpp/revive.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/must.h"
#include "dns/ttl.h"
#include "xmpp/xmpp_priv.h"

enum {
  RANKS = 8,
  EVERY_MS = 1000 / REVIVE_PER_S,
  FAILING_MS = 10000,   /* while servers fail: one name tells when they are back */
  LONGEST_MS = 3600000, /* then what is left is left to those who ask for it */
  LOOKS = 64,           /* names that need nothing, passed over at a time */
  TRIES = 2
};

struct item {
  struct item *next;
  uint64_t hash;
  uint8_t rank, tries;
  uint16_t name_len;
  uint8_t key[];
};

struct queue {
  struct item *first, *last;
};

struct revive_list {
  unsigned count;
  struct queue queues[RANKS]; /* the highest is asked first */
};

/* ---- the list ---- */

static void append(struct queue *q, struct item *i) {
  i->next = NULL;
  if (q->last) q->last->next = i;
  else q->first = i;
  q->last = i;
}

static struct item *remove_first(struct queue *q) {
  struct item *i = q->first;
  q->first = i->next;
  if (!q->first) q->last = NULL;
  return i;
}

static void push(struct revive_list *l, struct item *i) {
  append(&l->queues[i->rank], i);
  l->count++;
}

static struct item *take_first(struct revive_list *l, struct queue *q) {
  l->count--;
  return remove_first(q);
}

/* NULL: it is empty. */
static struct item *take_most_used(struct revive_list *l) {
  for (unsigned rank = RANKS; rank-- > 0;) {
    if (l->queues[rank].first) return take_first(l, &l->queues[rank]);
  }
  return NULL;
}

/* Makes room for one of that rank; false: all that are there are of as much use. */
static bool make_room(struct revive_list *l, unsigned rank) {
  if (l->count < REVIVE_MAX) return true;
  for (unsigned low = 0; low < rank; low++) {
    if (!l->queues[low].first) continue;
    free(take_first(l, &l->queues[low]));
    return true;
  }
  return false;
}

unsigned revive_count(const struct revive_list *l) { return l->count; }

void revive_list_free(struct revive_list *l) {
  for (struct item *i; l && (i = take_most_used(l));) free(i);
  free(l);
}

/* ---- what was in use ---- */

/* From its uses in the cache; what was renewed and not used since counts less. */
static unsigned rank_of(const struct cache_standing *s) { return s->hits * 2u + (s->origin == ORIGIN_QUERY); }

static bool was_in_use(const struct cache_entry *e, uint32_t written, uint32_t tick) {
  uint32_t born = e->answer.head.stored_at;
  if (!e->standing.hits || origin_is_prefetch(e->standing.origin)) return false;
  if (e->expiry <= written || e->expiry - born < ticks_of_ttl(RENEW_TTL_MIN)) return false;
  return tick >= born + (e->expiry - born) / 2;
}

static void add(struct revive_list *l, const struct cache_entry *e, uint64_t seed) {
  const struct question *from = e->question;
  struct question q;
  unsigned rank = rank_of(&e->standing);
  struct item *i = make_room(l, rank) ? malloc(sizeof *i + question_key_len(from)) : NULL;
  if (!i) return;
  question_make(&q, from->key, from->name_len, question_type(from), question_class(from),
                question_flags(from), seed);
  *i = (struct item){.hash = q.hash, .rank = (uint8_t)rank, .name_len = q.name_len};
  memcpy(i->key, q.key, question_key_len(&q));
  push(l, i);
}

struct revive_list *revive_gather(struct cache *c, uint64_t asleep_s, uint32_t tick, uint64_t seed,
                                  const bool *stop) {
  if (asleep_s > REVIVE_AGE_MAX_S || asleep_s * TICKS_PER_S >= tick) return NULL;
  uint32_t written = tick - (uint32_t)asleep_s * TICKS_PER_S;
  struct revive_list *l = calloc(1, sizeof *l);
  struct cache_walk *walk = cache_walk_new_until(c, stop);
  struct cache_entry e;
  while (l && walk && cache_walk_next(walk, &e)) {
    if (was_in_use(&e, written, tick)) add(l, &e, seed);
  }
  cache_walk_free(walk);
  if (l && l->count) return l;
  revive_list_free(l);
  return NULL;
}

/* ---- asking ---- */

struct revival {
  struct xmpp *xmpp;
  struct timer timer;
  uint64_t end_ms;
  struct revive_list *list;
  struct queue resting; /* their servers failed; until then none of those is asked: */
  uint64_t rest_end_ms;
  struct item *asked[REVIVE_IN_FLIGHT]; /* the last ones; a place is used again when its question is over */
  unsigned next;
};

static void question_of_item(const struct item *i, struct question *q) {
  *q = (struct question){.hash = i->hash, .name_len = i->name_len};
  memcpy(q->key, i->key, question_key_len(q));
}

static enum cache_found look(struct xmpp *x, const struct question *q, uint64_t now_ms) {
  bool unused;
  return cache_look(x->cache, q, tick_of_ms(now_ms), &unused);
}

/* The place for the next question is empty, or its question is over: what came to nothing is asked once more
 * in the end. */
static bool has_place(struct revival *r, uint64_t now_ms) {
  struct item *i = r->asked[r->next];
  struct question q;
  if (!i) return true;
  question_of_item(i, &q);
  if (forward_is_asking(r->xmpp->forward, &q)) return false;
  r->asked[r->next] = NULL;
  if (i->tries < TRIES && look(r->xmpp, &q, now_ms) == CACHE_EXPIRED) {
    i->rank = 0;
    push(r->list, i);
  } else {
    free(i);
  }
  return true;
}

/* What still lives is renewed when it has run out. True when the item needs no question now. */
static bool needs_none(struct xmpp *x, const struct question *q, uint64_t now_ms) {
  enum cache_found found = look(x, q, now_ms);
  if (found == CACHE_FRESH) renew_used(x, q, now_ms);
  return found != CACHE_EXPIRED;
}

/* Servers that fail are asked for one name in FAILING_MS; meanwhile their names rest, so that those of other
 * servers do not wait for them. True when this one rests now. */
static bool rests(struct revival *r, struct item *i, const struct question *q, uint64_t now_ms) {
  if (!forward_is_down(r->xmpp->forward, q)) return false;
  if (now_ms < r->rest_end_ms) {
    append(&r->resting, i);
    return true;
  }
  r->rest_end_ms = now_ms + FAILING_MS;
  return false;
}

static void end_rest(struct revival *r, uint64_t now_ms) {
  while (now_ms >= r->rest_end_ms && r->resting.first) push(r->list, remove_first(&r->resting));
}

/* Asks for it, unless a client has: then that question's end is awaited. */
static void ask(struct revival *r, struct item *i, const struct question *q, uint64_t now_ms) {
  struct xmpp *x = r->xmpp;
  /* that it comes to nothing while its servers fail is not its fault */
  if (!forward_is_down(x->forward, q)) i->tries++;
  r->asked[r->next] = i;
  r->next = (r->next + 1) % REVIVE_IN_FLIGHT;
  if (forward_is_asking(x->forward, q)) return;
  if (forward_renew(x->forward, q, ORIGIN_RENEWED, now_ms)) count(x->counters, renewed_at_start);
}

/* Asks one, if there is one. */
static void ask_next(struct revival *r, uint64_t now_ms) {
  struct xmpp *x = r->xmpp;
  struct question q;
  if (forward_waiting(x->forward) > REVIVE_WAITING || !has_place(r, now_ms)) return;

  end_rest(r, now_ms);
  for (unsigned looks = 0; looks < LOOKS; looks++) {
    struct item *i = take_most_used(r->list);
    if (!i) return;
    question_of_item(i, &q);
    if (needs_none(x, &q, now_ms)) {
      free(i);
      continue;
    }
    if (rests(r, i, &q, now_ms)) continue;
    if (budget_take(x->budget, now_ms)) ask(r, i, &q, now_ms);
    else push(r->list, i);
    return;
  }
}

static bool is_over(const struct revival *r, uint64_t now_ms) {
  if (!r->xmpp->o.prefetch || now_ms >= r->end_ms) return true;
  for (unsigned k = 0; k < REVIVE_IN_FLIGHT; k++) {
    if (r->asked[k]) return false;
  }
  return r->list->count == 0 && !r->resting.first;
}

void revive_close(struct xmpp *x) {
  struct revival *r = x->revival;
  if (!r) return;
  x->revival = NULL;
  timers_stop(x->timers, &r->timer);
  timers_release(x->timers);
  for (unsigned k = 0; k < REVIVE_IN_FLIGHT; k++) free(r->asked[k]);
  while (r->resting.first) free(remove_first(&r->resting));
  revive_list_free(r->list);
  free(r);
}

static void on_timer(struct timer *t, uint64_t now_ms) {
  struct revival *r = container(t, struct revival, timer);
  if (is_over(r, now_ms)) {
    revive_close(r->xmpp);
    return;
  }
  ask_next(r, now_ms);
  /* those that are over are looked after one by one at the end, too */
  if (r->list->count == 0 && !r->asked[r->next]) r->next = (r->next + 1) % REVIVE_IN_FLIGHT;
  timers_set(r->xmpp->timers, &r->timer, now_ms + EVERY_MS);
}

void xmpp_revive(struct xmpp *x, struct revive_list *list, uint64_t now_ms) {
  struct revival *r = x->o.prefetch && !x->revival ? calloc(1, sizeof *r) : NULL;
  if (!r || !timers_promise(x->timers)) {
    free(r);
    revive_list_free(list);
    return;
  }
  r->xmpp = x;
  r->list = list;
  r->end_ms = now_ms + LONGEST_MS;
  r->timer.fire = on_timer;
  x->revival = r;
  timers_set(x->timers, &r->timer, now_ms + EVERY_MS);
}
