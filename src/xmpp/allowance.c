/* allowance.c: what the clients of one domain may set off. Exports allowance_* to the module. */
#include "base/log.h"
#include "xmpp/xmpp_priv.h"

enum { FILL_MS = 1000 };

/* The domain of an SRV question, whatever the service: behind the labels that begin with "_". */
static size_t domain_at(const struct question *srv) {
  size_t at = 0;
  while (srv->key[at] && srv->key[at + 1] == '_') at += srv->key[at] + 1u;
  return at;
}

static struct allowance *place_of(struct xmpp *x, const struct question *srv) {
  struct question domain;
  size_t at = domain_at(srv);
  question_make(&domain, srv->key + at, srv->name_len - at, 0, 0, 0, x->seed);
  return &x->allowances[domain.hash % DOMAINS];
}

struct allowance *allowance_of(struct xmpp *x, const struct question *srv) {
  struct allowance *own = place_of(x, srv);
  return own->of ? &x->allowances[own->of - 1] : own;
}

void allowance_draw_on(struct xmpp *x, const struct question *srv, const struct allowance *lender) {
  struct allowance *own = place_of(x, srv);
  if (own != lender) own->of = (uint16_t)(lender - x->allowances + 1);
}

void allowance_fill(struct xmpp *x, const struct question *srv, uint64_t now_ms) {
  struct allowance *p = place_of(x, srv);
  if (p->since_ms && (uint32_t)now_ms - p->since_ms < FILL_MS) return;
  *p = (struct allowance){.since_ms = (uint32_t)now_ms,
                          .left = SET_OFF_MAX - 1}; /* the question itself goes out in any case */
}

static bool is_outside(const struct question *q, const struct question *of) {
  size_t at = domain_at(of);
  return !name_is_within(q->key, q->name_len, of->key + at, of->name_len - at);
}

static bool has_room(struct xmpp *x, struct allowance *allowance, const struct question *q,
                     const struct question *of, uint64_t now_ms) {
  char text[QUESTION_TEXT];
  if (allowance && allowance->left == 0) {
    if (!allowance->logged)
      log_debug("xmpp", "%s: enough prefetched for its domain", question_format(of, text));
    allowance->logged = true;
    return false;
  }
  if (is_outside(q, of) && !budget_take_outside(x->budget, q->key, q->name_len, x->seed, now_ms)) {
    log_debug("xmpp", "%s: enough prefetched for names near it", question_format(q, text));
    return false;
  }
  return budget_take(x->budget, now_ms);
}

bool allowance_take(struct xmpp *x, struct allowance *allowance, const struct question *q,
                    const struct question *of, uint64_t now_ms) {
  if (!has_room(x, allowance, q, of, now_ms)) {
    count(x->counters, prefetch_dropped);
    return false;
  }
  if (allowance) allowance->left--;
  return true;
}
