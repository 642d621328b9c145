/* nsec.c: what NSEC records prove (RFC 4035 section 5.4, RFC 6840 section 4, RFC 9824). Each says that
 * between its owner and the next name, in canonical order, there is nothing. */
#include "dnssec/denial_proof_priv.h"

/* One that counts. What it points to lies in the message and in its RRset. */
struct nsec {
  struct proof_name owner, next;
  struct type_bitmap types;
};

/* What they say of a name. */
enum name_is {
  NAME_UNKNOWN, /* nothing */
  NAME_THERE,   /* it has a record of its own */
  NAME_EMPTY,   /* it has none, but names below it: an empty non-terminal */
  NAME_NOT      /* it does not exist */
};

static int order(struct proof_name a, struct proof_name b) {
  return canon_name_order(a.name, a.len, b.name, b.len);
}

static bool is_within(struct proof_name name, struct proof_name zone) {
  return name_is_within(name.name, name.len, zone.name, zone.len);
}

/* Takes the i-th set apart. Its next name may not be compressed, and must be one of the zone (a record of a
 * shared server's other zone would otherwise deny names in between). */
static bool nsec_read(const struct proof_of *p, unsigned i, struct nsec *out) {
  if (!proof_record_counts(p, i, TYPE_NSEC)) return false;
  const struct rrset *set = &p->rrsets->sets[i];
  const struct rrset_record *r = &p->rrsets->records[set->first];
  struct wire w = {.msg = p->rrsets->msg, .len = (size_t)r->rdata_at + r->rdlen, .at = r->rdata_at};
  uint8_t next[NAME_MAX_LEN];
  size_t len = name_read(&w, next);
  if (!len || w.at - r->rdata_at != len) return false;

  *out = (struct nsec){.owner = {set->owner, set->owner_len},
                       .next = {w.msg + r->rdata_at, len},
                       .types = {w.msg + w.at, w.len - w.at}};
  struct proof_name zone = {p->zone, p->zone_len};
  return type_bitmap_is_whole(out->types) && is_within(out->owner, zone) && is_within(out->next, zone);
}

static enum name_is nsec_says(const struct nsec *n, struct proof_name name, struct proof_name zone) {
  int to_owner = order(name, n->owner);
  if (to_owner == 0) return NAME_THERE;
  if (to_owner < 0) return NAME_UNKNOWN;
  if (is_within(name, n->owner) && type_bitmap_ends_zone(n->types)) return NAME_UNKNOWN;

  /* The zone's last record leads back to its apex. */
  bool is_last = order(n->next, n->owner) <= 0;
  if (is_last) return order(n->next, zone) == 0 ? NAME_NOT : NAME_UNKNOWN;
  if (order(name, n->next) >= 0) return NAME_UNKNOWN;
  return is_within(n->next, name) ? NAME_EMPTY : NAME_NOT;
}

/* What all records say of a name, and which one says it: one at the name counts before others. */
static enum name_is look_up(const struct proof_of *p, struct proof_name name, struct nsec *by) {
  enum name_is found = NAME_UNKNOWN;
  for (unsigned i = 0; i < p->rrsets->count && found != NAME_THERE; i++) {
    struct nsec nsec;
    if (!nsec_read(p, i, &nsec)) continue;

    enum name_is is = nsec_says(&nsec, name, (struct proof_name){p->zone, p->zone_len});
    if (is == NAME_THERE || (is != NAME_UNKNOWN && found == NAME_UNKNOWN)) {
      *by = nsec;
      found = is;
    }
  }
  return found;
}

static unsigned common_labels(struct proof_name a, struct proof_name b) {
  unsigned most = proof_name_labels(b), labels = proof_name_labels(a);
  if (labels > most) labels = most;
  while (!is_within(a, proof_name_suffix(b, labels))) labels--;
  return labels;
}

/* Labels of the closest encloser of a name that such a record denies: of its two neighbours, the nearer. */
static unsigned encloser_labels(const struct nsec *n, struct proof_name name) {
  unsigned by_owner = common_labels(name, n->owner), by_next = common_labels(name, n->next);
  return by_owner > by_next ? by_owner : by_next;
}

static enum proof proven(bool is) { return is ? PROOF_SECURE : PROOF_NONE; }

enum proof nsec_nxdomain(const struct proof_of *p, struct proof_name name) {
  struct nsec by, by_other;
  enum name_is is = look_up(p, name, &by);
  if (is == NAME_THERE) return proven(type_bitmap_is_no_name(by.types));
  if (is != NAME_NOT) return PROOF_NONE;

  uint8_t octets[NAME_MAX_LEN];
  struct proof_name wildcard = proof_name_wildcard(proof_name_suffix(name, encloser_labels(&by, name)),
                                                   octets);
  return proven(look_up(p, wildcard, &by_other) == NAME_NOT);
}

enum proof nsec_nodata(const struct proof_of *p, struct proof_name name, uint16_t type) {
  struct nsec by;
  uint8_t octets[NAME_MAX_LEN];
  enum name_is is = look_up(p, name, &by);
  if (is == NAME_NOT) {
    struct proof_name wildcard = proof_name_wildcard(proof_name_suffix(name, encloser_labels(&by, name)),
                                                     octets);
    is = look_up(p, wildcard, &by);
  }
  return proven(is == NAME_EMPTY || (is == NAME_THERE && type_bitmap_denies(by.types, name, type)));
}

enum proof nsec_wildcard(const struct proof_of *p, struct proof_name name, unsigned labels) {
  struct nsec by;
  return proven(look_up(p, name, &by) == NAME_NOT && encloser_labels(&by, name) == labels);
}

enum cut nsec_cut(const struct proof_of *p, struct proof_name name) {
  struct nsec by;
  switch (look_up(p, name, &by)) {
  case NAME_THERE: return type_bitmap_cut(by.types);
  case NAME_EMPTY: return CUT_NONE;
  case NAME_NOT:
    if (nsec_nxdomain(p, name) == PROOF_SECURE) return CUT_NO_NAME;
    return nsec_nodata(p, name, TYPE_DS) == PROOF_SECURE ? CUT_NONE : CUT_UNPROVEN;
  case NAME_UNKNOWN: break;
  }
  return CUT_UNPROVEN;
}
