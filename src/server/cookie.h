/* DNS cookies as a server gives them out (RFC 7873, RFC 9018): who shows one got an answer at his address before. */
#ifndef JIDNS_SERVER_COOKIE_H
#define JIDNS_SERVER_COOKIE_H
#include "base/addr.h"
#include "base/siphash.h"
#include "dns/query.h"

enum {
  COOKIE_OLD_S = 3600,   /* how long one is good, RFC 9018 section 4.3 */
  COOKIE_RENEW_S = 1800, /* one this old is replaced */
  COOKIE_AHEAD_S = 300   /* one from so far in the future is still good */
};

/* Replaces the cookie that m came with by the one it is to be answered with: the client's 8 octets and 16 of the server, good for
 * this peer. True when what came was such a cookie already. m->cookie_len must not be 0. now_s: of any clock that all who use
 * the key share. */
bool cookie_exchange(struct manner *m, const uint8_t key[SIPHASH_KEY], const union addr *peer, uint32_t now_s);
#endif
