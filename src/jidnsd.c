/* jidnsd.c: the daemon, from its options to its ordered stop. */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

#include "base/must.h"
#include "base/random.h"
#include "worker.h"

enum { EXIT_WRONG_OPTIONS = 2 };

struct daemon {
  struct settings settings;
  struct listener listeners[SETTINGS_THREADS][SETTINGS_LISTEN];
  struct cache *cache;
  struct worker *workers[SETTINGS_THREADS];
  unsigned worker_count;
  uv_loop_t loop; /* of the main thread: signals */
  uv_signal_t term, interrupt, hangup;
};

/* ---- sockets ---- */

static void complain(const char *addresses, const char *transport, int e) {
  fprintf(stderr, "jidnsd: can't listen on %s (%s): %s\n", addresses, transport, strerror(e));
}

static bool is_missing(int e) { return e == EAFNOSUPPORT || e == EADDRNOTAVAIL || e == EPROTONOSUPPORT; }

/* Opens the first worker's sockets. Of the default addresses one may be missing on this machine: it is then struck off. */
static bool open_first(struct daemon *d) {
  struct settings *s = &d->settings;
  char text[ADDR_TEXT], failed[SETTINGS_LISTEN * ADDR_TEXT] = "";
  const char *transport = NULL;
  unsigned n = 0;
  int why = 0;
  for (unsigned i = 0; i < s->listen_count; i++) {
    const char *what = listen_open(&d->listeners[0][n], &s->listen[i], 0);
    if (!what) {
      s->listen[n++] = s->listen[i];
      continue;
    }
    int e = errno;
    addr_format(&s->listen[i], text);
    if (!s->listen_default) {
      complain(text, what, e);
      return false;
    }
    if (is_missing(e)) log_info("jidnsd", "not listening on %s: %s", text, strerror(e));
    if (!is_missing(e) || !why) why = e;
    transport = what;
    if (*failed) strcat(failed, " and ");
    strcat(failed, text);
  }
  if (n == 0 || (why && !is_missing(why))) {
    complain(failed, transport, why);
    return false;
  }
  s->listen_count = n;
  return true;
}

static bool open_sockets(struct daemon *d) {
  struct settings *s = &d->settings;
  char text[ADDR_TEXT];
  if (!open_first(d)) return false;
  for (unsigned w = 1; w < s->threads; w++) {
    for (unsigned i = 0; i < s->listen_count; i++) {
      const char *what = listen_open(&d->listeners[w][i], &s->listen[i], w);
      if (!what) continue;
      complain(addr_format(&s->listen[i], text), what, errno);
      return false;
    }
  }
  return true;
}

/* ---- start ---- */

/* Connections and upstream sockets of all workers need more than the usual 1024. */
static void raise_descriptors(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

/* Makes all workers first, so that nothing fails once some of them answer. The threads leave signals to the main thread. */
static bool start_workers(struct daemon *d) {
  struct settings *s = &d->settings;
  struct worker_common common = {.seed = random_seed()};
  sigset_t all, before;
  bool started = true;
  random_octets(common.cookie_key, sizeof common.cookie_key);
  d->cache = common.cache = cache_new(s->cache_size, common.seed);
  if (!d->cache) {
    fprintf(stderr, "jidnsd: --cache-size: no memory for so large a cache\n");
    return false;
  }
  for (unsigned i = 0; i < s->threads; i++) {
    struct worker *w = worker_new(s, &common, d->listeners[i]);
    if (!w) return false;
    d->workers[d->worker_count++] = w;
  }
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (unsigned i = 0; i < s->threads && started; i++) started = worker_start(d->workers[i]);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return started;
}

static void print_list(const char *before, const union addr *list, unsigned n) {
  char text[ADDR_TEXT];
  for (unsigned i = 0; i < n; i++) fprintf(stderr, "%s%s", i ? ", " : before, addr_format(&list[i], text));
}

static void say_ready(const struct settings *s) {
  print_list("jidnsd ready: listening on ", s->listen, s->listen_count);
  print_list(" (udp, tcp), upstream ", s->upstreams, s->upstream_count);
  fputc('\n', stderr);
}

/* ---- until a signal comes ---- */

static void on_signal(uv_signal_t *handle, int number) {
  struct daemon *d = handle->data;
  log_info("jidnsd", "stopping: %s", number == SIGTERM ? "SIGTERM" : "SIGINT");
  uv_stop(&d->loop);
}

/* There is no configuration to read again; a daemon that dies of it surprises. */
static void on_hangup(uv_signal_t *handle, int number) {
  (void)handle;
  (void)number;
  log_info("jidnsd", "SIGHUP: nothing to reload");
}

static void watch_signals(struct daemon *d) {
  must(uv_loop_init(&d->loop) == 0);
  must(uv_signal_init(&d->loop, &d->term) == 0 && uv_signal_init(&d->loop, &d->interrupt) == 0 &&
       uv_signal_init(&d->loop, &d->hangup) == 0);
  d->term.data = d->interrupt.data = d->hangup.data = d;
  must(uv_signal_start(&d->term, on_signal, SIGTERM) == 0 && uv_signal_start(&d->interrupt, on_signal, SIGINT) == 0 &&
       uv_signal_start(&d->hangup, on_hangup, SIGHUP) == 0);
  signal(SIGPIPE, SIG_IGN);
}

static void log_counters(const struct counters *sum) {
  const uint64_t *values = (const uint64_t *)(const void *)sum;
  for (unsigned i = 0; i < COUNTER_COUNT; i++) {
    if (values[i]) log_debug("jidnsd", "%s %llu", counter_infos[i].name, (unsigned long long)values[i]);
  }
}

static void log_cache(struct cache *c) {
  struct cache_stats s;
  cache_stats(c, &s);
  log_debug("jidnsd", "cache: %zu entries, %zu of %zu octets, %llu evicted, %llu fetched ahead in vain", s.entries, s.octets, s.limit,
            (unsigned long long)s.evicted, (unsigned long long)s.wasted);
}

static void stop(struct daemon *d) {
  struct counters sum = {0};
  for (unsigned i = 0; i < d->worker_count; i++) worker_stop(d->workers[i], &sum);
  log_counters(&sum);
  if (d->cache) log_cache(d->cache);
  cache_free(d->cache);
  uv_close((uv_handle_t *)&d->term, NULL);
  uv_close((uv_handle_t *)&d->interrupt, NULL);
  uv_close((uv_handle_t *)&d->hangup, NULL);
  uv_run(&d->loop, UV_RUN_DEFAULT);
  must(uv_loop_close(&d->loop) == 0);
}

int main(int argc, char **argv) {
  struct daemon *d = must_zalloc(sizeof *d);
  enum settings_outcome outcome = settings_read(&d->settings, argc, argv, stdout, stderr);
  if (outcome != SETTINGS_RUN) {
    free(d);
    return outcome == SETTINGS_WRONG ? EXIT_WRONG_OPTIONS : EXIT_SUCCESS;
  }
  mallopt(M_ARENA_MAX, (int)d->settings.threads);
  log_set_level(d->settings.log_level);
  raise_descriptors();
  watch_signals(d);
  bool good = settings_find_networks(&d->settings, stderr) &&
              settings_find_upstreams(&d->settings, "/etc/resolv.conf", stderr) && open_sockets(d) &&
              sandbox_enter(&d->settings.sandbox, stderr) && start_workers(d);
  if (good) {
    say_ready(&d->settings);
    uv_run(&d->loop, UV_RUN_DEFAULT);
  }
  stop(d);
  free(d);
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
