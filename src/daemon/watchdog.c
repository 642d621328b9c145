/* watchdog.c: signs of life for systemd. Exports watchdog_*. */
#include "daemon/watchdog.h"

#include "base/must.h"
#include "ops/notify.h"

static void do_nothing(struct worker *w, void *arg) {
  (void)w;
  (void)arg;
}

/* Each worker has to come by: one that is stuck keeps this thread here, and systemd hears nothing more. */
static void on_timer(uv_timer_t *timer) {
  struct watchdog *w = timer->data;
  workers_each(w->workers, do_nothing, NULL);
  notify(NOTIFY_ALIVE, NULL);
}

bool watchdog_start(struct watchdog *w, uv_loop_t *loop, struct workers *workers) {
  uint64_t every_ms = notify_alive_every_ms();
  if (!every_ms) return false;
  w->workers = workers;
  must(uv_timer_init(loop, &w->timer) == 0);
  w->timer.data = w;
  uv_timer_start(&w->timer, on_timer, every_ms, every_ms);
  return true;
}

void watchdog_stop(struct watchdog *w) { uv_close((uv_handle_t *)&w->timer, NULL); }
