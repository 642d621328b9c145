/* zones_proof.c: NSEC records that prove denials of signed zones (RFC 4035 section 3.1.3). Exports
 * zones_proof_* to the module. */
#include <stdlib.h>

#include "zones/zones_priv.h"

enum { LABELS_MAX = 128 };

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
  unsigned a_zone = l->nodes[a->node].zone, b_zone = l->nodes[b->node].zone;
  return a_zone != b_zone ? (a_zone < b_zone ? -1 : 1) : compare(owner_of(l, a), owner_of(l, b));
}

void zones_proof_sort(struct zones *l) {
  if (l->proof_count) qsort_r(l->proofs, l->proof_count, sizeof *l->proofs, compare_proofs, l);
  for (uint32_t i = l->proof_count; i-- > 0;) {
    struct zones_apex *zone = &l->zones[l->nodes[l->proofs[i].node].zone];
    zone->proofs = i;
    zone->proof_count++;
  }
}

/* The one whose owner is the name, or the last before it; NULL: the zone has none. */
static const struct zones_proof *find(const struct zones *l, unsigned zone, const uint8_t *name) {
  const struct zones_apex *z = &l->zones[zone];
  const struct zones_proof *first = l->proofs + z->proofs;
  uint32_t low = 0, high = z->proof_count;
  if (!high) return NULL;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (compare(owner_of(l, &first[middle]), name) <= 0) low = middle + 1;
    else high = middle;
  }
  return low ? &first[low - 1] : NULL;
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
      to->head.body_len + v->head.body_len > (int)room)
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

void zones_proof_add(const struct zones *l, unsigned zone, const uint8_t *name, const uint8_t *other,
                     struct answer *to) {
  const struct zones_proof *one = find(l, zone, name), *two = other ? find(l, zone, other) : NULL;
  if (one) {
    struct answer_view v = zones_view(l, one->records);
    append(to, &v);
  }
  if (two && two != one) {
    struct answer_view v = zones_view(l, two->records);
    append(to, &v);
  }
}

void zones_proof_beside(const struct zones *l, const struct answer_view *v, unsigned zone,
                        const uint8_t *name, const uint8_t *other, struct answer *to) {
  unsigned records = (unsigned)v->head.an + v->head.ns;
  to->head = v->head;
  to->head.ar = 0;
  to->head.body_len = (uint16_t)end_of(v->ttl_at, v->body, records);
  memcpy(to->ttl_at, v->ttl_at, 2 * (size_t)records);
  memcpy(to->body, v->body, to->head.body_len);
  zones_proof_add(l, zone, name, other, to);
}

const uint8_t *zones_proof_wildcard(const struct zones *l, const struct zones_node *n,
                                    uint8_t name[NAME_MAX_LEN]) {
  if (n->name_len > NAME_MAX_LEN - 2) return NULL;
  name[0] = 1;
  name[1] = '*';
  memcpy(name + 2, l->arena.octets + n->name, n->name_len);
  return name;
}
