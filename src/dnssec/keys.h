/* The keys of a zone, checked against who vouches for them, and signatures by them. */
#ifndef JIDNS_DNSSEC_KEYS_H
#define JIDNS_DNSSEC_KEYS_H
#include "dnssec/canon.h"

enum { ZONE_KEYS_MAX = 16, ZONE_DS_MAX = 16 };

struct zone_key {
  uint16_t tag, flags;
  uint8_t algorithm;
  struct public_key *key; /* owned */
};

/* Keys that may sign what the zone says. */
struct zone_keys {
  uint16_t name_len;
  uint8_t name[NAME_MAX_LEN]; /* in lower case */
  unsigned count;
  struct zone_key keys[ZONE_KEYS_MAX];
};
void zone_keys_clear(const struct verifier *v, struct zone_keys *k);

/* DS records of a zone, or trust anchors: which keys it may have. */
struct zone_ds {
  uint16_t tag;
  uint8_t algorithm, digest_type, digest_len;
  uint8_t digest[DIGEST_MOST];
};
struct zone_ds_set {
  unsigned count;
  struct zone_ds ds[ZONE_DS_MAX];
};

/* Takes from a DS RRset what can be used: known algorithms and digests (2 and 4; 1, SHA-1, never). Count 0:
 * the zone is signed in no way that is known here, and so insecure (RFC 4035 section 5.2). */
void zone_ds_take(const struct verifier *v, struct zone_ds_set *out, const struct rrsets *s,
                  const struct rrset *ds);

/* What checking took, and what it found. */
struct signed_by {
  unsigned labels; /* of the RRSIG: fewer than the owner's: expanded from a wildcard */
  uint32_t ttl_s;  /* the least of its original TTL and what is left of its life (RFC 4035 section 5.3.3) */
  bool has_strange_tag; /* nothing was found good, and one signature, good but for that, is by none of the
                           keys */
};

/* Is the set signed by one of the zone's keys, now? now_s in seconds since 1970, 0: times are not judged. All
 * that costs nothing is looked at first: signer, labels, algorithm, tag, times; the set's owner must be the
 * zone's name or below it. Each verification is paid from the budget. ERR_NONE, with *by; else why not, of
 * the signature that came furthest: ERR_NO_RRSIG, ERR_SIGNATURE_EXPIRED, ERR_SIGNATURE_EARLY, ERR_NO_DNSKEY
 * (no key of its tag and algorithm), ERR_BOGUS, ERR_TOO_COSTLY. */
enum err keys_check(const struct verifier *v, struct canon_room *room, const struct rrsets *s,
                    const struct rrset *set, const struct zone_keys *keys, uint32_t now_s,
                    struct dnssec_budget *budget, struct signed_by *by);

/* Makes the keys of a DNSKEY RRset out of s, if the set is signed by one of them that a DS of the set vouches
 * for (RFC 4035 section 5.2): a zone key, not revoked, protocol 3. Of the keys those that are known and not
 * revoked are kept, out of the first ZONE_KEYS_MAX. ERR_NONE, or why not, as above; then *out is empty. */
enum err keys_prove(const struct verifier *v, struct canon_room *room, const struct rrsets *s,
                    const struct rrset *dnskey, const struct zone_ds_set *ds, uint32_t now_s,
                    struct dnssec_budget *budget, struct zone_keys *out, struct signed_by *by);

uint16_t keys_tag(const uint8_t *rdata, size_t len); /* of a DNSKEY's RDATA (RFC 4034 appendix B) */
#endif
