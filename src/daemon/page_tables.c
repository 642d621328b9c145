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
  bool is_wide; /* it has names in it */
};

static void put_head(struct htmlw *w, const struct column *columns, unsigned n) {
  htmlw_open(w, "table");
  htmlw_open(w, "thead");
  htmlw_open(w, "tr");
  for (unsigned i = 0; i < n; i++) {
    htmlw_open_class(w, "th", columns[i].is_number ? "n" : columns[i].is_wide ? "w" : NULL);
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
  static const struct column columns[] = {{"Server", false, false}, {"For", false, false},
                                          {"State", false, false},  {"Round trip", true, false},
                                          {"Queries", true, false}, {"Replies", true, false}};
  if (!v->stats.server_count) {
    htmlw_element(&v->w, "p", "none", "There are none.");
    return;
  }
  put_head(&v->w, columns, sizeof columns / sizeof *columns);
  for (unsigned i = 0; i < v->stats.server_count; i++) put_server(v, columns, &v->stats.servers[i]);
  put_foot(&v->w);
}

/* ---- domains ---- */

/* The command that says more of a domain, to be copied: where the name is one that no shell takes for more.
 */
static void put_check(struct htmlw *w, const char *name) {
  if (!name_text_is_plain(name)) return;
  htmlw_open_class(w, "code", "check");
  htmlw_textf(w, "jidns check %s", name);
  htmlw_close(w);
}

static void put_name(struct htmlw *w, const struct column *column, const struct domain_row *row) {
  char name[NAME_TEXT];
  open_cell(w, column);
  htmlw_text(w, name_format(row->name, row->name_len, name));
  put_check(w, walks_name_format(row->name, row->name_len, name));
  htmlw_close(w);
}

/* "server: xmpp.example.org:5269 _xmpp-server 5" */
static void put_way(struct htmlw *w, const struct domain_row_way *way, enum family_role role) {
  char target[NAME_TEXT];
  htmlw_open(w, "div");
  htmlw_text(w, role == FAMILY_S2S ? "server: " : "client: ");
  if (way->known == DOMAIN_WAY_SRV) {
    htmlw_textf(w, "%s:%u ", walks_name_format(way->way.target, way->way.target_len, target), way->way.port);
    htmlw_open(w, "small");
    htmlw_textf(w, "%s %u", walks_service_text(&way->way, role), way->way.priority);
    htmlw_close(w);
  } else if (way->known == DOMAIN_WAY_ADDRESSES) {
    htmlw_textf(w, "its own addresses, port %u (no SRV)", way->way.port);
  } else {
    htmlw_text(w, way->known == DOMAIN_WAY_NONE ? "no such service" : "not known");
  }
  if (way->is_stale) htmlw_element(w, "span", "warn", " expired");
  htmlw_close(w);
}

static void put_ways(struct htmlw *w, const struct column *column, const struct domain_view *view,
                     const struct domain_row *row) {
  struct domain_row_way ways[2];
  bool is_known[2];
  for (unsigned role = 0; role < 2; role++)
    is_known[role] = domain_view_way(view, row, (enum family_role)role, &ways[role]);

  open_cell(w, column);
  if (is_known[0] || is_known[1]) htmlw_open(w, "div");
  for (unsigned role = 0; role < 2; role++) {
    if (is_known[role]) put_way(w, &ways[role], (enum family_role)role);
  }
  if (is_known[0] || is_known[1]) htmlw_close(w);
  htmlw_close(w);
}

/* Whichever came last: a service that failed, or a walk. */
static void put_failure(struct htmlw *w, const struct column *column, const struct domain_row *row) {
  const struct domain_outcomes *o = row->outcomes && row->outcomes->failed ? row->outcomes : NULL;
  const struct contact *c = row->contact && row->contact->failed_ms ? row->contact : NULL;
  char ago[PAGE_NUMBER], why[CONTACT_WHY];
  open_cell(w, column);
  bool is_other = c && c->failed_end != WALK_FAILED; /* than what the service's failure says better */
  if (c &&
      (!o || o->failed_ms + WALK_LONGEST_MS < c->failed_ms || (is_other && o->failed_ms <= c->failed_ms)))
    htmlw_textf(w, "%s: %s, %s ago", c->failed_role == FAMILY_S2S ? "server" : "client",
                contact_why_format(c, why), page_duration(clock_ms() - c->failed_ms, ago));
  else if (o)
    htmlw_textf(w, "%s: %s, %s ago", domains_service_text(o), err_text(o->why),
                page_duration(clock_ms() - o->failed_ms, ago));
  htmlw_close(w);
}

static void put_walks(struct htmlw *w, const struct column *first, const struct column *saved,
                      const struct contact *c) {
  char text[PAGE_NUMBER] = "";
  if (c && c->reached) snprintf(text, sizeof text, "%u ms", c->first_ms);
  put_cell(w, first, NULL, text);
  *text = 0;
  if (c && c->answers)
    snprintf(text, sizeof text, "%llu of %llu", (unsigned long long)(c->answers - c->waited),
             (unsigned long long)c->answers);
  put_cell(w, saved, NULL, text);
}

static void put_domain(struct htmlw *w, const struct column *columns, const struct domain_view *view,
                       const struct domain_row *row) {
  static const struct domain_outcomes nobody_waited;
  const struct domain_outcomes *o = row->outcomes ? row->outcomes : &nobody_waited;
  uint64_t stale = row->contact && row->contact->stale > o->stale ? row->contact->stale : o->stale;
  htmlw_open(w, "tr");
  put_name(w, &columns[0], row);
  put_ways(w, &columns[1], view, row);
  put_walks(w, &columns[2], &columns[3], row->contact);
  put_number(w, &columns[4], NULL, row->busy ? row->busy->asked : 0);
  put_number(w, &columns[5], NULL, o->told);
  put_number(w, &columns[6], stale ? "warn" : NULL, stale);
  put_number(w, &columns[7], o->failed ? "bad" : NULL, o->failed);
  put_failure(w, &columns[8], row);
  end_row(w);
}

static void put_note(struct htmlw *w, unsigned n) {
  if (n > DOMAINS_SHOWN) {
    htmlw_raw(w, "\n");
    htmlw_open_class(w, "p", "none");
    htmlw_textf(w, "And %u more.", n - DOMAINS_SHOWN);
    htmlw_close(w);
  }
  if (n > 0)
    htmlw_element(w, "p", "dim note",
                  "The way is the one that a host took last, or what the cache says, with the SRV record's "
                  "service and priority. First address: how long it took from a host's first question. Not "
                  "waited for: answers that were in the cache, "
                  "prefetched or not. These and SRV queries are counted while somebody looks, the others "
                  "since the start. Who waited is a client whose answer was not in the cache.");
}

void page_put_domains(struct page_view *v) {
  static const struct column columns[] = {
      {"Domain", false, true},         {"Way", false, true},     {"First address", true, false},
      {"Not waited for", true, false}, {"Queries", true, false}, {"Waited", true, false},
      {"Stale", true, false},          {"Failed", true, false},  {"Last failure", false, false}};
  struct domain_row rows[DOMAIN_ROWS];
  struct domain_view *sums = domain_view_new(v->daemon);
  unsigned n = sums ? domain_view_rows(sums, DOMAIN_VIEW_BUSIEST, rows) : 0;
  struct htmlw *w = &v->w;
  if (n == 0) htmlw_element(w, "p", "none", "No XMPP domain was asked for yet.");
  else put_head(w, columns, sizeof columns / sizeof *columns);

  for (unsigned i = 0; i < n && i < DOMAINS_SHOWN; i++) put_domain(w, columns, sums, &rows[i]);
  if (n > 0) put_foot(w);
  put_note(w, n);
  domain_view_free(sums);
}
