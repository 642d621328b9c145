/* canon.c: canonical form and order: canon_name_order, canon_labels, canon_suffix_at, canon_room_*,
 * canon_sort, canon_signed. */
#include "dnssec/canon.h"

#include <stdlib.h>

#include "dns/form.h"

enum { LABELS_MAX = 128, ROOM = 4 * DNS_MSG_MAX, TYPE_A6 = 38 };

static unsigned label_offsets(const uint8_t *name, size_t len, uint8_t at[LABELS_MAX]) {
  unsigned count = 0;
  for (size_t i = 0; i < len && name[i] && count < LABELS_MAX; i += 1u + name[i]) at[count++] = (uint8_t)i;
  return count;
}

static int label_order(const uint8_t *a, const uint8_t *b) {
  uint8_t x[64], y[64];
  unsigned least = a[0] < b[0] ? a[0] : b[0];
  name_lower(x, a + 1, a[0]);
  name_lower(y, b + 1, b[0]);
  int order = memcmp(x, y, least);
  return order ? order : (int)a[0] - (int)b[0];
}

int canon_name_order(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len) {
  uint8_t a_at[LABELS_MAX], b_at[LABELS_MAX];
  unsigned i = label_offsets(a, a_len, a_at), k = label_offsets(b, b_len, b_at);
  while (i && k) {
    int order = label_order(a + a_at[--i], b + b_at[--k]);
    if (order) return order;
  }
  return (int)i - (int)k;
}

unsigned canon_labels(const uint8_t *name, size_t len) {
  uint8_t at[LABELS_MAX];
  bool is_wildcard = len > 1 && name[0] == 1 && name[1] == '*';
  return label_offsets(name, len, at) - is_wildcard;
}

size_t canon_suffix_at(const uint8_t *name, size_t len, unsigned labels) {
  uint8_t at[LABELS_MAX];
  unsigned count = label_offsets(name, len, at);
  return labels ? at[count - labels] : len - 1;
}

/* ---- what is signed ---- */

struct canon_room {
  size_t used; /* of rdata */
  struct canon_rdata {
    const uint8_t *octets;
    size_t len;
  } sorted[RRSETS_RECORDS];
  uint8_t rdata[ROOM], signed_octets[2 * ROOM];
};

struct canon_room *canon_room_new(void) {
  return calloc(1, sizeof(struct canon_room));
}
void canon_room_free(struct canon_room *room) { free(room); }

/* Names in RDATA are put into lower case in the types that RFC 6840 section 5.1 leaves: those whose names may
 * come compressed, and A6. */
static bool has_lower_names(uint16_t type) { return !strpbrk(form_of(type, CLASS_IN), "ugh"); }

/* Where an A6's name begins, behind as much of an address as the prefix leaves (RFC 2874 section 3.1). No
 * other part of dns/ knows the type: for all others it is octets. */
static size_t a6_name_at(const uint8_t *rdata, size_t len) {
  unsigned prefix = len ? rdata[0] : 0;
  size_t at = 1 + (128 - prefix + 7) / 8;
  return prefix && prefix <= 128 && at < len ? at : len;
}

static bool put_rdata(struct canon_room *room, const struct rrsets *s, const struct rrset *set, unsigned i) {
  const struct rrset_record *in = &s->records[set->first + i];
  struct record r = {.msg = s->msg,
                     .msg_len = s->len,
                     .rdata_at = in->rdata_at,
                     .type = set->type,
                     .klass = set->klass,
                     .rdlen = in->rdlen,
                     .owner_len = 1};
  struct rdata_parts parts = record_parts(&r);
  struct rdata_part part;
  struct canon_rdata *out = &room->sorted[i];
  bool is_lower = has_lower_names(set->type);
  *out = (struct canon_rdata){room->rdata + room->used, 0};
  for (;;) {
    enum rdata_part_kind kind = record_next_part(&parts, &part);
    if (kind == PART_END) break;
    if (kind == PART_BAD || part.len > ROOM - room->used) return false;
    bool is_name = kind == PART_NAME || kind == PART_NAME_PLAIN;
    if (is_name && is_lower) name_lower(room->rdata + room->used, part.bytes, part.len);
    else memcpy(room->rdata + room->used, part.bytes, part.len);
    room->used += part.len;
    out->len += part.len;
  }
  if (set->type != TYPE_A6) return true;
  uint8_t *rdata = room->rdata + room->used - out->len;
  size_t at = a6_name_at(rdata, out->len);
  name_lower(rdata + at, rdata + at, out->len - at);
  return true;
}

static int rdata_order(const void *a, const void *b) {
  const struct canon_rdata *x = a, *y = b;
  int order = memcmp(x->octets, y->octets, x->len < y->len ? x->len : y->len);
  return order ? order : (x->len > y->len) - (x->len < y->len);
}

/* The owner as it is signed: a wildcard where the RRSIG has fewer labels. */
static size_t signed_owner(const struct rrset *set, const struct rrsig *sig, uint8_t out[NAME_MAX_LEN]) {
  unsigned labels = canon_labels(set->owner, set->owner_len);
  if (sig->labels > labels) return 0;
  if (sig->labels == labels) {
    memcpy(out, set->owner, set->owner_len);
    return set->owner_len;
  }
  size_t at = canon_suffix_at(set->owner, set->owner_len, sig->labels), len = set->owner_len - at;
  if (len + 2 > NAME_MAX_LEN) return 0;
  out[0] = 1;
  out[1] = '*';
  memcpy(out + 2, set->owner + at, len);
  return len + 2;
}

static void put_head(struct wire_out *w, const struct rrsig *sig) {
  wire_put_u16(w, sig->covered);
  wire_put(w, &sig->algorithm, 1);
  wire_put(w, &sig->labels, 1);
  wire_put_u32(w, sig->original_ttl);
  wire_put_u32(w, sig->expires);
  wire_put_u32(w, sig->begins);
  wire_put_u16(w, sig->tag);
  wire_put(w, sig->signer, sig->signer_len);
}

bool canon_sort(struct canon_room *room, const struct rrsets *s, const struct rrset *set) {
  room->used = 0;
  for (unsigned i = 0; i < set->count; i++)
    if (!put_rdata(room, s, set, i)) return false;
  qsort(room->sorted, set->count, sizeof *room->sorted, rdata_order);
  return true;
}

size_t canon_signed(struct canon_room *room, const struct rrset *set, const struct rrsig *sig,
                    const uint8_t **out) {
  uint8_t owner[NAME_MAX_LEN];
  size_t owner_len = signed_owner(set, sig, owner);
  if (!owner_len) return 0;

  struct wire_out w = {.buf = room->signed_octets, .cap = sizeof room->signed_octets};
  put_head(&w, sig);
  for (unsigned i = 0; i < set->count; i++) {
    const struct canon_rdata *r = &room->sorted[i];
    if (i && rdata_order(r - 1, r) == 0) continue;
    wire_put(&w, owner, owner_len);
    wire_put_u16(&w, set->type);
    wire_put_u16(&w, set->klass);
    wire_put_u32(&w, sig->original_ttl);
    wire_put_u16(&w, (uint16_t)r->len);
    wire_put(&w, r->octets, r->len);
  }
  *out = room->signed_octets;
  return w.err ? 0 : w.at;
}
