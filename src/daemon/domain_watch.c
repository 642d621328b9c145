/* domain_watch.c: the busiest XMPP domains of all workers, while somebody looks. Exports domain_watch_*. */
#include "daemon/domain_watch.h"

#include <stdlib.h>

#include "base/must.h"

static void note(void *ctx, const struct question *q) { busy_note(ctx, q); }

static void start(struct worker *w, void *arg) { worker_watch(w, note, arg); }

static void stop(struct worker *w, void *arg) {
  (void)arg;
  worker_watch(w, NULL, NULL);
}

static void forget(struct domain_watch *d) {
  for (unsigned i = 0; i < SETTINGS_THREADS; i++) {
    if (d->busy[i]) worker_run(d->workers->of[i], stop, NULL);
    free(d->busy[i]);
    d->busy[i] = NULL;
  }
}

static void on_over(uv_timer_t *timer) { forget(timer->data); }

void domain_watch_init(struct domain_watch *d, uv_loop_t *loop) {
  must(uv_timer_init(loop, &d->over) == 0);
  d->over.data = d;
  d->has_timer = true;
}

void domain_watch_look(struct domain_watch *d, struct workers *workers) {
  d->workers = workers;
  uv_timer_start(&d->over, on_over, DOMAIN_WATCH_MS, 0);
  for (unsigned i = 0; i < workers->count; i++) {
    if (d->busy[i]) continue;
    d->busy[i] = calloc(1, sizeof *d->busy[i]);
    if (d->busy[i]) worker_run(workers->of[i], start, d->busy[i]);
  }
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

void domain_watch_sum(struct domain_watch *d, struct busy *sum) {
  for (unsigned i = 0; i < SETTINGS_THREADS; i++) {
    if (d->busy[i]) worker_run(d->workers->of[i], look_at, &(struct look){sum, d->busy[i]});
  }
}

void domain_watch_stop(struct domain_watch *d) {
  forget(d);
  if (!d->has_timer) return;
  d->has_timer = false;
  uv_close((uv_handle_t *)&d->over, NULL);
}
