/* zones_proof.c: NSEC records that prove denials of signed zones (RFC 4035 section 3.1.3). Exports
 * zones_proof_* to the module. */
#include <stdlib.h>

#include "zones/zones_priv.h"

enum {
  LABELS_MAX = 128,
  SHA1_LEN = 20,
  HASH_TEXT = 32,      /* letters of it, 5 bits each */
  ITERATIONS_MAX = 100 /* RFC 9276 section 3.2: validators may take more for insecure */
};

/* ---- canonical order, RFC 4034 section 6.1 ---- */

static unsigned split(const uint8_t *name, const uint8_t *labels[LABELS_MAX]) {
  unsigned n = 0;
  for (; *name && n < LABELS_MAX; name += 1u + *name) labels[n++] = name;
  return n;
}

/* From the last label to the first, each as octets. */
static int compare(const uint8_t *a, const uint8_t *b) {
  const uint8_t *a_labels[LABELS_MAX], *b_labels[LABELS_MAX];
  unsigned n = split(a, a_labels), m = split(b, b_labels);
  while (n > 0 && m > 0) {
    const uint8_t *x = a_labels[--n], *y = b_labels[--m];
    int order = memcmp(x + 1, y + 1, *x < *y ? *x : *y);
    if (order) return order;
    if (*x != *y) return *x < *y ? -1 : 1;
  }
  return (n > m) - (n < m);
}

static const uint8_t *owner_of(const struct zones *l, const struct zones_proof *p) {
  return l->arena.octets + l->nodes[p->node].name;
}

static int compare_proofs(const void *left, const void *right, void *zones) {
  const struct zones *l = zones;
  const struct zones_proof *a = left, *b = right;
  return a->zone != b->zone ? (a->zone < b->zone ? -1 : 1) : compare(owner_of(l, a), owner_of(l, b));
}

void zones_proof_sort(struct zones *l) {
  if (l->proof_count) qsort_r(l->proofs, l->proof_count, sizeof *l->proofs, compare_proofs, l);
  for (uint32_t i = l->proof_count; i-- > 0;) {
    struct zones_apex *zone = &l->zones[l->proofs[i].zone];
    zone->proofs = i;
    zone->proof_count++;
  }
}

/* The one whose owner is the name, or the last before it; before the first of hashes, which go round, the
 * last. NULL: the zone has none. */
static const struct zones_proof *find(const struct zones *l, const struct zones_apex *z,
                                      const uint8_t *name) {
  const struct zones_proof *first = l->proofs + z->proofs;
  uint32_t low = 0, high = z->proof_count;
  if (!high) return NULL;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (compare(owner_of(l, &first[middle]), name) <= 0) low = middle + 1;
    else high = middle;
  }
  if (!low && !z->hashes) return NULL;
  return &first[(low ? low : z->proof_count) - 1];
}

/* ---- hashed names, RFC 5155 section 5 ---- */

bool zones_proof_take_hashing(struct zones_apex *zone, const uint8_t *rdata, size_t len) {
  enum { SHA1 = 1, FIXED = 5 /* algorithm, flags, iterations, the salt's length */ };
  if (len < FIXED || rdata[0] != SHA1 || len < (size_t)FIXED + rdata[4]) return false;
  struct zones_hashing *h = &zone->hashing;
  h->iterations = load_u16(rdata + 2);
  h->salt_len = rdata[4];
  memcpy(h->salt, rdata + FIXED, h->salt_len);
  return h->iterations <= ITERATIONS_MAX;
}

/* The owner of the NSEC3 record that would be the name's: its hash in base32hex, below the zone. False: too
 * long. */
static bool hash_name(const struct zones *l, const struct zones_apex *z, const uint8_t *name,
                      uint8_t out[NAME_MAX_LEN]) {
  static const char letters[] = "0123456789abcdefghijklmnopqrstuv";
  uint8_t octets[NAME_MAX_LEN + UINT8_MAX], digest[SHA1_LEN];
  size_t len = 1;
  for (const uint8_t *p = name; *p; p += 1u + *p) len += 1u + *p;
  if (z->name_len + 1u + HASH_TEXT > NAME_MAX_LEN) return false;

  memcpy(octets, name, len);
  for (unsigned i = 0; i <= z->hashing.iterations; i++) {
    memcpy(octets + len, z->hashing.salt, z->hashing.salt_len);
    l->sha1(octets, (unsigned)(len + z->hashing.salt_len), digest);
    memcpy(octets, digest, len = SHA1_LEN);
  }

  out[0] = HASH_TEXT;
  for (unsigned i = 0; i < HASH_TEXT; i++) {
    unsigned bit = 5 * i, pair = digest[bit / 8] << 8 | (bit / 8 + 1 < SHA1_LEN ? digest[bit / 8 + 1] : 0);
    out[1 + i] = (uint8_t)letters[pair >> (11 - bit % 8) & 31];
  }
  memcpy(out + 1 + HASH_TEXT, z->name, z->name_len);
  return true;
}

/* ---- into an answer ---- */

/* Where the records of answer and authority end: behind the last one's TTL are its RDATA's length and that.
 */
static size_t end_of(const uint8_t *ttl_at, const uint8_t *body, unsigned records) {
  uint16_t at;
  if (!records) return 0;
  memcpy(&at, ttl_at + 2 * (size_t)(records - 1), sizeof at);
  return at + 6u + load_u16(body + at + 4);
}

static void append(struct answer *to, const struct answer_view *v) {
  unsigned n = (unsigned)to->head.an + to->head.ns, more = v->head.ns;
  size_t room = DNS_MSG_MAX - DNS_HEADER - NAME_MAX_LEN - 4;
  if (to->head.ns + more > UINT8_MAX || n + more > ANSWER_RECORDS_MAX ||
      to->head.body_len + v->head.body_len > (int)room ||
      memmem(to->body, to->head.body_len, v->body, v->head.body_len))
    return;

  for (unsigned i = 0; i < more; i++) {
    uint16_t at;
    memcpy(&at, v->ttl_at + 2 * (size_t)i, sizeof at);
    to->ttl_at[n + i] = (uint16_t)(to->head.body_len + at);
  }

  memcpy(to->body + to->head.body_len, v->body, v->head.body_len);
  to->head.body_len = (uint16_t)(to->head.body_len + v->head.body_len);
  to->head.ns = (uint8_t)(to->head.ns + more);
}

/* What was added to an answer, so that nothing is twice. */
struct proving {
  const struct zones *l;
  const struct zones_apex *zone;
  struct answer *to;
  const struct zones_proof *added[3];
  unsigned count;
};

/* The record that proves that the name is there or is not. */
static void prove(struct proving *p, const uint8_t *name) {
  uint8_t hashed[NAME_MAX_LEN];
  if (p->zone->hashes && !hash_name(p->l, p->zone, name, hashed)) return;
  const struct zones_proof *found = find(p->l, p->zone, p->zone->hashes ? hashed : name);
  for (unsigned i = 0; i < p->count; i++) {
    if (p->added[i] == found) return;
  }
  if (!found) return;
  struct answer_view v = zones_view(p->l, found->records);
  append(p->to, &v);
  p->added[p->count++] = found;
}

static bool is_wild(const uint8_t *name) { return name[0] == 1 && name[1] == '*'; }

/* The name one label below `above` that `name` is, or lies below. */
static const uint8_t *next_closer(const uint8_t *name, const uint8_t *above) {
  const uint8_t *labels[LABELS_MAX], *others[LABELS_MAX];
  unsigned n = split(name, labels), m = split(above, others);
  return n > m ? labels[n - m - 1] : name;
}

/* By hashes that a name is not there takes a proof of who is nearest above (RFC 5155 section 7.2.1). */
static void prove_hashed(struct proving *p, enum zones_proof_what what, const uint8_t *there,
                         const uint8_t *name) {
  bool wild = is_wild(there) && what != PROOF_NO_NAME && compare(there, name) != 0;
  const uint8_t *above = wild ? there + 2 : there;
  if (what == PROOF_NO_TYPE && !wild) {
    prove(p, name);
    return;
  }
  if (what != PROOF_EXPANDED) prove(p, above);
  prove(p, next_closer(name, above));
}

void zones_proof_add(const struct zones *l, enum zones_proof_what what, const struct zones_node *node,
                     const uint8_t *name, struct answer *to) {
  struct proving p = {.l = l, .zone = &l->zones[node->zone], .to = to};
  const uint8_t *there = l->arena.octets + node->name;
  uint8_t wildcard[NAME_MAX_LEN] = {1, '*'};

  if (p.zone->hashes) prove_hashed(&p, what, there, name);
  else prove(&p, name);

  /* nor does a wildcard stand for it, or only that one */
  if (what == PROOF_NO_TYPE && is_wild(there)) prove(&p, there);
  if (what != PROOF_NO_NAME || node->name_len > NAME_MAX_LEN - 2) return;
  memcpy(wildcard + 2, there, node->name_len);
  prove(&p, wildcard);
}

void zones_proof_beside(const struct zones *l, const struct answer_view *v, enum zones_proof_what what,
                        const struct zones_node *node, const uint8_t *name, struct answer *to) {
  unsigned records = (unsigned)v->head.an + v->head.ns;
  to->head = v->head;
  to->head.ar = 0;
  to->head.body_len = (uint16_t)end_of(v->ttl_at, v->body, records);
  memcpy(to->ttl_at, v->ttl_at, 2 * (size_t)records);
  memcpy(to->body, v->body, to->head.body_len);
  zones_proof_add(l, what, node, name, to);
}
