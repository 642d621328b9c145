/* daemon.c: the running daemon, from its sockets to its ordered stop. Exports daemon_*. */
#include "daemon/daemon.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/log_out.h"
#include "base/must.h"
#include "base/random.h"
#include "daemon/daemon_priv.h"
#include "daemon/reload.h"
#include "loop/watch.h"
#include "upstream/http2.h"

/* ---- zones and faults ---- */

bool daemon_load_zones(struct daemon *d, struct settings *s, struct zones **out, FILE *err) {
  enum zones_expand expand = s->xmpp.expand == XMPP_EXPAND_OFF ? ZONES_EXPAND_OFF
                             : s->xmpp.expand_all              ? ZONES_EXPAND_ALL
                                                               : ZONES_EXPAND_XMPP;
  bool signs = zones_sign_any(&s->zones);
  if ((s->zones.zone_count || signs) && !d->zone_reader) {
    fputs("jidnsd: can't read zone files: ldns was not loaded at the start, as there was neither a zone nor "
          "zone-files = on; restart jidnsd\n",
          err);
    return false;
  }

  if (signs && !d->signer && !(d->signer = signer_open(err))) return false;
  if (!zones_load(&s->zones, expand, d->zone_reader, signs ? d->signer : NULL, out, err)) return false;
  const struct zones_delegation *cut;
  for (unsigned i = 0; *out && (cut = zones_delegation(*out, i)); i++) {
    char name[NAME_TEXT];
    if (settings_forward(s, cut->name, cut->name_len, cut->servers, cut->server_count)) continue;
    fprintf(err,
            "jidnsd: warning: more than %d domains have servers of their own; %s goes to the servers for all "
            "names\n",
            SETTINGS_FORWARDS, name_format(cut->name, cut->name_len, name));
  }

  return true;
}

void daemon_use_zones(struct daemon *d, struct zones *zones) {
  struct zones *before = d->zones;
  d->zones = zones;
  workers_set_zones(&d->workers, zones);
  zones_free(before);
}

/* What is mapped must be so before system calls are filtered. */
static bool open_zones(struct daemon *d, FILE *err) {
  const struct settings *s = &d->settings;
  bool needed = s->zones.zone_count || s->zone_files || zones_sign_any(&s->zones);
  if (needed && !(d->zone_reader = zonefile_open(err))) return false;

  if (zones_sign_any(&s->zones)) signer_make_folder(s->zones.keys, err);

  /* In a lab a zone file comes sooner or later. */
  if (!needed && s->zones.domain_count + s->fault_count) {
    FILE *unsaid = fopen("/dev/null", "we");
    d->zone_reader = unsaid ? zonefile_open(unsaid) : NULL;
    if (unsaid) fclose(unsaid);
  }

  return daemon_load_zones(d, &d->settings, &d->zones, err);
}

/* ---- encrypted servers ---- */

bool daemon_prepare_trust(const struct daemon *d, const struct settings *s, struct tls_context **out,
                          FILE *err) {
  enum tls_proof proof = settings_needs_proof(s) ? TLS_PROOF_NEEDED : TLS_PROOF_NONE;
  *out = d->trust && tls_context_serves(d->trust, s->tls_ca, proof) ? tls_context_hold(d->trust) : NULL;
  if (*out || !settings_encrypts(s)) return true;
  if (d->workers.count && !d->trust && d->settings.sandbox.seccomp != SANDBOX_OFF) {
    fputs("jidnsd: can't ask encrypted servers: OpenSSL was not loaded, because there was none at the start; "
          "restart jidnsd\n",
          err);
    return false;
  }

  *out = tls_context_strict(s->tls_ca, proof, err);
  if (*out && d->trust) tls_context_floor(*out, tls_context_floor_s(d->trust));
  return *out != NULL;
}

/* What was loaded stays: system calls are filtered, and the next settings may need it again. */
void daemon_use_trust(struct daemon *d, struct tls_context *trust) {
  if (!trust) return;
  tls_context_free(d->trust);
  d->trust = trust;
}

/* Servers may tell of ways over HTTPS; those over TLS do without. */
static void open_http_if_there(struct daemon *d) {
  FILE *unsaid = fopen("/dev/null", "we");
  if (unsaid && !d->http) d->http = http2_load(unsaid);
  if (unsaid) fclose(unsaid);
}

/* Once loaded it stays, too. */
bool daemon_prepare_http(struct daemon *d, const struct settings *s, FILE *err) {
  if (d->http || !settings_asks_https(s)) return true;
  if (d->workers.count && d->settings.sandbox.seccomp != SANDBOX_OFF) {
    fputs("jidnsd: can't ask servers over HTTPS: nghttp2 was not loaded, because there was none at the "
          "start; restart jidnsd\n",
          err);
    return false;
  }

  d->http = http2_load(err);
  return d->http != NULL;
}

/* ---- DNSSEC ---- */

bool daemon_prepare_anchors(struct daemon *d, const struct settings *s, struct anchors **out, FILE *err) {
  bool is_filtered = d->workers.count && d->settings.sandbox.seccomp != SANDBOX_OFF;
  return prover_prepare(&d->prover, s, &d->zone_reader, is_filtered, out, err);
}

static bool open_anchors(struct daemon *d, FILE *err) {
  struct anchors *anchors;
  prover_init(&d->prover);
  if (!daemon_prepare_anchors(d, &d->settings, &anchors, err)) return false;
  prover_use(&d->prover, anchors);
  if (anchors) prover_floor(&d->prover, (int64_t)(snapshotter_written_ms(&d->settings) / 1000));
  return true;
}

/* By a clock that is wrong at the start no certificate is valid: it can't be earlier than when the snapshot
 * was written. */
static bool open_trust(struct daemon *d, FILE *err) {
  if (!daemon_prepare_trust(d, &d->settings, &d->trust, err)) return false;
  if (!daemon_prepare_http(d, &d->settings, err)) return false;
  if (settings_discovers(&d->settings)) open_http_if_there(d);
  if (d->trust) tls_context_floor(d->trust, (int64_t)(snapshotter_written_ms(&d->settings) / 1000));
  return true;
}

/* Makes all workers first, so that nothing fails once some of them answer. */
static bool make_workers(struct daemon *d, struct listeners *listeners, FILE *err) {
  struct worker_common common = {.seed = random_seed(),
                                 .budget = &d->budget,
                                 .guesses = &d->guesses,
                                 .kin = &d->kin,
                                 .stale_log = &d->stale_log,
                                 .walk_watch = &d->walk_watch,
                                 .zones = d->zones,
                                 .trust = d->trust,
                                 .prover = &d->prover,
                                 .member = d->member,
                                 .http = d->http};
  stale_log_init(&d->stale_log);
  guess_init(&d->guesses, common.seed);
  kin_init(&d->kin, common.seed);
  walk_watch_init(&d->walk_watch, common.seed);
  d->has_walk_watch = true;
  random_octets(common.cookie_secret, sizeof common.cookie_secret);
  d->seed = common.seed;
  d->cache = common.cache = cache_new(d->settings.cache_limit, common.seed);
  if (!d->cache) {
    int e = errno;
    if (e == ENOMEM)
      fprintf(err,
              "jidnsd: --cache-size: not enough memory for a cache of that size; choose a smaller one\n");
    else fprintf(err, "jidnsd: can't map memory for the cache: %s%s\n", strerror(e), err_hint(e));
    return false;
  }

  return workers_make(&d->workers, &d->settings, &common, listeners);
}

bool daemon_prepare_faults(const struct daemon *d, const struct settings *s, struct faults **next,
                           FILE *err) {
  if (fault_rules_prepare(&d->faults, s, next)) return true;
  fprintf(err,
          "jidnsd: out of memory for the fault rules, or more than %d with those that jidns added; remove "
          "some with jidns fault clear\n",
          FAULTS_MAX);
  return false;
}

static bool set_faults(struct daemon *d, FILE *err) {
  struct faults *next;
  if (!daemon_prepare_faults(d, &d->settings, &next, err)) return false;
  fault_rules_use(&d->faults, next, &d->workers);
  return true;
}

/* ---- dnstap ---- */

static bool load_tapping(struct daemon *d, FILE *err) {
  return tapping_load(&d->tapping, &d->settings, false, err);
}

/* Its thread is to have the rights of all others: it is made behind the sandbox. */
static void start_tapping(struct daemon *d, FILE *err) {
  struct tap_stream *stream;
  if (!tapping_open(&d->tapping, &d->settings, &stream, err))
    fputs("jidnsd: warning: runs without dnstap until it is started again\n", err);
  tapping_use(&d->tapping, &d->settings, stream, &d->workers);
}

/* ---- start and stop ---- */

static bool open_metrics(struct daemon *d, FILE *err) {
  const union addr *a = &d->settings.metrics.addr;
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
  if (!started) fputs("jidnsd: can't start the thread that writes the log\n", err);
  return started;
}

/* All loops are made behind the filter, under which libuv finds a kernel without io_uring: a ring that was
 * made before could be neither used nor closed there. */
static bool open_loop(struct daemon *d, FILE *err) {
  int e = uv_loop_init(&d->loop);
  d->has_loop = e == 0;
  if (e == 0) e = watch_try(&d->loop);
  if (e) fprintf(err, "jidnsd: can't start the event loop: %s%s\n", uv_strerror(e), err_hint(-e));
  return e == 0;
}

static void fit_memory(struct settings *s, FILE *err) {
  struct memory_limit m;
  char most[MEMORY_LIMIT_TEXT], room[MEMORY_LIMIT_TEXT];
  memory_limit_find("", &m);
  settings_fit_memory(s, &m, err);
  if (s->cache_size || s->cache_limit >= SETTINGS_CACHE_USUAL) return;
  log_info("daemon", "the cache uses up to %s, because memory is limited to %s (%s)",
           memory_limit_format(s->cache_limit, room), memory_limit_format(m.octets, most), m.what);
}

static bool open_fleet(struct daemon *d, FILE *err) {
  const struct share_policy *policy = &d->settings.share;
  if (!share_is_on(policy)) return true;
  d->member = member_open(policy, share_encrypts(policy) ? d->trust : NULL, err);
  return d->member != NULL;
}

bool daemon_prepare(struct daemon *d, FILE *err) {
  bool warned;
  fit_memory(&d->settings, err);
  return settings_check_system(&d->settings, &warned, err) && open_zones(d, err) && open_trust(d, err) &&
         open_anchors(d, err) && open_fleet(d, err) && load_tapping(d, err);
}

bool daemon_start(struct daemon *d, FILE *err) {
  struct listeners *listeners = listeners_new();
  bool good = listeners_open(listeners, &d->settings, NULL, err) && bind_control(d, err) &&
              open_metrics(d, err) && sandbox_enter(&d->settings.sandbox, err) && open_loop(d, err) &&
              make_workers(d, listeners, err) && set_faults(d, err) && start_log(err);
  if (good) start_tapping(d, err);
  good = good && workers_start(&d->workers);
  listeners_free(listeners);
  d->started_ms = clock_ms();
  if (good) domain_watch_init(&d->domain_watch, &d->loop, &d->walk_watch);
  if (good) reload_follow(d);
  if (good)
    d->snapshotter = snapshotter_start(&d->loop, d->cache, &d->guesses, &d->kin, &d->workers, &d->prover,
                                       &d->settings);
  return good;
}

/* What no worker counts. */
static void add_others(const struct daemon *d, struct counters *sum) {
  sum->broken = log_broken_count();
  sum->log_dropped = log_out_dropped();
  tapping_count(&d->tapping, sum);
}

/* One worker's, between two of its queries: what is counted twice, as a whole and as a part of it, fits. */
static void add_worker(struct worker *w, void *sum) { counters_sum(sum, worker_counters(w)); }

void daemon_counters(struct daemon *d, struct counters *sum) {
  *sum = (struct counters){0};
  workers_each(&d->workers, add_worker, sum);
  add_others(d, sum);
}

void daemon_stop(struct daemon *d, struct counters *sum) {
  reload_unfollow(d);
  domain_watch_stop(&d->domain_watch);
  workers_stop(&d->workers, sum);
  tapping_stop(&d->tapping);
  if (sum) add_others(d, sum);
  if (d->has_walk_watch) walk_watch_close(&d->walk_watch);
  d->has_walk_watch = false;
  fault_rules_free(&d->faults);
  snapshotter_stop(d->snapshotter);
  d->snapshotter = NULL;
  kin_close(&d->kin);
  cache_free(d->cache);
  d->cache = NULL;
  zones_free(d->zones);
  d->zones = NULL;
  member_close(d->member);
  d->member = NULL;
  tls_context_free(d->trust);
  d->trust = NULL;
  prover_free(&d->prover);
  http2_unload(d->http);
  d->http = NULL;
  signer_close(d->signer);
  d->signer = NULL;
  zonefile_close(d->zone_reader);
  d->zone_reader = NULL;
  control_unbind(&d->control);
}
