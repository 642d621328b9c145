/* seen.c: a message as whoever gets it sees it. Exports seen_*, same_record, follows_from. */
#include "kit/seen.h"

#include <stdio.h>

#include "base/must.h"

static bool no(struct seen *s, const char *why) {
  s->why = why;
  return false;
}

static bool read_opt(struct seen *s, const struct record *r) {
  if (s->edns) return no(s, "two OPT records");
  if (r->owner_len != 1) return no(s, "an OPT that is not at the root");
  s->edns = true;
  s->udp_size = r->klass;
  s->dnssec_ok = r->ttl & 0x8000;
  s->options = r->msg + r->rdata_at;
  s->options_len = r->rdlen;
  s->rcode |= r->ttl >> 24 << 4;
  if (r->ttl >> 16 & 0xff) return no(s, "an EDNS version other than 0");
  struct wire w = wire_read(r->msg, r->rdata_at + r->rdlen);
  w.at = r->rdata_at;
  while (w.at < w.len) {
    uint16_t code = wire_u16(&w), n = wire_u16(&w);
    const uint8_t *value = wire_bytes(&w, n);
    if (!value) return no(s, "an option that is cut short");
    if (code != OPT_EDE) continue;
    if (s->ede >= 0 || n < 2) return no(s, "two EDE options, or one without a code");
    s->ede = load_u16(value);
    snprintf(s->ede_text, sizeof s->ede_text, "%.*s", n - 2, (const char *)value + 2);
  }

  return true;
}

static bool has_form(const struct record *r) {
  struct rdata_parts parts = record_parts(r);
  struct rdata_part part;
  enum rdata_part_kind kind;
  do kind = record_next_part(&parts, &part);
  while (kind != PART_END && kind != PART_BAD);
  return kind == PART_END;
}

static bool read_question(struct seen *s, struct wire *w) {
  uint8_t name[NAME_MAX_LEN];
  size_t start = w->at;
  if (s->count[0] > 1) return no(s, "more than one question");
  if (s->count[0] == 0) return true;
  size_t len = name_read(w, name);
  wire_u32(w);
  if (w->err || w->at != start + len + 4) return no(s, "a question that is cut short, or with a pointer");
  s->question = w->msg + start;
  s->question_len = w->at - start;
  return true;
}

bool seen_read(struct seen *s, const uint8_t *msg, size_t len) {
  memset(s, 0, offsetof(struct seen, records)); /* they are large, and a fuzz target reads many messages */
  s->ede = -1;
  s->why = "";
  struct wire w = wire_read(msg, len);
  unsigned *kept[] = {&s->an, &s->ns, &s->ar};
  if (len < DNS_HEADER) return no(s, "shorter than a header");
  s->id = wire_u16(&w);
  s->high = *wire_bytes(&w, 1);
  s->low = *wire_bytes(&w, 1);
  s->rcode = s->low & DNS_RCODE;
  for (unsigned i = 0; i < 4; i++) s->count[i] = wire_u16(&w);
  if (!read_question(s, &w)) return false;
  for (unsigned section = 0, n = 0; section < 3; section++) {
    for (unsigned i = 0; i < s->count[1 + section]; i++) {
      struct record *r = &s->records[n];
      if (n == SEEN_MAX - 1) return no(s, "more records than the kit holds");
      if (!record_read(&w, r)) return no(s, "a record that is cut short");
      if (r->type == TYPE_OPT && section != SECTION_ADDITIONAL)
        return no(s, "an OPT outside the additional section");
      if (r->type == TYPE_OPT) {
        if (!read_opt(s, r)) return false;
        continue;
      }
      if (!has_form(r)) return no(s, "an RDATA without its type's form");
      ++*kept[section];
      n++;
    }
  }

  return w.at == len ? true : no(s, "octets behind the last record");
}

const struct record *seen_record(const struct seen *s, enum section section, unsigned i) {
  unsigned count[] = {s->an, s->ns, s->ar}, before = 0;
  must(i < count[section]);
  for (unsigned k = 0; k < (unsigned)section; k++) before += count[k];
  return &s->records[before + i];
}

bool same_record(const struct record *a, const struct record *b) {
  if (!name_equal(a->owner, a->owner_len, b->owner, b->owner_len) || a->type != b->type ||
      a->klass != b->klass)
    return false;
  struct rdata_parts pa = record_parts(a), pb = record_parts(b);
  struct rdata_part x, y;
  for (;;) {
    enum rdata_part_kind ka = record_next_part(&pa, &x), kb = record_next_part(&pb, &y);
    if (ka != kb || ka == PART_BAD) return false;
    if (ka == PART_END) return true;
    bool same = ka == PART_OCTETS ? x.len == y.len && memcmp(x.bytes, y.bytes, x.len) == 0
                                  : name_equal(x.bytes, x.len, y.bytes, y.len);
    if (!same) return false;
  }
}

bool follows_from(const struct record *dname, const struct record *made) {
  uint8_t from[NAME_MAX_LEN], to[NAME_MAX_LEN];
  if (dname->type != TYPE_DNAME || made->type != TYPE_CNAME || dname->klass != made->klass) return false;
  if (made->owner_len <= dname->owner_len ||
      !name_is_within(made->owner, made->owner_len, dname->owner, dname->owner_len))
    return false;
  size_t labels = made->owner_len - dname->owner_len, from_len = record_target(dname, 0, from),
         to_len = record_target(made, 0, to);
  return from_len && to_len == labels + from_len && name_equal(to, labels, made->owner, labels) &&
         name_equal(to + labels, from_len, from, from_len);
}
