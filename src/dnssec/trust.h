/* What is known of zones on the way down from the trust anchors: which are secure, by which keys; which are
 * not. One a thread. The root, the anchors' zones and top-level domains stay as long as they are valid. */
#ifndef JIDNS_DNSSEC_TRUST_H
#define JIDNS_DNSSEC_TRUST_H
#include "dnssec/keys.h"

enum { TRUST_ZONES = 256 };

enum zone_state {
  ZONE_UNKNOWN,
  ZONE_DELEGATED, /* its DS records are known, its keys not yet */
  ZONE_SECURE,    /* its keys are known */
  ZONE_INSECURE,  /* it is proven that it has no DS, or none that can be used */
  ZONE_NO_CUT     /* it is proven that no zone begins there */
};

struct zone_known {
  enum zone_state state;
  uint64_t until_s; /* seconds since 1970; kept no longer than a day */
  struct zone_ds_set ds;
  struct zone_keys keys;
};

struct trust;
struct anchors;

struct trust *trust_new(const struct verifier *v, const struct anchors *anchors); /* NULL: no memory */
void trust_free(struct trust *z);
void trust_flush(struct trust *z, const uint8_t *name, size_t len); /* it and what is below */

/* NULL: ZONE_UNKNOWN. Until the next call that puts one in. */
const struct zone_known *trust_find(struct trust *z, const uint8_t *name, size_t len, uint64_t now_s);

/* A place for what is now known of a zone, emptied; another one's that was not used for the longest time. */
struct zone_known *trust_put(struct trust *z, const uint8_t *name, size_t len, uint64_t now_s);
#endif
