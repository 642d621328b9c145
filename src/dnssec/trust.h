/* What is known of zones on the way down from the trust anchors: which are secure, by which keys; which are
 * not. One a thread. The root, the anchors' zones and top-level domains stay as long as they are valid. */
#ifndef JIDNS_DNSSEC_TRUST_H
#define JIDNS_DNSSEC_TRUST_H
#include "dnssec/keys.h"

enum {
  TRUST_ZONES = 256,
  TRUST_TOP = 128,     /* of them, top-level domains that stay */
  TRUST_DAY_S = 86400, /* the most that something is believed */
  TRUST_LEAST_S = 10   /* the least: who waits for it must find it, though its TTL has all but run out */
};

enum zone_state {
  ZONE_UNKNOWN,
  ZONE_DELEGATED, /* its DS records are known, its keys not yet */
  ZONE_SECURE,    /* its keys are known */
  ZONE_INSECURE,  /* it is proven that it has no DS, or none that can be used */
  ZONE_NO_CUT     /* it is proven that no zone begins there */
};

struct zone_known {
  enum zone_state state;
  uint64_t until_s; /* by dnssec_time.now_s: no longer than TTLs, signatures and a day allow */
  struct zone_ds_set ds;
  struct zone_keys keys;
};

struct trust;
struct anchors;

struct trust *trust_new(const struct verifier *v, const struct anchors *anchors); /* NULL: no memory */
void trust_free(struct trust *z);
void trust_flush(struct trust *z, const uint8_t *name, size_t len); /* it and what is below */

/* now_s: of dnssec_time, for ageing. NULL: ZONE_UNKNOWN. Until the next call that puts one in. */
const struct zone_known *trust_find(struct trust *z, const uint8_t *name, size_t len, uint64_t now_s);

/* A place for what is now known of a zone, emptied, until_s set from this TTL; where all are taken, another
 * one's that was not used for the longest time. What was known of the zone is gone. */
struct zone_known *trust_put(struct trust *z, const uint8_t *name, size_t len, uint64_t now_s,
                             uint32_t ttl_s);
#endif
