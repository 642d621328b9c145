/* Names that no server is to be asked for, because their RFCs say what the answer is. */
#ifndef JIDNS_DNS_SPECIAL_H
#define JIDNS_DNS_SPECIAL_H
#include "dns/query.h"

/* Is the question for such a name?
 *  - localhost and below: 127.0.0.1 and ::1, nothing of other types (RFC 6761 section 6.3);
 *  - invalid (RFC 6761 section 6.4), onion (RFC 7686 section 2) and alt (RFC 9476) and below: NXDOMAIN;
 *  - resolver.arpa and below: nothing, since what it says of a server upstream is not true of this one (RFC
 * 9462 section 6.4). local, test, home.arpa and the reverse names of private networks are not: here it is the
 * servers upstream that know them. */
bool special_is(const struct question *q);

/* Is the question for a name that many networks' own servers answer, and that nobody can sign: local (RFC
 * 6762), test (RFC 6761), home.arpa (RFC 8375), and the reverse names of addresses that are not the
 * Internet's (RFC 6303, RFC 6598 section 4)? */
bool special_is_private(const struct question *q);

/* Writes the answer for such a question, at most DNS_UDP_PLAIN octets. Returns its length, 0 when it is none.
 */
size_t special_answer(const struct query *q, uint8_t *out);
#endif
