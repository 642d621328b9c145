/* rules_dane.c: DNSSEC as far as the server that was asked validates, and TLSA records. Exports
 * rules_of_dane, rules_is_secure_end. */
#include <stdio.h>
#include <sys/socket.h>

#include "crypto/tls.h"
#include "tool/domain.h"
#include "tool/rules_priv.h"
#include "xmpp/dane.h"

static const char *tlsa_name(const struct tlsa_question *q, char text[NAME_TEXT]) {
  return domain_text(q->asked.name, q->asked.name_len, text);
}

/* Looks at the records of one name; returns how many there are. */
static unsigned rules_of_records(struct report *r, const struct tlsa_question *q) {
  struct record tlsa;
  char name[NAME_TEXT];
  unsigned count = 0, pkix = 0;

  if (!lookup_is_answered(&q->asked)) return 0;

  struct reply p = reply_open(q->asked.msg, q->asked.len);
  tlsa_name(q, name);
  while (reply_next_answer(&p, TYPE_TLSA, &tlsa)) {
    count++;
    const uint8_t *rdata = record_rdata(&tlsa);
    enum dane_flaw flaw = dane_flaw_of(rdata, tlsa.rdlen);
    if (flaw != DANE_FLAWLESS) {
      report_add(r, RULE_TLSA_MALFORMED, q->side, name, "A TLSA record of %s can't be used: %s", name,
                 dane_flaw_text(flaw));
    } else if (rdata[0] != TLSA_DANE_EE) {
      pkix++;
    }
  }

  if (pkix == count && count > 0)
    report_add(r, RULE_TLSA_PKIX, q->side, name,
               "The TLSA records of %s need a public authority or have another usage than 3", name);
  return count;
}

static bool leads_to_domain(const struct lookup *l, enum lookup_side side, uint16_t port) {
  if (!facts_has_targets(l, side)) return true; /* nothing else is known: programs go there */
  for (unsigned tls = 0; tls < 2; tls++) {
    const struct service *s = facts_service(l, side, tls);
    for (size_t i = 0; i < s->count && s->state == SERVICE_OFFERED; i++) {
      if (s->hosts[i] == l->domain && s->srv[i].port == port) return true;
    }
  }
  return false;
}

struct tlsa_count {
  unsigned with, without, secure;
};

/* One secure address is enough (RFC 7673 section 3.2). */
static bool is_secure_host(const struct host *h) {
  for (size_t i = 0; i < h->address_count; i++) {
    if (lookup_is_secure(&h->asked[h->addresses[i].family == AF_INET6])) return true;
  }
  return false;
}

bool rules_is_secure_end(const struct facts *f, const struct tlsa_question *q, enum lookup_side side,
                         bool direct_tls) {
  const struct host *h = q->host ? q->host : f->domain->domain;
  return lookup_is_secure(&facts_service(f->domain, side, direct_tls)->asked) && is_secure_host(h) &&
         lookup_is_secure(&q->asked);
}

/* At the domain itself: right only where programs go there. */
static void rules_at_domain(struct report *r, const struct tlsa_question *q, struct tlsa_count *n) {
  char name[NAME_TEXT];
  unsigned records = rules_of_records(r, q);
  if (records == 0) return;
  if (leads_to_domain(r->facts->domain, q->side, q->port)) {
    n->with++;
    n->secure += lookup_is_secure(&q->asked);
  } else {
    report_add(r, RULE_TLSA_MISPLACED, q->side, tlsa_name(q, name),
               "%s has TLSA records, but SRV leads elsewhere", name);
  }
}

static void rules_at_target(struct report *r, const struct tlsa_question *q, struct tlsa_count *n) {
  char name[NAME_TEXT], word[PRINT_WORD];
  if (q->asked.outcome == ASKED_LEFT_OUT) return;
  if (!lookup_is_answered(&q->asked) && q->asked.name_len > 0 && q->host->address_count > 0) {
    report_add(r, RULE_TLSA_FAILED, q->side, tlsa_name(q, name), "The question for TLSA of %s failed: %s",
               name, lookup_outcome_text(&q->asked, word));
    return;
  }
  bool has = rules_of_records(r, q) > 0;
  n->with += has;
  n->without += !has;
  n->secure += has && lookup_is_secure(&q->asked) && is_secure_host(q->host);
}

/* A TLSA record where nobody looks: not with a wildcard, which has one for all ports. */
static void rules_of_unnamed_ports(struct report *r) {
  const struct facts *f = r->facts;
  char name[NAME_TEXT];

  for (size_t i = 0; i < f->tlsa_count; i++) {
    const struct tlsa_question *q = &f->tlsa[i];
    unsigned of_host = 0, with = 0;
    struct record tlsa;
    for (size_t k = 0; k < f->tlsa_count; k++) {
      if (f->tlsa[k].host != q->host) continue;
      of_host++;
      with += rules_has_type(&f->tlsa[k].asked, TYPE_TLSA, &tlsa);
    }
    if (!q->unnamed || !(f->domain->sides & q->side) || with == of_host ||
        !rules_has_type(&q->asked, TYPE_TLSA, &tlsa))
      continue;
    report_add(r, RULE_TLSA_NO_PORT, q->side, tlsa_name(q, name),
               "%s has TLSA records, but no SRV record names that port", name);
  }
}

static void rule_of_caa(struct report *r, const char *domain) {
  const struct asked *caa = &r->facts->single[FACT_CAA], *soa = &r->facts->single[FACT_SOA];
  char word[PRINT_WORD];
  bool fails = caa->name_len > 0 && caa->outcome != ASKED_LEFT_OUT && !lookup_is_answered(caa);
  if (fails && lookup_is_answered(soa))
    report_add(r, RULE_CAA_FAILED, LOOKUP_BOTH, domain, "The question for CAA of %s failed: %s", domain,
               lookup_outcome_text(caa, word));
}

static void rules_of_signing(struct report *r, const char *domain) {
  const struct lookup *l = r->facts->domain;
  bool any = false, secure = false;

  rules_each_service(r, s) {
    any |= s->state == SERVICE_OFFERED;
    secure |= s->state == SERVICE_OFFERED && lookup_is_secure(&s->asked);
  }

  if (!any) return;
  if (!secure) {
    report_add(r, RULE_DNSSEC_NONE, LOOKUP_BOTH, domain, "%s is not signed", domain);
    return;
  }

  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    const struct service *s = &l->services[i];
    for (size_t k = 0; k < s->count && s->state == SERVICE_OFFERED; k++) {
      const struct host *h = s->hosts[k];
      char name[NAME_TEXT];
      if (!h || h->address_count == 0 || is_secure_host(h)) continue;
      lookup_host_text(h, name);
      if (h->alias.links > 0)
        report_add(r, RULE_TARGET_IN_CNAME_ZONE, s->kind->side, name,
                   "%s is signed, but its target %s is an alias into a zone that is not", domain, name);
      else report_add(r, RULE_DNSSEC_PART, s->kind->side, name, "%s is signed, %s is not", domain, name);
    }
  }
}

/* What on the way to a TLSA record is not signed, the first that a program meets. */
static void insecure_part(const struct report *r, char *text, size_t room) {
  const struct facts *f = r->facts;
  char name[NAME_TEXT];

  rules_each_service(r, s) {
    if (s->state != SERVICE_OFFERED || lookup_is_secure(&s->asked)) continue;
    snprintf(text, room, "the SRV record %s", report_service_name(r, s->kind->labels, name));
    return;
  }

  for (size_t i = 0; i < f->tlsa_count; i++) {
    const struct tlsa_question *q = &f->tlsa[i];
    const struct host *h = q->host ? q->host : f->domain->domain;
    struct record tlsa;
    if (q->unnamed || !rules_has_type(&q->asked, TYPE_TLSA, &tlsa)) continue;
    if (!is_secure_host(h)) snprintf(text, room, "the address of %s", lookup_host_text(h, name));
    else if (!lookup_is_secure(&q->asked)) snprintf(text, room, "TLSA of %s", tlsa_name(q, name));
    else continue;
    return;
  }
}

static void rule_of_insecurity(struct report *r, const char *domain, bool validates) {
  char part[NAME_TEXT + 32] = "not all of the way to them";
  insecure_part(r, part, sizeof part);
  struct finding *x = report_add(r, RULE_TLSA_INSECURE, LOOKUP_BOTH, domain,
                                 "There are TLSA records, but %s is not signed", part);
  x->sure = validates;
}

void rules_of_dane(struct report *r) {
  const struct facts *f = r->facts;
  struct tlsa_count n = {0};
  char domain[NAME_TEXT];
  bool srv_secure = true;

  lookup_host_text(f->domain->domain, domain);
  for (size_t i = 0; i < f->tlsa_count; i++) {
    if (f->tlsa[i].unnamed) continue;
    if (f->tlsa[i].host) rules_at_target(r, &f->tlsa[i], &n);
    else rules_at_domain(r, &f->tlsa[i], &n);
  }

  if (n.with > 0 && n.without > 0) {
    report_add(r, RULE_TLSA_INCOMPLETE, LOOKUP_BOTH, domain, "%u of %u ends have TLSA records", n.with,
               n.with + n.without);
  }

  rules_each_service(r, s) srv_secure &= s->state != SERVICE_OFFERED || lookup_is_secure(&s->asked);

  rules_of_unnamed_ports(r);
  rule_of_caa(r, domain);
  bool validates = lookup_is_secure(&f->single[FACT_ROOT]);
  if (n.with > 0 && !(srv_secure && n.secure == n.with)) rule_of_insecurity(r, domain, validates);

  if (validates) rules_of_signing(r, domain);
}
