/* check_json.c: a checked domain for programs, through jansson. Exports check_has_json, check_write_json. */
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#include "base/must.h"
#include "config.h"
#include "tool/check.h"
#include "tool/domain.h"
#include "tool/show_json_priv.h"

#define CHECK_SCHEMA "jidns-check/1"

enum { CHANGE_TTL = 3600 };

bool check_has_json(void) { return true; }

static json_t *change_json(const struct change *c) {
  char *record = NULL;
  must(asprintf(&record, "%s. %d IN %s %s", c->owner, CHANGE_TTL, c->type, c->rdata) >= 0);
  json_t *one = json_pack("{s:s, s:s}", "op", c->add ? "add" : "delete", "record", record);
  free(record);
  return one;
}

static json_t *finding_json(const struct finding *x) {
  const struct rule *rule = &report_rules[x->rule];
  json_t *data = json_object(), *fix = json_array();
  for (unsigned i = 0; i < REPORT_DATA && x->data[i].key; i++)
    lookup_json_set(data, x->data[i].key, json_integer((json_int_t)x->data[i].value));
  for (unsigned i = 0; i < x->change_count; i++) json_array_append_new(fix, change_json(&x->changes[i]));
  json_t *one = json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:b, s:o}", "code", rule->code,
                          "severity", report_severity_word(x->severity), "side", report_side_word(x->side),
                          "subject", x->subject, "data", data, "text", x->text, "why", rule->why, "hurts",
                          rule->hurts, "mend", rule->mend, "refs", rule->refs, "sure", x->sure, "fix", fix);
  if (x->ignored) lookup_json_set(one, "ignored", json_true());
  return one;
}

static json_t *findings_json(const struct report *r) {
  json_t *list = json_array();
  for (size_t i = 0; i < r->count; i++) json_array_append_new(list, finding_json(&r->list[i]));
  return list;
}

static json_t *hosts_json(const struct hosts *h) {
  json_t *list = json_array();
  char name[NAME_TEXT], address[ADDRESS_TEXT], word[PRINT_WORD];

  for (size_t i = 0; i < h->count; i++) {
    const struct host *x = h->list[i];
    json_t *addresses = json_array();
    for (size_t k = 0; k < x->address_count; k++)
      json_array_append_new(addresses, json_string(lookup_address_text(&x->addresses[k], address)));
    json_t *one = json_pack("{s:s, s:s, s:o}", "name", lookup_host_text(x, name), "outcome",
                            lookup_outcome_text(&x->asked[0], word), "addresses", addresses);
    lookup_json_alias(one, "alias", &x->alias);
    json_array_append_new(list, one);
  }

  return list;
}

/* has_any: there is something to go by at all, a record or an address. */
static json_t *plan_json(const struct plan *p, const char *side, const char *program, bool has_any) {
  static const char *const ends[] = {
      [PLAN_CONNECTS] = "connects", [PLAN_NOT_OFFERED] = "refused", [PLAN_NO_ADDRESS] = "no-address"};
  bool fallback = p->count > 0 && !p->steps[0].srv;
  return json_pack("{s:s, s:s, s:s, s:o}", "side", side, "program", program, "end",
                   fallback  ? "fallback"
                   : has_any ? ends[p->end]
                             : "nothing",
                   "steps", lookup_json_steps(p));
}

static json_t *plans_json(const struct facts *f) {
  json_t *list = json_array();
  for (enum lookup_side side = LOOKUP_C2S; side <= LOOKUP_S2S; side++) {
    const struct plan *starttls = f->plans[facts_side_index(side)][0],
                      *tls = f->plans[facts_side_index(side)][1];
    if (!tls) continue;
    bool has_any = facts_has_records(f->domain, side) || f->domain->domain->address_count > 0;
    json_array_append_new(list, plan_json(tls, report_side_word(side), "direct-tls", has_any));
    json_array_append_new(list, plan_json(starttls, report_side_word(side), "starttls", has_any));
  }
  return list;
}

static json_t *components_json(const struct facts *f) {
  json_t *list = json_array();
  char name[NAME_TEXT];
  for (size_t i = 0; i < f->component_count; i++) {
    const struct component *c = &f->components[i];
    if (!c->plan && !c->wanted) continue;
    json_t *one = json_pack("{s:s, s:b}", "name", lookup_host_text(c->lookup->domain, name), "exists",
                            c->plan != NULL);
    if (c->plan) lookup_json_set(one, "plan", plan_json(c->plan, "s2s", "direct-tls", true));
    json_array_append_new(list, one);
  }
  return list;
}

static json_t *left_out_json(const struct facts *f, const char *check, const char *subject) {
  return json_pack("{s:s, s:s, s:s}", "check", check, "subject", subject, "why",
                   f->from_cache ? "the cache does not have it" : "it leads out of the zone files");
}

static json_t *connection_json(const struct connection *n) {
  static const char *const trusts[] = {[TLS_TRUSTED] = "trusted",           [TLS_EXPIRED] = "expired",
                                       [TLS_NOT_YET] = "not-yet-valid",     [TLS_SELF_SIGNED] = "self-signed",
                                       [TLS_INCOMPLETE] = "unknown-issuer", [TLS_DISTRUSTED] = "distrusted"};
  char host[NAME_TEXT], address[ADDRESS_TEXT];
  json_t *one = json_pack(
      "{s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:i, s:i}", "side", report_side_word(n->side), "host",
      lookup_host_text(n->host, host), "port", n->port, "address", lookup_address_text(&n->address, address),
      "tls", n->direct_tls ? "direct" : "starttls", "phase", connect_phase_word(n->phase), "result",
      connect_end_text(n->end), "why", n->why, "connect_ms", (int)n->connect_ms, "tls_ms", (int)n->tls_ms);
  if (n->component)
    lookup_json_set(one, "component", json_string(lookup_host_text(n->component->lookup->domain, host)));
  if (n->has_tls) {
    lookup_json_set(one, "certificate",
                    json_pack("{s:s, s:b, s:s, s:I, s:s}", "trust", trusts[n->trust], "names_domain",
                              n->form != CERT_NOT, "form", cert_form_text(n->form), "until",
                              (json_int_t)n->until_s, "names", n->names));
    lookup_json_set(json_object_get(one, "certificate"), "issuer", json_string(n->issuer));
    lookup_json_set(one, "needs_alpn", json_boolean(n->needs_alpn));
    lookup_json_set(one, "needs_sni", json_boolean(n->needs_sni));
    lookup_json_set(one, "tls_version", json_string(n->version));
    lookup_json_set(one, "tlsa",
                    json_pack("{s:i, s:i, s:b}", "records", (int)n->tlsa_records, "fitting",
                              (int)n->tlsa_fitting, "vouches", n->dane));
  }

  if (n->stream.opened)
    lookup_json_set(one, "features",
                    json_pack("{s:b, s:b, s:b, s:s}", "starttls_required", n->starttls_required, "dialback",
                              n->stream.dialback, "sasl2", n->stream.sasl2, "mechanisms",
                              n->stream.mechanisms));
  return one;
}

static json_t *connections_json(const struct connections *all) {
  json_t *list = json_array();
  for (size_t i = 0; i < all->count; i++) json_array_append_new(list, connection_json(&all->list[i]));
  for (size_t i = 0; i < all->component_count; i++)
    json_array_append_new(list, connection_json(&all->of_components[i]));
  return list;
}

static json_t *links_json(const struct host_meta *m) {
  json_t *list = json_array();
  char address[ADDRESS_TEXT];
  for (size_t i = 0; i < m->count; i++) {
    const struct host_meta_link *l = &m->links[i];
    json_t *one = json_pack("{s:s, s:s}", "kind", host_meta_word(l->kind), "href", l->href),
           *ips = json_array();
    for (size_t k = 0; k < l->ip_count; k++)
      json_array_append_new(ips, json_string(lookup_address_text(&l->ips[k], address)));
    lookup_json_set(one, "port", l->port ? json_integer(l->port) : json_null());
    lookup_json_set(one, "addresses", ips);
    json_array_append_new(list, one);
  }
  return list;
}

static json_t *host_meta_json(const struct web_facts *w) {
  json_t *list = json_array();
  char address[ADDRESS_TEXT], result[WEB_TEXT];
  for (size_t i = 0; i < HOST_META_FORMS; i++) {
    const struct web_document *d = &w->documents[i];
    json_t *one = json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:b, s:s, s:b}", "form",
                            d->form == HOST_META_XML ? "xml" : "json", "url", d->url, "result",
                            web_result_text(d, result), "status", (int)d->status, "redirects",
                            (int)d->redirects, "ms", (int)d->ms, "trusted", d->is_proven, "untrusted_why",
                            d->unproven, "cors", d->is_shared);
    lookup_json_set(one, "address",
                    d->address.family ? json_string(lookup_address_text(&d->address, address)) : json_null());
    lookup_json_set(one, "links", d->end == WEB_GOOD ? links_json(&d->meta) : json_array());
    json_array_append_new(list, one);
  }
  return list;
}

/* A check that was not made must not look like one that found nothing. */
static json_t *skipped_json(const struct facts *f) {
  json_t *list = json_array();
  if (!f->connections)
    json_array_append_new(list,
                          json_pack("{s:s, s:s}", "check", "connections", "why", "only with --connect"));
  if (f->offline || !lookup_is_secure(&f->single[FACT_ROOT])) {
    json_array_append_new(list, json_pack("{s:s, s:s}", "check", "dnssec", "why",
                                          f->from_cache ? "the cache was read, nobody asked"
                                          : f->offline  ? "a zone file is not validated"
                                                        : "the server does not validate"));
  }

  for (size_t i = 0; f->authority && i < f->authority->skipped_count; i++) {
    char address[ADDRESS_TEXT];
    json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "check", "authority", "subject",
                                          lookup_address_text(&f->authority->skipped[i].address, address),
                                          "why", "not an address of the public Internet; --allow-private"));
  }

  for (size_t i = 0; i < f->hosts->count; i++) {
    char name[NAME_TEXT];
    if (!host_is_left_out(f->hosts->list[i])) continue;
    json_array_append_new(list, left_out_json(f, "addresses", lookup_host_text(f->hosts->list[i], name)));
  }

  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    const struct service *s = &f->domain->services[i];
    if (s->asked.outcome == ASKED_LEFT_OUT)
      json_array_append_new(list, left_out_json(f, "records", s->kind->labels));
  }

  return list;
}

/* Verdicts that are others than then. */
static json_t *verdict_changes(const struct old_report *old, const struct report *r) {
  static const char *const sides[] = {"c2s", "s2s"};
  json_t *changes = json_object();
  for (unsigned i = 0; old && i < 2; i++) {
    const char *is = report_verdict_word(r->verdicts[i]);
    if (strcmp(is, old->verdicts[i]) != 0)
      lookup_json_set(changes, sides[i], json_pack("{s:s, s:s}", "was", old->verdicts[i], "is", is));
  }
  return changes;
}

static json_t *differences_json(const struct differences *d, const struct report *r) {
  json_t *list = json_array();
  for (size_t i = 0; i < d->count; i++) {
    const struct difference *x = &d->list[i];
    json_t *one = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "change", difference_word(x->kind), "code",
                            difference_code(x), "severity", report_severity_word(difference_severity(x)),
                            "side", difference_side(x), "subject", difference_subject(x), "text",
                            difference_text(x));
    if (x->is && x->was) lookup_json_set(one, "was", json_string(report_severity_word(x->was->severity)));
    json_array_append_new(list, one);
  }
  return json_pack("{s:b, s:s, s:o, s:o, s:i, s:i}", "known", d->old != NULL, "time",
                   d->old ? d->old->time : "", "verdict", verdict_changes(d->old, r), "changes", list, "same",
                   (int)d->same, "unseen", (int)d->unseen);
}

static json_t *verdict_json(const struct report *r) {
  return json_pack("{s:s, s:s}", "c2s", report_verdict_word(r->verdicts[0]), "s2s",
                   report_verdict_word(r->verdicts[1]));
}

static json_t *authority_json(const struct authority_server *s) {
  char name[NAME_TEXT], address[ADDRESS_TEXT], word[PRINT_WORD];
  const struct asked *x = authority_answer(s);
  return json_pack("{s:s, s:s, s:s, s:s, s:b}", "server", lookup_address_text(&s->address, address), "kind",
                   "authority", "name", lookup_host_text(s->name, name), "outcome",
                   x ? lookup_outcome_text(x, word) : asked_text(s->soa.outcome), "authoritative",
                   authority_is_good(s));
}

static json_t *asked_json(const struct checked *c) {
  const struct facts *f = c->facts;
  char server[ADDR_TEXT];
  unsigned asked, silent;

  facts_count(f, &asked, &silent);
  json_t *list = json_pack("[{s:s, s:s, s:i, s:i, s:i}]", "server",
                           f->from_cache ? "jidnsd"
                           : f->offline  ? "zone file"
                                         : addr_format(&c->server, server),
                           "kind",
                           f->from_cache ? "cache"
                           : f->offline  ? "file"
                                         : "resolver",
                           "questions", (int)asked, "unanswered", (int)silent, "ms", (int)c->ms);
  for (size_t i = 0; i < f->other_count; i++)
    json_array_append_new(
        list, json_pack("{s:s, s:s}", "server", addr_format(&f->others[i].addr, server), "kind", "resolver"));
  for (size_t i = 0; f->authority && i < f->authority->server_count; i++)
    json_array_append_new(list, authority_json(&f->authority->servers[i]));
  return list;
}

bool check_write_json(const struct checked *c, const struct check_options *o, bool compact, FILE *out) {
  char domain[NAME_TEXT], now[32];
  time_t t = time(NULL);
  struct tm utc;
  enum severity worst;

  (void)o;

  strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &utc));
  bool any = report_worst(c->report, &worst);
  json_t *root = json_pack(
      "{s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:i, s:o}", "schema", CHECK_SCHEMA, "version", PACKAGE_VERSION,
      "time", now, "domain", lookup_host_text(c->facts->domain->domain, domain), "asked", asked_json(c),
      "verdict", verdict_json(c->report), "worst", any ? report_severity_word(worst) : "none", "ignored",
      (int)report_ignored(c->report), "findings", findings_json(c->report));
  if (c->differences) lookup_json_set(root, "against", differences_json(c->differences, c->report));
  lookup_json_set(root, "services", lookup_json_services(c->facts->domain, true));
  lookup_json_set(root, "hosts", hosts_json(c->facts->hosts));
  lookup_json_set(root, "components", components_json(c->facts));
  lookup_json_set(root, "plans", plans_json(c->facts));
  if (c->facts->connections) lookup_json_set(root, "connections", connections_json(c->facts->connections));
  if (c->facts->connections && c->facts->connections->web.is_tried)
    lookup_json_set(root, "host_meta", host_meta_json(&c->facts->connections->web));
  lookup_json_set(root, "skipped", skipped_json(c->facts));
  bool good = root &&
              json_dumpf(root, out,
                         (compact ? JSON_COMPACT : JSON_INDENT(2)) | JSON_REAL_PRECISION(JSON_DIGITS)) == 0;
  if (good) fputc('\n', out);
  json_decref(root);
  return good;
}
