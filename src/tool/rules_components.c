/* rules_components.c: rooms, uploads and other services below the domain. Exports rules_of_components,
 * rules_is_wildcard. */
#include <stdio.h>

#include "tool/domain.h"
#include "tool/rules_priv.h"

static bool is_answered(const struct host *h) {
  return lookup_is_answered(&h->asked[0]) && lookup_is_answered(&h->asked[1]);
}

static bool has_address(const struct host *h, int family, const uint8_t *bytes, size_t len) {
  for (size_t i = 0; i < h->address_count; i++) {
    if (h->addresses[i].family == family && memcmp(h->addresses[i].bytes, bytes, len) == 0) return true;
  }
  return false;
}

/* A name that nobody can have has one of the component's addresses: a wildcard made both. */
bool rules_is_wildcard(const struct facts *f, const struct lookup *l) {
  struct record v4, v6;
  bool has_v4 = rules_has_type(&f->single[FACT_RANDOM], TYPE_A, &v4) && v4.rdlen == 4,
       has_v6 = rules_has_type(&f->single[FACT_RANDOM_IPV6], TYPE_AAAA, &v6) && v6.rdlen == 16;
  if (facts_has_records(l, LOOKUP_S2S)) return false;
  return (has_v4 && has_address(l->domain, AF_INET, record_rdata(&v4), 4)) ||
         (has_v6 && has_address(l->domain, AF_INET6, record_rdata(&v6), 16));
}

/* Web sites, IRC and proxies of other kinds have such names, too. */
static bool is_common_name(const struct component *c) {
  static const char *const names[] = {"irc", "upload", "groups", "proxy"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (strcmp(c->label, names[i]) == 0) return true;
  }
  return false;
}

static bool shares_machine(const struct plan *p, const struct host *h) {
  for (size_t i = 0; i < p->count; i++) {
    if (p->steps[i].host && facts_share_address(p->steps[i].host, h)) return true;
  }
  return false;
}

/* Nothing says that it is a component of the XMPP server but a name that others have as well. */
static bool is_probably_another(const struct report *r, const struct component *c, const struct plan *own) {
  const struct lookup *l = c->lookup;
  return !c->wanted && is_common_name(c) && !facts_has_records(l, LOOKUP_S2S) &&
         !facts_has_records(l, LOOKUP_C2S) && !shares_machine(own, l->domain) &&
         !facts_share_address(l->domain, r->facts->domain->domain);
}

/* Its records name hosts, and that none of them has an address is known. */
static bool leads_nowhere(const struct component *c) {
  if (c->plan->end != PLAN_NO_ADDRESS) return false;
  for (unsigned tls = 0; tls < 2; tls++) {
    const struct service *s = facts_service(c->lookup, LOOKUP_S2S, tls);
    if (s->state == SERVICE_FAILED) return false;
    for (size_t i = 0; i < s->count; i++) {
      if (!s->hosts[i] || !rules_lacks_address(s->hosts[i])) return false;
    }
  }
  return true;
}

/* A step of one plan ends at a machine and port of the other's. */
static bool plans_meet(const struct plan *a, const struct plan *b) {
  for (size_t i = 0; i < a->count; i++) {
    for (size_t k = 0; k < b->count; k++) {
      const struct plan_step *x = &a->steps[i], *y = &b->steps[k];
      if (x->port != y->port) continue;
      if (!x->host || !y->host || x->host == y->host || facts_share_address(x->host, y->host)) return true;
    }
  }
  return false;
}

/* The domain's own records for servers, said again for the component. */
static void suggest_records(struct report *r, struct finding *f, const struct component *c) {
  for (unsigned tls = 0; tls < 2; tls++) {
    const struct service *s = facts_service(r->facts->domain, LOOKUP_S2S, tls == 0);
    char labels[128];
    snprintf(labels, sizeof labels, "%s.%s", s->kind->labels, c->label);
    for (size_t i = 0; i < s->count && s->state == SERVICE_OFFERED; i++)
      finding_change_srv(f, true, r, labels, &s->srv[i]);
  }
}

static void rule_of_misnamed(struct report *r, const struct component *c) {
  struct srv list[REPORT_CHANGES / 2];
  char owner[NAME_TEXT], labels[128], name[NAME_TEXT];
  size_t count = rules_read_srv(&c->misnamed, list, sizeof list / sizeof *list);

  if (count == 0 || rules_is_wildcard_srv(r->facts, &c->misnamed)) return;

  domain_text(c->misnamed.name, c->misnamed.name_len, owner);
  lookup_host_text(c->lookup->domain, name);
  struct finding *f = report_add(r, RULE_COMPONENT_MISNAMED, LOOKUP_S2S, name,
                                 "The records of %s stand at %s", name, owner);
  snprintf(labels, sizeof labels, "_xmpp-server._tcp.%s", c->label);
  for (size_t i = 0; i < count; i++) {
    char target[NAME_TEXT];
    finding_change(f, false, owner, "SRV", "%u %u %u %s", list[i].priority, list[i].weight, list[i].port,
                   name_format(list[i].target, list[i].target_len, target));
    finding_change_srv(f, true, r, labels, &list[i]);
  }
}

/* The domain is signed, what leads to the component is not. */
static void rule_of_unsigned(struct report *r, const struct component *c, const char *name) {
  const struct service *own = facts_service(r->facts->domain, LOOKUP_S2S, false),
                       *s = facts_service(c->lookup, LOOKUP_S2S, false);
  const struct asked *soa = &r->facts->single[FACT_SOA];
  bool own_secure = lookup_is_secure(&own->asked) || lookup_is_secure(soa);
  bool answered = s->asked.name_len > 0 && lookup_is_answered(&s->asked);
  if (own_secure && answered && !lookup_is_secure(&s->asked))
    report_add(r, RULE_COMPONENT_UNSIGNED, LOOKUP_S2S, name, "The domain is signed, %s is not", name);
}

static void rules_of_existing(struct report *r, const struct component *c, const char *name) {
  const struct facts *f = r->facts;
  const struct lookup *l = c->lookup;
  const struct plan *own = f->plans[facts_side_index(LOOKUP_S2S)][1];
  char end[NAME_TEXT];

  if (l->domain->alias.links > 0 && !facts_has_records(l, LOOKUP_S2S)) {
    report_add(r, RULE_COMPONENT_ALIAS, LOOKUP_S2S, name, "%s is an alias of %s", name,
               domain_text(l->domain->alias.name, l->domain->alias.name_len, end));
  }

  if (facts_has_targets(l, LOOKUP_C2S))
    report_add(r, RULE_COMPONENT_CLIENT_RECORD, LOOKUP_S2S, name, "%s has records for clients", name);
  if (strcmp(c->label, "upload") == 0 && l->domain->address_count == 0 && is_answered(l->domain)) {
    report_add(r, RULE_UPLOAD_NO_ADDRESS, LOOKUP_S2S, name, "%s has no address", name)->sure = false;
  }

  rule_of_unsigned(r, c, name);
  if (c->plan->end == PLAN_NOT_OFFERED) {
    report_add(r, RULE_COMPONENT_REFUSED, LOOKUP_S2S, name, "%s is not offered to other servers", name);
  } else if (rules_is_wildcard(f, l)) {
    report_add(r, RULE_COMPONENT_WILDCARD, LOOKUP_S2S, name, "%s exists only through a wildcard", name);
  } else if (leads_nowhere(c)) {
    suggest_records(r,
                    report_add(r, RULE_COMPONENT_ELSEWHERE, LOOKUP_S2S, name,
                               "The SRV records of %s lead to hosts without address", name),
                    c);
  } else if (own && own->end == PLAN_CONNECTS && c->plan->end == PLAN_CONNECTS && !plans_meet(own, c->plan) &&
             !is_probably_another(r, c, own)) {
    char there[NAME_TEXT], here[NAME_TEXT];
    struct finding *x = report_add(r, RULE_COMPONENT_ELSEWHERE, LOOKUP_S2S, name,
                                   "Other servers look for %s at %s port %u, for the domain at %s port %u",
                                   name, plan_step_host(&c->plan->steps[0], there), c->plan->steps[0].port,
                                   plan_step_host(&own->steps[0], here), own->steps[0].port);
    suggest_records(r, x, c);
  }
}

void rules_of_components(struct report *r) {
  for (size_t i = 0; i < r->facts->component_count; i++) {
    const struct component *c = &r->facts->components[i];
    char name[NAME_TEXT];
    lookup_host_text(c->lookup->domain, name);
    rule_of_misnamed(r, c);
    /* A usual name with nothing but what the wildcard gives is no component that anybody set up. */
    if (c->plan && (c->wanted || !rules_is_wildcard(r->facts, c->lookup))) {
      rules_of_existing(r, c, name);
    } else if (c->wanted && !c->plan && is_answered(c->lookup->domain)) {
      suggest_records(r,
                      report_add(r, RULE_COMPONENT_MISSING, LOOKUP_S2S, name,
                                 "%s has neither SRV record nor address", name),
                      c);
    }
  }
}
