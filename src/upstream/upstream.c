/* upstream.c: a set of servers, and who of them is next. Exports upstream_*. */
#include "upstream/upstream.h"

#include <stdlib.h>

#include "base/must.h"

enum { FORGET = 64 }; /* a server twice as slow is tried again after some 45 questions */

void upstream_init(struct upstream *u, enum upstream_policy policy) {
  *u = (struct upstream){.users = 1, .policy = policy};
  list_init(&u->link);
}

struct upstream *upstream_new(struct list *all, enum upstream_policy policy) {
  struct upstream *u = malloc(sizeof *u);
  if (!u) return NULL;
  upstream_init(u, policy);
  list_append(all, &u->link);
  return u;
}

struct upstream *upstream_hold(struct upstream *u) {
  u->users++;
  return u;
}

void upstream_release(struct upstream *u) {
  if (!u) return;
  must(u->users > 0);
  if (--u->users) return;
  upstream_close(u);
  list_remove(&u->link);
  free(u);
}

bool upstream_add(struct upstream *u, const struct ns_address *address,
                  struct channel *const channels[TRANSPORTS]) {
  if (u->count == UPSTREAM_SERVERS) return false;
  struct nameserver *s = &u->servers[u->count++];
  *s = (struct nameserver){.address = *address};
  memcpy(s->channels, channels, sizeof s->channels);
  return true;
}

void upstream_close(struct upstream *u) {
  for (unsigned i = 0; i < u->count; i++) ns_close(&u->servers[i]);
  u->count = 0;
}

void upstream_flush(struct upstream *u, uint64_t now_ms) {
  for (unsigned i = 0; i < u->count; i++) ns_flush(&u->servers[i], now_ms);
}

void upstream_inherit(struct upstream *to, const struct upstream *from) {
  for (unsigned i = 0; i < to->count; i++) {
    for (unsigned k = 0; k < from->count; k++) {
      const struct nameserver *known = &from->servers[k];
      if (ns_address_equal(&to->servers[i].address, &known->address)) ns_inherit(&to->servers[i], known);
    }
  }
}

enum standing { IS_UP, IS_IN_DOUBT, IS_DOWN };

static enum standing standing_of(const struct nameserver *s) {
  return s->down_until_ms ? IS_DOWN : s->timeouts ? IS_IN_DOUBT : IS_UP;
}

/* Of two servers the one that stands earlier is `b`. */
static bool better(const struct upstream *u, const struct nameserver *a, const struct nameserver *b) {
  enum standing at = standing_of(a), bt = standing_of(b);
  if (at != bt) return at < bt;
  if (at == IS_DOWN) return a->down_until_ms < b->down_until_ms;
  return u->policy == UPSTREAM_FASTEST && a->srtt_x8_ms < b->srtt_x8_ms;
}

/* Who is not asked seems faster with each question that others get, until it is tried again: once slow is not
 * slow for ever. */
static void forget_a_little(struct upstream *u, const struct nameserver *asked) {
  for (unsigned i = 0; i < u->count; i++) {
    struct nameserver *s = &u->servers[i];
    if (s != asked && !s->down_until_ms && s->srtt_x8_ms > 8) s->srtt_x8_ms -= s->srtt_x8_ms / FORGET + 1;
  }
}

/* Health comes first: a server in doubt or down is picked only when no better one is left, so that a client
 * waits for it last. Among those that are equally well the policy decides. With UPSTREAM_FASTEST the others'
 * times are then forgotten a little, or a server that was slow once would never be measured again. */
struct nameserver *upstream_pick(struct upstream *u, unsigned tried) {
  struct nameserver *best = NULL;
  unsigned first = u->policy == UPSTREAM_SPREAD ? u->next : 0;
  for (unsigned i = 0; i < u->count; i++) {
    struct nameserver *s = &u->servers[(first + i) % u->count];
    if (!(tried & upstream_bit(u, s)) && (!best || better(u, s, best))) best = s;
  }
  if (best && u->policy == UPSTREAM_SPREAD) u->next = (unsigned)(best - u->servers) + 1;
  if (best && u->policy == UPSTREAM_FASTEST) forget_a_little(u, best);
  return best;
}

bool upstream_may_hedge(const struct upstream *u, const struct nameserver *asked) {
  if (u->hedges < HEDGE_PRICE) return false;
  for (unsigned i = 0; i < u->count; i++) {
    if (&u->servers[i] != asked && !u->servers[i].down_until_ms) return true;
  }
  return false;
}

void upstream_note_asked(struct upstream *u) {
  if (u->hedges < HEDGE_PRICE * HEDGE_SAVED) u->hedges++;
}

void upstream_note_hedged(struct upstream *u) {
  u->hedges -= u->hedges < HEDGE_PRICE ? u->hedges : HEDGE_PRICE;
}

struct nameserver *upstream_probe(struct upstream *u, uint64_t now_ms) {
  for (unsigned i = 0; i < u->count; i++) {
    struct nameserver *s = &u->servers[i];
    enum standing is = standing_of(s);
    if (s->probed || is == IS_UP || s->down_until_ms > now_ms) continue;
    if (is == IS_DOWN) s->down_until_ms = now_ms + s->down_for_ms; /* one question each time */
    return s;
  }
  return NULL;
}

bool upstream_is_failing(const struct upstream *u) {
  for (unsigned i = 0; i < u->count; i++) {
    if (!u->servers[i].down_until_ms) return false;
  }
  return true;
}

unsigned upstream_resting(struct upstream *u, uint16_t type, uint64_t now_ms) {
  unsigned resting = 0;
  bool sure = true;
  for (unsigned i = 0; i < u->count; i++) {
    struct nameserver *s = &u->servers[i];
    const struct unanswered_type *t = unanswered_find(&s->unanswered, type);
    if (!t || unanswered_allows(&s->unanswered, type, now_ms)) continue;
    resting |= 1u << i;
    sure &= t->in_vain >= UNANSWERED_DOMAINS;
  }
  return resting == (1u << u->count) - 1 && !sure ? 0 : resting;
}

void upstream_forget_unanswered(struct upstream *u) {
  for (unsigned i = 0; i < u->count; i++) u->servers[i].unanswered = (struct unanswered){0};
}

bool upstream_leaves_unanswered(const struct upstream *u, uint16_t type) {
  for (unsigned i = 0; i < u->count; i++) {
    if (!unanswered_find(&u->servers[i].unanswered, type)) return false;
  }
  return u->count > 0;
}
