/* xmpp.c: the observer: hands forward's news to prefetch, expand and renew. Exports xmpp_*. */
#include "xmpp/xmpp.h"

#include <stdlib.h>

#include "xmpp/xmpp_priv.h"

static void on_miss(void *ctx, const struct question *q, uint64_t now_ms) {
  struct xmpp *x = ctx;
  if (question_type(q) == TYPE_SRV) allowance_fill(x, q, now_ms);
  if (!x->o.prefetch) return;
  prefetch_on_miss(x, q, now_ms);
  kin_fetch_on_miss(x, q, now_ms);
}

static void before_store(void *ctx, const struct question *q, struct answer *a, uint32_t *refresh_at,
                         size_t *spare, uint64_t now_ms) {
  struct xmpp *x = ctx;
  if (x->o.prefetch) {
    uint32_t others = prefetch_refresh_at(x, q, a);
    *refresh_at = others ? others : renew_refresh_at(a);
  }
  expand_before_store(x, q, a, refresh_at, spare, now_ms);
}

static uint32_t on_done(void *ctx, const struct question *q, const struct answer *a,
                        enum forward_waiters waiters, uint64_t now_ms) {
  struct xmpp *x = ctx;
  if (x->o.prefetch && a) prefetch_on_done(x, q, a, now_ms);
  if (x->o.prefetch && !a) prefetch_on_failure(x, q);
  return x->o.expand == XMPP_EXPAND_WAIT ? expand_on_done(x, q, a, waiters, now_ms) : 0;
}

static bool on_due(void *ctx, const struct question *q, bool used, uint64_t now_ms) {
  struct xmpp *x = ctx;
  if (used && question_type(q) == TYPE_SRV) allowance_fill(x, q, now_ms);
  if (x->o.prefetch) renew_used(x, q, now_ms);
  if (x->o.prefetch && used) kin_fetch_in_use(x, q, now_ms);
  if (!used) expand_wait_end(x, q);
  return expand_on_due(x, q, used, now_ms);
}

static void on_first_use(void *ctx, const struct question *q, enum cache_origin how, uint64_t now_ms) {
  struct xmpp *x = ctx;
  if (!x->o.prefetch) return;
  kin_fetch_used(x, q, now_ms);
  if (how != ORIGIN_RENEWED) return;
  if (question_type(q) == TYPE_SRV) allowance_fill(x, q, now_ms);
  renew_steady(x, q, now_ms);
}

/* The first one makes the table: who is never asked for XMPP services pays nothing. */
static void on_told(void *ctx, const struct question *q, const struct forward_told *told, uint64_t now_ms) {
  struct xmpp *x = ctx;
  if (question_type(q) != TYPE_SRV) return;
  if (!x->domains && !(x->domains = calloc(1, sizeof *x->domains))) return;
  domains_note(x->domains, q, told, now_ms);
}

const struct domains *xmpp_domains(const struct xmpp *x) { return x->domains; }

struct xmpp *xmpp_new(struct forward *f, const struct xmpp_policy *options, struct xmpp_budget *budget,
                      struct guesses *guesses) {
  const struct forward_options *fo = forward_options(f);
  struct xmpp *x = calloc(1, sizeof *x);

  if (!x) return NULL;
  x->o = *options;
  x->forward = f;
  x->cache = fo->cache;
  x->timers = fo->timers;
  x->counters = fo->counters;
  x->seed = fo->seed;
  x->budget = budget;
  x->guesses = guesses;
  x->held = calloc(HELD_MAX, sizeof *x->held);
  x->renewals = calloc(RENEWAL_BUCKETS, sizeof(void *));
  if (!x->held || !x->renewals) {
    xmpp_free(x);
    return NULL;
  }

  struct forward_watch watch = {.ctx = x,
                                .on_miss = on_miss,
                                .before_store = before_store,
                                .on_done = on_done,
                                .on_due = on_due,
                                .on_first_use = on_first_use,
                                .on_told = on_told};
  forward_set_watch(f, &watch);
  return x;
}

void xmpp_set_policy(struct xmpp *x, const struct xmpp_policy *options) {
  x->o = *options;
  memset(x->hears_ad, 0, sizeof x->hears_ad); /* who says so may be others now, or nobody */
}

void xmpp_set_kin(struct xmpp *x, struct kin *kin) { x->kin = kin; }

const struct xmpp_policy *xmpp_policy(const struct xmpp *x) { return &x->o; }

void xmpp_free(struct xmpp *x) {
  if (!x) return;
  if (x->renewals) renew_close(x);
  revive_close(x);
  free(x->renewals);
  free(x->held);
  free(x->domains);
  free(x);
}
