/* jidnsd.c: the daemon, from its options to its ordered stop. */
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <uv.h>

#include "base/descriptors.h"
#include "base/log_out.h"
#include "base/must.h"
#include "daemon/commands.h"
#include "daemon/health.h"
#include "daemon/metrics.h"
#include "daemon/reload.h"
#include "daemon/watchdog.h"
#include "ops/notify.h"

/* ---- start ---- */

/* Whatever the level: who started it waits for this line. */
static void say_ready(const struct settings *s) {
  static const char ready[] = "jidnsd ready: listening on %s (udp, tcp), upstream %s";
  char listen[SETTINGS_LIST_TEXT], upstream[SETTINGS_LIST_TEXT], text[2 * SETTINGS_LIST_TEXT + sizeof ready];
  settings_list(s->listen, s->listen_count, listen);
  settings_list_servers(&s->upstream, upstream);
  snprintf(text, sizeof text, ready, listen, s->upstream.count ? upstream : "none");
  if (s->log.format == LOG_JSON) log_info("daemon", "%s", text);
  else log_plain(text);
  notify(NOTIFY_READY, text + sizeof "jidnsd ready:");
}

/* ---- until a signal comes ---- */

static void on_signal(uv_signal_t *handle, int number) {
  struct daemon *d = handle->data;
  log_info("daemon", "stopping: %s", number == SIGTERM ? "SIGTERM" : "SIGINT");
  notify(NOTIFY_STOPPING, NULL);
  uv_stop(&d->loop);
}

struct signals {
  uv_signal_t term, interrupt, hangup;
  uv_timer_t reload; /* runs out once all hangups that are there were taken: they are one reload */
};

/* Those that come while it starts wait: the loop that takes them is made only when system calls are filtered.
 * Those that come while it stops change nothing any more: they must not end it before the cache is saved. */
static void hold_signals(int how) {
  sigset_t held;
  sigemptyset(&held);
  sigaddset(&held, SIGTERM);
  sigaddset(&held, SIGINT);
  sigaddset(&held, SIGHUP);
  must(pthread_sigmask(how, &held, NULL) == 0);
}

static void on_reload(uv_timer_t *timer) { reload_settings_logged(timer->data, "SIGHUP"); }

static void on_hangup(uv_signal_t *handle, int number) {
  struct signals *s = container(handle, struct signals, hangup);
  (void)number;
  uv_timer_start(&s->reload, on_reload, 0, 0);
}

static void watch_signals(struct signals *s, struct daemon *d) {
  must(uv_timer_init(&d->loop, &s->reload) == 0);
  s->reload.data = d;
  must(uv_signal_init(&d->loop, &s->term) == 0 && uv_signal_init(&d->loop, &s->interrupt) == 0 &&
       uv_signal_init(&d->loop, &s->hangup) == 0);
  s->term.data = s->interrupt.data = s->hangup.data = d;
  must(uv_signal_start(&s->term, on_signal, SIGTERM) == 0 &&
       uv_signal_start(&s->interrupt, on_signal, SIGINT) == 0 &&
       uv_signal_start(&s->hangup, on_hangup, SIGHUP) == 0);
  hold_signals(SIG_UNBLOCK);
}

static void unwatch_signals(struct signals *s) {
  uv_close((uv_handle_t *)&s->term, NULL);
  uv_close((uv_handle_t *)&s->interrupt, NULL);
  uv_close((uv_handle_t *)&s->hangup, NULL);
  uv_close((uv_handle_t *)&s->reload, NULL);
}

/* ---- the end ---- */

static void log_counters(const struct counters *sum) {
  for (unsigned i = 0; i < COUNTER_COUNT; i++) {
    uint64_t value = counter_at(sum, i);
    if (value) log_debug("daemon", "%s %llu", counter_infos[i].field, (unsigned long long)value);
  }
}

static void log_cache(struct cache *c) {
  struct cache_stats s;
  cache_stats(c, &s);
  log_debug("daemon",
            "cache: %zu entries, %zu of %zu octets, %llu evicted; unused: %llu prefetched for c2s, "
            "%llu for s2s, %llu renewed",
            s.entries, s.octets, s.limit, (unsigned long long)s.evicted,
            (unsigned long long)s.unused[ORIGIN_PREFETCH_C2S],
            (unsigned long long)s.unused[ORIGIN_PREFETCH_S2S], (unsigned long long)s.unused[ORIGIN_RENEWED]);
}

/* signals: NULL when they were never watched. */
static void stop(struct daemon *d, struct signals *signals, struct commands *commands) {
  struct counters sum = {0};
  hold_signals(SIG_BLOCK);
  commands_stop(commands);
  metrics_stop(d);
  if (d->cache) log_cache(d->cache);
  daemon_stop(d, &sum);
  log_counters(&sum);
  log_flush(true);
  if (!d->has_loop) return;
  if (signals) unwatch_signals(signals);
  uv_run(&d->loop, UV_RUN_DEFAULT);
  must(uv_loop_close(&d->loop) == 0);
}

/* What main returns. Who starts jidnsd again when it ends need not do so after wrong settings. */
enum { EXIT_WRONG_SETTINGS = 2 };

static bool start(struct daemon *d, FILE *err) {
  settings_find_upstreams(&d->settings, d->settings.resolv_conf, err);
  settings_warn_of_rings(&d->settings, err);
  settings_warn_of_scopes(&d->settings, err);
  return settings_find_networks(&d->settings, err) && daemon_start(d, err);
}

/* Until a signal ends it; messages of the start go to err. */
static int run(struct daemon *d, FILE *err) {
  struct signals signals;
  struct watchdog watchdog;
  mallopt(M_ARENA_MAX, (int)d->settings.threads);
  log_set(&d->settings.log);
  descriptors_raise();
  hold_signals(SIG_BLOCK);
  bool right = daemon_prepare(d, err), good = right && start(d, err);
  struct commands *commands = good ? commands_start(d) : NULL;
  if (good) {
    watch_signals(&signals, d);
    metrics_start(d);
    memory_give_back(); /* what reading settings and certificates took */
    say_ready(&d->settings);
    bool watched = watchdog_start(&watchdog, &d->loop, &d->workers);
    uv_run(&d->loop, UV_RUN_DEFAULT);
    if (watched) watchdog_stop(&watchdog);
  }

  stop(d, good ? &signals : NULL, commands);
  return good ? EXIT_SUCCESS : right ? EXIT_FAILURE : EXIT_WRONG_SETTINGS;
}

/* What the settings say is to be done. */
static int follow(struct daemon *d, enum settings_outcome outcome, FILE *err) {
  switch (outcome) {
  case SETTINGS_RUN: return run(d, err);
  case SETTINGS_HEALTH: return health_ask(&d->settings, stdout, err) ? EXIT_SUCCESS : EXIT_FAILURE;
  case SETTINGS_TOLD: return EXIT_SUCCESS;
  case SETTINGS_WRONG: break;
  }
  return EXIT_WRONG_SETTINGS;
}

int main(int argc, char **argv) {
  descriptors_fill();
  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_IGN); /* it starts none; as process 1 of a container it may get those of others */
  struct daemon *d = must_zalloc(sizeof *d);
  FILE *err = log_out_stream();
  must(err);
  d->argc = argc;
  d->argv = argv;

  enum settings_outcome outcome = settings_read(&d->settings, argc, argv, stdout, err);
  int status = follow(d, outcome, err);
  fclose(err);
  free(d);
  log_out_stop();
  return status;
}
