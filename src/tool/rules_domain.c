/* rules_domain.c: the domain's own name, and whether there is anything at all. Exports rules_of_domain. */
#include <stdio.h>

#include "tool/domain.h"
#include "tool/rules_priv.h"

static bool is_letter_or_digit(uint8_t c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool rules_is_host_name(const uint8_t *name) {
  for (size_t at = 0; name[at]; at += name[at] + 1u) {
    const uint8_t *label = name + at + 1;
    size_t len = name[at];
    if (label[0] == '-' || label[len - 1] == '-') return false;
    for (size_t i = 0; i < len; i++) {
      if (!is_letter_or_digit(label[i]) && label[i] != '-') return false;
    }
  }
  return true;
}

bool rules_is_below(const uint8_t *name, size_t len, const char *const *zones) {
  for (; *zones; zones++) {
    uint8_t zone[NAME_MAX_LEN];
    size_t zone_len = name_parse(*zones, zone);
    if (name_is_within(name, len, zone, zone_len)) return true;
  }
  return false;
}

bool rules_is_special(const uint8_t *name, size_t len) {
  static const char *const zones[] = {"test",      "lab",         "local",       "internal",    "onion",
                                      "example",   "example.com", "example.net", "example.org", "lan",
                                      "home.arpa", "localhost",   "invalid",     "intranet",    "corp",
                                      "home",      NULL};
  return rules_is_below(name, len, zones);
}

bool rules_lacks_address(const struct host *h) {
  return h->address_count == 0 && lookup_is_answered(&h->asked[0]) && lookup_is_answered(&h->asked[1]);
}

static bool has_failed_service(const struct lookup *l) {
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    if (l->services[i].state == SERVICE_FAILED && !l->services[i].kind->obsolete) return true;
  }
  return false;
}

/* Neither records nor addresses, and that is known. */
static void rule_of_nothing(struct report *r, const char *domain) {
  const struct facts *f = r->facts;
  const struct lookup *l = f->domain;
  const struct host *h = l->domain;
  bool has_records = facts_has_records(l, LOOKUP_C2S) || facts_has_records(l, LOOKUP_S2S);
  bool has_jabber = facts_jabber(l)->count > 0;

  if (has_records || has_jabber || !rules_lacks_address(h) || has_failed_service(l)) return;

  if (facts_is_missing(h)) {
    report_add(r, RULE_DOMAIN_MISSING, LOOKUP_BOTH, domain, "%s does not exist", domain);
    report_silence_group(r, "BCDEFGKL");
    report_silence(r, RULE_DOMAIN_WITHOUT_ADDRESS);
  } else {
    report_add(r, RULE_NOTHING, LOOKUP_BOTH, domain, "%s has no SRV record and no address", domain);
    report_silence(r, RULE_SIDE_NOTHING);
    report_silence(r, RULE_DOMAIN_WITHOUT_ADDRESS);
  }
}

static bool leads_to(const struct lookup *l, const struct host *h) {
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    for (size_t k = 0; k < l->services[i].count; k++) {
      if (l->services[i].hosts[k] == h) return true;
    }
  }
  return false;
}

static void rule_of_parent(struct report *r) {
  const struct facts *f = r->facts;
  char parent[NAME_TEXT];
  if (!f->parent || !(facts_has_targets(f->parent, LOOKUP_C2S) || facts_has_targets(f->parent, LOOKUP_S2S)))
    return;

  lookup_host_text(f->parent->domain, parent);
  if (f->domain->domain->address_count > 0 && leads_to(f->parent, f->domain->domain)) {
    report_add(r, RULE_SRV_AT_PARENT, LOOKUP_BOTH, parent, "The SRV records stand at %s, and lead here",
               parent)
        ->sure = false;
  } else {
    report_add(r, RULE_MAYBE_PARENT, LOOKUP_BOTH, parent, "%s has XMPP records; was that meant?", parent);
  }
}

void rules_of_domain(struct report *r) {
  const struct facts *f = r->facts;
  const struct host *h = f->domain->domain;
  char domain[NAME_TEXT], alias[NAME_TEXT];

  lookup_host_text(h, domain);

  if (f->typed.taken_from)
    report_add(r, RULE_USAGE_URL, LOOKUP_BOTH, domain, "%s was taken from %s", domain, f->typed.taken_from);
  if (f->typed.bad_alabel)
    report_add(r, RULE_IDNA_INVALID, LOOKUP_BOTH, domain, "A label of %s is not valid IDNA", domain);
  if (*f->typed.other)
    report_add(r, RULE_IDNA_VERSIONS, LOOKUP_BOTH, domain, "Some programs ask for %s instead",
               f->typed.other);
  if (!rules_is_host_name(h->name))
    report_add(r, RULE_DOMAIN_BAD_NAME, LOOKUP_BOTH, domain, "%s is not a host name", domain);
  if (rules_is_special(h->name, h->name_len))
    report_add(r, RULE_DOMAIN_SPECIAL, LOOKUP_BOTH, domain, "%s is a reserved name", domain);
  if (h->alias.links > 0) {
    report_add(r, RULE_DOMAIN_ALIAS, LOOKUP_BOTH, domain, "%s is an alias of %s", domain,
               domain_text(h->alias.name, h->alias.name_len, alias));
  }

  if (rules_lacks_address(h))
    report_add(r, RULE_DOMAIN_WITHOUT_ADDRESS, LOOKUP_BOTH, domain, "%s itself has no address", domain);
  rule_of_nothing(r, domain);
  rule_of_parent(r);
}
