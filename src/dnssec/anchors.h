/* Trust anchors: DS records of zones that are believed (the root's are built in), and names below which
 * nothing is to be proven (negative trust anchors, RFC 7646). Read-only once made; threads share them. */
#ifndef JIDNS_DNSSEC_ANCHORS_H
#define JIDNS_DNSSEC_ANCHORS_H
#include "dnssec/keys.h"

enum { ANCHORS_MAX = 32, ANCHORS_NEGATIVE_MAX = 256 };

struct anchor {
  uint16_t name_len;
  uint8_t name[NAME_MAX_LEN]; /* in lower case */
  struct zone_ds_set ds;
};
struct anchors {
  unsigned count, negative_count;
  struct anchor zones[ANCHORS_MAX];
  struct proof_off {
    uint16_t name_len;
    uint8_t name[NAME_MAX_LEN];
  } negative[ANCHORS_NEGATIVE_MAX];
};

/* The root's keys 20326 and 38696, and as negative ones the zones that are each network's own or in no zone
 * of the root's: RFC 6303, 6598, 6761, 7686 (onion), 8375 (home.arpa), 9462 (resolver.arpa), 9476 (alt), and
 * ICANN's "internal". They are 110; the other places are for settings. */
void anchors_built_in(struct anchors *a);

/* Why a record is no trust anchor: words that go on a sentence about it. NULL: it is one. */
const char *anchors_refusal(const struct anchors *a, const struct verifier *v, const struct record *r);

/* Adds the DS, or the DNSKEY (a DS is made of it), of a zone; one that is there already is not counted twice.
 * False: anchors_refusal says why. */
bool anchors_add(struct anchors *a, const struct verifier *v, const struct record *r);
bool anchors_add_negative(struct anchors *a, const uint8_t *name, size_t len);

/* The anchor at the name or closest above it, NULL: none. */
const struct anchor *anchors_above(const struct anchors *a, const uint8_t *name, size_t len);
/* The anchor of just this name, NULL: it has none. */
const struct anchor *anchors_at(const struct anchors *a, const uint8_t *name, size_t len);
/* Is the name one below which nothing is to be proven? An anchor that lies deeper wins. */
bool anchors_deny(const struct anchors *a, const uint8_t *name, size_t len);
#endif
