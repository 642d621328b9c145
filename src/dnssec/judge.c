/* judge.c: is an answer proven? judge_new, judge_free, judge_trust, judge. From here the story of a judgement
 * is told: each RRset of the answer, then what the authority section has to prove. */
#include "dnssec/judge_priv.h"

#include <stdlib.h>

struct judge *judge_new(const struct verifier *v, const struct anchors *anchors) {
  struct judge *j = calloc(1, sizeof *j);
  if (!j) return NULL;
  j->verifier = v;
  j->anchors = anchors;
  j->trust = trust_new(v, anchors);
  j->room = canon_room_new();
  if (j->trust && j->room) return j;
  judge_free(j);
  return NULL;
}

void judge_free(struct judge *j) {
  if (!j) return;
  trust_free(j->trust);
  canon_room_free(j->room);
  free(j);
}

struct trust *judge_trust(struct judge *j) {
  return j->trust;
}

/* ---- how long ---- */

void judge_limit_ttl(struct judgement *at, uint32_t ttl_s) {
  if (!at->counted++ || ttl_s < at->ttl_s) at->ttl_s = ttl_s;
}

uint32_t judge_set_ttl(const struct rrsets *s, const struct rrset *set) {
  uint32_t least = UINT32_MAX;
  for (unsigned i = 0; i < set->count; i++)
    if (s->records[set->first + i].ttl < least) least = s->records[set->first + i].ttl;
  return least;
}

/* ---- DS records ---- */

static bool ds_sets_equal(const struct zone_ds_set *a, const struct zone_ds_set *b) {
  if (a->count != b->count) return false;
  for (unsigned i = 0; i < a->count; i++) {
    const struct zone_ds *x = &a->ds[i], *y = &b->ds[i];
    if (x->tag != y->tag || x->algorithm != y->algorithm || x->digest_type != y->digest_type ||
        x->digest_len != y->digest_len || memcmp(x->digest, y->digest, x->digest_len) != 0)
      return false;
  }
  return true;
}

/* Puts DS records that were asked for, and are proven, into trust. */
static void learn_ds(struct judging *w) {
  const struct question *q = w->q;
  struct judge *j = w->judge;
  struct proof_name zone = {q->key, q->name_len};
  if (question_type(q) != TYPE_DS || judge_zone_is_anchored(w, zone)) return;
  const struct rrset *set = rrsets_find(&j->sets, SECTION_ANSWER, q->key, q->name_len, TYPE_DS);
  const struct judged_set *at = set ? &w->at->sets[set - j->sets.sets] : NULL;
  if (!at || at->state != SET_SECURE || at->labels != canon_labels(set->owner, set->owner_len)) return;

  /* Keys that these records have vouched for already stay. */
  struct zone_ds_set ds = {0};
  zone_ds_take(j->verifier, &ds, &j->sets, set);
  const struct zone_known *old = trust_find(j->trust, q->key, q->name_len, w->now.now_s);
  if (old && old->state == ZONE_SECURE && ds_sets_equal(&old->ds, &ds)) return;

  struct zone_known *known = trust_put(j->trust, q->key, q->name_len, w->now.now_s, w->at->ttl_s);
  known->state = ds.count ? ZONE_DELEGATED : ZONE_INSECURE;
  known->ds = ds;
}

/* ---- the answer ---- */

/* To a question for all types some RRsets may come without signatures, or more than can be verified: nobody
 * is told that they are proven. */
static bool may_lack_proof(enum err why) { return why == ERR_NO_RRSIG || why == ERR_TOO_COSTLY; }

/* Judges each RRset of the answer section. */
static enum set_state judge_answers(struct judging *w) {
  const struct rrsets *s = &w->judge->sets;
  for (unsigned i = 0; i < s->count; i++) {
    if (s->sets[i].section != SECTION_ANSWER) continue;
    enum set_state state = judge_set(w, i, false);
    bool is_one_of_all = question_type(w->q) == TYPE_ANY && may_lack_proof(w->why);
    if (state == SET_WAITS || (state == SET_BOGUS && !is_one_of_all)) return state;
    if (state == SET_BOGUS || state == SET_INSECURE) w->is_insecure = true;
  }
  return SET_SECURE;
}

/* All is signed: does it also answer as the RCODE says? */
static enum set_state match_rcode(struct judging *w, const struct chain *c, unsigned rcode) {
  bool matches = false;
  switch (c->end) {
  case CHAIN_ANSWER: matches = rcode == RCODE_NOERROR; break;
  case CHAIN_NOTHING: matches = rcode == RCODE_NOERROR || rcode == RCODE_NXDOMAIN; break;
  case CHAIN_TOO_LONG: matches = rcode == RCODE_YXDOMAIN; break;
  case CHAIN_RING: return SET_INSECURE; /* true, and of no use */
  case CHAIN_GOES_ON:
  case CHAIN_BROKEN: break;
  }
  w->why = ERR_BAD_REPLY;
  return matches ? SET_SECURE : SET_BOGUS;
}

static enum set_state judge_message(struct judging *w) {
  const struct rrsets *s = &w->judge->sets;
  unsigned rcode = s->msg[3] & DNS_RCODE;
  struct chain chain;
  judge_chain(s, w->q, &chain);

  /* What is proven of the name itself is worth knowing, whatever becomes of the rest. */
  enum set_state state = judge_answers(w);
  learn_ds(w);
  judge_denial_learn_alias(w, &chain);
  if (state != SET_SECURE) return state;

  state = judge_denial(w, &chain, rcode);
  judge_denial_learn_alias(w, &chain);
  if (state == SET_WAITS || state == SET_BOGUS) return state;
  if (state == SET_INSECURE || w->is_insecure) return SET_INSECURE;
  return match_rcode(w, &chain, rcode);
}

/* A message that can't be read as sets proves nothing; but where nothing has to be proven it does no harm. */
static enum set_state judge_unread(struct judging *w, enum err why) {
  struct proof_name name = {w->q->key, w->q->name_len}, zone;
  enum set_state state = judge_zone_walk(w, judge_set_side(name, question_type(w->q) == TYPE_DS), &zone);
  w->why = why;
  return state == SET_SECURE ? SET_BOGUS : state;
}

static void say_bogus(struct judging *w) {
  const struct outdated *outdated = &w->at->outdated;
  struct verdict *v = &w->verdict;
  v->state = DNSSEC_BOGUS;
  v->need_type = outdated->type;
  v->need_len = outdated->zone_len;
  memcpy(v->need, outdated->zone, outdated->zone_len);
}

/* Is anything in the authority section that was not found good, as it was of no use? */
static bool has_unproven(const struct judging *w) {
  const struct rrsets *s = &w->judge->sets;
  for (unsigned i = 0; i < s->count; i++)
    if (s->sets[i].section == SECTION_AUTHORITY && w->at->sets[i].state != SET_SECURE) return true;
  return false;
}

static bool is_of_signatures(uint16_t type) { return type == TYPE_RRSIG || type == TYPE_SIG; }

struct verdict judge(struct judge *j, struct judgement *at, const struct question *q, const uint8_t *msg,
                     size_t len, struct dnssec_time now) {
  /* Signatures are not signed, and other classes have no anchors. */
  if (question_class(q) != CLASS_IN || is_of_signatures(question_type(q)))
    return (struct verdict){.state = DNSSEC_INSECURE};

  struct judging w = {.judge = j, .at = at, .q = q, .now = now, .cost_at_start = at->budget.cost};
  enum err read = rrsets_read(&j->sets, msg, len);
  switch (read == ERR_NONE ? judge_message(&w) : judge_unread(&w, read)) {
  case SET_SECURE:
    w.verdict.state = DNSSEC_SECURE;
    w.verdict.ttl_s = at->ttl_s;
    w.verdict.has_unproven = has_unproven(&w);
    break;
  case SET_INSECURE: w.verdict.state = DNSSEC_INSECURE; break;
  case SET_WAITS: break; /* NEEDS or LATER: who waits has said so */
  default: say_bogus(&w);
  }
  w.verdict.why = w.verdict.state == DNSSEC_BOGUS || w.verdict.state == DNSSEC_NEEDS ? w.why : ERR_NONE;
  return w.verdict;
}
