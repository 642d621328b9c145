/* tables.c: sets of servers and who may ask, from the settings. Exports tables_*. */
#include "daemon/tables.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/must.h"
#include "upstream/up_https.h"
#include "upstream/up_tcp.h"
#include "upstream/up_udp.h"

/* NULL is allowed. */
static struct channel *tapped(const struct tables_sets *sets, struct channel *c) {
  if (c) c->tap = sets->tap;
  return c;
}

static struct channel *new_encrypted(struct tables_sets *sets, const struct ns_address *address) {
  struct up_https_server https = {&address->addr, &address->expect, address->path};
  if (address->transport == TRANSPORT_HTTPS)
    return tapped(sets, up_https_new(sets->loop, &https, address->trust, sets->http, sets->counters));
  return tapped(sets, up_tcp_new_tls(sets->loop, &address->addr, &address->expect, address->trust,
                                     sets->counters, sets->random));
}

struct channel *tables_open_way(void *ctx, const struct ns_address *way) {
  struct tables_sets *sets = ctx;
  if (!way->trust || (way->transport == TRANSPORT_HTTPS && !sets->http)) return NULL;
  return new_encrypted(sets, way);
}

/* One that is connected already when the first question comes. */
static bool add_encrypted(struct tables_sets *sets, struct upstream *u, const struct ns_address *address) {
  struct channel *c = new_encrypted(sets, address), *channels[TRANSPORTS] = {0};
  if (!c) return false;
  channels[address->transport] = c;
  if (!upstream_add(u, address, channels)) {
    c->ops->close(c);
    return false;
  }
  c->ops->warm(c, clock_ms());
  return true;
}

static bool add_server(struct tables_sets *sets, struct upstream *u, const struct ns_address *address) {
  const union addr *addr = &address->addr;
  if (transport_is_encrypted(address->transport)) return add_encrypted(sets, u, address);
  struct channel *udp = tapped(sets, up_udp_new(sets->loop, addr, sets->counters, sets->random));
  struct channel *tcp = tapped(sets, up_tcp_new(sets->loop, addr, sets->counters, sets->random));
  struct channel *channels[TRANSPORTS] = {[TRANSPORT_UDP] = udp, [TRANSPORT_TCP] = tcp};

  if (udp && tcp && upstream_add(u, address, channels)) return true;
  if (udp) udp->ops->close(udp);
  if (tcp) tcp->ops->close(tcp);
  return false;
}

/* What servers a set is to have. */
struct servers_wanted {
  const struct settings_servers *servers;
  const struct settings_pins *pins;
  enum upstream_policy policy;
  struct tls_context *trust;
  unsigned ways; /* bits of enum ns_ways, to the plain ones */
};

/* The i-th; false: its interface is not there. */
static bool wanted_address(const struct servers_wanted *want, unsigned i, struct ns_address *out) {
  const struct settings_server *s = &want->servers->list[i];
  settings_server_address(want->servers, i, want->pins, out);
  if (!transport_is_encrypted(out->transport)) out->ways = want->ways;
  if (transport_is_encrypted(out->transport) || out->ways) out->trust = want->trust;
  return addr_is_here(&s->addr, s->scope);
}

static bool is_set_of(const struct upstream *u, const struct servers_wanted *want) {
  unsigned k = 0;
  bool same = u->policy == want->policy;
  for (unsigned i = 0; i < want->servers->count && same; i++) {
    struct ns_address address;
    if (!wanted_address(want, i, &address)) continue;
    same = k < u->count && ns_address_equal(&u->servers[k].address, &address);
    k++;
  }
  return same && k == u->count;
}

static bool names_set(const struct wiring_tables *t, const struct upstream *u) {
  bool names = t && t->routes.rest == u;
  for (unsigned i = 0; t && i < t->routes.count && !names; i++) names = t->routes.list[i].upstream == u;
  return names;
}

/* A set that is there already and may serve again: the one whose place it would take, or one that only
 * questions in flight hold. So reloads that change nothing open nothing, however many they are. NULL: there
 * is none. */
static struct upstream *find_set(struct tables_sets *sets, const struct wiring_tables *now,
                                 const struct wiring_tables *t, const struct servers_wanted *want,
                                 struct upstream *before) {
  if (before && is_set_of(before, want)) return before;
  list_each(node, &sets->list) {
    struct upstream *u = container(node, struct upstream, link);
    if (is_set_of(u, want) && !names_set(now, u) && !names_set(t, u)) return u;
  }
  return NULL;
}

/* A set of these servers, with what is known of them already, above all to the set in whose place it comes
 * (NULL: there was none), as its counts go on. NULL when memory is out. */
static struct upstream *make_set(struct tables_sets *sets, const struct wiring_tables *now,
                                 const struct wiring_tables *t, const struct servers_wanted *want,
                                 struct upstream *before) {
  struct upstream *same = find_set(sets, now, t, want, before);
  if (same) return upstream_hold(same);

  struct upstream *u = upstream_new(&sets->list, want->policy);
  for (unsigned i = 0; u && i < want->servers->count; i++) {
    struct ns_address address;
    if (!wanted_address(want, i, &address) || add_server(sets, u, &address)) continue;
    upstream_release(u);
    return NULL;
  }

  list_each(node, &sets->list) {
    const struct upstream *old = container(node, struct upstream, link);
    if (u && old != u) upstream_inherit(u, old);
  }

  if (u && before) upstream_inherit(u, before);
  return u;
}

/* The set in force for just that domain; NULL: there is none. */
static struct upstream *set_of(const struct wiring_tables *now, const struct settings_domain *domain) {
  for (unsigned i = 0; now && i < now->routes.count; i++) {
    const struct route *r = &now->routes.list[i];
    if (name_equal(r->name, r->name_len, domain->octets, domain->len)) return r->upstream;
  }
  return NULL;
}

void tables_free(struct wiring_tables *t) {
  if (!t) return;
  routes_release(&t->routes);
  access_free(t->access);
  free(t);
}

struct wiring_tables *tables_new(struct tables_sets *sets, const struct wiring_tables *now,
                                 const struct settings *s) {
  struct wiring_tables *t = calloc(1, sizeof *t);
  if (!t) return NULL;
  t->access = access_new(&s->access);
  unsigned told = settings_discovers(s) ? NS_WAYS_TOLD : 0,
           unproven = settings_tries_tls(s) ? NS_WAYS_UNPROVEN : 0;
  struct servers_wanted rest = {&s->upstream, &s->pins, s->upstream_policy, sets->trust, told | unproven};
  t->routes.rest = make_set(sets, now, t, &rest, now ? now->routes.rest : NULL);
  bool good = t->access && t->routes.rest;
  for (unsigned i = 0; i < s->forward_count && good; i++) {
    const struct settings_forward *f = &s->forwards[i];
    struct route *r = &t->routes.list[t->routes.count];
    r->name_len = f->domain.len;
    r->max_ttl_s = f->max_ttl_s;
    r->never_guessed = f->never_guessed;
    r->is_proven = f->is_proven;
    r->is_shared = f->is_shared;
    memcpy(r->name, f->domain.octets, f->domain.len);
    struct servers_wanted want = {&f->servers, settings_forward_pins(s, f), s->upstream_policy, sets->trust,
                                  unproven};
    r->upstream = make_set(sets, now, t, &want, set_of(now, &f->domain));
    good = r->upstream != NULL;
    t->routes.count += good;
  }

  if (good) return t;
  tables_free(t);
  return NULL;
}
