/* zones.c: a question in the zones: found by its name's hash, answered by a copy. Exports zones_answer,
 * zones_hold, zones_for_client, zones_match, zones_find, zones_delegation, zones_free. */
#include "zones/zones.h"

#include <stdlib.h>

#include "base/hash.h"
#include "zones/zones_priv.h"

static inline const struct zones_node *find(const struct zones *l, const uint8_t *name, size_t len) {
  uint64_t hash = hash_bytes(name, len, l->seed);
  for (uint32_t i = (uint32_t)hash & l->slot_mask;; i = (i + 1) & l->slot_mask) {
    const struct zones_slot *s = &l->slots[i];
    if (!s->node) return NULL;
    if (s->tag != (uint32_t)(hash >> 32)) continue;
    const struct zones_node *n = &l->nodes[s->node - 1];
    if (n->name_len == len && memcmp(l->arena.octets + n->name, name, len) == 0) return n;
  }
}

const struct zones_node *zones_find(const struct zones *l, const uint8_t *name, size_t len) {
  return find(l, name, len);
}

static const struct zones_node *find_wild(const struct zones *l, const struct zones_node *above) {
  uint8_t name[NAME_MAX_LEN] = {1, '*'};
  if (above->name_len > NAME_MAX_LEN - 2) return NULL;
  memcpy(name + 2, l->arena.octets + above->name, above->name_len);
  return zones_find(l, name, above->name_len + 2u);
}

/* ---- who gets which ---- */

/* How many octets the nearest zone's name has that the name lies in; 0: there is none. */
static size_t nearest_zone(const struct zones *l, const struct question *q) {
  size_t nearest = 0;
  for (unsigned i = 0; i < l->zone_count; i++) {
    const struct zones_apex *z = &l->zones[i];
    if (z->name_len > nearest && name_is_within(q->key, q->name_len, z->name, z->name_len))
      nearest = z->name_len;
  }
  return nearest;
}

static bool is_for(const struct zones *l, const union addr *peer) {
  bool found = false;
  for (unsigned i = 0; i < l->clients.count && !found; i++) found = prefix_has(&l->clients.list[i], peer);
  return found;
}

const struct zones *zones_for_client(const struct zones *l, const struct question *q,
                                     const union addr *peer) {
  if (addr_port(peer) == 0) return l;
  const struct zones *best = l;
  size_t nearest = 0;

  for (const struct zones *set = l->next; set; set = set->next) {
    size_t near = is_for(set, peer) ? nearest_zone(set, q) : 0;
    if (near <= nearest) continue;
    nearest = near;
    best = set;
  }

  return nearest_zone(l, q) > nearest ? l : best;
}

/* ---- matching ---- */

static struct match match_above(const struct zones *l, const struct zones_node *above) {
  if (above->flags & NODE_CUT) return (struct match){.kind = MATCH_ELSEWHERE};
  if (above->flags & NODE_DNAME) return (struct match){MATCH_DNAME, above};
  const struct zones_node *wild = above->flags & NODE_WILD ? find_wild(l, above) : NULL;
  return wild ? (struct match){MATCH_WILD, wild} : (struct match){MATCH_NONE, above};
}

/* A name that is not there: what stands for it. */
static struct match match_missing(const struct zones *l, const uint8_t *name, size_t len) {
  for (;;) {
    len -= 1u + name[0];
    name += 1u + name[0];
    if (len < l->least_len) return (struct match){.kind = MATCH_ELSEWHERE};
    const struct zones_node *n = find(l, name, len);
    if (n) return match_above(l, n);
  }
}

struct match zones_match(const struct zones *l, const uint8_t *name, size_t len) {
  const struct zones_node *n = find(l, name, len);
  if (n) return (struct match){MATCH_NODE, n};
  return len > 1 ? match_missing(l, name, len) : (struct match){.kind = MATCH_ELSEWHERE};
}

/* ---- answers ---- */

static uint32_t for_client(const struct zones_set *s, const struct query_opts *m) {
  return m->dnssec_ok ? s->secure : s->plain;
}

static inline __attribute__((always_inline)) int give(const struct answer_view *v, const struct query *q,
                                                      size_t limit, uint8_t *out) {
  size_t len = answer_write(v, &q->query_opts, ANSWER_FRESH, 0, limit, out);
  out[2] |= DNS_AA;
  return (int)len;
}

/* Does this client want proofs, and has the zone any? */
static inline bool is_proven(const struct zones *l, unsigned zone, const struct query *q) {
  return __builtin_expect(q->query_opts.dnssec_ok, false) && l->zones[zone].proof_count;
}

/* Beside the hot path: who asks for proofs pays for them. */
static __attribute__((noinline)) int give_proven(const struct zones *l, const struct answer_view *v,
                                                 enum zones_proof_what what, const struct zones_node *n,
                                                 const struct query *q, size_t limit, uint8_t *out,
                                                 struct zones_alias *alias) {
  zones_proof_beside(l, v, what, n, q->question.key, &alias->made);
  struct answer_view proven = answer_view(&alias->made);
  return give(&proven, q, limit, out);
}

/* n: the name itself; the wildcard that stands for it; or, for NXDOMAIN, the nearest one above. */
static int deny(const struct zones *l, const struct zones_node *n, uint8_t rcode, const struct query *q,
                size_t limit, uint8_t *out, struct zones_alias *alias) {
  const struct zones_apex *zone = &l->zones[n->zone];
  if (zone->overlay) return ZONES_ELSEWHERE;
  struct answer_view v = zones_view(l, for_client(&zone->negative, &q->query_opts));
  v.head.rcode = rcode;
  if (!is_proven(l, n->zone, q)) return give(&v, q, limit, out);
  return give_proven(l, &v, rcode == RCODE_NXDOMAIN ? PROOF_NO_NAME : PROOF_NO_TYPE, n, q, limit, out, alias);
}

/* One of a name's sets, and none of signatures or proofs while there are others. */
static __attribute__((noinline)) const struct zones_set *any_set(const struct zones_set *first,
                                                                 const struct zones_set *end) {
  const struct zones_set *s = first;
  while (s < end && (s->type == TYPE_RRSIG || s->type == TYPE_NSEC || s->type == TYPE_NSEC3)) s++;
  return s < end ? s : first;
}

/* The answer for this type; for ANY one of those that there are (RFC 8482 section 4.1). */
static inline const struct zones_set *find_set(const struct zones *l, const struct zones_node *n,
                                               uint16_t type) {
  if (!n->set_count) return NULL; /* l->sets may be NULL */
  const struct zones_set *s = l->sets + n->sets, *end = s + n->set_count;
  if (type == TYPE_ANY) return any_set(s, end);
  while (s < end && s->type != type) s++;
  return s < end ? s : NULL;
}

static int lead_out(const struct zones *l, const struct zones_node *n, const struct query *q,
                    struct zones_alias *alias, bool wild) {
  const uint8_t *target = l->arena.octets + n->target;
  alias->chain = zones_view(l, for_client(&n->rest, &q->query_opts));
  if (wild && is_proven(l, n->zone, q)) {
    zones_proof_beside(l, &alias->chain, PROOF_EXPANDED, n, q->question.key, &alias->made);
    alias->chain = answer_view(&alias->made);
  }
  alias->target_len = target[0];
  memcpy(alias->target, target + 1, target[0]);
  return ZONES_ALIAS;
}

/* DS belongs to the zone above (RFC 4035 section 3.1.4.1): it is to say that there is none. Returns that
 * zone's own name; NULL: it is not here. */
static const struct zones_node *node_denying_ds(const struct zones *l, const struct zones_node *apex) {
  const uint8_t *name = l->arena.octets + apex->name;
  if (apex->name_len == 1) return apex;
  struct match above = zones_match(l, name + 1 + name[0], apex->name_len - 1u - name[0]);
  if (!above.node) return NULL;
  const struct zones_apex *zone = &l->zones[above.node->zone];
  return find(l, zone->name, zone->name_len);
}

static bool is_apex_ds(const struct zones_node *n, uint16_t type) {
  return type == TYPE_DS && n->flags & NODE_APEX;
}

/* A name that has no records of this type; wild: n stands for it. */
static __attribute__((noinline)) int answer_rest(const struct zones *l, const struct zones_node *n,
                                                 const struct query *q, size_t limit, uint8_t *out,
                                                 struct zones_alias *alias, bool wild) {
  if (n->flags & NODE_LEADS_OUT) return lead_out(l, n, q, alias, wild);
  if (n->flags & NODE_ALIAS) {
    struct answer_view v = zones_view(l, for_client(&n->rest, &q->query_opts));
    if (wild && is_proven(l, n->zone, q)) return give_proven(l, &v, PROOF_EXPANDED, n, q, limit, out, alias);
    return give(&v, q, limit, out);
  }
  if (is_apex_ds(n, question_type(&q->question)) && !(n = node_denying_ds(l, n))) return ZONES_ELSEWHERE;
  return deny(l, n, RCODE_NOERROR, q, limit, out, alias);
}

static inline __attribute__((always_inline)) int answer_node(const struct zones *l,
                                                             const struct zones_node *n,
                                                             const struct query *q, size_t limit,
                                                             uint8_t *out, struct zones_alias *alias,
                                                             bool wild) {
  uint16_t type = question_type(&q->question);
  if (n->flags & NODE_CUT && type != TYPE_DS) return ZONES_ELSEWHERE;
  const struct zones_set *s = find_set(l, n, type);
  if (!s) return answer_rest(l, n, q, limit, out, alias, wild);
  struct answer_view v = zones_view(l, for_client(s, &q->query_opts));
  if (wild && is_proven(l, n->zone, q)) return give_proven(l, &v, PROOF_EXPANDED, n, q, limit, out, alias);
  return give(&v, q, limit, out);
}

/* ---- DNAME ---- */

/* RFC 6672 section 3.2: the DNAME and a CNAME made from it, in the DNAME's TTL. */
static int follow_dname(const struct zones *l, const struct zones_node *n, const struct query *q,
                        size_t limit, uint8_t *out, struct zones_alias *alias) {
  struct answer_view v = zones_view(l, for_client(&n->rest, &q->query_opts));
  struct build b;
  struct record r, dname;

  build_start(&b, &alias->made, &q->question, RCODE_NOERROR);
  struct wire w = wire_read(v.body, v.head.body_len);
  for (unsigned i = 0; i < v.head.an; i++) {
    record_read(&w, &r); /* made for any question: no pointers */
    if (i == 0) dname = r;
    build_add(&b, SECTION_ANSWER, &r, r.ttl);
  }

  alias->target_len = (uint8_t)record_rename(&dname, q->question.key, q->question.name_len, alias->target);
  name_lower(alias->target, alias->target, alias->target_len);
  if (alias->target_len) {
    r = (struct record){.msg = alias->target,
                        .msg_len = alias->target_len,
                        .rdlen = alias->target_len,
                        .ttl = dname.ttl,
                        .type = TYPE_CNAME,
                        .klass = CLASS_IN,
                        .owner_len = q->question.name_len};
    memcpy(r.owner, q->question.key, q->question.name_len);
    build_add(&b, SECTION_ANSWER, &r, r.ttl);
  }

  uint16_t type = question_type(&q->question);
  alias->chain = answer_view(&alias->made);
  if (!alias->target_len) alias->chain.head.rcode = RCODE_YXDOMAIN;
  else if (type != TYPE_CNAME && type != TYPE_ANY) return ZONES_ALIAS;
  return give(&alias->chain, q, limit, out);
}

/* ---- the door ---- */

static int answer_missing(const struct zones *l, const struct query *q, size_t limit, uint8_t *out,
                          struct zones_alias *alias) {
  if (q->question.name_len == 1) return ZONES_ELSEWHERE;
  struct match m = match_missing(l, q->question.key, q->question.name_len);
  if (m.kind == MATCH_WILD) return answer_node(l, m.node, q, limit, out, alias, true);
  if (m.kind == MATCH_DNAME) return follow_dname(l, m.node, q, limit, out, alias);
  return m.kind == MATCH_NONE ? deny(l, m.node, RCODE_NXDOMAIN, q, limit, out, alias) : ZONES_ELSEWHERE;
}

int zones_answer(const struct zones *l, const struct query *q, size_t limit, uint8_t *out,
                 struct zones_alias *alias) {
  if (question_class(&q->question) != CLASS_IN) return ZONES_ELSEWHERE;
  const struct zones_node *n = find(l, q->question.key, q->question.name_len);
  return n ? answer_node(l, n, q, limit, out, alias, false) : answer_missing(l, q, limit, out, alias);
}

static bool holds(const struct zones *l, const struct question *q) {
  if (!zones_may_hold(l, q) || question_class(q) != CLASS_IN) return false;
  struct match m = zones_match(l, q->key, q->name_len);
  if (m.kind == MATCH_ELSEWHERE || m.kind == MATCH_DNAME) return m.kind == MATCH_DNAME;
  if (m.kind == MATCH_NONE) return !l->zones[m.node->zone].overlay;
  if (m.node->flags & NODE_CUT && question_type(q) != TYPE_DS) return false;
  if (is_apex_ds(m.node, question_type(q)) && !find_set(l, m.node, TYPE_DS)) {
    const struct zones_node *above = node_denying_ds(l, m.node);
    return above && !l->zones[above->zone].overlay;
  }
  return m.node->flags & NODE_ALIAS || !l->zones[m.node->zone].overlay ||
         find_set(l, m.node, question_type(q));
}

bool zones_hold(const struct zones *l, const struct question *q) {
  while (l && !holds(l, q)) l = l->next;
  return l != NULL;
}

const struct zones_delegation *zones_delegation(const struct zones *l, unsigned i) {
  return i < l->delegation_count ? &l->delegations[i] : NULL;
}

void zones_free(struct zones *l) {
  for (struct zones *next; l; l = next) {
    next = l->next;
    free(l->arena.octets);
    free(l->slots);
    free(l->nodes);
    free(l->sets);
    free(l->delegations);
    free(l->proofs);
    free(l);
  }
}
