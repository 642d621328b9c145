/* rules_old.c: records that standards have left behind. Exports rules_of_old_records. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "tool/domain.h"
#include "tool/rules_priv.h"

enum { TXT_SHOWN = 60 };

/* "_xmpp-client-xbosh=https://..." is what XEP-0156 had; *url: what stands behind the "=". */
static bool is_well_formed(const char *text, const char **url) {
  static const char *const methods[] = {"_xmpp-client-xbosh=", "_xmpp-client-websocket=",
                                        "_xmpp-client-httppoll=", "_xmpp-client-tcp=", "_xmpp-client-tls="};
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
    size_t len = strlen(methods[i]);
    if (strncasecmp(text, methods[i], len) != 0) continue;
    *url = text + len;
    return true;
  }
  return false;
}

static void rules_of_text(struct report *r, const char *text, const char *name) {
  const char *url = NULL;
  if (!is_well_formed(text, &url) || strpbrk(text, "<>[]\"")) {
    report_add(r, RULE_XMPPCONNECT_MALFORMED, LOOKUP_C2S, name, "%s is not METHOD=URL: %.*s", name, TXT_SHOWN,
               text);
  } else if (strncasecmp(url, "http:", 5) == 0 || strncasecmp(url, "ws:", 3) == 0) {
    report_add(r, RULE_XMPPCONNECT_INSECURE, LOOKUP_C2S, name, "%s names an address without TLS: %.*s", name,
               TXT_SHOWN, url);
  }
}

static void rules_of_connect(struct report *r) {
  const struct asked *a = &r->facts->domain->connect_txt;
  char name[NAME_TEXT];
  struct record txt;
  bool any = false;

  if (a->name_len == 0 || !lookup_is_answered(a) || !(r->facts->domain->sides & LOOKUP_C2S)) return;
  if (rules_say_the_same(a, &r->facts->single[FACT_RANDOM_TXT])) return; /* a wildcard's, for mail mostly */

  domain_text(a->name, a->name_len, name);
  struct reply p = reply_open(a->msg, a->len);
  while (reply_next_answer(&p, TYPE_TXT, &txt)) {
    char text[4 * 256];
    const uint8_t *rdata = record_rdata(&txt);
    any = true;
    if (txt.rdlen == 0 || rdata[0] + 1u > txt.rdlen) continue;
    rules_of_text(r, reply_text(rdata + 1, rdata[0], text, sizeof text), name);
  }

  if (any)
    report_add(r, RULE_OBSOLETE_XMPPCONNECT, LOOKUP_C2S, name, "%s (TXT) is obsolete and insecure", name);
}

static bool leads_to_same(const struct service *jabber, const struct plan *servers) {
  for (size_t i = 0; i < jabber->count; i++) {
    const struct host *h = jabber->hosts[i];
    for (size_t k = 0; k < servers->count; k++) {
      const struct host *other = servers->steps[k].host;
      if (!h || !other || h == other || facts_share_address(h, other)) return true;
    }
  }
  return false;
}

static void rules_of_jabber(struct report *r) {
  const struct lookup *l = r->facts->domain;
  const struct service *jabber = facts_jabber(l);
  const struct plan *servers = r->facts->plans[facts_side_index(LOOKUP_S2S)][1];
  char domain[NAME_TEXT];

  if (jabber->state != SERVICE_OFFERED) return;
  lookup_host_text(l->domain, domain);
  struct finding *f = report_add(r, RULE_OBSOLETE_JABBER, LOOKUP_S2S, jabber->kind->labels, "%s is obsolete",
                                 jabber->kind->labels);
  for (size_t i = 0; i < jabber->count; i++) {
    finding_change_srv(f, false, r, jabber->kind->labels, &jabber->srv[i]);
    if (jabber->srv[i].port != PLAN_PORT_C2S) continue;
    struct finding *port = report_add(r, RULE_PORT_OF_OTHER_SIDE, LOOKUP_S2S, jabber->kind->labels,
                                      "%s names port %u, which is for clients", jabber->kind->labels,
                                      PLAN_PORT_C2S);
    port->severity = SEVERITY_WARNING;
  }

  if (!facts_has_records(l, LOOKUP_S2S)) {
    report_add(r, RULE_JABBER_ONLY, LOOKUP_S2S, jabber->kind->labels, "%s is the only record for servers",
               jabber->kind->labels);
  } else if (servers && servers->count > 0 && !leads_to_same(jabber, servers)) {
    report_add(r, RULE_JABBER_ELSEWHERE, LOOKUP_S2S, jabber->kind->labels,
               "%s leads to another host than the new records", jabber->kind->labels);
  }
}

void rules_of_old_records(struct report *r) {
  const struct facts *f = r->facts;
  struct srv srv;

  static const struct {
    enum fact fact;
    enum rule_id rule;
    enum lookup_side side;
  } singles[] = {{FACT_IM, RULE_OBSOLETE_IM_PRES, LOOKUP_BOTH},
                 {FACT_PRES, RULE_OBSOLETE_IM_PRES, LOOKUP_BOTH},
                 {FACT_QUIC_CLIENT, RULE_QUIC_RECORD, LOOKUP_C2S},
                 {FACT_QUIC_SERVER, RULE_QUIC_RECORD, LOOKUP_S2S}};

  rules_of_connect(r);
  rules_of_jabber(r);
  for (size_t i = 0; i < sizeof singles / sizeof *singles; i++) {
    const struct asked *a = &f->single[singles[i].fact];
    char name[NAME_TEXT];
    if (rules_read_srv(a, &srv, 1) == 0 || rules_is_wildcard_srv(f, a)) continue;
    report_add(r, singles[i].rule, singles[i].side, domain_text(a->name, a->name_len, name),
               "%s is of no use any more", name);
  }
}
