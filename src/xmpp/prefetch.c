/* prefetch.c: knows what an XMPP program asks next and asks it first. Exports prefetch_* to the module.
 *
 * The rules come from what the programs do (doc/xmpp.md): a server SRV is followed by its sibling or by the
 * domain's own addresses, an SRV answer by its targets' addresses, an address of a target by the one of the
 * other family. */
#include "base/log.h"
#include "dns/ttl.h"
#include "xmpp/xmpp_priv.h"

bool prefetch_question(struct xmpp *x, const struct question *q, const struct cause *cause, uint64_t now_ms) {
  char text[QUESTION_TEXT], of[QUESTION_TEXT];
  if (!forward_is_new(x->forward, q, now_ms) || !allowance_take(x, cause->allowance, q, cause->of, now_ms))
    return false;
  log_debug("xmpp", "%s: prefetched, %s of %s", question_format(q, text), cause->what,
            question_format(cause->of, of));
  forward_prefetch(x->forward, q, cause->role == FAMILY_S2S ? ORIGIN_PREFETCH_S2S : ORIGIN_PREFETCH_C2S,
                   now_ms);
  return true;
}

static uint32_t name_hash(const struct xmpp *x, const uint8_t *name, size_t len, uint8_t key_flags) {
  struct question q;
  question_make(&q, name, len, 0, 0, key_flags, x->seed);
  return (uint32_t)q.hash;
}

/* The low bits of what stands in known[]: the role (enum family_role), and that there is something. */
enum known { KNOWN_ROLE = 1, KNOWN = 2, KNOWN_BITS = 3 };

static uint32_t *known_place(struct xmpp *x, uint32_t hash) {
  return &x->known[hash / (KNOWN_BITS + 1) % KNOWN_TARGETS];
}

static void note_target(struct xmpp *x, const uint8_t *name, size_t len, uint8_t key_flags,
                        enum family_role role) {
  uint32_t hash = name_hash(x, name, len, key_flags);
  *known_place(x, hash) = (hash & ~(uint32_t)KNOWN_BITS) | KNOWN | role;
}

bool prefetch_wanted(struct xmpp *x, const struct question *q, const struct question *of, uint64_t now_ms) {
  struct family f = {.role = FAMILY_S2S}; /* of another service */
  family_of(of, &f);
  note_target(x, q->key, q->name_len, question_flags(q), f.role);
  if (forward_is_asking(x->forward, q)) return true;
  struct allowance *allowance = allowance_of(x, of);
  if (!allowance_take(x, allowance, q, of, now_ms)) return false;
  if (forward_renew(x->forward, q, ORIGIN_QUERY, now_ms)) return true;
  allowance->left++; /* it cost nothing */
  return false;
}

/* Returns how many questions that took. */
static unsigned prefetch_addresses(struct xmpp *x, const struct srv *target, const struct cause *cause,
                                   uint64_t now_ms) {
  static const uint16_t types[] = {TYPE_A, TYPE_AAAA};
  uint8_t key_flags = question_flags(cause->of);
  unsigned asked = 0;
  note_target(x, target->target, target->target_len, key_flags, cause->role);
  for (unsigned i = 0; i < 2; i++) {
    struct question q;
    question_make(&q, target->target, target->target_len, types[i], CLASS_IN, key_flags, x->seed);
    asked += prefetch_question(x, &q, cause, now_ms);
  }
  return asked;
}

/* What only some programs ask for (TLSA those that use DANE, _jabber old ones) is prefetched for as long as
 * somebody here has that habit, and only for questions with the same DO and CD bits. */
enum { HABIT_MS = 3600000 };

static unsigned habit_of(uint8_t key_flags) { return key_flags & (KEY_DO | KEY_CD); }

/* DANE needs a secure SRV answer (RFC 7673 section 3.1): one that is known to be so is reason enough, and one
 * that is not, from servers that say it of others, is none. srv NULL: nobody knows yet. What nobody then uses
 * is not asked again: forward_is_new. */
static bool tlsa_is_wanted(const struct xmpp *x, const struct family *f, const struct answer *srv,
                           uint64_t now_ms) {
  unsigned habit = habit_of(f->key_flags);
  if (f->role != FAMILY_S2S) return false;
  if (srv && srv->head.flags & ANSWER_AD) return true;
  if (srv && x->hears_ad[habit]) return false;
  return now_ms < x->tlsa_until_ms[habit];
}

static void prefetch_tlsa(struct xmpp *x, const struct srv *target, const struct cause *cause,
                          uint64_t now_ms) {
  struct question q;
  if (family_tlsa(target, question_flags(cause->of), x->seed, &q)) prefetch_question(x, &q, cause, now_ms);
}

/* n of x->targets, the best first. `tlsa`: theirs too. */
static void prefetch_targets(struct xmpp *x, unsigned n, const struct cause *cause, bool tlsa,
                             uint64_t now_ms) {
  for (unsigned i = 0; i < n; i++) {
    prefetch_addresses(x, &x->targets[i], cause, now_ms);
    if (tlsa) prefetch_tlsa(x, &x->targets[i], cause, now_ms);
  }
}

/* The answer to this SRV question ran out; its targets will most likely be the same: a hint, never an answer.
 * False: nothing is remembered. */
static bool hint_targets(struct xmpp *x, const struct question *q, const struct family *f, uint64_t now_ms) {
  if (cache_peek(x->cache, q, tick_of_ms(now_ms), &x->old) == CACHE_MISS) return false;
  unsigned n = family_targets(q, &x->old, x->message, x->targets, FAMILY_TARGETS);
  struct cause cause = {
      .of = q, .allowance = allowance_of(x, q), .what = "remembered target", .role = f->role};
  prefetch_targets(x, n, &cause, tlsa_is_wanted(x, f, &x->old, now_ms), now_ms);
  return true;
}

static bool guesses_are_on(const struct xmpp *x) { return x->o.guess && x->guesses; }

static void guess_host(struct xmpp *x, const struct srv *host, const struct family *f,
                       const struct cause *cause, uint64_t now_ms) {
  struct question q;
  question_make(&q, host->target, host->target_len, TYPE_A, CLASS_IN, f->key_flags, x->seed);
  bool allowed = forward_may_guess(x->forward, &q);

  unsigned questions = allowed ? prefetch_addresses(x, host, cause, now_ms) : 0;
  bool known = guess_asked(x->guesses, f, host, questions);
  if (questions == 0) return;
  count(x->counters, guess_made);
  if (!known) count(x->counters, guess_wasted);
}

/* Nothing is known of the domain: perhaps it is as others are. */
static void guess_targets(struct xmpp *x, const struct question *q, const struct family *f, uint64_t now_ms) {
  struct cause cause = {.of = q, .allowance = allowance_of(x, q), .what = "guessed target", .role = f->role};
  struct srv hosts[GUESS_MAX];
  struct guess_outcome lost;
  if (!guesses_are_on(x) || !forward_may_guess(x->forward, q)) return;

  unsigned n = guess_begin(x->guesses, f, hosts, &lost);
  count_add(x->counters, guess_wasted, lost.wasted);
  for (unsigned i = 0; i < n; i++) guess_host(x, &hosts[i], f, &cause, now_ms);
}

void prefetch_remembered(struct xmpp *x, const struct question *q, uint64_t now_ms) {
  struct family f;
  if (family_of(q, &f)) hint_targets(x, q, &f, now_ms);
}

/* The domain itself, as the target that a program takes when there is no SRV. */
static void prefetch_domain(struct xmpp *x, const struct question *q, const struct family *f,
                            uint64_t now_ms) {
  struct srv domain = {.port = family_port(FAMILY_S2S), .target_len = (uint8_t)f->domain_len};
  struct cause cause = {.of = q, .allowance = allowance_of(x, q), .what = "domain", .role = f->role};
  memcpy(domain.target, f->domain, f->domain_len);
  prefetch_addresses(x, &domain, &cause, now_ms);
  if (tlsa_is_wanted(x, f, NULL, now_ms)) prefetch_tlsa(x, &domain, &cause, now_ms);
}

static void prefetch_jabber(struct xmpp *x, const struct question *q, const struct family *f,
                            uint64_t now_ms) {
  struct question jabber;
  struct cause cause = {.of = q, .allowance = allowance_of(x, q), .what = "old name", .role = f->role};
  family_jabber(f, x->seed, &jabber);
  prefetch_question(x, &jabber, &cause, now_ms);
}

/* The old name too, while somebody here looks for it. */
static void prefetch_old_name(struct xmpp *x, const struct question *q, const struct family *f,
                              uint64_t now_ms) {
  if (f->role == FAMILY_S2S && now_ms < x->jabber_until_ms[habit_of(f->key_flags)])
    prefetch_jabber(x, q, f, now_ms);
}

void prefetch_fallback(struct xmpp *x, const struct question *q, uint64_t now_ms) {
  struct family f;
  if (!family_of(q, &f)) return;
  prefetch_domain(x, q, &f, now_ms);
  prefetch_old_name(x, q, &f, now_ms);
}

static void asked_service(struct xmpp *x, const struct question *q, const struct family *f, uint64_t now_ms) {
  struct question other;
  struct cause sibling = {.of = q, .allowance = allowance_of(x, q), .what = "sibling", .role = f->role};
  if (f->role == FAMILY_C2S) count(x->counters, prefetch_trigger_c2s);
  else count(x->counters, prefetch_trigger_s2s);
  bool has_sibling = family_sibling(f, x->seed, &other);
  if (has_sibling) prefetch_question(x, &other, &sibling, now_ms);
  bool known = hint_targets(x, q, f, now_ms);
  if (has_sibling) known |= hint_targets(x, &other, f, now_ms);
  prefetch_domain(x, q, f, now_ms);
  if (!known) guess_targets(x, q, f, now_ms);
  prefetch_old_name(x, q, f, now_ms);
}

/* A and AAAA of a known target are asked as a pair by all programs. */
static void asked_address(struct xmpp *x, const struct question *q, uint64_t now_ms) {
  uint32_t hash = name_hash(x, q->key, q->name_len, question_flags(q)), known = *known_place(x, hash);
  if (!(known & KNOWN) || (known ^ hash) & ~(uint32_t)KNOWN_BITS) return;
  struct question other;
  struct cause cause = {.of = q, .what = "other address", .role = (enum family_role)(known & KNOWN_ROLE)};
  uint16_t type = question_type(q) == TYPE_A ? TYPE_AAAA : TYPE_A;
  question_make(&other, q->key, q->name_len, type, CLASS_IN, question_flags(q), x->seed);
  prefetch_question(x, &other, &cause, now_ms);
}

void prefetch_on_miss(struct xmpp *x, const struct question *q, uint64_t now_ms) {
  struct family f;
  uint16_t type = question_type(q);
  if (family_of(q, &f)) asked_service(x, q, &f, now_ms);
  else if (type == TYPE_A || type == TYPE_AAAA) asked_address(x, q, now_ms);
  else if (type == TYPE_TLSA) x->tlsa_until_ms[habit_of(question_flags(q))] = now_ms + HABIT_MS;
  else if (family_is_jabber(q)) x->jabber_until_ms[habit_of(question_flags(q))] = now_ms + HABIT_MS;
}

uint32_t prefetch_refresh_at(struct xmpp *x, const struct question *q, const struct answer *a) {
  struct family f;
  if (!family_of(q, &f) || a->head.an <= allowance_of(x, q)->left / 2) return 0;
  return a->head.stored_at;
}

bool prefetch_used(struct xmpp *x, const struct question *q, const struct answer *a, uint64_t now_ms) {
  struct family f;
  if (!family_of(q, &f)) return false;
  unsigned n = family_targets(q, a, x->message, x->targets, FAMILY_TARGETS);
  struct cause cause = {.of = q, .allowance = allowance_of(x, q), .what = "other target", .role = f.role};
  prefetch_targets(x, n, &cause, tlsa_is_wanted(x, &f, a, now_ms), now_ms);
  return n > 0 && cause.allowance->left == 0;
}

/* Neither server SRV exists: some programs look for the old name before they try the domain itself. */
static void ask_jabber(struct xmpp *x, const struct question *q, const struct family *f, uint64_t now_ms) {
  struct question sibling;
  if (!family_sibling(f, x->seed, &sibling)) return;
  if (cache_peek(x->cache, &sibling, tick_of_ms(now_ms), &x->old) != CACHE_FRESH || x->old.head.an > 0)
    return;
  prefetch_jabber(x, q, f, now_ms);
}

static void count_guesses(struct xmpp *x, struct guess_outcome outcome) {
  count_add(x->counters, guess_used, outcome.used);
  count_add(x->counters, guess_wasted, outcome.wasted);
}

/* Most domains have no direct TLS: that its service is lacking says nothing about their hosts. */
static bool teaches(const struct xmpp *x, const struct family *f) {
  return guesses_are_on(x) && !f->direct_tls;
}

void prefetch_on_done(struct xmpp *x, const struct question *q, const struct answer *a, uint64_t now_ms) {
  struct family f;
  if (!family_of(q, &f)) return;
  if (a->head.flags & ANSWER_AD) x->hears_ad[habit_of(f.key_flags)] = true;
  unsigned n = family_targets(q, a, x->message, x->targets, FAMILY_TARGETS);
  struct cause cause = {.of = q, .allowance = allowance_of(x, q), .what = "target", .role = f.role};
  prefetch_targets(x, n, &cause, tlsa_is_wanted(x, &f, a, now_ms), now_ms);
  if (a->head.an == 0 && f.role == FAMILY_S2S) ask_jabber(x, q, &f, now_ms);
  if (teaches(x, &f)) count_guesses(x, guess_answered(x->guesses, &f, x->targets, n));
}

void prefetch_on_failure(struct xmpp *x, const struct question *q) {
  struct family f;
  if (family_of(q, &f) && teaches(x, &f)) count_guesses(x, guess_failed(x->guesses, &f));
}
