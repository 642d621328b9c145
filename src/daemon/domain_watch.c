/* domain_watch.c: the busiest XMPP domains of all workers, while somebody looks. Exports domain_watch_*. */
#include "daemon/domain_watch.h"

#include <stdlib.h>

#include "base/must.h"

static void note(void *ctx, const struct question *q) { busy_note(ctx, q); }

static void start(struct worker *w, void *arg) { worker_watch(w, note, arg); }

static void start_walks(struct worker *w, void *arg) {
  (void)arg;
  worker_look(w, true);
}

static void stop(struct worker *w, void *arg) {
  (void)arg;
  worker_watch(w, NULL, NULL);
  worker_look(w, false);
}

static void forget(struct domain_watch *d) {
  for (unsigned i = 0; i < SETTINGS_THREADS; i++) {
    if (d->busy[i] || (d->has_walks && i < d->workers->count)) worker_run(d->workers->of[i], stop, NULL);
    free(d->busy[i]);
    d->busy[i] = NULL;
  }
  if (d->has_walks) walk_watch_look(d->walk_watch, false);
  d->has_walks = false;
}

static void on_over(uv_timer_t *timer) { forget(timer->data); }

void domain_watch_init(struct domain_watch *d, uv_loop_t *loop, struct walk_watch *walk_watch) {
  d->walk_watch = walk_watch;
  must(uv_timer_init(loop, &d->over) == 0);
  d->over.data = d;
  d->has_timer = true;
}

void domain_watch_look(struct domain_watch *d, struct workers *workers, enum domain_watch_depth depth) {
  d->workers = workers;
  uv_timer_start(&d->over, on_over, DOMAIN_WATCH_MS, 0);
  for (unsigned i = 0; i < workers->count; i++) {
    if (d->busy[i]) continue;
    d->busy[i] = calloc(1, sizeof *d->busy[i]);
    if (d->busy[i]) worker_run(workers->of[i], start, d->busy[i]);
  }

  if (depth != DOMAIN_WATCH_WALKS || d->has_walks) return;
  d->has_walks = true;
  walk_watch_look(d->walk_watch, true);
  workers_each(workers, start_walks, NULL);
}

struct look {
  struct busy *sum;
  const struct busy *from;
};

static void look_at(struct worker *w, void *arg) {
  const struct look *l = arg;
  (void)w;
  busy_add(l->sum, l->from);
}

void domain_watch_sum(struct domain_watch *d, struct busy *busy, struct contacts *contacts) {
  for (unsigned i = 0; i < SETTINGS_THREADS; i++) {
    if (d->busy[i]) worker_run(d->workers->of[i], look_at, &(struct look){busy, d->busy[i]});
  }
  walk_watch_contacts(d->walk_watch, contacts);
}

void domain_watch_stop(struct domain_watch *d) {
  forget(d);
  if (!d->has_timer) return;
  d->has_timer = false;
  uv_close((uv_handle_t *)&d->over, NULL);
}
