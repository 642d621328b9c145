/* access.c: who may ask, and a token bucket for each host that does. Exports access_new, access_free,
 * access_inherit, access_is_here, access_may, access_check. */
#include "server/access.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/random.h"

enum {
  BUCKETS = 4096, /* hosts counted at a time; a power of two */
  WAYS = 8,       /* of them a host may be in, side by side */
  TOKEN = 1000    /* a query costs so many; a bucket gains its rate of them each millisecond */
};

struct bucket {
  uint64_t key; /* 0: free */
  uint64_t at_ms;
  uint32_t tokens;
  uint32_t refused; /* queries since the last that was taken */
};

struct access {
  struct access_policy o;
  uint64_t seed;
  struct bucket *buckets; /* NULL when there is no limit */
};

struct access *access_new(const struct access_policy *options) {
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

bool access_is_here(const union addr *peer, const union addr *local) {
  return addr_is_loopback(peer) || addr_same_host(peer, local);
}

static bool is_allowed(const struct access_policy *o, const union addr *peer) {
  for (unsigned i = 0; i < o->allow_count; i++) {
    if (prefix_has(&o->allow[i], peer)) return true;
  }
  return false;
}

bool access_is_silent(const struct access *a) { return a && a->o.silent; }

const struct access_policy *access_policy(const struct access *a) { return &a->o; }

bool access_may(const struct access *a, const union addr *peer, const union addr *local) {
  return access_is_here(peer, local) || is_allowed(&a->o, peer);
}

/* What it has saved up by now, at most a second's worth. */
static uint32_t tokens_now(const struct access *a, const struct bucket *b, uint64_t now_ms) {
  uint64_t most = (uint64_t)a->o.rate * TOKEN;
  if (!b->key) return (uint32_t)most;
  uint64_t gone_ms = now_ms - b->at_ms < TOKEN ? now_ms - b->at_ms : TOKEN;
  uint64_t tokens = b->tokens + gone_ms * a->o.rate;
  return (uint32_t)(tokens < most ? tokens : most);
}

/* Has a asked less of late than b? */
static bool asked_less(const struct access *all, const struct bucket *a, const struct bucket *b,
                       uint64_t now_ms) {
  uint32_t left_a = tokens_now(all, a, now_ms) / TOKEN, left_b = tokens_now(all, b, now_ms) / TOKEN;
  if (left_a != left_b) return left_a > left_b;
  if (a->refused != b->refused) return a->refused < b->refused;
  return a->at_ms < b->at_ms;
}

/* Its bucket. Where all its places are taken, who has asked least of late makes room, and the newcomer begins
 * with what that one had left, one query at least: so a flood of other senders neither frees a limited host
 * nor gives each of them a second's worth. */
static struct bucket *bucket_of(struct access *a, const union addr *peer, bool proven, uint64_t now_ms) {
  struct prefix host = prefix_of_host(peer);
  uint64_t key = hash_bytes(host.octets, sizeof host.octets, a->seed + host.v6 * 2u + proven) | 1;
  struct bucket *set = &a->buckets[(key >> 1 & (BUCKETS / WAYS - 1)) * WAYS], *leaves = set;

  for (struct bucket *b = set; b < set + WAYS; b++) {
    if (b->key == key) return b;
    if (asked_less(a, b, leaves, now_ms)) leaves = b;
  }

  uint32_t left = tokens_now(a, leaves, now_ms);
  *leaves = (struct bucket){.key = key, .at_ms = now_ms, .tokens = left > TOKEN ? left : TOKEN};
  return leaves;
}

static bool take_token(struct access *a, const union addr *peer, bool proven, uint64_t now_ms) {
  struct bucket *b = bucket_of(a, peer, proven, now_ms);
  uint32_t tokens = tokens_now(a, b, now_ms);
  bool enough = tokens >= TOKEN;
  b->at_ms = now_ms;
  b->tokens = enough ? tokens - TOKEN : tokens;
  b->refused = enough ? 0 : b->refused + (b->refused < UINT32_MAX);
  return enough;
}

enum access_verdict access_check(struct access *a, const union addr *peer, const union addr *local,
                                 bool proven, uint64_t now_ms) {
  if (access_is_here(peer, local)) return ACCESS_GRANTED;
  if (!is_allowed(&a->o, peer)) return ACCESS_DENIED;
  return !a->buckets || take_token(a, peer, proven, now_ms) ? ACCESS_GRANTED : ACCESS_LIMITED;
}
