/* page_tables.c: the live page's tables and its warning. Exports page_put_*. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/domain_view.h"
#include "daemon/page_priv.h"

enum { DOMAINS_SHOWN = 25 };

/* ---- tables: a phone shows each cell behind its column's name ---- */

struct column {
  const char *name;
  bool is_number;
};

static void put_head(struct htmlw *w, const struct column *columns, unsigned n) {
  htmlw_open(w, "table");
  htmlw_open(w, "thead");
  htmlw_open(w, "tr");
  for (unsigned i = 0; i < n; i++) {
    htmlw_open_class(w, "th", columns[i].is_number ? "n" : NULL);
    htmlw_attr(w, "scope", "col");
    htmlw_text(w, columns[i].name);
    htmlw_close(w);
  }
  htmlw_close(w);
  htmlw_close(w);
  htmlw_raw(w, "\n");
  htmlw_open(w, "tbody");
}

static void put_foot(struct htmlw *w) {
  htmlw_close(w);
  htmlw_close(w);
}

static void open_cell(struct htmlw *w, const struct column *column) {
  htmlw_open_class(w, "td", column->is_number ? "n" : NULL);
  htmlw_attr(w, "data-of", column->name);
}

static void put_cell(struct htmlw *w, const struct column *column, const char *klass, const char *text) {
  open_cell(w, column);
  if (klass) htmlw_element(w, "span", klass, text);
  else htmlw_text(w, text);
  htmlw_close(w);
}

static void put_number(struct htmlw *w, const struct column *column, const char *klass, uint64_t n) {
  char text[PAGE_NUMBER];
  put_cell(w, column, klass, page_number(n, text));
}

static void end_row(struct htmlw *w) {
  htmlw_close(w);
  htmlw_raw(w, "\n");
}

/* ---- faults in force ---- */

static void put_fault(struct htmlw *w, const struct fault_live *live) {
  char text[RULE_TEXT];
  htmlw_open(w, "li");
  htmlw_element(w, "code", NULL, rule_format(&live->rule, text));
  htmlw_textf(w, " (rule %u, spoiled %llu of %llu)", live->number,
              (unsigned long long)__atomic_load_n(&live->spoiled, __ATOMIC_RELAXED),
              (unsigned long long)__atomic_load_n(&live->matched, __ATOMIC_RELAXED));
  htmlw_close(w);
}

void page_put_faults(struct page_view *v) {
  const struct faults *set = v->daemon->faults.set;
  struct htmlw *w = &v->w;
  if (!set || !set->count) return;

  htmlw_open_class(w, "section", "alarm");
  htmlw_open(w, "h2");
  htmlw_textf(w, "Answers are spoiled on purpose: %u fault rule%s in force", set->count,
              set->count == 1 ? " is" : "s are");
  htmlw_close(w);
  htmlw_open(w, "ul");
  for (unsigned i = 0; i < set->count; i++) put_fault(w, set->rules[i]);
  htmlw_close(w);
  htmlw_close(w);
  htmlw_raw(w, "\n");
}

/* ---- upstream servers ---- */

/* Behind the transport where that is not plain DNS: "TLS 192.0.2.1:853". */
static void put_address(struct htmlw *w, const struct column *column, const struct ns_stats *s) {
  char address[ADDR_TEXT];
  open_cell(w, column);
  if (s->transport != TRANSPORT_UDP) htmlw_textf(w, "%s ", transport_text(s->transport));
  htmlw_text(w, addr_format(&s->addr, address));
  htmlw_close(w);
}

/* With how the last connection to an encrypted server failed. */
static void put_state(struct htmlw *w, const struct column *column, const struct ns_stats *s) {
  open_cell(w, column);
  htmlw_open_class(w, "span", !s->asked ? "state dim" : s->up ? "state good" : "state bad");
  htmlw_text(w, stats_state(s));
  if (s->facts.failed != ERR_NONE) htmlw_textf(w, ": %s", err_text(s->facts.failed));
  else if (s->facts.status) htmlw_textf(w, ": HTTP status %u", s->facts.status);
  htmlw_close(w);
  htmlw_close(w);
}

static void put_server(struct page_view *v, const struct column *columns, const struct ns_stats *s) {
  char domain[NAME_TEXT], latency[PAGE_NUMBER] = "";
  const char *of = stats_domain(s, &v->daemon->settings, domain);
  struct htmlw *w = &v->w;
  if (s->known) snprintf(latency, sizeof latency, "%.1f ms", (double)s->srtt_ms_x8 / 8 / s->known);

  htmlw_open(w, "tr");
  put_address(w, &columns[0], s);
  put_cell(w, &columns[1], NULL, *of ? of : "all names");
  put_state(w, &columns[2], s);
  put_cell(w, &columns[3], NULL, latency);
  put_number(w, &columns[4], NULL, s->asked);
  put_number(w, &columns[5], NULL, s->replies);
  end_row(w);
}

void page_put_upstreams(struct page_view *v) {
  static const struct column columns[] = {{"Server", false},    {"For", false},    {"State", false},
                                          {"Round trip", true}, {"Queries", true}, {"Replies", true}};
  if (!v->stats.server_count) {
    htmlw_element(&v->w, "p", "none", "There are none.");
    return;
  }
  put_head(&v->w, columns, sizeof columns / sizeof *columns);
  for (unsigned i = 0; i < v->stats.server_count; i++) put_server(v, columns, &v->stats.servers[i]);
  put_foot(&v->w);
}

/* ---- domains ---- */

static void put_failure(struct htmlw *w, const struct column *column, const struct domain_outcomes *o) {
  char ago[PAGE_NUMBER];
  open_cell(w, column);
  if (o->failed)
    htmlw_textf(w, "%s: %s, %s ago", domains_service_text(o), err_text(o->why),
                page_duration(clock_ms() - o->failed_ms, ago));
  htmlw_close(w);
}

static void put_domain(struct htmlw *w, const struct column *columns, const struct domain_row *row) {
  static const struct domain_outcomes nobody_waited;
  const struct domain_outcomes *o = row->outcomes ? row->outcomes : &nobody_waited;
  uint64_t answered = o->told - o->failed;
  char name[NAME_TEXT], mean[PAGE_NUMBER] = "";
  if (answered) snprintf(mean, sizeof mean, "%.0f ms", (double)o->wait_ms / (double)answered);

  htmlw_open(w, "tr");
  put_cell(w, &columns[0], NULL, name_format(row->name, row->name_len, name));
  put_number(w, &columns[1], NULL, row->busy ? row->busy->asked : 0);
  put_number(w, &columns[2], NULL, o->told);
  put_cell(w, &columns[3], NULL, mean);
  put_number(w, &columns[4], o->stale ? "warn" : NULL, o->stale);
  put_number(w, &columns[5], o->failed ? "bad" : NULL, o->failed);
  put_failure(w, &columns[6], o);
  end_row(w);
}

void page_put_domains(struct page_view *v) {
  static const struct column columns[] = {{"Domain", false},      {"Queries", true}, {"Waited", true},
                                          {"Mean wait", true},    {"Stale", true},   {"Failed", true},
                                          {"Last failure", false}};
  struct domain_row rows[DOMAIN_ROWS];
  struct domain_view *sums = domain_view_new(v->daemon);
  unsigned n = sums ? domain_view_rows(sums, rows) : 0;
  struct htmlw *w = &v->w;
  if (n == 0) htmlw_element(w, "p", "none", "No XMPP domain was asked for yet.");
  else put_head(w, columns, sizeof columns / sizeof *columns);

  for (unsigned i = 0; i < n && i < DOMAINS_SHOWN; i++) put_domain(w, columns, &rows[i]);
  if (n > 0) put_foot(w);
  if (n > DOMAINS_SHOWN) {
    htmlw_raw(w, "\n");
    htmlw_open_class(w, "p", "none");
    htmlw_textf(w, "And %u more.", n - DOMAINS_SHOWN);
    htmlw_close(w);
  }
  if (n > 0)
    htmlw_element(w, "p", "dim note",
                  "Queries are counted while somebody looks, the others since the start. Who waited is a "
                  "client whose answer was not in the cache.");
  domain_view_free(sums);
}
