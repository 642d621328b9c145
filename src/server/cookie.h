/* DNS cookies as a server gives them out (RFC 7873, RFC 9018): who shows one got an answer at his address
 * before. */
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

/* What cookies are signed with: today's key, and yesterday's, which a cookie of the last hour may have. */
struct cookie_keys {
  uint32_t day; /* since 1970, from 1; 0: none yet */
  uint8_t now[SIPHASH_KEY], before[SIPHASH_KEY];
};

/* Makes the keys of the day that now_s lies in out of a secret that lasts as long as the process, unless k
 * has them already. No key serves for longer than a day (RFC 7873 section 7.1), and threads that share the
 * secret share the keys. */
void cookie_keys_roll(struct cookie_keys *k, const uint8_t secret[SIPHASH_KEY], uint32_t now_s);

/* Replaces the cookie that m came with by the one it is to be answered with: the client's 8 octets and 16 of
 * the server, good for this peer. True when what came was such a cookie already. m->cookie_len must not be 0.
 * now_s: seconds since 1970. */
bool cookie_exchange(struct query_opts *m, const struct cookie_keys *keys, const union addr *peer,
                     uint32_t now_s);
#endif
