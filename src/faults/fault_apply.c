/* fault_apply.c: what a fault makes of an answer. Exports fault_apply. */
#include "faults/fault.h"

#include "dns/build.h"
#include "faults/fault_priv.h"

enum { OPT_MAX = 1024, SRV_FIXED = 6 /* priority, weight and port */ };

/* A message taken apart: where each record begins, but for OPT. */
struct taken {
  size_t question_end;
  unsigned an, ns, ar;
  size_t opt_len; /* 0: it has none */
  uint8_t opt[OPT_MAX];
};

static bool take_apart(const struct question *q, const uint8_t *msg, size_t len, uint16_t *places,
                       struct taken *t) {
  struct wire w = wire_read(msg, len);
  struct record r;
  unsigned n = 0;

  t->question_end = w.at = DNS_HEADER + q->name_len + 4u;
  t->opt_len = 0;
  if (len < w.at || len > DNS_MSG_MAX) return false;
  t->an = load_u16(msg + 6);
  t->ns = load_u16(msg + 8);
  t->ar = load_u16(msg + 10);
  for (unsigned all = t->an + t->ns + t->ar; all > 0; all--) {
    size_t at = w.at;
    if (n == ANSWER_RECORDS_MAX || !record_read(&w, &r)) return false;
    if (r.type != TYPE_OPT) {
      places[n++] = (uint16_t)at;
      continue;
    }
    if (w.at - at > OPT_MAX || t->opt_len) return false;
    t->opt_len = w.at - at;
    memcpy(t->opt, msg + at, t->opt_len);
    t->ar--;
  }

  return w.at == len && n == t->an + t->ns + t->ar;
}

/* Puts body_len octets of records between question and OPT. Returns the length. */
static size_t put_together(const struct taken *t, const struct answer_head *h, const uint8_t *body,
                           uint8_t *msg) {
  size_t at = t->question_end;
  store_u16(msg + 6, h->an);
  store_u16(msg + 8, h->ns);
  store_u16(msg + 10, (uint16_t)(h->ar + (t->opt_len > 0)));
  if (h->body_len) memcpy(msg + at, body, h->body_len);
  memcpy(msg + at + h->body_len, t->opt, t->opt_len);
  return at + h->body_len + t->opt_len;
}

static size_t empty(const struct taken *t, uint8_t *msg) {
  return put_together(t, &(struct answer_head){0}, NULL, msg);
}

/* ---- instead of an answer ---- */

static int failure_of(const struct rule *r) {
  static const struct {
    enum rule_word word;
    int rcode;
  } failures[] = {{RULE_SERVFAIL, RCODE_SERVFAIL},
                  {RULE_REFUSED, RCODE_REFUSED},
                  {RULE_NXDOMAIN, RCODE_NXDOMAIN},
                  {RULE_NODATA, RCODE_NOERROR}};
  for (unsigned i = 0; i < sizeof failures / sizeof *failures; i++) {
    if (rule_has(r, failures[i].word)) return failures[i].rcode;
  }
  return -1;
}

/* No records, not even a SOA: a client that keeps answers is not to keep this one. */
static size_t fail(struct taken *t, int rcode, uint8_t *msg) {
  msg[2] &= (uint8_t)~DNS_TC;
  if (rcode == RCODE_SERVFAIL || rcode == RCODE_REFUSED) msg[2] &= (uint8_t)~DNS_AA;
  msg[3] = (uint8_t)((msg[3] & ~(DNS_AD | DNS_RCODE)) | rcode);
  if (t->opt_len) t->opt[5] = 0; /* the RCODE's upper bits, RFC 6891 section 6.1.3 */
  return empty(t, msg);
}

static size_t cut_records(const struct taken *t, uint8_t *msg) {
  msg[2] |= DNS_TC;
  msg[3] &= (uint8_t)~DNS_AD;
  return empty(t, msg);
}

/* ---- other records ---- */

static const uint32_t record_words = RULE_BIT(RULE_TTL) | RULE_BIT(RULE_NO_ADDITIONAL) |
                                     RULE_BIT(RULE_SHUFFLE) | RULE_BIT(RULE_REVERSE) |
                                     RULE_BIT(RULE_LOSE_TARGET) | RULE_BIT(RULE_TARGET) |
                                     RULE_BIT(RULE_PORT) | RULE_BIT(RULE_ADDRESS) | RULE_BIT(RULE_STRIP) |
                                     RULE_BIT(RULE_SIGNATURE) | RULE_BIT(RULE_WRONG_DS);

static bool read_at(const uint8_t *msg, size_t len, uint16_t at, struct record *r) {
  struct wire w = wire_read(msg, len);
  w.at = at;
  return record_read(&w, r);
}

/* Changes places among the answer's records of the type asked for; CNAMEs before and signatures behind stay
 * where they are. */
static void reorder(const struct fault_match *k, const struct question *q, const struct taken *t,
                    const uint8_t *msg, size_t len, uint16_t *places) {
  uint64_t state = fault_rng_start(k->fault->rule.seed, k->nth, DRAW_ORDER);
  bool shuffle = rule_has(&k->fault->rule, RULE_SHUFFLE);
  unsigned first = t->an, end = 0;
  struct record r;

  for (unsigned i = 0; i < t->an; i++) {
    if (!read_at(msg, len, places[i], &r) || r.type != question_type(q)) continue;
    if (first == t->an) first = i;
    end = i + 1;
  }

  for (unsigned n = end > first ? end - first : 0, i = 0; i + 1 < n; i++) {
    unsigned other = shuffle ? i + (unsigned)fault_rng_below(&state, n - i) : n - 1 - i;
    if (!shuffle && other <= i) break;
    uint16_t place = places[first + i];
    places[first + i] = places[first + other];
    places[first + other] = place;
  }
}

static bool srv_target_matches(const struct rule *rule, const struct record *r) {
  uint8_t target[NAME_MAX_LEN];
  size_t len = r->type == TYPE_SRV ? record_target(r, SRV_FIXED, target) : 0;
  if (!len) return false;
  name_lower(target, target, len);
  return !rule->lose.len || rule_name_matches(&rule->lose, target);
}

/* Which of the answer's SRV records that lead to such a target is to be lost: one by lot, or with a pattern
 * all; UINT32_MAX. */
static unsigned lost_one(const struct fault_match *k, const struct taken *t, const uint8_t *msg, size_t len,
                         const uint16_t *places) {
  uint64_t state = fault_rng_start(k->fault->rule.seed, k->nth, DRAW_TARGET);
  unsigned n = 0, which = UINT32_MAX;
  struct record r;
  for (unsigned i = 0; i < t->an; i++) {
    if (!read_at(msg, len, places[i], &r) || !srv_target_matches(&k->fault->rule, &r)) continue;
    /* each of n with the same chance, without counting them first */
    if (fault_rng_below(&state, ++n) == 0) which = i;
  }
  return which;
}

/* An SRV record with another port or target; its RDATA is written to `room`. */
static void change_srv(const struct rule *rule, struct record *r, uint8_t room[SRV_FIXED + NAME_MAX_LEN]) {
  uint8_t *target = room + SRV_FIXED;
  size_t len = record_target(r, SRV_FIXED, target);
  if (r->type != TYPE_SRV || !len) return;
  memcpy(room, record_rdata(r), SRV_FIXED);
  if (rule_has(rule, RULE_PORT)) store_u16(room + 4, rule->port);
  if (rule_has(rule, RULE_TARGET)) memcpy(target, rule->target.octets, len = rule->target.len);
  r->msg = room;
  r->msg_len = SRV_FIXED + len;
  r->rdata_at = 0;
  r->rdlen = (uint16_t)r->msg_len;
}

/* Is it an address of a family that the rule has others of? */
static bool has_substitutes(const struct rule *rule, const struct record *r) {
  bool found = false;
  for (unsigned i = 0; i < rule->address_count; i++)
    found |= r->type == (rule->addresses[i].v6 ? TYPE_AAAA : TYPE_A);
  return found;
}

/* All those addresses in the place of one record; beside the next of its RRset they are there already. */
static bool add_substitutes(struct build *b, enum section section, const struct rule *rule, struct record r,
                            uint32_t ttl) {
  for (unsigned i = 0; i < rule->address_count; i++) {
    const struct prefix *p = &rule->addresses[i];
    if (r.type != (p->v6 ? TYPE_AAAA : TYPE_A)) continue;
    r.msg = p->octets;
    r.rdata_at = 0;
    r.msg_len = p->v6 ? 16 : 4;
    r.rdlen = (uint16_t)r.msg_len;
    if (!build_repeats(b, section, &r, ttl) && !build_add(b, section, &r, ttl)) return false;
  }
  return true;
}

static bool is_lost(const struct rule *rule, const struct taken *t, const struct record *r, unsigned i,
                    unsigned one) {
  if (fault_is_stripped(rule, r)) return true;
  if (i >= t->an + t->ns) return rule_has(rule, RULE_NO_ADDITIONAL);
  if (i >= t->an || !rule_has(rule, RULE_LOSE_TARGET)) return false;
  return rule->lose.len ? srv_target_matches(rule, r) : i == one;
}

/* Makes the answer anew. False: a record is not as it should be. */
static bool rebuild(const struct fault_match *k, const struct question *q, const struct taken *t,
                    const uint8_t *msg, size_t len, struct fault_scratch *scratch) {
  const struct rule *rule = &k->fault->rule;
  unsigned one = lost_one(k, t, msg, len, scratch->places);
  uint8_t room[FAULT_RDATA_MOST];
  struct build b;

  if (rule->words & (RULE_BIT(RULE_SHUFFLE) | RULE_BIT(RULE_REVERSE)))
    reorder(k, q, t, msg, len, scratch->places);
  build_start(&b, &scratch->answer, q, 0);
  for (unsigned i = 0; i < t->an + t->ns + t->ar; i++) {
    enum section section = i < t->an           ? SECTION_ANSWER
                           : i < t->an + t->ns ? SECTION_AUTHORITY
                                               : SECTION_ADDITIONAL;
    struct record r;
    if (!read_at(msg, len, scratch->places[i], &r)) return false;
    if (is_lost(rule, t, &r, i, one)) continue;
    uint32_t ttl = rule_has(rule, RULE_TTL) ? rule->ttl_s : r.ttl;
    change_srv(rule, &r, room);
    fault_change_proof(rule, &r, room);
    bool added = has_substitutes(rule, &r) ? add_substitutes(&b, section, rule, r, ttl)
                                           : build_add(&b, section, &r, ttl);
    if (!added) return false;
  }

  return true;
}

static size_t change_records(const struct fault_match *k, const struct question *q, const struct taken *t,
                             uint8_t *msg, size_t len, size_t limit, struct fault_scratch *scratch) {
  if (!rebuild(k, q, t, msg, len, scratch)) return len;
  const struct answer_head *h = &scratch->answer.head;
  if (t->question_end + h->body_len + t->opt_len > limit) return cut_records(t, msg);
  return put_together(t, h, scratch->answer.body, msg);
}

/* ---- other octets ---- */

static void spoil_octets(const struct fault_match *k, const struct question *q, uint8_t *msg, size_t len) {
  const struct rule *rule = &k->fault->rule;
  uint64_t state = fault_rng_start(rule->seed, k->nth, DRAW_GARBAGE),
           id = fault_rng_start(rule->seed, k->nth, DRAW_ID);
  if (rule_has(rule, RULE_GARBAGE)) {
    size_t at = rule->garbage_all ? 0 : DNS_HEADER + q->name_len + 4u;
    if (at >= len) store_u16(msg + 6, 1); /* nothing is there to be spoiled: a record that is missing, then */
    for (; at < len; at++) msg[at] = (uint8_t)fault_rng_next(&state);
  }
  if (rule_has(rule, RULE_WRONG_ID))
    store_u16(msg, load_u16(msg) ^ (uint16_t)(1 + fault_rng_below(&id, UINT16_MAX)));
}

static size_t cut_at(const struct fault_match *k, size_t len) {
  uint64_t state = fault_rng_start(k->fault->rule.seed, k->nth, DRAW_CUT);
  size_t at = k->fault->rule.cut ? k->fault->rule.cut : 1 + fault_rng_below(&state, len - 1);
  return at < len ? at : len - 1;
}

struct fault_result fault_apply(const struct fault_match *k, const struct question *q, bool tcp, uint8_t *msg,
                                size_t len, size_t limit, struct fault_scratch *scratch) {
  const struct rule *rule = &k->fault->rule;
  struct taken t;
  if (rule_has(rule, RULE_DROP)) return (struct fault_result){0};
  if (tcp && rule_has(rule, RULE_CLOSE)) return (struct fault_result){.close = true};
  if (take_apart(q, msg, len, scratch->places, &t)) {
    int rcode = failure_of(rule);
    if (rcode >= 0) len = fail(&t, rcode, msg);
    else if (rule_has(rule, RULE_TRUNCATE)) len = cut_records(&t, msg);
    else if (rule->words & record_words) len = change_records(k, q, &t, msg, len, limit, scratch);
  }
  spoil_octets(k, q, msg, len);
  bool cut = rule_has(rule, RULE_CUT);
  return (struct fault_result){.len = len, .sent = cut ? cut_at(k, len) : len, .close = cut && tcp};
}
