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
#include "daemon/engine_name.h"
#include "daemon/tables.h"
#include "dnssec/judge.h"
#include "forward/discovery.h"
#include "loop/watch.h"
#include "server/serve_udp.h"

enum {
  WORKER_MAGIC = 0x776f726b,
  STACK = 512 << 10,
  MANY = 1000,    /* questions in flight, 2 KiB each, and clients that wait for them: worth giving back */
  MUCH = 1 << 20, /* octets that clients over TCP hold */
  GIVE_BACK_EVERY_MS = 5000
};

struct worker {
  uint32_t magic;
  bool started;
  pthread_t thread;
  uv_loop_t loop;
  uv_async_t stop, wake; /* wake: there is a task */
  void (*task)(struct worker *w, void *arg);
  void *task_arg;
  uv_sem_t task_done;
  uv_prepare_t iteration; /* each of the loop's */
  uv_timer_t timer;
  uint64_t armed_ms; /* when `timer` fires; UINT64_MAX: it does not */
  struct timers timers;
  struct random random;
  bool had_many; /* in flight or waiting, since memory was given back */
  uint64_t gave_back_ms;
  struct tables_sets sets;
  struct wiring_tables *tables, *next; /* in force; prepared */
  struct prover *prover;               /* borrowed */
  struct judge *judge,
      *next_judge; /* owned, in force; prepared, may be the same one. NULL: nothing is proven */
  const struct anchors *anchors, *next_anchors; /* theirs */
  struct discovery discovery;
  struct wiring wiring;
  struct member_thread member;
  struct engine_name engine_name;
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

/* ---- its loop ---- */

static void on_timer(uv_timer_t *timer) {
  struct worker *w = worker_of(timer->data);
  w->armed_ms = UINT64_MAX;
  timers_run(&w->timers, clock_ms());
  log_flush(false);
}

/* libuv's timer is moved only to fire earlier: firing too early costs less than moving it in each iteration.
 */
static void arm_until(struct worker *w, uint64_t due_ms, uint64_t now_ms) {
  if (due_ms >= w->armed_ms) return;
  w->armed_ms = due_ms;
  uv_timer_start(&w->timer, on_timer, due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

static void arm(struct worker *w, uint64_t now_ms) { arm_until(w, timers_next_ms(&w->timers), now_ms); }

/* After a flood, or a time without upstreams; not when that is how it always is. */
static void give_back(struct worker *w, uint64_t now_ms) {
  unsigned open = forward_in_flight(w->wiring.forward) + forward_waiting(w->wiring.forward);
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

/* The end of an iteration: what it brought leaves together. */
static void on_iteration(uv_prepare_t *prepare) {
  struct worker *w = worker_of(prepare->data);
  uint64_t now_ms = clock_ms();
  list_each(node, &w->sets.list) upstream_flush(container(node, struct upstream, link), now_ms);
  if (w->member.link) line_flush(w->member.link, now_ms);
  serve_udp_flush(w->udp);
  serve_tcp_flush(w->tcp);
  arm(w, now_ms);
  give_back(w, now_ms);
}

/* ---- tasks ---- */

static void on_wake(uv_async_t *async) {
  struct worker *w = worker_of(async->data);
  void (*task)(struct worker *, void *) = __atomic_exchange_n(&w->task, NULL, __ATOMIC_ACQUIRE);
  if (!task) return; /* a wake-up for nothing: libuv allows itself one */
  task(w, w->task_arg);
  uv_sem_post(&w->task_done);
}

void worker_run(struct worker *w, void (*task)(struct worker *w, void *arg), void *arg) {
  if (!w->started) {
    task(w, arg);
    return;
  }
  w->task_arg = arg;
  __atomic_store_n(&w->task, task, __ATOMIC_RELEASE);
  must(uv_async_send(&w->wake) == 0);
  uv_sem_wait(&w->task_done);
}

/* ---- for those who look ---- */

const struct counters *worker_counters(const struct worker *w) { return &w->counters; }
const struct latency *worker_waited(const struct worker *w) { return &w->waited; }
const struct routes *worker_routes(const struct worker *w) { return &w->tables->routes; }
const struct forward_options *worker_forward_options(const struct worker *w) {
  return forward_options(w->wiring.forward);
}
struct member_thread *worker_member(struct worker *w) {
  return &w->member;
}
unsigned worker_in_flight(const struct worker *w) { return forward_in_flight(w->wiring.forward); }

const struct domains *worker_domains(const struct worker *w) { return xmpp_domains(w->wiring.xmpp); }

void worker_revive(struct worker *w, void *list) { xmpp_revive(w->wiring.xmpp, list, clock_ms()); }

void worker_watch(struct worker *w, void (*seen)(void *ctx, const struct question *q), void *ctx) {
  w->wiring.serve.on_question = seen;
  w->wiring.serve.on_question_ctx = ctx;
}

void worker_look(struct worker *w, bool looks) { wiring_look(&w->wiring, looks); }

/* ---- what settings make of it ---- */

/* One for these anchors; the one that there is, with all that it knows of zones, where they are the same;
 * none without any. */
static bool prepare_judge(struct worker *w, const struct anchors *anchors) {
  w->next_anchors = anchors;
  w->next_judge = anchors == w->anchors ? w->judge : anchors ? judge_new(w->prover->verifier, anchors) : NULL;
  return w->next_judge || !anchors;
}

static void use_judge(struct worker *w) {
  if (w->next_judge != w->judge) judge_free(w->judge);
  w->judge = w->next_judge;
  w->anchors = w->next_anchors;
  w->next_judge = NULL;
}

static void discard_judge(struct worker *w) {
  if (w->next_judge != w->judge) judge_free(w->next_judge);
  w->next_judge = NULL;
}

static struct wiring_tables *make_tables(struct worker *w, const struct wiring_tables *now,
                                         const struct settings *s) {
  struct wiring_tables *t = tables_new(&w->sets, now, s);
  if (t)
    t->proving = (struct proving){
        .judge = w->next_judge, .log = &w->prover->log, .clock_s = prover_clock_s, .clock_ctx = w->prover};
  return t;
}

bool worker_prepare(struct worker *w, const struct settings *s, const struct worker_outside *outside) {
  must(!w->next);
  w->sets.trust = outside->trust;
  w->sets.http = outside->http;
  if (prepare_judge(w, outside->anchors)) w->next = make_tables(w, w->tables, s);
  return w->next != NULL;
}

void worker_discard(struct worker *w) {
  discard_judge(w);
  tables_free(w->next);
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
  forward_forget_failures(w->wiring.forward);
  forward_forget_zones(w->wiring.forward);
}

bool worker_commit(struct worker *w, const struct settings *before, const struct settings *s,
                   struct listener *opened, unsigned n) {
  struct wiring_tables *old = w->tables;

  w->tables = w->next;
  w->next = NULL;
  access_inherit(w->tables->access, old->access);
  wiring_set(&w->wiring, w->tables, s);
  use_judge(w);
  if (w->member.link) line_use_trust(w->member.link, w->sets.trust);
  forward_reroute(w->wiring.forward, clock_ms());
  discovery_use(&w->discovery, &w->tables->routes, clock_ms());
  tables_free(old);

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
  discovery_stop(&w->discovery);
  w->engine_name.is_over = true;
  wiring_stop(&w->wiring);
  member_thread_stop(&w->member, clock_ms());
  if (w->udp) serve_udp_close(w->udp);
  if (w->tcp) serve_tcp_close(w->tcp);
  wiring_free(&w->wiring);
  tables_free(w->tables);
  tables_free(w->next);
  discard_judge(w);
  judge_free(w->judge);
  uv_close((uv_handle_t *)&w->stop, NULL);
  uv_close((uv_handle_t *)&w->wake, NULL);
  uv_close((uv_handle_t *)&w->iteration, NULL);
  uv_close((uv_handle_t *)&w->timer, NULL);
}

static void on_stop(uv_async_t *async) { close_all(worker_of(async->data)); }

static void worker_free(struct worker *w) {
  uv_run(&w->loop, UV_RUN_DEFAULT); /* the last callbacks, where the thread did not run them */
  must(uv_loop_close(&w->loop) == 0);
  member_thread_free(&w->member);
  uv_sem_destroy(&w->task_done);
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

void worker_set_faults(struct worker *w, const struct faults *faults) {
  wiring_set_faults(&w->wiring, faults);
}

void worker_set_tap(struct worker *w, const struct tap_policy *policy, struct tap_queue *queue) {
  wiring_set_tap(&w->wiring, policy, queue);
}

void worker_set_zones(struct worker *w, const struct zones *zones) { wiring_set_zones(&w->wiring, zones); }

/* The bounds are the daemon's: the kernel spreads connections over the workers, so each has its share. */
static struct serve_tcp_policy share_of(const struct serve_tcp_policy *all, unsigned threads) {
  enum {
    HOST_MIN = 8,
    HELD_MIN = 2 << 20 /* a quarter is one host's: more than a connection holds before it is held up */
  };
  struct serve_tcp_policy o = *all;
  o.connections = (all->connections + threads - 1) / threads;
  o.per_host = (all->per_host + threads - 1) / threads;
  if (o.per_host < HOST_MIN && all->per_host > o.per_host)
    o.per_host = all->per_host < HOST_MIN ? all->per_host : HOST_MIN;
  o.held = all->held / threads;
  if (o.held < HELD_MIN && all->held > o.held) o.held = HELD_MIN;
  return o;
}

/* Its part of a fleet's member, which begins to connect with the loop's first turn. */
static bool join_fleet(struct worker *w, const struct worker_common *common, struct wiring_parts *parts) {
  struct member_parts member = {.loop = &w->loop,
                                .timers = &w->timers,
                                .random = &w->random,
                                .counters = &w->counters,
                                .find = engine_name_find,
                                .find_ctx = &w->engine_name};
  if (!common->member) return true;
  if (!member_thread_init(&w->member, common->member, &member)) return false;
  w->engine_name = (struct engine_name){.serve = &w->wiring.serve, .link = w->member.link};
  parts->fleet = share_fleet(w->member.share);
  return true;
}

/* The modules first, then the sockets that let clients in. */
static bool wire(struct worker *w, const struct settings *s, const struct worker_common *common,
                 struct listener *listeners) {
  struct wiring_parts parts = {.cache = common->cache,
                               .seed = common->seed,
                               .timers = &w->timers,
                               .counters = &w->counters,
                               .waited = &w->waited,
                               .random = &w->random,
                               .budget = common->budget,
                               .guesses = common->guesses,
                               .kin = common->kin,
                               .stale_log = common->stale_log,
                               .walk_watch = common->walk_watch,
                               .cookie_epoch_s = (uint32_t)(clock_epoch_ms() / 1000)};
  memcpy(parts.cookie_secret, common->cookie_secret, sizeof parts.cookie_secret);
  w->sets.trust = common->trust;
  w->sets.http = common->http;
  w->had_many = common->trust != NULL; /* handshakes take much that nobody needs later */
  w->gave_back_ms = clock_ms();
  w->prover = common->prover;
  if (prepare_judge(w, common->prover->anchors)) w->tables = make_tables(w, NULL, s);
  use_judge(w);
  if (!w->tables || !join_fleet(w, common, &parts) || !wiring_init(&w->wiring, &parts, w->tables, s))
    return false;
  wiring_set_zones(&w->wiring, common->zones);
  discovery_use(&w->discovery, &w->tables->routes, clock_ms());
  if (w->member.link) line_start(w->member.link, clock_ms());

  struct serve_tcp_policy tcp = share_of(&s->tcp, s->threads);
  tcp.descriptors = descriptors_for_clients();
  w->udp = serve_udp_new(&w->loop, &w->wiring.serve);
  w->tcp = serve_tcp_new(&w->loop, &w->wiring.serve, &tcp);
  return w->udp && w->tcp && listen_on(w, listeners, s->listen_count);
}

static bool open_handles(struct worker *w) {
  if (watch_try(&w->loop) < 0) return false;
  if (uv_async_init(&w->loop, &w->stop, on_stop) != 0) return false;
  must(uv_async_init(&w->loop, &w->wake, on_wake) == 0); /* shares what the first one made */
  must(uv_prepare_init(&w->loop, &w->iteration) == 0 && uv_timer_init(&w->loop, &w->timer) == 0);
  must(uv_prepare_start(&w->iteration, on_iteration) == 0);
  w->stop.data = w->wake.data = w->iteration.data = w->timer.data = w;
  return true;
}

/* e: why, negative as libuv's; 0: out of memory or descriptors, no matter which. */
static struct worker *fail(struct listener *listeners, unsigned n, int e) {
  log_error("daemon", "%s%s", e ? uv_strerror(e) : "out of memory or file descriptors", err_hint(-e));
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
  w->sets = (struct tables_sets){
      .loop = &w->loop, .counters = &w->counters, .random = &w->random, .tap = &w->wiring.tap};
  list_init(&w->sets.list);
  discovery_init(&w->discovery, &w->timers, &w->counters, tables_open_way, &w->sets);
  int e = uv_loop_init(&w->loop);
  if (e) {
    free(w);
    return fail(listeners, settings->listen_count, e);
  }

  must(uv_sem_init(&w->task_done, 0) == 0);
  if (!open_handles(w)) {
    worker_free(w);
    return fail(listeners, settings->listen_count, 0);
  }

  if (wire(w, settings, common, listeners)) return w;
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
  if (e) log_error("daemon", "no thread: %s%s", strerror(e), err_hint(e));
  return w->started;
}
