/* What NSEC and NSEC3 records prove is not there (RFC 4035 section 5.4, RFC 5155 section 8, RFC 6840 section
 * 4, RFC 9824). All of it looks at RRsets of the authority section whose signatures the caller has found
 * good: he says which, and by which zone. */
#ifndef JIDNS_DNSSEC_DENIAL_PROOF_H
#define JIDNS_DNSSEC_DENIAL_PROOF_H
#include "dnssec/canon.h"

enum proof {
  PROOF_NONE,     /* nothing is proven */
  PROOF_SECURE,   /* it is */
  PROOF_OPT_OUT,  /* it is but for unsigned delegations, which an opt-out span passes over: insecure */
  PROOF_COSTLY,   /* more iterations, or a longer salt, than is done here, or the library has no SHA-1:
                     insecure, nothing was hashed */
  PROOF_EXHAUSTED /* the budget is used up */
};

/* Which records count, and who has signed them. */
struct proof_of {
  const struct verifier *verifier;
  const struct rrsets *rrsets;
  const bool *good;    /* of each set: its signatures are good, and it was not expanded from a wildcard */
  const uint8_t *zone; /* the signer's name, in lower case */
  size_t zone_len;
  struct dnssec_budget *budget;
};

/* A name, in lower case. */
struct proof_name {
  const uint8_t *name;
  size_t len;
};

/* The name does not exist, nor a wildcard that it could be made from. */
enum proof proof_of_nxdomain(const struct proof_of *p, struct proof_name name);

/* The name has no record of this type, nor a CNAME; itself, as an empty non-terminal, or by the wildcard that
 * it would be made from. Type DS is the parent's to deny, all others the child's: a delegation's NSEC from
 * above the cut says nothing of them. */
enum proof proof_of_nodata(const struct proof_of *p, struct proof_name name, uint16_t type);

/* An answer was made from a wildcard whose closest encloser has so many labels: no closer name exists. */
enum proof proof_of_wildcard(const struct proof_of *p, struct proof_name name, unsigned labels);

/* What a proven want of DS records at a name says. */
enum cut {
  CUT_UNPROVEN,
  CUT_INSECURE, /* a delegation without DS, or one that an opt-out span may hide */
  CUT_NONE,     /* the name exists, or is an empty non-terminal, and is no delegation */
  CUT_NO_NAME,  /* the name does not exist */
  CUT_COSTLY,   /* insecure, as PROOF_COSTLY */
  CUT_EXHAUSTED
};
enum cut proof_of_no_ds(const struct proof_of *p, struct proof_name name);
#endif
