/* judge_chain.c: where the aliases of an answer lead: judge_chain, judge_chain_is_made. Whether they are
 * proven is not looked at here. */
#include "dnssec/judge_priv.h"

static void record_of(const struct rrsets *s, const struct rrset *set, struct record *out) {
  const struct rrset_record *r = &s->records[set->first];
  *out = (struct record){.msg = s->msg,
                         .msg_len = s->len,
                         .rdata_at = r->rdata_at,
                         .ttl = r->ttl,
                         .type = set->type,
                         .klass = set->klass,
                         .rdlen = r->rdlen,
                         .owner_len = set->owner_len};
  memcpy(out->owner, set->owner, set->owner_len);
}

/* The DNAME of the answer that lies above the name. */
static const struct rrset *dname_above(const struct rrsets *s, const uint8_t *name, size_t len) {
  while (len > 1) {
    size_t skip = 1u + name[0];
    name += skip;
    len -= skip;
    const struct rrset *set = rrsets_find(s, SECTION_ANSWER, name, len, TYPE_DNAME);
    if (set) return set;
  }
  return NULL;
}

/* Where a set leads from the name, in lower case; 0: nowhere. */
static size_t target_of(const struct rrsets *s, const struct rrset *set, const uint8_t *name, size_t len,
                        uint8_t out[NAME_MAX_LEN]) {
  struct record r;
  record_of(s, set, &r);
  size_t target_len = set->type == TYPE_DNAME ? record_rename(&r, name, len, out) : record_target(&r, 0, out);
  name_lower(out, out, target_len);
  return target_len;
}

bool judge_chain_is_made(const struct rrsets *s, unsigned i, bool *follows) {
  const struct rrset *cname = &s->sets[i];
  if (cname->type != TYPE_CNAME || cname->section != SECTION_ANSWER || cname->signatures) return false;
  const struct rrset *dname = dname_above(s, cname->owner, cname->owner_len);
  if (!dname) return false;

  uint8_t made[NAME_MAX_LEN], target[NAME_MAX_LEN];
  size_t made_len = target_of(s, dname, cname->owner, cname->owner_len, made);
  size_t target_len = target_of(s, cname, NULL, 0, target);
  *follows = cname->count == 1 && dname->count == 1 && made_len &&
             name_equal(made, made_len, target, target_len);
  return true;
}

static bool has_any(const struct rrsets *s, const struct chain *c) {
  for (unsigned i = 0; i < s->count; i++) {
    const struct rrset *set = &s->sets[i];
    if (set->section == SECTION_ANSWER && set->klass == CLASS_IN &&
        name_equal(set->owner, set->owner_len, c->name, c->name_len))
      return true;
  }
  return false;
}

static bool is_answered(const struct rrsets *s, const struct chain *c, uint16_t type) {
  if (type == TYPE_ANY) return has_any(s, c);
  return rrsets_find(s, SECTION_ANSWER, c->name, c->name_len, type);
}

/* Is a CNAME at the name, beside a DNAME above it, the one that the DNAME makes? */
static bool agrees(const struct rrsets *s, const struct chain *c, const uint8_t *target, size_t len) {
  const struct rrset *cname = rrsets_find(s, SECTION_ANSWER, c->name, c->name_len, TYPE_CNAME);
  if (!cname) return true;
  uint8_t said[NAME_MAX_LEN];
  size_t said_len = target_of(s, cname, NULL, 0, said);
  return cname->count == 1 && name_equal(said, said_len, target, len);
}

/* Goes one link on. */
static enum chain_end follow(const struct rrsets *s, uint16_t type, struct chain *c) {
  const struct rrset *link = dname_above(s, c->name, c->name_len);
  bool is_dname = link;
  if (!is_dname && is_answered(s, c, type)) return CHAIN_ANSWER;
  if (!is_dname) link = rrsets_find(s, SECTION_ANSWER, c->name, c->name_len, TYPE_CNAME);
  if (!link) return CHAIN_NOTHING;
  if (c->first < 0) c->first = (int)(link - s->sets);
  if (link->count != 1) return CHAIN_BROKEN;

  uint8_t target[NAME_MAX_LEN];
  size_t len = target_of(s, link, c->name, c->name_len, target);
  if (!len) return is_dname ? CHAIN_TOO_LONG : CHAIN_BROKEN;
  if (is_dname && !agrees(s, c, target, len)) return CHAIN_BROKEN;
  if (is_dname && (type == TYPE_CNAME || type == TYPE_ANY)) return CHAIN_ANSWER; /* the CNAME that it makes */

  memcpy(c->name, target, len);
  c->name_len = (uint16_t)len;
  return CHAIN_GOES_ON;
}

void judge_chain(const struct rrsets *s, const struct question *q, struct chain *out) {
  out->first = -1;
  out->name_len = q->name_len;
  memcpy(out->name, q->key, q->name_len);

  for (unsigned links = 0; links <= s->count; links++) {
    out->end = follow(s, question_type(q), out);
    if (out->end != CHAIN_GOES_ON) return;
  }
  out->end = CHAIN_RING;
}
