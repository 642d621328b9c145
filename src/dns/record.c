/* record.c: resource records read from a message. Exports record_read, record_parts, record_next_part,
 * record_target, record_rename, record_age. */
#include "dns/record.h"

#include "dns/form.h"
#include "dns/ttl.h"

struct wire record_start(const uint8_t *msg, size_t len) {
  struct wire w = wire_read(msg, len);
  uint8_t name[NAME_MAX_LEN];
  wire_bytes(&w, DNS_HEADER);
  name_read(&w, name);
  wire_bytes(&w, 4);
  return w;
}

bool record_read(struct wire *w, struct record *r) {
  r->msg = w->msg;
  r->msg_len = w->len;
  r->owner_len = (uint16_t)name_read(w, r->owner);
  r->type = wire_u16(w);
  r->klass = wire_u16(w);
  r->ttl = wire_u32(w);
  r->rdlen = wire_u16(w);
  r->rdata_at = w->at;
  return wire_bytes(w, r->rdlen) != NULL;
}

/* Forms with names in them that may have come compressed, and such as are no longer than that, are taken
 * apart. */
struct rdata_parts record_parts(const struct record *r) {
  const char *form = form_of(r->type, r->klass);
  struct rdata_parts p = {.w = wire_read(r->msg, r->msg_len), .end = r->rdata_at + r->rdlen, .layout = "*"};
  p.w.at = r->rdata_at;
  if (form[strspn(form, "123456789cns*")] == 0) p.layout = form;
  return p;
}

static size_t run_len(const struct rdata_parts *p) {
  switch (*p->layout) {
  case '*': return p->end - p->w.at;
  case 's': return p->w.at < p->end ? 1u + p->w.msg[p->w.at] : SIZE_MAX;
  default: return (size_t)(*p->layout - '0');
  }
}

enum rdata_part_kind record_next_part(struct rdata_parts *p, struct rdata_part *out) {
  if (*p->layout == 0) return out->kind = p->w.at == p->end ? PART_END : PART_BAD;
  if (*p->layout == 'c' || *p->layout == 'n') {
    out->kind = *p->layout == 'c' ? PART_NAME : PART_NAME_PLAIN;
    out->len = name_read(&p->w, out->name);
    out->bytes = out->name;
  } else {
    out->kind = PART_OCTETS;
    out->len = run_len(p);
    if (out->len > p->end - p->w.at) return out->kind = PART_BAD;
    out->bytes = wire_bytes(&p->w, out->len);
  }
  p->layout++;
  return out->kind = p->w.err || p->w.at > p->end ? PART_BAD : out->kind;
}

size_t record_target(const struct record *r, size_t skip, uint8_t out[NAME_MAX_LEN]) {
  struct wire w = wire_read(r->msg, r->msg_len);
  w.at = r->rdata_at;
  if (r->rdlen < skip || !wire_bytes(&w, skip)) return 0;
  size_t len = name_read(&w, out);
  return w.at == r->rdata_at + r->rdlen ? len : 0;
}

size_t record_rename(const struct record *dname, const uint8_t *name, size_t len, uint8_t out[NAME_MAX_LEN]) {
  uint8_t target[NAME_MAX_LEN];
  size_t prefix_len = len - dname->owner_len, target_len = record_target(dname, 0, target);
  if (!target_len || prefix_len + target_len > NAME_MAX_LEN) return 0;
  memcpy(out, name, prefix_len);
  memcpy(out + prefix_len, target, target_len);
  return prefix_len + target_len;
}

void record_age(uint8_t *msg, size_t len, uint32_t age_s) {
  enum { TTL_BEFORE_RDATA = 6 }; /* octets: itself and the RDATA's length */
  struct wire w = record_start(msg, len);
  struct record r;
  if (w.err) return;

  size_t count = (size_t)load_u16(msg + 6) + load_u16(msg + 8) + load_u16(msg + 10);
  for (size_t i = 0; i < count && record_read(&w, &r); i++) {
    if (r.type == TYPE_OPT) continue;
    uint32_t ttl = ttl_received(r.ttl);
    store_u32(msg + r.rdata_at - TTL_BEFORE_RDATA, ttl > age_s ? ttl - age_s : 0);
  }
}
