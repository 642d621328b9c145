/* expand.c: SRV answers of XMPP services with their targets' addresses in the additional section (RFC 2782),
 * put there when an answer is stored so that a hit costs what any hit costs. Exports expand_* to the module.
 *
 * An added record's TTL is written so that it runs out when the address does, although it counts from the
 * SRV's birth. */
#include "base/log.h"
#include "base/must.h"
#include "dns/ttl.h"
#include "xmpp/xmpp_priv.h"

_Static_assert(2 * FAMILY_TARGETS <= 64, "expansion.lacking has a bit for each address");

enum {
  EXPAND_BODY_MAX = DNS_UDP_MAX -
                    DNS_HEADER, /* more can't be sent in a datagram; over TCP clients ask for themselves */
  A_SPARE = 12 + 4 + 2,         /* octets of an A record whose owner is a pointer, with its TTL place */
  AAAA_SPARE = 12 + 16 + 2,
  ALIASES_MAX = 8, /* that are followed from a target */
  RETRY_TICKS = TICKS_PER_S,
  RENEWING_TICKS = TICKS_PER_S / 5, /* an address is being renewed: look for the new one */
  GRACE_S = RENEW_GRACE_TICKS / TICKS_PER_S
};

/* What stands for an RRset among the hashes of those added: owner, type and, of signatures, what they cover.
 */
static uint64_t set_hash(const struct xmpp *x, const struct record *r) {
  struct question q;
  uint16_t covered = r->type == TYPE_RRSIG && r->rdlen >= 2 ? load_u16(record_rdata(r)) : 0;
  question_make(&q, r->owner, r->owner_len, r->type, covered, 0, x->seed);
  return q.hash;
}

static bool is_among(const uint64_t *hashes, unsigned n, uint64_t hash) {
  while (n > 0) {
    if (hashes[--n] == hash) return true;
  }
  return false;
}

/* Copies what x->found, an answer to q, says of q's own name into the additional section, `age_s` added to
 * the TTLs: what stands there of other names is what q's server said of them, which may not be their own. But
 * for sets that are there already: A and AAAA lead through the same alias, and several targets may be aliases
 * of one host. */
static unsigned add_addresses(struct xmpp *x, struct build *b, const struct question *q, bool renewing,
                              uint32_t tick, uint32_t stored_at) {
  size_t len = answer_message(q, &x->found, x->message);
  struct wire w = wire_read(x->message, len);
  struct record r;
  unsigned added = 0, before = b->answer->head.ar;
  uint32_t least_s = renewing ? x->found.ttl_s + GRACE_S : 0;
  uint32_t gone_s = ticks_age_s(tick, x->found.head.stored_at), age_s = ticks_age_s(tick, stored_at);

  w.at = DNS_HEADER + q->name_len + 4u;
  for (unsigned i = 0; i < x->found.head.an && record_read(&w, &r); i++) {
    if (!name_equal(r.owner, r.owner_len, q->key, q->name_len)) continue;
    if (r.ttl < least_s) r.ttl = least_s;
    if (r.ttl <= gone_s) continue;
    if (b->answer->head.body_len > EXPAND_BODY_MAX) break;
    uint64_t hash = set_hash(x, &r);
    if (is_among(x->added, before, hash) || !build_add(b, SECTION_ADDITIONAL, &r, r.ttl - gone_s + age_s))
      continue;
    x->added[before + added++] = hash;
  }

  return added;
}

/* x->found, an answer to q, says that q's name is an alias: q becomes the question about the name that it
 * stands for. */
static bool follow_alias(struct xmpp *x, struct question *q) {
  struct wire w = wire_read(x->message, answer_message(q, &x->found, x->message));
  struct record r;
  uint8_t target[NAME_MAX_LEN];
  w.at = DNS_HEADER + q->name_len + 4u;
  for (unsigned i = 0; i < x->found.head.an && record_read(&w, &r); i++) {
    if (r.type != TYPE_CNAME || !name_equal(r.owner, r.owner_len, q->key, q->name_len)) continue;
    size_t len = record_target(&r, 0, target);
    if (len) question_make(q, target, len, question_type(q), CLASS_IN, question_flags(q), x->seed);
    return len > 0;
  }
  return false;
}

static void address_question(const struct xmpp *x, unsigned bit, uint8_t key_flags, struct question *out) {
  const struct srv *target = &x->targets[bit / 2];
  uint16_t type = bit % 2 ? TYPE_AAAA : TYPE_A;
  question_make(out, target->target, target->target_len, type, CLASS_IN, key_flags, x->seed);
}

/* Who gets AD takes all of an answer for proven, so that nothing else may stand in it. */
static bool is_as_authentic(const struct xmpp *x, const struct expansion *out) {
  return !out->is_authentic || x->found.head.flags & ANSWER_AD;
}

/* One answer that a target's addresses come from; x->found is it. False: the cache has none, or none that may
 * still go out. */
static bool add_answer(struct xmpp *x, struct build *b, const struct question *q, bool used, uint64_t now_ms,
                       uint32_t stored_at, struct expansion *out) {
  struct allowance *allowance = allowance_of(x, b->question);
  uint32_t tick = tick_of_ms(now_ms);
  enum cache_found found = cache_peek(x->cache, q, tick, &x->found);
  bool begun = x->o.prefetch && (used || found == CACHE_EXPIRED) && allowance->left &&
               renew_wanted(x, q, now_ms);
  bool renewing = found == CACHE_DUE || (found == CACHE_EXPIRED && begun);

  allowance->left -= begun;
  out->postponed |= used && allowance->left == 0;
  out->renewing |= renewing;
  if (found != CACHE_FRESH && !renewing) return false;
  if (is_as_authentic(x, out)) out->added += add_addresses(x, b, q, renewing, tick, stored_at);
  return true;
}

/* `used`: a client gets the answer, and so the address is in use, too. A target that is an alias is followed
 * from name to name, each by its own answer. */
static void expand_target(struct xmpp *x, struct build *b, unsigned i, bool used, uint64_t now_ms,
                          uint32_t stored_at, struct expansion *out) {
  for (unsigned bit = 2 * i; bit <= 2 * i + 1; bit++) {
    struct question q;
    unsigned links = 0;
    address_question(x, bit, question_flags(b->question), &q);
    do {
      if (add_answer(x, b, &q, used, now_ms, stored_at, out)) continue;
      out->lacking |= (uint64_t)1 << bit;
      break;
    } while (is_as_authentic(x, out) && ++links <= ALIASES_MAX && follow_alias(x, &q));
  }
}

/* The first question on the way to a target's address that the cache has no answer to. */
static void lacking_question(struct xmpp *x, unsigned bit, uint8_t key_flags, uint32_t tick,
                             struct question *out) {
  address_question(x, bit, key_flags, out);
  for (unsigned links = 0; links < ALIASES_MAX; links++) {
    enum cache_found found = cache_peek(x->cache, out, tick, &x->found);
    if ((found != CACHE_FRESH && found != CACHE_DUE) || !follow_alias(x, out)) return;
  }
}

void expand_ask_lacking(struct xmpp *x, const struct expansion *out, const struct question *of,
                        uint64_t now_ms, struct awaited_addresses *a) {
  for (unsigned bit = 0; bit < 2 * FAMILY_TARGETS && a->count < 2 * FAMILY_TARGETS; bit++) {
    struct question q;
    if (!(out->lacking >> bit & 1)) continue;
    lacking_question(x, bit, question_flags(of), tick_of_ms(now_ms), &q);
    if (is_among(a->hashes, a->count, q.hash) || !prefetch_wanted(x, &q, of, now_ms)) continue;
    a->hashes[a->count++] = a->hashes[a->open];
    a->hashes[a->open++] = q.hash;
  }
}

bool expand_is_wanted(const struct xmpp *x, const struct question *q) {
  struct family f;
  if (x->o.expand == XMPP_EXPAND_OFF || question_type(q) != TYPE_SRV || question_class(q) != CLASS_IN)
    return false;
  return x->o.expand_all || family_of(q, &f);
}

/* Makes x->made out of an SRV answer, so that a program that gets it need not ask for addresses. First come
 * the answer's own records, as they are; then, target by target in the order in which programs try them, the
 * addresses that the cache has. What it does not have is noted in *out: expand_on_done asks for that while
 * clients wait, expand_on_due behind an answer that was given without. False when there are no targets. */
bool expand_make(struct xmpp *x, const struct question *q, const struct answer *a, bool used, uint64_t now_ms,
                 struct expansion *out) {
  struct build b;
  struct record r;

  *out = (struct expansion){.is_authentic = a->head.flags & ANSWER_AD};
  unsigned n = family_targets(q, a, x->message, x->targets, FAMILY_TARGETS);
  if (n == 0) return false;

  struct wire w = wire_read(x->message, answer_message(q, a, x->message));
  build_start(&b, &x->made, q, a->head.rcode);
  w.at = DNS_HEADER + q->name_len + 4u;
  for (unsigned i = 0; i < (unsigned)a->head.an + a->head.ns; i++) {
    enum section section = i < a->head.an ? SECTION_ANSWER : SECTION_AUTHORITY;
    if (!record_read(&w, &r) || !build_add(&b, section, &r, r.ttl)) return false;
  }

  for (unsigned i = 0; i < n; i++) expand_target(x, &b, i, used, now_ms, a->head.stored_at, out);
  x->made.head.stored_at = a->head.stored_at;
  x->made.head.flags = a->head.flags;
  x->made.ttl_s = a->ttl_s;
  return true;
}

static void note_expanded(struct xmpp *x, const struct question *q, const struct expansion *out) {
  char text[QUESTION_TEXT];
  if (!out->added) return;
  log_debug("xmpp", "%s: %u records of addresses added, %d sets lacking", question_format(q, text),
            out->added, __builtin_popcountll(out->lacking));
  count(x->counters, expanded);
}

/* The copy that matters: struct answer is large and mostly unused. */
static void copy_answer(struct answer *to, const struct answer *from) {
  to->head = from->head;
  to->ttl_s = from->ttl_s;
  memcpy(to->ttl_at, from->ttl_at, answer_records(&from->head) * sizeof *from->ttl_at);
  memcpy(to->body, from->body, from->head.body_len);
}

void expand_before_store(struct xmpp *x, const struct question *q, struct answer *a, uint32_t *refresh_at,
                         size_t *spare, uint64_t now_ms) {
  struct expansion out;
  if (!expand_is_wanted(x, q) || !expand_make(x, q, a, false, now_ms, &out)) return;
  note_expanded(x, q, &out);
  copy_answer(a, &x->made);
  if (!out.lacking && !out.renewing) return;
  *refresh_at = a->head.stored_at; /* the first who asks finds it worn, and it is looked at again */
  const uint64_t a_bits = 0x5555555555555555u;
  *spare = (size_t)__builtin_popcountll(out.lacking & a_bits) * A_SPARE +
           (size_t)__builtin_popcountll(out.lacking & ~a_bits) * AAAA_SPARE;
}

/* When to look at an answer again: soon while addresses are missing, else when the first address runs out,
 * else when its use is to be noted. */
static uint32_t next_look(const struct xmpp *x, const struct answer *a, const struct expansion *out,
                          uint32_t tick) {
  if (out->renewing) return tick + RENEWING_TICKS;
  if (out->lacking || out->postponed) return tick + RETRY_TICKS;
  uint32_t half = x->o.prefetch ? renew_refresh_at(a) : 0;
  return half > tick ? half : 0;
}

/* An answer of a service that gets no addresses: its targets are asked for all the same. Returns until when
 * it need not be looked at. */
static uint32_t attend_unexpanded(struct xmpp *x, const struct question *q, uint64_t now_ms) {
  uint32_t tick = tick_of_ms(now_ms), half = renew_refresh_at(&x->old);
  if (prefetch_used(x, q, &x->old, now_ms)) return tick + RETRY_TICKS;
  return half > tick ? half : UINT32_MAX;
}

bool expand_on_due(struct xmpp *x, const struct question *q, bool used, uint64_t now_ms) {
  struct expansion out;
  struct awaited_addresses unused = {0};
  uint32_t tick = tick_of_ms(now_ms);
  bool is_there = question_type(q) == TYPE_SRV && cache_peek(x->cache, q, tick, &x->old) == CACHE_FRESH;

  if (!is_there || !expand_is_wanted(x, q) || !expand_make(x, q, &x->old, used, now_ms, &out)) {
    cache_postpone(x->cache, q, tick,
                   is_there && x->o.prefetch ? attend_unexpanded(x, q, now_ms) : UINT32_MAX);
    return false;
  }

  if (x->o.prefetch) {
    expand_ask_lacking(x, &out, q, now_ms, &unused);
    out.postponed |= prefetch_used(x, q, &x->old, now_ms); /* TLSA */
  }

  note_expanded(x, q, &out);
  return cache_put(x->cache, q, &x->made, ORIGIN_QUERY, next_look(x, &x->made, &out, tick), 0);
}
