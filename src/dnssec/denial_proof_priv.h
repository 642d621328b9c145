/* What NSEC and NSEC3 records have in common: which of them count, and what their bitmaps of types say. */
#ifndef JIDNS_DNSSEC_DENIAL_PROOF_PRIV_H
#define JIDNS_DNSSEC_DENIAL_PROOF_PRIV_H
#include "dnssec/denial_proof.h"

/* The types that a name has (RFC 4034 section 4.1.2); points into the message. */
struct type_bitmap {
  const uint8_t *octets;
  size_t len;
};

/* Windows in order, each of 1 to 32 octets, and no octet left over. */
bool type_bitmap_is_whole(struct type_bitmap b);
bool type_bitmap_has(struct type_bitmap b, uint16_t type);

/* A delegation from the parent's side: NS, and no SOA. */
bool type_bitmap_is_delegation(struct type_bitmap b);
/* What lies below the name is not this zone's to deny: a delegation, or a DNAME (RFC 6840 section 4.1). */
bool type_bitmap_ends_zone(struct type_bitmap b);
/* The name is there for its denial alone (RFC 9824 section 3.1): RRSIG, NSEC and NXNAME, nothing else. */
bool type_bitmap_is_no_name(struct type_bitmap b);
/* The name that has these types has no record of this one, nor a CNAME, and that is this zone's to say. */
bool type_bitmap_denies(struct type_bitmap b, struct proof_name name, uint16_t type);
/* What they say of a zone cut at the name. */
enum cut type_bitmap_cut(struct type_bitmap b);

/* May the i-th set be used, a single record of this type in the authority section? good[] says most of it;
 * signatures that are all another zone's, or a wildcard's, are looked at again here. */
bool proof_record_counts(const struct proof_of *p, unsigned i, uint16_t type);

/* Labels of a name but for the root's. Unlike canon_labels, an asterisk counts. */
unsigned proof_name_labels(struct proof_name name);
/* Its part that has so many of its last labels. */
struct proof_name proof_name_suffix(struct proof_name name, unsigned labels);
/* Writes the wildcard below a closest encloser, which is shorter than some name by a label at least. */
struct proof_name proof_name_wildcard(struct proof_name encloser, uint8_t out[NAME_MAX_LEN]);

/* The proofs by each kind of record. The name is the zone's or below it. */
enum proof nsec_nxdomain(const struct proof_of *p, struct proof_name name);
enum proof nsec_nodata(const struct proof_of *p, struct proof_name name, uint16_t type);
enum proof nsec_wildcard(const struct proof_of *p, struct proof_name name, unsigned labels);
enum cut nsec_cut(const struct proof_of *p, struct proof_name name);

enum proof nsec3_nxdomain(const struct proof_of *p, struct proof_name name);
enum proof nsec3_nodata(const struct proof_of *p, struct proof_name name, uint16_t type);
enum proof nsec3_wildcard(const struct proof_of *p, struct proof_name name, unsigned labels);
enum cut nsec3_cut(const struct proof_of *p, struct proof_name name);
#endif
