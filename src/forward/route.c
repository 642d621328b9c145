/* route.c: from a name to the set of servers that is asked for it. Exports routes_*. */
#include "forward/route.h"

/* The name whose zone has q's answer: DS of a name stands in the zone above it (RFC 4035 section 3.1.4.1). */
static size_t skipped_for_parent(const struct question *q) {
  return question_type(q) == TYPE_DS && q->name_len > 1 ? 1u + q->key[0] : 0;
}

const struct route *routes_match(const struct routes *r, const struct question *q) {
  const struct route *best = NULL;
  size_t skip = skipped_for_parent(q);

  for (unsigned i = 0; i < r->count; i++) {
    const struct route *route = &r->list[i];
    if (best && best->name_len > route->name_len) continue;
    if (name_is_within(q->key + skip, q->name_len - skip, route->name, route->name_len)) best = route;
  }
  return best;
}

struct upstream *routes_find(const struct routes *r, const struct question *q) {
  const struct route *route = routes_match(r, q);
  return route ? route->upstream : r->rest;
}

size_t routes_domain_len(const struct routes *r, const struct question *q) {
  const struct route *route = routes_match(r, q);
  return route ? route->name_len : 1;
}

uint32_t routes_max_ttl(const struct routes *r, const struct question *q, uint32_t rest_s) {
  const struct route *best = routes_match(r, q);
  return best && best->max_ttl_s ? best->max_ttl_s : rest_s;
}

void routes_release(struct routes *r) {
  upstream_release(r->rest);
  for (unsigned i = 0; i < r->count; i++) upstream_release(r->list[i].upstream);
  *r = (struct routes){0};
}
