/* zone.c: a made-up zone and the answers from it. Exports zone_*. */
#include "scenario/zone.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"

enum { LINKS_MAX = 40 };

void zone_init(struct zone *z) { *z = (struct zone){.negative_ttl = 300}; }

void zone_clear(struct zone *z) { z->count = 0; }

void zone_close(struct zone *z) {
  free(z->records);
  *z = (struct zone){0};
}

void zone_add(struct zone *z, const char *name, uint16_t type, uint32_t ttl, struct rdata rdata) {
  if (z->count == z->room) {
    z->room = z->room ? z->room * 2 : 64;
    z->records = realloc(z->records, z->room * sizeof *z->records);
    must(z->records);
  }
  struct zone_record *r = &z->records[z->count++];
  r->name_len = (uint16_t)name_parse(name, r->name);
  must(r->name_len > 0);
  name_lower(r->name, r->name, r->name_len);
  r->type = type;
  r->ttl = ttl;
  r->rdata = rdata;
}

static bool is_named(const struct zone_record *r, const uint8_t *name, size_t len) {
  return r->name_len == len && name_equal(r->name, len, name, len);
}

void zone_remove(struct zone *z, const char *name, uint16_t type) {
  uint8_t octets[NAME_MAX_LEN];
  size_t len = name_parse(name, octets);
  unsigned kept = 0;
  for (unsigned i = 0; i < z->count; i++) {
    const struct zone_record *r = &z->records[i];
    if (!is_named(r, octets, len) || (type && r->type != type)) z->records[kept++] = *r;
  }
  z->count = kept;
}

static void add_addresses(struct zone *z, const char *host, unsigned num, uint32_t ttl) {
  char text[64];
  snprintf(text, sizeof text, "192.0.2.%u", num % 250 + 1);
  zone_add(z, host, TYPE_A, ttl, rd_a(text));
  snprintf(text, sizeof text, "2001:db8::%x", num);
  zone_add(z, host, TYPE_AAAA, ttl, rd_aaaa(text));
}

static void add_service(struct zone *z, const char *service, uint16_t port, unsigned num, uint32_t ttl) {
  char name[96], target[64];
  unsigned kind = num % KINDS;
  snprintf(name, sizeof name, "_%s._tcp.d%u.lab.", service, num);
  for (unsigned i = 0; i < (kind == 1 ? 2 : 1); i++) {
    if (kind == 1) snprintf(target, sizeof target, "h%u.d%u.lab.", i, num);
    else snprintf(target, sizeof target, "%sd%u.lab.", kind == 3 ? "" : "xmpp.", num);
    zone_add(z, name, TYPE_SRV, ttl, rd_srv((uint16_t)i, 5, port, target));
  }
}

void zone_add_domain(struct zone *z, unsigned num, uint32_t ttl) {
  char name[64];
  unsigned kind = num % KINDS;

  snprintf(name, sizeof name, "d%u.lab.", num);
  add_addresses(z, name, num, ttl);
  if (kind == 2) return;
  add_service(z, "xmpp-server", 5269, num, ttl);
  add_service(z, "xmpp-client", 5222, num, ttl);
  if (kind == 4) {
    add_service(z, "xmpps-server", 5270, num, ttl);
    add_service(z, "xmpps-client", 5223, num, ttl);
  }

  for (unsigned i = 0; i < 2 && kind != 3; i++) {
    if (kind == 1) snprintf(name, sizeof name, "h%u.d%u.lab.", i, num);
    else snprintf(name, sizeof name, "xmpp.d%u.lab.", num);
    if (kind == 1 || i == 0) add_addresses(z, name, num, ttl);
  }
}

/* Appends a record, its owner as a pointer where it is the question's name. */
static void put_record(struct msg *m, enum section section, const uint8_t *owner, size_t len, uint16_t type,
                       uint32_t ttl, const struct rdata *rd) {
  uint8_t octets[4];
  if (name_equal(m->octets + DNS_HEADER, len, owner, len)) msg_put_u16(m, 0xc000 | DNS_HEADER);
  else msg_put(m, owner, len);
  msg_put_u16(m, type);
  msg_put_u16(m, CLASS_IN);
  store_u32(octets, ttl);
  msg_put(m, octets, 4);
  msg_put_u16(m, rd->len);
  msg_put(m, rd->octets, rd->len);
  unsigned which = 1 + (unsigned)section;
  msg_set_count(m, which, (uint16_t)(msg_count(m, which) + 1));
}

static void put_signature(struct msg *m, enum section section, const uint8_t *owner, size_t len,
                          uint16_t covered, uint32_t ttl) {
  struct rdata rd = rd_fill(7, 18 + 5 + 64); /* fixed fields, signer "lab.", signature */
  store_u16(rd.octets, covered);
  memcpy(rd.octets + 18, "\003lab", 5);
  put_record(m, section, owner, len, TYPE_RRSIG, ttl, &rd);
}

static unsigned put_set(const struct zone *z, struct msg *m, const uint8_t *name, size_t len, uint16_t type,
                        bool sign) {
  unsigned n = 0;
  uint32_t ttl = 0;
  for (unsigned i = 0; i < z->count; i++) {
    const struct zone_record *r = &z->records[i];
    if (r->type != type || !is_named(r, name, len)) continue;
    put_record(m, SECTION_ANSWER, name, len, type, ttl = r->ttl, &r->rdata);
    n++;
  }
  if (n && sign) put_signature(m, SECTION_ANSWER, name, len, type, ttl);
  return n;
}

static bool exists(const struct zone *z, const uint8_t *name, size_t len) {
  for (unsigned i = 0; i < z->count; i++) {
    if (name_is_within(z->records[i].name, z->records[i].name_len, name, len)) return true;
  }
  return false;
}

static void put_negative(const struct zone *z, struct msg *m, const uint8_t *name, size_t len, bool sign) {
  static const uint8_t apex[] = "\003lab";
  struct rdata soa = rd_soa("ns.lab.", "host.lab.", z->negative_ttl), nsec = rd_octets("\003lab\0\0\1\2", 8);
  if (!exists(z, name, len)) m->octets[3] = (uint8_t)((m->octets[3] & ~DNS_RCODE) | RCODE_NXDOMAIN);
  if (z->no_soa) return;
  put_record(m, SECTION_AUTHORITY, apex, sizeof apex, TYPE_SOA, z->negative_ttl, &soa);
  if (!sign) return;
  put_signature(m, SECTION_AUTHORITY, apex, sizeof apex, TYPE_SOA, z->negative_ttl);
  put_record(m, SECTION_AUTHORITY, apex, sizeof apex, TYPE_NSEC, z->negative_ttl, &nsec);
  put_signature(m, SECTION_AUTHORITY, apex, sizeof apex, TYPE_NSEC, z->negative_ttl);
}

/* Follows a CNAME at the name, or the one that a DNAME above it makes; false when there is none. */
static bool follow(const struct zone *z, struct msg *m, uint8_t *name, size_t *len, bool sign) {
  for (unsigned i = 0; i < z->count; i++) {
    const struct zone_record *r = &z->records[i];
    struct rdata to = r->rdata;
    if (r->type == TYPE_DNAME && *len > r->name_len && name_is_within(name, *len, r->name, r->name_len)) {
      size_t labels = *len - r->name_len;
      put_record(m, SECTION_ANSWER, r->name, r->name_len, TYPE_DNAME, r->ttl, &r->rdata);
      if (sign) put_signature(m, SECTION_ANSWER, r->name, r->name_len, TYPE_DNAME, r->ttl);
      must(labels + r->rdata.len <= NAME_MAX_LEN);
      memcpy(to.octets, name, labels);
      memcpy(to.octets + labels, r->rdata.octets, r->rdata.len);
      to.len = (uint16_t)(labels + r->rdata.len);
      sign = false; /* what was made from a DNAME has no signature */
    } else if (r->type != TYPE_CNAME || !is_named(r, name, *len)) {
      continue;
    }
    put_record(m, SECTION_ANSWER, name, *len, TYPE_CNAME, r->ttl, &to);
    if (sign) put_signature(m, SECTION_ANSWER, name, *len, TYPE_CNAME, r->ttl);
    memcpy(name, to.octets, to.len);
    *len = to.len;
    return true;
  }

  return false;
}

void zone_answer(const struct zone *z, struct msg *m, const uint8_t *qname, size_t len, uint16_t type,
                 bool dnssec_ok) {
  uint8_t name[NAME_MAX_LEN];
  bool sign = dnssec_ok && z->is_signed;
  memcpy(name, qname, len);
  for (unsigned links = 0; links < LINKS_MAX; links++) {
    if (put_set(z, m, name, len, type, sign)) return;
    if (type == TYPE_CNAME || !follow(z, m, name, &len, sign)) {
      put_negative(z, m, name, len, sign);
      return;
    }
  }
}
