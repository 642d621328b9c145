/* commands.c: what the daemon does when it is told to over its control socket. Exports commands_*. */
#include "daemon/commands.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "config.h"
#include "daemon/domain_json.h"
#include "daemon/fleet_view.h"
#include "daemon/reload.h"
#include "daemon/snapshotter.h"
#include "daemon/stats.h"
#include "dns/ttl.h"
#include "dns/type.h"
#include "ops/control.h"

struct commands {
  struct daemon *daemon;
  struct control *control;
  struct stats stats; /* scratch */
};

/* ---- words ---- */

static bool has_no_words(struct control_reply *r, unsigned argc, char *const *argv) {
  if (argc > 1) control_fail(r, "%s: takes no arguments", argv[0]);
  return argc == 1;
}

/* NAME, NAME TYPE (where that may be), --below NAME into *which, whose name is in `name`. False and a
 * complaint when it is something else. */
static bool read_which(struct control_reply *r, unsigned argc, char *const *argv, bool with_type,
                       uint8_t name[NAME_MAX_LEN], struct cache_which *which) {
  *which = (struct cache_which){.name = name, .below = argc > 1 && strcmp(argv[1], "--below") == 0};
  char *const *words = argv + 1 + which->below;
  unsigned count = argc - 1 - which->below;
  if (count < 1 || count > (with_type && !which->below ? 2 : 1) || strncmp(words[0], "--", 2) == 0) {
    control_fail(r,
                 with_type ? "%s: needs NAME, NAME TYPE, --below NAME or --all"
                           : "%s: needs nothing, NAME or --below NAME",
                 argv[0]);
    return false;
  }

  which->name_len = name_parse(words[0], name);
  if (!which->name_len) control_fail(r, "'%.300s' is not a domain name", words[0]);
  else if (count > 1 && !type_parse(words[1], &which->type))
    control_fail(r, "'%.40s' is not a record type; try SRV, AAAA or TYPE65280", words[1]);
  else return true;
  return false;
}

/* ---- flush, dump ---- */

/* What else knows of answers that are flushed. */
static void forget(struct commands *c) {
  snapshotter_flushed(c->daemon->snapshotter);
  workers_each(&c->daemon->workers, worker_forget_failures, NULL);
}

/* In the fleet's cache, and here; other members keep theirs until it expires. */
static void flush_fleet(struct commands *c, struct control_reply *r, char *const *argv) {
  uint8_t name[NAME_MAX_LEN];
  const char *why;
  struct cache_which which = {.name = name, .name_len = name_parse(argv[2], name)};
  if (!which.name_len) {
    control_fail(r, "'%.300s' is not a domain name", argv[2]);
  } else if (!fleet_view_flush(c->daemon, name, which.name_len, &why)) {
    control_fail(r, "flush: %s", why);
  } else {
    jsonw_uint(control_json(r), "removed", cache_flush(c->daemon->cache, &which));
    jsonw_string(control_json(r), "fleet", "told");
    forget(c);
  }
}

static void run_flush(void *ctx, struct control_reply *r, unsigned argc, char *const *argv) {
  struct commands *c = ctx;
  uint8_t name[NAME_MAX_LEN];
  struct cache_which which = {0};
  bool all = argc == 2 && strcmp(argv[1], "--all") == 0;
  if (argc == 3 && strcmp(argv[1], "--fleet") == 0) {
    flush_fleet(c, r, argv);
    return;
  }
  if (!all && !read_which(r, argc, argv, true, name, &which)) return;
  jsonw_uint(control_json(r), "removed", cache_flush(c->daemon->cache, &which));
  forget(c);
}

struct dump {
  struct cache_walk *walk;
  struct cache_which which;
  uint8_t name[NAME_MAX_LEN];
  uint64_t shown;
  uint8_t message[DNS_MSG_MAX];
};

static bool is_wanted(const struct dump *p, const struct question *q) {
  if (!p->which.name_len) return true;
  if (p->which.below) return name_is_within(q->key, q->name_len, p->name, p->which.name_len);
  return name_equal(q->key, q->name_len, p->name, p->which.name_len);
}

static uint32_t seconds_between(uint32_t from, uint32_t to) {
  return to > from ? (to - from) / TICKS_PER_S : 0;
}

static void write_entry(struct dump *p, const struct cache_entry *e, struct jsonw *j) {
  const struct question *q = e->question;
  char name[NAME_TEXT];
  uint32_t tick = tick_of_ms(clock_ms());

  jsonw_open(j, NULL, '{');
  jsonw_string(j, "name", name_format(q->key, q->name_len, name));
  jsonw_uint(j, "type", question_type(q));
  jsonw_uint(j, "class", question_class(q));
  jsonw_bool(j, "do", question_flags(q) & KEY_DO);
  jsonw_bool(j, "cd", question_flags(q) & KEY_CD);
  jsonw_uint(j, "rcode", e->answer.head.rcode);
  uint32_t age_s = seconds_between(e->answer.head.stored_at, tick),
           ttl_s = seconds_between(e->answer.head.stored_at, e->expiry);
  jsonw_uint(j, "age_s", age_s);
  jsonw_uint(j, "ttl_s", ttl_s > age_s ? ttl_s - age_s : 0);
  jsonw_uint(j, "expired_s", seconds_between(e->expiry, tick));
  jsonw_uint(j, "uses", e->standing.hits);
  jsonw_bool(j, "prefetched", origin_is_prefetch(e->standing.origin));
  jsonw_hex(j, "message", p->message, answer_view_message(q, &e->answer, p->message));
  jsonw_close(j, '}');
  jsonw_line(j);
}

static bool dump_next(void *state, struct jsonw *j) {
  struct dump *p = state;
  struct cache_entry e;
  if (!cache_walk_next(p->walk, &e)) return false;
  if (!is_wanted(p, e.question)) return true;
  write_entry(p, &e, j);
  p->shown++;
  return true;
}

static void dump_end(void *state, struct jsonw *j) {
  struct dump *p = state;
  if (j) jsonw_uint(j, "answers", p->shown);
  cache_walk_free(p->walk);
  free(p);
}

static void run_dump(void *ctx, struct control_reply *r, unsigned argc, char *const *argv) {
  struct commands *c = ctx;
  struct dump *p = calloc(1, sizeof *p);
  if (p && argc > 1 && !read_which(r, argc, argv, false, p->name, &p->which)) {
    free(p);
    return;
  }
  if (p) p->walk = cache_walk_new(c->daemon->cache);
  if (p && p->walk) {
    control_send(r, &(struct control_stream){.next = dump_next, .end = dump_end, .state = p});
    return;
  }
  free(p);
  control_fail(r, "out of memory");
}

/* ---- how it is ---- */

static const struct stats *gather_all(struct commands *c) {
  stats_gather(c->daemon, &c->stats);
  return &c->stats;
}

static void write_capabilities(struct jsonw *j, const struct ns_stats *s) {
  jsonw_open(j, "remembered", '[');
  for (unsigned of = 0; of < CAPABILITIES; of++) {
    const struct capability_stats *h = &s->capabilities[of];
    if (!h->workers) continue;
    jsonw_open(j, NULL, '{');
    jsonw_string(j, "of", capability_name((enum capability_kind)of));
    jsonw_string(j, "why", capability_why_word(h->why));
    jsonw_string(j, "text", capability_why_text(h->why));
    jsonw_uint(j, "retry_s", h->retry_ms / 1000);
    jsonw_close(j, '}');
  }
  jsonw_close(j, ']');
}

static const char *day_format(int64_t s, char text[24]) {
  time_t t = (time_t)s;
  struct tm utc;
  if (!gmtime_r(&t, &utc) || !strftime(text, 24, "%Y-%m-%dT%H:%M:%SZ", &utc)) *text = 0;
  return text;
}

/* Of an encrypted server: how it has proven itself, or failed to. */
static void write_tls(struct jsonw *j, const struct channel_facts *f) {
  char pin[TLS_PIN_TEXT], day[24];
  jsonw_open(j, "tls", '{');
  jsonw_string(j, "version", *f->version ? f->version : NULL);
  jsonw_string(j, "certificate_until", f->peer.until_s ? day_format(f->peer.until_s, day) : NULL);
  jsonw_string(j, "pin", f->peer.has_pin ? expect_format_pin(f->peer.pin, pin) : NULL);
  jsonw_bool(j, "resumed", f->is_resumed);
  jsonw_uint(j, "handshakes", f->handshakes);
  jsonw_uint(j, "handshakes_resumed", f->resumed);
  jsonw_uint(j, "connections", f->open);
  jsonw_string(j, "failure", f->failed == ERR_NONE ? NULL : err_word(f->failed));
  jsonw_string(j, "failure_text", f->failed == ERR_NONE ? NULL : err_text(f->failed));
  if (f->status) jsonw_uint(j, "http_status", f->status);
  jsonw_close(j, '}');
}

/* Of a plain server whose encrypted way was discovered. */
static void write_way(struct jsonw *j, const struct ns_way *way) {
  char text[ADDR_TEXT];
  jsonw_open(j, "discovered", '{');
  jsonw_string(j, "address", addr_format(&way->addr, text));
  jsonw_string(j, "transport", transport_text(way->transport));
  jsonw_bool(j, "used", way->state == WAY_PROVEN);
  if (way->proof == TLS_PROOF_NONE) jsonw_bool(j, "unproven", true);
  jsonw_close(j, '}');
}

static void write_servers(struct jsonw *j, const struct commands *c, bool briefly) {
  char text[ADDR_TEXT], domain[NAME_TEXT];
  const struct stats *g = &c->stats;

  jsonw_open(j, "upstreams", '[');
  for (unsigned i = 0; i < g->server_count; i++) {
    const struct ns_stats *s = &g->servers[i];
    jsonw_open(j, NULL, '{');
    jsonw_string(j, "address", addr_format(&s->addr, text));
    jsonw_string(j, "for", stats_domain(s, &c->daemon->settings, domain));
    jsonw_bool(j, "up", s->up > 0);
    jsonw_string(j, "state", stats_state(s));
    if (!briefly) {
      if (s->known) jsonw_real(j, "srtt_ms", (double)s->srtt_ms_x8 / 8 / s->known, 2);
      else jsonw_string(j, "srtt_ms", NULL);
      jsonw_uint(j, "rto_ms", s->rto_ms);
      jsonw_uint(j, "silent", s->silent);
      jsonw_uint(j, "asked", s->asked);
      jsonw_uint(j, "replies", s->replies);
      write_capabilities(j, s);
      jsonw_string(j, "transport", transport_text(s->transport));
      if (s->way.state != WAY_NONE) write_way(j, &s->way);
      if (s->way.state != WAY_NONE || transport_is_encrypted(s->transport)) write_tls(j, &s->facts);
    }
    jsonw_close(j, '}');
  }

  jsonw_close(j, ']');
}

static void write_cache(struct jsonw *j, struct cache *cache) {
  struct cache_stats s;
  uint64_t unused = 0;
  cache_stats(cache, &s);
  for (unsigned i = 0; i < ORIGINS; i++) unused += s.unused[i];
  jsonw_open(j, "cache", '{');
  jsonw_uint(j, "answers", s.entries);
  jsonw_uint(j, "octets", s.octets);
  jsonw_uint(j, "limit", s.limit);
  jsonw_uint(j, "evicted", s.evicted);
  jsonw_uint(j, "unused", unused);
  jsonw_uint(j, "unused_c2s", s.unused[ORIGIN_PREFETCH_C2S]);
  jsonw_uint(j, "unused_s2s", s.unused[ORIGIN_PREFETCH_S2S]);
  jsonw_uint(j, "unused_renewed", s.unused[ORIGIN_RENEWED]);
  jsonw_close(j, '}');
}

static void write_counters(struct jsonw *j, const char *key, const struct counters *sum) {
  jsonw_open(j, key, '{');
  for (unsigned i = 0; i < COUNTER_COUNT; i++) jsonw_uint(j, counter_infos[i].field, counter_at(sum, i));
  jsonw_close(j, '}');
}

/* NULL: it is off. */
static void write_tap(struct jsonw *j, struct daemon *d) {
  struct counters sum = {0}; /* of the tap's own, for which no worker has to stop */
  if (!d->tapping.stream) {
    jsonw_string(j, "dnstap", NULL);
    return;
  }

  tapping_count(&d->tapping, &sum);
  jsonw_open(j, "dnstap", '{');
  jsonw_string(j, "socket", d->settings.tap.socket);
  jsonw_bool(j, "connected", tap_stream_is_connected(d->tapping.stream));
  jsonw_uint(j, "written", sum.tap_written);
  jsonw_uint(j, "dropped", sum.tap_dropped);
  jsonw_close(j, '}');
}

static void write_dnssec(struct jsonw *j, const struct daemon *d) {
  static const char *const modes[] = {[PROVE_LOG] = "log", [PROVE_VALIDATE] = "validate"};
  if (d->settings.forward.prove == PROVE_OFF) {
    jsonw_string(j, "dnssec", NULL);
    return;
  }
  jsonw_open(j, "dnssec", '{');
  jsonw_string(j, "mode", modes[d->settings.forward.prove]);
  jsonw_bool(j, "clock", !d->prover.clock_is_wrong);
  jsonw_close(j, '}');
}

static void run_status(void *ctx, struct control_reply *r, unsigned argc, char *const *argv) {
  struct commands *c = ctx;
  const struct daemon *d = c->daemon;
  const struct settings *s = &d->settings;
  struct jsonw *j = control_json(r);
  char text[ADDR_TEXT], levels[LOG_LEVELS_TEXT];

  if (!has_no_words(r, argc, argv)) return;
  const struct stats *g = gather_all(c);
  jsonw_string(j, "version", PACKAGE_VERSION);
  jsonw_uint(j, "pid", (uint64_t)getpid());
  jsonw_uint(j, "uptime_s", (clock_ms() - d->started_ms) / 1000);
  jsonw_uint(j, "threads", d->workers.count);
  jsonw_open(j, "listen", '[');
  for (unsigned i = 0; i < s->listen_count; i++) jsonw_string(j, NULL, addr_format(&s->listen[i], text));
  jsonw_close(j, ']');
  write_servers(j, c, true);
  jsonw_uint(j, "in_flight", g->in_flight);
  write_dnssec(j, d);
  fleet_view_write(c->daemon, j);
  write_cache(j, d->cache);
  jsonw_string(j, "log_level", log_levels_format(levels));
  write_tap(j, c->daemon);
  jsonw_string(j, "settings_file", *s->file ? s->file : NULL);
  if (d->reloaded_ms) {
    jsonw_open(j, "reload", '{');
    jsonw_bool(j, "good", !d->reload_failed);
    jsonw_uint(j, "ago_s", (clock_ms() - d->reloaded_ms) / 1000);
    jsonw_close(j, '}');
  } else {
    jsonw_string(j, "reload", NULL);
  }
}

static void run_stats(void *ctx, struct control_reply *r, unsigned argc, char *const *argv) {
  struct commands *c = ctx;
  struct daemon *d = c->daemon;
  struct jsonw *j = control_json(r);
  struct counters sum;
  bool each = argc == 2 && strcmp(argv[1], "--workers") == 0;

  if (argc > 1 && !each) {
    control_fail(r, "stats: takes no arguments but --workers");
    return;
  }

  daemon_counters(d, &sum);
  write_counters(j, "counters", &sum);
  jsonw_open(j, "help", '{');
  for (unsigned i = 0; i < COUNTER_COUNT; i++) jsonw_string(j, counter_infos[i].field, counter_infos[i].help);
  jsonw_close(j, '}');
  if (!each) return;
  jsonw_open(j, "workers", '[');
  for (unsigned i = 0; i < d->workers.count; i++) {
    struct counters one = {0};
    counters_sum(&one, worker_counters(d->workers.of[i]));
    write_counters(j, NULL, &one);
  }

  jsonw_close(j, ']');
}

static void run_upstreams(void *ctx, struct control_reply *r, unsigned argc, char *const *argv) {
  struct commands *c = ctx;
  if (!has_no_words(r, argc, argv)) return;
  gather_all(c);
  write_servers(control_json(r), c, false);
}

/* ---- top ---- */

static void write_waited(struct jsonw *j, const struct daemon *d) {
  struct latency sum = {0};
  workers_waited(&d->workers, &sum);
  jsonw_open(j, "latency", '{');
  jsonw_open(j, "bounds_ms", '[');
  for (unsigned i = 0; i < LATENCY_BOUNDS; i++) jsonw_uint(j, NULL, latency_bounds_ms[i]);
  jsonw_close(j, ']');
  jsonw_open(j, "counts", '[');
  for (unsigned i = 0; i <= LATENCY_BOUNDS; i++) jsonw_uint(j, NULL, sum.counts[i]);
  jsonw_close(j, ']');
  jsonw_uint(j, "sum_ms", sum.sum_ms);
  jsonw_close(j, '}');
}

/* What both forms say of the daemon. */
static void write_daemon(struct jsonw *j, const struct daemon *d) {
  jsonw_string(j, "version", PACKAGE_VERSION);
  jsonw_uint(j, "pid", (uint64_t)getpid());
  jsonw_uint(j, "uptime_ms", clock_ms() - d->started_ms);
}

static void write_all(struct commands *c, struct jsonw *j) {
  struct daemon *d = c->daemon;
  struct counters sum;
  const struct stats *g = gather_all(c);
  daemon_counters(d, &sum);
  jsonw_uint(j, "in_flight", g->in_flight);
  write_counters(j, "counters", &sum);
  write_waited(j, d);
  write_cache(j, d->cache);
  write_servers(j, c, false);
  fault_rules_write(&d->faults, j);
}

static void run_top(void *ctx, struct control_reply *r, unsigned argc, char *const *argv) {
  struct commands *c = ctx;
  struct daemon *d = c->daemon;
  struct jsonw *j = control_json(r);
  bool of_xmpp = argc == 2 && strcmp(argv[1], "--xmpp") == 0;

  if (argc > 1 && !of_xmpp) {
    control_fail(r, "top: takes no arguments but --xmpp");
    return;
  }

  domain_watch_look(&d->domain_watch, &d->workers, of_xmpp ? DOMAIN_WATCH_WALKS : DOMAIN_WATCH_QUESTIONS);
  write_daemon(j, d);
  if (!of_xmpp) write_all(c, j);
  domain_json_write(d, of_xmpp ? DOMAIN_VIEW_LATEST : DOMAIN_VIEW_BUSIEST, j);
}

/* ---- what it logs ---- */

static void run_log_level(void *ctx, struct control_reply *r, unsigned argc, char *const *argv) {
  (void)ctx;
  uint8_t levels[LOG_COMPONENT_COUNT];
  char text[LOG_LEVELS_TEXT];
  if (argc > 2 || (argc == 2 && !log_levels_parse(argv[1], levels))) {
    control_fail(r, "log-level: '%.40s': should be error, warn, info or debug, or as in info,xmpp=debug",
                 argv[argc - 1]);
    return;
  }
  if (argc == 2) log_set_levels(levels);
  jsonw_string(control_json(r), "level", log_levels_format(text));
}

/* ---- reload ---- */

/* The lines at text, which is written into, as a list. */
static void write_lines(struct jsonw *j, const char *key, char *text) {
  jsonw_open(j, key, '[');
  for (char *rest = text, *line; (line = strtok_r(rest, "\n", &rest));) jsonw_string(j, NULL, line);
  jsonw_close(j, ']');
}

static void run_reload(void *ctx, struct control_reply *r, unsigned argc, char *const *argv) {
  struct commands *c = ctx;
  char *said = NULL;
  size_t len;

  if (!has_no_words(r, argc, argv)) return;
  FILE *err = open_memstream(&said, &len);
  if (!err) {
    control_fail(r, "out of memory");
    return;
  }

  bool good = reload_settings(c->daemon, err);
  fclose(err);
  if (!good) control_fail(r, "the old settings still hold");
  write_lines(control_json(r), "complaints", said);
  free(said);
  log_info("daemon", "reload: %s", good ? "settings reloaded" : "the old settings still hold");
}

/* ---- settings ---- */

/* As a reload would read them, in the form of --print-config. */
static enum settings_outcome print_settings(const struct daemon *d, FILE *out, FILE *err) {
  char **argv = must_alloc(((size_t)d->argc + 2) * sizeof *argv), print[] = "--print-config";
  struct settings *scratch = must_zalloc(sizeof *scratch);
  for (int i = 0; i < d->argc; i++) argv[i] = d->argv[i];
  argv[d->argc] = print;
  argv[d->argc + 1] = NULL;
  enum settings_outcome outcome = settings_read(scratch, d->argc + 1, argv, out, err);
  free(scratch);
  free(argv);
  return outcome;
}

static void run_settings(void *ctx, struct control_reply *r, unsigned argc, char *const *argv) {
  const struct commands *c = ctx;
  char *text = NULL, *said = NULL;
  size_t len;

  if (!has_no_words(r, argc, argv)) return;
  FILE *out = open_memstream(&text, &len), *err = open_memstream(&said, &len);
  bool good = out && err && print_settings(c->daemon, out, err) == SETTINGS_TOLD;
  if (out) fclose(out);
  if (err) fclose(err);
  if (!good) control_fail(r, "the settings can't be read again; those that were read before still hold");
  if (said) write_lines(control_json(r), "complaints", said);
  if (good) write_lines(control_json(r), "lines", text);
  free(text);
  free(said);
}

static void run_fault(void *ctx, struct control_reply *r, unsigned argc, char *const *argv) {
  struct daemon *d = ((struct commands *)ctx)->daemon;
  fault_rules_command(&d->faults, &d->workers, r, argc, argv);
}

/* ---- all of them ---- */

static const struct control_command commands[] = {
    {"status", "", "What runs here, where it listens, whom it asks.", run_status},
    {"stats", "[--workers]", "All counters.", run_stats},
    {"upstreams", "", "The servers it asks.", run_upstreams},
    {"settings", "", "The settings, and where each comes from.", run_settings},
    {"flush", "NAME [TYPE]|--below NAME|--fleet NAME|--all", "Removes answers from the cache.", run_flush},
    {"dump", "[[--below] NAME]", "The cache, an answer a line.", run_dump},
    {"reload", "", "Reads the settings again.", run_reload},
    {"log-level", "[error|warn|info|debug][,COMPONENT=LEVEL]...", "What is logged, and will be.",
     run_log_level},
    {"fault", "add RULE|list|clear [NUMBER]", "Rules that change answers on purpose.", run_fault},
    {"top", "[--xmpp]", "What rates are made of, and XMPP domains: the busiest, or the latest.", run_top},
};

struct commands *commands_start(struct daemon *d) {
  struct commands *c = calloc(1, sizeof *c);
  bool wanted = d->control.fd >= 0 && *d->control.path;
  if (c && wanted)
    c->control = control_new(&d->loop, &d->control, commands, sizeof commands / sizeof *commands, c);
  if (!c || !c->control) {
    if (wanted) log_error("daemon", "out of memory: no control socket");
    free(c);
    return NULL;
  }
  c->daemon = d;
  return c;
}

void commands_stop(struct commands *c) {
  if (!c) return;
  control_close(c->control);
  free(c);
}
