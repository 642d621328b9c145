/* domain_way.c: an XMPP domain's way, from its SRV answers in the cache. Exports domain_way_*. */
#include "daemon/domain_way.h"

#include <stdlib.h>

enum { FLAGS = 4 /* of a key: DO and CD */ };

struct domain_way_reader {
  struct cache *cache;
  uint64_t seed;
  struct answer answer;
  uint8_t message[DNS_MSG_MAX];
};

/* What the two services say together. */
struct found {
  enum domain_way way;
  bool is_stale;   /* the answers that it follows from have expired */
  struct srv best; /* of DOMAIN_WAY_SRV, */
  bool direct_tls; /* and of which service it is */
};

struct domain_way_reader *domain_way_new(struct cache *cache, uint64_t seed) {
  struct domain_way_reader *r = malloc(sizeof *r);
  if (!r) return NULL;
  r->cache = cache;
  r->seed = seed;
  return r;
}

void domain_way_free(struct domain_way_reader *r) { free(r); }

/* Which of the cache's answers for one service is to be looked at, as there may be one for each kind of
 * client, with DNSSEC or without: a fresh one rather than one that has expired. False when there is none. */
static bool pick(struct domain_way_reader *r, struct family f, uint32_t tick, struct question *q) {
  bool any = false;
  f.direct_tls = !f.direct_tls; /* the sibling's sibling */
  for (f.key_flags = 0; f.key_flags < FLAGS; f.key_flags++) {
    struct question asked;
    bool unused;
    if (!family_sibling(&f, r->seed, &asked)) return false;
    enum cache_found state = cache_look(r->cache, &asked, tick, &unused);
    if (state == CACHE_MISS || (state == CACHE_EXPIRED && any)) continue;
    *q = asked;
    any = true;
    if (state != CACHE_EXPIRED) break;
  }
  return any;
}

/* The way that one answer shows, and its first target. */
static enum domain_way read_answer(struct domain_way_reader *r, const struct question *q, struct srv *first) {
  const struct answer_head *head = &r->answer.head;
  if (family_targets(q, &r->answer, r->message, first, 1) > 0) return DOMAIN_WAY_SRV;
  return head->rcode == RCODE_NOERROR && head->an > 0 ? DOMAIN_WAY_NONE : DOMAIN_WAY_ADDRESSES;
}

static void look_at(struct domain_way_reader *r, const struct family *f, uint32_t tick, struct found *found) {
  struct question q;
  struct srv first;
  if (!pick(r, *f, tick, &q)) return;
  enum cache_found state = cache_peek(r->cache, &q, tick, &r->answer);
  if (state == CACHE_MISS) return; /* it has just gone */

  enum domain_way way = read_answer(r, &q, &first);
  bool is_stale = state == CACHE_EXPIRED;
  if (way < found->way) return;
  if (way == found->way && way != DOMAIN_WAY_SRV) {
    found->is_stale &= is_stale; /* one that is fresh will do */
    return;
  }
  if (way == found->way && srv_compare(&first, &found->best) >= 0) return;
  *found = (struct found){.way = way, .is_stale = is_stale, .direct_tls = f->direct_tls};
  if (way == DOMAIN_WAY_SRV) found->best = first;
}

enum domain_way domain_way_read(struct domain_way_reader *r, const uint8_t *domain, size_t len,
                                enum family_role role, uint32_t tick, struct walk_way *out, bool *is_stale) {
  struct family f = {.role = role, .direct_tls = true, .domain = domain, .domain_len = len};
  struct found found = {0};
  look_at(r, &f, tick, &found); /* of equals TLS from the start comes first */
  f.direct_tls = false;
  look_at(r, &f, tick, &found);
  *is_stale = found.is_stale;
  if (found.way == DOMAIN_WAY_UNKNOWN || found.way == DOMAIN_WAY_NONE) return found.way;

  *out = (struct walk_way){.port = family_port(role), .target_len = (uint8_t)len};
  if (found.way == DOMAIN_WAY_ADDRESSES) {
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
