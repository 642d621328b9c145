/* rrsets.c: the records of an answer as sets: rrsets_read, rrsets_find, rrset_signature. */
#include "dnssec/rrsets.h"

#include "dns/form.h"

/* A record on the first way through, before sets lie in one piece. */
static struct rrset *set_for(struct rrsets *s, enum section section, const struct record *r, uint16_t type,
                             const uint8_t *owner) {
  for (unsigned i = s->count; i-- > 0;) {
    struct rrset *set = &s->sets[i];
    if (set->section == section && set->type == type && set->klass == r->klass &&
        set->owner_len == r->owner_len && memcmp(set->owner, owner, r->owner_len) == 0)
      return set;
  }
  return NULL;
}

static bool has_form(const struct record *r) {
  switch (r->type) {
  case TYPE_RRSIG:
  case TYPE_DS:
  case TYPE_DNSKEY:
  case TYPE_NSEC:
  case TYPE_NSEC3: return form_holds(r);
  default: return true;
  }
}

static uint16_t set_type(const struct record *r) {
  return r->type == TYPE_RRSIG ? load_u16(record_rdata(r)) : r->type;
}

/* How a message is gone through, three times: to find the sets, to count, to put records in their places. */
enum pass { PASS_SETS, PASS_COUNT, PASS_PLACE };

static enum err take(struct rrsets *s, enum section section, const struct record *r, enum pass pass) {
  uint8_t owner[NAME_MAX_LEN];
  name_lower(owner, r->owner, r->owner_len);
  bool is_signature = r->type == TYPE_RRSIG;
  struct rrset *set = set_for(s, section, r, set_type(r), owner);

  switch (pass) {
  case PASS_SETS:
    if (is_signature || set) return ERR_NONE;
    if (s->count == RRSETS_MAX) return ERR_TOO_COSTLY;
    set = &s->sets[s->count++];
    *set = (struct rrset){.section = section, .type = r->type, .klass = r->klass, .owner_len = r->owner_len};
    memcpy(set->owner, owner, r->owner_len);
    return ERR_NONE;
  case PASS_COUNT:
    if (!set) return ERR_NONE;
    if (s->record_count++ == RRSETS_RECORDS) return ERR_TOO_COSTLY;
    if (is_signature) set->signatures++;
    else set->count++;
    return ERR_NONE;
  case PASS_PLACE: break;
  }
  if (!set) return ERR_NONE;
  unsigned at = is_signature ? set->first_signature + set->signatures++ : set->first + set->count++;
  s->records[at] = (struct rrset_record){(uint16_t)r->rdata_at, r->rdlen, r->ttl};
  return ERR_NONE;
}

static enum err go_through(struct rrsets *s, enum pass pass) {
  struct wire w = record_start(s->msg, s->len);
  struct record r;
  unsigned counts[] = {load_u16(s->msg + 6), load_u16(s->msg + 8)};
  for (unsigned section = SECTION_ANSWER; section <= SECTION_AUTHORITY; section++) {
    while (counts[section]--) {
      if (!record_read(&w, &r)) return ERR_BAD_REPLY;
      if (r.type == TYPE_OPT) continue;
      if (!has_form(&r)) return ERR_BAD_REPLY;
      enum err e = take(s, (enum section)section, &r, pass);
      if (e != ERR_NONE) return e;
    }
  }
  return ERR_NONE;
}

/* Gives each set its run of places, records and signatures. */
static void lay_out(struct rrsets *s) {
  unsigned at = 0;
  for (unsigned i = 0; i < s->count; i++) {
    struct rrset *set = &s->sets[i];
    set->first = (uint16_t)at;
    at += set->count;
    set->first_signature = (uint16_t)at;
    at += set->signatures;
    set->count = set->signatures = 0;
  }
}

enum err rrsets_read(struct rrsets *s, const uint8_t *msg, size_t len) {
  s->msg = msg;
  s->len = len;
  s->count = s->record_count = 0;
  if (len < DNS_HEADER || len > DNS_MSG_MAX || load_u16(msg + 4) != 1) return ERR_BAD_REPLY;
  enum err e = go_through(s, PASS_SETS);
  if (e == ERR_NONE) e = go_through(s, PASS_COUNT);
  if (e == ERR_NONE) {
    lay_out(s);
    e = go_through(s, PASS_PLACE);
  }
  if (e != ERR_NONE) s->count = s->record_count = 0;
  return e;
}

const struct rrset *rrsets_find(const struct rrsets *s, enum section section, const uint8_t *owner,
                                size_t owner_len, uint16_t type) {
  for (unsigned i = 0; i < s->count; i++) {
    const struct rrset *set = &s->sets[i];
    if (set->section == section && set->type == type && set->klass == CLASS_IN &&
        name_equal(set->owner, set->owner_len, owner, owner_len))
      return set;
  }
  return NULL;
}

bool rrset_signature(const struct rrsets *s, const struct rrset *set, unsigned i, struct rrsig *out) {
  const struct rrset_record *r = &s->records[set->first_signature + i];
  struct wire w = {.msg = s->msg, .len = (size_t)r->rdata_at + r->rdlen, .at = r->rdata_at};
  *out = (struct rrsig){.covered = wire_u16(&w)};
  const uint8_t *numbers = wire_bytes(&w, 2);
  out->original_ttl = wire_u32(&w);
  out->expires = wire_u32(&w);
  out->begins = wire_u32(&w);
  out->tag = wire_u16(&w);
  size_t len = name_read(&w, out->signer);
  if (w.err || !len || w.at != r->rdata_at + RRSIG_SIGNER_AT + len || w.at >= w.len) return false;
  name_lower(out->signer, out->signer, len);
  out->signer_len = (uint16_t)len;
  out->algorithm = numbers[0];
  out->labels = numbers[1];
  out->signature_len = (uint16_t)(w.len - w.at);
  out->signature = s->msg + w.at;
  return true;
}
