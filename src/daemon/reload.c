/* reload.c: other settings while running, all or none of them. Exports reload_*. */
#include "daemon/reload.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "daemon/daemon_priv.h"
#include "daemon/route_change.h"
#include "daemon/wiring.h"
#include "dns/ttl.h"
#include "ops/netwatch.h"
#include "ops/notify.h"
#include "upstream/resolvwatch.h"

/* Does s keep addresses from clients that the settings before it did not? Then what is in the cache has not
 * been judged. */
static bool filters_more(const struct settings *before, const struct settings *s) {
  struct rebind was, is;
  wiring_rebind(before, &was);
  wiring_rebind(s, &is);
  return is.on && memcmp(&was, &is, sizeof is) != 0;
}

/* Were this domain's answers proven by these settings? */
static bool was_proven(const struct settings *before, const struct settings_domain *d) {
  for (unsigned i = 0; i < before->forward_count; i++) {
    const struct settings_forward *was = &before->forwards[i];
    if (name_equal(was->domain.octets, was->domain.len, d->octets, d->len)) return was->is_proven;
  }
  return false;
}

/* Is more to be proven by s, or by other keys? What is in the cache was not; or by others. */
static bool proves_otherwise(const struct settings *before, const struct settings *s,
                             bool has_other_anchors) {
  if (s->forward.prove != PROVE_VALIDATE) return false;
  bool other = before->forward.prove != PROVE_VALIDATE || has_other_anchors ||
               before->forward.unsigned_denial != s->forward.unsigned_denial;
  for (unsigned i = 0; i < s->forward_count; i++)
    other |= s->forwards[i].is_proven && !was_proven(before, &s->forwards[i].domain);
  return other;
}

/* Other settings before they are in force: all that can fail is done while one of these is made. */
struct change {
  struct settings *settings;
  struct listeners *listeners; /* NULL: the addresses listened on are those of before */
  bool has_zones, has_faults;  /* these are read again, too, */
  bool has_trust;              /* and what tells whom to trust; else what was read before holds */
  struct zones *zones;
  struct faults *faults;
  struct tls_context *trust;
  struct anchors *anchors; /* what is believed when answers are proven; NULL: none are */
  bool has_tap;            /* dnstap is to be another one: this, NULL for none */
  struct tap_stream *tap;
};

static void change_drop(struct daemon *d, struct change *c) {
  tap_stream_close(c->tap, &d->tapping.before);
  if (c->has_zones) zones_free(c->zones);
  if (c->has_faults) fault_rules_drop(&d->faults, c->faults);
  tls_context_free(c->trust);
  prover_drop(&d->prover, c->anchors);
}

static bool prepare_tap(struct daemon *d, struct change *c, FILE *err) {
  bool is_filtered = d->settings.sandbox.seccomp != SANDBOX_OFF;
  c->has_tap = memcmp(&d->settings.tap, &c->settings->tap, sizeof c->settings->tap) != 0;
  return !c->has_tap || (tapping_load(&d->tapping, c->settings, is_filtered, err) &&
                         tapping_open(&d->tapping, c->settings, &c->tap, err));
}

/* Makes what c says it has, and what the workers need. False, and said on err: nothing has changed. */
static bool change_prepare(struct daemon *d, struct change *c, FILE *err) {
  if (c->has_faults && !daemon_prepare_faults(d, c->settings, &c->faults, err)) return false;
  if (c->has_zones && !daemon_load_zones(d, c->settings, &c->zones, err)) {
    c->has_zones = false;
    change_drop(d, c);
    return false;
  }

  if (d->trust && !c->has_trust) c->trust = tls_context_hold(d->trust);
  if ((!c->trust && !daemon_prepare_trust(d, c->settings, &c->trust, err)) ||
      !daemon_prepare_http(d, c->settings, err) || !prepare_tap(d, c, err)) {
    change_drop(d, c);
    return false;
  }

  /* what was read before holds unless all is read again */
  c->anchors = d->prover.anchors;
  if (c->has_trust && !daemon_prepare_anchors(d, c->settings, &c->anchors, err)) {
    change_drop(d, c);
    return false;
  }

  struct worker_outside outside = {c->trust, d->http, c->anchors};
  if (workers_prepare(&d->workers, c->settings, &outside)) return true;
  fprintf(err, "jidnsd: out of memory: can't apply the new settings\n");
  change_drop(d, c);
  return false;
}

static void on_signing(uv_timer_t *timer);

/* Looks once an hour as long as zones are signed. */
static void time_signing(struct daemon *d) {
  enum { EVERY_MS = 3600 * 1000 };
  bool signs = zones_sign_any(&d->settings.zones), runs = uv_is_active((uv_handle_t *)&d->signing);
  if (signs && !runs) uv_timer_start(&d->signing, on_signing, EVERY_MS, EVERY_MS);
  if (!signs) uv_timer_stop(&d->signing);
}

/* Puts into force what was prepared. */
static void change_commit(struct daemon *d, struct change *c, FILE *err) {
  struct settings *s = c->settings;
  struct route_change *e = route_change_new(&d->settings, s);

  /* nobody is to add an old address to a new answer */
  size_t expired = route_change_expire(e, d->cache, tick_of_ms(clock_ms()));
  bool listens = workers_commit(&d->workers, &d->settings, s, c->listeners);
  expired += route_change_expire(e, d->cache, tick_of_ms(clock_ms()));
  if (e) log_info("daemon", "%zu cached answers expired: their names have other servers now", expired);
  route_change_free(e);

  bool proves = proves_otherwise(&d->settings, s, c->anchors != d->prover.anchors);
  daemon_use_trust(d, c->trust);
  prover_use(&d->prover, c->anchors);
  if (c->has_tap) tapping_use(&d->tapping, s, c->tap, &d->workers);
  if (c->has_zones) daemon_use_zones(d, c->zones);
  if (c->has_faults) fault_rules_use(&d->faults, c->faults, &d->workers);
  if (!listens)
    fputs("jidnsd: warning: out of memory or file descriptors: jidnsd does not listen on all addresses; "
          "restart it\n",
          err);

  bool flushes = filters_more(&d->settings, s) || proves;
  d->settings = *s;
  time_signing(d);
  if (flushes) cache_flush(d->cache, &(struct cache_which){0});
  log_set(&s->log);
}

/* Puts all of c into force or, false, nothing. */
static bool change_all(struct daemon *d, struct change *c, FILE *err) {
  if (!change_prepare(d, c, err)) return false;
  change_commit(d, c, err);
  return true;
}

/* Those of the resolv.conf before, in case there are none in it now. */
static void keep_servers(struct settings *s, const struct settings *running) {
  s->upstream = running->upstream;
  s->upstream_default = true;
}

static bool read_again(struct daemon *d, struct settings *s, FILE *err) {
  if (settings_read(s, d->argc, d->argv, err, err) != SETTINGS_RUN) return false;
  settings_keep_fixed(s, &d->settings, err);
  if (!settings_find_networks(s, err)) return false;
  if (!s->upstream.count && d->settings.upstream_default) keep_servers(s, &d->settings);
  settings_find_upstreams(s, s->resolv_conf, err);
  settings_warn_of_rings(s, err);
  return true;
}

/* Without memory nothing is begun: libconfuse ends the process where it has none. */
static bool has_memory(void) {
  enum { ROOM = 8 << 20 }; /* a file of settings may have 1 MiB, and is there more than once */
  bool has = memory_has(ROOM);
  if (!has) log_error("daemon", "out of memory: can't read the settings");
  return has;
}

static bool note_reload(struct daemon *d, bool good) {
  notify(NOTIFY_READY, good ? "settings reloaded" : "the last reload failed: the old settings still hold");
  d->reload_failed = !good;
  d->reloaded_ms = clock_ms();
  return good;
}

static void follow_resolv_conf(struct daemon *d);

static bool reload(struct daemon *d, FILE *err) {
  notify(NOTIFY_RELOADING, NULL);
  struct settings *s = must_zalloc(sizeof *s);
  struct change c = {
      .settings = s, .listeners = listeners_new(), .has_zones = true, .has_faults = true, .has_trust = true};

  bool good = read_again(d, s, err) && listeners_open(c.listeners, s, &d->settings, err) &&
              change_all(d, &c, err);
  listeners_free(c.listeners);
  free(s);

  note_reload(d, good);
  if (good) follow_resolv_conf(d);
  if (good) snapshotter_reload(d->snapshotter);
  return good;
}

bool reload_settings(struct daemon *d, FILE *err) {
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
    if (before) log_line(level, "daemon", "%s: %s", before, text);
    else log_line(level, "daemon", "%s", without(text, "warning: "));
  }
  free(h->text);
}

bool reload_settings_logged(struct daemon *d, const char *why) {
  struct captured_messages h;
  bool good = has_memory() || note_reload(d, false);
  if (good) {
    captured_start(&h);
    good = reload(d, h.err);
    captured_end(&h, good ? LOG_WARN : LOG_ERROR, why);
  }
  if (good) log_info("daemon", "%s: settings reloaded", why);
  else log_error("daemon", "%s: the old settings still hold", why);
  return good;
}

/* ---- resolv.conf ---- */

static bool has_other_servers(const struct settings *a, const struct settings *b) {
  bool other = a->upstream.count != b->upstream.count;
  for (unsigned i = 0; i < a->upstream.count && !other; i++)
    other = !addr_equal(&a->upstream.list[i].addr, &b->upstream.list[i].addr);
  return other;
}

static void say_servers(const struct daemon *d) {
  const struct settings *s = &d->settings;
  char text[SETTINGS_LIST_TEXT];
  log_info("daemon", "%s has changed: asking %s", s->resolv_conf, settings_list_servers(&s->upstream, text));
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
       good = !others || change_all(d, &(struct change){.settings = s}, h.err);
  if (others && good) say_servers(d);
  captured_end(&h, LOG_WARN, NULL);
  free(s);
  return good;
}

static void follow_resolv_conf(struct daemon *d) {
  resolvwatch_close(d->watch);
  d->watch = NULL;
  if (!d->settings.upstream_default) return;
  d->watch = resolvwatch_new(&d->loop, d->settings.resolv_conf, on_resolv_conf, d);
  if (!d->watch) log_error("daemon", "out of memory: can't watch %s", d->settings.resolv_conf);
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
  log_info("daemon", "this machine's networks have changed; these may ask now: %s", text);
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

  bool good = change_all(d, &(struct change){.settings = s, .listeners = l}, err);
  listeners_free(l);
  if (!good) return false;

  if (l)
    log_info("daemon", "interfaces have changed: listening on %s",
             settings_list(s->listen, s->listen_count, text));
  if (scopes && s->upstream.count)
    log_info("daemon", "interfaces have changed: asking %s", settings_list_servers(&s->upstream, text));
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

/* ---- signatures of zones ---- */

/* Signs the zones again before their signatures expire. */
static void on_signing(uv_timer_t *timer) {
  struct daemon *d = timer->data;
  struct captured_messages h;
  uint64_t now_s = ((uint64_t)clock_epoch_ms() + clock_ms()) / 1000;
  if (!zones_age(d->zones, now_s) || !has_memory()) return;
  struct settings *s = must_zalloc(sizeof *s);
  *s = d->settings;

  captured_start(&h);
  bool good = change_all(d, &(struct change){.settings = s, .has_zones = true}, h.err);
  captured_end(&h, good ? LOG_WARN : LOG_ERROR, "zones grow old");
  if (good) log_info("daemon", "zones are signed again, before their signatures expire");
  else log_error("daemon", "zones can't be signed again; the next try is in an hour");
  free(s);
}

static void follow_signing(struct daemon *d) {
  must(uv_timer_init(&d->loop, &d->signing) == 0);
  d->has_signing = true;
  d->signing.data = d;
  time_signing(d);
}

void reload_follow(struct daemon *d) {
  follow_signing(d);
  follow_resolv_conf(d);
  d->netwatch = netwatch_new(&d->loop, on_network, d);
  if (!d->netwatch) log_error("daemon", "out of memory: can't watch interfaces and addresses");
}

void reload_unfollow(struct daemon *d) {
  resolvwatch_close(d->watch);
  netwatch_close(d->netwatch);
  if (d->has_signing) uv_close((uv_handle_t *)&d->signing, NULL);
  d->has_signing = false;
  d->watch = NULL;
  d->netwatch = NULL;
}
