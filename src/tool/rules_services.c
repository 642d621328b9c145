/* rules_services.c: which services there are, and under which names. Exports rules_of_services,
 * rules_read_srv, rules_has_type. */
#include <stdio.h>

#include "tool/domain.h"
#include "tool/rules_priv.h"

/* ---- reading ---- */

size_t rules_read_srv(const struct asked *a, struct srv *list, size_t most) {
  struct record r;
  size_t count = 0;
  if (a->name_len == 0 || !lookup_is_answered(a)) return 0;
  struct alias alias = reply_follow(a->msg, a->len, a->name, a->name_len);
  struct reply p = reply_open(a->msg, a->len);
  while (count < most && reply_next_answer(&p, TYPE_SRV, &r)) {
    if (name_equal(r.owner, r.owner_len, alias.name, alias.name_len) && srv_read(&r, &list[count])) count++;
  }
  return count;
}

bool rules_is_wildcard_srv(const struct facts *f, const struct asked *a) {
  struct srv srv;
  return rules_read_srv(a, &srv, 1) > 0 && rules_say_the_same(a, &f->single[FACT_RANDOM_SRV]);
}

bool rules_has_type(const struct asked *a, uint16_t type, struct record *out) {
  if (a->name_len == 0 || !lookup_is_answered(a)) return false;
  struct reply p = reply_open(a->msg, a->len);
  return reply_next_answer(&p, type, out);
}

/* ---- B: what is offered ---- */

static bool is_failed(const struct lookup *l, enum lookup_side side) {
  return facts_service(l, side, true)->state == SERVICE_FAILED ||
         facts_service(l, side, false)->state == SERVICE_FAILED;
}

/* The domain's own address leads to a machine that the service's targets are, too. */
static bool is_among_targets(const struct service *s, const struct host *h) {
  for (size_t i = 0; i < s->count && s->state == SERVICE_OFFERED; i++) {
    if (s->hosts[i] && (s->hosts[i] == h || facts_share_address(s->hosts[i], h))) return true;
  }
  return false;
}

/* A side without records: where programs go then. */
static void rule_of_fallback(struct report *r, enum lookup_side side) {
  const struct lookup *l = r->facts->domain;
  enum lookup_side other = side == LOOKUP_C2S ? LOOKUP_S2S : LOOKUP_C2S;
  const char *who = side == LOOKUP_C2S ? "Clients" : "Servers", *word = report_side_word(side);
  char domain[NAME_TEXT];
  unsigned port = side == LOOKUP_C2S ? PLAN_PORT_C2S : PLAN_PORT_S2S;

  lookup_host_text(l->domain, domain);
  if (is_failed(l, side) || facts_has_records(l, side)) return;
  if (l->domain->address_count == 0) {
    if (!rules_lacks_address(l->domain)) return; /* it may have one: the question failed */
    report_add(r, RULE_SIDE_NOTHING, side, word, "%s find neither an SRV record nor an address", who);
  } else if (!facts_has_targets(l, other)) {
    report_add(r, RULE_FALLBACK_ONLY, side, domain, "Without SRV records programs go to %s itself", domain);
  } else if (is_among_targets(facts_service(l, other, true), l->domain) ||
             is_among_targets(facts_service(l, other, false), l->domain)) {
    report_add(r, RULE_SIDE_FALLBACK, side, word, "%s find no SRV record and go to %s itself, port %u", who,
               domain, port);
  } else {
    struct finding *f = report_add(r, RULE_FALLBACK_ELSEWHERE, side, word,
                                   "%s find no SRV record and go to %s itself, another machine", who, domain);
    finding_data(f, "port", port);
  }
}

static void rule_of_pair(struct report *r, enum lookup_side side) {
  const struct service *tls = facts_service(r->facts->domain, side, true),
                       *plain = facts_service(r->facts->domain, side, false);
  const char *who = side == LOOKUP_C2S ? "Clients" : "Servers", *word = report_side_word(side);

  if (tls->state == SERVICE_OFFERED && plain->state == SERVICE_ABSENT) {
    report_add(r, RULE_DIRECT_TLS_ONLY, side, word, "%s: there is direct TLS but no STARTTLS record", who);
  } else if (tls->state == SERVICE_ABSENT && plain->state == SERVICE_OFFERED) {
    report_add(r, RULE_NO_DIRECT_TLS, side, word, "%s: there is no record for direct TLS", who);
  } else if (tls->state == SERVICE_NOT_OFFERED && plain->state == SERVICE_ABSENT) {
    report_add(r, RULE_TLS_REFUSED_ALONE, side, word,
               "%s: direct TLS is refused, and there is no STARTTLS record", who);
  } else if (tls->state == SERVICE_OFFERED && plain->state == SERVICE_NOT_OFFERED) {
    report_add(r, RULE_STARTTLS_REFUSED, side, word, "%s: STARTTLS is refused, direct TLS is offered", who);
  } else if (plain->state == SERVICE_NOT_OFFERED) {
    report_add(r, RULE_REFUSED, side, word, "%s: not offered", who);
  }
}

static void rule_of_refusal(struct report *r, const struct service *s) {
  const struct srv *none = s->srv;
  if (s->state != SERVICE_NOT_OFFERED || !(none->priority || none->weight || none->port)) return;
  struct finding *f = report_add(r, RULE_NONE_WITH_VALUES, s->kind->side, s->kind->labels,
                                 "%s: the target \".\" comes with priority %u, weight %u, port %u",
                                 s->kind->labels, none->priority, none->weight, none->port);
  struct srv right = *none;
  right.priority = right.weight = right.port = 0;
  finding_change_srv(f, false, r, s->kind->labels, none);
  finding_change_srv(f, true, r, s->kind->labels, &right);
}

static bool has_public_address(const struct host *h) {
  for (size_t i = 0; h && i < h->address_count; i++) {
    if (!rules_is_bad_address(&h->addresses[i])) return true;
  }
  return false;
}

/* How many of the side's hosts have public addresses; *shared: one of them is a machine of the other side's.
 */
static size_t compare_side(const struct lookup *l, enum lookup_side side, enum lookup_side other,
                           bool *shared) {
  size_t hosts = 0;
  for (unsigned tls = 0; tls < 2; tls++) {
    const struct service *s = facts_service(l, side, tls);
    for (size_t i = 0; i < s->count && s->state == SERVICE_OFFERED; i++) {
      if (!has_public_address(s->hosts[i])) continue;
      hosts++;
      *shared |= is_among_targets(facts_service(l, other, true), s->hosts[i]) ||
                 is_among_targets(facts_service(l, other, false), s->hosts[i]);
    }
  }
  return hosts;
}

static void rule_of_unlike_sides(struct report *r) {
  const struct lookup *l = r->facts->domain;
  bool shared = false;
  if (l->sides != LOOKUP_BOTH) return;
  size_t clients = compare_side(l, LOOKUP_C2S, LOOKUP_S2S, &shared),
         servers = compare_side(l, LOOKUP_S2S, LOOKUP_C2S, &shared);
  char domain[NAME_TEXT];
  if (clients == 0 || servers == 0 || shared) return;
  report_add(r, RULE_RECORDS_UNLIKE, LOOKUP_BOTH, lookup_host_text(l->domain, domain),
             "Clients and servers are led to different machines");
}

static void rules_of_one(struct report *r, const struct service *s) {
  const char *labels = s->kind->labels;
  char name[NAME_TEXT], owner[NAME_TEXT];
  struct record dname;

  rule_of_refusal(r, s);
  if (s->none_among_others) {
    struct finding *f = report_add(r, RULE_NONE_AMONG_OTHERS, s->kind->side, labels,
                                   "%s has the target \".\" beside real ones", labels);
    finding_change(f, false, report_service_name(r, labels, owner), "SRV", "0 0 0 .");
  }

  if (s->malformed) {
    struct finding *f = report_add(r, RULE_SRV_MALFORMED, s->kind->side, labels,
                                   "%u of the records of %s can't be read", s->malformed, labels);
    finding_data(f, "records", s->malformed);
  }

  if (rules_has_type(&s->asked, TYPE_DNAME, &dname)) {
    report_add(r, RULE_SRV_DNAME, s->kind->side, labels, "%s comes through a DNAME of %s", labels,
               domain_text(dname.owner, dname.owner_len, name));
  } else if (s->alias.links > 0 && s->count > 0) {
    report_add(r, RULE_SRV_ALIAS, s->kind->side, labels, "%s is an alias of %s", labels,
               domain_text(s->alias.name, s->alias.name_len, name));
  } else if (s->alias.links > 0 && s->state == SERVICE_ABSENT) {
    report_add(r, RULE_SRV_ALIAS_WITHOUT_SRV, s->kind->side, labels,
               s->alias.endless ? "%s is an alias without an end"
                                : "%s is an alias, and %s has no SRV record",
               labels, domain_text(s->alias.name, s->alias.name_len, name));
  }
}

/* ---- C: names ---- */

/* Notes which services the wildcard answers for; *asked of them were asked for. Returns how many it is. */
static size_t note_wildcard(struct report *r, size_t *asked) {
  const struct lookup *l = r->facts->domain;
  size_t count = 0;
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    const struct service *s = &l->services[i];
    r->by_wildcard[i] = rules_is_wildcard_srv(r->facts, &s->asked);
    if (s->state == SERVICE_UNASKED || s->kind->obsolete) continue;
    ++*asked;
    count += r->by_wildcard[i];
  }
  return count;
}

/* Where each service has records of its own a wildcard beside them hurts nobody. */
static void rule_of_wildcard(struct report *r) {
  struct srv srv;
  char subject[NAME_TEXT];
  size_t asked = 0;
  if (rules_read_srv(&r->facts->single[FACT_RANDOM_SRV], &srv, 1) == 0) return;

  size_t made = note_wildcard(r, &asked);
  if (made == 0) return;
  struct finding *f = report_add(r, RULE_SRV_WILDCARD, LOOKUP_BOTH, report_service_name(r, "*._tcp", subject),
                                 made == asked
                                     ? "One wildcard SRV record answers for all services"
                                     : "A wildcard SRV record answers for services without their own");
  finding_data(f, "port", srv.port);
  finding_change_srv(f, false, r, "*._tcp", &srv);
  report_silence(r, RULE_SAME_PORT_BOTH_TLS);
  report_silence(r, RULE_TLS_SAME_PRIORITY);
  report_silence(r, RULE_TLS_ELSEWHERE);
  if (made < asked) return;

  report_silence_group(r, "BCEL");
  r->silenced[RULE_SRV_WILDCARD] = false;
}

static void rules_of_near_misses(struct report *r) {
  const struct facts *f = r->facts;
  for (size_t i = 0; i < FACTS_NEAR_MISSES; i++) {
    const struct near_miss *n = &f->near_misses[i];
    struct srv list[REPORT_CHANGES / 2];
    char owner[NAME_TEXT];
    size_t count = rules_read_srv(&n->asked, list, sizeof list / sizeof *list);
    if (count == 0 || rules_is_wildcard_srv(f, &n->asked)) continue;

    domain_text(n->asked.name, n->asked.name_len, owner);
    bool at_host = n->kind == NEAR_MISS_AT_HOST || n->kind == NEAR_MISS_AT_TARGET;
    struct finding *x = at_host ? report_add(r, RULE_SRV_AT_TARGET, n->side, owner,
                                             "The records stand at %s, not at the domain", owner)
                                : report_add(r, RULE_MISNAMED_SRV, n->side, owner,
                                             "The records stand at %s, where nobody looks", owner);
    for (size_t k = 0; k < count; k++) {
      char target[NAME_TEXT];
      finding_change(x, false, owner, "SRV", "%u %u %u %s", list[k].priority, list[k].weight, list[k].port,
                     name_format(list[k].target, list[k].target_len, target));
      finding_change_srv(x, true, r, n->right, &list[k]);
    }
  }
}

static void rules_of_tcp_name(struct report *r) {
  const struct facts *f = r->facts;
  const struct asked *tcp = &f->single[FACT_TCP];
  char name[NAME_TEXT];
  struct record soa;
  bool has_any = facts_has_records(f->domain, LOOKUP_C2S) || facts_has_records(f->domain, LOOKUP_S2S);
  if (facts_is_nxdomain(tcp) && has_any) {
    report_add(r, RULE_ENT_NXDOMAIN, LOOKUP_BOTH, domain_text(tcp->name, tcp->name_len, name),
               "%s is said not to exist, though names below it do", name);
  }
  if (rules_has_type(tcp, TYPE_SOA, &soa) && name_equal(soa.owner, soa.owner_len, tcp->name, tcp->name_len)) {
    report_add(r, RULE_TCP_DELEGATED, LOOKUP_BOTH, domain_text(tcp->name, tcp->name_len, name),
               "%s is a zone of its own", name);
  }
}

void rules_of_services(struct report *r) {
  for (enum lookup_side side = LOOKUP_C2S; side <= LOOKUP_S2S; side++) {
    if (!(r->facts->domain->sides & side)) continue;
    rule_of_fallback(r, side);
    rule_of_pair(r, side);
  }
  rules_each_service(r, s) rules_of_one(r, s);
  rule_of_unlike_sides(r);
  rules_of_near_misses(r);
  rules_of_tcp_name(r);
  rule_of_wildcard(r);
}
