/* daemon.c: the running daemon, from its sockets to its ordered stop. Exports daemon_*. */
#include "daemon.h"

#include <signal.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "daemon_listen.h"

/* The threads leave signals to the main thread. */
static bool start_threads(struct daemon *d) {
  sigset_t all, before;
  bool started = true;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (unsigned i = 0; i < d->worker_count && started; i++) started = worker_start(d->workers[i]);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return started;
}

/* What is mapped must be so before system calls are filtered. */
static bool open_zones(struct daemon *d, FILE *err) {
  if (d->settings.lab.zone_count && !(d->zones = zonefile_open(err))) return false;
  return daemon_load_zones(d, &d->settings, err);
}

static void set_lab(struct worker *w, void *lab) { worker_set_lab(w, lab); }

bool daemon_load_zones(struct daemon *d, const struct settings *s, FILE *err) {
  struct lab *before = d->lab, *lab;
  enum lab_expand expand = s->xmpp.expand == XMPP_EXPAND_OFF ? LAB_EXPAND_OFF : s->xmpp.expand_all ? LAB_EXPAND_ALL : LAB_EXPAND_XMPP;
  if (s->lab.zone_count && !d->zones) {
    fputs("jidnsd: zone files can't be read, as there was none at the start: ldns is not loaded; restart jidnsd\n", err);
    return false;
  }
  if (!lab_load(&s->lab, expand, d->zones, &lab, err)) return false;
  d->lab = lab;
  daemon_each(d, set_lab, lab);
  lab_free(before);
  return true;
}

/* Makes all workers first, so that nothing fails once some of them answer. */
static bool make_workers(struct daemon *d, struct listeners *listeners, FILE *err) {
  struct worker_common common = {.seed = random_seed(), .lab = d->lab};
  random_octets(common.cookie_secret, sizeof common.cookie_secret);
  d->cache = common.cache = cache_new(d->settings.cache_size, common.seed);
  if (!d->cache) {
    fprintf(err, "jidnsd: --cache-size: no memory for so large a cache\n");
    return false;
  }
  while (d->worker_count < d->settings.threads) {
    struct worker *w = worker_new(&d->settings, &common, listeners->of[d->worker_count]);
    if (!w) return false;
    d->workers[d->worker_count++] = w;
  }
  return true;
}

bool daemon_start(struct daemon *d, FILE *err) {
  struct listeners *listeners = listeners_new();
  bool good = listeners_open(listeners, &d->settings, err) && open_zones(d, err) && sandbox_enter(&d->settings.sandbox, err) &&
              make_workers(d, listeners, err) && start_threads(d);
  listeners_free(listeners);
  d->started_ms = clock_ms();
  return good;
}

void daemon_each(struct daemon *d, void (*job)(struct worker *w, void *arg), void *arg) {
  for (unsigned i = 0; i < d->worker_count; i++) worker_run(d->workers[i], job, arg);
}

void daemon_counters(const struct daemon *d, struct counters *sum) {
  *sum = (struct counters){0};
  for (unsigned i = 0; i < d->worker_count; i++) counters_sum(sum, worker_counters(d->workers[i]));
  sum->broken = log_broken_count();
}

void daemon_stop(struct daemon *d, struct counters *sum) {
  for (unsigned i = 0; i < d->worker_count; i++) worker_stop(d->workers[i], sum);
  if (sum) sum->broken = log_broken_count();
  d->worker_count = 0;
  cache_free(d->cache);
  d->cache = NULL;
  lab_free(d->lab);
  d->lab = NULL;
  zonefile_close(d->zones);
  d->zones = NULL;
}
