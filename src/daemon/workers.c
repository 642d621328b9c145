/* workers.c: what is done to all workers. Exports workers_*. */
#include "daemon/workers.h"

#include <pthread.h>
#include <signal.h>

bool workers_make(struct workers *all, const struct settings *s, const struct worker_common *common,
                  struct listeners *listeners) {
  while (all->count < s->threads) {
    struct worker *w = worker_new(s, common, listeners->of[all->count]);
    if (!w) return false;
    all->of[all->count++] = w;
  }
  return true;
}

/* The threads leave signals to the main thread. */
bool workers_start(struct workers *all) {
  sigset_t signals, before;
  bool started = true;
  sigfillset(&signals);
  pthread_sigmask(SIG_SETMASK, &signals, &before);
  for (unsigned i = 0; i < all->count && started; i++) started = worker_start(all->of[i]);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return started;
}

void workers_each(struct workers *all, void (*task)(struct worker *w, void *arg), void *arg) {
  for (unsigned i = 0; i < all->count; i++) worker_run(all->of[i], task, arg);
}

/* ---- other settings ---- */

struct change {
  const struct settings *before, *settings;
  struct listeners *listeners;
  unsigned nth; /* of the workers */
  bool good;
  const struct worker_outside *outside;
};

static void prepare(struct worker *w, void *arg) {
  struct change *c = arg;
  if (c->good) c->good = worker_prepare(w, c->settings, c->outside);
}

static void discard(struct worker *w, void *arg) {
  (void)arg;
  worker_discard(w);
}

static void commit(struct worker *w, void *arg) {
  struct change *c = arg;
  struct listener *opened = c->listeners ? c->listeners->of[c->nth++] : NULL;
  unsigned count = c->listeners ? c->listeners->count : 0;
  if (!worker_commit(w, c->before, c->settings, opened, count)) c->good = false;
}

bool workers_prepare(struct workers *all, const struct settings *s, const struct worker_outside *outside) {
  struct change c = {.settings = s, .good = true, .outside = outside};
  workers_each(all, prepare, &c);
  if (!c.good) workers_each(all, discard, NULL);
  return c.good;
}

bool workers_commit(struct workers *all, const struct settings *before, const struct settings *s,
                    struct listeners *listeners) {
  struct change c = {.before = before, .settings = s, .listeners = listeners, .good = true};
  workers_each(all, commit, &c);
  return c.good;
}

static void set_zones(struct worker *w, void *zones) { worker_set_zones(w, zones); }

void workers_set_zones(struct workers *all, struct zones *zones) { workers_each(all, set_zones, zones); }

static void set_faults(struct worker *w, void *faults) { worker_set_faults(w, faults); }

void workers_set_faults(struct workers *all, struct faults *faults) { workers_each(all, set_faults, faults); }

/* ---- sums ---- */

void workers_waited(const struct workers *all, struct latency *sum) {
  for (unsigned i = 0; i < all->count; i++) latency_sum(sum, worker_waited(all->of[i]));
}

void workers_stop(struct workers *all, struct counters *sum) {
  for (unsigned i = 0; i < all->count; i++) worker_stop(all->of[i], sum);
  all->count = 0;
}
