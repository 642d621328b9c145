/* route.c: from a name to the set of servers that is asked for it. Exports routes_*. */
#include "forward/route.h"

/* Is the name q asks for the domain, or below it? */
static bool is_in(const struct question *q, const struct route *r) {
  if (q->name_len < r->name_len) return false;
  unsigned at = 0, from = q->name_len - r->name_len;
  while (at < from) at += q->key[at] + 1u; /* label by label: its octets may look like the domain's */
  return at == from && memcmp(q->key + from, r->name, r->name_len) == 0;
}

struct upstream *routes_find(const struct routes *r, const struct question *q) {
  const struct route *best = NULL;
  for (unsigned i = 0; i < r->count; i++) {
    if (is_in(q, &r->list[i]) && (!best || r->list[i].name_len > best->name_len)) best = &r->list[i];
  }
  return best ? best->upstream : r->rest;
}

void routes_release(struct routes *r) {
  upstream_release(r->rest);
  for (unsigned i = 0; i < r->count; i++) upstream_release(r->list[i].upstream);
  *r = (struct routes){0};
}
