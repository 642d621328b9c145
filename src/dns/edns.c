/* edns.c: finds OPT in a message, and the names of extended errors. Exports edns_*. */
#include "dns/edns.h"

/* Steps over a name without following where its pointer leads. */
static void skip_name(struct wire *w) {
  for (const uint8_t *label; (label = wire_bytes(w, 1)) && *label;) {
    wire_bytes(w, *label > 63 ? 1 : *label);
    if (*label > 63) return; /* a pointer ends the name */
  }
}

/* Steps over a record's TTL, RDLENGTH and RDATA. */
static void skip_rest(struct wire *w) {
  wire_bytes(w, 4);
  wire_bytes(w, wire_u16(w));
}

bool edns_read(const uint8_t *msg, size_t len, struct edns *out) {
  if (len < DNS_HEADER) return false;
  struct wire w = wire_read(msg, len);
  unsigned before = (unsigned)load_u16(msg + 6) + load_u16(msg + 8), additional = load_u16(msg + 10);

  w.at = DNS_HEADER;
  for (unsigned n = load_u16(msg + 4); n > 0 && !w.err; n--) {
    skip_name(&w);
    wire_bytes(&w, 4);
  }

  for (unsigned n = 0; n < before + additional && !w.err; n++) {
    skip_name(&w);
    uint16_t type = wire_u16(&w), klass = wire_u16(&w);
    if (type != TYPE_OPT || n < before) {
      skip_rest(&w);
      continue;
    }
    uint32_t ttl = wire_u32(&w);
    uint16_t rdlen = wire_u16(&w);
    const uint8_t *rdata = wire_bytes(&w, rdlen);
    if (!rdata) return false;
    *out = edns_from_record(klass, ttl, rdata, rdlen);
    return true;
  }

  return false;
}

bool edns_is_in(const uint8_t *msg, size_t len) {
  struct edns e;
  return edns_read(msg, len, &e);
}

const uint8_t *edns_option(const uint8_t *msg, size_t len, uint16_t code, size_t *option_len) {
  struct edns e;
  struct edns_option option;
  if (!edns_read(msg, len, &e)) return NULL;
  while (edns_next(&e, &option) == EDNS_OPTION) {
    if (option.code != code) continue;
    *option_len = option.len;
    return option.octets;
  }
  return NULL;
}

unsigned edns_rcode(const uint8_t *msg, size_t len) {
  struct edns e;
  unsigned low = msg[3] & DNS_RCODE;
  return edns_read(msg, len, &e) ? (unsigned)e.rcode_high << 4 | low : low;
}

bool edns_next_ede(struct edns *e, struct edns_ede *ede) {
  struct edns_option option;
  while (edns_next(e, &option) == EDNS_OPTION) {
    if (option.code != OPT_EDE || option.len < 2) continue;
    *ede = (struct edns_ede){
        .code = load_u16(option.octets), .text_len = (uint16_t)(option.len - 2), .text = option.octets + 2};
    return true;
  }
  return false;
}

const char *edns_ede_name(unsigned code) {
  enum { PRIVATE_USE = 49152 };
  static const char *const names[] = {
      "Other",
      "Unsupported DNSKEY Algorithm",
      "Unsupported DS Digest Type",
      "Stale Answer",
      "Forged Answer",
      "DNSSEC Indeterminate",
      "DNSSEC Bogus",
      "Signature Expired",
      "Signature Not Yet Valid",
      "DNSKEY Missing",
      "RRSIGs Missing",
      "No Zone Key Bit Set",
      "NSEC Missing",
      "Cached Error",
      "Not Ready",
      "Blocked",
      "Censored",
      "Filtered",
      "Prohibited",
      "Stale NXDOMAIN Answer",
      "Not Authoritative",
      "Not Supported",
      "No Reachable Authority",
      "Network Error",
      "Invalid Data",
      "Signature Expired before Valid",
      "Too Early",
      "Unsupported NSEC3 Iterations Value",
      "Unable to conform to policy",
      "Synthesized",
      "Invalid Query Type",
      "Rate Limited",
      "Over Quota",
      "Negative Trust Anchor",
      "New Delegation Only",
  };
  if (code >= PRIVATE_USE) return "private use";
  return code < sizeof names / sizeof *names ? names[code] : "unassigned";
}
