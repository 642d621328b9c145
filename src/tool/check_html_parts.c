/* check_html_parts.c: what the HTML report says of one domain. Exports check_html_section,
 * check_html_table_head. */
#include <stdarg.h>
#include <stdlib.h>

#include "base/must.h"
#include "tool/check_html_priv.h"
#include "tool/check_picture.h"
#include "tool/domain.h"

enum {
  TARGETS_MAX = 100, /* rows of one service in the table of records */
  STEPS_MAX = 8,     /* of a plan */
  TTL = 3600
};

static const char *side_title(enum lookup_side side) { return side == LOOKUP_C2S ? "Clients" : "Servers"; }

/* ---- the verdict ---- */

static void write_card(const struct checked *c, enum lookup_side side, struct htmlw *w) {
  unsigned index = facts_side_index(side);
  enum verdict v = c->report->verdicts[index];
  char host[NAME_TEXT];

  if (v == VERDICT_UNASKED) return;
  const struct plan *tls = c->facts->plans[index][1], *starttls = c->facts->plans[index][0];
  const struct plan *p = tls->count > 0 ? tls : starttls;

  htmlw_open(w, "div");
  htmlw_attrf(w, "class", "card %s", check_html_verdict_class(v));
  htmlw_textf(w, "%s reach it:", side_title(side));
  htmlw_element(w, "strong", NULL, check_verdict_text(v));
  if (p->count > 0 && v != VERDICT_UNKNOWN) {
    htmlw_open_class(w, "span", "dim");
    htmlw_textf(w, "first at %s, port %u, %s", plan_step_host(&p->steps[0], host), p->steps[0].port,
                plan_tls(p->steps[0].direct_tls));
    htmlw_close(w);
  }

  htmlw_close(w);
}

static void write_head(const struct checked *c, struct htmlw *w) {
  char domain[NAME_TEXT], server[ADDR_TEXT];
  htmlw_element(w, "h2", NULL, lookup_host_text(c->facts->domain->domain, domain));
  htmlw_open_class(w, "p", "dim");
  if (c->facts->offline)
    htmlw_text(w, c->facts->from_cache ? "From the cache of jidnsd" : "From a zone file");
  else htmlw_textf(w, "Asked %s, %u ms", addr_format(&c->server, server), c->ms);
  if (c->facts->typed.taken_from) htmlw_textf(w, "; the domain of %s", c->facts->typed.taken_from);
  htmlw_close(w);

  htmlw_open_class(w, "div", "cards");
  write_card(c, LOOKUP_C2S, w);
  write_card(c, LOOKUP_S2S, w);
  htmlw_close(w);
}

/* ---- findings ---- */

static void write_labelled(struct htmlw *w, const char *label, const char *text) {
  htmlw_open(w, "p");
  htmlw_element(w, "strong", NULL, label);
  htmlw_text(w, " ");
  htmlw_text(w, text);
  htmlw_close(w);
}

/* The lines to take out, or to put in: whole, so that they can be pasted into a zone file. */
static void write_lines(const struct finding *x, bool add, struct htmlw *w) {
  unsigned count = 0;
  for (unsigned i = 0; i < x->change_count; i++) count += x->changes[i].add == add;
  if (count == 0) return;

  htmlw_element(w, "p", "dim", add ? "Put in:" : "Take out:");
  htmlw_open(w, "pre");
  for (unsigned i = 0; i < x->change_count; i++) {
    const struct change *c = &x->changes[i];
    if (c->add != add) continue;
    htmlw_textf(w, "%s. %d IN %s %s", c->owner, TTL, c->type, c->rdata);
    htmlw_raw(w, "\n");
  }
  htmlw_close(w);
}

static void write_summary(const struct finding *x, const char *element, struct htmlw *w) {
  htmlw_open(w, element);
  htmlw_element(w, "b", NULL, report_severity_word(x->severity));
  htmlw_text(w, x->text);
  htmlw_close(w);
}

static void write_finding(const struct finding *x, struct htmlw *w) {
  const struct rule *rule = &report_rules[x->rule];
  htmlw_open_class(w, "details", report_severity_word(x->severity));
  if (x->severity >= SEVERITY_WARNING) htmlw_attr(w, "open", "");
  write_summary(x, "summary", w);
  write_labelled(w, "Why:", rule->why);
  if (!x->sure) htmlw_element(w, "p", NULL, "This can't be told for sure from the DNS alone.");
  if (*rule->hurts) write_labelled(w, "Hurts:", rule->hurts);
  write_labelled(w, "What to do:", rule->mend);
  write_lines(x, false, w);
  write_lines(x, true, w);

  htmlw_open_class(w, "p", "dim");
  htmlw_element(w, "code", NULL, rule->code);
  htmlw_textf(w, ", see %s", rule->refs);
  htmlw_close(w);
  htmlw_close(w);
}

static void write_findings(const struct checked *c, const struct check_options *o, struct htmlw *w) {
  htmlw_element(w, "h3", NULL, "Findings");
  htmlw_open(w, "p");
  check_html_count(c->report, w);
  htmlw_text(w, ".");
  htmlw_close(w);
  for (size_t i = 0; i < c->report->count; i++) {
    const struct finding *x = &c->report->list[i];
    if (x->ignored || (x->severity == SEVERITY_INFO && !o->verbose)) continue;
    write_finding(x, w);
  }
}

/* ---- plans ---- */

static void write_step(const struct plan_step *s, struct htmlw *w) {
  char host[NAME_TEXT];
  htmlw_open(w, "li");
  htmlw_textf(w, "%s port %u, %s", plan_step_host(s, host), s->port, plan_tls(s->direct_tls));
  htmlw_open_class(w, "span", "dim");
  if (s->srv) htmlw_textf(w, " (priority %u, weight %u)", s->srv->priority, s->srv->weight);
  else htmlw_text(w, " (the domain itself)");
  htmlw_close(w);
  htmlw_close(w);
}

static void write_plan(const struct plan *p, const char *programs, struct htmlw *w) {
  htmlw_element(w, "p", "dim", programs);
  if (p->count == 0) {
    htmlw_element(w, "p", NULL,
                  p->end == PLAN_NOT_OFFERED ? "connect nowhere: the service is not offered"
                                             : "find nothing to connect to");
    return;
  }

  htmlw_open(w, "ol");
  for (size_t i = 0; i < p->count && i < STEPS_MAX; i++) write_step(&p->steps[i], w);
  htmlw_close(w);
  if (p->count > STEPS_MAX) {
    htmlw_open(w, "p");
    htmlw_textf(w, "and %zu more", p->count - STEPS_MAX);
    htmlw_close(w);
  }
}

static void write_side_plans(const struct facts *f, enum lookup_side side, struct htmlw *w) {
  const struct plan *starttls = f->plans[facts_side_index(side)][0],
                    *tls = f->plans[facts_side_index(side)][1];
  if (!(f->domain->sides & side) || !tls) return;
  htmlw_open(w, "div");
  htmlw_element(w, "h4", NULL, side_title(side));
  if (plan_is_equal(tls, starttls)) {
    write_plan(tls, "All programs, in this order:", w);
  } else {
    write_plan(tls, "Programs that know direct TLS, in this order:", w);
    write_plan(starttls, "Programs that know STARTTLS only, in this order:", w);
  }
  htmlw_close(w);
}

static void write_plans(const struct facts *f, struct htmlw *w) {
  htmlw_element(w, "h3", NULL, "Where programs go");
  htmlw_open_class(w, "div", "plans");
  write_side_plans(f, LOOKUP_C2S, w);
  write_side_plans(f, LOOKUP_S2S, w);
  htmlw_close(w);
}

/* ---- records ---- */

static void write_addresses(const struct host *h, struct htmlw *w) {
  char address[ADDRESS_TEXT];
  htmlw_open(w, "td");
  if (!h) {
    htmlw_text(w, "not asked for");
  } else if (h->address_count == 0) {
    htmlw_text(w, check_no_address_text(h));
  } else {
    for (size_t i = 0; i < h->address_count; i++) {
      if (i > 0) {
        htmlw_open(w, "br");
        htmlw_close(w);
      }
      htmlw_text(w, lookup_address_text(&h->addresses[i], address));
    }
  }

  htmlw_close(w);
}

static void write_number(struct htmlw *w, const char *klass, unsigned value) {
  htmlw_open_class(w, "td", klass);
  htmlw_textf(w, "%u", value);
  htmlw_close(w);
}

static void write_wide_row(struct htmlw *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void write_wide_row(struct htmlw *w, const char *fmt, ...) {
  char *text = NULL;
  va_list args;
  va_start(args, fmt);
  must(vasprintf(&text, fmt, args) >= 0);
  va_end(args);
  htmlw_open(w, "tr");
  htmlw_open(w, "td");
  htmlw_attr(w, "colspan", "5");
  htmlw_text(w, text);
  htmlw_close(w);
  htmlw_close(w);
  free(text);
}

static void write_target(const struct service *s, size_t i, struct htmlw *w) {
  char name[NAME_TEXT];
  const struct srv *srv = &s->srv[i];
  htmlw_open(w, "tr");
  htmlw_open(w, "td");
  htmlw_text(w, domain_text(srv->target, srv->target_len, name));
  htmlw_open_class(w, "span", "narrower dim");
  htmlw_textf(w, "priority %u, weight %u", srv->priority, srv->weight);
  htmlw_close(w);
  htmlw_close(w);
  write_number(w, "number", srv->port);
  write_number(w, "number wider", srv->priority);
  write_number(w, "number wider", srv->weight);
  write_addresses(s->hosts[i], w);
  htmlw_close(w);
}

static void begin_group(struct htmlw *w, const char *name, const char *what) {
  htmlw_open(w, "tbody");
  htmlw_open(w, "tr");
  htmlw_open(w, "th");
  htmlw_attr(w, "colspan", "5");
  htmlw_attr(w, "scope", "rowgroup");
  htmlw_element(w, "code", NULL, name);
  htmlw_open_class(w, "span", "dim");
  htmlw_textf(w, " %s", what);
  htmlw_close(w);
  htmlw_close(w);
  htmlw_close(w);
}

static void write_service(const struct checked *c, const struct service *s, struct htmlw *w) {
  char word[PRINT_WORD], name[NAME_TEXT], what[64];
  snprintf(what, sizeof what, "%s, %s%s", s->kind->side == LOOKUP_C2S ? "clients" : "servers",
           plan_tls(s->kind->direct_tls), s->kind->obsolete ? ", obsolete" : "");
  begin_group(w, report_service_name(c->report, s->kind->labels, name), what);

  if (s->state == SERVICE_NOT_OFFERED)
    write_wide_row(w, "not offered: %u %u %u .", s->srv[0].priority, s->srv[0].weight, s->srv[0].port);
  else if (s->state == SERVICE_ABSENT) write_wide_row(w, "no record");
  else if (s->state == SERVICE_FAILED && s->asked.outcome == ASKED_LEFT_OUT)
    write_wide_row(w, "not looked at");
  else if (s->state == SERVICE_FAILED)
    write_wide_row(w, "failed: %s", s->malformed ? "unreadable" : lookup_outcome_text(&s->asked, word));
  for (size_t i = 0; s->state == SERVICE_OFFERED && i < s->count && i < TARGETS_MAX; i++)
    write_target(s, i, w);
  if (s->state == SERVICE_OFFERED && s->count > TARGETS_MAX)
    write_wide_row(w, "and %zu more", s->count - TARGETS_MAX);
  htmlw_close(w);
}

static void write_host_group(const struct facts *f, struct htmlw *w) {
  char name[NAME_TEXT];
  begin_group(w, lookup_host_text(f->domain->domain, name), "the domain itself");
  htmlw_open(w, "tr");
  for (unsigned i = 0; i < 4; i++) htmlw_element(w, "td", i < 2 ? NULL : "wider", "");
  write_addresses(f->domain->domain, w);
  htmlw_close(w);
  htmlw_close(w);
}

static void write_component(const struct component *x, struct htmlw *w) {
  char name[NAME_TEXT], host[NAME_TEXT];
  if (!x->plan || (x->plan->count == 0 && !x->wanted)) return;
  begin_group(w, lookup_host_text(x->lookup->domain, name), "component");
  if (x->plan->count == 0) write_wide_row(w, "not reached");
  else
    write_wide_row(w, "servers go to %s port %u", plan_step_host(&x->plan->steps[0], host),
                   x->plan->steps[0].port);
  htmlw_close(w);
}

void check_html_table_head(struct htmlw *w, const struct table_column *columns, size_t n) {
  htmlw_open(w, "thead");
  htmlw_open(w, "tr");
  for (size_t i = 0; i < n; i++) {
    htmlw_open(w, "th");
    htmlw_attr(w, "scope", "col");
    if (columns[i].klass) htmlw_attr(w, "class", columns[i].klass);
    htmlw_text(w, columns[i].text);
    htmlw_close(w);
  }
  htmlw_close(w);
  htmlw_close(w);
}

static void write_records(const struct checked *c, struct htmlw *w) {
  static const struct table_column heads[] = {{"Target", NULL},
                                              {"Port", "number"},
                                              {"Priority", "number wider"},
                                              {"Weight", "number wider"},
                                              {"Addresses", NULL}};
  const struct facts *f = c->facts;

  htmlw_element(w, "h3", NULL, "Records");
  htmlw_open(w, "table");
  check_html_table_head(w, heads, sizeof heads / sizeof *heads);

  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    const struct service *s = &f->domain->services[i];
    if (s->state == SERVICE_UNASKED || (s->kind->obsolete && s->count == 0)) continue;
    write_service(c, s, w);
  }

  write_host_group(f, w);
  for (size_t i = 0; i < f->component_count; i++) write_component(&f->components[i], w);
  htmlw_close(w);
}

/* ---- connections ---- */

static void write_connection(const struct connections *all, const struct connection *n, struct htmlw *w) {
  char address[ADDRESS_TEXT];
  htmlw_open(w, "tr");
  htmlw_open(w, "td");
  htmlw_text(w, lookup_address_text(&n->address, address));
  if (n->component) htmlw_textf(w, " for %s", n->component->label);
  htmlw_close(w);
  write_number(w, "number", n->port);
  htmlw_element(w, "td", NULL, n->direct_tls ? "direct TLS" : "STARTTLS");

  htmlw_open(w, "td");
  htmlw_text(w, connect_end_text(n->end));
  if (*n->why) htmlw_textf(w, ": %s", n->why);
  if (n->has_tls)
    htmlw_textf(w, "; %s, certificate: %s, %ld days", n->version, cert_form_text(n->form),
                (long)((n->until_s - all->now_s) / 86400));
  htmlw_close(w);
  htmlw_close(w);
}

static void write_connections(const struct connections *all, struct htmlw *w) {
  static const struct table_column heads[] = {
      {"Address", NULL}, {"Port", NULL}, {"TLS", NULL}, {"Result", NULL}};
  if (!all) return;
  htmlw_element(w, "h3", NULL, "Connections");
  htmlw_open(w, "table");
  check_html_table_head(w, heads, sizeof heads / sizeof *heads);
  htmlw_open(w, "tbody");
  for (size_t i = 0; i < all->count; i++) write_connection(all, &all->list[i], w);
  for (size_t i = 0; i < all->component_count; i++) write_connection(all, &all->of_components[i], w);
  htmlw_close(w);
  htmlw_close(w);
}

static void write_document(const struct web_document *d, struct htmlw *w) {
  char result[WEB_TEXT];
  htmlw_open(w, "tr");
  htmlw_element(w, "td", NULL, d->form == HOST_META_XML ? "host-meta" : "host-meta.json");
  htmlw_element(w, "td", NULL, web_result_text(d, result));
  htmlw_open(w, "td");
  for (size_t i = 0; d->end == WEB_GOOD && i < d->meta.count; i++) {
    const struct host_meta_link *l = &d->meta.links[i];
    htmlw_textf(w, "%s%s ", i ? ", " : "", host_meta_word(l->kind));
    if (host_meta_is_for_web(l)) htmlw_text(w, l->href);
    else if (l->port) htmlw_textf(w, "port %u", l->port);
  }
  htmlw_close(w);
  htmlw_close(w);
}

static void write_web(const struct web_facts *web, struct htmlw *w) {
  static const struct table_column heads[] = {{"Document", NULL}, {"Result", NULL}, {"Links", NULL}};
  if (!web->is_tried) return;
  htmlw_element(w, "h3", NULL, "Host-meta");
  htmlw_open(w, "table");
  check_html_table_head(w, heads, sizeof heads / sizeof *heads);
  htmlw_open(w, "tbody");
  for (size_t i = 0; i < HOST_META_FORMS; i++) write_document(&web->documents[i], w);
  htmlw_close(w);
  htmlw_close(w);
}

static void write_picture(const struct checked *c, struct htmlw *w) {
  struct picture *p = picture_new(c);
  htmlw_element(w, "h3", NULL, "From the domain to addresses");
  htmlw_open(w, "figure");
  picture_write(p, PICTURE_WIDE, w);
  picture_write(p, PICTURE_NARROW, w);
  htmlw_close(w);
  picture_free(p);
}

static void write_left_out(const struct facts *f, struct htmlw *w) {
  char text[CHECK_LEFT_OUT_TEXT];
  if (check_left_out_text(f, text)) htmlw_element(w, "p", "dim", text);
}

void check_html_section(const struct checked *c, const struct check_options *o, unsigned number,
                        struct htmlw *w) {
  htmlw_open(w, "section");
  htmlw_attrf(w, "id", "domain-%u", number);
  write_head(c, w);
  write_picture(c, w);
  write_findings(c, o, w);
  write_plans(c->facts, w);
  write_connections(c->facts->connections, w);
  if (c->facts->connections) write_web(&c->facts->connections->web, w);
  if (!o->quiet) write_records(c, w);
  write_left_out(c->facts, w);
  htmlw_close(w);
  htmlw_raw(w, "\n");
}
