/* rules_ports.c: ports, priorities and weights of SRV records. Exports rules_of_ports. */
#include <stdio.h>

#include "tool/domain.h"
#include "tool/rules_priv.h"

enum { PORT_C2S_TLS = 5223, PORT_S2S_TLS = 5270, PORT_HTTPS = 443 };

static bool is_xmpp_port(unsigned port) {
  return port == PLAN_PORT_C2S || port == PLAN_PORT_S2S || port == PORT_C2S_TLS || port == PORT_S2S_TLS;
}

static bool is_usual_port(unsigned port) { return is_xmpp_port(port) || port == PORT_HTTPS || port == 0; }

static const char *target_text(const struct srv *s, char text[NAME_TEXT]) {
  return domain_text(s->target, s->target_len, text);
}

/* Shows the record as it is and with another port. */
static void suggest_port(struct report *r, struct finding *f, const struct service *s, const struct srv *srv,
                         uint16_t port) {
  struct srv right = *srv;
  right.port = port;
  finding_data(f, "port", srv->port);
  finding_change_srv(f, false, r, s->kind->labels, srv);
  finding_change_srv(f, true, r, s->kind->labels, &right);
}

/* Shows the record moved to the other service of its side. */
static void suggest_service(struct report *r, struct finding *f, const struct service *s,
                            const struct srv *srv) {
  const struct service *other = facts_service(r->facts->domain, s->kind->side, !s->kind->direct_tls);
  bool is_there = false;
  finding_data(f, "port", srv->port);
  finding_change_srv(f, false, r, s->kind->labels, srv);
  for (size_t i = 0; i < other->count; i++)
    is_there |= other->srv[i].port == srv->port && other->hosts[i] == s->hosts[srv - s->srv];
  if (!is_there) finding_change_srv(f, true, r, other->kind->labels, srv);
}

/* ---- one record ---- */

/* Columns mixed up: a port in front, and none at its place. True: its port is not to be judged. The target
 * may be ".": who mixed up the columns did not mean that either. */
static bool rule_of_fields(struct report *r, const struct service *s, const struct srv *srv) {
  char name[NAME_TEXT];
  bool port_first = is_xmpp_port(srv->priority), port_second = is_xmpp_port(srv->weight);

  if (is_usual_port(srv->port) ? srv->port != 0 || !(port_first || port_second) : !port_first && !port_second)
    return false;

  struct srv right = *srv;
  if (port_first) {
    right.port = srv->priority;
    right.priority = srv->port;
  } else {
    right.port = srv->weight;
    right.weight = srv->port;
  }

  struct finding *f = report_add(r, RULE_FIELDS_SWAPPED, s->kind->side, s->kind->labels,
                                 "%s: %s %u stands where the port should, and %u for %s", s->kind->labels,
                                 port_first ? "priority" : "weight", right.port, srv->port,
                                 target_text(srv, name));
  finding_change_srv(f, false, r, s->kind->labels, srv);
  finding_change_srv(f, true, r, s->kind->labels, &right);
  return true;
}

static void rules_of_port(struct report *r, const struct service *s, const struct srv *srv) {
  bool clients = s->kind->side == LOOKUP_C2S, tls = s->kind->direct_tls;
  const char *labels = s->kind->labels;
  uint16_t starttls_port = clients ? PLAN_PORT_C2S : PLAN_PORT_S2S,
           tls_port = clients ? PORT_C2S_TLS : PORT_S2S_TLS;
  uint16_t others = clients ? PLAN_PORT_S2S : PLAN_PORT_C2S;
  bool has_starttls = facts_service(r->facts->domain, s->kind->side, false)->state == SERVICE_OFFERED;
  char name[NAME_TEXT];

  if (rule_of_fields(r, s, srv)) return;
  if (srv->port == 0) {
    suggest_port(r,
                 report_add(r, RULE_PORT_ZERO, s->kind->side, labels, "%s names port 0 of %s", labels,
                            target_text(srv, name)),
                 s, srv, tls ? tls_port : starttls_port);
  } else if (srv->port == others) {
    struct finding *f = report_add(r, RULE_PORT_OF_OTHER_SIDE, s->kind->side, labels,
                                   "%s names port %u, which is for %s", labels, srv->port,
                                   clients ? "servers" : "clients");
    suggest_port(r, f, s, srv, tls ? tls_port : starttls_port);
  } else if (tls && srv->port == starttls_port) {
    struct finding *f = report_add(r, RULE_PORT_SUGGESTS_STARTTLS, s->kind->side, labels,
                                   "%s names port %u, the STARTTLS port", labels, srv->port);
    if (has_starttls) f->severity = SEVERITY_WARNING;
    f->sure = false;
    suggest_service(r, f, s, srv);
  } else if (!tls && (srv->port == PORT_C2S_TLS || srv->port == PORT_S2S_TLS || srv->port == PORT_HTTPS)) {
    struct finding *f = report_add(r, RULE_PORT_SUGGESTS_TLS, s->kind->side, labels,
                                   "%s names port %u, a port of direct TLS", labels, srv->port);
    f->sure = false;
    suggest_service(r, f, s, srv);
  } else if (!is_usual_port(srv->port)) {
    struct finding *f = report_add(r, RULE_PORT_UNUSUAL, s->kind->side, labels, "%s names port %u", labels,
                                   srv->port);
    finding_data(f, "port", srv->port);
  }
}

static void rule_of_web_port(struct report *r, const struct service *s, size_t i) {
  const struct host *h = s->hosts[i], *web = r->facts->domain->domain;
  if (!s->kind->direct_tls || s->srv[i].port != PORT_HTTPS || !h ||
      !(h == web || facts_share_address(h, web)))
    return;
  struct finding *f = report_add(r, RULE_PORT_443_AT_WEB, s->kind->side, s->kind->labels,
                                 "%s uses port 443 of the machine at the domain's own address",
                                 s->kind->labels);
  f->sure = false;
}

/* ---- a set of records ---- */

static void rules_of_weights(struct report *r, const struct service *s) {
  for (size_t from = 0, to; from < s->count; from = to) {
    size_t zero = 0;
    for (to = from; to < s->count && s->srv[to].priority == s->srv[from].priority; to++)
      zero += s->srv[to].weight == 0;
    if (to - from < 2 || zero == 0) continue;
    if (zero == to - from) {
      report_add(r, RULE_WEIGHTS_ZERO, s->kind->side, s->kind->labels,
                 "%s: all targets of priority %u have weight 0", s->kind->labels, s->srv[from].priority);
    } else {
      report_add(r, RULE_WEIGHT_ZERO_MIXED, s->kind->side, s->kind->labels,
                 "%s: weight 0 stands beside larger ones of priority %u", s->kind->labels,
                 s->srv[from].priority);
    }
  }
}

/* ---- services beside each other ---- */

/* The two services name one host and port; *srv is that record of a. */
static bool share_port(const struct service *a, const struct service *b, const struct srv **srv) {
  if (a->state != SERVICE_OFFERED || b->state != SERVICE_OFFERED) return false;
  for (size_t i = 0; i < a->count; i++) {
    for (size_t k = 0; k < b->count; k++) {
      const struct srv *x = &a->srv[i], *y = &b->srv[k];
      if (x->port == 0 || x->port != y->port ||
          !name_equal(x->target, x->target_len, y->target, y->target_len))
        continue;
      *srv = x;
      return true;
    }
  }
  return false;
}

static bool share_priority(const struct service *a, const struct service *b) {
  for (size_t i = 0; i < a->count; i++) {
    for (size_t k = 0; k < b->count; k++) {
      if (a->srv[i].priority == b->srv[k].priority) return true;
    }
  }
  return false;
}

static bool share_machine(const struct service *a, const struct service *b, bool *known) {
  for (size_t i = 0; i < a->count; i++) {
    for (size_t k = 0; k < b->count; k++) {
      const struct host *x = a->hosts[i], *y = b->hosts[k];
      if (!x || !y || x->address_count == 0 || y->address_count == 0) continue;
      *known = true;
      if (x == y || facts_share_address(x, y)) return true;
    }
  }
  return false;
}

static void rules_of_side(struct report *r, enum lookup_side side) {
  const struct service *tls = facts_service(r->facts->domain, side, true),
                       *plain = facts_service(r->facts->domain, side, false);
  const char *who = side == LOOKUP_C2S ? "Clients" : "Servers", *word = report_side_word(side);
  const struct srv *srv;
  char name[NAME_TEXT];
  bool known = false;

  if (tls->state == SERVICE_OFFERED && plain->state == SERVICE_OFFERED) {
    if (share_port(tls, plain, &srv)) {
      struct finding *f = report_add(r, RULE_SAME_PORT_BOTH_TLS, side, word,
                                     "%s: port %u of %s is said to do both direct TLS and STARTTLS", who,
                                     srv->port, target_text(srv, name));
      finding_data(f, "port", srv->port);
      f->sure = false;
    }
    if (share_priority(tls, plain))
      report_add(r, RULE_TLS_SAME_PRIORITY, side, word, "%s: direct TLS and STARTTLS have one priority", who);
    if (!share_machine(tls, plain, &known) && known)
      report_add(r, RULE_TLS_ELSEWHERE, side, word, "%s: direct TLS and STARTTLS lead to different machines",
                 who);
  }

  size_t targets = (tls->state == SERVICE_OFFERED ? tls->count : 0) +
                   (plain->state == SERVICE_OFFERED ? plain->count : 0);
  if (targets == 1) report_add(r, RULE_NO_SECOND_CHOICE, side, word, "%s: there is one target only", who);
}

static void rule_of_shared_port(struct report *r) {
  const struct lookup *l = r->facts->domain;
  const struct srv *srv;
  char name[NAME_TEXT], domain[NAME_TEXT];
  if (!share_port(facts_service(l, LOOKUP_C2S, false), facts_service(l, LOOKUP_S2S, false), &srv)) return;
  struct finding *f = report_add(
      r, RULE_SAME_PORT_BOTH_SIDES, LOOKUP_BOTH, lookup_host_text(l->domain, domain),
      "Clients and servers are both sent to port %u of %s", srv->port, target_text(srv, name));
  finding_data(f, "port", srv->port);
  f->sure = false;
}

void rules_of_ports(struct report *r) {
  rules_each_service(r, s) {
    if (s->state == SERVICE_NOT_OFFERED) rule_of_fields(r, s, s->srv);
    if (s->state != SERVICE_OFFERED) continue;
    for (size_t i = 0; i < s->count; i++) {
      rules_of_port(r, s, &s->srv[i]);
      rule_of_web_port(r, s, i);
    }
    rules_of_weights(r, s);
  }
  for (enum lookup_side side = LOOKUP_C2S; side <= LOOKUP_S2S; side++) rules_of_side(r, side);
  rule_of_shared_port(r);
}
