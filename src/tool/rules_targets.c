/* rules_targets.c: what the targets of SRV records are. Exports rules_of_targets. */
#include <arpa/inet.h>
#include <stdio.h>

#include "tool/domain.h"
#include "tool/rules_priv.h"

enum { TARGETS_FEW = 8, ALIAS_FEW = 2, COMPARED_MAX = 64 /* with each other */ };

/* One target of one service. */
struct target {
  const struct service *service;
  const struct srv *srv;
  const struct host *host; /* NULL: not asked for */
  bool others;             /* whoever tries it has another target that has an address */
  char name[NAME_TEXT];
};

static bool is_bad(const struct asked *a) { return a->name_len > 0 && !lookup_is_answered(a); }

static bool has_target_but(const struct service *s, const struct host *but) {
  for (size_t i = 0; i < s->count && s->state == SERVICE_OFFERED; i++) {
    if (s->hosts[i] && s->hosts[i] != but && s->hosts[i]->address_count > 0) return true;
  }
  return false;
}

/* Programs that know direct TLS know STARTTLS as well, and go on there; the others have only the one. */
static bool has_other_target(const struct lookup *l, const struct service *s, const struct host *but) {
  return has_target_but(s, but) ||
         (s->kind->direct_tls && has_target_but(facts_service(l, s->kind->side, false), but));
}

static unsigned count_labels(const uint8_t *name) {
  unsigned n = 0;
  for (size_t at = 0; name[at]; at += name[at] + 1u) n++;
  return n;
}

/* The name without the domain behind it reads like an address: completed by a zone file without a final dot.
 */
static bool is_completed_address(const struct facts *f, const struct srv *s, char address[NAME_TEXT]) {
  uint8_t octets[16];
  facts_short_name(f, s->target, s->target_len, address);
  return inet_pton(AF_INET, address, octets) == 1;
}

static bool ends_twice(const struct srv *s, const uint8_t *zone, size_t own, uint8_t once[NAME_MAX_LEN],
                       size_t *len) {
  if (s->target_len < 2 * own - 1 || !name_is_within(s->target, s->target_len, zone, own)) return false;
  *len = s->target_len - own + 1u;
  memcpy(once, s->target, *len);
  once[*len - 1] = 0;
  return name_is_within(once, *len, zone, own);
}

/* The zone that completes names may be the domain, or one above it that is no top-level domain. */
static bool ends_twice_in_domain(const struct facts *f, const struct srv *s, uint8_t once[NAME_MAX_LEN],
                                 size_t *len) {
  const uint8_t *zone = f->typed.name;
  size_t own = f->typed.len;
  do {
    if (ends_twice(s, zone, own, once, len)) return true;
    own -= zone[0] + 1u;
    zone += zone[0] + 1u;
  } while (count_labels(zone) > 1);
  return false;
}

static void add_target_change(struct report *r, struct finding *f, const struct target *t,
                              const uint8_t *name, size_t len) {
  struct srv right = *t->srv;
  finding_change_srv(f, false, r, t->service->kind->labels, t->srv);
  if (!name) return;
  memcpy(right.target, name, len);
  right.target_len = (uint8_t)len;
  finding_change_srv(f, true, r, t->service->kind->labels, &right);
}

/* Names that no addresses need be asked of to say what is wrong; true: nothing else need be said. */
static bool rules_of_kind(struct report *r, const struct target *t) {
  static const char *const onion[] = {"onion", NULL};
  static const char *const local[] = {"local",    "lan",  "internal", "home.arpa", "invalid",
                                      "intranet", "corp", "home",     NULL};
  const struct srv *s = t->srv;
  enum lookup_side side = t->service->kind->side;

  if (domain_is_address(s->target, s->target_len)) {
    add_target_change(
        r, report_add(r, RULE_TARGET_IS_ADDRESS, side, t->name, "The target %s is an IP address", t->name), t,
        NULL, 0);
    return true;
  }

  if (domain_is_localhost(s->target, s->target_len)) {
    add_target_change(r, report_add(r, RULE_TARGET_LOCALHOST, side, t->name, "The target is %s", t->name), t,
                      NULL, 0);
    return true;
  }

  if (rules_is_below(s->target, s->target_len, onion)) {
    report_add(r, RULE_TARGET_ONION, side, t->name, "The target %s can be reached through Tor only", t->name);
    return true;
  }

  bool own = name_is_within(s->target, s->target_len, r->facts->typed.name, r->facts->typed.len);
  if (!own && rules_is_below(s->target, s->target_len, local)) {
    report_add(r, RULE_TARGET_SPECIAL, side, t->name, "The target %s is a name for local networks", t->name);
    return true;
  }

  return false;
}

/* What a name tells alone: a wildcard may make even that one exist. */
static void rules_of_slips(struct report *r, const struct target *t) {
  const struct facts *f = r->facts;
  const struct srv *s = t->srv;
  enum lookup_side side = t->service->kind->side;
  uint8_t once[NAME_MAX_LEN];
  char address[NAME_TEXT];
  size_t len;

  if (is_completed_address(f, s, address)) {
    report_add(r, RULE_TARGET_IS_ADDRESS, side, t->name,
               "The target %s is the IP address %s, completed with the domain", t->name, address);
  } else if (ends_twice_in_domain(f, s, once, &len)) {
    add_target_change(
        r, report_add(r, RULE_MISSING_DOT, side, t->name, "The target %s ends in the domain twice", t->name),
        t, once, len);
  }
}

static void rules_of_missing(struct report *r, const struct target *t) {
  const struct facts *f = r->facts;
  enum lookup_side side = t->service->kind->side;
  uint8_t completed[NAME_MAX_LEN];

  if (count_labels(t->srv->target) == 1) {
    size_t len = domain_below(t->name, f->typed.name, f->typed.len, completed);
    add_target_change(
        r, report_add(r, RULE_TARGET_SINGLE_LABEL, side, t->name, "The target %s is a single word", t->name),
        t, len ? completed : NULL, len);
  }

  struct finding *x = report_add(r, RULE_TARGET_MISSING, side, t->name, "The target %s does not exist",
                                 t->name);
  if (t->others) x->severity = SEVERITY_WARNING;
}

/* "co" of co.uk: domains are registered below it. */
static bool is_public_second_level(const uint8_t *name) {
  static const char *const labels[] = {"co", "com", "net", "org", "gov", "edu", "ac", "or", "ne"};
  const uint8_t *top = name + name[0] + 1;
  if (top[0] != 2) return false;
  for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
    if (name[0] == strlen(labels[i]) && strncmp((const char *)name + 1, labels[i], name[0]) == 0) return true;
  }
  return false;
}

static void rule_of_lost_domain(struct report *r, const struct target *t) {
  const struct facts *f = r->facts;
  char gone[NAME_TEXT];
  for (size_t i = 0; i < f->ancestor_count; i++) {
    const struct ancestor *a = &f->ancestors[i];
    if (a->of != t->host || !facts_is_nxdomain(&a->asked)) continue;
    const uint8_t *name = a->asked.name;
    if (a->labels == 3 && !is_public_second_level(name + name[0] + 1)) continue;
    domain_text(name, a->asked.name_len, gone);
    struct finding *x = report_add(r, RULE_TARGET_DOMAIN_GONE, t->service->kind->side, t->name,
                                   "The domain %s, in which the target lies, does not exist", gone);
    add_target_change(r, x, t, NULL, 0);
    return;
  }
}

/* Of a host within the domain only the labels in front count: the domain's own are judged once. */
static bool has_bad_name(const struct facts *f, const struct srv *s) {
  uint8_t front[NAME_MAX_LEN];
  if (!name_is_within(s->target, s->target_len, f->typed.name, f->typed.len))
    return !rules_is_host_name(s->target);
  size_t len = s->target_len - f->typed.len;
  memcpy(front, s->target, len);
  front[len] = 0;
  return !rules_is_host_name(front);
}

static void rules_of_host(struct report *r, const struct target *t) {
  const struct host *h = t->host;
  enum lookup_side side = t->service->kind->side;
  char end[NAME_TEXT];

  rules_of_slips(r, t);
  if (h->alias.links > 0) {
    struct finding *x = report_add(r, RULE_TARGET_ALIAS, side, t->name, "The target %s is an alias (CNAME)",
                                   t->name);
    if (h->address_count > 0) add_target_change(r, x, t, h->alias.name, h->alias.name_len);
  }

  if (h->alias.links > ALIAS_FEW && !h->alias.endless) {
    struct finding *x = report_add(r, RULE_TARGET_ALIAS_LONG, side, t->name,
                                   "The target %s is an alias over %u steps, to %s", t->name, h->alias.links,
                                   domain_text(h->alias.name, h->alias.name_len, end));
    finding_data(x, "links", h->alias.links);
  }

  if (has_bad_name(r->facts, t->srv))
    report_add(r, RULE_TARGET_BAD_NAME, side, t->name, "The target %s is not a host name", t->name);
  if (!name_is_within(t->srv->target, t->srv->target_len, r->facts->typed.name, r->facts->typed.len)) {
    report_add(r, RULE_TARGET_FOREIGN, side, t->name, "The target %s belongs to another domain", t->name);
  }

  if (h->address_count > 0) return;
  if (facts_is_missing(h)) {
    rules_of_missing(r, t);
    rule_of_lost_domain(r, t);
    return;
  }

  if (is_bad(&h->asked[0]) || is_bad(&h->asked[1])) return;
  struct finding *x = report_add(r, RULE_TARGET_WITHOUT_ADDRESS, side, t->name,
                                 h->alias.endless ? "The target %s is an alias in a ring, and has no address"
                                                  : "The target %s has no address",
                                 t->name);
  if (t->others) x->severity = SEVERITY_WARNING;
}

/* ---- a service's targets beside each other ---- */

static void rule_of_duplicates(struct report *r, const struct service *s) {
  for (size_t i = 1; i < s->count && i < COMPARED_MAX; i++) {
    for (size_t k = 0; k < i; k++) {
      const struct srv *a = &s->srv[k], *b = &s->srv[i];
      if (a->port != b->port || !name_equal(a->target, a->target_len, b->target, b->target_len)) continue;
      char name[NAME_TEXT];
      struct finding *f = report_add(r, RULE_DUPLICATE_TARGET, s->kind->side, s->kind->labels,
                                     "%s has %s port %u twice", s->kind->labels,
                                     domain_text(b->target, b->target_len, name), b->port);
      finding_change_srv(f, false, r, s->kind->labels, b);
      return;
    }
  }
}

static bool same_addresses(const struct host *a, const struct host *b) {
  if (a->address_count == 0 || a->address_count != b->address_count) return false;
  for (size_t i = 0; i < a->address_count; i++) {
    bool found = false;
    for (size_t k = 0; k < b->address_count; k++) {
      found |= a->addresses[i].family == b->addresses[k].family &&
               memcmp(a->addresses[i].bytes, b->addresses[k].bytes, 16) == 0;
    }
    if (!found) return false;
  }
  return true;
}

static void rule_of_same_machine(struct report *r, const struct service *s) {
  char first[NAME_TEXT], second[NAME_TEXT];
  for (size_t i = 1; i < s->count && i < COMPARED_MAX; i++) {
    for (size_t k = 0; k < i; k++) {
      const struct host *a = s->hosts[k], *b = s->hosts[i];
      if (!a || !b || a == b || s->srv[i].port != s->srv[k].port || !same_addresses(a, b)) continue;
      report_add(r, RULE_SAME_ADDRESS_TARGETS, s->kind->side, s->kind->labels,
                 "%s and %s have the same addresses", lookup_host_text(a, first),
                 lookup_host_text(b, second));
      return;
    }
  }
}

static void rules_of_set(struct report *r, const struct service *s) {
  rule_of_duplicates(r, s);
  rule_of_same_machine(r, s);
  if (s->count <= TARGETS_FEW) return;
  struct finding *f = report_add(r, RULE_TOO_MANY_TARGETS, s->kind->side, s->kind->labels,
                                 "%s has %s%zu targets", s->kind->labels, s->too_many ? "more than " : "",
                                 s->count);
  finding_data(f, "targets", s->count);
}

void rules_of_targets(struct report *r) {
  rules_each_service(r, s) {
    if (s->state != SERVICE_OFFERED) continue;
    rules_of_set(r, s);
    for (size_t i = 0; i < s->count; i++) {
      struct target t = {.service = s,
                         .srv = &s->srv[i],
                         .host = s->hosts[i],
                         .others = has_other_target(r->facts->domain, s, s->hosts[i])};
      domain_text(t.srv->target, t.srv->target_len, t.name);
      if (!rules_of_kind(r, &t) && t.host) rules_of_host(r, &t);
    }
  }
}
