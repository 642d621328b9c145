/* judge_denial.c: what the NSEC and NSEC3 records of an answer prove: that no closer name than a wildcard is
 * there, and that there is nothing where the answer leads: judge_denial, judge_denial_learn_alias. */
#include "dns/ttl.h"
#include "dnssec/judge_priv.h"

static struct proof_name name_of(const struct chain *c) { return (struct proof_name){c->name, c->name_len}; }

static bool is_within(struct proof_name name, struct proof_name zone) {
  return name_is_within(name.name, name.len, zone.name, zone.len);
}

static bool is_made_from_wildcard(const struct judging *w, unsigned i) {
  const struct rrset *set = &w->judge->sets.sets[i];
  return set->section == SECTION_ANSWER && w->at->sets[i].state == SET_SECURE &&
         w->at->sets[i].labels < canon_labels(set->owner, set->owner_len);
}

/* ---- which records may prove ---- */

/* The name at which all zones end that may say that there is nothing: for DS records, the parent. */
static struct proof_name end_side(const struct judging *w, const struct chain *c) {
  return judge_set_side(name_of(c), question_type(w->q) == TYPE_DS);
}

static bool proves_a_wildcard(const struct judging *w, const struct rrsig *sig) {
  for (unsigned i = 0; i < w->judge->sets.count; i++) {
    if (!is_made_from_wildcard(w, i)) continue;
    struct proof_name zone = judge_set_signer(w, i);
    if (name_equal(zone.name, zone.len, sig->signer, sig->signer_len)) return true;
  }
  return false;
}

/* Is the set signed by a zone whose word is needed? Others are not even looked at. */
static bool is_wanted(const struct judging *w, const struct rrset *set, const struct chain *c) {
  struct proof_name side = end_side(w, c);
  for (unsigned i = 0; i < set->signatures && i < DNSSEC_SIGNATURES_OF_A_SET; i++) {
    struct rrsig sig;
    if (!rrset_signature(&w->judge->sets, set, i, &sig)) continue;
    struct proof_name signer = {sig.signer, sig.signer_len};
    if (c->end == CHAIN_NOTHING && is_within(side, signer)) return true;
    if (proves_a_wildcard(w, &sig)) return true;
  }
  return false;
}

/* Judges the records that may prove something. SET_SECURE: of all it is known whether they are good, and *why
 * the last is not. */
static enum set_state gather(struct judging *w, const struct chain *c, enum err *why) {
  const struct rrsets *s = &w->judge->sets;
  for (unsigned i = 0; i < s->count; i++) {
    const struct rrset *set = &s->sets[i];
    bool is_proof = set->section == SECTION_AUTHORITY && (set->type == TYPE_NSEC || set->type == TYPE_NSEC3);
    bool is_judged = w->at->sets[i].state != SET_OPEN;
    if (!is_proof || (!is_judged && !is_wanted(w, set, c))) continue;

    enum set_state state = judge_set(w, i, true);
    if (state == SET_WAITS) return state;
    if (state == SET_BOGUS) *why = w->why;
    if (state == SET_BOGUS && w->why == ERR_TOO_COSTLY) break; /* so would be all that follow */
  }
  return SET_SECURE;
}

/* ---- proofs by one zone ---- */

/* Sets that the zone signed, as they stand. */
static void good_by(const struct judging *w, struct proof_name zone, bool good[RRSETS_MAX]) {
  for (unsigned i = 0; i < w->judge->sets.count; i++) {
    const struct rrset *set = &w->judge->sets.sets[i];
    struct proof_name signer = judge_set_signer(w, i);
    good[i] = set->section == SECTION_AUTHORITY && w->at->sets[i].state == SET_SECURE &&
              w->at->sets[i].labels == canon_labels(set->owner, set->owner_len) &&
              name_equal(signer.name, signer.len, zone.name, zone.len);
  }
}

static struct proof_of proof_by(const struct judging *w, struct proof_name zone, const bool *good) {
  return (struct proof_of){.verifier = w->judge->verifier,
                           .rrsets = &w->judge->sets,
                           .good = good,
                           .zone = zone.name,
                           .zone_len = zone.len,
                           .budget = &w->at->budget};
}

/* Of a zone whose proofs cost too much nothing is believed nor asked: its names are as good as unsigned. But
 * not those of secure zones below it. */
static enum set_state settle_costly(struct judging *w, struct proof_name name, struct proof_name zone) {
  struct proof_name deepest;
  enum set_state state = judge_zone_walk(w, name, &deepest);
  if (state == SET_BOGUS) return state;
  w->why = ERR_NO_NSEC;
  if (state != SET_SECURE) return state;
  return deepest.len == zone.len ? SET_INSECURE : SET_BOGUS;
}

/* The most that it is believed that there is nothing, by the answer's SOA records. */
static uint32_t negative_ttl(const struct rrsets *s) {
  uint32_t least = TTL_NEGATIVE_MAX;
  for (unsigned i = 0; i < s->count; i++) {
    const struct rrset *set = &s->sets[i];
    unsigned len = rrset_rdlen(s, set, 0);
    if (set->section != SECTION_AUTHORITY || set->type != TYPE_SOA || len < sizeof least) continue;
    uint32_t ttl_s = ttl_negative(judge_set_ttl(s, set),
                                  load_u32(rrset_rdata(s, set, 0) + len - sizeof least));
    if (ttl_s < least) least = ttl_s;
  }
  return least;
}

/* What is proven of the name that was asked for. That no zone begins there holds no longer than any other
 * denial: one may begin any day. */
static void learn(struct judging *w, enum zone_state state, uint32_t ttl_s) {
  const struct question *q = w->q;
  if (judge_zone_is_anchored(w, (struct proof_name){q->key, q->name_len})) return;
  uint32_t most = state == ZONE_NO_CUT ? negative_ttl(&w->judge->sets) : UINT32_MAX;
  if (ttl_s > most) ttl_s = most;
  trust_put(w->judge->trust, q->key, q->name_len, w->now.now_s, ttl_s)->state = state;
}

/* ---- wildcards ---- */

/* gathered: why the last record that might have proven it is not good. */
static enum set_state prove_wildcard(struct judging *w, unsigned i, enum err gathered) {
  const struct rrset *set = &w->judge->sets.sets[i];
  struct proof_name name = {set->owner, set->owner_len}, zone = judge_set_signer(w, i);
  bool good[RRSETS_MAX];
  good_by(w, zone, good);
  struct proof_of by = proof_by(w, zone, good);
  w->why = gathered == ERR_TOO_COSTLY ? gathered : ERR_NO_NSEC;
  switch (proof_of_wildcard(&by, name, w->at->sets[i].labels)) {
  case PROOF_SECURE: w->at->sets[i].state = SET_DENIED; return SET_SECURE;
  case PROOF_OPT_OUT: return SET_INSECURE;
  case PROOF_COSTLY: return settle_costly(w, name, zone);
  case PROOF_EXHAUSTED: w->why = ERR_TOO_COSTLY; return SET_BOGUS;
  case PROOF_NONE: break;
  }
  return SET_BOGUS;
}

static enum set_state prove_wildcards(struct judging *w, const struct chain *c, enum err gathered) {
  for (unsigned i = 0; i < w->judge->sets.count; i++) {
    if (!is_made_from_wildcard(w, i)) continue;
    enum set_state state = prove_wildcard(w, i, gathered);
    if (state == SET_WAITS || state == SET_BOGUS) return state;
    if (state == SET_SECURE) continue;
    w->at->sets[i].state = SET_INSECURE;
    w->is_insecure = true;
    if (question_type(w->q) == TYPE_DS && c->first == (int)i) learn(w, ZONE_INSECURE, w->at->ttl_s);
  }
  return SET_SECURE;
}

/* ---- that there is nothing ---- */

static void learn_cut(struct judging *w, enum cut cut) {
  switch (cut) {
  case CUT_INSECURE:
  case CUT_COSTLY: learn(w, ZONE_INSECURE, w->at->ttl_s); break;
  case CUT_NONE:
  case CUT_NO_NAME: learn(w, ZONE_NO_CUT, w->at->ttl_s); break;
  case CUT_UNPROVEN:
  case CUT_EXHAUSTED: break;
  }
}

static bool asks_for_ds(const struct judging *w, const struct chain *c) {
  return question_type(w->q) == TYPE_DS && c->first < 0 && w->q->name_len > 1;
}

static enum proof prove_by(struct judging *w, const struct chain *c, unsigned rcode, struct proof_name zone) {
  bool good[RRSETS_MAX];
  good_by(w, zone, good);
  struct proof_of by = proof_by(w, zone, good);
  enum proof proof = rcode == RCODE_NXDOMAIN ? proof_of_nxdomain(&by, name_of(c))
                                             : proof_of_nodata(&by, name_of(c), question_type(w->q));
  if (asks_for_ds(w, c)) {
    enum cut cut = proof_of_no_ds(&by, name_of(c));
    if (cut != CUT_COSTLY) learn_cut(w, cut);
  }
  return proof;
}

/* The next zone, from the deepest, that signed a proof and may say something of the name. */
static bool next_zone(const struct judging *w, struct proof_name side, size_t below,
                      struct proof_name *zone) {
  bool is_found = false;
  for (unsigned i = 0; i < w->judge->sets.count; i++) {
    if (w->judge->sets.sets[i].section != SECTION_AUTHORITY || w->at->sets[i].state != SET_SECURE) continue;
    struct proof_name signer = judge_set_signer(w, i);
    if (signer.len >= below || !is_within(side, signer) || (is_found && signer.len <= zone->len)) continue;
    *zone = signer;
    is_found = true;
  }
  return is_found;
}

/* Looks for a proof, once: what was found is kept over a wait. */
static enum proof prove(struct judging *w, const struct chain *c, unsigned rcode, struct proof_name *zone) {
  struct proof_name side = end_side(w, c);
  if (w->at->denial_zone_len) {
    size_t at = side.len - w->at->denial_zone_len;
    *zone = (struct proof_name){side.name + at, w->at->denial_zone_len};
    return (enum proof)w->at->denial;
  }

  enum proof proof = PROOF_NONE;
  size_t below = NAME_MAX_LEN + 1;
  while (proof == PROOF_NONE && next_zone(w, side, below, zone)) {
    proof = prove_by(w, c, rcode, *zone);
    below = zone->len;
  }
  if (proof != PROOF_NONE) {
    w->at->denial = (uint8_t)proof;
    w->at->denial_zone_len = (uint8_t)zone->len;
  }
  return proof;
}

/* The SOA says how long it holds that there is nothing: it must be as good as the proof. */
static enum set_state check_soa(struct judging *w, struct proof_name name) {
  for (unsigned i = 0; i < w->judge->sets.count; i++) {
    const struct rrset *set = &w->judge->sets.sets[i];
    struct proof_name zone = {set->owner, set->owner_len};
    if (set->section != SECTION_AUTHORITY || set->type != TYPE_SOA || !is_within(name, zone)) continue;
    enum set_state state = judge_set(w, i, false);
    if (state != SET_SECURE) return state;
  }
  return SET_SECURE;
}

/* Has the authority section a signature, or what should have one? */
static void say_what_lacks(struct judging *w) {
  const struct rrsets *s = &w->judge->sets;
  bool is_signed = false, is_empty = true;
  unsigned answers = load_u16(s->msg + 6);
  for (unsigned i = 0; i < s->count; i++) {
    if (s->sets[i].section != SECTION_AUTHORITY) continue;
    is_empty = false;
    is_signed |= s->sets[i].signatures > 0;
  }
  w->verdict.is_unsigned_denial = !is_signed && !answers;
  w->why = is_signed || is_empty ? ERR_NO_NSEC : ERR_NO_RRSIG;
}

/* Nothing proves that there is nothing: does anything have to? */
static enum set_state without_proof(struct judging *w, const struct chain *c, enum err why) {
  struct proof_name zone;
  w->why = why;
  if (why == ERR_TOO_COSTLY) return SET_BOGUS;
  enum set_state state = judge_zone_walk(w, end_side(w, c), &zone);
  if (state == SET_BOGUS) return state;
  say_what_lacks(w);
  if (why != ERR_NONE) w->why = why;
  return state == SET_SECURE ? SET_BOGUS : state;
}

static enum set_state prove_nothing(struct judging *w, const struct chain *c, unsigned rcode, enum err why) {
  struct proof_name zone;
  switch (prove(w, c, rcode, &zone)) {
  case PROOF_SECURE: return check_soa(w, name_of(c));
  case PROOF_OPT_OUT: return SET_INSECURE;
  case PROOF_EXHAUSTED: w->why = ERR_TOO_COSTLY; return SET_BOGUS;
  case PROOF_NONE: return without_proof(w, c, why);
  case PROOF_COSTLY: break;
  }
  enum set_state state = settle_costly(w, end_side(w, c), zone);
  if (state == SET_INSECURE && asks_for_ds(w, c)) learn_cut(w, CUT_COSTLY);
  return state;
}

/* ---- all of it ---- */

enum set_state judge_denial(struct judging *w, const struct chain *c, unsigned rcode) {
  enum err why = ERR_NONE;
  bool is_exempt = judge_zone_is_exempt(w, end_side(w, c)) || judge_zone_is_exempt(w, name_of(c));
  enum set_state state = gather(w, c, &why);
  if (state == SET_SECURE) state = prove_wildcards(w, c, why);
  if (state != SET_SECURE || c->end != CHAIN_NOTHING) return state;
  return is_exempt ? SET_INSECURE : prove_nothing(w, c, rcode, why);
}

void judge_denial_learn_alias(struct judging *w, const struct chain *c) {
  if (question_type(w->q) != TYPE_DS || c->first < 0) return;
  const struct judged_set *link = &w->at->sets[c->first];
  const struct rrset *set = &w->judge->sets.sets[c->first];
  bool is_as_it_stands = link->labels == canon_labels(set->owner, set->owner_len);
  uint32_t ttl_s = w->at->ttl_s;
  if (link->state == SET_DENIED || (link->state == SET_SECURE && is_as_it_stands))
    learn(w, ZONE_NO_CUT, ttl_s);
}
