/* prefetch.c: knows what an XMPP program asks next and asks it first. Exports prefetch_* to the room.
 *
 * The rules come from what the programs do (doc/xmpp.md): a server SRV is followed by its sibling or by the domain's own
 * addresses, an SRV answer by its targets' addresses, an address of a target by the one of the other family. */
#include "base/log.h"
#include "dns/ttl.h"
#include "xmpp/xmpp_priv.h"

static bool take_token(struct xmpp *x, uint64_t now_ms) {
  if (now_ms - x->bucket_ms >= 1000) {
    x->bucket_ms = now_ms;
    x->tokens = AHEAD_PER_S;
  }
  if (x->tokens == 0) {
    count(x->counters, ahead_dropped);
    return false;
  }
  x->tokens--;
  return true;
}

static void ahead(struct xmpp *x, const struct question *q, uint64_t now_ms) {
  char text[QUESTION_TEXT];
  if (!forward_is_new(x->forward, q, now_ms) || !take_token(x, now_ms)) return;
  log_debug("xmpp", "ahead: %s", question_format(q, text));
  forward_ahead(x->forward, q, now_ms);
}

static uint32_t name_hash(const struct xmpp *x, const uint8_t *name, size_t len, uint8_t key_flags) {
  struct question q;
  question_make(&q, name, len, 0, 0, key_flags, x->seed);
  return (uint32_t)q.hash | 1u;
}

static void note_target(struct xmpp *x, const uint8_t *name, size_t len, uint8_t key_flags) {
  uint32_t hash = name_hash(x, name, len, key_flags);
  x->known[hash / 2 % KNOWN_TARGETS] = hash;
}

bool prefetch_wanted(struct xmpp *x, const struct question *q, uint64_t now_ms) {
  note_target(x, q->key, q->name_len, question_flags(q));
  return take_token(x, now_ms) && forward_renew(x->forward, q, now_ms);
}

static void ahead_addresses(struct xmpp *x, const struct srv *target, uint8_t key_flags, uint64_t now_ms) {
  static const uint16_t types[] = {TYPE_A, TYPE_AAAA};
  note_target(x, target->target, target->target_len, key_flags);
  for (unsigned i = 0; i < 2; i++) {
    struct question q;
    question_make(&q, target->target, target->target_len, types[i], CLASS_IN, key_flags, x->seed);
    ahead(x, &q, now_ms);
  }
}

/* What only some programs ask for (TLSA those that use DANE, _jabber old ones) is asked ahead for as long as somebody here has
 * that habit, and only for questions with the same DO and CD bits. */
enum { HABIT_MS = 3600000 };

static unsigned habit_of(uint8_t key_flags) { return key_flags & (KEY_DO | KEY_CD); }

static bool tlsa_is_wanted(const struct xmpp *x, uint8_t key_flags, uint64_t now_ms) {
  return now_ms < x->tlsa_until_ms[habit_of(key_flags)];
}

static void ahead_tlsa(struct xmpp *x, const struct srv *target, uint8_t key_flags, uint64_t now_ms) {
  struct question q;
  if (family_tlsa(target, key_flags, x->seed, &q)) ahead(x, &q, now_ms);
}

static void ahead_targets(struct xmpp *x, const struct family *f, unsigned n, uint64_t now_ms) {
  bool tlsa = f->role == FAMILY_SERVER && tlsa_is_wanted(x, f->key_flags, now_ms);
  for (unsigned i = 0; i < n; i++) {
    ahead_addresses(x, &x->targets[i], f->key_flags, now_ms);
    if (tlsa) ahead_tlsa(x, &x->targets[i], f->key_flags, now_ms);
  }
}

/* The answer to this SRV question ran out; its targets will most likely be the same: a hint, never an answer. */
static void hint_targets(struct xmpp *x, const struct question *q, const struct family *f, uint64_t now_ms) {
  if (cache_peek(x->cache, q, tick_of_ms(now_ms), &x->old) == CACHE_MISS) return;
  ahead_targets(x, f, family_targets(q, &x->old, x->message, x->targets, FAMILY_TARGETS), now_ms);
}

/* The domain itself, as the target that a program takes when there is no SRV. */
static void ahead_domain(struct xmpp *x, const struct family *f, uint64_t now_ms) {
  struct srv domain = {.port = XMPP_SERVER_PORT, .target_len = (uint8_t)f->domain_len};
  memcpy(domain.target, f->domain, f->domain_len);
  ahead_addresses(x, &domain, f->key_flags, now_ms);
  if (f->role == FAMILY_SERVER && tlsa_is_wanted(x, f->key_flags, now_ms)) ahead_tlsa(x, &domain, f->key_flags, now_ms);
}

static void asked_service(struct xmpp *x, const struct question *q, const struct family *f, uint64_t now_ms) {
  struct question other;
  if (f->role == FAMILY_CLIENT) count(x->counters, family_client);
  else count(x->counters, family_server);
  bool has_sibling = family_sibling(f, x->seed, &other);
  if (has_sibling) ahead(x, &other, now_ms);
  hint_targets(x, q, f, now_ms);
  if (has_sibling) hint_targets(x, &other, f, now_ms);
  ahead_domain(x, f, now_ms);
  if (f->role == FAMILY_SERVER && now_ms < x->jabber_until_ms[habit_of(f->key_flags)]) {
    family_jabber(f, x->seed, &other);
    ahead(x, &other, now_ms);
  }
}

/* A and AAAA of a known target are asked as a pair by all programs. */
static void asked_address(struct xmpp *x, const struct question *q, uint64_t now_ms) {
  uint32_t hash = name_hash(x, q->key, q->name_len, question_flags(q));
  if (x->known[hash / 2 % KNOWN_TARGETS] != hash) return;
  struct question other;
  uint16_t type = question_type(q) == TYPE_A ? TYPE_AAAA : TYPE_A;
  question_make(&other, q->key, q->name_len, type, CLASS_IN, question_flags(q), x->seed);
  ahead(x, &other, now_ms);
}

void prefetch_asked(struct xmpp *x, const struct question *q, uint64_t now_ms) {
  struct family f;
  uint16_t type = question_type(q);
  if (family_of(q, &f)) asked_service(x, q, &f, now_ms);
  else if (type == TYPE_A || type == TYPE_AAAA) asked_address(x, q, now_ms);
  else if (type == TYPE_TLSA) x->tlsa_until_ms[habit_of(question_flags(q))] = now_ms + HABIT_MS;
  else if (family_is_jabber(q)) x->jabber_until_ms[habit_of(question_flags(q))] = now_ms + HABIT_MS;
}

/* Neither server SRV exists: some programs look for the old name before they try the domain itself. */
static void ask_jabber(struct xmpp *x, const struct family *f, uint64_t now_ms) {
  struct question q;
  if (!family_sibling(f, x->seed, &q)) return;
  if (cache_peek(x->cache, &q, tick_of_ms(now_ms), &x->old) != CACHE_FRESH || x->old.head.an > 0) return;
  family_jabber(f, x->seed, &q);
  ahead(x, &q, now_ms);
}

void prefetch_settled(struct xmpp *x, const struct question *q, const struct answer *a, uint64_t now_ms) {
  struct family f;
  if (!family_of(q, &f)) return;
  unsigned n = family_targets(q, a, x->message, x->targets, FAMILY_TARGETS);
  ahead_targets(x, &f, n, now_ms);
  if (a->head.an == 0 && f.role == FAMILY_SERVER) ask_jabber(x, &f, now_ms);
}
