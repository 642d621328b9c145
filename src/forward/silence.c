/* silence.c: types that servers leave unanswered. Exports silence_note. */
#include "forward/silence.h"

#include "dns/ttl.h"
#include "forward/forward_priv.h"

/* Addresses are what everybody asks for. */
static bool is_known_otherwise(const struct forward *f, const struct question *q, uint64_t now_ms) {
  static const uint16_t types[] = {TYPE_A, TYPE_AAAA};
  for (unsigned i = 0; i < 2; i++) {
    struct question other;
    bool unused;
    if (types[i] == question_type(q)) continue;
    question_make(&other, q->key, q->name_len, types[i], question_class(q), question_flags(q), f->o.seed);
    if (cache_look(f->o.cache, &other, tick_of_ms(now_ms), &unused) != CACHE_MISS) return true;
  }
  return false;
}

/* The last two labels: who has the zone. */
static uint64_t domain_hash(const struct forward *f, const struct question *q) {
  struct question domain;
  size_t last = 0, before = 0;
  for (size_t at = 0; q->key[at]; at += q->key[at] + 1u) {
    before = last;
    last = at;
  }
  question_make(&domain, q->key + before, q->name_len - before, 0, 0, 0, f->o.seed);
  return domain.hash;
}

static bool has_silent_try(const struct pending *p, const struct nameserver *s, uint64_t now_ms) {
  for (unsigned i = 0; i < FORWARD_TRIES; i++) {
    const struct try *t = &p->tries[i];
    if (t->x.channel && t->server == s && now_ms - t->sent_ms >= ns_rto_ms(s)) return true;
  }
  return false;
}

void silence_note(struct forward *f, const struct pending *p, const struct nameserver *but, uint64_t now_ms) {
  uint64_t domain = 0;
  for (unsigned i = 0; i < p->upstream->count; i++) {
    struct nameserver *s = &p->upstream->servers[i];
    if (s == but || s->heard_ms <= p->started_ms || !has_silent_try(p, s, now_ms)) continue;
    if (!domain && !is_known_otherwise(f, &p->question, now_ms)) return;
    if (!domain) domain = domain_hash(f, &p->question);
    ns_left_type(s, question_type(&p->question), domain, !but, now_ms);
  }
}
