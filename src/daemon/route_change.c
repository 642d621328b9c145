/* route_change.c: which names are asked elsewhere by other settings, and what the cache has of them.
 * Exports elsewhere_*. */
#include "daemon/route_change.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "forward/route.h"

enum { SETS = 1 + ROUTES_MAX }; /* the servers for all other names, then those of each domain */

struct route_change {
  struct routes before, after; /* without servers: for their domains only */
  bool other[SETS][SETS];      /* [a set before][a set after]: they have no server in common */
};

static const struct settings_servers *set_of(const struct settings *s, unsigned i) {
  return i == 0 ? &s->upstream : &s->forwards[i - 1].servers;
}

static bool is_here(const struct settings_server *s) { return addr_is_here(&s->addr, s->scope); }

static bool has_any(const struct settings_servers *set) {
  for (unsigned i = 0; i < set->count; i++) {
    if (is_here(&set->list[i])) return true;
  }
  return false;
}

/* The same host says the same, over whatever it is asked. */
static bool share_a_server(const struct settings_servers *a, const struct settings_servers *b) {
  for (unsigned i = 0; i < a->count; i++) {
    for (unsigned k = 0; k < b->count; k++) {
      const struct settings_server *one = &a->list[i], *other = &b->list[k];
      bool same = one->transport == other->transport ? addr_equal(&one->addr, &other->addr)
                                                     : addr_same_host(&one->addr, &other->addr);
      if (same && is_here(one) && is_here(other)) return true;
    }
  }
  return false;
}

static void take_domains(struct routes *r, const struct settings *s) {
  for (unsigned i = 0; i < s->forward_count; i++) {
    const struct settings_domain *domain = &s->forwards[i].domain;
    struct route *route = &r->list[r->count++];
    route->name_len = domain->len;
    memcpy(route->name, domain->octets, domain->len);
  }
}

static unsigned set_for(const struct routes *r, const struct question *q) {
  const struct route *route = routes_match(r, q);
  return route ? 1 + (unsigned)(route - r->list) : 0;
}

static bool is_elsewhere(const void *ctx, const struct question *q) {
  const struct route_change *e = ctx;
  return e->other[set_for(&e->before, q)][set_for(&e->after, q)];
}

static bool has_moved(const struct route_change *e, const struct routes *domains) {
  struct question q;
  for (unsigned i = 0; i < domains->count; i++) {
    question_make(&q, domains->list[i].name, domains->list[i].name_len, TYPE_A, CLASS_IN, 0, 0);
    if (is_elsewhere(e, &q)) return true;
  }
  return false;
}

/* The servers for all other names: those of another resolv.conf are another network. Those that the operator
 * names are whom he trusts to say the same, and where there were none nobody said anything. */
static bool is_another_network(const struct settings *before, const struct settings *after) {
  const struct settings_servers *a = set_of(before, 0), *b = set_of(after, 0);
  return before->upstream_default && after->upstream_default && has_any(a) && has_any(b) &&
         !share_a_server(a, b);
}

struct route_change *route_change_new(const struct settings *before, const struct settings *after) {
  struct route_change *e = must_zalloc(sizeof *e);
  take_domains(&e->before, before);
  take_domains(&e->after, after);
  for (unsigned i = 0; i <= before->forward_count; i++) {
    for (unsigned k = 0; k <= after->forward_count; k++) {
      const struct settings_servers *a = set_of(before, i), *b = set_of(after, k);
      /* an interface that is gone is no other server */
      e->other[i][k] = has_any(a) && has_any(b) && !share_a_server(a, b);
    }
  }

  e->other[0][0] = is_another_network(before, after);

  /* Whatever way a name's servers have changed, they have so for a domain itself. */
  if (e->other[0][0] || has_moved(e, &e->before) || has_moved(e, &e->after)) return e;
  free(e);
  return NULL;
}

void route_change_free(struct route_change *e) { free(e); }

size_t route_change_expire(const struct route_change *e, struct cache *c, uint32_t tick) {
  return e ? cache_expire(c, is_elsewhere, e, tick) : 0;
}
