/* control_daemon.c: a daemon without threads for the daemon's commands. Exports stub_*, and in the stead of
 * daemon.c, reload.c, workers.c and worker.c what the commands ask of them. */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/reload.h"
#include "fuzz/control.h"
#include "fuzz/fuzz.h"
#include "fuzz/resolver.h"

struct worker {
  struct resolver *resolver;
  struct latency waited;
};

static struct worker worker;
static struct daemon daemon_made;

/* ---- the worker ---- */

void worker_run(struct worker *w, void (*task)(struct worker *w, void *arg), void *arg) { task(w, arg); }
void worker_forget_failures(struct worker *w, void *unused) {
  (void)unused;
  forward_forget_failures(w->resolver->forward);
}

const struct counters *worker_counters(const struct worker *w) { return &w->resolver->counters; }
const struct latency *worker_waited(const struct worker *w) { return &w->waited; }
const struct routes *worker_routes(const struct worker *w) { return &w->resolver->routes; }
const struct forward_options *worker_forward_options(const struct worker *w) {
  return forward_options(w->resolver->forward);
}
/* It is in no fleet, so nobody asks. */
struct member_thread *worker_member(struct worker *w) {
  return (void)w, NULL;
}
const struct domains *worker_domains(const struct worker *w) { return xmpp_domains(w->resolver->xmpp); }
unsigned worker_in_flight(const struct worker *w) { return forward_in_flight(w->resolver->forward); }

/* Who watches sees each question once, at once. */
void worker_watch(struct worker *w, void (*seen)(void *ctx, const struct question *q), void *ctx) {
  struct question q;
  must(w == &worker);
  for (unsigned i = 0; seen && i < warm_count; i++) {
    question_of(&q, warm_questions[i].name, warm_questions[i].type);
    seen(ctx, &q);
  }
}

void worker_look(struct worker *w, bool looks) {
  (void)looks;
  must(w == &worker);
}

/* ---- the daemon ---- */

void tapping_count(const struct tapping *t, struct counters *sum) { (void)t, (void)sum; }

void workers_each(struct workers *all, void (*task)(struct worker *w, void *arg), void *arg) {
  task(all->of[0], arg);
}

void workers_set_faults(struct workers *all, struct faults *faults) { must(all->of[0] == &worker && faults); }

void workers_waited(const struct workers *all, struct latency *sum) { latency_sum(sum, &all->of[0]->waited); }

void daemon_counters(struct daemon *d, struct counters *sum) {
  *sum = (struct counters){0};
  counters_sum(sum, worker_counters(d->workers.of[0]));
}

/* There is no snapshot. */
void snapshotter_flushed(struct snapshotter *k) { must(!k); }

/* Every second one succeeds. */
bool reload_settings(struct daemon *d, FILE *err) {
  d->reloaded_ms = clock_ms();
  d->reload_failed = !d->reload_failed;
  if (d->reload_failed) fputs("a \"wrong\" \\ line\n\n\x01\x7f\xff\xc3\n", err);
  return !d->reload_failed;
}

/* ---- for the target ---- */

struct daemon *stub_daemon(void) {
  return &daemon_made;
}

struct commands *stub_start(int listener) {
  static const struct resolver_options o;
  struct daemon *d = &daemon_made;
  if (!worker.resolver) {
    worker.resolver = resolver_new(&o);
    warm_up(worker.resolver->cache);
    d->cache = worker.resolver->cache;
    d->seed = KIT_SEED;
    walk_watch_init(&d->walk_watch, KIT_SEED);
    d->workers.of[0] = &worker;
    d->workers.count = 1;
    d->settings.listen_count = 1;
    must(addr_parse("192.0.2.1", 53, &d->settings.listen[0]));
  }
  d->control = (struct control_socket){.fd = listener, .path = "/"};
  domain_watch_init(&d->domain_watch, &d->loop, &d->walk_watch);
  return commands_start(d);
}

void stub_stop(struct commands *c) {
  commands_stop(c);
  domain_watch_stop(&daemon_made.domain_watch);
}

void stub_begin(void) {
  struct daemon *d = &daemon_made;
  struct cache_stats stats;
  log_set_level(LOG_ERROR);
  fault_rules_free(&d->faults);
  d->reload_failed = false;
  d->reloaded_ms = 0;
  d->started_ms = clock_ms();
  cache_stats(d->cache, &stats);
  if (!stats.entries) warm_up(d->cache);
}
