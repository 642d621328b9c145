/* daemon.c: the running daemon, from its sockets to its ordered stop. Exports daemon_*. */
#include "daemon/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/log_out.h"
#include "base/must.h"
#include "base/random.h"
#include "daemon/listeners.h"
#include "daemon/route_change.h"
#include "dns/ttl.h"
#include "loop/watch.h"
#include "ops/netwatch.h"
#include "ops/notify.h"
#include "upstream/resolvwatch.h"

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

/* Loads the zones that s names; what they delegate to known servers is added to its domains that are
 * forwarded. False, and said on err, when one is wrong. */
static bool load_zones(const struct daemon *d, struct settings *s, struct zones **out, FILE *err) {
  enum zones_expand expand = s->xmpp.expand == XMPP_EXPAND_OFF ? ZONES_EXPAND_OFF
                             : s->xmpp.expand_all              ? ZONES_EXPAND_ALL
                                                               : ZONES_EXPAND_XMPP;
  if (s->lab.zone_count && !d->zones) {
    fputs("jidnsd: zone files can't be read, as there was none at the start: ldns is not loaded; restart "
          "jidnsd\n",
          err);
    return false;
  }

  if (!zones_load(&s->lab, expand, d->zones, out, err)) return false;
  const struct lab_delegation *cut;
  for (unsigned i = 0; *out && (cut = lab_delegation(*out, i)); i++) {
    char name[NAME_TEXT];
    if (settings_forward(s, cut->name, cut->name_len, cut->servers, cut->server_count)) continue;
    fprintf(err, "jidnsd: warning: more than %d domains are forwarded; %s is asked of the other servers\n",
            SETTINGS_FORWARDS, name_format(cut->name, cut->name_len, name));
  }

  return true;
}

static void set_lab(struct worker *w, void *lab) { worker_set_zones(w, lab); }

static void use_zones(struct daemon *d, struct zones *lab) {
  struct zones *before = d->lab;
  d->lab = lab;
  daemon_each(d, set_lab, lab);
  zones_free(before);
}

/* What is mapped must be so before system calls are filtered. */
static bool open_zones(struct daemon *d, FILE *err) {
  if (d->settings.lab.zone_count && !(d->zones = zonefile_open(err))) return false;
  return load_zones(d, &d->settings, &d->lab, err);
}

/* Makes all workers first, so that nothing fails once some of them answer. */
static bool make_workers(struct daemon *d, struct listeners *listeners, FILE *err) {
  struct worker_common common = {.seed = random_seed(), .budget = &d->budget, .lab = d->lab};
  random_octets(common.cookie_secret, sizeof common.cookie_secret);
  d->cache = common.cache = cache_new(d->settings.cache_room, common.seed);
  if (!d->cache) {
    int e = errno;
    if (e == ENOMEM) fprintf(err, "jidnsd: --cache-size: no memory for so large a cache\n");
    else fprintf(err, "jidnsd: can't map memory for the cache: %s%s\n", strerror(e), err_hint(e));
    return false;
  }

  while (d->worker_count < d->settings.threads) {
    struct worker *w = worker_new(&d->settings, &common, listeners->of[d->worker_count]);
    if (!w) return false;
    d->workers[d->worker_count++] = w;
  }

  return true;
}

/* Those of s, as far as they are not in force. */
static bool prepare_faults(const struct daemon *d, const struct settings *s, struct faults **next,
                           FILE *err) {
  if (fault_rules_prepare(&d->faults, s, next)) return true;
  fprintf(err,
          "jidnsd: no memory for all faults, or with those that jidns added they would be more than %d\n",
          FAULTS_MAX);
  return false;
}

static void use_faults(struct daemon *d, struct faults *next) {
  fault_rules_use(&d->faults, next, d->workers, d->worker_count);
}

static bool set_faults(struct daemon *d, FILE *err) {
  struct faults *next;
  if (!prepare_faults(d, &d->settings, &next, err)) return false;
  use_faults(d, next);
  return true;
}

/* ---- other settings while running ---- */

struct change {
  struct settings *settings;
  const struct settings *before;
  struct listeners *listeners;
  unsigned nth; /* of the workers */
  bool good;
};

static void prepare(struct worker *w, void *arg) {
  struct change *c = arg;
  if (c->good) c->good = worker_prepare(w, c->settings);
}

static void discard(struct worker *w, void *arg) {
  (void)arg;
  worker_discard(w);
}

static void commit(struct worker *w, void *arg) {
  struct change *c = arg;
  struct listener *opened = c->listeners ? c->listeners->of[c->nth++] : NULL;
  if (!worker_commit(w, c->before, c->settings, opened, c->listeners ? c->listeners->count : 0))
    c->good = false;
}

/* Does s keep addresses from clients that the settings before it did not? Then what is in the cache has not
 * been judged. */
static bool filters_more(const struct settings *before, const struct settings *s) {
  struct rebind was, is;
  settings_rebind(before, &was);
  settings_rebind(s, &is);
  return is.on && memcmp(&was, &is, sizeof is) != 0;
}

enum zones_too { ZONES_STAY, ZONES_AGAIN };

/* Puts s into force in all workers or, false, in none. Without listeners the addresses listened on are those
 * of before. */
static bool put_into_force(struct daemon *d, struct settings *s, struct listeners *l, enum zones_too zones,
                           FILE *err) {
  struct change c = {.settings = s, .before = &d->settings, .listeners = l, .good = true};
  struct zones *lab = d->lab;

  if (zones == ZONES_AGAIN && !load_zones(d, s, &lab, err)) return false;
  daemon_each(d, prepare, &c);
  if (!c.good) {
    fprintf(err, "jidnsd: no memory for other settings\n");
    daemon_each(d, discard, NULL);
    if (lab != d->lab) zones_free(lab);
    return false;
  }

  struct route_change *e = route_change_new(&d->settings, s);

  /* nobody is to add an old address to a new answer */
  size_t expired = route_change_expire(e, d->cache, tick_of_ms(clock_ms()));
  daemon_each(d, commit, &c);
  expired += route_change_expire(e, d->cache, tick_of_ms(clock_ms()));
  if (e) log_info("jidnsd", "%zu answers are no longer fresh: their names have other servers now", expired);
  route_change_free(e);
  if (zones == ZONES_AGAIN) use_zones(d, lab);
  if (!c.good)
    fputs("jidnsd: warning: out of memory or file descriptors: not listening on all addresses; restart "
          "jidnsd\n",
          err);
  bool flushes = filters_more(&d->settings, s);
  d->settings = *s;
  if (flushes) cache_flush(d->cache, &(struct cache_which){0});
  log_set(&s->log);
  return true;
}

/* Those of the resolv.conf before, in case there are none in it now. */
static void keep_servers(struct settings *s, const struct settings *running) {
  memcpy(s->upstreams, running->upstreams, sizeof s->upstreams);
  s->upstream_count = running->upstream_count;
  s->upstream_default = true;
}

static bool read_again(struct daemon *d, struct settings *s, FILE *err) {
  if (settings_read(s, d->argc, d->argv, err, err) != SETTINGS_RUN) return false;
  settings_keep_fixed(s, &d->settings, err);
  if (!settings_find_networks(s, err)) return false;
  if (!s->upstream_count && d->settings.upstream_default) keep_servers(s, &d->settings);
  settings_find_upstreams(s, s->resolv_conf, err);
  return true;
}

static void watch_resolv_conf(struct daemon *d);

/* Without memory nothing is begun: libconfuse ends the process where it has none. */
static bool has_memory(void) {
  enum { ROOM = 8 << 20 }; /* a file of settings may have 1 MiB, and is there more than once */
  bool has = memory_has(ROOM);
  if (!has) log_error("jidnsd", "no memory to read the settings");
  return has;
}

static bool note_reload(struct daemon *d, bool good) {
  notify(NOTIFY_READY, good ? "settings reloaded" : "the last reload failed: the settings stay as they were");
  d->reload_failed = !good;
  d->reloaded_ms = clock_ms();
  return good;
}

static bool reload(struct daemon *d, FILE *err) {
  notify(NOTIFY_RELOADING, NULL);
  struct settings *s = must_zalloc(sizeof *s);
  struct listeners *l = listeners_new();
  struct faults *faults = NULL;
  bool good = read_again(d, s, err) && prepare_faults(d, s, &faults, err) &&
              listeners_open(l, s, &d->settings, err) && put_into_force(d, s, l, ZONES_AGAIN, err);
  listeners_free(l);
  free(s);
  if (good) use_faults(d, faults);
  else fault_rules_drop(&d->faults, faults);
  note_reload(d, good);
  if (good) watch_resolv_conf(d);
  if (good) snapshotter_reload(d->snapshotter);
  return good;
}

bool daemon_reload(struct daemon *d, FILE *err) {
  return has_memory() ? reload(d, err) : note_reload(d, false);
}

/* What was said on a stream, line by line into the log. */
struct captured_messages {
  FILE *err;
  char *text;
  size_t len;
};

static void captured_start(struct captured_messages *h) {
  h->text = NULL;
  h->err = open_memstream(&h->text, &h->len);
  must(h->err);
}

static const char *without(const char *line, const char *start) {
  size_t len = strlen(start);
  return strncmp(line, start, len) == 0 ? line + len : line;
}

/* `before` each line stands why it was said; NULL: that is clear from the line. */
static void captured_end(struct captured_messages *h, enum log_level level, const char *before) {
  fclose(h->err);
  for (char *rest = h->text, *line; (line = strtok_r(rest, "\n", &rest));) {
    const char *text = without(line, "jidnsd: ");
    if (before) log_line(level, "jidnsd", "%s: %s", before, text);
    else log_line(level, "jidnsd", "%s", without(text, "warning: "));
  }
  free(h->text);
}

bool daemon_reload_logged(struct daemon *d, const char *why) {
  struct captured_messages h;
  bool good = has_memory() || note_reload(d, false);
  if (good) {
    captured_start(&h);
    good = reload(d, h.err);
    captured_end(&h, good ? LOG_WARN : LOG_ERROR, why);
  }
  if (good) log_info("jidnsd", "%s: settings reloaded", why);
  else log_error("jidnsd", "%s: the settings stay as they were", why);
  return good;
}

/* ---- resolv.conf ---- */

static bool has_other_servers(const struct settings *a, const struct settings *b) {
  bool other = a->upstream_count != b->upstream_count;
  for (unsigned i = 0; i < a->upstream_count && !other; i++)
    other = !addr_equal(&a->upstreams[i], &b->upstreams[i]);
  return other;
}

static void say_servers(const struct daemon *d) {
  const struct settings *s = &d->settings;
  char text[SETTINGS_LIST_TEXT];
  log_info("jidnsd", "%s has changed: asking %s", s->resolv_conf,
           settings_list(s->upstreams, s->upstream_count, text));
}

static bool on_resolv_conf(void *ctx) {
  struct daemon *d = ctx;
  struct captured_messages h;
  if (!has_memory()) return false;
  struct settings *s = must_zalloc(sizeof *s);
  *s = d->settings;
  captured_start(&h);
  settings_find_upstreams(s, s->resolv_conf, h.err);
  d->settings.resolv = s->resolv; /* what was said of it is not said again */
  bool others = has_other_servers(s, &d->settings),
       good = !others || put_into_force(d, s, NULL, ZONES_STAY, h.err);
  if (others && good) say_servers(d);
  captured_end(&h, LOG_WARN, NULL);
  free(s);
  return good;
}

static void watch_resolv_conf(struct daemon *d) {
  resolvwatch_close(d->watch);
  d->watch = NULL;
  if (!d->settings.upstream_default) return;
  d->watch = resolvwatch_new(&d->loop, d->settings.resolv_conf, on_resolv_conf, d);
  if (!d->watch) log_error("jidnsd", "no memory to watch %s", d->settings.resolv_conf);
}

/* ---- interfaces and addresses ---- */

static void say_who_may_ask(const struct settings *s) {
  enum { ROOM = ACCESS_PREFIXES * (PREFIX_TEXT + 2) };
  char text[ROOM] = "only this machine", prefix[PREFIX_TEXT];
  size_t at = 0;
  for (unsigned i = 0; i < s->access.allow_count; i++) {
    at += (size_t)snprintf(text + at, ROOM - at, "%s%s", i ? ", " : "",
                           prefix_format(&s->access.allow[i], prefix));
  }
  log_info("jidnsd", "this machine's networks have changed: who may ask: %s", text);
}

/* Addresses listened on stay as they are: those that came can't be. */
static void keep_listeners(struct settings *s, const struct settings *running) {
  memcpy(s->listen, running->listen, sizeof s->listen);
  memcpy(s->listen_scopes, running->listen_scopes, sizeof s->listen_scopes);
  s->listen_count = running->listen_count;
}

/* Puts into force what s has made of the machine's interfaces and addresses as they are now: all but an
 * address that can't be listened on, which is tried again when something changes again. False: nothing, for
 * want of memory. */
static bool follow_network(struct daemon *d, struct settings *s, bool scopes, bool access, FILE *err) {
  char text[SETTINGS_LIST_TEXT];
  struct listeners *l = scopes ? listeners_new() : NULL;
  bool listens = !l || listeners_open(l, s, &d->settings, err);

  if (!listens) {
    listeners_free(l);
    l = NULL;
    keep_listeners(s, &d->settings);
  }

  bool good = put_into_force(d, s, l, ZONES_STAY, err);
  listeners_free(l);
  if (!good) return false;

  if (l)
    log_info("jidnsd", "interfaces have changed: listening on %s",
             settings_list(s->listen, s->listen_count, text));
  if (scopes && s->upstream_count)
    log_info("jidnsd", "interfaces have changed: asking %s",
             settings_list(s->upstreams, s->upstream_count, text));
  if (access) say_who_may_ask(s);
  return true;
}

static bool on_network(void *ctx) {
  struct daemon *d = ctx;
  struct captured_messages h;

  if (!has_memory()) return false;
  struct settings *s = must_zalloc(sizeof *s);
  *s = d->settings;
  captured_start(&h);

  bool scopes = settings_find_scopes(s), access = settings_follow_networks(s, h.err);
  settings_find_upstreams(s, s->resolv_conf, h.err);
  d->settings.access.left_out = s->access.left_out; /* what was said of them is not said again */
  d->settings.resolv = s->resolv;
  bool servers = has_other_servers(s, &d->settings);
  bool good = !(scopes || access || servers) || follow_network(d, s, scopes, access, h.err);
  if (servers && !has_other_servers(s, &d->settings)) say_servers(d);

  captured_end(&h, LOG_WARN, NULL);
  free(s);
  return good;
}

/* ---- start and stop ---- */

static bool open_metrics(struct daemon *d, FILE *err) {
  const union addr *a = &d->settings.metrics;
  if (!a->any.sa_family) return true;
  d->metrics = metrics_http_open(a, err);
  return d->metrics != NULL;
}

static bool bind_control(struct daemon *d, FILE *err) {
  struct sandbox_identity who;
  if (!sandbox_whom(&d->settings.sandbox, &who, err)) return false;
  if (who.shared) who.uid = who.gid = 0; /* or other services could command */
  return control_bind(&d->control, &d->settings.control, who.uid, who.gid, err);
}

static bool start_log(FILE *err) {
  bool started = log_start();
  if (!started) fputs("jidnsd: no thread to write the log\n", err);
  return started;
}

/* All loops are made behind the filter, under which libuv finds a kernel without io_uring: a ring that was
 * made before could be neither used nor closed there. */
static bool open_loop(struct daemon *d, FILE *err) {
  int e = uv_loop_init(&d->loop);
  d->has_loop = e == 0;
  if (e == 0) e = watch_try(&d->loop);
  if (e) fprintf(err, "jidnsd: can't wait for events: %s%s\n", uv_strerror(e), err_hint(-e));
  return e == 0;
}

static void fit_memory(struct settings *s, FILE *err) {
  struct memory_limit m;
  char most[MEMORY_LIMIT_TEXT], room[MEMORY_LIMIT_TEXT];
  memory_limit_find("", &m);
  settings_fit_memory(s, &m, err);
  if (s->cache_size || s->cache_room >= SETTINGS_CACHE_USUAL) return;
  log_info("jidnsd", "memory is limited to %s (%s): the cache takes up to %s",
           memory_limit_format(m.octets, most), m.what, memory_limit_format(s->cache_room, room));
}

bool daemon_prepare(struct daemon *d, FILE *err) {
  bool warned;
  fit_memory(&d->settings, err);
  return settings_check_system(&d->settings, &warned, err) && open_zones(d, err);
}

bool daemon_start(struct daemon *d, FILE *err) {
  struct listeners *listeners = listeners_new();
  bool good = listeners_open(listeners, &d->settings, NULL, err) && bind_control(d, err) &&
              open_metrics(d, err) && sandbox_enter(&d->settings.sandbox, err) && open_loop(d, err) &&
              make_workers(d, listeners, err) && set_faults(d, err) && start_log(err) && start_threads(d);
  listeners_free(listeners);
  d->started_ms = clock_ms();
  if (good) watch_resolv_conf(d);
  if (good && !(d->netwatch = netwatch_new(&d->loop, on_network, d)))
    log_error("jidnsd", "no memory to watch interfaces and addresses");
  if (good) d->snapshotter = snapshotter_start(&d->loop, d->cache, &d->settings);
  return good;
}

void daemon_each(struct daemon *d, void (*job)(struct worker *w, void *arg), void *arg) {
  for (unsigned i = 0; i < d->worker_count; i++) worker_run(d->workers[i], job, arg);
}

/* What the log counts itself. */
static void add_log(struct counters *sum) {
  sum->broken = log_broken_count();
  sum->log_dropped = log_out_dropped();
}

void daemon_counters(const struct daemon *d, struct counters *sum) {
  *sum = (struct counters){0};
  for (unsigned i = 0; i < d->worker_count; i++) counters_sum(sum, worker_counters(d->workers[i]));
  add_log(sum);
}

void daemon_stop(struct daemon *d, struct counters *sum) {
  resolvwatch_close(d->watch);
  netwatch_close(d->netwatch);
  d->watch = NULL;
  d->netwatch = NULL;
  for (unsigned i = 0; i < d->worker_count; i++) worker_stop(d->workers[i], sum);
  if (sum) add_log(sum);
  d->worker_count = 0;
  fault_rules_free(&d->faults);
  snapshotter_stop(d->snapshotter);
  d->snapshotter = NULL;
  cache_free(d->cache);
  d->cache = NULL;
  zones_free(d->lab);
  d->lab = NULL;
  zonefile_close(d->zones);
  d->zones = NULL;
  control_unbind(&d->control);
}
