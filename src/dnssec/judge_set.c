/* judge_set.c: is one RRset of an answer proven, and if not, should it be? judge_set, judge_set_side,
 * judge_set_signer. */
#include "dnssec/judge_priv.h"

/* Zones that a set's signatures name, as offsets of their names in the owner: each once. */
struct signers {
  unsigned count;
  uint8_t at[DNSSEC_SIGNATURES_OF_A_SET];
};

static struct proof_name suffix_at(const struct rrset *set, unsigned at) {
  return (struct proof_name){set->owner + at, set->owner_len - at};
}

struct proof_name judge_set_side(struct proof_name name, bool is_parents) {
  if (!is_parents || name.len == 1) return name;
  return (struct proof_name){name.name + 1 + name.name[0], name.len - 1u - name.name[0]};
}

struct proof_name judge_set_signer(const struct judging *w, unsigned i) {
  return suffix_at(&w->judge->sets.sets[i], w->at->sets[i].signer_at);
}

/* ---- which zones may sign the set ---- */

static bool is_asked_name(const struct judging *w, const struct rrset *set) {
  return name_equal(w->q->key, w->q->name_len, set->owner, set->owner_len);
}

/* Is the set the parent's to sign, where a zone begins at its owner? A question for DS records is put to the
 * parent, whatever comes instead of them. */
static bool is_parents(const struct judging *w, const struct rrset *set) {
  if (set->owner_len == 1) return false; /* the root has none */
  return set->type == TYPE_DS || (question_type(w->q) == TYPE_DS && is_asked_name(w, set));
}

/* Does only the zone that begins at the owner have such records? */
static bool is_of_apex(uint16_t type) { return type == TYPE_SOA || type == TYPE_NS || type == TYPE_DNSKEY; }

/* Between the signer and the owner another zone begins: then the signature is one by the parent for what is
 * the child's, be it from before the child was there. At the owner itself the parent has DS and NSEC records.
 */
static bool is_cut_between(const struct judging *w, const struct rrset *set, unsigned signer_at) {
  bool is_both_sides = is_parents(w, set) || set->type == TYPE_NSEC;
  unsigned at = is_both_sides && signer_at ? 1u + set->owner[0] : 0;
  for (; at < signer_at; at += 1u + set->owner[at]) {
    enum zone_state state = judge_zone_view(w, suffix_at(set, at)).state;
    if (state == ZONE_SECURE || state == ZONE_DELEGATED || state == ZONE_INSECURE) return true;
  }
  return false;
}

/* What an anchor says of its zone is not for zones above it to say. */
static bool is_above_anchor(const struct judging *w, const struct rrset *set, struct proof_name signer) {
  struct proof_name side = judge_set_side((struct proof_name){set->owner, set->owner_len},
                                          is_parents(w, set));
  const struct anchor *a = anchors_above(w->judge->anchors, side.name, side.len);
  return a && signer.len < a->name_len;
}

static bool may_sign(const struct judging *w, const struct rrset *set, const struct rrsig *sig) {
  if (!name_is_within(set->owner, set->owner_len, sig->signer, sig->signer_len)) return false;
  unsigned at = set->owner_len - sig->signer_len;
  if (at == 0 && is_parents(w, set)) return false;
  if (at != 0 && is_of_apex(set->type)) return false;
  return !is_above_anchor(w, set, suffix_at(set, at)) && !is_cut_between(w, set, at);
}

static bool is_known(const struct judging *w, const struct rrset *set, unsigned at) {
  return judge_zone_view(w, suffix_at(set, at)).state == ZONE_SECURE;
}

/* Those whose keys are known come first, and then the deepest. */
static bool is_before(const struct judging *w, const struct rrset *set, uint8_t a, uint8_t b) {
  bool a_is_known = is_known(w, set, a), b_is_known = is_known(w, set, b);
  return a_is_known != b_is_known ? a_is_known : a < b;
}

static void signers_add(struct signers *s, const struct judging *w, const struct rrset *set, uint8_t at) {
  for (unsigned i = 0; i < s->count; i++)
    if (s->at[i] == at) return;
  unsigned i = s->count++;
  for (; i > 0 && is_before(w, set, at, s->at[i - 1]); i--) s->at[i] = s->at[i - 1];
  s->at[i] = at;
}

static void signers_read(struct signers *s, const struct judging *w, const struct rrset *set) {
  s->count = 0;
  for (unsigned i = 0; i < set->signatures && i < DNSSEC_SIGNATURES_OF_A_SET; i++) {
    struct rrsig sig;
    if (rrset_signature(&w->judge->sets, set, i, &sig) && may_sign(w, set, &sig))
      signers_add(s, w, set, (uint8_t)(set->owner_len - sig.signer_len));
  }
}

/* ---- what they prove ---- */

static bool is_turn_over(struct judging *w) {
  if (w->cost_at_start - w->at->budget.cost < DNSSEC_COST_OF_A_TURN) return false;
  w->verdict.state = DNSSEC_LATER;
  return true;
}

static enum set_state found_good(struct judging *w, unsigned i, unsigned signer_at,
                                 const struct signed_by *by) {
  const struct rrset *set = &w->judge->sets.sets[i];
  uint32_t ttl_s = judge_set_ttl(&w->judge->sets, set);
  judge_limit_ttl(w->at, by->ttl_s < ttl_s ? by->ttl_s : ttl_s);
  w->at->sets[i] = (struct judged_set){SET_SECURE, 0, (uint8_t)by->labels, (uint8_t)signer_at};
  return SET_SECURE;
}

static enum set_state check(struct judging *w, unsigned i, unsigned at, const struct zone_keys *keys) {
  struct judge *j = w->judge;
  struct signed_by by;
  if (is_turn_over(w)) return SET_WAITS;
  w->why = keys_check(j->verifier, j->room, &j->sets, &j->sets.sets[i], keys, w->now.clock_s, &w->at->budget,
                      &by);
  if (w->why == ERR_NONE) return found_good(w, i, at, &by);
  if (by.has_strange_tag) judge_zone_outdated(w, suffix_at(&j->sets.sets[i], at), TYPE_DNSKEY);
  return SET_BOGUS;
}

/* No zone was there when that was asked. */
static enum set_state signed_by_no_zone(struct judging *w, struct proof_name zone) {
  judge_zone_outdated(w, zone, TYPE_DS);
  w->why = ERR_NO_DNSKEY;
  return SET_BOGUS;
}

/* By one of the zones that say that they signed it. SET_BOGUS: by this one it is not proven. */
static enum set_state check_by(struct judging *w, unsigned i, unsigned at, bool is_proof) {
  const struct rrset *set = &w->judge->sets.sets[i];
  struct proof_name zone = suffix_at(set, at), deepest;
  struct zone_view view = judge_zone_view(w, zone);
  switch (view.state) {
  case ZONE_SECURE: {
    uint16_t type = is_parents(w, set) ? TYPE_DS : set->type;
    enum set_state state = is_proof ? SET_SECURE : judge_zone_between(w, suffix_at(set, 0), type, zone);
    return state == SET_SECURE ? check(w, i, at, view.keys) : state;
  }
  case ZONE_DELEGATED: return judge_zone_need(w, zone, TYPE_DNSKEY);
  case ZONE_INSECURE: return SET_INSECURE;
  case ZONE_NO_CUT: return signed_by_no_zone(w, zone);
  case ZONE_UNKNOWN: break;
  }
  if (judge_zone_deepest(w, zone, &deepest) == ZONE_INSECURE) return SET_INSECURE;
  enum set_state state = judge_zone_need(w, zone, TYPE_DS);
  w->verdict.is_signed_by_it = state == SET_WAITS;
  return state;
}

/* Was it the signature that failed, and not the choice of who signs? */
static bool is_final(enum err why) { return why != ERR_NO_RRSIG && why != ERR_NO_DNSKEY && why != ERR_NONE; }

static enum set_state check_signatures(struct judging *w, unsigned i, bool is_proof) {
  struct signers signers;
  enum err why = ERR_NO_RRSIG;
  signers_read(&signers, w, &w->judge->sets.sets[i]);
  for (unsigned k = 0; k < signers.count; k++) {
    enum set_state state = check_by(w, i, signers.at[k], is_proof);
    if (state != SET_BOGUS) return state;
    if (!is_final(why)) why = w->why;
  }
  w->why = why;
  return SET_BOGUS;
}

/* ---- the keys of a zone ---- */

static void learn_keys(struct judging *w, const struct zone_ds_set *ds, const struct zone_keys *keys,
                       uint32_t ttl_s) {
  struct proof_name zone = {w->q->key, w->q->name_len};
  const struct zone_known *old = trust_find(w->judge->trust, zone.name, zone.len, w->now.now_s);
  uint64_t ds_left = old && !judge_zone_is_anchored(w, zone) ? old->until_s - w->now.now_s : TRUST_DAY_S;
  if (ttl_s > ds_left) ttl_s = (uint32_t)ds_left;

  struct zone_known *known = trust_put(w->judge->trust, zone.name, zone.len, w->now.now_s, ttl_s);
  known->state = ZONE_SECURE;
  known->ds = *ds;
  known->keys = *keys;
}

/* The DNSKEY records that were asked for: their zone's DS records vouch for them. */
static enum set_state check_keys(struct judging *w, unsigned i) {
  struct judge *j = w->judge;
  const struct rrset *set = &j->sets.sets[i];
  struct proof_name zone = suffix_at(set, 0), deepest;
  struct zone_view view = judge_zone_view(w, zone);
  if (view.state == ZONE_INSECURE) return SET_INSECURE;
  if (view.state == ZONE_UNKNOWN) {
    if (judge_zone_deepest(w, zone, &deepest) == ZONE_INSECURE) return SET_INSECURE;
    return judge_zone_need(w, zone, TYPE_DS);
  }
  if (view.state == ZONE_NO_CUT) return signed_by_no_zone(w, zone);
  if (is_turn_over(w)) return SET_WAITS;

  struct zone_ds_set ds = *view.ds;
  struct zone_keys keys = {0};
  struct signed_by by;
  w->why = keys_prove(j->verifier, j->room, &j->sets, set, &ds, w->now.clock_s, &w->at->budget, &keys, &by);
  w->verdict.is_anchor_lost = w->why == ERR_NO_DNSKEY && judge_zone_is_anchored(w, zone);
  if (w->why != ERR_NONE && by.has_strange_tag && !judge_zone_is_anchored(w, zone))
    judge_zone_outdated(w, zone, TYPE_DS);
  if (w->why != ERR_NONE) return SET_BOGUS;
  found_good(w, i, 0, &by);
  learn_keys(w, &ds, &keys, w->at->ttl_s);
  return SET_SECURE;
}

/* ---- what is not proven ---- */

/* Nobody who could have signed it did: is there nobody? */
static enum set_state explain_unsigned(struct judging *w, struct proof_name side) {
  struct proof_name zone;
  enum err why = w->why;
  enum set_state state = judge_zone_walk(w, side, &zone);
  if (w->why != ERR_TOO_COSTLY) w->why = why;
  return state == SET_SECURE ? SET_BOGUS : state;
}

/* A signature failed: is it left over from before a zone began that has none? That it failed is kept while
 * this is asked, and stays true if nobody can say. */
static enum set_state explain_failed(struct judging *w, unsigned i, struct proof_name side) {
  struct proof_name zone;
  enum err why = w->why;
  if (w->at->goes_without_cuts) return SET_BOGUS;
  enum set_state state = judge_zone_walk(w, judge_zone_above_underscores(side), &zone);
  w->why = why;
  if (state != SET_WAITS) return state == SET_INSECURE ? state : SET_BOGUS;
  w->at->sets[i] = (struct judged_set){.state = SET_FAILED, .why = (uint8_t)why};
  w->verdict.is_optional = true;
  return SET_WAITS;
}

/* ---- all of it ---- */

static enum set_state check_set(struct judging *w, unsigned i, bool is_proof) {
  const struct rrset *set = &w->judge->sets.sets[i];
  struct proof_name owner = suffix_at(set, 0), side = judge_set_side(owner, is_parents(w, set));
  bool follows;
  if (judge_zone_is_exempt(w, side) || judge_zone_is_exempt(w, owner)) return SET_INSECURE;
  if (judge_chain_is_made(&w->judge->sets, i, &follows)) {
    w->why = ERR_BOGUS;
    return follows ? SET_MADE : SET_BOGUS;
  }

  bool is_asked_keys = set->type == TYPE_DNSKEY && set->section == SECTION_ANSWER &&
                       question_type(w->q) == TYPE_DNSKEY && is_asked_name(w, set);
  if (is_asked_keys) return check_keys(w, i);
  bool has_failed = w->at->sets[i].state == SET_FAILED;
  enum set_state state = has_failed ? SET_BOGUS : check_signatures(w, i, is_proof);
  if (state != SET_BOGUS || is_proof || w->why == ERR_TOO_COSTLY) return state;
  return is_final(w->why) ? explain_failed(w, i, side) : explain_unsigned(w, side);
}

enum set_state judge_set(struct judging *w, unsigned i, bool is_proof) {
  struct judged_set *at = &w->at->sets[i];
  if (at->state == SET_BOGUS || at->state == SET_FAILED) w->why = (enum err)at->why;
  if (at->state != SET_OPEN && at->state != SET_FAILED) return (enum set_state)at->state;

  enum set_state state = check_set(w, i, is_proof);
  if (state == SET_BOGUS) at->why = (uint8_t)w->why;
  if (state != SET_WAITS) at->state = (uint8_t)state;
  return state;
}
