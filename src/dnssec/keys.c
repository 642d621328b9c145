/* keys.c: keys of zones, DS records and signatures: zone_keys_clear, zone_ds_take, keys_*. */
#include "dnssec/keys.h"

enum { DS_HEAD = 4, DNSKEY_HEAD = 4, DNSKEY_MOST = 1024 /* octets; none that is known needs more */ };
enum { DIGEST_TYPE_SHA256 = 2, DIGEST_TYPE_SHA384 = 4 };

void zone_keys_clear(const struct verifier *v, struct zone_keys *k) {
  for (unsigned i = 0; i < k->count; i++) public_key_free(v, k->keys[i].key);
  memset(k, 0, sizeof *k);
}

static unsigned digest_octets(uint8_t type) {
  if (type == DIGEST_TYPE_SHA256) return 32;
  return type == DIGEST_TYPE_SHA384 ? 48 : 0;
}

void zone_ds_take(const struct verifier *v, struct zone_ds_set *out, const struct rrsets *s,
                  const struct rrset *ds) {
  memset(out, 0, sizeof *out);
  for (unsigned i = 0; i < ds->count && out->count < ZONE_DS_MAX; i++) {
    const uint8_t *r = rrset_rdata(s, ds, i);
    unsigned len = rrset_rdlen(s, ds, i);
    if (len < DS_HEAD || !verifier_knows(v, r[2])) continue;
    unsigned digest_len = digest_octets(r[3]);
    if (!digest_len || len - DS_HEAD != digest_len) continue;
    struct zone_ds *d = &out->ds[out->count++];
    *d = (struct zone_ds){load_u16(r), r[2], r[3], (uint8_t)digest_len, {0}};
    memcpy(d->digest, r + DS_HEAD, digest_len);
  }
}

uint16_t keys_tag(const uint8_t *rdata, size_t len) {
  uint32_t sum = 0;
  for (size_t i = 0; i < len; i++) sum += i & 1 ? rdata[i] : (uint32_t)rdata[i] << 8;
  sum += sum >> 16;
  return (uint16_t)sum;
}

/* ---- signatures ---- */

static bool is_before(uint32_t a, uint32_t b) { return (int32_t)(a - b) < 0; }

/* All that costs nothing. */
static enum err look_at(const struct rrset *set, const struct rrsig *sig, const struct zone_keys *keys,
                        uint32_t now_s) {
  unsigned labels = canon_labels(set->owner, set->owner_len);
  if (!name_equal(sig->signer, sig->signer_len, keys->name, keys->name_len)) return ERR_NO_RRSIG;
  if (sig->labels > labels || sig->labels < canon_labels(keys->name, keys->name_len)) return ERR_BOGUS;
  if (is_before(sig->expires, sig->begins)) return ERR_BOGUS;
  if (now_s && is_before(sig->expires, now_s)) return ERR_SIGNATURE_EXPIRED;
  if (now_s && is_before(now_s, sig->begins)) return ERR_SIGNATURE_EARLY;
  return ERR_NONE;
}

struct checking {
  const struct verifier *v;
  struct canon_room *room;
  const struct rrsets *s;
  const struct rrset *set;
  const struct zone_keys *keys;
  uint32_t now_s;
  struct dnssec_budget *budget;
  bool is_sorted;
};

static bool pay(struct dnssec_budget *budget, unsigned cost) {
  bool is_enough = budget->cost >= cost;
  budget->cost = is_enough ? budget->cost - cost : 0;
  return is_enough;
}

/* The keys that may have made the signature. */
static unsigned keys_of(const struct zone_keys *keys, const struct rrsig *sig,
                        const struct zone_key *out[DNSSEC_KEYS_OF_A_TAG]) {
  unsigned count = 0;
  for (unsigned i = 0; i < keys->count && count < DNSSEC_KEYS_OF_A_TAG; i++) {
    const struct zone_key *k = &keys->keys[i];
    if (k->tag == sig->tag && k->algorithm == sig->algorithm) out[count++] = k;
  }
  return count;
}

/* Puts the set in order, when that is first needed. */
static enum err sort(struct checking *c) {
  if (c->is_sorted) return ERR_NONE;
  if (!pay(c->budget, c->set->count / DNSSEC_RECORDS_OF_A_COST)) return ERR_TOO_COSTLY;
  c->is_sorted = canon_sort(c->room, c->s, c->set);
  return c->is_sorted ? ERR_NONE : ERR_BOGUS;
}

static enum err check_one(struct checking *c, const struct rrsig *sig) {
  enum err e = look_at(c->set, sig, c->keys, c->now_s);
  if (e != ERR_NONE) return e;
  const struct zone_key *keys[DNSSEC_KEYS_OF_A_TAG];
  unsigned count = keys_of(c->keys, sig, keys);
  if (!count) return ERR_NO_DNSKEY;
  if (!c->budget->cost) return ERR_TOO_COSTLY;
  if ((e = sort(c)) != ERR_NONE) return e;

  const uint8_t *octets = NULL;
  size_t len = canon_signed(c->room, c->set, sig, &octets);
  if (!len) return ERR_BOGUS;
  for (unsigned i = 0; i < count; i++) {
    const struct public_key *k = keys[i]->key;
    if (!pay(c->budget, public_key_cost(k) + (unsigned)(len / DNSSEC_OCTETS_OF_A_COST)))
      return ERR_TOO_COSTLY;
    if (public_key_verifies(c->v, k, octets, len, sig->signature, sig->signature_len)) return ERR_NONE;
  }
  if (!c->budget->failures) return ERR_TOO_COSTLY;
  c->budget->failures--;
  return ERR_BOGUS;
}

/* How far a signature came that was not found good. */
static unsigned how_far(enum err e) {
  switch (e) {
  case ERR_NO_DNSKEY: return 1;
  case ERR_SIGNATURE_EARLY: return 2;
  case ERR_SIGNATURE_EXPIRED: return 3;
  case ERR_BOGUS: return 4;
  case ERR_TOO_COSTLY: return 5;
  default: return 0; /* ERR_NO_RRSIG: none of these keys' */
  }
}

static uint32_t life(const struct rrsig *sig, uint32_t now_s) {
  uint32_t left = sig->expires - now_s;
  return now_s && left < sig->original_ttl ? left : sig->original_ttl;
}

enum err keys_check(const struct verifier *v, struct canon_room *room, const struct rrsets *s,
                    const struct rrset *set, const struct zone_keys *keys, uint32_t now_s,
                    struct dnssec_budget *budget, struct signed_by *by) {
  struct checking c = {v, room, s, set, keys, now_s, budget, false};
  enum err why = ERR_NO_RRSIG;
  *by = (struct signed_by){0};
  if (!name_is_within(set->owner, set->owner_len, keys->name, keys->name_len)) return ERR_BOGUS;
  for (unsigned i = 0; i < set->signatures && i < DNSSEC_SIGNATURES_OF_A_SET; i++) {
    struct rrsig sig;
    if (!rrset_signature(s, set, i, &sig)) continue;
    enum err e = check_one(&c, &sig);
    if (e == ERR_NONE) {
      *by = (struct signed_by){.labels = sig.labels, .ttl_s = life(&sig, now_s)};
      return ERR_NONE;
    }
    if (e == ERR_NO_DNSKEY) by->has_strange_tag = true;
    if (how_far(e) > how_far(why)) why = e;
    if (e == ERR_TOO_COSTLY) break;
  }
  return why;
}

/* ---- a zone's keys ---- */

/* DS records, and how many keys' digests were compared with each. */
struct vouching {
  const struct zone_ds_set *by;
  unsigned tried[ZONE_DS_MAX];
};

static bool ds_vouches(const struct verifier *v, const struct zone_ds *ds, const struct rrset *set,
                       const uint8_t *rdata, size_t len) {
  uint8_t digest[DIGEST_MOST];
  enum digest which = ds->digest_type == DIGEST_TYPE_SHA256 ? DIGEST_SHA256 : DIGEST_SHA384;
  return verifier_digest(v, which, set->owner, set->owner_len, rdata, len, digest) == ds->digest_len &&
         memcmp(digest, ds->digest, ds->digest_len) == 0;
}

static bool is_vouched_for(const struct verifier *v, struct vouching *vouching, const struct rrset *set,
                           const uint8_t *rdata, size_t len) {
  uint16_t tag = keys_tag(rdata, len);
  for (unsigned i = 0; i < vouching->by->count; i++) {
    const struct zone_ds *ds = &vouching->by->ds[i];
    if (ds->tag != tag || ds->algorithm != rdata[3]) continue;
    if (vouching->tried[i]++ >= DNSSEC_KEYS_OF_A_TAG) continue;
    if (ds_vouches(v, ds, set, rdata, len)) return true;
  }
  return false;
}

static bool is_usable(const struct verifier *v, const uint8_t *rdata, size_t len) {
  if (len <= DNSKEY_HEAD || len > DNSKEY_MOST) return false;
  uint16_t flags = load_u16(rdata);
  return (flags & DNSKEY_ZONE) && !(flags & DNSKEY_REVOKED) && rdata[2] == DNSKEY_PROTOCOL &&
         verifier_knows(v, rdata[3]);
}

/* Takes the usable keys; ds: only those that one of these vouches for. To make a key is dear, and it may be
 * none: so many are tried, however many there are. */
static void take_keys(const struct verifier *v, const struct rrsets *s, const struct rrset *set,
                      const struct zone_ds_set *ds, struct zone_keys *out) {
  struct vouching vouching = {.by = ds};
  unsigned tried = 0;
  *out = (struct zone_keys){.name_len = set->owner_len};
  memcpy(out->name, set->owner, set->owner_len);
  for (unsigned i = 0; i < set->count && tried < ZONE_KEYS_MAX; i++) {
    const uint8_t *r = rrset_rdata(s, set, i);
    unsigned len = rrset_rdlen(s, set, i);
    if (!is_usable(v, r, len) || (ds && !is_vouched_for(v, &vouching, set, r, len))) continue;
    tried++;
    struct public_key *k = public_key_new(v, r[3], r + DNSKEY_HEAD, len - DNSKEY_HEAD);
    if (k) out->keys[out->count++] = (struct zone_key){keys_tag(r, len), load_u16(r), r[3], k};
  }
}

enum err keys_prove(const struct verifier *v, struct canon_room *room, const struct rrsets *s,
                    const struct rrset *dnskey, const struct zone_ds_set *ds, uint32_t now_s,
                    struct dnssec_budget *budget, struct zone_keys *out, struct signed_by *by) {
  *by = (struct signed_by){.has_strange_tag = true};
  take_keys(v, s, dnskey, ds, out);
  enum err e = out->count ? keys_check(v, room, s, dnskey, out, now_s, budget, by) : ERR_NO_DNSKEY;
  zone_keys_clear(v, out);
  if (e == ERR_NONE) take_keys(v, s, dnskey, NULL, out);
  return e;
}
