/* judge_zone.c: what is known of the zones above a name, and which records are needed to know more:
 * judge_zone_*, judge_wishes. */
#include "dnssec/judge_priv.h"

enum { NAME_LABELS_MAX = 127, WISHED_ZONES = 4 };

static const uint8_t root[] = {0};

struct zone_view judge_zone_view(const struct judging *w, struct proof_name zone) {
  const struct judge *j = w->judge;
  const struct anchor *a = anchors_at(j->anchors, zone.name, zone.len);
  const struct zone_known *known = trust_find(j->trust, zone.name, zone.len, w->now.now_s);

  /* What an anchor says of its zone counts before what the parent says. */
  if (a && (!known || known->state != ZONE_SECURE))
    return (struct zone_view){a->ds.count ? ZONE_DELEGATED : ZONE_INSECURE, &a->ds, NULL};
  if (!known) return (struct zone_view){ZONE_UNKNOWN, NULL, NULL};
  return (struct zone_view){known->state, a ? &a->ds : &known->ds, &known->keys};
}

bool judge_zone_is_anchored(const struct judging *w, struct proof_name zone) {
  return anchors_at(w->judge->anchors, zone.name, zone.len);
}

static struct proof_name parent_of(struct proof_name name) {
  size_t skip = 1u + name.name[0];
  return (struct proof_name){name.name + skip, name.len - skip};
}

enum zone_state judge_zone_deepest(const struct judging *w, struct proof_name name, struct proof_name *zone) {
  for (;; name = parent_of(name)) {
    enum zone_state state = judge_zone_view(w, name).state;
    *zone = name;
    if (state != ZONE_UNKNOWN && state != ZONE_NO_CUT) return state;
    if (name.len == 1) return ZONE_UNKNOWN;
  }
}

bool judge_zone_is_exempt(const struct judging *w, struct proof_name name) {
  const struct anchors *a = w->judge->anchors;
  return !anchors_above(a, name.name, name.len) || anchors_deny(a, name.name, name.len);
}

/* Answers to questions for DS and DNSKEY records are what others wait for. Were they to wait for any name,
 * two could wait for each other: aliases can be laid in a ring. So they wait only for shorter names. */
static bool may_wait_for(const struct question *q, struct proof_name zone, uint16_t type) {
  uint16_t asked = question_type(q);
  if (asked != TYPE_DS && asked != TYPE_DNSKEY) return true;
  if (q->name_len == 1 && asked == TYPE_DS) return type == TYPE_DNSKEY; /* no name is shorter than the root */
  if (asked == TYPE_DNSKEY && type == TYPE_DS && name_equal(q->key, q->name_len, zone.name, zone.len))
    return true;
  return zone.len < q->name_len;
}

enum set_state judge_zone_need(struct judging *w, struct proof_name zone, uint16_t type) {
  w->why = ERR_NO_DNSKEY; /* unless the caller knows better what it means when that can't be had */
  if (!may_wait_for(w->q, zone, type)) {
    return name_equal(w->q->key, w->q->name_len, zone.name, zone.len) ? SET_BOGUS : SET_INSECURE;
  }
  if (w->at->questions >= DNSSEC_QUESTIONS) {
    w->why = ERR_TOO_COSTLY;
    return SET_BOGUS;
  }
  w->at->questions++;
  w->verdict.state = DNSSEC_NEEDS;
  w->verdict.need_type = type;
  w->verdict.need_len = (uint16_t)zone.len;
  memcpy(w->verdict.need, zone.name, zone.len);
  return SET_WAITS;
}

void judge_zone_outdated(struct judging *w, struct proof_name zone, uint16_t type) {
  struct outdated *outdated = &w->at->outdated;
  if (!may_wait_for(w->q, zone, type)) return;
  outdated->type = type;
  outdated->zone_len = (uint16_t)zone.len;
  memcpy(outdated->zone, zone.name, zone.len);
}

enum set_state judge_zone_walk(struct judging *w, struct proof_name name, struct proof_name *zone) {
  if (judge_zone_is_exempt(w, name)) return SET_INSECURE;
  if (judge_zone_deepest(w, name, zone) == ZONE_INSECURE) return SET_INSECURE;

  /* From there down, label by label. One that begins with an underscore is hardly ever a zone's: it is asked
   * for when all others have explained nothing. */
  struct proof_name below[NAME_LABELS_MAX], unlikely = {0}, no_cut = {0};
  unsigned count = 0;
  for (; name.len > zone->len; name = parent_of(name)) below[count++] = name;
  while (count--) {
    enum zone_state state = judge_zone_view(w, below[count]).state;
    if (state == ZONE_NO_CUT) no_cut = below[count];
    if (state != ZONE_UNKNOWN) continue;
    if (below[count].name[1] != '_') return judge_zone_need(w, below[count], TYPE_DS);
    if (!unlikely.name) unlikely = below[count];
  }
  if (unlikely.name) return judge_zone_need(w, unlikely, TYPE_DS);

  /* A zone may have begun since. */
  if (no_cut.name && !w->at->outdated.type) judge_zone_outdated(w, no_cut, TYPE_DS);
  return SET_SECURE;
}

/* ---- wishes ---- */

static unsigned labels_of(struct proof_name name) {
  unsigned labels = 0;
  for (; name.len > 1; name = parent_of(name)) labels++;
  return labels;
}

static bool is_of_hosts(uint16_t type) {
  return type == TYPE_A || type == TYPE_AAAA || type == TYPE_TLSA || type == TYPE_SVCB ||
         type == TYPE_HTTPS || type == TYPE_CNAME;
}

struct proof_name judge_zone_above_underscores(struct proof_name name) {
  struct proof_name above = name;
  for (; name.len > 1; name = parent_of(name))
    if (name.name[1] == '_') above = parent_of(name);
  return above;
}

/* The deepest name at or above this one that could be a zone's, by what is asked of it. */
static struct proof_name deepest_likely(struct proof_name name, uint16_t type) {
  struct proof_name zone = judge_zone_above_underscores(name);
  bool is_below_underscore = zone.len < name.len;
  if (type == TYPE_DS && zone.len == name.len && zone.len > 1) return parent_of(zone);
  if (labels_of(zone) > 2 && (is_below_underscore || is_of_hosts(type))) return parent_of(zone);
  return zone;
}

enum set_state judge_zone_between(struct judging *w, struct proof_name owner, uint16_t type,
                                  struct proof_name signer) {
  if (w->at->goes_without_cuts) return SET_SECURE;
  const struct anchor *a = anchors_above(w->judge->anchors, owner.name, owner.len);
  unsigned most = WISHED_ZONES +
                  labels_of((struct proof_name){a->name_len > 1 ? a->name : root, a->name_len});
  struct proof_name name = deepest_likely(owner, type), unknown = {0};
  for (; name.len > signer.len; name = parent_of(name)) {
    bool is_unknown = judge_zone_view(w, name).state == ZONE_UNKNOWN && labels_of(name) <= most;
    if (is_unknown && may_wait_for(w->q, name, TYPE_DS)) unknown = name;
  }
  if (!unknown.name || judge_zone_need(w, unknown, TYPE_DS) != SET_WAITS) return SET_SECURE;
  w->verdict.is_optional = true;
  return SET_WAITS;
}

struct wishes {
  struct judge_wish *out;
  unsigned count, most;
};

static void wish(struct wishes *w, const struct question *q, struct proof_name zone, uint16_t type) {
  bool is_asked = question_type(q) == type && name_equal(q->key, q->name_len, zone.name, zone.len);
  if (is_asked || w->count == w->most) return;
  struct judge_wish *out = &w->out[w->count++];
  out->type = type;
  out->len = (uint16_t)zone.len;
  memcpy(out->name, zone.name, zone.len);
}

/* Wishes for a zone's records, as far as they are unknown. False: below it there is nothing to wish for. */
static bool wish_zone(struct wishes *wishes, const struct judging *w, struct proof_name zone) {
  switch (judge_zone_view(w, zone).state) {
  case ZONE_INSECURE: return false;
  case ZONE_SECURE:
  case ZONE_NO_CUT: return true;
  case ZONE_UNKNOWN: wish(wishes, w->q, zone, TYPE_DS); break;
  case ZONE_DELEGATED: break;
  }
  wish(wishes, w->q, zone, TYPE_DNSKEY);
  return true;
}

unsigned judge_wishes(struct judge *j, const struct question *q, struct dnssec_time now,
                      struct judge_wish *out, unsigned most) {
  struct judging w = {.judge = j, .q = q, .now = now};
  struct wishes wishes = {out, 0, most};
  struct proof_name name = {q->key, q->name_len}, zone;
  struct proof_name deepest = deepest_likely(name, question_type(q));
  if (question_class(q) != CLASS_IN || judge_zone_is_exempt(&w, deepest)) return 0;
  if (judge_zone_deepest(&w, deepest, &zone) == ZONE_INSECURE) return 0;

  /* The anchor's zone first, then from the top, where most zones are. */
  const struct anchor *a = anchors_above(j->anchors, deepest.name, deepest.len);
  if (!wish_zone(&wishes, &w, (struct proof_name){a->name_len > 1 ? a->name : root, a->name_len}))
    return wishes.count;

  struct proof_name below[NAME_LABELS_MAX];
  unsigned count = 0, wished = 0;
  for (; deepest.len > a->name_len; deepest = parent_of(deepest)) below[count++] = deepest;
  while (count-- && wished++ < WISHED_ZONES)
    if (!wish_zone(&wishes, &w, below[count])) break;
  return wishes.count;
}
