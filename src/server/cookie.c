/* cookie.c: makes and checks server cookies of RFC 9018. Exports cookie_exchange. */
#include "server/cookie.h"

#include "dns/wire.h"

enum { CLIENT = 8, HEAD = 8, HASH = 8, VERSION = 1 };
_Static_assert(CLIENT + HEAD + HASH <= COOKIE_MOST, "ours fits as well");

/* The hash over client cookie, version and time, and the client's address (RFC 9018 section 4.4). */
static void sign(const uint8_t key[SIPHASH_KEY], const uint8_t cookie[CLIENT + HEAD], const union addr *peer, uint8_t out[HASH]) {
  uint8_t input[CLIENT + HEAD + 16];
  bool v6 = peer->any.sa_family == AF_INET6;
  memcpy(input, cookie, CLIENT + HEAD);
  if (v6) memcpy(input + CLIENT + HEAD, &peer->v6.sin6_addr, 16);
  else memcpy(input + CLIENT + HEAD, &peer->v4.sin_addr, 4);
  uint64_t hash = siphash(key, input, CLIENT + HEAD + (v6 ? 16u : 4u));
  for (unsigned i = 0; i < HASH; i++) out[i] = (uint8_t)(hash >> 8 * i);
}

/* Compares without telling by its time how many octets were right. */
static bool same(const uint8_t *a, const uint8_t *b) {
  uint8_t differ = 0;
  for (unsigned i = 0; i < HASH; i++) differ |= (uint8_t)(a[i] ^ b[i]);
  return differ == 0;
}

bool cookie_exchange(struct manner *m, const uint8_t key[SIPHASH_KEY], const union addr *peer, uint32_t now_s) {
  static const uint8_t version_reserved[4] = {VERSION}; /* what is reserved is zero in ours and may be anything in theirs */
  uint8_t hash[HASH], *c = m->cookie;
  bool good = false;
  if (m->cookie_len == CLIENT + HEAD + HASH && c[CLIENT] == VERSION) {
    int32_t age_s = (int32_t)(now_s - load_u32(c + CLIENT + 4)); /* serial arithmetic, RFC 1982 */
    sign(key, c, peer, hash);
    good = same(hash, c + CLIENT + HEAD) && age_s <= COOKIE_OLD_S && age_s >= -COOKIE_AHEAD_S;
    if (good && age_s < COOKIE_RENEW_S && memcmp(c + CLIENT, version_reserved, sizeof version_reserved) == 0) return true;
  }
  memcpy(c + CLIENT, version_reserved, sizeof version_reserved);
  store_u32(c + CLIENT + 4, now_s);
  sign(key, c, peer, c + CLIENT + HEAD);
  m->cookie_len = CLIENT + HEAD + HASH;
  return good;
}
