/* nsec3.c: what NSEC3 records prove (RFC 5155 section 8, RFC 6840 section 4, RFC 9276). Each says that
 * between its owner's hash and the next there is no hash of a name; but where it opts out, names of
 * delegations without DS may be. */
#include "dnssec/denial_proof_priv.h"

enum { HASH = 20, HASH_TEXT = 32 /* octets of it in base32hex */, HASH_SHA1 = 1, OPT_OUT = 1 };
enum { NAME_LABELS_MAX = 127 };

/* One that counts. */
struct nsec3 {
  uint8_t owner[HASH];
  const uint8_t *next; /* in the message, as are the types */
  bool opts_out;
  struct type_bitmap types;
};

/* The work of one proof: the records, which all have the same parameters, and each hash that was needed. */
struct nsec3_proof {
  const struct proof_of *of;
  struct proof_name name;
  unsigned iterations, salt_len;
  const uint8_t *salt;
  enum proof state; /* SECURE: the work may go on */

  unsigned count;
  struct nsec3 records[RRSETS_MAX];
  bool hashed[NAME_LABELS_MAX + 1]; /* of the name's part with so many labels: its hash is known */
  uint8_t hashes[NAME_LABELS_MAX + 1][HASH];
};

/* What they say of a name that has no record of its own. */
struct enclosed {
  const struct nsec3 *next_closer;  /* the closest encloser's child towards the name falls into its gap */
  const struct nsec3 *wildcard;     /* the wildcard's own below the closest encloser */
  const struct nsec3 *not_wildcard; /* ... or the one whose gap it falls into */
};

/* ---- the records ---- */

static int base32hex_value(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'v' ? c - 'a' + 10 : -1;
}

/* The hash that an owner name begins with, directly below the zone: a deeper one is none of this zone's. */
static bool read_owner(const struct proof_of *p, const struct rrset *set, uint8_t out[HASH]) {
  if (set->owner_len != 1 + HASH_TEXT + p->zone_len || set->owner[0] != HASH_TEXT) return false;
  if (!name_equal(set->owner + 1 + HASH_TEXT, p->zone_len, p->zone, p->zone_len)) return false;

  uint32_t bits = 0;
  unsigned held = 0, octets = 0;
  for (unsigned i = 1; i <= HASH_TEXT; i++) {
    int value = base32hex_value(set->owner[i]);
    if (value < 0) return false;
    bits = bits << 5 | (uint32_t)value;
    held += 5;
    if (held < 8) continue;
    held -= 8;
    out[octets++] = (uint8_t)(bits >> held);
  }
  return true;
}

/* The parameters, which a proof's records share. */
struct parameters {
  unsigned iterations, salt_len;
  const uint8_t *salt;
};

/* Takes the i-th set apart. Those of another hash, or with flags that are not known, are passed over (RFC
 * 5155 sections 8.1 and 8.2). */
static bool nsec3_read(const struct proof_of *p, unsigned i, struct nsec3 *out, struct parameters *with) {
  if (!proof_record_counts(p, i, TYPE_NSEC3)) return false;
  const struct rrset *set = &p->rrsets->sets[i];
  struct wire w = wire_read(rrset_rdata(p->rrsets, set, 0), rrset_rdlen(p->rrsets, set, 0));
  const uint8_t *head = wire_bytes(&w, 5);
  if (!head || head[0] != HASH_SHA1 || (head[1] & ~OPT_OUT)) return false;

  *with = (struct parameters){load_u16(head + 2), head[4], wire_bytes(&w, head[4])};
  const uint8_t *hash_len = wire_bytes(&w, 1);
  if (!hash_len || *hash_len != HASH) return false;
  out->next = wire_bytes(&w, HASH);
  if (!out->next) return false;

  out->opts_out = head[1] & OPT_OUT;
  out->types = (struct type_bitmap){w.msg + w.at, w.len - w.at};
  return type_bitmap_is_whole(out->types) && read_owner(p, set, out->owner);
}

/* Gathers the records, and looks at what they would cost before any name is hashed. */
static void gather(struct nsec3_proof *n, const struct proof_of *p, struct proof_name name) {
  n->of = p;
  n->name = name;
  n->count = 0;
  memset(n->hashed, 0, sizeof n->hashed);
  for (unsigned i = 0; i < p->rrsets->count; i++) {
    struct parameters with;
    if (!nsec3_read(p, i, &n->records[n->count], &with)) continue;

    if (!n->count++) {
      n->iterations = with.iterations;
      n->salt_len = with.salt_len;
      n->salt = with.salt;
    } else if (with.iterations != n->iterations || with.salt_len != n->salt_len ||
               memcmp(with.salt, n->salt, n->salt_len) != 0) {
      n->state = PROOF_NONE; /* of two chains: what one says is nothing to the other */
      return;
    }
  }

  bool is_costly = n->count && (!verifier_has_digest(p->verifier, DIGEST_SHA1) ||
                                n->iterations > DNSSEC_NSEC3_ITERATIONS || n->salt_len > DNSSEC_NSEC3_SALT);
  if (is_costly) n->state = PROOF_COSTLY;
  else n->state = n->count ? PROOF_SECURE : PROOF_NONE;
}

/* ---- hashes ---- */

/* Hashes a name (RFC 5155 section 5), if the budget has it. False ends the proof. */
static bool hash_name(struct nsec3_proof *n, struct proof_name name, uint8_t out[HASH]) {
  if (n->state != PROOF_SECURE) return false;
  unsigned digests = n->iterations + 1, *left = &n->of->budget->digests;
  if (*left < digests) {
    n->state = PROOF_EXHAUSTED;
    return false;
  }
  *left -= digests;

  uint8_t digest[DIGEST_MOST];
  const uint8_t *octets = name.name;
  size_t len = name.len;
  for (unsigned i = 0; i <= n->iterations; i++) {
    if (verifier_digest(n->of->verifier, DIGEST_SHA1, octets, len, n->salt, n->salt_len, digest) != HASH) {
      n->state = PROOF_NONE;
      return false;
    }
    memcpy(out, digest, HASH);
    octets = out;
    len = HASH;
  }
  return true;
}

/* The hash of the name's part with so many labels, made once. NULL ends the proof. */
static const uint8_t *hash_of(struct nsec3_proof *n, unsigned labels) {
  if (!n->hashed[labels] && !hash_name(n, proof_name_suffix(n->name, labels), n->hashes[labels])) return NULL;
  n->hashed[labels] = true;
  return n->hashes[labels];
}

static const struct nsec3 *at_hash(const struct nsec3_proof *n, const uint8_t *hash) {
  for (unsigned i = 0; hash && i < n->count; i++)
    if (memcmp(n->records[i].owner, hash, HASH) == 0) return &n->records[i];
  return NULL;
}

static bool is_in_gap(const struct nsec3 *r, const uint8_t *hash) {
  bool is_behind = memcmp(hash, r->owner, HASH) > 0, is_before_next = memcmp(hash, r->next, HASH) < 0;
  bool is_last = memcmp(r->owner, r->next, HASH) >= 0; /* its gap goes on from the lowest hash */
  if (!is_last) return is_behind && is_before_next;
  return is_behind || is_before_next;
}

/* The record whose gap the hash falls into. Those that opt out are looked at first: they prove less. */
static const struct nsec3 *around_hash(const struct nsec3_proof *n, const uint8_t *hash) {
  const struct nsec3 *found = NULL;
  for (unsigned i = 0; hash && i < n->count; i++)
    if (is_in_gap(&n->records[i], hash) && (!found || n->records[i].opts_out)) found = &n->records[i];
  return found;
}

/* ---- proofs ---- */

static const struct nsec3 *at_name(struct nsec3_proof *n) {
  return at_hash(n, hash_of(n, proof_name_labels(n->name)));
}

/* Finds the closest encloser (RFC 5155 section 8.3), from the zone's apex downwards: an answer to a long name
 * in an empty part of a zone then costs two hashes, however many labels it has. */
static bool find_encloser(struct nsec3_proof *n, unsigned *labels, struct enclosed *out) {
  unsigned all = proof_name_labels(n->name);
  *labels = proof_name_labels((struct proof_name){n->of->zone, n->of->zone_len});
  for (; *labels < all; ++*labels) {
    const struct nsec3 *encloser = at_hash(n, hash_of(n, *labels));
    if (n->state != PROOF_SECURE) return false;
    if (!encloser) continue;

    if (type_bitmap_ends_zone(encloser->types)) return false;
    out->next_closer = around_hash(n, hash_of(n, *labels + 1));
    if (out->next_closer) return true;
  }
  return false;
}

/* PROOF_SECURE: the name has no record of its own, nor exists, but for what opting out may hide. */
static enum proof look_around(struct nsec3_proof *n, struct enclosed *out) {
  unsigned labels;
  memset(out, 0, sizeof *out);
  bool is_found = find_encloser(n, &labels, out);
  if (!is_found) return n->state == PROOF_SECURE ? PROOF_NONE : n->state;

  uint8_t octets[NAME_MAX_LEN], hash[HASH];
  if (!hash_name(n, proof_name_wildcard(proof_name_suffix(n->name, labels), octets), hash)) return n->state;
  out->wildcard = at_hash(n, hash);
  out->not_wildcard = around_hash(n, hash);
  return PROOF_SECURE;
}

static enum proof proven_by(const struct nsec3 *next_closer) {
  return next_closer->opts_out ? PROOF_OPT_OUT : PROOF_SECURE;
}

enum proof nsec3_nxdomain(const struct proof_of *p, struct proof_name name) {
  struct nsec3_proof n;
  struct enclosed is;
  gather(&n, p, name);
  enum proof proof = look_around(&n, &is);
  if (proof != PROOF_SECURE) return proof;
  return is.not_wildcard && !is.wildcard ? proven_by(is.next_closer) : PROOF_NONE;
}

enum proof nsec3_nodata(const struct proof_of *p, struct proof_name name, uint16_t type) {
  struct nsec3_proof n;
  struct enclosed is;
  gather(&n, p, name);
  const struct nsec3 *own = at_name(&n);
  if (own) return type_bitmap_denies(own->types, name, type) ? PROOF_SECURE : PROOF_NONE;

  enum proof proof = look_around(&n, &is);
  if (proof != PROOF_SECURE) return proof;
  if (is.wildcard)
    return type_bitmap_denies(is.wildcard->types, name, type) ? proven_by(is.next_closer) : PROOF_NONE;

  /* A delegation without DS, or an empty non-terminal above none but such, may have no record. */
  return is.next_closer->opts_out ? PROOF_OPT_OUT : PROOF_NONE;
}

enum proof nsec3_wildcard(const struct proof_of *p, struct proof_name name, unsigned labels) {
  struct nsec3_proof n;
  gather(&n, p, name);
  const struct nsec3 *next_closer = around_hash(&n, hash_of(&n, labels + 1));
  if (n.state != PROOF_SECURE) return n.state;
  return next_closer ? proven_by(next_closer) : PROOF_NONE;
}

enum cut nsec3_cut(const struct proof_of *p, struct proof_name name) {
  struct nsec3_proof n;
  struct enclosed is;
  gather(&n, p, name);
  const struct nsec3 *own = at_name(&n);
  if (own) return type_bitmap_cut(own->types);

  switch (look_around(&n, &is)) {
  case PROOF_COSTLY: return CUT_COSTLY;
  case PROOF_EXHAUSTED: return CUT_EXHAUSTED;
  case PROOF_SECURE: break;
  case PROOF_OPT_OUT:
  case PROOF_NONE: return CUT_UNPROVEN;
  }
  if (is.next_closer->opts_out) return CUT_INSECURE;
  if (is.wildcard) return type_bitmap_denies(is.wildcard->types, name, TYPE_DS) ? CUT_NONE : CUT_UNPROVEN;
  return is.not_wildcard ? CUT_NO_NAME : CUT_UNPROVEN;
}
