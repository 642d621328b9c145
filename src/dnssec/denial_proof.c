/* denial_proof.c: which records may prove, what their types say, and whom to ask: NSEC first, then NSEC3. */
#include "dnssec/denial_proof_priv.h"

/* ---- bitmaps ---- */

/* The next window of a bitmap; false at its end, or where it has not the form. */
struct window {
  unsigned number, octets;
  const uint8_t *bits;
};
static bool next_window(struct wire *w, struct window *out) {
  const uint8_t *head = wire_bytes(w, 2);
  if (!head) return false;
  *out = (struct window){head[0], head[1], wire_bytes(w, head[1])};
  return out->bits && out->octets >= 1 && out->octets <= 32;
}

bool type_bitmap_is_whole(struct type_bitmap b) {
  struct wire w = wire_read(b.octets, b.len);
  struct window window;
  int last = -1;
  while (w.at < w.len) {
    if (!next_window(&w, &window) || (int)window.number <= last) return false;
    last = (int)window.number;
  }
  return true;
}

bool type_bitmap_has(struct type_bitmap b, uint16_t type) {
  struct wire w = wire_read(b.octets, b.len);
  struct window window;
  unsigned octet = (type & 0xff) / 8, bit = 0x80 >> (type & 7);
  while (w.at < w.len && next_window(&w, &window))
    if (window.number == type >> 8) return octet < window.octets && (window.bits[octet] & bit);
  return false;
}

/* Has it no type but these? All of them are below 256. */
static bool has_only(struct type_bitmap b, const uint16_t *types, unsigned count) {
  uint8_t allowed[32] = {0};
  for (unsigned i = 0; i < count; i++) allowed[types[i] / 8] |= (uint8_t)(0x80 >> (types[i] & 7));

  struct wire w = wire_read(b.octets, b.len);
  struct window window;
  while (w.at < w.len && next_window(&w, &window))
    for (unsigned i = 0; i < window.octets; i++)
      if (window.bits[i] & (window.number ? 0xff : ~allowed[i])) return false;
  return true;
}

bool type_bitmap_is_delegation(struct type_bitmap b) {
  return type_bitmap_has(b, TYPE_NS) && !type_bitmap_has(b, TYPE_SOA);
}

bool type_bitmap_ends_zone(struct type_bitmap b) {
  return type_bitmap_is_delegation(b) || type_bitmap_has(b, TYPE_DNAME);
}

bool type_bitmap_is_no_name(struct type_bitmap b) {
  static const uint16_t of_the_denial[] = {TYPE_RRSIG, TYPE_NSEC, TYPE_NXNAME};
  return type_bitmap_has(b, TYPE_NXNAME) && has_only(b, of_the_denial, 3);
}

bool type_bitmap_denies(struct type_bitmap b, struct proof_name name, uint16_t type) {
  static const uint16_t of_the_denial[] = {TYPE_RRSIG, TYPE_NSEC, TYPE_NXNAME};
  if (type_bitmap_has(b, TYPE_CNAME)) return false;

  /* A zone cut has two sides: the parent's knows of DS, and the child's of all else. The root has one. */
  if (type_bitmap_is_delegation(b) && type != TYPE_DS) return false;
  if (type == TYPE_DS && type_bitmap_has(b, TYPE_SOA) && name.len > 1) return false;

  /* Some ask for several types at once, which have no bit of their own. */
  if (type == TYPE_ANY || type == TYPE_MAILA || type == TYPE_MAILB) return has_only(b, of_the_denial, 3);
  return !type_bitmap_has(b, type);
}

enum cut type_bitmap_cut(struct type_bitmap b) {
  if (type_bitmap_is_no_name(b)) return CUT_NO_NAME;
  if (type_bitmap_has(b, TYPE_DS) || type_bitmap_has(b, TYPE_SOA)) return CUT_UNPROVEN;
  return type_bitmap_has(b, TYPE_NS) ? CUT_INSECURE : CUT_NONE;
}

/* ---- records and names ---- */

/* Has one of the set's signatures the zone as signer, and all labels of the owner? Then the set was not made
 * from a wildcard (RFC 4035 section 5.3.4). */
static bool is_signed_as_it_stands(const struct proof_of *p, const struct rrset *set) {
  unsigned labels = canon_labels(set->owner, set->owner_len);
  for (unsigned i = 0; i < set->signatures; i++) {
    struct rrsig sig;
    if (rrset_signature(p->rrsets, set, i, &sig) && sig.labels == labels &&
        name_equal(sig.signer, sig.signer_len, p->zone, p->zone_len))
      return true;
  }
  return false;
}

bool proof_record_counts(const struct proof_of *p, unsigned i, uint16_t type) {
  const struct rrset *set = &p->rrsets->sets[i];
  return p->good[i] && set->type == type && set->klass == CLASS_IN && set->section == SECTION_AUTHORITY &&
         set->count == 1 && is_signed_as_it_stands(p, set);
}

unsigned proof_name_labels(struct proof_name name) {
  unsigned labels = 0;
  for (size_t at = 0; name.name[at]; at += 1u + name.name[at]) labels++;
  return labels;
}

struct proof_name proof_name_suffix(struct proof_name name, unsigned labels) {
  size_t at = canon_suffix_at(name.name, name.len, labels);
  return (struct proof_name){name.name + at, name.len - at};
}

struct proof_name proof_name_wildcard(struct proof_name encloser, uint8_t out[NAME_MAX_LEN]) {
  out[0] = 1;
  out[1] = '*';
  memcpy(out + 2, encloser.name, encloser.len);
  return (struct proof_name){out, encloser.len + 2};
}

/* ---- proofs ---- */

static bool is_in_zone(const struct proof_of *p, struct proof_name name) {
  return name_is_within(name.name, name.len, p->zone, p->zone_len);
}

/* A zone's own DS records are its parent's, and so is their want. The root has no parent. */
static bool is_for_parent(const struct proof_of *p, struct proof_name name) {
  return name.len == p->zone_len && name.len > 1;
}

enum proof proof_of_nxdomain(const struct proof_of *p, struct proof_name name) {
  if (!is_in_zone(p, name)) return PROOF_NONE;
  enum proof by_nsec = nsec_nxdomain(p, name);
  return by_nsec != PROOF_NONE ? by_nsec : nsec3_nxdomain(p, name);
}

enum proof proof_of_nodata(const struct proof_of *p, struct proof_name name, uint16_t type) {
  if (!is_in_zone(p, name) || (type == TYPE_DS && is_for_parent(p, name))) return PROOF_NONE;
  enum proof by_nsec = nsec_nodata(p, name, type);
  return by_nsec != PROOF_NONE ? by_nsec : nsec3_nodata(p, name, type);
}

enum proof proof_of_wildcard(const struct proof_of *p, struct proof_name name, unsigned labels) {
  if (!is_in_zone(p, name)) return PROOF_NONE;
  if (labels < proof_name_labels((struct proof_name){p->zone, p->zone_len})) return PROOF_NONE;
  if (labels >= proof_name_labels(name)) return PROOF_NONE;
  enum proof by_nsec = nsec_wildcard(p, name, labels);
  return by_nsec != PROOF_NONE ? by_nsec : nsec3_wildcard(p, name, labels);
}

enum cut proof_of_no_ds(const struct proof_of *p, struct proof_name name) {
  if (!is_in_zone(p, name) || name.len == p->zone_len) return CUT_UNPROVEN;
  enum cut by_nsec = nsec_cut(p, name);
  return by_nsec != CUT_UNPROVEN ? by_nsec : nsec3_cut(p, name);
}
