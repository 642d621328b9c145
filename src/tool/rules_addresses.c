/* rules_addresses.c: the addresses of targets and of the domain, where programs go there. Exports
 * rules_of_addresses, rules_is_bad_address. */
#include <arpa/inet.h>
#include <stdio.h>

#include "base/must.h"
#include "tool/domain.h"
#include "tool/rules_priv.h"

enum { ADDRESSES_FEW = 8 };

/* A range of addresses, and which rule it breaks. */
struct range {
  const char *prefix;
  unsigned bits;
  enum rule_id rule;
};

static const struct range ranges[] = {
    {"10.0.0.0", 8, RULE_ADDRESS_PRIVATE},
    {"172.16.0.0", 12, RULE_ADDRESS_PRIVATE},
    {"192.168.0.0", 16, RULE_ADDRESS_PRIVATE},
    {"100.64.0.0", 10, RULE_ADDRESS_PRIVATE},
    {"fc00::", 7, RULE_ADDRESS_PRIVATE},
    {"fec0::", 10, RULE_ADDRESS_PRIVATE},
    {"127.0.0.0", 8, RULE_ADDRESS_LOOPBACK},
    {"::1", 128, RULE_ADDRESS_LOOPBACK},
    {"169.254.0.0", 16, RULE_ADDRESS_LINK_LOCAL},
    {"fe80::", 10, RULE_ADDRESS_LINK_LOCAL},
    {"192.0.2.0", 24, RULE_ADDRESS_DOCUMENTATION},
    {"198.51.100.0", 24, RULE_ADDRESS_DOCUMENTATION},
    {"203.0.113.0", 24, RULE_ADDRESS_DOCUMENTATION},
    {"2001:db8::", 32, RULE_ADDRESS_DOCUMENTATION},
    {"3fff::", 20, RULE_ADDRESS_DOCUMENTATION},
    {"0.0.0.0", 8, RULE_ADDRESS_UNUSABLE},
    {"224.0.0.0", 3, RULE_ADDRESS_UNUSABLE},
    {"192.0.0.0", 24, RULE_ADDRESS_UNUSABLE},
    {"198.18.0.0", 15, RULE_ADDRESS_UNUSABLE},
    {"::", 96, RULE_ADDRESS_UNUSABLE},
    {"::ffff:0:0", 96, RULE_ADDRESS_UNUSABLE},
    {"::ffff:0:0:0", 96, RULE_ADDRESS_UNUSABLE},
    {"64:ff9b::", 96, RULE_ADDRESS_UNUSABLE},
    {"64:ff9b:1::", 48, RULE_ADDRESS_UNUSABLE},
    {"100::", 64, RULE_ADDRESS_UNUSABLE},
    {"2001::", 32, RULE_ADDRESS_UNUSABLE},
    {"2002::", 16, RULE_ADDRESS_UNUSABLE},
    {"ff00::", 8, RULE_ADDRESS_UNUSABLE},
    /* proxies for web sites (Cloudflare) */
    {"103.21.244.0", 22, RULE_ADDRESS_BEHIND_CDN},
    {"103.22.200.0", 22, RULE_ADDRESS_BEHIND_CDN},
    {"103.31.4.0", 22, RULE_ADDRESS_BEHIND_CDN},
    {"104.16.0.0", 13, RULE_ADDRESS_BEHIND_CDN},
    {"104.24.0.0", 14, RULE_ADDRESS_BEHIND_CDN},
    {"108.162.192.0", 18, RULE_ADDRESS_BEHIND_CDN},
    {"131.0.72.0", 22, RULE_ADDRESS_BEHIND_CDN},
    {"141.101.64.0", 18, RULE_ADDRESS_BEHIND_CDN},
    {"162.158.0.0", 15, RULE_ADDRESS_BEHIND_CDN},
    {"172.64.0.0", 13, RULE_ADDRESS_BEHIND_CDN},
    {"173.245.48.0", 20, RULE_ADDRESS_BEHIND_CDN},
    {"188.114.96.0", 20, RULE_ADDRESS_BEHIND_CDN},
    {"190.93.240.0", 20, RULE_ADDRESS_BEHIND_CDN},
    {"197.234.240.0", 22, RULE_ADDRESS_BEHIND_CDN},
    {"198.41.128.0", 17, RULE_ADDRESS_BEHIND_CDN},
    {"2400:cb00::", 32, RULE_ADDRESS_BEHIND_CDN},
    {"2405:8100::", 32, RULE_ADDRESS_BEHIND_CDN},
    {"2405:b500::", 32, RULE_ADDRESS_BEHIND_CDN},
    {"2606:4700::", 32, RULE_ADDRESS_BEHIND_CDN},
    {"2803:f800::", 32, RULE_ADDRESS_BEHIND_CDN},
    {"2a06:98c0::", 29, RULE_ADDRESS_BEHIND_CDN},
    {"2c0f:f248::", 32, RULE_ADDRESS_BEHIND_CDN},
};

static bool is_in(const struct address *a, const struct range *range) {
  uint8_t prefix[16];
  int family = strchr(range->prefix, ':') ? AF_INET6 : AF_INET;
  if (a->family != family) return false;
  must(inet_pton(family, range->prefix, prefix) == 1);
  unsigned whole = range->bits / 8, rest = range->bits % 8;
  if (memcmp(a->bytes, prefix, whole) != 0) return false;
  return rest == 0 || (a->bytes[whole] ^ prefix[whole]) >> (8 - rest) == 0;
}

/* RULE_COUNT: nothing is wrong with it. The most special range counts: ::1 lies in ::/96. */
static enum rule_id judge(const struct address *a) {
  const struct range *best = NULL;
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
    if (is_in(a, &ranges[i]) && (!best || ranges[i].bits > best->bits)) best = &ranges[i];
  }
  return best ? best->rule : RULE_COUNT;
}

bool rules_is_bad_address(const struct address *a) {
  enum rule_id rule = judge(a);
  return rule != RULE_COUNT && rule != RULE_ADDRESS_DOCUMENTATION && rule != RULE_ADDRESS_BEHIND_CDN;
}

/* Addresses for handbooks are as good as any where the domain itself is made up. */
static bool has_good_address(const struct report *r, const struct host *h) {
  bool special = rules_is_special(r->facts->typed.name, r->facts->typed.len);
  for (size_t i = 0; i < h->address_count; i++) {
    enum rule_id rule = judge(&h->addresses[i]);
    if (!rules_is_bad_address(&h->addresses[i]) && (special || rule != RULE_ADDRESS_DOCUMENTATION))
      return true;
  }
  return false;
}

static const char *phrase(enum rule_id rule) {
  switch (rule) {
  case RULE_ADDRESS_PRIVATE: return "is private";
  case RULE_ADDRESS_LOOPBACK: return "is every host's own";
  case RULE_ADDRESS_LINK_LOCAL: return "is valid on one network segment only";
  case RULE_ADDRESS_DOCUMENTATION: return "is from a handbook";
  case RULE_ADDRESS_BEHIND_CDN: return "belongs to a proxy for web sites";
  default: return "can't be reached";
  }
}

/* others: there is another way in that has good addresses. */
static void rules_of_each_address(struct report *r, const struct host *h, enum lookup_side side,
                                  bool others) {
  char address[ADDRESS_TEXT], name[NAME_TEXT];
  bool special = rules_is_special(r->facts->typed.name, r->facts->typed.len),
       good = others || has_good_address(r, h);

  for (size_t i = 0; i < h->address_count; i++) {
    const struct address *a = &h->addresses[i];
    enum rule_id rule = judge(a);
    if (rule == RULE_COUNT || (special && rule == RULE_ADDRESS_DOCUMENTATION)) continue;
    lookup_address_text(a, address);
    lookup_host_text(h, name);
    struct finding *f = report_add(r, rule, side, address, "The address %s of %s %s", address, name,
                                   phrase(rule));
    finding_change(f, false, name, a->family == AF_INET ? "A" : "AAAA", "%s", address);
    if (f->severity == SEVERITY_ERROR && good) f->severity = SEVERITY_WARNING;
  }
}

static bool has_family(const struct host *h, int family) {
  for (size_t i = 0; i < h->address_count; i++) {
    if (h->addresses[i].family == family) return true;
  }
  return false;
}

static bool is_silent(const struct asked *a) { return a->name_len > 0 && a->outcome == ASKED_TIMEOUT; }

static bool is_failed(const struct asked *a) {
  return a->name_len > 0 && a->outcome != ASKED_LEFT_OUT && !lookup_is_answered(a);
}

static void rules_of_questions(struct report *r, const struct host *h, enum lookup_side side) {
  const struct asked *v4 = &h->asked[0], *v6 = &h->asked[1];
  char name[NAME_TEXT], word[PRINT_WORD];

  lookup_host_text(h, name);

  if (facts_is_nxdomain(v6) && lookup_is_answered(v4) && has_family(h, AF_INET)) {
    report_add(r, RULE_AAAA_NXDOMAIN, side, name,
               "The name server says for AAAA that %s does not exist, though it has an IPv4 address", name);
  }

  if (is_silent(v6) && lookup_is_answered(v4)) {
    report_add(r, RULE_AAAA_SILENT, side, name, "The question for IPv6 addresses of %s gets no answer", name);
  } else if (is_failed(v4) && is_failed(v6) &&
             !name_is_within(h->name, h->name_len, r->facts->typed.name, r->facts->typed.len)) {
    report_add(r, RULE_TARGET_BELOW_LAME, side, name, "The questions for addresses of %s failed: %s", name,
               lookup_outcome_text(v4, word));
  } else if (is_failed(v4) || is_failed(v6)) {
    const char *which = is_failed(v4) && is_failed(v6) ? "" : is_failed(v4) ? "IPv4 " : "IPv6 ";
    struct finding *f = report_add(r, RULE_ADDRESS_FAILED, side, name,
                                   "The question for %saddresses of %s failed: %s", which, name,
                                   lookup_outcome_text(is_failed(v4) ? v4 : v6, word));
    if (is_failed(v4) && is_failed(v6)) f->severity = SEVERITY_ERROR;
  }

  if (h->address_count > ADDRESSES_FEW) {
    struct finding *f = report_add(r, RULE_MANY_ADDRESSES, side, name, "%s has %zu addresses", name,
                                   h->address_count);
    finding_data(f, "addresses", h->address_count);
  }
}

/* A way in whose addresses are worth judging: not onion and not localhost, which have findings of their own.
 */
static bool is_judged(const struct host *h) {
  static const char *const apart[] = {"onion", "localhost", NULL};
  return h && !rules_is_below(h->name, h->name_len, apart) && !domain_is_address(h->name, h->name_len);
}

struct families {
  size_t hosts, v4, v6;
  bool v4_unknown, v6_unknown; /* a question failed: there may be more */
};

static void count_families(const struct host *h, struct families *n) {
  n->v4_unknown |= is_failed(&h->asked[0]);
  n->v6_unknown |= is_failed(&h->asked[1]);
  if (h->address_count == 0) return;
  n->hosts++;
  n->v4 += has_family(h, AF_INET);
  n->v6 += has_family(h, AF_INET6);
}

/* The hosts that a side's programs go to. */
static struct families rules_of_side(struct report *r, enum lookup_side side) {
  const struct facts *f = r->facts;
  struct families n = {0};
  bool good = false;

  for (unsigned pass = 0; pass < 2; pass++) { /* first whether any is good, then what to say of each */
    for (unsigned tls = 0; tls < 2; tls++) {
      const struct service *s = facts_service(f->domain, side, tls);
      for (size_t i = 0; i < s->count && s->state == SERVICE_OFFERED; i++) {
        if (!is_judged(s->hosts[i])) continue;
        if (pass == 0) {
          good |= has_good_address(r, s->hosts[i]);
          count_families(s->hosts[i], &n);
          continue;
        }
        rules_of_each_address(r, s->hosts[i], side, good);
        rules_of_questions(r, s->hosts[i], side);
      }
    }
  }

  if (facts_has_records(f->domain, side)) return n;
  rules_of_each_address(r, f->domain->domain, side, false);
  count_families(f->domain->domain, &n);
  return n;
}

static void rule_of_lone_ipv6(struct report *r, enum lookup_side side) {
  for (unsigned tls = 0; tls < 2; tls++) {
    const struct service *s = facts_service(r->facts->domain, side, tls);
    for (size_t i = 0; i < s->count && s->state == SERVICE_OFFERED; i++) {
      const struct host *h = s->hosts[i];
      char name[NAME_TEXT];
      if (!is_judged(h) || !has_family(h, AF_INET6) || has_family(h, AF_INET) || is_failed(&h->asked[0]))
        continue;
      report_add(r, RULE_TARGET_IPV6_ONLY, side, lookup_host_text(h, name), "%s has IPv6 addresses only",
                 name);
    }
  }
}

static void rules_of_reverse(struct report *r) {
  for (size_t i = 0; i < r->facts->reverse_count; i++) {
    const struct reverse *x = &r->facts->reverse[i];
    struct record ptr;
    char address[ADDRESS_TEXT], name[NAME_TEXT];
    if (rules_is_bad_address(&x->address) || !lookup_is_answered(&x->asked) ||
        rules_has_type(&x->asked, TYPE_PTR, &ptr))
      continue;
    report_add(r, RULE_NO_REVERSE, LOOKUP_BOTH, lookup_address_text(&x->address, address),
               "%s of %s has no name (PTR)", address, lookup_host_text(x->host, name));
  }
}

void rules_of_addresses(struct report *r) {
  const struct facts *f = r->facts;
  struct families all = {0};
  char domain[NAME_TEXT];

  lookup_host_text(f->domain->domain, domain);

  rules_of_questions(r, f->domain->domain, LOOKUP_BOTH);
  rules_of_reverse(r);
  for (enum lookup_side side = LOOKUP_C2S; side <= LOOKUP_S2S; side++) {
    if (!(f->domain->sides & side)) continue;
    struct families n = rules_of_side(r, side);
    const char *who = side == LOOKUP_C2S ? "Clients" : "Servers";
    if (n.hosts > 0 && n.v4 == 0 && !n.v4_unknown)
      report_add(r, RULE_IPV6_ONLY, side, report_side_word(side), "%s find IPv6 addresses only", who);
    else rule_of_lone_ipv6(r, side);
    all.hosts += n.hosts;
    all.v6 += n.v6;
    all.v6_unknown |= n.v6_unknown;
  }

  if (all.hosts > 0 && all.v6 == 0 && !all.v6_unknown)
    report_add(r, RULE_IPV4_ONLY, LOOKUP_BOTH, domain, "No host of %s has an IPv6 address", domain);
}
