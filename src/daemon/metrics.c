/* metrics.c: all that is counted, as Prometheus reads it. Exports metrics_*. */
#include "daemon/metrics.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "config.h"
#include "daemon/fleet_view.h"
#include "daemon/health.h"
#include "daemon/page.h"
#include "daemon/stats.h"

/* ---- families: HELP and TYPE come before their samples ---- */

static void head(FILE *out, const char *name, const char *type, const char *help) {
  fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void sample(FILE *out, const char *name, const char *labels, double value) {
  fprintf(out, "%s%s%s%s %.15g\n", name, *labels ? "{" : "", labels, *labels ? "}" : "", value);
}

static void gauge(FILE *out, const char *name, const char *help, double value) {
  head(out, name, "gauge", help);
  sample(out, name, "", value);
}

/* name_bucket{labels,le="..."}: how many took at most so long; name_sum, name_count. */
static void histogram(FILE *out, const char *name, const char *labels, const struct latency *l) {
  const char *comma = *labels ? "," : "", *open = *labels ? "{" : "", *close = *labels ? "}" : "";
  unsigned long long count = 0;
  for (unsigned i = 0; i < LATENCY_BOUNDS; i++) {
    count += l->counts[i];
    fprintf(out, "%s_bucket{%s%sle=\"%g\"} %llu\n", name, labels, comma, latency_bounds_ms[i] / 1e3, count);
  }
  count += l->counts[LATENCY_BOUNDS];
  fprintf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", name, labels, comma, count);
  fprintf(out, "%s_sum%s%s%s %.3f\n%s_count%s%s%s %llu\n", name, open, labels, close, (double)l->sum_ms / 1e3,
          name, open, labels, close, count);
}

/* ---- what is counted ---- */

static void write_counters(FILE *out, struct daemon *d) {
  struct counters sum;
  char name[64];
  daemon_counters(d, &sum);

  for (unsigned i = 0; i < COUNTER_COUNT; i++) {
    const struct counter_info *info = &counter_infos[i];
    if (!info->family) continue;
    snprintf(name, sizeof name, "jidns_%s", info->family->name);
    if (i == 0 || counter_infos[i - 1].family != info->family) head(out, name, "counter", info->family->help);
    sample(out, name, info->labels, (double)counter_sample(&sum, i));
  }
}

/* ---- gauges ---- */

/* What is the same for all that shows it, beside the counters. */
struct now {
  const struct daemon *daemon;
  const struct stats *stats;
  struct cache_stats cache;
};

static double cache_entries(const struct now *n) { return (double)n->cache.entries; }
static double cache_bytes(const struct now *n) { return (double)n->cache.octets; }
static double cache_limit(const struct now *n) { return (double)n->cache.limit; }
static double cache_evicted(const struct now *n) { return (double)n->cache.evicted; }
static double unused_c2s(const struct now *n) { return (double)n->cache.unused[ORIGIN_PREFETCH_C2S]; }
static double unused_s2s(const struct now *n) { return (double)n->cache.unused[ORIGIN_PREFETCH_S2S]; }
static double unused_renewed(const struct now *n) { return (double)n->cache.unused[ORIGIN_RENEWED]; }
static double in_flight(const struct now *n) { return n->stats->in_flight; }
static double workers(const struct now *n) { return n->daemon->workers.count; }
static double reload_success(const struct now *n) { return !n->daemon->reload_failed; }
static double one(const struct now *n) {
  (void)n;
  return 1;
}

/* Rows of one name stand together; the first has its help. */
static const struct {
  const char *name, *labels, *type, *help;
  double (*read)(const struct now *n);
} values[] = {
    {"jidns_cache_entries", "", "gauge", "Answers in the cache.", cache_entries},
    {"jidns_cache_bytes", "", "gauge", "Memory that the answers and their index take.", cache_bytes},
    {"jidns_cache_limit_bytes", "", "gauge", "Memory that the cache may take.", cache_limit},
    {"jidns_cache_evicted_answers_total", "", "counter", "Answers evicted to make room for others.",
     cache_evicted},
    {"jidns_cache_unused_answers_total", "origin=\"prefetch_c2s\"", "counter",
     "Prefetched or renewed answers that no client asked for, by origin.", unused_c2s},
    {"jidns_cache_unused_answers_total", "origin=\"prefetch_s2s\"", "counter", NULL, unused_s2s},
    {"jidns_cache_unused_answers_total", "origin=\"renewal\"", "counter", NULL, unused_renewed},
    {"jidns_questions_in_flight", "", "gauge", "Questions that wait for an upstream server.", in_flight},
    {"jidns_build_info", "version=\"" PACKAGE_VERSION "\"", "gauge", "Always 1; the version that runs.", one},
    {"jidns_workers", "", "gauge", "Threads that answer queries.", workers},
    {"jidns_reload_success", "", "gauge", "0 when the last reload failed and the old settings still hold.",
     reload_success},
};

static void write_values(FILE *out, const struct now *n) {
  for (unsigned i = 0; i < sizeof values / sizeof *values; i++) {
    if (values[i].help) head(out, values[i].name, values[i].type, values[i].help);
    sample(out, values[i].name, values[i].labels, values[i].read(n));
  }
}

static void write_fleet(FILE *out, struct daemon *d) {
  static const char name[] = "jidns_shared_connected";
  head(out, name, "gauge",
       "1 while the fleet's server is connected, 0 while it is not; none without a fleet.");
  if (d->member) sample(out, name, "", fleet_view_is_up(d));
}

/* ---- histograms, and values of each server ---- */

static void write_waiting(FILE *out, const struct daemon *d) {
  static const char name[] = "jidns_miss_wait_seconds";
  struct latency sum = {0};
  workers_waited(&d->workers, &sum);
  head(out, name, "histogram", "How long clients waited on a cache miss.");
  histogram(out, name, "", &sum);
}

/* server="192.0.2.1:53",domain="corp.example.": what Prometheus escapes (backslash, quote) is escaped. */
enum { LABELS = 2 * ADDR_TEXT + 2 * NAME_TEXT + 32 };

/* An interface's name, too, may have a quote in it. */
static char *put_label(char *at, const char *name, const char *value) {
  at = stpcpy(stpcpy(at, name), "=\"");
  for (; *value; value++) {
    if (*value == '\\' || *value == '"') *at++ = '\\';
    *at++ = *value;
  }
  *at++ = '"';
  return at;
}

static const char *labels_of(const struct ns_stats *s, const struct settings *settings, char text[LABELS]) {
  char addr[ADDR_TEXT], domain[NAME_TEXT], *at = text;
  at = put_label(at, "server", addr_format(&s->addr, addr));
  *at++ = ',';
  *put_label(at, "domain", stats_domain(s, settings, domain)) = 0;
  return text;
}

/* Nobody knows before it was asked. */
static double is_up(const struct ns_stats *s) { return !s->asked ? NAN : s->up > 0; }
static double asked(const struct ns_stats *s) { return (double)s->asked; }
static double replies(const struct ns_stats *s) { return (double)s->replies; }

static void write_servers(FILE *out, const struct settings *settings, const struct stats *g) {
  static const struct {
    const char *name, *type, *help;
    double (*value)(const struct ns_stats *s);
  } families[] = {
      {"jidns_server_up", "gauge",
       "1 while the upstream server answers; none before it was first asked. Servers of all names have no "
       "domain.",
       is_up},
      {"jidns_server_queries_total", "counter", "Queries sent to the upstream server, retries included.",
       asked},
      {"jidns_server_replies_total", "counter", "Replies from the upstream server.", replies},
  };
  static const char rtt[] = "jidns_server_rtt_seconds";
  char labels[LABELS];
  for (unsigned f = 0; f < sizeof families / sizeof *families; f++) {
    head(out, families[f].name, families[f].type, families[f].help);
    for (unsigned i = 0; i < g->server_count; i++) {
      const struct ns_stats *s = &g->servers[i];
      double value = families[f].value(s);
      if (isnan(value)) continue;
      fprintf(out, "%s{%s} %.15g\n", families[f].name, labels_of(s, settings, labels), value);
    }
  }

  head(out, rtt, "histogram", "How long replies from the upstream server took over UDP.");
  for (unsigned i = 0; i < g->server_count; i++)
    histogram(out, rtt, labels_of(&g->servers[i], settings, labels), &g->servers[i].rtt);
}

/* ---- the process ---- */

static double resident_bytes(void) {
  unsigned long total, pages = 0;
  FILE *f = fopen("/proc/self/statm", "re");
  if (f && fscanf(f, "%lu %lu", &total, &pages) != 2) pages = 0;
  if (f) fclose(f);
  return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static unsigned open_descriptors(void) {
  DIR *dir = opendir("/proc/self/fd");
  unsigned n = 0;
  while (dir && readdir(dir)) n++;
  if (dir) closedir(dir);
  return n > 3 ? n - 3 : 0; /* ".", ".." and the folder's own */
}

static double seconds(struct timeval t) { return (double)t.tv_sec + (double)t.tv_usec / 1e6; }

static void write_process(FILE *out, const struct daemon *d) {
  static const char cpu[] = "process_cpu_seconds_total";
  struct rusage usage = {0};
  struct rlimit limit = {0};

  getrusage(RUSAGE_SELF, &usage);
  getrlimit(RLIMIT_NOFILE, &limit);
  head(out, cpu, "counter", "Processor time, user and system, in seconds.");
  fprintf(out, "%s %.3f\n", cpu, seconds(usage.ru_utime) + seconds(usage.ru_stime));
  gauge(out, "process_start_time_seconds", "Start time, in seconds since 1970.",
        (double)((int64_t)d->started_ms + clock_epoch_ms()) / 1e3);
  gauge(out, "process_resident_memory_bytes", "Resident memory.", resident_bytes());
  gauge(out, "process_open_fds", "Open file descriptors.", open_descriptors());
  gauge(out, "process_max_fds", "Limit on open file descriptors.", (double)limit.rlim_cur);
}

/* ---- pages ---- */

enum { GOOD = 200, NOT_NOW = 503 };

static unsigned write_metrics(void *ctx, FILE *out) {
  struct daemon *d = ctx;
  struct stats *g = malloc(sizeof *g);
  if (!g) return NOT_NOW;
  struct now now = {.daemon = d, .stats = g};
  stats_gather(d, g);
  write_counters(out, d);
  cache_stats(d->cache, &now.cache);
  write_values(out, &now);
  write_fleet(out, d);
  write_waiting(out, d);
  write_servers(out, &d->settings, g);
  write_process(out, d);
  free(g);
  return GOOD;
}

static unsigned write_health(void *ctx, FILE *out) {
  (void)ctx;
  fputs("alive\n", out);
  return GOOD;
}

/* Ready: it listens, or there would be no page, and of the servers for all names, if it has any, one is not
 * known to be dead; or there are answers in the cache that may be given. */
static unsigned write_readiness(void *ctx, FILE *out) {
  struct daemon *d = ctx;
  struct stats *g = malloc(sizeof *g);
  bool up = g && !d->settings.upstream.count && d->zones; /* nothing but local zones */
  if (g) stats_gather(d, g);
  for (unsigned i = 0; g && i < g->server_count; i++)
    up = up || (g->servers[i].route == 0 && g->servers[i].up);
  free(g);
  enum health h = up ? HEALTH_GOOD : health_of_cache(d->cache, d->settings.forward.max_stale_s, clock_ms());
  fprintf(out, "%s\n", health_text(h));
  return h == HEALTH_NONE ? NOT_NOW : GOOD;
}

static unsigned write_page(void *ctx, FILE *out) {
  struct daemon *d = ctx;
  return page_write(&d->page, d, out) ? GOOD : NOT_NOW;
}

static const char *policy_of_page(void *ctx) { return page_policy(((struct daemon *)ctx)->page); }

static const struct metrics_http_page pages[] = {
    {"/", "text/html; charset=utf-8", write_page, policy_of_page},
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", write_metrics, NULL},
    {"/healthz", "text/plain; charset=utf-8", write_health, NULL},
    {"/readyz", "text/plain; charset=utf-8", write_readiness, NULL},
};

void metrics_start(struct daemon *d) {
  if (!d->metrics || metrics_http_start(d->metrics, &d->loop, pages, sizeof pages / sizeof *pages, d)) return;
  log_error("daemon", "out of memory or file descriptors: no metrics");
  metrics_stop(d);
}

void metrics_stop(struct daemon *d) {
  metrics_http_close(d->metrics);
  d->metrics = NULL;
  page_free(d->page);
  d->page = NULL;
}
