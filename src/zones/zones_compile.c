/* zones_compile.c: makes the answers of the zones' names. Exports zones_compile to the module.
 *
 * An answer of a name is written as all answers are, its names compressed against the question. Those that
 * must hold for questions of any name (of "*", denials) have no pointer but that to the question's name
 * itself. */
#include <stdlib.h>

#include "dns/ttl.h"
#include "xmpp/family.h"
#include "zones/zones_priv.h"

enum {
  EXPAND_BODY_MAX = DNS_UDP_MAX - DNS_HEADER /* more can't be sent in a datagram */,
  QUESTION_POINTER = 0xc000 + DNS_HEADER
};

/* One name of a CNAME chain. */
struct link {
  uint32_t node;                          /* whose CNAME it is */
  uint8_t owner_len, owner[NAME_MAX_LEN]; /* another than the node's if that is a wildcard */
};

struct compiler {
  struct loader *ld;
  const struct zones_node *node; /* whose answers are made */
  bool loose;                    /* for questions of any name */
  bool secure, failed;           /* secure: with signatures; failed: something did not fit */
  const struct raw *raw;         /* a record of what is being made, for a complaint */
  struct question question;
  struct link links[ZONES_CHAIN];
  unsigned link_count;
  struct build build;
  struct answer answer;
  uint8_t message[DNS_MSG_MAX]; /* scratch */
};

/* ---- records into the answer ---- */

/* Appends without compression; the owner is a pointer if it is the question's name. */
static bool add_loose(struct compiler *c, enum section section, const struct record *r, uint32_t ttl) {
  struct answer *a = &c->answer;
  unsigned n = answer_records(&a->head);
  struct wire_out w = {
      .buf = a->body, .cap = DNS_MSG_MAX - DNS_HEADER - NAME_MAX_LEN - 4, .at = a->head.body_len};

  if (n == ANSWER_RECORDS_MAX || a->head.ns == UINT8_MAX || a->head.ar == UINT8_MAX) return false;
  if (name_equal(r->owner, r->owner_len, c->question.key, c->question.name_len))
    wire_put_u16(&w, QUESTION_POINTER);
  else wire_put(&w, r->owner, r->owner_len);
  wire_put_u16(&w, r->type);
  wire_put_u16(&w, r->klass);
  a->ttl_at[n] = (uint16_t)w.at;
  wire_put_u32(&w, ttl);
  wire_put_u16(&w, r->rdlen);
  wire_put(&w, record_rdata(r), r->rdlen);
  if (w.err) return false;
  a->head.body_len = (uint16_t)w.at;
  if (section == SECTION_ANSWER) a->head.an++;
  else if (section == SECTION_AUTHORITY) a->head.ns++;
  else a->head.ar++;
  return true;
}

static bool add_raw(struct compiler *c, enum section section, const struct raw *raw, const uint8_t *owner,
                    size_t owner_len, uint32_t ttl) {
  struct record r = raw_record(c->ld, raw, owner, owner_len);
  return c->loose ? add_loose(c, section, &r, ttl) : build_add(&c->build, section, &r, ttl);
}

/* All records of this type at a node, then their signatures if they are wanted. False when they don't fit. */
static bool add_set(struct compiler *c, enum section section, uint32_t node, uint16_t type,
                    const uint8_t *owner, size_t owner_len, uint32_t ttl_most) {
  const struct raw *first = node_raws(c->ld, node), *end = first + c->ld->extents[node].count;
  for (unsigned signatures = 0; signatures <= c->secure; signatures++) {
    for (const struct raw *r = first; r < end; r++) {
      bool signs = r->type == TYPE_RRSIG && type != TYPE_RRSIG && r->rdlen > 2 &&
                   load_u16(raw_rdata(c->ld, r)) == type;
      if (signatures ? !signs : r->type != type) continue;
      if (!add_raw(c, section, r, owner, owner_len, r->ttl_s < ttl_most ? r->ttl_s : ttl_most)) return false;
    }
  }
  return true;
}

/* ---- answers into memory ---- */

static void start(struct compiler *c, uint8_t rcode) {
  build_start(&c->build, &c->answer, &c->question, rcode);
  for (unsigned i = 0; i < c->link_count; i++) {
    const struct link *k = &c->links[i];
    c->failed |= !add_set(c, SECTION_ANSWER, k->node, TYPE_CNAME, k->owner, k->owner_len, UINT32_MAX);
  }
}

static uint32_t keep(struct compiler *c) {
  struct arena *a = &c->ld->zones->arena;
  answer_note_rotation(&c->answer);
  struct answer_head head = c->answer.head;
  head.stored_at = head.refresh_at = 0;
  uint32_t at = arena_put(a, &head, sizeof head, 4);
  arena_put(a, c->answer.ttl_at, 2 * answer_records(&head), 1);
  arena_put(a, c->answer.body, head.body_len, 1);
  return at;
}

/* Makes an answer twice, for clients with and without DO; once if the zones have no signatures for it. */
static struct zones_set make_both(struct compiler *c, uint16_t type,
                                  void (*make)(struct compiler *, const void *), const void *arg) {
  struct zones_set s = {.type = type};
  c->secure = false;
  make(c, arg);
  s.plain = s.secure = keep(c);
  if (!c->ld->has_signatures) return s;
  unsigned plain = answer_records(&c->answer.head);
  c->secure = true;
  make(c, arg);
  if (answer_records(&c->answer.head) != plain) s.secure = keep(c);
  return s;
}

/* ---- what answers are made of ---- */

/* The addresses of SRV targets, in the order in which programs try them; what has no room is left out. */
static void add_targets(struct compiler *c) {
  struct srv targets[FAMILY_TARGETS];
  unsigned n = family_targets(&c->question, &c->answer, c->message, targets, FAMILY_TARGETS);
  for (unsigned i = 0; i < n; i++) {
    uint8_t name[NAME_MAX_LEN];
    name_lower(name, targets[i].target, targets[i].target_len);
    struct match m = zones_match(c->ld->zones, name, targets[i].target_len);
    if ((m.kind != MATCH_NODE && m.kind != MATCH_WILD) || m.node->flags & NODE_CUT) continue;
    uint32_t at = (uint32_t)(m.node - c->ld->zones->nodes);
    for (unsigned k = 0; k < 2 && c->answer.head.body_len <= EXPAND_BODY_MAX; k++) {
      add_set(c, SECTION_ADDITIONAL, at, k ? TYPE_AAAA : TYPE_A, targets[i].target, targets[i].target_len,
              UINT32_MAX);
    }
  }
}

static bool is_expanded(const struct compiler *c, uint16_t type) {
  struct family f;
  if (type != TYPE_SRV || c->ld->expand == ZONES_EXPAND_OFF) return false;
  return c->ld->expand == ZONES_EXPAND_ALL || family_of(&c->question, &f);
}

/* An RRset at the end of the links. */
struct end {
  uint32_t node;
  uint16_t type;
  const uint8_t *owner;
  size_t owner_len;
};

/* Where a wildcard stands for one of the names on the way: that the name is not there itself. The first
 * name's proof comes when it is asked for. */
static void add_expanded(struct compiler *c, uint32_t node, const uint8_t *owner, size_t owner_len) {
  const struct zones *l = c->ld->zones;
  const struct zones_node *n = &l->nodes[node];
  if (c->secure && !name_equal(l->arena.octets + n->name, n->name_len, owner, owner_len))
    zones_proof_add(l, PROOF_EXPANDED, n, owner, &c->answer);
}

static void add_expanded_links(struct compiler *c) {
  for (unsigned i = 0; i < c->link_count; i++)
    add_expanded(c, c->links[i].node, c->links[i].owner, c->links[i].owner_len);
}

static void make_positive(struct compiler *c, const void *arg) {
  const struct end *end = arg;
  start(c, RCODE_NOERROR);
  c->failed |= !add_set(c, SECTION_ANSWER, end->node, end->type, end->owner, end->owner_len, UINT32_MAX);
  add_expanded_links(c);
  add_expanded(c, end->node, end->owner, end->owner_len);
  if (is_expanded(c, end->type)) add_targets(c);
}

struct denial {
  unsigned zone;
  uint8_t rcode;
  const uint8_t *name;           /* whose; NULL: that is seen when it is asked for */
  const struct zones_node *node; /* that there is: it, the wildcard for it, the nearest one above */
};

static void make_negative(struct compiler *c, const void *arg) {
  const struct denial *d = arg;
  const struct zones *l = c->ld->zones;
  const struct zones_apex *z = &l->zones[d->zone];
  uint32_t node = (uint32_t)(zones_find(l, z->name, z->name_len) - l->nodes);
  const struct raw *soa = zones_node_raw(c->ld, node, TYPE_SOA);
  start(c, d->rcode);
  if (!soa) return;
  c->raw = soa;
  uint32_t minimum = load_u32(raw_rdata(c->ld, soa) + soa->rdlen - 4); /* RFC 2308 section 3 */
  c->failed |= !add_set(c, SECTION_AUTHORITY, node, TYPE_SOA, z->name, z->name_len, minimum);
  add_expanded_links(c);
  if (c->secure && d->name)
    zones_proof_add(l, d->rcode == RCODE_NXDOMAIN ? PROOF_NO_NAME : PROOF_NO_TYPE, d->node, d->name,
                    &c->answer);
}

static void make_chain(struct compiler *c, const void *arg) {
  (void)arg;
  start(c, RCODE_NOERROR);
  add_expanded_links(c);
}

/* ---- a node ---- */

static void put_set(struct compiler *c, struct zones_node *n, uint16_t type, const struct end *end) {
  struct zones *l = c->ld->zones;
  store_u16(c->question.key + c->question.name_len, type);
  struct zones_set s = make_both(c, type, make_positive, end);
  if (l->set_count == l->set_room) {
    uint32_t room = l->set_room ? l->set_room * 2 : 64;
    struct zones_set *grown = realloc(l->sets, room * sizeof *grown);
    if (!grown) {
      l->arena.failed = true;
      return;
    }
    l->sets = grown;
    l->set_room = room;
  }

  l->sets[l->set_count++] = s;
  n->set_count++;
}

/* An answer for each type that `from` has, under the end of the links. */
static void put_sets(struct compiler *c, struct zones_node *n, uint32_t from, const uint8_t *owner,
                     size_t owner_len) {
  const struct extent *e = &c->ld->extents[from];
  const struct raw *first = node_raws(c->ld, from);
  for (uint32_t i = 0; i < e->count; i++) {
    struct end end = {.node = from, .type = first[i].type, .owner = owner, .owner_len = owner_len};
    if (i > 0 && first[i - 1].type == first[i].type) continue;
    if (c->link_count &&
        (end.type == TYPE_CNAME || zones_node_raw(c->ld, (uint32_t)(n - c->ld->zones->nodes), end.type)))
      continue;
    c->raw = &first[i];
    put_set(c, n, end.type, &end);
    if (c->failed) return;
  }
}

static bool is_link(const struct compiler *c, const uint8_t *name, size_t len) {
  for (unsigned i = 0; i < c->link_count; i++) {
    if (name_equal(c->links[i].owner, c->links[i].owner_len, name, len)) return true;
  }
  return false;
}

/* Follows CNAMEs from n as far as the zones know. Fills `name` with where the last one leads. */
static struct match follow(struct compiler *c, const struct zones_node *n, uint8_t name[NAME_MAX_LEN],
                           size_t *len) {
  struct zones *l = c->ld->zones;
  struct match m = {MATCH_NODE, n};

  memcpy(name, l->arena.octets + n->name, n->name_len);
  *len = n->name_len;
  while ((m.kind == MATCH_NODE || m.kind == MATCH_WILD) && m.node->flags & NODE_ALIAS) {
    const struct raw *cname = zones_node_raw(c->ld, (uint32_t)(m.node - l->nodes), TYPE_CNAME);
    if (c->link_count == ZONES_CHAIN || is_link(c, name, *len)) {
      zones_complain(c->ld, cname, true, "CNAME: leads back to itself, or through more than %d others",
                     ZONES_CHAIN);
      return (struct match){.kind = MATCH_NODE}; /* nowhere */
    }
    struct link *k = &c->links[c->link_count++];
    *k = (struct link){.node = (uint32_t)(m.node - l->nodes), .owner_len = (uint8_t)*len};
    memcpy(k->owner, name, *len);
    *len = cname->rdlen;
    name_lower(name, raw_rdata(c->ld, cname), *len);
    m = zones_match(l, name, *len);
  }

  return m;
}

/* What an alias is answered with besides its own records. */
static void put_alias(struct compiler *c, struct zones_node *n) {
  struct zones *l = c->ld->zones;
  uint8_t target[NAME_MAX_LEN], octets[NAME_MAX_LEN + 1];
  size_t len;
  struct match m = follow(c, n, target, &len);
  bool exists = m.kind == MATCH_NODE || m.kind == MATCH_WILD, known = m.node && !(m.node->flags & NODE_CUT);

  if (exists && known) put_sets(c, n, (uint32_t)(m.node - l->nodes), target, len);
  if (known && m.kind != MATCH_DNAME && !l->zones[m.node->zone].overlay) {
    struct denial d = {.zone = m.node->zone,
                       .rcode = exists ? RCODE_NOERROR : RCODE_NXDOMAIN,
                       .name = target,
                       .node = m.node};
    n->rest = make_both(c, 0, make_negative, &d);
    return;
  }

  n->rest = make_both(c, 0, make_chain, NULL);
  if (exists && !m.node) return; /* a loop */
  n->flags |= NODE_LEADS_OUT;
  octets[0] = (uint8_t)len;
  memcpy(octets + 1, target, len);
  n->target = arena_put(&l->arena, octets, len + 1, 1);
}

static void make_dname(struct compiler *c, const void *arg) {
  const struct zones_node *n = arg;
  build_start(&c->build, &c->answer, &c->question, RCODE_NOERROR);
  c->failed |= !add_set(c, SECTION_ANSWER, (uint32_t)(n - c->ld->zones->nodes), TYPE_DNAME,
                        c->ld->zones->arena.octets + n->name, n->name_len, UINT32_MAX);
}

static bool compile_node(struct compiler *c, uint32_t i) {
  struct zones *l = c->ld->zones;
  struct zones_node *n = &l->nodes[i];
  uint8_t name[NAME_MAX_LEN];

  memcpy(name, l->arena.octets + n->name, n->name_len);
  c->link_count = 0;
  c->loose = name[0] == 1 && name[1] == '*';
  question_make(&c->question, name, n->name_len, 0, CLASS_IN, 0, 0);
  n->sets = l->set_count;
  put_sets(c, n, i, name, n->name_len);
  if (n->flags & NODE_ALIAS) put_alias(c, n);
  if (!(n->flags & NODE_DNAME) || c->failed) return !c->failed;
  c->loose = true;
  c->question.name_len = 0;
  n->rest = make_both(c, TYPE_DNAME, make_dname, n);
  return !c->failed;
}

static bool compile_denials(struct compiler *c) {
  struct zones *l = c->ld->zones;
  c->loose = true;
  c->link_count = 0;
  c->question.name_len = 0;
  for (unsigned i = 0; i < l->zone_count; i++) {
    struct denial d = {.zone = i, .rcode = RCODE_NOERROR};
    l->zones[i].negative = make_both(c, 0, make_negative, &d);
  }
  return !c->failed;
}

/* The record at a node that proves denials; NULL: it has none, or one that nobody believes. */
static const struct raw *proof_of(const struct compiler *c, uint32_t node) {
  struct zones *l = c->ld->zones;
  struct zones_apex *zone = &l->zones[l->nodes[node].zone];
  if (l->nodes[node].flags & NODE_HIDDEN) return NULL;
  const struct raw *hashed = l->sha1 ? zones_node_raw(c->ld, node, TYPE_NSEC3) : NULL;
  if (!hashed) return zone->hashes ? NULL : zones_node_raw(c->ld, node, TYPE_NSEC);
  if (!zones_proof_take_hashing(zone, raw_rdata(c->ld, hashed), hashed->rdlen)) return NULL;
  zone->hashes = true;
  return hashed;
}

/* The NSEC record that proves what is at the zone's border to one below it, and its signatures. */
static bool add_cut(struct compiler *c, const struct raw *nsec, const uint8_t *name) {
  const struct raw *r = c->ld->cuts, *end = r + c->ld->cut_count;
  bool good = add_raw(c, SECTION_AUTHORITY, nsec, name, nsec->owner_len, nsec->ttl_s);
  for (; r < end && good; r++) {
    if (r->type == TYPE_RRSIG && r->zone == nsec->zone &&
        name_equal(raw_owner(c->ld, r), r->owner_len, name, nsec->owner_len))
      good = add_raw(c, SECTION_AUTHORITY, r, name, nsec->owner_len, r->ttl_s);
  }
  return good;
}

static void compile_cuts(struct compiler *c) {
  struct zones *l = c->ld->zones;
  for (uint32_t i = 0; i < c->ld->cut_count && !c->failed; i++) {
    const struct raw *nsec = &c->ld->cuts[i];
    const struct zones_node *n = zones_find(l, raw_owner(c->ld, nsec), nsec->owner_len);
    uint8_t name[NAME_MAX_LEN];
    if (nsec->type != TYPE_NSEC || !n || l->zones[nsec->zone].hashes) continue;
    c->raw = nsec;
    start(c, RCODE_NOERROR);
    memcpy(name, raw_owner(c->ld, nsec), nsec->owner_len);
    c->failed |= !add_cut(c, nsec, name);
    l->proofs[l->proof_count++] = (struct zones_proof){
        .node = (uint32_t)(n - l->nodes), .zone = nsec->zone, .records = keep(c)};
  }
}

/* The NSEC or NSEC3 record of each name, for any question. */
static bool compile_proofs(struct compiler *c) {
  struct zones *l = c->ld->zones;
  if (!c->ld->has_signatures) return true;
  l->proofs = malloc((l->node_count + c->ld->cut_count + 1) * sizeof *l->proofs);
  if (!l->proofs) {
    l->arena.failed = true;
    return true;
  }

  c->secure = true;
  for (uint32_t i = 0; i < l->node_count && !c->failed; i++) {
    const struct zones_node *n = &l->nodes[i];
    const struct raw *nsec = proof_of(c, i);
    uint8_t name[NAME_MAX_LEN];
    if (!nsec) continue;
    c->raw = nsec;
    start(c, RCODE_NOERROR);
    memcpy(name, l->arena.octets + n->name, n->name_len);
    c->failed |= !add_set(c, SECTION_AUTHORITY, i, nsec->type, name, n->name_len, UINT32_MAX);
    l->proofs[l->proof_count++] = (struct zones_proof){.node = i, .zone = n->zone, .records = keep(c)};
  }

  compile_cuts(c);

  if (!l->arena.failed) zones_proof_sort(l);
  return !c->failed;
}

bool zones_compile(struct loader *ld) {
  struct compiler *c = calloc(1, sizeof *c);
  if (!c) {
    ld->zones->arena.failed = true;
    return true; /* zones_load looks */
  }
  c->ld = ld;
  bool good = compile_denials(c) && compile_proofs(c);
  for (uint32_t i = 0; i < ld->zones->node_count && good; i++) {
    if (!(ld->zones->nodes[i].flags & NODE_HIDDEN)) good = compile_node(c, i);
  }
  if (!good) zones_complain(ld, c->raw, false, "has more records of one type than fit into a message");
  free(c);
  return good;
}
