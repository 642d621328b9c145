/* route.c: from a name to the set of servers that is asked for it. Exports routes_*. */
#include "forward/route.h"

static const struct route *find(const struct routes *r, const struct question *q) {
  const struct route *best = NULL;
  for (unsigned i = 0; i < r->count; i++) {
    const struct route *route = &r->list[i];
    if (best && best->name_len > route->name_len) continue;
    if (name_is_within(q->key, q->name_len, route->name, route->name_len)) best = route;
  }
  return best;
}

struct upstream *routes_find(const struct routes *r, const struct question *q) {
  const struct route *best = find(r, q);
  return best ? best->upstream : r->rest;
}

uint32_t routes_max_ttl(const struct routes *r, const struct question *q) {
  const struct route *best = find(r, q);
  return best && best->max_ttl_s ? best->max_ttl_s : r->max_ttl_s;
}

void routes_release(struct routes *r) {
  upstream_release(r->rest);
  for (unsigned i = 0; i < r->count; i++) upstream_release(r->list[i].upstream);
  *r = (struct routes){0};
}
