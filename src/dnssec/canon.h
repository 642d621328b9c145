/* Canonical form and order of names and RRsets (RFC 4034 section 6, RFC 6840 section 5.1). */
#ifndef JIDNS_DNSSEC_CANON_H
#define JIDNS_DNSSEC_CANON_H
#include "dnssec/rrsets.h"

/* How a stands to b in canonical order: negative, 0, positive. Names in any case. */
int canon_name_order(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);

/* Labels of a name, without the root's and a leading asterisk (RFC 4034 section 3.1.3). */
unsigned canon_labels(const uint8_t *name, size_t len);

/* The name's part that has its last n labels and the root: its offset. The name has at least n. */
size_t canon_suffix_at(const uint8_t *name, size_t len, unsigned labels);

/* Room for what is signed and for RDATA being put in order; large, one a thread. */
struct canon_room;
struct canon_room *canon_room_new(void); /* NULL: no memory */
void canon_room_free(struct canon_room *room);

/* Puts the set's RDATA into canonical form and order, for canon_signed. False: it does not fit, or an RDATA
 * has not its type's form. */
bool canon_sort(struct canon_room *room, const struct rrsets *s, const struct rrset *set);

/* What a signature of the set that was sorted last signs (RFC 4034 section 3.1.8.1): the RRSIG's RDATA
 * without the signature, and the records in canonical form and order, each once, with the original TTL, the
 * owner cut to a wildcard where the RRSIG has fewer labels. *out lies in room until the next call. Returns
 * its length; 0: it does not fit. */
size_t canon_signed(struct canon_room *room, const struct rrset *set, const struct rrsig *sig,
                    const uint8_t **out);
#endif
