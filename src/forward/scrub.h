/* Does a reply answer the question, and what of it may be kept? */
#ifndef JIDNS_FORWARD_SCRUB_H
#define JIDNS_FORWARD_SCRUB_H
#include "dns/build.h"

enum { CHAIN_MAX = 32 }; /* names in a chain of CNAMEs */

/* Names that an alias may lead to, but of which the servers asked have no say: others are asked for them. */
struct scrub_border {
  bool (*is_beyond)(const void *ctx, const struct question *q, const uint8_t *name, size_t len);
  const void *ctx;
  size_t target_len; /* out: 0, or of the name beyond where the chain was cut */
  uint8_t target[NAME_MAX_LEN];
};

/* Takes from a reply (matched to q by exchange_judge, not truncated) what answers q, and nothing else, into
 * out:
 *  - records of the asked type at the end of the chain of CNAMEs and DNAMEs that starts at q's name, and that
 * chain, checked link by link; a CNAME that a DNAME makes and the reply left out is made here; their RRSIGs
 * when q has KEY_DO;
 *  - when there are none: the SOA, its TTL lessened to the negative TTL (RFC 2308); with KEY_DO the proofs
 * (NSEC, NSEC3) in either case;
 *  - when an alias leads beyond the border: the chain up to that alias, RCODE 0, and border->target is where
 * it goes on; what the reply says of that name is left out, SOA and RCODE too, but for proofs;
 *  - never the additional section, name servers, or records of other names and types (RFC 2181
 * section 5.4.1). border NULL: there is none. out->ttl_s is how long it may be kept, 0 for not at all.
 * head.stored_at and head.refresh_at are left 0. ERR_NONE, or why there is no answer in it: ERR_SERVFAIL,
 * ERR_REFUSED, ERR_RCODE, ERR_LAME, ERR_BAD_REPLY (malformed, or nothing in it has to do with q, or its chain
 * runs in a ring).
 */
enum err scrub_reply(const struct question *q, const uint8_t *msg, size_t len, struct scrub_border *border,
                     struct answer *out);

/* The same of a truncated reply: what its answer section has of whole records, from the first on, whatever is
 * behind. ERR_BAD_REPLY when none of them is of the asked type. Never to be kept: out->ttl_s is 0. */
enum err scrub_part(const struct question *q, const uint8_t *msg, size_t len, struct scrub_border *border,
                    struct answer *out);
#endif
