/* ctl_top.c: a daemon's work second by second, from the difference of two looks. Exports ctl_run_top. */
#include <stdlib.h>
#include <string.h>

#include "tool/ctl.h"
#include "tool/ctl_show.h"
#include "tool/ctl_top_priv.h"
#include "tool/screen.h"
#include "tool/show_json_priv.h"
#include "tool/table.h"

enum { LOOK_MS = 1000, DOMAINS_SHOWN = 15, FAULTS_SHOWN = 5, LABEL = 10 /* columns */ };

/* ---- two looks ---- */

struct looks {
  json_t *before, *now; /* owned; what the daemon said */
};

static double number_of(const json_t *o, const char *key) {
  return json_number_value(json_object_get(o, key));
}

/* How much a number has grown; one that fell belongs to a daemon begun anew. */
static double grown(const json_t *before, const json_t *now, const char *key) {
  double by = number_of(now, key) - number_of(before, key);
  return by > 0 ? by : 0;
}

static double seconds(const struct looks *l) {
  double ms = grown(l->before, l->now, "uptime_ms");
  return ms > 0 ? ms / 1000 : 1;
}

static double counted(const struct looks *l, const char *counter) {
  return grown(json_object_get(l->before, "counters"), json_object_get(l->now, "counters"), counter);
}

/* The member of a list whose `key` is this text; NULL if there is none. */
static const json_t *member_of(const json_t *list, const char *key, const char *text) {
  const json_t *one;
  size_t i;
  json_array_foreach(list, i, one) {
    if (strcmp(text_of(one, key), text) == 0) return one;
  }
  return NULL;
}

/* ---- what is made of them ---- */

static void set(json_t *o, const char *key, double value) { json_object_set_new(o, key, json_real(value)); }

/* The bound below which this part of what was counted between the two looks lies, in ms; null beyond the last
 * bound. */
static json_t *quantile(const json_t *bounds, const double *counts, size_t n, double all, double part) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    sum += counts[i];
    json_t *bound = json_array_get(bounds, i);
    if (sum >= all * part) return bound ? json_incref(bound) : json_null();
  }
  return json_null();
}

static json_t *latency_view(const struct looks *l) {
  enum { BUCKETS_MAX = 64 };
  const json_t *before = json_object_get(l->before, "latency"), *now = json_object_get(l->now, "latency"),
               *bounds = json_object_get(now, "bounds_ms"), *old = json_object_get(before, "counts"),
               *counts = json_object_get(now, "counts");
  double by[BUCKETS_MAX], all = 0;
  size_t n = json_array_size(counts);
  if (n > BUCKETS_MAX) n = BUCKETS_MAX;
  for (size_t i = 0; i < n; i++) {
    by[i] = json_number_value(json_array_get(counts, i)) - json_number_value(json_array_get(old, i));
    all += by[i] > 0 ? by[i] : 0;
  }

  json_t *o = json_object();
  set(o, "answers_per_s", all / seconds(l));
  json_object_set_new(o, "mean_ms", all > 0 ? json_real(grown(before, now, "sum_ms") / all) : json_null());
  json_object_set_new(o, "half_under_ms", all > 0 ? quantile(bounds, by, n, all, 0.5) : json_null());
  json_object_set_new(o, "most_under_ms", all > 0 ? quantile(bounds, by, n, all, 0.95) : json_null());
  return o;
}

static json_t *upstreams_view(const struct looks *l) {
  json_t *list = json_array();
  const json_t *one;
  size_t i;
  json_array_foreach(json_object_get(l->now, "upstreams"), i, one) {
    const json_t *before = json_array_get(json_object_get(l->before, "upstreams"), i);
    bool same = strcmp(text_of(before, "address"), text_of(one, "address")) == 0;
    json_t *o = json_copy((json_t *)(uintptr_t)one);
    set(o, "asked_per_s", same ? grown(before, one, "asked") / seconds(l) : 0);
    set(o, "replies_per_s", same ? grown(before, one, "replies") / seconds(l) : 0);
    json_array_append_new(list, o);
  }
  return list;
}

static json_t *domains_view(const struct looks *l) {
  json_t *list = json_array();
  const json_t *one;
  size_t i;
  json_array_foreach(json_object_get(l->now, "domains"), i, one) {
    const json_t *before = member_of(json_object_get(l->before, "domains"), "domain", text_of(one, "domain"));
    double by = number_of(one, "asked") - number_of(one, "error");
    json_t *o = json_copy((json_t *)(uintptr_t)one);
    if (before) by = grown(before, one, "asked") - grown(before, one, "error");
    set(o, "per_s", (by > 0 ? by : 0) / seconds(l));
    json_array_append_new(list, o);
  }
  return list;
}

static void keep(json_t *o, const struct looks *l, const char *key) {
  json_object_set(o, key, json_object_get(l->now, key));
}

/* All that is shown, as an object; what is missing in it is what memory lacked for. */
static json_t *view(const struct looks *l) {
  double s = seconds(l), hits = counted(l, "hit"), misses = counted(l, "miss");
  json_t *o = json_object();

  keep(o, l, "version");
  keep(o, l, "pid");
  keep(o, l, "uptime_ms");
  set(o, "interval_s", s);
  set(o, "queries_per_s", counted(l, "queries") / s);
  json_object_set_new(o, "hit_ratio", hits + misses > 0 ? json_real(hits / (hits + misses)) : json_null());
  set(o, "stale_per_s", counted(l, "stale") / s);
  set(o, "failed_per_s", counted(l, "failed") / s);
  set(o, "refused_per_s", counted(l, "refused") / s);
  keep(o, l, "in_flight");
  set(o, "background_per_s", counted(l, "background") / s);
  set(o, "background_used_per_s",
      (counted(l, "saved") + counted(l, "prefetch_joined_c2s") + counted(l, "prefetch_joined_s2s")) / s);
  set(o, "background_unused_per_s",
      grown(json_object_get(l->before, "cache"), json_object_get(l->now, "cache"), "unused") / s);
  keep(o, l, "cache");
  keep(o, l, "counters");
  keep(o, l, "faults");
  json_object_set_new(o, "latency", latency_view(l));
  json_object_set_new(o, "upstreams", upstreams_view(l));
  json_object_set_new(o, "domains", domains_view(l));
  return o;
}

/* ---- as text ---- */

static void cell_rate(struct table *t, unsigned column, double per_s) {
  table_cell(t, column, "%.1f/s", per_s);
}

/* A row of the first table: how often it happens now, and how often it did since the start. */
static void add_rate(struct table *t, const json_t *o, const char *what, const char *rate,
                     const char *counter, enum term_style style) {
  double now = number_of(o, rate), all = number_of(json_object_get(o, "counters"), counter);
  table_row(t);
  table_cell(t, 0, "%s", what);
  cell_rate(t, 1, now);
  table_cell(t, 2, "%.0f", all);
  if (now > 0) table_style(t, 1, style);
}

static void add_ratio(struct table *t, const json_t *o) {
  const json_t *ratio = json_object_get(o, "hit_ratio"), *counters = json_object_get(o, "counters");
  double hits = number_of(counters, "hit"), all = hits + number_of(counters, "miss");
  table_row(t);
  table_cell(t, 0, "cache hits");
  table_cell(t, 1, json_is_number(ratio) ? "%.1f %%" : "-", 100 * json_number_value(ratio));
  table_cell(t, 2, all > 0 ? "%.1f %%" : "-", all > 0 ? 100 * hits / all : 0);
}

static void write_rates(const json_t *o, const struct term *term, FILE *out) {
  static const char *const names[] = {"", "NOW", "SINCE THE START"};
  struct table t = {0};
  table_head(&t, names, sizeof names / sizeof *names);
  add_rate(&t, o, "queries", "queries_per_s", "queries", STYLE_PLAIN);
  add_ratio(&t, o);
  add_rate(&t, o, "waits saved", "background_used_per_s", "saved", STYLE_PLAIN);
  add_rate(&t, o, "stale answers", "stale_per_s", "stale", STYLE_WARN);
  add_rate(&t, o, "failed", "failed_per_s", "failed", STYLE_BAD);
  add_rate(&t, o, "refused", "refused_per_s", "refused", STYLE_WARN);
  table_write(&t, term, out);
  table_free(&t);
}

static void write_latency(const json_t *o, const struct term *term, FILE *out) {
  const json_t *latency = json_object_get(o, "latency"), *mean = json_object_get(latency, "mean_ms"),
               *most = json_object_get(latency, "most_under_ms");
  double failed = number_of(o, "failed_per_s");
  char longest[40] = "longer";
  if (json_is_number(most)) snprintf(longest, sizeof longest, "under %.0f ms", json_number_value(most));
  fprintf(out, "%-*s", LABEL, "waiting");
  if (json_is_number(mean))
    term_wrapf(term, out, LABEL, LABEL, "%.1f/s, mean %.1f ms, half under %.0f ms, 95 %% %s",
               number_of(latency, "answers_per_s"), json_number_value(mean),
               number_of(latency, "half_under_ms"), longest);
  else if (failed > 0) term_wrapf(term, out, LABEL, LABEL, "nobody got an answer; %.1f/s failed", failed);
  else fputs("nobody waits\n", out);
}

/* Whoever looks must not take what was spoiled on purpose for what is wrong. */
static void write_faults(const json_t *o, const struct term *term, FILE *out) {
  const json_t *list = json_object_get(o, "faults"), *one;
  size_t n = json_array_size(list), i;
  if (n == 0) return;

  fputs(term_begin(term, STYLE_BAD), out);
  term_wrapf(term, out, 0, 2, "FAULTS IN FORCE: %zu rule%s answers on purpose", n,
             n == 1 ? " spoils" : "s spoil");
  fputs(term_end(term, STYLE_BAD), out);
  json_array_foreach(list, i, one) {
    if (i == FAULTS_SHOWN) {
      fprintf(out, "  and %zu more; jidns fault list shows all\n", n - i);
      break;
    }
    fputs("  ", out);
    term_wrapf(term, out, 2, 4, "%.0f: %s (spoiled %.0f of %.0f)", number_of(one, "number"),
               text_of(one, "rule"), number_of(one, "spoiled"), number_of(one, "matched"));
  }
  fputc('\n', out);
}

static void write_head(const json_t *o, const struct term *term, FILE *out) {
  const json_t *cache = json_object_get(o, "cache");
  char up[CTL_DURATION];
  term_wrapf(term, out, 0, 2, "jidnsd %s, process %.0f, up %s, questions in flight %.0f",
             text_of(o, "version"), number_of(o, "pid"),
             ctl_show_duration((long long)(number_of(o, "uptime_ms") / 1000), up), number_of(o, "in_flight"));
  fputc('\n', out);
  write_faults(o, term, out);
  write_rates(o, term, out);
  fputc('\n', out);
  write_latency(o, term, out);
  fprintf(out, "%-*s", LABEL, "prefetch");
  term_wrapf(term, out, LABEL, LABEL, "%.1f/s sent, %.1f/s used, %.1f/s unused",
             number_of(o, "background_per_s"), number_of(o, "background_used_per_s"),
             number_of(o, "background_unused_per_s"));
  fprintf(out, "%-*s", LABEL, "cache");
  term_wrapf(term, out, LABEL, LABEL, "%.0f answers, %.1f of %.0f MiB", number_of(cache, "answers"),
             number_of(cache, "octets") / (1 << 20), number_of(cache, "limit") / (1 << 20));
  fputc('\n', out);
}

static void write_upstreams(const json_t *o, const struct term *term, FILE *out) {
  static const char *const names[] = {"UPSTREAM", "STATE", "SRTT MS", "ASKED/S", "REPLIES/S", "FOR"};
  struct table t = {0};
  const json_t *one;
  size_t i;
  table_head(&t, names, sizeof names / sizeof *names);
  json_array_foreach(json_object_get(o, "upstreams"), i, one) {
    table_row(&t);
    ctl_show_server(&t, one);
    table_cell(&t, 3, "%.1f", number_of(one, "asked_per_s"));
    table_cell(&t, 4, "%.1f", number_of(one, "replies_per_s"));
    table_cell(&t, 5, "%s", *text_of(one, "for") ? text_of(one, "for") : "all");
  }
  table_write(&t, term, out);
  table_free(&t);
}

static void note_failure(struct table *t, const json_t *domain) {
  const json_t *failure = json_object_get(domain, "failure");
  char ago[CTL_DURATION];
  if (!failure) return;
  table_note(t, "last failure: %s: %s, %s ago", text_of(failure, "service"), text_of(failure, "text"),
             ctl_show_duration((long long)number_of(failure, "ago_s"), ago));
}

static void add_domain(struct table *t, const json_t *one) {
  bool failed = number_of(one, "failed") > 0;
  table_row(t);
  table_cell(t, 0, "%s", text_of(one, "domain"));
  table_cell(t, 1, "%.1f", number_of(one, "per_s"));
  table_cell(t, 2, "%.0f", number_of(one, "waited"));
  table_cell(t, 3, "%.0f", number_of(one, "stale"));
  table_cell(t, 4, "%.0f", number_of(one, "failed"));
  if (failed) table_style(t, 4, STYLE_BAD);
  note_failure(t, one);
}

static void write_domains(const json_t *o, const struct term *term, FILE *out) {
  static const char *const names[] = {"XMPP DOMAIN", "QUERIES/S", "WAITED", "STALE", "FAILED"};
  struct table t = {0};
  const json_t *one;
  size_t i, more = 0, failed = 0;

  if (json_array_size(json_object_get(o, "domains")) == 0) {
    fprintf(out, "\nno XMPP domain was asked for yet\n");
    return;
  }

  fputc('\n', out);
  table_head(&t, names, sizeof names / sizeof *names);
  json_array_foreach(json_object_get(o, "domains"), i, one) {
    if (i < DOMAINS_SHOWN) {
      add_domain(&t, one);
      continue;
    }
    more++;
    failed += number_of(one, "failed") > 0;
  }

  table_write(&t, term, out);
  table_free(&t);
  if (more) fprintf(out, "and %zu more domains, %zu of which have failed; --json has them\n", more, failed);
}

/* What is shown of XMPP domains is what the daemon says of them now. */
static json_t *xmpp_view(const struct looks *l) {
  json_t *o = json_object();
  keep(o, l, "version");
  keep(o, l, "pid");
  keep(o, l, "uptime_ms");
  keep(o, l, "domains");
  return o;
}

static void write_all(const json_t *o, const struct term *term, FILE *out) {
  write_head(o, term, out);
  write_upstreams(o, term, out);
  write_domains(o, term, out);
}

/* To be freed; NULL when memory is out. */
static char *text_of_view(const json_t *o, bool of_xmpp, const struct term *term) {
  char *text = NULL;
  size_t len;
  FILE *out = open_memstream(&text, &len);
  if (!out) return NULL;
  if (of_xmpp) ctl_top_xmpp_write(o, term, out);
  else write_all(o, term, out);
  fclose(out);
  return text;
}

/* ---- look after look ---- */

/* Asks the daemon; the exit status if it does not answer, else CLI_FOUND. */
static int look(struct ctl *t, struct looks *l) {
  if (!ctl_send(t, t->cli->xmpp ? "top --xmpp" : "top")) return CLI_NO_ANSWER;
  enum ctl_heard heard = ctl_hear(t);
  if (heard == CTL_LOST) return CLI_NO_ANSWER;
  json_t *o = json_loads(t->line, 0, NULL);
  if (heard != CTL_DONE || !o) {
    ctl_show_error(t->cli, t->line);
    json_decref(o);
    return CLI_NOT_FOUND;
  }
  json_decref(l->before);
  l->before = l->now;
  l->now = o;
  return CLI_FOUND;
}

/* Shows what is new since the look before; false when it can't be written. */
static bool show(const struct cli *c, const struct screen *s, const struct looks *l) {
  json_t *o = c->xmpp ? xmpp_view(l) : view(l);
  bool good;
  if (c->json) {
    good = json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6)) == 0 && putchar('\n') != EOF &&
           fflush(stdout) == 0;
  } else {
    struct term term = term_find(c->colours); /* it may have another size now */
    char *text = text_of_view(o, c->xmpp, &term);
    good = text && screen_show(s, text);
    free(text);
  }
  json_decref(o);
  return good;
}

static int watch(struct ctl *t, struct screen *s, struct looks *l) {
  int status = CLI_FOUND;
  while (status == CLI_FOUND && screen_wait(s, LOOK_MS)) {
    status = look(t, l);
    if (status == CLI_FOUND && !show(t->cli, s, l)) status = CLI_TROUBLE;
    if (t->cli->once) break;
  }
  return status;
}

/* What is complained of while the screen is taken is said afterwards. */
static int watch_on_screen(struct ctl *t, struct looks *l) {
  struct screen s;
  char *said = NULL;
  size_t len;
  if (!screen_open(&s, !t->cli->once && !t->cli->json)) {
    perror("jidns top");
    return CLI_TROUBLE;
  }
  t->err = open_memstream(&said, &len);
  int status = t->err ? watch(t, &s, l) : CLI_TROUBLE;
  screen_close(&s);
  if (t->err) fclose(t->err);
  if (said) fputs(said, stderr);
  free(said);
  return status;
}

int ctl_run_top(struct cli *c) {
  struct looks l = {0};
  struct ctl t;
  if (c->words_count) return cli_usage(c, "\"%s\": takes no words; see jidns top --help", c->words[0]);
  if (!ctl_open(&t, c)) return CLI_NO_ANSWER;
  int status = look(&t, &l);
  if (status == CLI_FOUND) status = watch_on_screen(&t, &l);
  json_decref(l.before);
  json_decref(l.now);
  ctl_close(&t);
  return status;
}
