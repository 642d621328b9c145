/* access.c: who may ask, and a token bucket for each host that does. Exports access_new, access_free, access_inherit, access_may,
 * access_check. */
#include "server/access.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/random.h"

enum {
  BUCKETS = 4096, /* hosts counted at a time; a power of two */
  TOKEN = 1000,   /* a query costs so many; a bucket gains its rate of them each millisecond */
  V6_BITS = 64    /* what one host has */
};

struct bucket {
  uint64_t key; /* 0: free */
  uint64_t at_ms;
  uint32_t tokens;
};

struct access {
  struct access_options o;
  uint64_t seed;
  struct bucket *buckets; /* NULL when there is no limit */
};

struct access *access_new(const struct access_options *options) {
  struct access *a = malloc(sizeof *a);
  if (!a) return NULL;
  *a = (struct access){.o = *options, .seed = random_seed()};
  if (!options->rate || (a->buckets = calloc(BUCKETS, sizeof *a->buckets))) return a;
  free(a);
  return NULL;
}

void access_free(struct access *a) {
  if (!a) return;
  free(a->buckets);
  free(a);
}

void access_inherit(struct access *a, struct access *before) {
  if (!a->buckets || !before->buckets) return;
  struct bucket *buckets = a->buckets;
  a->buckets = before->buckets;
  a->seed = before->seed;
  before->buckets = buckets;
}

static bool is_here(const union addr *peer, const union addr *local) {
  return addr_is_loopback(peer) || addr_same_host(peer, local);
}

static bool is_allowed(const struct access_options *o, const union addr *peer) {
  for (unsigned i = 0; i < o->allow_count; i++) {
    if (prefix_has(&o->allow[i], peer)) return true;
  }
  return false;
}

bool access_may(const struct access *a, const union addr *peer, const union addr *local) {
  return is_here(peer, local) || is_allowed(&a->o, peer);
}

/* Its bucket, in one of two places; the one unused for longer makes room. */
static struct bucket *bucket_of(struct access *a, const union addr *peer, bool proven, uint64_t now_ms) {
  struct prefix host = prefix_of(peer, peer->any.sa_family == AF_INET6 ? V6_BITS : 32);
  uint64_t key = hash_bytes(host.octets, sizeof host.octets, a->seed + host.v6 * 2u + proven) | 1;
  struct bucket *b = &a->buckets[key >> 1 & (BUCKETS - 1)], *other = &a->buckets[(key >> 1 ^ 1) & (BUCKETS - 1)];
  if (b->key == key) return b;
  if (other->key == key) return other;
  if (other->at_ms < b->at_ms) b = other;
  *b = (struct bucket){.key = key, .at_ms = now_ms, .tokens = a->o.rate * TOKEN};
  return b;
}

static bool take_token(struct access *a, const union addr *peer, bool proven, uint64_t now_ms) {
  struct bucket *b = bucket_of(a, peer, proven, now_ms);
  uint64_t most = (uint64_t)a->o.rate * TOKEN, gone_ms = now_ms - b->at_ms < TOKEN ? now_ms - b->at_ms : TOKEN;
  uint64_t tokens = b->tokens + gone_ms * a->o.rate;
  if (tokens > most) tokens = most;
  b->at_ms = now_ms;
  bool enough = tokens >= TOKEN;
  b->tokens = (uint32_t)(enough ? tokens - TOKEN : tokens);
  return enough;
}

enum access_verdict access_check(struct access *a, const union addr *peer, const union addr *local, bool proven,
                                 uint64_t now_ms) {
  if (is_here(peer, local)) return ACCESS_GRANTED;
  if (!is_allowed(&a->o, peer)) return ACCESS_DENIED;
  return !a->buckets || take_token(a, peer, proven, now_ms) ? ACCESS_GRANTED : ACCESS_LIMITED;
}
