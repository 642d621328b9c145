/* msg.c: DNS messages made field by field. Exports msg_*, rd_*, exact. */
#include "kit/msg.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "base/must.h"

/* ---- RDATA ---- */

static void rd_put(struct rdata *rd, const void *octets, size_t n) {
  must(n <= sizeof rd->octets - rd->len);
  memcpy(rd->octets + rd->len, octets, n);
  rd->len = (uint16_t)(rd->len + n);
}

static void rd_put_u16(struct rdata *rd, uint16_t v) {
  uint8_t octets[2];
  store_u16(octets, v);
  rd_put(rd, octets, 2);
}

static void rd_put_name(struct rdata *rd, const char *name) {
  uint8_t octets[NAME_MAX_LEN];
  size_t len = name_parse(name, octets);
  must(len > 0);
  rd_put(rd, octets, len);
}

struct rdata rd_octets(const void *octets, size_t n) {
  struct rdata rd = {0};
  if (n) rd_put(&rd, octets, n);
  return rd;
}

struct rdata rd_a(const char *text) {
  uint8_t octets[4];
  must(inet_pton(AF_INET, text, octets) == 1);
  return rd_octets(octets, sizeof octets);
}

struct rdata rd_aaaa(const char *text) {
  uint8_t octets[16];
  must(inet_pton(AF_INET6, text, octets) == 1);
  return rd_octets(octets, sizeof octets);
}

struct rdata rd_name(const char *name) {
  struct rdata rd = {0};
  rd_put_name(&rd, name);
  return rd;
}

struct rdata rd_mx(uint16_t preference, const char *name) {
  struct rdata rd = {0};
  rd_put_u16(&rd, preference);
  rd_put_name(&rd, name);
  return rd;
}

struct rdata rd_srv(uint16_t priority, uint16_t weight, uint16_t port, const char *target) {
  struct rdata rd = {0};
  rd_put_u16(&rd, priority);
  rd_put_u16(&rd, weight);
  rd_put_u16(&rd, port);
  rd_put_name(&rd, target);
  return rd;
}

struct rdata rd_soa(const char *mname, const char *rname, uint32_t minimum) {
  struct rdata rd = {0};
  static const uint32_t serial_to_expire[] = {2026010101, 7200, 3600, 1209600};
  uint8_t octets[4];
  rd_put_name(&rd, mname);
  rd_put_name(&rd, rname);
  for (unsigned i = 0; i < 4; i++) {
    store_u32(octets, serial_to_expire[i]);
    rd_put(&rd, octets, 4);
  }
  store_u32(octets, minimum);
  rd_put(&rd, octets, 4);
  return rd;
}

struct rdata rd_txt(const char *text) {
  struct rdata rd = {0};
  size_t n = strlen(text);
  must(n <= 255);
  uint8_t len = (uint8_t)n;
  rd_put(&rd, &len, 1);
  rd_put(&rd, text, n);
  return rd;
}

struct rdata rd_fill(uint8_t octet, size_t n) {
  struct rdata rd = {0};
  must(n <= sizeof rd.octets);
  memset(rd.octets, octet, n);
  rd.len = (uint16_t)n;
  return rd;
}

/* ---- the message ---- */

static struct wire_out tail(struct msg *m) {
  return (struct wire_out){.buf = m->octets, .cap = sizeof m->octets, .at = m->len};
}

static void done(struct msg *m, const struct wire_out *w) {
  must(!w->err);
  m->len = w->at;
}

void msg_put(struct msg *m, const void *octets, size_t n) {
  struct wire_out w = tail(m);
  wire_put(&w, octets, n);
  done(m, &w);
}

void msg_put_u16(struct msg *m, uint16_t v) {
  struct wire_out w = tail(m);
  wire_put_u16(&w, v);
  done(m, &w);
}

static void put_u32(struct msg *m, uint32_t v) {
  struct wire_out w = tail(m);
  wire_put_u32(&w, v);
  done(m, &w);
}

void msg_put_name(struct msg *m, const char *name) {
  uint8_t octets[NAME_MAX_LEN];
  size_t len = name_parse(name, octets);
  must(len > 0);
  msg_put(m, octets, len);
}

void msg_set_count(struct msg *m, unsigned which, uint16_t count) {
  must(which < 4);
  store_u16(m->octets + 4 + 2 * which, count);
}

uint16_t msg_count(const struct msg *m, unsigned which) {
  must(which < 4);
  return load_u16(m->octets + 4 + 2 * which);
}

static void count_up(struct msg *m, unsigned which) {
  msg_set_count(m, which, (uint16_t)(msg_count(m, which) + 1));
}

void msg_start(struct msg *m, uint16_t flags) {
  static const uint8_t counts[8];
  m->len = 0;
  msg_put_u16(m, MSG_ID);
  msg_put_u16(m, flags);
  msg_put(m, counts, sizeof counts);
}

void msg_question(struct msg *m, const char *name, uint16_t type, uint16_t klass) {
  msg_put_name(m, name);
  msg_put_u16(m, type);
  msg_put_u16(m, klass);
  count_up(m, 0);
}

void msg_record(struct msg *m, enum section section, const char *owner, uint16_t type, uint32_t ttl,
                struct rdata rd) {
  msg_put_name(m, owner);
  msg_put_u16(m, type);
  msg_put_u16(m, CLASS_IN);
  put_u32(m, ttl);
  msg_put_u16(m, rd.len);
  msg_put(m, rd.octets, rd.len);
  count_up(m, 1 + (unsigned)section);
}

void msg_opt(struct msg *m, uint16_t udp_size, uint8_t version, bool dnssec_ok, const void *options,
             size_t n) {
  msg_put_name(m, ".");
  msg_put_u16(m, TYPE_OPT);
  msg_put_u16(m, udp_size);
  put_u32(m, (uint32_t)version << 16 | (dnssec_ok ? 0x8000u : 0));
  msg_put_u16(m, (uint16_t)n);
  if (n) msg_put(m, options, n);
  count_up(m, 3);
}

void msg_query(struct msg *m, const char *name, uint16_t type) {
  msg_start(m, DNS_RD << 8);
  msg_question(m, name, type, CLASS_IN);
}

void msg_answer(struct msg *m, const char *name, uint16_t type, unsigned rcode) {
  msg_start(m, (uint16_t)((DNS_QR | DNS_RD) << 8 | DNS_RA | rcode));
  msg_question(m, name, type, CLASS_IN);
}

uint8_t *exact(const void *octets, size_t n) {
  uint8_t *copy = must_alloc(n ? n : 1);
  if (n) memcpy(copy, octets, n);
  return copy;
}
