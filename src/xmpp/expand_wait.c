/* expand_wait.c: SRV answers held back until their targets' addresses are there (--expand-srv wait). Exports
 * expand_on_done, expand_wait_end to the module.
 *
 * forward holds the clients, and knows when their time is over; here is what each of them waits for. */
#include "base/must.h"
#include "dns/ttl.h"
#include "xmpp/xmpp_priv.h"

/* Forward expands it once more and gives it out, but later: who is told here that a question is settled is in
 * the midst of settling it, so nothing may be asked or answered from within. */
static void let_go(struct xmpp *x, unsigned i, uint64_t now_ms) {
  must(i < x->held_count);
  forward_release(x->forward, &x->held[i].question, now_ms);
  x->held[i] = x->held[--x->held_count];
}

void expand_wait_end(struct xmpp *x, const struct question *q) {
  for (unsigned i = x->held_count; i-- > 0;) {
    if (question_equal(&x->held[i].question, q)) x->held[i] = x->held[--x->held_count];
  }
}

/* True when the question of this hash was the last that is awaited. */
static bool was_last(struct awaited_addresses *a, uint64_t hash) {
  unsigned k = 0;
  while (k < a->open && a->hashes[k] != hash) k++;
  if (k == a->open) return false;
  a->hashes[k] = a->hashes[--a->open];
  a->hashes[a->open] = hash;
  return a->open == 0;
}

/* All that h waited for is there: is there more behind it, as a target turned out to be an alias? Then that
 * is asked for. */
static bool goes_on(struct xmpp *x, struct held_answer *h, uint64_t now_ms) {
  struct expansion out;
  if (cache_peek(x->cache, &h->question, tick_of_ms(now_ms), &x->old) != CACHE_FRESH) return false;
  if (!expand_make(x, &h->question, &x->old, false, now_ms, &out) || !out.lacking) return false;
  expand_ask_lacking(x, &out, &h->question, now_ms, &h->awaited);
  return h->awaited.open > 0;
}

static void address_settled(struct xmpp *x, uint64_t hash, uint64_t now_ms) {
  for (unsigned i = x->held_count; i-- > 0;) {
    struct held_answer *h = &x->held[i];
    if (was_last(&h->awaited, hash) && !goes_on(x, h, now_ms)) let_go(x, i, now_ms);
  }
}

uint32_t expand_on_done(struct xmpp *x, const struct question *q, const struct answer *a,
                        enum forward_waiters waiters, uint64_t now_ms) {
  struct expansion out;
  address_settled(x, q->hash, now_ms);
  if (!a || waiters == WAITERS_NONE || !expand_is_wanted(x, q) || x->held_count == HELD_MAX) return 0;
  if (!expand_make(x, q, a, false, now_ms, &out) || !out.lacking) return 0;

  struct held_answer *h = &x->held[x->held_count];
  *h = (struct held_answer){.question = *q};
  expand_ask_lacking(x, &out, q, now_ms, &h->awaited);
  /* nothing will come: a bound was reached, or they failed a moment ago */
  if (h->awaited.open == 0 || waiters != WAITERS_CAN_WAIT) return 0;
  x->held_count++;
  return EXPAND_WAIT_MS;
}
