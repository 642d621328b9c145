/* rules_signatures.c: a zone's keys, its delegation and how long its signatures hold. Exports
 * rules_of_signatures. */
#include "tool/domain.h"
#include "tool/rules_priv.h"

enum { HOUR_S = 3600, SOON_S = 3 * 24 * HOUR_S };

/* ---- signatures ---- */

/* What matters of an RRSIG's RDATA (RFC 4034 section 3.1). */
struct signature {
  uint16_t covered;
  uint32_t expiration, inception; /* serial numbers of seconds (RFC 1982) */
};

static bool read_signature(const struct record *r, struct signature *out) {
  const uint8_t *rdata = record_rdata(r);
  if (r->rdlen <= RRSIG_SIGNER_AT) return false;
  *out = (struct signature){.covered = load_u16(rdata),
                            .expiration = load_u32(rdata + RRSIG_EXPIRATION_AT),
                            .inception = load_u32(rdata + RRSIG_INCEPTION_AT)};
  return true;
}

/* The signature of the SRV set that holds longest. */
static bool latest_signature(const struct asked *a, struct signature *out) {
  struct record r;
  struct signature s;
  bool any = false;
  struct reply p = reply_open(a->msg, a->len);
  while (reply_next_answer(&p, TYPE_RRSIG, &r)) {
    if (!read_signature(&r, &s) || s.covered != TYPE_SRV) continue;
    if (!any || (int32_t)(s.expiration - out->expiration) > 0) *out = s;
    any = true;
  }
  return any;
}

/* Some signers sign for two days only, and anew each day: what counts as well is how much of a signature's
 * time is left. */
static void rule_of_expiry(struct report *r) {
  const struct facts_signed *signing = &r->facts->signing;
  int32_t least_s = SOON_S;
  char domain[NAME_TEXT];

  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    const struct asked *a = &signing->services[i];
    struct signature s;
    if (a->name_len == 0 || !lookup_is_answered(a) || !latest_signature(a, &s)) continue;
    int32_t left_s = (int32_t)(s.expiration - (uint32_t)signing->now_s);
    int32_t whole_s = (int32_t)(s.expiration - s.inception);
    if (left_s < least_s && left_s < whole_s / 4) least_s = left_s;
  }

  if (least_s == SOON_S) return;
  lookup_host_text(r->facts->domain->domain, domain);
  unsigned long hours = least_s > 0 ? (unsigned long)least_s / HOUR_S : 0;
  struct finding *f = report_add(r, RULE_DNSSEC_EXPIRING, LOOKUP_BOTH, domain,
                                 "The signatures of the SRV records of %s end in %lu hours", domain, hours);
  finding_data(f, "hours", hours);
}

/* ---- keys ---- */

/* RFC 4034 appendix B; algorithm 1, which nobody uses, has another. */
static uint16_t tag_of(const uint8_t *rdata, size_t len) {
  uint32_t sum = 0;
  for (size_t i = 0; i < len; i++) sum += i % 2 ? rdata[i] : (uint32_t)rdata[i] << 8;
  return (uint16_t)(sum + (sum >> 16));
}

/* A key of the zone with that tag and algorithm. */
static bool has_key(const struct asked *keys, uint16_t tag, uint8_t algorithm) {
  enum { FIXED = 4, ZONE_KEY = 1 /* of the flags' first octet */, ALGORITHM = 3 };
  struct record r;
  struct reply p = reply_open(keys->msg, keys->len);
  while (reply_next_answer(&p, TYPE_DNSKEY, &r)) {
    const uint8_t *rdata = record_rdata(&r);
    if (r.rdlen > FIXED && rdata[0] & ZONE_KEY && rdata[ALGORITHM] == algorithm &&
        tag_of(rdata, r.rdlen) == tag)
      return true;
  }
  return false;
}

/* A DS record leads to a key. */
static bool is_delegated(const struct facts_signed *s) {
  enum { FIXED = 4, ALGORITHM = 2 };
  struct record r;
  struct reply p = reply_open(s->delegation.msg, s->delegation.len);
  while (reply_next_answer(&p, TYPE_DS, &r)) {
    const uint8_t *rdata = record_rdata(&r);
    if (r.rdlen > FIXED && has_key(&s->keys, load_u16(rdata), rdata[ALGORITHM])) return true;
  }
  return false;
}

static void rules_of_keys(struct report *r) {
  const struct facts_signed *s = &r->facts->signing;
  struct record record;
  char zone[NAME_TEXT];
  if (s->keys.name_len == 0 || !lookup_is_answered(&s->keys) || !lookup_is_answered(&s->delegation)) return;

  domain_text(s->zone, s->zone_len, zone);
  bool has_keys = rules_has_type(&s->keys, TYPE_DNSKEY, &record);
  bool has_delegation = rules_has_type(&s->delegation, TYPE_DS, &record);
  if (has_delegation && !has_keys) {
    report_add(r, RULE_DS_WITHOUT_KEY, LOOKUP_BOTH, zone,
               "The parent of %s has DS records, but the zone has no key", zone);
  } else if (has_delegation && !is_delegated(s)) {
    report_add(r, RULE_DS_WITHOUT_KEY, LOOKUP_BOTH, zone,
               "No key of %s is one that a DS record at its parent names", zone);
  } else if (has_keys && !has_delegation) {
    report_add(r, RULE_DS_MISSING, LOOKUP_BOTH, zone, "%s has keys, but its parent has no DS record", zone);
    report_silence(r, RULE_DNSSEC_NONE);
  }
}

void rules_of_signatures(struct report *r) {
  rule_of_expiry(r);
  if (lookup_is_secure(&r->facts->single[FACT_ROOT])) rules_of_keys(r);
}
