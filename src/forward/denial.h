/* NXDOMAIN of a name says that nothing exists there or below, of any type (RFC 8020, RFC 2308 section 5): by
 * setting, since some servers wrongly deny names that have nothing but others below them, _tcp.example.org
 * above all. */
#ifndef JIDNS_FORWARD_DENIAL_H
#define JIDNS_FORWARD_DENIAL_H
#include "cache/cache.h"

enum { DENIAL_LABELS = 10 }; /* names above the asked one that are looked at, at most */

/* Notes an answer to q that denies its name: NXDOMAIN without a chain of CNAMEs. Harmless for any other
 * answer. */
void denial_note(struct cache *c, const struct question *q, const struct answer *a, uint64_t seed);

/* Is q's name, or one above it, denied? Names shorter than least_len octets are not looked at: other servers
 * speak of them than of q. If one is, then the answer to q is made in out, with what is left of the denial's
 * TTL. Never for questions with KEY_DO, which want a proof made for their own name. `message` (DNS_MSG_MAX
 * octets) and `denied` are scratch. */
bool denial_find(struct cache *c, const struct question *q, size_t least_len, uint32_t tick, uint64_t seed,
                 uint8_t *message, struct answer *denied, struct answer *out);
#endif
