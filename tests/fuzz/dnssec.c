/* dnssec.c: fuzz target: real signed answers, and the DS and DNSKEY answers that they rest on, each changed
 * octet by octet and spliced with others. An answer is secure only if every record of it is one that was
 * signed; no signed zone is ever known as another kind; the budget holds; and nothing of a message is kept
 * over a wait (each call gets a copy of its own).
 *
 * Input: an octet for the question and one for the answer; then changes of five octets: which message and
 * how, where (two octets), what (two). */
#include <stdio.h>
#include <stdlib.h>

#include "dns/type.h"
#include "dnssec/signer.h"
#include "fuzz/fuzz.h"

enum { ANSWERS = 12, CHAIN = 6, CHANGES_MAX = 16, SIGNED_MAX = 64, KEY_OCTETS = 1024, NEEDS_MAX = 600 };
enum change { CHANGE_SET, CHANGE_FLIP, CHANGE_COUNT, CHANGE_CUT, CHANGE_SPLICE, CHANGE_DROP, CHANGES };

static const uint16_t host[] = {TYPE_A, TYPE_RRSIG, TYPE_NSEC, 0},
                      none[] = {TYPE_RRSIG, TYPE_NSEC, TYPE_NXNAME, 0};
static const uint16_t apex[] = {TYPE_NS, TYPE_SOA, TYPE_RRSIG, TYPE_NSEC, TYPE_DNSKEY, 0};

static const struct {
  const char *name;
  uint16_t type;
} chain[CHAIN] = {{".", TYPE_DNSKEY},           {"org", TYPE_DS},
                  {"org", TYPE_DNSKEY},         {"example.org", TYPE_DS},
                  {"example.org", TYPE_DNSKEY}, {"insecure.org", TYPE_DS}};

/* A record as it was signed: owner, type and RDATA without compression, in lower case. */
struct key {
  size_t len;
  uint8_t octets[KEY_OCTETS];
};

struct state {
  struct signer *world;
  unsigned count, signed_count;
  struct question questions[ANSWERS];
  struct msg answers[ANSWERS], chain[CHAIN];
  struct key is_signed[SIGNED_MAX];
};
static struct state *state;

/* ---- the answers ---- */

static struct msg *begin(const char *name, uint16_t type, unsigned rcode) {
  struct state *s = state;
  must(s->count < ANSWERS);
  uint8_t octets[NAME_MAX_LEN];
  size_t len = name_parse(name, octets);
  question_make(&s->questions[s->count], octets, len, type, CLASS_IN, KEY_DO, 0);
  struct msg *m = &s->answers[s->count++];
  msg_answer(m, name, type, rcode);
  return m;
}

static void put(struct msg *m, const char *owner, uint16_t type, struct rdata rd, const char *zone) {
  signer_set(state->world, m, SECTION_ANSWER, owner, type, rd, (struct signer_way){.zone = zone});
}

static void nsec(struct msg *m, const char *owner, const char *next, const uint16_t *types) {
  signer_nsec(state->world, m, owner, next, types, (struct signer_way){.zone = "example.org"});
}

static void make_aliases(void) {
  struct msg *m = begin("alias.example.org", TYPE_A, RCODE_NOERROR);
  put(m, "alias.example.org", TYPE_CNAME, rd_name("a.example.org"), "example.org");
  put(m, "a.example.org", TYPE_A, rd_a("192.0.2.1"), "example.org");

  m = begin("x.d.example.org", TYPE_A, RCODE_NOERROR);
  put(m, "d.example.org", TYPE_DNAME, rd_name("w.example.org"), "example.org");
  put(m, "x.d.example.org", TYPE_CNAME, rd_name("x.w.example.org"), NULL);
  signer_set(state->world, m, SECTION_ANSWER, "x.w.example.org", TYPE_A, rd_a("192.0.2.2"),
             (struct signer_way){.zone = "example.org", .owner = "*.w.example.org"});
  nsec(m, "*.w.example.org", "z.example.org", host);

  m = begin("out.example.org", TYPE_A, RCODE_NOERROR);
  put(m, "out.example.org", TYPE_CNAME, rd_name("a.insecure.org"), "example.org");
  put(m, "a.insecure.org", TYPE_A, rd_a("192.0.2.3"), NULL);
}

static void make_denials(void) {
  struct msg *m = begin("b.example.org", TYPE_A, RCODE_NXDOMAIN);
  signer_soa(state->world, m, "example.org", (struct signer_way){.zone = "example.org"});
  nsec(m, "a.example.org", "c.example.org", host);
  nsec(m, "example.org", "a.example.org", apex);
  m = begin("a.example.org", TYPE_TXT, RCODE_NOERROR);
  nsec(m, "a.example.org", "c.example.org", host);
  m = begin("n.example.org", TYPE_A, RCODE_NOERROR);
  nsec(m, "n.example.org", "\\000.n.example.org", none);
  begin("e.example.org", TYPE_A, RCODE_NOERROR);
  m = begin("b.insecure.org", TYPE_A, RCODE_NXDOMAIN);
  signer_soa(state->world, m, "insecure.org", (struct signer_way){0});
}

static void make_answers(void) {
  struct msg *m = begin("_xmpp-client._tcp.example.org", TYPE_SRV, RCODE_NOERROR);
  struct rdata two[] = {rd_srv(0, 0, 5222, "a.example.org"), rd_srv(1, 0, 5222, "b.example.org")};
  signer_sets(state->world, m, SECTION_ANSWER, "_xmpp-client._tcp.example.org", TYPE_SRV, two, 2,
              (struct signer_way){.zone = "example.org"});
  m = begin("a.example.org", TYPE_ANY, RCODE_NOERROR);
  put(m, "a.example.org", TYPE_A, rd_a("192.0.2.1"), "example.org");
  put(m, "a.example.org", TYPE_TXT, rd_txt("text"), "example.org");
  m = begin("sub.example.org", TYPE_DS, RCODE_NOERROR);
  put(m, "sub.example.org", TYPE_DS, signer_ds(state->world, "sub.example.org"), "example.org");
  m = begin("a.insecure.org", TYPE_A, RCODE_NOERROR);
  put(m, "a.insecure.org", TYPE_A, rd_a("192.0.2.3"), NULL);
}

/* What each answer is as it was made. */
static enum dnssec_state made_state(unsigned i) {
  if (i == 3 || i == 6 || i == 11) return DNSSEC_INSECURE; /* those of insecure.org */
  return i == 10 ? DNSSEC_BOGUS : DNSSEC_SECURE;           /* the one that says nothing */
}

/* ---- what was signed ---- */

/* What a wildcard or a DNAME makes has any name below; it is put under one. */
static const char *const made_below[] = {"w.example.org", "d.example.org"};

static size_t put_lower(struct key *k, const uint8_t *octets, size_t len) {
  must(len <= KEY_OCTETS - k->len);
  name_lower(k->octets + k->len, octets, len);
  k->len += len;
  return len;
}

static size_t made_prefix(const uint8_t *owner, size_t len) {
  for (unsigned i = 0; i < 2; i++) {
    uint8_t zone[NAME_MAX_LEN];
    size_t zone_len = name_parse(made_below[i], zone);
    if (len > zone_len && name_is_within(owner, len, zone, zone_len)) return len - zone_len;
  }
  return 0;
}

static bool key_make(struct key *k, const struct record *r) {
  struct rdata_parts parts = record_parts(r);
  struct rdata_part part;
  size_t prefix = made_prefix(r->owner, r->owner_len), skip;
  uint8_t type[2];
  if (r->rdlen > KEY_OCTETS / 4) return false;
  k->len = 0;
  store_u16(type, r->type);
  put_lower(k, r->owner + prefix, r->owner_len - prefix);
  memcpy(k->octets + k->len, type, 2);
  k->len += 2;
  while (record_next_part(&parts, &part) != PART_END) {
    if (part.kind == PART_BAD) return false;
    bool is_name = part.kind == PART_NAME || part.kind == PART_NAME_PLAIN;
    skip = is_name && prefix ? made_prefix(part.bytes, part.len) : 0;
    if (is_name) put_lower(k, part.bytes + skip, part.len - skip);
    else {
      must(part.len <= KEY_OCTETS - k->len);
      memcpy(k->octets + k->len, part.bytes, part.len);
      k->len += part.len;
    }
  }
  return true;
}

static void remember(const struct msg *m) {
  struct wire w = record_start(m->octets, m->len);
  struct record r;
  for (unsigned n = msg_count(m, 1) + msg_count(m, 2); n > 0; n--) {
    must(record_read(&w, &r));
    if (r.type == TYPE_RRSIG) continue;
    must(state->signed_count < SIGNED_MAX && key_make(&state->is_signed[state->signed_count++], &r));
  }
}

static bool was_signed(const struct record *r) {
  struct key k;
  if (r->type == TYPE_RRSIG || r->type == TYPE_OPT) return true;
  if (!key_make(&k, r)) return false;
  for (unsigned i = 0; i < state->signed_count; i++)
    if (state->is_signed[i].len == k.len && memcmp(state->is_signed[i].octets, k.octets, k.len) == 0)
      return true;
  return false;
}

static void start(void) {
  state = must_zalloc(sizeof *state);
  struct signer *w = state->world = signer_new(ALGORITHM_ED25519);
  signer_zone(w, "org", SIGNER_SIGNED);
  signer_zone(w, "example.org", SIGNER_SIGNED);
  signer_zone(w, "sub.example.org", SIGNER_SIGNED);
  signer_zone(w, "insecure.org", SIGNER_UNSIGNED);
  make_answers();
  make_aliases();
  make_denials();
  must(state->count == ANSWERS);
  for (unsigned i = 0; i < CHAIN; i++) {
    uint8_t name[NAME_MAX_LEN];
    signer_answer(w, name, name_parse(chain[i].name, name), chain[i].type, &state->chain[i]);
    remember(&state->chain[i]);
  }
  for (unsigned i = 0; i < ANSWERS; i++)
    if (made_state(i) == DNSSEC_SECURE) remember(&state->answers[i]);
  for (unsigned i = 0; i < CHAIN; i++) signer_answer_is(w, chain[i].name, chain[i].type, &state->chain[i]);
}

/* ---- changes ---- */

/* The records of the n-th section and their places. False: they can't be read. */
static bool find_record(const struct msg *m, unsigned which, size_t *from, size_t *to) {
  struct wire w = record_start(m->octets, m->len);
  struct record r;
  do {
    *from = w.at;
    if (w.err || w.at >= w.len || !record_read(&w, &r)) return false;
    *to = w.at;
  } while (which--);
  return true;
}

/* Another answer's record, put before the first one, in the answer section. Its names may be compressed: they
 * then come to be others. */
static void splice(struct msg *m, unsigned where, unsigned what) {
  size_t from, to, at, end;
  const struct msg *other = &state->answers[what % ANSWERS];
  if (!find_record(other, where % 8, &from, &to) || !find_record(m, 0, &at, &end)) return;
  if (m->len + (to - from) > DNS_MSG_MAX) return;
  memmove(m->octets + at + (to - from), m->octets + at, m->len - at);
  memcpy(m->octets + at, other->octets + from, to - from);
  m->len += to - from;
  msg_set_count(m, 1, (uint16_t)(msg_count(m, 1) + 1));
}

static void drop(struct msg *m, unsigned which) {
  size_t from, to;
  if (!find_record(m, which % 8, &from, &to)) return;
  unsigned section = which % 8 < msg_count(m, 1) ? 1 : 2;
  memmove(m->octets + from, m->octets + to, m->len - to);
  m->len -= to - from;
  msg_set_count(m, section, (uint16_t)(msg_count(m, section) - 1));
}

static void change(struct msg *m, enum change how, unsigned where, unsigned what) {
  uint8_t *at = m->octets + DNS_HEADER + where % (m->len - DNS_HEADER);
  switch (how) {
  case CHANGE_SET: *at = (uint8_t)what; break;
  case CHANGE_FLIP: *at ^= (uint8_t)(1 << what % 8); break;
  case CHANGE_COUNT:
    if (where % 3 == 0) m->octets[3] = (uint8_t)(m->octets[3] & 0xf0) | (what & DNS_RCODE);
    else msg_set_count(m, where % 3, what % 16);
    break;
  case CHANGE_CUT:
    if (m->len > 64 + where % 64) m->len -= where % 64;
    break;
  case CHANGE_SPLICE: splice(m, where, what); break;
  case CHANGE_DROP: drop(m, where); break;
  case CHANGES: break;
  }
}

/* ---- promises ---- */

static void expect_signed(const struct msg *m) {
  struct wire w = record_start(m->octets, m->len);
  struct record r;
  unsigned count = msg_count(m, 1);
  must(count || msg_count(m, 2));
  while (count--) must(record_read(&w, &r) && was_signed(&r));
}

static void expect_zones(void) {
  static const char *const names[] = {".", "org", "example.org", "sub.example.org"};
  struct signer *w = state->world;
  uint8_t name[NAME_MAX_LEN];
  for (unsigned i = 0; i < 4; i++) {
    const struct zone_known *k = trust_find(judge_trust(w->judge), name, name_parse(names[i], name),
                                            w->now.now_s);
    must(!k || k->state == ZONE_SECURE || k->state == ZONE_DELEGATED);
  }
  const struct zone_known *k = trust_find(judge_trust(w->judge), name, name_parse("insecure.org", name),
                                          w->now.now_s);
  must(!k || k->state == ZONE_INSECURE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct msg m;
  static const uint8_t root[1];
  if (!state) start();
  struct signer *world = state->world;
  struct wire w = feed(data, size);
  unsigned asked = feed_u8(&w) % ANSWERS, answered = feed_u8(&w) % ANSWERS;
  const struct question *q = &state->questions[asked];
  bool is_as_made = asked == answered && !feed_left(&w);
  m = state->answers[answered];
  for (unsigned i = 0; i < CHAIN; i++) world->messages[i].msg = state->chain[i];

  for (unsigned i = 0; i < CHANGES_MAX && feed_left(&w); i++) {
    unsigned which = feed_u8(&w), where = feed_u16(&w), what = feed_u16(&w),
             of = which / CHANGES % (2 * CHAIN);
    change(of < CHAIN ? &world->messages[of].msg : &m, (enum change)(which % CHANGES), where, what);
  }

  trust_flush(judge_trust(world->judge), root, 1);
  struct verdict v = signer_judge_octets(world, q, m.octets, m.len);
  must(v.state != DNSSEC_NEEDS && v.state != DNSSEC_LATER);
  if (is_as_made) must(v.state == made_state(asked));
  must(world->needs <= NEEDS_MAX);
  if (v.state == DNSSEC_SECURE) expect_signed(&m);
  must((v.state == DNSSEC_BOGUS) == (v.why != ERR_NONE));
  expect_zones();
  return 0;
}
