/* rules_web.c: what host-meta has shown. Exports rules_of_web. */
#include <stdio.h>

#include "tool/connect.h"
#include "tool/rules_priv.h"

static const char *name_of(const struct web_document *d) {
  return d->form == HOST_META_XML ? "host-meta" : "host-meta.json";
}

static bool is_there(const struct web_document *d) { return d->end == WEB_GOOD; }

/* Somebody has put it there for XMPP. */
static bool is_meant(const struct web_document *d) { return is_there(d) && d->meta.count > 0; }

/* ---- one document ---- */

/* Nothing is known of what was not tried. */
static bool is_tried(const struct web_document *d) { return web_end_is_of_host(d->end); }

static void rule_of_lack(struct report *r, const struct web_facts *w, const char *domain) {
  const struct web_document *xml = &w->documents[HOST_META_XML], *json = &w->documents[HOST_META_JSON];
  const struct web_document *meant = is_meant(xml) ? xml : is_meant(json) ? json : NULL;
  const struct web_document *lacking = meant == xml ? json : xml;
  char why[WEB_TEXT];
  if (is_meant(xml) && is_meant(json)) return;

  if (!is_tried(xml) || !is_tried(json)) {
    const struct web_document *untried = is_tried(xml) ? json : xml;
    report_add(r, RULE_CONNECT_SKIPPED, LOOKUP_C2S, domain, "%s of %s was not looked at: %s",
               name_of(untried), domain, web_result_text(untried, why));
  } else if (meant) {
    web_result_text(lacking, why);
    report_add(r, RULE_HOST_META_MISSING, LOOKUP_C2S, domain, "%s has %s, but no %s: %s", domain,
               name_of(meant), name_of(lacking), is_there(lacking) ? "it names no way to connect" : why);
  } else if (is_there(xml) || is_there(json)) {
    report_add(r, RULE_HOST_META_MISSING, LOOKUP_C2S, domain, "The host-meta of %s names no way to connect",
               domain);
  } else {
    report_add(r, RULE_HOST_META_MISSING, LOOKUP_C2S, domain, "%s has no host-meta: %s", domain,
               web_result_text(xml, why));
  }
}

static void rules_of_safety(struct report *r, const struct web_document *d, const char *domain) {
  if (d->end == WEB_PLAIN) {
    report_add(r, RULE_HOST_META_INSECURE, LOOKUP_C2S, domain, "%s of %s is redirected to %s", name_of(d),
               domain, d->url);
  } else if (is_meant(d) && d->is_plain) {
    report_add(r, RULE_HOST_META_INSECURE, LOOKUP_C2S, domain, "%s of %s comes over http:// alone",
               name_of(d), domain);
  } else if (is_meant(d) && !d->is_proven) {
    report_add(r, RULE_HOST_META_INSECURE, LOOKUP_C2S, domain,
               "%s of %s comes with a certificate that browsers refuse: %s", name_of(d), domain, d->unproven);
  }

  for (size_t i = 0; is_there(d) && i < d->meta.count; i++) {
    const struct host_meta_link *l = &d->meta.links[i];
    if (!host_meta_is_for_web(l) || host_meta_is_secure(l)) continue;
    report_add(r, RULE_HOST_META_INSECURE, LOOKUP_C2S, domain, "%s of %s links to %s without TLS", name_of(d),
               domain, *l->href ? l->href : "nothing");
  }
}

static void rules_of_document(struct report *r, const struct web_document *d, const char *domain) {
  rules_of_safety(r, d, domain);
  if (d->end == WEB_UNREADABLE && d->speaks_of_xmpp)
    report_add(r, RULE_HOST_META_UNREADABLE, LOOKUP_C2S, domain, "%s of %s is no %s", name_of(d), domain,
               d->form == HOST_META_XML ? "XRD" : "JSON with links");
  if (is_meant(d) && !d->is_plain && !d->is_shared)
    report_add(r, RULE_HOST_META_CORS, LOOKUP_C2S, domain, "Pages of other sites may not read %s of %s",
               name_of(d), domain);
}

/* ---- what ought to be the same ---- */

static bool has_link(const struct host_meta *m, const struct host_meta_link *wanted) {
  for (size_t i = 0; i < m->count; i++) {
    if (m->links[i].kind == wanted->kind && strcmp(m->links[i].href, wanted->href) == 0) return true;
  }
  return false;
}

/* The first link for the web that one document has and the other has not. */
static const struct host_meta_link *only_in(const struct host_meta *a, const struct host_meta *b) {
  for (size_t i = 0; i < a->count; i++) {
    if (host_meta_is_for_web(&a->links[i]) && !has_link(b, &a->links[i])) return &a->links[i];
  }
  return NULL;
}

static void rule_of_forms(struct report *r, const struct host_meta *xml, const struct host_meta *json,
                          const char *domain) {
  const struct host_meta_link *in_xml = only_in(xml, json), *in_json = only_in(json, xml);
  if (in_xml)
    report_add(r, RULE_HOST_META_UNLIKE, LOOKUP_C2S, domain,
               "host-meta of %s links to %s, host-meta.json does not", domain, in_xml->href);
  else if (in_json)
    report_add(r, RULE_HOST_META_UNLIKE, LOOKUP_C2S, domain,
               "host-meta.json of %s links to %s, host-meta does not", domain, in_json->href);
}

static bool leads_to(const struct service *s, uint16_t port, const struct address *a) {
  for (size_t i = 0; i < s->count; i++) {
    const struct host *h = s->hosts[i];
    if (s->srv[i].port != port || !h) continue;
    for (size_t k = 0; a && k < h->address_count; k++) {
      if (h->addresses[k].family == a->family && memcmp(h->addresses[k].bytes, a->bytes, 16) == 0)
        return true;
    }
    if (!a) return true;
  }
  return false;
}

/* An end of direct TLS that SRV does not know. */
static void rule_of_end(struct report *r, const struct host_meta_link *l, enum lookup_side side,
                        const char *domain) {
  const struct service *s = facts_service(r->facts->domain, side, true);
  char address[ADDRESS_TEXT];
  if (s->state == SERVICE_UNASKED || s->state == SERVICE_FAILED || l->port == 0) return;
  if (!leads_to(s, l->port, NULL)) {
    report_add(r, RULE_HOST_META_UNLIKE, side, domain,
               "host-meta.json of %s names port %u for direct TLS, %s does not", domain, l->port,
               s->kind->labels);
    return;
  }

  for (size_t i = 0; i < l->ip_count; i++) {
    if (leads_to(s, l->port, &l->ips[i])) continue;
    report_add(r, RULE_HOST_META_UNLIKE, side, domain,
               "host-meta.json of %s names %s port %u, %s leads elsewhere", domain,
               lookup_address_text(&l->ips[i], address), l->port, s->kind->labels);
    return;
  }
}

static bool names_port(const struct host_meta *m, enum host_meta_kind kind, uint16_t port) {
  for (size_t i = 0; i < m->count; i++) {
    if (m->links[i].kind == kind && m->links[i].port == port) return true;
  }
  return false;
}

/* The reverse: a document that names ends at all is taken for the whole truth. */
static void rule_of_srv(struct report *r, const struct host_meta *m, enum host_meta_kind kind,
                        enum lookup_side side, const char *domain) {
  const struct service *s = facts_service(r->facts->domain, side, true);
  bool names_any = false;
  for (size_t i = 0; i < m->count; i++) names_any |= m->links[i].kind == kind;

  for (size_t i = 0; names_any && s->state == SERVICE_OFFERED && i < s->count; i++) {
    if (names_port(m, kind, s->srv[i].port)) continue;
    report_add(r, RULE_HOST_META_UNLIKE, side, domain, "%s of %s names port %u, host-meta.json does not",
               s->kind->labels, domain, s->srv[i].port);
    return;
  }
}

static void rules_of_ends(struct report *r, const struct host_meta *m, const char *domain) {
  for (size_t i = 0; i < m->count; i++) {
    if (m->links[i].kind == HOST_META_TLS) rule_of_end(r, &m->links[i], LOOKUP_C2S, domain);
    if (m->links[i].kind == HOST_META_S2S_TLS) rule_of_end(r, &m->links[i], LOOKUP_S2S, domain);
  }
  rule_of_srv(r, m, HOST_META_TLS, LOOKUP_C2S, domain);
  rule_of_srv(r, m, HOST_META_S2S_TLS, LOOKUP_S2S, domain);
}

void rules_of_web(struct report *r) {
  const struct connections *all = r->facts->connections;
  char domain[NAME_TEXT];
  if (!all || !all->web.is_tried) return;

  const struct web_document *xml = &all->web.documents[HOST_META_XML],
                            *json = &all->web.documents[HOST_META_JSON];
  lookup_host_text(r->facts->domain->domain, domain);
  rule_of_lack(r, &all->web, domain);
  rules_of_document(r, xml, domain);
  rules_of_document(r, json, domain);
  if (is_meant(xml) && is_meant(json)) rule_of_forms(r, &xml->meta, &json->meta, domain);
  if (is_there(json)) rules_of_ends(r, &json->meta, domain);
}
