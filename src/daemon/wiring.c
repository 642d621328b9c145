/* wiring.c: the modules behind a query, and the settings' policies handed to them. Exports wiring_*. */
#include "daemon/wiring.h"

#include <string.h>

static bool is_local(const void *ctx, const struct question *q) {
  const struct wiring *w = ctx;
  return w->serve.zones && zones_hold(w->serve.zones, q);
}

static int answer(void *ctx, const struct query *q, const struct client *client, uint64_t now_ms,
                  uint8_t *out) {
  struct wiring *w = ctx;
  return serve_question(&w->serve, q, client, now_ms, out).len;
}

/* As far as this worker knows: each finds out by itself which servers are down. */
static const char *tell_health(void *ctx, uint64_t now_ms) {
  struct wiring *w = ctx;
  const struct forward_options *o = forward_options(w->forward);
  const struct upstream *rest = o->routes->rest;
  bool good = rest->count ? !upstream_is_failing(rest) : w->serve.zones != NULL; /* nothing but local zones */
  return health_text(good ? HEALTH_GOOD
                          : health_of_cache_again(&w->health, o->cache, o->policy.max_stale_s, now_ms));
}

void wiring_rebind(const struct settings *s, struct rebind *out) {
  *out = s->forward.rebind;
  for (unsigned i = 0; i < s->forward_count && out->exempt_count < REBIND_NAMES; i++) {
    const struct settings_domain *d = &s->forwards[i].domain;
    struct rebind_name *x = &out->exempt[out->exempt_count++];
    x->len = d->len;
    memcpy(x->octets, d->octets, d->len);
  }
}

/* The forwarder's policy, and the one thing that other settings add to it. */
static void put_forward_policy(struct forward_options *o, const struct settings *s) {
  o->policy = s->forward;
  wiring_rebind(s, &o->policy.rebind);
}

bool wiring_init(struct wiring *w, const struct wiring_parts *parts, const struct wiring_tables *tables,
                 const struct settings *s) {
  struct forward_options o = {.cache = parts->cache,
                              .routes = &tables->routes,
                              .timers = parts->timers,
                              .counters = parts->counters,
                              .waited = parts->waited,
                              .stale_log = parts->stale_log,
                              .seed = parts->seed,
                              .random = parts->random,
                              .is_local = is_local,
                              .local = w,
                              .answer = answer,
                              .answer_ctx = w,
                              .proving = tables->proving};
  if (parts->fleet) o.fleet = *parts->fleet;
  put_forward_policy(&o, s);
  *w = (struct wiring){.forward = forward_new(&o)};
  if (w->forward) w->xmpp = xmpp_new(w->forward, &s->xmpp, parts->budget, parts->guesses);
  w->fault_filter = fault_filter_new(parts->timers, parts->counters);
  w->serve_zones = serve_zones_new();
  if (!w->xmpp || !w->fault_filter || !w->serve_zones) return false;
  xmpp_set_kin(w->xmpp, parts->kin);

  w->serve = (struct query_service){.cache = parts->cache,
                                    .forward = w->forward,
                                    .counters = parts->counters,
                                    .seed = parts->seed,
                                    .serve_zones = w->serve_zones,
                                    .access = tables->access,
                                    .health = tell_health,
                                    .health_ctx = w,
                                    .tap.tap = &w->tap,
                                    .cookie_epoch_s = parts->cookie_epoch_s};
  memcpy(w->serve.cookie_secret, parts->cookie_secret, sizeof w->serve.cookie_secret);
  serve_set_policy(&w->serve, &s->serve);
  walk_listener_init(&w->walks, parts->walk_watch, &w->serve, parts->timers);
  walk_listener_set(&w->walks, s->xmpp.log_walks, false);
  return true;
}

void wiring_set(struct wiring *w, const struct wiring_tables *tables, const struct settings *s) {
  struct forward_options o = *forward_options(w->forward);
  o.routes = &tables->routes;
  o.proving = tables->proving;
  put_forward_policy(&o, s);
  forward_set_options(w->forward, &o);
  xmpp_set_policy(w->xmpp, &s->xmpp);
  w->serve.access = tables->access;
  serve_set_policy(&w->serve, &s->serve);
  walk_listener_set(&w->walks, s->xmpp.log_walks, w->walks.looks);
}

void wiring_look(struct wiring *w, bool looks) { walk_listener_set(&w->walks, w->walks.logs, looks); }

void wiring_set_zones(struct wiring *w, const struct zones *zones) {
  w->serve.zones = zones;
  fault_filter_set_zones(w->fault_filter, zones);
}

void wiring_set_faults(struct wiring *w, const struct faults *faults) {
  fault_filter_set(w->fault_filter, faults);
  w->serve.fault_filter = faults && faults->count ? w->fault_filter : NULL;
}

void wiring_set_tap(struct wiring *w, const struct tap_policy *policy, struct tap_queue *queue) {
  tap_set(&w->tap, policy, queue);
  serve_watch(&w->serve);
}

void wiring_stop(struct wiring *w) {
  if (w->forward) forward_stop(w->forward);
  if (w->fault_filter) fault_filter_stop(w->fault_filter);
  walk_listener_set(&w->walks, false, false);
}

void wiring_free(struct wiring *w) {
  xmpp_free(w->xmpp);
  forward_free(w->forward);
  fault_filter_free(w->fault_filter);
  serve_zones_free(w->serve_zones);
  query_tap_free(&w->serve.tap);
  query_log_free(&w->serve.log);
}
