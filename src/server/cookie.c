/* cookie.c: makes and checks server cookies of RFC 9018. Exports cookie_keys_roll, cookie_exchange. */
#include "server/cookie.h"

#include "dns/wire.h"

enum { CLIENT = 8, HEAD = 8, HASH = 8, VERSION = 1, DAY_S = 86400 };
_Static_assert(CLIENT + HEAD + HASH <= COOKIE_MAX, "ours fits as well");

static void put_hash(uint64_t hash, uint8_t out[HASH]) {
  for (unsigned i = 0; i < HASH; i++) out[i] = (uint8_t)(hash >> 8 * i);
}

static void key_of(const uint8_t secret[SIPHASH_KEY], uint32_t day, uint8_t key[SIPHASH_KEY]) {
  uint8_t input[5];
  store_u32(input, day);
  for (unsigned half = 0; half < 2; half++) {
    input[4] = (uint8_t)half;
    put_hash(siphash(secret, input, sizeof input), key + half * HASH);
  }
}

void cookie_keys_roll(struct cookie_keys *k, const uint8_t secret[SIPHASH_KEY], uint32_t now_s) {
  uint32_t day = now_s / DAY_S + 1;
  if (k->day == day) return;
  k->day = day;
  key_of(secret, day, k->now);
  key_of(secret, day - 1, k->before);
}

/* The hash over client cookie, version and time, and the client's address (RFC 9018 section 4.4). */
static void sign(const uint8_t key[SIPHASH_KEY], const uint8_t cookie[CLIENT + HEAD], const union addr *peer,
                 uint8_t out[HASH]) {
  uint8_t input[CLIENT + HEAD + 16];
  bool v6 = peer->any.sa_family == AF_INET6;
  memcpy(input, cookie, CLIENT + HEAD);
  if (v6) memcpy(input + CLIENT + HEAD, &peer->v6.sin6_addr, 16);
  else memcpy(input + CLIENT + HEAD, &peer->v4.sin_addr, 4);
  put_hash(siphash(key, input, CLIENT + HEAD + (v6 ? 16u : 4u)), out);
}

/* Compares without telling by its time how many octets were right. */
static bool same(const uint8_t *a, const uint8_t *b) {
  uint8_t differ = 0;
  for (unsigned i = 0; i < HASH; i++) differ |= (uint8_t)(a[i] ^ b[i]);
  return differ == 0;
}

static bool is_signed(const uint8_t key[SIPHASH_KEY], const uint8_t *cookie, const union addr *peer) {
  uint8_t hash[HASH];
  sign(key, cookie, peer, hash);
  return same(hash, cookie + CLIENT + HEAD);
}

bool cookie_exchange(struct query_opts *m, const struct cookie_keys *keys, const union addr *peer,
                     uint32_t now_s) {
  /* what is reserved is zero in ours and may be anything in theirs */
  static const uint8_t version_reserved[4] = {VERSION};
  uint8_t *c = m->cookie;
  bool good = false;
  if (m->cookie_len == CLIENT + HEAD + HASH && c[CLIENT] == VERSION) {
    int32_t age_s = (int32_t)(now_s - load_u32(c + CLIENT + 4)); /* serial arithmetic, RFC 1982 */
    bool today = is_signed(keys->now, c, peer);
    good = (today || is_signed(keys->before, c, peer)) && age_s <= COOKIE_OLD_S && age_s >= -COOKIE_AHEAD_S;
    if (good && today && age_s < COOKIE_RENEW_S &&
        memcmp(c + CLIENT, version_reserved, sizeof version_reserved) == 0)
      return true;
  }

  memcpy(c + CLIENT, version_reserved, sizeof version_reserved);
  store_u32(c + CLIENT + 4, now_s);
  sign(keys->now, c, peer, c + CLIENT + HEAD);
  m->cookie_len = CLIENT + HEAD + HASH;
  return good;
}
