/* worker.c: one thread that answers. Exports worker_*. */
#include "daemon/worker.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "base/descriptors.h"
#include "base/err.h"
#include "base/log.h"
#include "base/must.h"
#include "base/random.h"
#include "base/timer.h"
#include "loop/watch.h"
#include "server/serve_udp.h"
#include "server/serve_zones.h"
#include "upstream/up_tcp.h"
#include "upstream/up_udp.h"

enum {
  WORKER_MAGIC = 0x776f726b,
  STACK = 512 << 10,
  MANY = 1000,    /* questions in flight, 2 KiB each, and clients that wait for them: worth giving back */
  MUCH = 1 << 20, /* octets that clients over TCP hold */
  GIVE_BACK_EVERY_MS = 5000
};

/* What the settings say of a worker's servers and clients: made anew by a reload. */
struct wiring {
  struct routes routes;
  struct access *access;
  struct chaos chaos;
  struct rebind rebind;
};

struct worker {
  uint32_t magic;
  bool started;
  pthread_t thread;
  uv_loop_t loop;
  uv_async_t stop, mail;
  void (*job)(struct worker *w, void *arg); /* what mail brings */
  void *job_arg;
  uv_sem_t job_done;
  uv_prepare_t turn;
  uv_timer_t timer;
  uint64_t armed_ms; /* when `timer` fires; UINT64_MAX: it does not */
  struct timers timers;
  struct random random;
  bool had_many; /* in flight or waiting, since memory was given back */
  uint64_t gave_back_ms;
  struct list upstreams;        /* all sets of servers, those too that only questions in flight still hold */
  struct wiring *wiring, *next; /* in force; prepared */
  struct forward *forward;
  struct xmpp *xmpp;
  struct fault_filter *fault_filter;
  struct serve_zones *lab_room;
  struct query_service serve;
  struct serve_udp *udp;
  struct serve_tcp *tcp;
  struct latency waited;
  struct counters counters __attribute__((aligned(64))); /* read by other threads: on lines of their own */
};

static struct worker *worker_of(void *data) {
  struct worker *w = data;
  must(w->magic == WORKER_MAGIC);
  return w;
}

/* ---- its turns ---- */

static void on_timer(uv_timer_t *timer) {
  struct worker *w = worker_of(timer->data);
  w->armed_ms = UINT64_MAX;
  timers_run(&w->timers, clock_ms());
  log_flush(false);
}

/* libuv's timer is moved only to fire earlier: firing too early costs less than moving it each turn. */
static void arm_until(struct worker *w, uint64_t due_ms, uint64_t now_ms) {
  if (due_ms >= w->armed_ms) return;
  w->armed_ms = due_ms;
  uv_timer_start(&w->timer, on_timer, due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

static void arm(struct worker *w, uint64_t now_ms) { arm_until(w, timers_next_ms(&w->timers), now_ms); }

/* After a flood, or a time without upstreams; not when that is how it always is. */
static void give_back(struct worker *w, uint64_t now_ms) {
  unsigned open = forward_in_flight(w->forward) + forward_waiting(w->forward);
  size_t held = serve_tcp_held(w->tcp);
  if (open > MANY || held > MUCH) w->had_many = true;
  if (!w->had_many) return;

  uint64_t due_ms = w->gave_back_ms + GIVE_BACK_EVERY_MS;
  if (now_ms < due_ms || open > MANY / 2 || held > MUCH / 2) {
    if (due_ms <= now_ms) due_ms = now_ms + GIVE_BACK_EVERY_MS;
    arm_until(w, due_ms, now_ms); /* nothing else may wake it then */
    return;
  }
  w->had_many = false;
  w->gave_back_ms = now_ms;
  memory_give_back();
}

/* The end of a turn: what it brought leaves together. */
static void on_turn(uv_prepare_t *prepare) {
  struct worker *w = worker_of(prepare->data);
  uint64_t now_ms = clock_ms();
  list_each(node, &w->upstreams) upstream_flush(container(node, struct upstream, link), now_ms);
  serve_udp_flush(w->udp);
  serve_tcp_flush(w->tcp);
  arm(w, now_ms);
  give_back(w, now_ms);
}

/* ---- jobs ---- */

static void on_mail(uv_async_t *async) {
  struct worker *w = worker_of(async->data);
  void (*job)(struct worker *, void *) = __atomic_exchange_n(&w->job, NULL, __ATOMIC_ACQUIRE);
  if (!job) return; /* a wake-up for nothing: libuv allows itself one */
  job(w, w->job_arg);
  uv_sem_post(&w->job_done);
}

void worker_run(struct worker *w, void (*job)(struct worker *w, void *arg), void *arg) {
  if (!w->started) {
    job(w, arg);
    return;
  }
  w->job_arg = arg;
  __atomic_store_n(&w->job, job, __ATOMIC_RELEASE);
  must(uv_async_send(&w->mail) == 0);
  uv_sem_wait(&w->job_done);
}

/* ---- for those who look ---- */

const struct counters *worker_counters(const struct worker *w) { return &w->counters; }
const struct latency *worker_waited(const struct worker *w) { return &w->waited; }
const struct routes *worker_routes(const struct worker *w) { return &w->wiring->routes; }
unsigned worker_in_flight(const struct worker *w) { return forward_in_flight(w->forward); }

void worker_watch(struct worker *w, void (*seen)(void *ctx, const struct question *q), void *ctx) {
  w->serve.seen = seen;
  w->serve.seen_ctx = ctx;
}

/* ---- what settings make of it ---- */

static bool add_server(struct worker *w, struct upstream *u, const union addr *addr) {
  struct ns_address address = {.addr = *addr, .transport = TRANSPORT_UDP};
  struct channel *udp = up_udp_new(&w->loop, addr, &w->counters, &w->random);
  struct channel *tcp = up_tcp_new(&w->loop, addr, &w->counters, &w->random);
  struct channel *channels[TRANSPORTS] = {[TRANSPORT_UDP] = udp, [TRANSPORT_TCP] = tcp};
  if (udp && tcp && upstream_add(u, &address, channels)) return true;
  if (udp) udp->ops->close(udp);
  if (tcp) tcp->ops->close(tcp);
  return false;
}

/* What servers a set is to have. */
struct servers_wanted {
  const union addr *addrs;
  const char (*scopes)[ADDR_SCOPE];
  unsigned count;
  enum upstream_policy policy;
};

static bool is_set_of(const struct upstream *u, const struct servers_wanted *want) {
  unsigned k = 0;
  bool same = u->policy == want->policy;
  for (unsigned i = 0; i < want->count && same; i++) {
    if (!addr_is_here(&want->addrs[i], want->scopes[i])) continue;
    same = k < u->count && addr_equal(&u->servers[k].address.addr, &want->addrs[i]);
    k++;
  }
  return same && k == u->count;
}

static bool names_set(const struct wiring *g, const struct upstream *u) {
  bool names = g && g->routes.rest == u;
  for (unsigned i = 0; g && i < g->routes.count && !names; i++) names = g->routes.list[i].upstream == u;
  return names;
}

/* A set that is there already and may serve again: the one whose place it would take, or one that only
 * questions in flight hold. So reloads that change nothing open nothing, however many they are. NULL: there
 * is none. */
static struct upstream *find_set(struct worker *w, const struct wiring *g, const struct servers_wanted *want,
                                 struct upstream *before) {
  if (before && is_set_of(before, want)) return before;
  list_each(node, &w->upstreams) {
    struct upstream *u = container(node, struct upstream, link);
    if (is_set_of(u, want) && !names_set(w->wiring, u) && !names_set(g, u)) return u;
  }
  return NULL;
}

/* A set of these servers, with what is known of them already, above all to the set in whose place it comes
 * (NULL: there was none), as its counts go on. NULL when memory is out. */
static struct upstream *make_set(struct worker *w, const struct wiring *g, const struct servers_wanted *want,
                                 struct upstream *before) {
  struct upstream *same = find_set(w, g, want, before);
  if (same) return upstream_hold(same);

  struct upstream *u = upstream_new(&w->upstreams, want->policy);
  for (unsigned i = 0; u && i < want->count; i++) {
    if (!addr_is_here(&want->addrs[i], want->scopes[i]) || add_server(w, u, &want->addrs[i])) continue;
    upstream_release(u);
    return NULL;
  }

  list_each(node, &w->upstreams) {
    const struct upstream *old = container(node, struct upstream, link);
    if (u && old != u) upstream_inherit(u, old);
  }

  if (u && before) upstream_inherit(u, before);
  return u;
}

/* The set in force for just that domain; NULL: there is none. */
static struct upstream *set_of(const struct wiring *now, const struct settings_domain *domain) {
  for (unsigned i = 0; now && i < now->routes.count; i++) {
    const struct route *r = &now->routes.list[i];
    if (name_equal(r->name, r->name_len, domain->octets, domain->len)) return r->upstream;
  }
  return NULL;
}

static void wiring_free(struct wiring *g) {
  if (!g) return;
  routes_release(&g->routes);
  access_free(g->access);
  free(g);
}

static struct wiring *wiring_new(struct worker *w, const struct settings *s) {
  struct wiring *g = calloc(1, sizeof *g);
  if (!g) return NULL;
  g->chaos = s->chaos;
  g->routes.max_ttl_s = s->max_ttl_s;
  settings_rebind(s, &g->rebind);
  g->access = access_new(&s->access);
  struct servers_wanted rest = {s->upstreams, s->upstream_scopes, s->upstream_count, s->policy};
  g->routes.rest = make_set(w, g, &rest, w->wiring ? w->wiring->routes.rest : NULL);
  bool good = g->access && g->routes.rest;
  for (unsigned i = 0; i < s->forward_count && good; i++) {
    const struct settings_forward *f = &s->forwards[i];
    struct route *r = &g->routes.list[g->routes.count];
    r->name_len = f->domain.len;
    r->max_ttl_s = f->max_ttl_s;
    memcpy(r->name, f->domain.octets, f->domain.len);
    struct servers_wanted want = {f->upstreams, f->upstream_scopes, f->upstream_count, s->policy};
    r->upstream = make_set(w, g, &want, set_of(w->wiring, &f->domain));
    good = r->upstream != NULL;
    g->routes.count += good;
  }

  if (good) return g;
  wiring_free(g);
  return NULL;
}

static bool is_local(const void *local, const struct question *q) {
  const struct worker *w = local;
  return w->serve.lab && zones_hold(w->serve.lab, q);
}

static int answer(void *ctx, const struct query *q, const struct client *client, uint64_t now_ms,
                  uint8_t *out) {
  return serve_question(ctx, q, client, now_ms, out).len;
}

static struct forward_options forward_options_of(struct worker *w, const struct settings *s,
                                                 struct cache *cache, uint64_t seed) {
  return (struct forward_options){.cache = cache,
                                  .routes = &w->wiring->routes,
                                  .rebind = &w->wiring->rebind,
                                  .timers = &w->timers,
                                  .counters = &w->counters,
                                  .waited = &w->waited,
                                  .seed = seed,
                                  .max_stale_s = s->max_stale_s,
                                  .nxdomain_cut = s->nxdomain_cut,
                                  .trust_ad = s->trust_ad,
                                  .cookies = s->upstream_cookies,
                                  .is_local = is_local,
                                  .local = w,
                                  .answer = answer,
                                  .answer_ctx = &w->serve,
                                  .udp_size = (uint16_t)s->udp_size,
                                  .random = s->case_random ? &w->random : NULL};
}

static void set_serve(struct worker *w, const struct settings *s) {
  struct query_service *e = &w->serve;
  e->max_stale_s = s->max_stale_s;
  e->access = w->wiring->access;
  e->silent = s->access.silent;
  e->chaos = &w->wiring->chaos;
  e->special = s->special;
  e->cookies = s->cookies;
  e->turn_mask = s->rotate ? UINT32_MAX : 0;
  e->idle_ms = s->tcp.idle_ms;
  e->udp_size = (uint16_t)s->udp_size;
  e->log = (struct query_log){.every = s->query_log};
}

bool worker_prepare(struct worker *w, const struct settings *s) {
  must(!w->next);
  w->next = wiring_new(w, s);
  return w->next != NULL;
}

void worker_discard(struct worker *w) {
  wiring_free(w->next);
  w->next = NULL;
}

static bool listen_on(struct worker *w, struct listener *listeners, unsigned n) {
  for (unsigned i = 0; i < n; i++) {
    if (listeners[i].udp < 0) continue; /* its interface comes later */
    if (serve_udp_add(w->udp, &listeners[i]) != 0 || serve_tcp_add(w->tcp, &listeners[i]) != 0) return false;
  }
  return true;
}

void worker_forget_failures(struct worker *w, void *unused) {
  (void)unused;
  forward_forget_failures(w->forward);
}

bool worker_commit(struct worker *w, const struct settings *before, const struct settings *s,
                   struct listener *opened, unsigned n) {
  struct wiring *old = w->wiring;
  const struct forward_options *fo = forward_options(w->forward);

  w->wiring = w->next;
  w->next = NULL;
  access_inherit(w->wiring->access, old->access);
  struct forward_options options = forward_options_of(w, s, fo->cache, fo->seed);
  forward_set_options(w->forward, &options);
  xmpp_set_options(w->xmpp, &s->xmpp);
  set_serve(w, s);
  forward_reroute(w->forward, clock_ms());
  wiring_free(old);
  for (unsigned i = 0; i < before->listen_count; i++) {
    if (settings_listens(s, &before->listen[i])) continue;
    serve_udp_remove(w->udp, &before->listen[i]);
    serve_tcp_remove(w->tcp, &before->listen[i]);
  }

  return listen_on(w, opened, n);
}

/* ---- stop ---- */

/* From the outside in: no new queries, then nobody who waits, then the servers. The loop ends when all
 * handles are closed. */
static void close_all(struct worker *w) {
  if (w->udp) serve_udp_stop(w->udp);
  if (w->tcp) serve_tcp_stop(w->tcp);
  if (w->forward) forward_stop(w->forward);
  if (w->fault_filter) fault_filter_stop(w->fault_filter);
  if (w->udp) serve_udp_close(w->udp);
  if (w->tcp) serve_tcp_close(w->tcp);
  xmpp_free(w->xmpp);
  forward_free(w->forward);
  wiring_free(w->wiring);
  wiring_free(w->next);
  uv_close((uv_handle_t *)&w->stop, NULL);
  uv_close((uv_handle_t *)&w->mail, NULL);
  uv_close((uv_handle_t *)&w->turn, NULL);
  uv_close((uv_handle_t *)&w->timer, NULL);
}

static void on_stop(uv_async_t *async) { close_all(worker_of(async->data)); }

static void worker_free(struct worker *w) {
  uv_run(&w->loop, UV_RUN_DEFAULT); /* the last callbacks, where the thread did not run them */
  must(uv_loop_close(&w->loop) == 0);
  serve_zones_free(w->lab_room);
  uv_sem_destroy(&w->job_done);
  fault_filter_free(w->fault_filter);
  timers_close(&w->timers);
  w->magic = 0;
  free(w);
}

void worker_stop(struct worker *w, struct counters *sum) {
  if (w->started) {
    uv_async_send(&w->stop);
    must(pthread_join(w->thread, NULL) == 0);
  } else {
    close_all(w);
  }
  if (sum) counters_sum(sum, &w->counters);
  worker_free(w);
}

/* ---- start ---- */

static bool wire_forward(struct worker *w, const struct settings *s, const struct worker_common *common) {
  w->wiring = wiring_new(w, s);
  if (!w->wiring) return false;
  struct forward_options options = forward_options_of(w, s, common->cache, common->seed);
  w->forward = forward_new(&options);
  if (w->forward) w->xmpp = xmpp_new(w->forward, &s->xmpp, common->budget);
  return w->xmpp != NULL;
}

void worker_set_faults(struct worker *w, const struct faults *faults) {
  fault_filter_set(w->fault_filter, faults);
  w->serve.fault_filter = faults && faults->count ? w->fault_filter : NULL;
}

void worker_set_zones(struct worker *w, const struct zones *lab) { w->serve.lab = lab; }

/* The bounds are the daemon's: the kernel spreads connections over the workers, so each has its share. */
static struct serve_tcp_options share_of(const struct serve_tcp_options *all, unsigned threads) {
  enum {
    HOST_MIN = 8,
    HELD_MIN = 2 << 20 /* a quarter is one host's: more than a connection holds before it is held up */
  };
  struct serve_tcp_options o = *all;
  o.connections = (all->connections + threads - 1) / threads;
  o.per_host = (all->per_host + threads - 1) / threads;
  if (o.per_host < HOST_MIN && all->per_host > o.per_host)
    o.per_host = all->per_host < HOST_MIN ? all->per_host : HOST_MIN;
  o.held = all->held / threads;
  if (o.held < HELD_MIN && all->held > o.held) o.held = HELD_MIN;
  return o;
}

static bool wire_server(struct worker *w, const struct settings *s, const struct worker_common *common,
                        struct listener *listeners) {
  w->fault_filter = fault_filter_new(&w->timers, &w->counters);
  w->lab_room = serve_zones_new();
  if (!w->fault_filter || !w->lab_room) return false;
  w->serve = (struct query_service){.cache = common->cache,
                                    .forward = w->forward,
                                    .counters = &w->counters,
                                    .seed = common->seed,
                                    .lab = common->lab,
                                    .lab_room = w->lab_room,
                                    .cookie_epoch_s = (uint32_t)(clock_epoch_ms() / 1000)};
  memcpy(w->serve.cookie_secret, common->cookie_secret, sizeof w->serve.cookie_secret);
  set_serve(w, s);
  w->udp = serve_udp_new(&w->loop, &w->serve);
  struct serve_tcp_options tcp = share_of(&s->tcp, s->threads);
  tcp.descriptors = descriptors_for_clients();
  w->tcp = serve_tcp_new(&w->loop, &w->serve, &tcp);
  return w->udp && w->tcp && listen_on(w, listeners, s->listen_count);
}

static bool open_handles(struct worker *w) {
  if (watch_try(&w->loop) < 0) return false;
  if (uv_async_init(&w->loop, &w->stop, on_stop) != 0) return false;
  must(uv_async_init(&w->loop, &w->mail, on_mail) == 0); /* shares what the first one made */
  must(uv_prepare_init(&w->loop, &w->turn) == 0 && uv_timer_init(&w->loop, &w->timer) == 0);
  must(uv_prepare_start(&w->turn, on_turn) == 0);
  w->stop.data = w->mail.data = w->turn.data = w->timer.data = w;
  return true;
}

/* e: why, negative as libuv's; 0: out of memory or descriptors, no matter which. */
static struct worker *fail(struct listener *listeners, unsigned n, int e) {
  log_error("worker", "%s%s", e ? uv_strerror(e) : "out of memory or file descriptors", err_hint(-e));
  for (unsigned i = 0; i < n; i++) listen_close(&listeners[i]);
  return NULL;
}

struct worker *worker_new(const struct settings *settings, const struct worker_common *common,
                          struct listener *listeners) {
  struct worker *w = aligned_alloc(64, (sizeof *w + 63) / 64 * 64);
  if (!w) return fail(listeners, settings->listen_count, UV_ENOMEM);
  memset(w, 0, sizeof *w);
  w->magic = WORKER_MAGIC;
  w->armed_ms = UINT64_MAX;
  timers_init(&w->timers);
  list_init(&w->upstreams);
  int e = uv_loop_init(&w->loop);
  if (e) {
    free(w);
    return fail(listeners, settings->listen_count, e);
  }

  must(uv_sem_init(&w->job_done, 0) == 0);
  if (!open_handles(w)) {
    worker_free(w);
    return fail(listeners, settings->listen_count, 0);
  }

  if (wire_forward(w, settings, common) && wire_server(w, settings, common, listeners)) return w;
  worker_stop(w, NULL);
  return fail(listeners, settings->listen_count, 0);
}

static void *run(void *arg) {
  struct worker *w = worker_of(arg);
  uv_run(&w->loop, UV_RUN_DEFAULT);
  return NULL;
}

bool worker_start(struct worker *w) {
  pthread_attr_t attr;
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, STACK);
  int e = pthread_create(&w->thread, &attr, run, w);
  pthread_attr_destroy(&attr);
  w->started = e == 0;
  if (e) log_error("worker", "no thread: %s%s", strerror(e), err_hint(e));
  return w->started;
}
