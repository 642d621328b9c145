/* Trust anchors: DS records of zones that are believed (the root's are built in), and names below which
 * nothing is to be proven (negative trust anchors, RFC 7646). Read-only once made; threads share them. */
#ifndef JIDNS_DNSSEC_ANCHORS_H
#define JIDNS_DNSSEC_ANCHORS_H
#include "dnssec/keys.h"

enum { ANCHORS_MAX = 32, ANCHORS_NEGATIVE_MAX = 64 };

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

/* The root's keys 20326 and 38696, and the zones that RFC 6303, 6761 and 8375 leave to each network
 * (home.arpa, 10.in-addr.arpa, ...) as negative ones. */
void anchors_built_in(struct anchors *a);

/* Adds the DS, or the DNSKEY (a DS is made of it), of a zone. False: too many, or no record that can be used.
 */
bool anchors_add(struct anchors *a, const struct verifier *v, const struct record *r);
bool anchors_add_negative(struct anchors *a, const uint8_t *name, size_t len);

/* The anchor at the name or closest above it, NULL: none. */
const struct anchor *anchors_above(const struct anchors *a, const uint8_t *name, size_t len);
/* Is the name one below which nothing is to be proven? An anchor that lies deeper wins. */
bool anchors_deny(const struct anchors *a, const uint8_t *name, size_t len);
#endif
