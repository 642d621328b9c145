/* heard.c: what a client was told. Exports heard_*. */
#include <criterion/criterion.h>

#include "scenario/kit.h"

const struct seen *heard_seen(const struct heard *h) {
  static struct seen seen;
  cr_assert(is_answered(h), "not answered");
  cr_assert(seen_read(&seen, h->msg, h->len), "%s", seen.why);
  return &seen;
}

uint64_t heard_wait_ms(const struct heard *h) {
  cr_assert(is_answered(h), "not answered");
  return h->answered_ms - h->asked_ms;
}

unsigned heard_rcode(const struct heard *h) { return heard_seen(h)->rcode; }
int heard_ede(const struct heard *h) { return heard_seen(h)->ede; }
bool heard_is_tc(const struct heard *h) { return heard_seen(h)->high & DNS_TC; }

static unsigned section_count(const struct seen *s, enum section section) {
  return section == SECTION_ANSWER ? s->an : section == SECTION_AUTHORITY ? s->ns : s->ar;
}

unsigned heard_count(const struct heard *h, enum section section) {
  return section_count(heard_seen(h), section);
}

unsigned heard_typed(const struct heard *h, enum section section, uint16_t type) {
  const struct seen *s = heard_seen(h);
  unsigned n = 0;
  for (unsigned i = 0; i < section_count(s, section); i++) n += seen_record(s, section, i)->type == type;
  return n;
}

static bool is_owned(const struct record *r, const char *owner, uint16_t type) {
  uint8_t name[NAME_MAX_LEN];
  size_t len = name_parse(owner, name);
  return r->type == type && name_equal(r->owner, r->owner_len, name, len);
}

bool heard_has(const struct heard *h, enum section section, const char *owner, uint16_t type,
               struct rdata rdata) {
  static struct msg m;
  struct record want;
  const struct seen *s = heard_seen(h);
  msg_start(&m, 0);
  msg_record(&m, SECTION_ANSWER, owner, type, 0, rdata);
  struct wire w = wire_read(m.octets, m.len);
  w.at = DNS_HEADER;
  cr_assert(record_read(&w, &want));
  for (unsigned i = 0; i < section_count(s, section); i++) {
    if (same_record(seen_record(s, section, i), &want)) return true;
  }
  return false;
}

uint32_t heard_ttl(const struct heard *h, enum section section, const char *owner, uint16_t type) {
  const struct seen *s = heard_seen(h);
  uint32_t ttl = UINT32_MAX;
  for (unsigned i = 0; i < section_count(s, section); i++) {
    const struct record *r = seen_record(s, section, i);
    if (!is_owned(r, owner, type)) continue;
    cr_expect(ttl == UINT32_MAX || ttl == r->ttl, "an RRset with two TTLs");
    ttl = r->ttl;
  }
  cr_assert_neq(ttl, UINT32_MAX, "no record of %s type %u", owner, type);
  return ttl;
}

static bool is_in(const struct record *r, const struct seen *s) {
  for (unsigned i = 0; i < s->an; i++) {
    if (same_record(r, seen_record(s, SECTION_ANSWER, i))) return true;
  }
  return false;
}

bool heard_truth(const struct heard *h) {
  static struct msg m;
  static struct seen truth;
  const struct seen *s = heard_seen(h);

  msg_start(&m, DNS_QR << 8);
  msg_put(&m, h->name, h->name_len);
  msg_put_u16(&m, h->type);
  msg_put_u16(&m, CLASS_IN);
  msg_set_count(&m, 0, 1);
  zone_answer(&h->world->zone, &m, h->name, h->name_len, h->type, h->how & HOW_DO);
  cr_assert(seen_read(&truth, m.octets, m.len), "%s", truth.why);
  /* what signs has signatures of its own */
  unsigned an = s->an - (h->world->script.sign ? heard_typed(h, SECTION_ANSWER, TYPE_RRSIG) : 0);
  if (s->rcode != truth.rcode || an != truth.an) return false;
  for (unsigned i = 0; i < truth.an; i++) {
    if (!is_in(seen_record(&truth, SECTION_ANSWER, i), s)) return false;
  }

  return true;
}
