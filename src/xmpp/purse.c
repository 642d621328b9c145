/* purse.c: what the clients of one domain may set off. Exports purse_* to the room. */
#include "base/log.h"
#include "xmpp/xmpp_priv.h"

enum { FILL_MS = 1000 };

/* The domain of an SRV question, whatever the service: behind the labels that begin with "_". */
static size_t domain_at(const struct question *srv) {
  size_t at = 0;
  while (srv->key[at] && srv->key[at + 1] == '_') at += srv->key[at] + 1u;
  return at;
}

struct purse *purse_of(struct xmpp *x, const struct question *srv) {
  struct question domain;
  size_t at = domain_at(srv);
  question_make(&domain, srv->key + at, srv->name_len - at, 0, 0, 0, x->seed);
  return &x->purses[domain.hash % DOMAINS];
}

void purse_fill(struct xmpp *x, const struct question *srv, uint64_t now_ms) {
  struct purse *p = purse_of(x, srv);
  if (p->since_ms && (uint32_t)now_ms - p->since_ms < FILL_MS) return;
  *p = (struct purse){.since_ms = (uint32_t)now_ms,
                      .left = ASKED_MAX - 1}; /* the question itself goes out in any case */
}

static bool is_outside(const struct question *q, const struct question *of) {
  size_t at = domain_at(of);
  return !name_is_within(q->key, q->name_len, of->key + at, of->name_len - at);
}

static bool has_room(struct xmpp *x, struct purse *purse, const struct question *q, const struct question *of,
                     uint64_t now_ms) {
  char text[QUESTION_TEXT];
  if (purse && purse->left == 0) {
    if (!purse->told) log_debug("xmpp", "%s: enough asked ahead for its domain", question_format(of, text));
    purse->told = true;
    return false;
  }
  if (is_outside(q, of) && !budget_take_outside(x->budget, q->key, q->name_len, x->seed, now_ms)) {
    log_debug("xmpp", "%s: enough asked ahead for names near it", question_format(q, text));
    return false;
  }
  return budget_take(x->budget, now_ms);
}

bool purse_take(struct xmpp *x, struct purse *purse, const struct question *q, const struct question *of,
                uint64_t now_ms) {
  if (!has_room(x, purse, q, of, now_ms)) {
    count(x->counters, ahead_dropped);
    return false;
  }
  if (purse) purse->left--;
  return true;
}
