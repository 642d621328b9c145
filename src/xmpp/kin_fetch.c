/* kin_fetch.c: subdomains are asked for, or renewed, together with their domain. Exports kin_fetch_* to the
 * module. */
#include "base/log.h"
#include "dns/ttl.h"
#include "xmpp/xmpp_priv.h"

/* One subdomain, on behalf of the question about its domain. */
struct errand {
  struct xmpp *x;
  const struct cause *cause;
  const struct kin_member *member;
  uint8_t name[NAME_MAX_LEN]; /* the subdomain's */
  size_t len;
  bool renews; /* the domain is in use: what the cache has is renewed; else only what it lacks is asked for */
  bool asked;  /* a service of it was */
  uint64_t now_ms;
};

/* Renewals are paid for as what is asked at once. */
static bool renew_in_time(struct errand *e, const struct question *q) {
  struct allowance *allowance = e->cause->allowance;
  if (!allowance->left || !renew_wanted(e->x, q, e->now_ms)) return false;
  allowance->left--;
  return true;
}

/* True when q is asked for. */
static bool fetch(struct errand *e, const struct question *q) {
  bool unused;
  enum cache_found found = cache_look(e->x->cache, q, tick_of_ms(e->now_ms), &unused);
  if (found == CACHE_FRESH || found == CACHE_DUE) return e->renews && !unused && renew_in_time(e, q);
  return prefetch_question(e->x, q, e->cause, e->now_ms);
}

static void fetch_addresses(struct errand *e, const uint8_t *name, size_t len) {
  static const uint16_t types[] = {TYPE_A, TYPE_AAAA};
  for (unsigned i = 0; i < 2; i++) {
    struct question q;
    question_make(&q, name, len, types[i], CLASS_IN, question_flags(e->cause->of), e->x->seed);
    fetch(e, &q);
  }
}

/* Its targets' addresses come with it: those that were remembered at once, new ones when the answer is there,
 * at the domain's cost. */
static void fetch_service(struct errand *e, bool direct_tls) {
  struct xmpp *x = e->x;
  struct family other = {.role = e->cause->role,
                         .direct_tls = !direct_tls,
                         .domain = e->name,
                         .domain_len = e->len,
                         .key_flags = question_flags(e->cause->of)};
  struct question q;
  if (!family_sibling(&other, x->seed, &q)) return;

  allowance_draw_on(x, &q, e->cause->allowance);
  e->asked |= fetch(e, &q);
  if (!e->renews) {
    prefetch_remembered(x, &q, e->now_ms);
    if (e->member->asked & KIN_ADDRESSES) prefetch_fallback(x, &q, e->now_ms);
    return;
  }

  if (cache_peek(x->cache, &q, tick_of_ms(e->now_ms), &x->old) == CACHE_MISS) return;
  unsigned n = family_targets(&q, &x->old, x->message, x->targets, FAMILY_TARGETS);
  for (unsigned i = 0; i < n; i++) fetch_addresses(e, x->targets[i].target, x->targets[i].target_len);
}

static bool make_name(struct errand *e, const struct family *f) {
  size_t own = e->member->label[0] + 1u;
  e->len = own + f->domain_len;
  if (e->len > NAME_MAX_LEN) return false;
  memcpy(e->name, e->member->label, own);
  memcpy(e->name + own, f->domain, f->domain_len);
  return true;
}

static void count_outcome(struct xmpp *x, struct kin_outcome outcome) {
  count_add(x->counters, kin_used, outcome.used);
  count_add(x->counters, kin_wasted, outcome.wasted);
}

/* One that weighs nothing may come with a domain that comes back: that costs a question in a TTL of many. */
static bool is_worth(const struct errand *e) { return !e->renews || e->member->weight > 0; }

/* It counts as made only when a service of it was asked for, as clients' questions for that tell of its use:
 * its addresses may be used for long without. */
static void fetch_member(struct errand *e, const struct family *f) {
  if (!is_worth(e) || !make_name(e, f)) return;
  if (e->member->asked & KIN_SRV_TLS) fetch_service(e, true);
  if (e->member->asked & KIN_SRV) fetch_service(e, false);
  if (e->renews && e->member->asked & KIN_ADDRESSES) fetch_addresses(e, e->name, e->len);
  if (!e->asked) return;
  count(e->x->counters, kin_made);
  count_outcome(e->x, kin_note_made(e->x->kin, f, e->member));
}

static void fetch_all(struct xmpp *x, const struct question *q, const struct family *f, bool renews,
                      uint64_t now_ms) {
  struct cause cause = {.of = q, .allowance = allowance_of(x, q), .what = "subdomain", .role = f->role};
  struct kin_member members[KIN_EACH];
  unsigned n = kin_list(x->kin, f, members);
  for (unsigned i = 0; i < n; i++) {
    struct errand e = {.x = x, .cause = &cause, .member = &members[i], .renews = renews, .now_ms = now_ms};
    fetch_member(&e, f);
  }
}

void kin_fetch_used(struct xmpp *x, const struct question *q, uint64_t now_ms) {
  struct family f;
  uint16_t type = question_type(q);
  if (!x->kin) return;
  if (family_of(q, &f)) {
    count_outcome(x, kin_note_service(x->kin, &f, now_ms));
  } else if (type == TYPE_A || type == TYPE_AAAA) {
    kin_note_address(x->kin, q->key, q->name_len);
  }
}

void kin_fetch_on_miss(struct xmpp *x, const struct question *q, uint64_t now_ms) {
  struct family f;
  kin_fetch_used(x, q, now_ms);
  if (x->kin && family_of(q, &f)) fetch_all(x, q, &f, false, now_ms);
}

void kin_fetch_in_use(struct xmpp *x, const struct question *q, uint64_t now_ms) {
  struct family f;
  if (x->kin && family_of(q, &f)) fetch_all(x, q, &f, true, now_ms);
}
