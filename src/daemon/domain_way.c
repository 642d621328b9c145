/* domain_way.c: an XMPP domain's way, from its SRV answers in the cache. Exports domain_way_*. */
#include "daemon/domain_way.h"

#include <stdlib.h>

enum { FLAGS = 4 /* of a key: DO and CD */, PORT_C2S = 5222, PORT_S2S = 5269 };

struct domain_way_reader {
  struct cache *cache;
  uint64_t seed;
  struct answer answer;
  uint8_t message[DNS_MSG_MAX];
};

/* What the two services say together. */
struct found {
  bool any, listed, none, stale;
  struct srv best;
  bool direct_tls; /* of the best */
};

struct domain_way_reader *domain_way_new(struct cache *cache, uint64_t seed) {
  struct domain_way_reader *r = malloc(sizeof *r);
  if (!r) return NULL;
  r->cache = cache;
  r->seed = seed;
  return r;
}

void domain_way_free(struct domain_way_reader *r) { free(r); }

/* The cache's answer for one service, whoever asked for it: with DNSSEC or without. */
static bool peek(struct domain_way_reader *r, struct family f, uint32_t tick, struct question *q,
                 bool *is_stale) {
  f.direct_tls = !f.direct_tls; /* the sibling's sibling */
  for (f.key_flags = 0; f.key_flags < FLAGS; f.key_flags++) {
    if (!family_sibling(&f, r->seed, q)) return false;
    enum cache_found state = cache_peek(r->cache, q, tick, &r->answer);
    if (state == CACHE_MISS) continue;
    *is_stale = state == CACHE_EXPIRED;
    return true;
  }
  return false;
}

static void look_at(struct domain_way_reader *r, const struct family *f, uint32_t tick, struct found *found) {
  struct question q;
  struct srv first;
  bool is_stale;
  if (!peek(r, *f, tick, &q, &is_stale)) return;
  found->any = true;
  found->stale |= is_stale;
  if (family_targets(&q, &r->answer, r->message, &first, 1) == 0) {
    found->none |= r->answer.head.rcode == RCODE_NOERROR && r->answer.head.an > 0;
    return;
  }

  if (!found->listed || srv_compare(&first, &found->best) < 0) {
    found->best = first;
    found->direct_tls = f->direct_tls;
  }
  found->listed = true;
}

enum domain_way domain_way_read(struct domain_way_reader *r, const uint8_t *domain, size_t len,
                                enum family_role role, uint32_t tick, struct walk_way *out, bool *is_stale) {
  struct family f = {.role = role, .direct_tls = true, .domain = domain, .domain_len = len};
  struct found found = {0};
  look_at(r, &f, tick, &found); /* of equals TLS from the start comes first */
  f.direct_tls = false;
  look_at(r, &f, tick, &found);
  *is_stale = found.stale;
  if (!found.any) return DOMAIN_WAY_UNKNOWN;
  if (!found.listed && found.none) return DOMAIN_WAY_NONE;

  *out = (struct walk_way){.port = role == FAMILY_S2S ? PORT_S2S : PORT_C2S, .target_len = (uint8_t)len};
  if (!found.listed) {
    memcpy(out->target, domain, len);
    return DOMAIN_WAY_ADDRESSES;
  }
  *out = (struct walk_way){.by_srv = true,
                           .direct_tls = found.direct_tls,
                           .priority = found.best.priority,
                           .port = found.best.port,
                           .target_len = found.best.target_len};
  memcpy(out->target, found.best.target, found.best.target_len);
  return DOMAIN_WAY_SRV;
}
