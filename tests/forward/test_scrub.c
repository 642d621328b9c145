/* test_scrub.c: what scrub takes out of a reply, and that nothing an upstream sends makes it take more. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "dns/ttl.h"
#include "forward/replies.h"
#include "forward/scrub.h"
#include "kit/seen.h"

static struct answer out;
static struct msg reply;

static enum err scrub(const struct question *q) {
  uint8_t *copy = exact(reply.octets, reply.len);
  enum err e = scrub_reply(q, copy, reply.len, NULL, &out);
  free(copy);
  return e;
}

/* ---- an independent view of what it took ---- */

struct names {
  unsigned count;
  uint8_t len[64], name[64][NAME_MAX_LEN];
};

static bool is_in(const struct names *n, const uint8_t *name, size_t len) {
  for (unsigned i = 0; i < n->count; i++) {
    if (name_equal(n->name[i], n->len[i], name, len)) return true;
  }
  return false;
}

static void add(struct names *n, const uint8_t *name, size_t len) {
  if (n->count == 64 || is_in(n, name, len)) return;
  n->len[n->count] = (uint8_t)len;
  memcpy(n->name[n->count++], name, len);
}

/* All names that the CNAMEs of the answer section lead to from q's. */
static void follow(const struct question *q, const struct seen *s, struct names *n) {
  unsigned before;
  n->count = 0;
  add(n, q->key, q->name_len);
  do {
    before = n->count;
    for (unsigned i = 0; i < s->an && question_type(q) != TYPE_CNAME && question_type(q) != TYPE_ANY; i++) {
      uint8_t target[NAME_MAX_LEN];
      const struct record *r = &s->records[i];
      if (r->type == TYPE_CNAME && is_in(n, r->owner, r->owner_len))
        add(n, target, record_target(r, 0, target));
    }
  } while (n->count > before);
}

static bool leads_below(const struct names *n, const struct record *r) {
  for (unsigned i = 0; i < n->count; i++) {
    if (n->len[i] > r->owner_len && name_is_within(n->name[i], n->len[i], r->owner, r->owner_len))
      return true;
  }
  return false;
}

static bool belongs(const struct question *q, const struct names *n, const struct record *r, bool *found) {
  uint16_t type = question_type(q);
  if (r->type == TYPE_DNAME && leads_below(n, r)) return true;
  if (r->type == type || type == TYPE_ANY) {
    *found = true;
    return is_in(n, r->owner, r->owner_len);
  }
  if (r->type == TYPE_CNAME) return is_in(n, r->owner, r->owner_len);
  return r->type == TYPE_RRSIG && question_flags(q) & KEY_DO &&
         (is_in(n, r->owner, r->owner_len) || leads_below(n, r));
}

static bool may_prove(const struct question *q, const struct record *r) {
  bool dnssec_ok = question_flags(q) & KEY_DO;
  return r->type == TYPE_SOA ||
         (dnssec_ok && (r->type == TYPE_NSEC || r->type == TYPE_NSEC3 || r->type == TYPE_RRSIG));
}

/* Is the record one of those that the reply held, or the CNAME that one of them makes? */
static bool was_sent(const struct question *q, const struct record *want) {
  struct wire w = wire_read(reply.octets, reply.len);
  struct record r;
  w.at = DNS_HEADER + q->name_len + 4u;
  while (w.at < w.len && record_read(&w, &r)) {
    if (same_record(&r, want) || follows_from(&r, want)) return true;
  }
  return false;
}

/* What a client is told of `out`; in static memory. */
static const struct seen *answer_seen(const struct question *q) {
  static uint8_t message[DNS_MSG_MAX];
  static struct seen s;
  cr_assert(seen_read(&s, message, answer_message(q, &out, message)), "%s", s.why);
  return &s;
}

static void check_taken(const struct question *q) {
  static struct names names;
  bool found = false, soa = false;
  uint32_t least = UINT32_MAX;
  const struct seen *s = answer_seen(q);

  cr_assert_eq(s->ar, 0, "an additional record");
  cr_assert(s->rcode == RCODE_NOERROR || s->rcode == RCODE_NXDOMAIN || s->rcode == RCODE_YXDOMAIN, "code %u",
            s->rcode);
  follow(q, s, &names);
  for (unsigned i = 0; i < s->an + s->ns; i++) {
    const struct record *r = &s->records[i];
    cr_assert(was_sent(q, r), "made up");
    cr_assert_leq(r->ttl, TTL_MAX);
    if (r->ttl < least) least = r->ttl;
    if (i < s->an)
      cr_assert(belongs(q, &names, r, &found), "a record of type %u that nobody asked for", r->type);
    else cr_assert(may_prove(q, r), "type %u in the authority section", r->type);
    soa |= i >= s->an && r->type == TYPE_SOA;
  }

  cr_assert_not(found && soa, "a SOA beside an answer");
  cr_assert_not(found && s->rcode == RCODE_NXDOMAIN);
  cr_assert(out.ttl_s == 0 || (out.ttl_s <= least && (found || soa)), "kept for %u s", out.ttl_s);
  cr_assert(out.head.stored_at == 0 && out.head.refresh_at == 0);
}

/* ---- behaviour ---- */

Test(scrub, takes_good_replies_whole) {
  static const struct {
    unsigned an, ns;
    uint32_t ttl;
  } want[REPLIES] = {{3, 0, 60}, {2, 0, 300}, {3, 0, 300}, {3, 0, 60}, {3, 0, 0},   {0, 1, 60}, {0, 1, 60},
                     {0, 4, 60}, {4, 2, 60},  {1, 0, 60},  {1, 1, 60}, {5, 0, 120}, {3, 1, 60}, {3, 0, 60}};
  for (unsigned i = 0; i < REPLIES; i++) {
    struct question q;
    reply_make(i, &q, &reply);
    cr_assert_eq(scrub(&q), ERR_NONE, "reply %u", i);
    cr_expect_eq(out.head.an, want[i].an, "reply %u: %u", i, out.head.an);
    cr_expect_eq(out.head.ns, want[i].ns, "reply %u: %u", i, out.head.ns);
    cr_expect_eq(out.ttl_s, want[i].ttl, "reply %u: %u", i, out.ttl_s);
    check_taken(&q);
  }
}

Test(scrub, cut_short_anywhere_is_a_lie) {
  for (unsigned i = 0; i < REPLIES; i++) {
    struct question q;
    reply_make(i, &q, &reply);
    size_t whole = reply.len;
    for (reply.len = DNS_HEADER; reply.len < whole; reply.len++) {
      cr_assert_eq(scrub(&q), ERR_BAD_REPLY, "reply %u, %zu octets of %zu", i, reply.len, whole);
    }
  }
}

Test(scrub, names_the_codes_that_are_no_answers) {
  for (unsigned rcode = 0; rcode < 16; rcode++) {
    struct question q;
    reply_make(6, &q, &reply);
    reply.octets[3] = (uint8_t)rcode;
    enum err want = rcode == RCODE_SERVFAIL                                            ? ERR_SERVFAIL
                    : rcode == RCODE_REFUSED                                           ? ERR_REFUSED
                    : rcode == 0 || rcode == RCODE_NXDOMAIN || rcode == RCODE_YXDOMAIN ? ERR_NONE
                                                                                       : ERR_RCODE;
    cr_expect_eq(scrub(&q), want, "code %u", rcode);
  }
}

Test(scrub, leaves_signatures_and_proofs_to_who_asked_for_them) {
  for (unsigned i = 7; i <= 8; i++) {
    struct question q, plain;
    reply_make(i, &q, &reply);
    question_make(&plain, q.key, q.name_len, question_type(&q), CLASS_IN, 0, KIT_SEED);
    cr_assert_eq(scrub(&plain), ERR_NONE);
    cr_expect_eq(out.head.an + out.head.ns, i == 7 ? 1 : 2);
    check_taken(&plain);
  }
}

Test(scrub, signatures_of_other_types_and_names_are_left) {
  struct question q;
  reply_make(8, &q, &reply);
  struct rdata rd = rd_fill(9, 60);
  store_u16(rd.octets, TYPE_TXT);
  msg_start(&reply, DNS_QR << 8);
  msg_question(&reply, "l0.lab.", TYPE_A, CLASS_IN);
  msg_record(&reply, SECTION_ANSWER, "l0.lab.", TYPE_A, 60, rd_a("192.0.2.1"));
  msg_record(&reply, SECTION_ANSWER, "l0.lab.", TYPE_RRSIG, 60, rd);
  store_u16(rd.octets, TYPE_A);
  msg_record(&reply, SECTION_ANSWER, "other.lab.", TYPE_RRSIG, 60, rd);
  msg_record(&reply, SECTION_ANSWER, "l0.lab.", TYPE_RRSIG, 60,
             rd_fill(0, 1)); /* too short to cover anything */
  cr_assert_eq(scrub(&q), ERR_NONE);
  cr_expect_eq(out.head.an, 1);
}

/* a.lab. A is asked for with DO, the reply still empty. Returns a signature's RDATA. */
static struct rdata start_signed(struct question *q) {
  struct rdata rd = rd_fill(0, 40);
  store_u16(rd.octets, TYPE_A);
  question_of(q, "a.lab.", TYPE_A);
  question_make(q, q->key, q->name_len, TYPE_A, CLASS_IN, KEY_DO, KIT_SEED);
  msg_answer(&reply, "a.lab.", TYPE_A, 0);
  return rd;
}

Test(scrub, signatures_alone_are_no_answer) {
  struct question q;
  struct rdata rd = start_signed(&q);
  msg_record(&reply, SECTION_ANSWER, "a.lab.", TYPE_RRSIG, 60, rd);
  cr_expect_eq(scrub(&q), ERR_BAD_REPLY);
  msg_record(&reply, SECTION_ANSWER, "a.lab.", TYPE_A, 60, rd_a("192.0.2.1"));
  cr_expect_eq(scrub(&q), ERR_NONE);
}

/* RFC 2181 section 5: one TTL, no record twice, also where signatures stand between the records. */
Test(scrub, rfc2181_signatures_between_records_do_not_split_an_rrset) {
  struct question q;
  struct rdata rd = start_signed(&q);
  msg_record(&reply, SECTION_ANSWER, "a.lab.", TYPE_A, 300, rd_a("192.0.2.1"));
  msg_record(&reply, SECTION_ANSWER, "a.lab.", TYPE_RRSIG, 300, rd);
  msg_record(&reply, SECTION_ANSWER, "a.lab.", TYPE_A, 300, rd_a("192.0.2.1"));
  msg_record(&reply, SECTION_ANSWER, "a.lab.", TYPE_A, 60, rd_a("192.0.2.2"));
  cr_assert_eq(scrub(&q), ERR_NONE);
  const struct seen *s = answer_seen(&q);
  cr_assert_eq(s->an, 3);
  cr_expect(s->records[0].type == TYPE_A && s->records[0].ttl == 60);
  cr_expect(s->records[1].type == TYPE_A && s->records[1].ttl == 60);
  cr_expect(s->records[2].type == TYPE_RRSIG && s->records[2].ttl == 300);
}

Test(scrub, rfc2181_a_dname_between_records_does_not_split_an_rrset) {
  struct question q;
  question_of(&q, "x.old.lab.", TYPE_A);
  msg_answer(&reply, "x.old.lab.", TYPE_A, 0);
  msg_record(&reply, SECTION_ANSWER, "x.old.lab.", TYPE_CNAME, 60, rd_name("x.new.lab."));
  msg_record(&reply, SECTION_ANSWER, "x.new.lab.", TYPE_A, 300, rd_a("192.0.2.1"));
  msg_record(&reply, SECTION_ANSWER, "old.lab.", TYPE_DNAME, 60, rd_name("new.lab."));
  msg_record(&reply, SECTION_ANSWER, "x.new.lab.", TYPE_A, 60, rd_a("192.0.2.2"));
  cr_assert_eq(scrub(&q), ERR_NONE);
  const struct seen *s = answer_seen(&q);
  cr_assert_eq(s->an, 4);
  cr_expect(s->records[1].ttl == 60 && s->records[2].ttl == 60 && s->records[3].type == TYPE_DNAME);
}

Test(scrub, rfc2181_a_record_given_twice_is_there_once_however_often_it_is_looked_at) {
  struct question q;
  question_of(&q, "a.lab.", TYPE_A);
  msg_answer(&reply, "a.lab.", TYPE_A, 0);
  /* belongs further on */
  msg_record(&reply, SECTION_ANSWER, "old.lab.", TYPE_DNAME, 60, rd_name("new.lab."));
  msg_record(&reply, SECTION_ANSWER, "a.lab.", TYPE_CNAME, 60, rd_name("x.old.lab."));
  msg_record(&reply, SECTION_ANSWER, "x.old.lab.", TYPE_CNAME, 60, rd_name("x.new.lab."));
  for (int i = 0; i < 2; i++) msg_record(&reply, SECTION_ANSWER, "x.new.lab.", TYPE_A, 60, rd_a("192.0.2.1"));
  cr_assert_eq(scrub(&q), ERR_NONE);
  cr_expect_eq(out.head.an, 4);
}

Test(scrub, keeps_a_chain_of_32_names_and_no_longer_one) {
  for (unsigned links = CHAIN_MAX - 2; links <= CHAIN_MAX; links++) {
    struct question q;
    char from[32], to[32];
    question_of(&q, "l0.lab.", TYPE_A);
    msg_answer(&reply, "l0.lab.", TYPE_A, 0);
    for (unsigned i = 0; i < links; i++) {
      snprintf(from, sizeof from, "l%u.lab.", i);
      snprintf(to, sizeof to, "l%u.lab.", i + 1);
      msg_record(&reply, SECTION_ANSWER, from, TYPE_CNAME, 60, rd_name(to));
    }
    msg_record(&reply, SECTION_ANSWER, to, TYPE_A, 60, rd_a("192.0.2.1"));
    cr_expect_eq(scrub(&q), links < CHAIN_MAX ? ERR_NONE : ERR_BAD_REPLY, "%u links", links);
  }
}

Test(scrub, a_name_below_a_name_is_not_the_name) {
  struct question q;
  static const char *const owners[] = {"x.a.lab.", "lab.", "xa.lab.", "a.lab.x.", "."};
  for (unsigned i = 0; i < sizeof owners / sizeof *owners; i++) {
    question_of(&q, "a.lab.", TYPE_A);
    msg_answer(&reply, "a.lab.", TYPE_A, 0);
    msg_record(&reply, SECTION_ANSWER, owners[i], TYPE_A, 60, rd_a("192.0.2.1"));
    cr_expect_eq(scrub(&q), ERR_BAD_REPLY, "%s", owners[i]);
  }
}

Test(scrub, takes_what_is_spelled_in_capitals) {
  struct question q;
  question_of(&q, "a.lab.", TYPE_A);
  msg_answer(&reply, "A.LAB.", TYPE_A, 0);
  msg_record(&reply, SECTION_ANSWER, "a.LAB.", TYPE_CNAME, 60, rd_name("B.lab."));
  msg_record(&reply, SECTION_ANSWER, "b.Lab.", TYPE_A, 60, rd_a("192.0.2.1"));
  cr_assert_eq(scrub(&q), ERR_NONE);
  cr_expect_eq(out.head.an, 2);
}

Test(scrub, a_lying_or_malformed_soa_does_not_count) {
  static const char *const owners[] = {"x.lab.", "b.lab.", "a.lab.x.", "evil."};
  struct question q;
  for (unsigned i = 0; i < sizeof owners / sizeof *owners; i++) {
    question_of(&q, "a.lab.", TYPE_A);
    msg_answer(&reply, "a.lab.", TYPE_A, RCODE_NXDOMAIN);
    msg_record(&reply, SECTION_AUTHORITY, owners[i], TYPE_SOA, 60, rd_soa("a.", "b.", 60));
    cr_assert_eq(scrub(&q), ERR_NONE);
    cr_expect(out.head.ns == 0 && out.ttl_s == 0, "%s", owners[i]);
  }

  msg_answer(&reply, "a.lab.", TYPE_A, RCODE_NXDOMAIN);
  msg_record(&reply, SECTION_AUTHORITY, "lab.", TYPE_SOA, 60, rd_fill(0, 30));
  cr_expect_eq(scrub(&q), ERR_BAD_REPLY);
  msg_answer(&reply, "a.lab.", TYPE_A, RCODE_NXDOMAIN);
  msg_record(&reply, SECTION_AUTHORITY, "lab.", TYPE_SOA, 60, rd_fill(0, 21));
  cr_expect_eq(scrub(&q), ERR_NONE);
  cr_expect_eq(out.ttl_s, 0);
}

Test(scrub, opt_and_tsig_are_no_answers_wherever_they_stand) {
  static const uint16_t types[] = {TYPE_OPT, TYPE_TSIG, TYPE_TKEY, TYPE_AXFR, TYPE_ANY};
  struct question q;
  for (unsigned i = 0; i < sizeof types / sizeof *types; i++) {
    question_of(&q, ".", TYPE_ANY);
    msg_answer(&reply, ".", TYPE_ANY, 0);
    msg_record(&reply, SECTION_ANSWER, ".", types[i], 60, rd_fill(0, 4));
    cr_expect_eq(scrub(&q), ERR_BAD_REPLY, "type %u alone", types[i]);
    msg_record(&reply, SECTION_ANSWER, ".", TYPE_NS, 60, rd_name("ns.lab."));
    cr_assert_eq(scrub(&q), ERR_NONE);
    cr_expect_eq(out.head.an, 1);
  }
}

/* x.old.lab leads through this DNAME by this CNAME, in either order. */
static enum err through_dname(const char *owner, const char *target, const char *cname, bool dname_first) {
  struct question q;
  question_of(&q, "x.old.lab.", TYPE_A);
  msg_answer(&reply, "x.old.lab.", TYPE_A, 0);
  if (dname_first) msg_record(&reply, SECTION_ANSWER, owner, TYPE_DNAME, 60, rd_name(target));
  msg_record(&reply, SECTION_ANSWER, "x.old.lab.", TYPE_CNAME, 60, rd_name(cname));
  if (!dname_first) msg_record(&reply, SECTION_ANSWER, owner, TYPE_DNAME, 60, rd_name(target));
  msg_record(&reply, SECTION_ANSWER, cname, TYPE_A, 60, rd_a("192.0.2.1"));
  return scrub(&q);
}

Test(scrub, rfc6672_the_cname_beside_a_dname_is_the_one_that_follows_from_it) {
  for (int first = 0; first < 2; first++) {
    cr_expect_eq(through_dname("old.lab.", "new.lab.", "x.new.lab.", first), ERR_NONE);
    cr_expect_eq(out.head.an, 3);
    cr_expect_eq(through_dname("OLD.lab.", "New.lab.", "X.nEW.lab.", first), ERR_NONE, "in any spelling");
    cr_expect_eq(through_dname("lab.", ".", "x.old.", first), ERR_NONE, "to the root");
    cr_expect_eq(through_dname("old.lab.", "new.lab.", "x.evil.lab.", first), ERR_BAD_REPLY);
    cr_expect_eq(through_dname("old.lab.", "new.lab.", "y.new.lab.", first), ERR_BAD_REPLY);
    cr_expect_eq(through_dname("old.lab.", "new.lab.", "new.lab.", first), ERR_BAD_REPLY);
    cr_expect_eq(through_dname("other.lab.", "new.lab.", "x.evil.lab.", first), ERR_NONE,
                 "a DNAME of other names is left behind");
    cr_expect_eq(out.head.an, 2);
  }
}

/* What it took, as text: "old.lab. 39 60, x.old.lab. 5 60". */
static const char *taken(const struct question *q) {
  static char text[4096];
  size_t at = 0;
  check_taken(q);
  const struct seen *s = answer_seen(q);
  text[0] = 0;
  for (unsigned i = 0; i < s->an && at < sizeof text; i++) {
    char name[NAME_TEXT];
    name_format(s->records[i].owner, s->records[i].owner_len, name);
    at += (size_t)snprintf(text + at, sizeof text - at, "%s%s %u %u", i ? ", " : "", name, s->records[i].type,
                           (unsigned)s->records[i].ttl);
  }
  return text;
}

static void dname(const char *owner, const char *target) {
  msg_record(&reply, SECTION_ANSWER, owner, TYPE_DNAME, 60, rd_name(target));
}

Test(scrub, rfc6672_the_cname_that_a_dname_makes_is_made_where_it_is_left_out) {
  static const uint16_t types[] = {TYPE_A, TYPE_RRSIG, TYPE_DNAME, TYPE_CNAME, TYPE_ANY};
  struct question q;

  for (unsigned i = 0; i < 2; i++) {
    question_of(&q, "a.lab.", TYPE_A);
    msg_answer(&reply, "a.lab.", TYPE_A, 0);
    if (i) msg_record(&reply, SECTION_ANSWER, "x.y.new.", TYPE_A, 30, rd_a("192.0.2.1"));
    msg_record(&reply, SECTION_ANSWER, "a.lab.", TYPE_CNAME, 90, rd_name("x.y.old.lab."));
    dname("old.lab.", "new.");
    if (!i) msg_record(&reply, SECTION_ANSWER, "x.y.new.", TYPE_A, 30, rd_a("192.0.2.1"));
    msg_record(&reply, SECTION_ANSWER, "x.new.", TYPE_A, 30, rd_a("203.0.113.6"));
    cr_assert_eq(scrub(&q), ERR_NONE);
    cr_expect_str_eq(taken(&q), "a.lab. 5 90, old.lab. 39 60, x.y.old.lab. 5 60, x.y.new. 1 30");
    cr_expect_eq(out.ttl_s, 30);
  }

  /* the end is not in the reply: kept where the CNAME is the answer */
  for (unsigned i = 0; i < sizeof types / sizeof *types; i++) {
    question_of(&q, "x.old.lab.", types[i]);
    msg_answer(&reply, "x.old.lab.", types[i], 0);
    dname("old.lab.", "new.");
    cr_assert_eq(scrub(&q), ERR_NONE);
    cr_expect_str_eq(taken(&q), "old.lab. 39 60, x.old.lab. 5 60", "type %u", types[i]);
    cr_expect_eq(out.ttl_s, types[i] == TYPE_CNAME || types[i] == TYPE_ANY ? 60 : 0, "type %u", types[i]);
  }

  question_of(&q, "x.old.lab.", TYPE_A);
  msg_answer(&reply, "x.old.lab.", TYPE_A, RCODE_NXDOMAIN);
  dname("old.lab.", "new.");
  msg_record(&reply, SECTION_AUTHORITY, "new.", TYPE_SOA, 60, rd_soa("a.", "b.", 30));
  cr_assert_eq(scrub(&q), ERR_NONE);
  cr_expect(out.head.rcode == RCODE_NXDOMAIN && out.head.an == 2 && out.head.ns == 1 && out.ttl_s == 30,
            "the target's own denial");
}

Test(scrub, rfc6672_dnames_without_cnames_make_no_rings_and_no_endless_chains) {
  struct question q;
  char from[32], to[32];

  question_of(&q, "x.a.lab.", TYPE_A);
  msg_answer(&reply, "x.a.lab.", TYPE_A, 0);
  dname("a.lab.", "b.lab.");
  dname("b.lab.", "a.lab.");
  cr_expect_eq(scrub(&q), ERR_BAD_REPLY, "a ring");
  msg_answer(&reply, "x.a.lab.", TYPE_A, 0);
  dname("lab.", "y.lab.");
  cr_expect_eq(scrub(&q), ERR_BAD_REPLY, "below itself");
  msg_answer(&reply, "x.a.lab.", TYPE_A, 0);
  dname("lab.", "y.");
  dname("a.lab.", "z.");
  cr_expect_eq(scrub(&q), ERR_BAD_REPLY, "two that do not agree");
  for (unsigned links = CHAIN_MAX - 2; links <= CHAIN_MAX; links++) {
    question_of(&q, "x.l0.lab.", TYPE_A);
    msg_answer(&reply, "x.l0.lab.", TYPE_A, 0);
    for (unsigned i = links; i-- > 0;) {
      snprintf(from, sizeof from, "l%u.lab.", i);
      snprintf(to, sizeof to, "l%u.lab.", i + 1);
      dname(from, to);
    }
    cr_expect_eq(scrub(&q), links < CHAIN_MAX ? ERR_NONE : ERR_BAD_REPLY, "%u links", links);
    if (links < CHAIN_MAX) cr_expect_eq(out.head.an, 2 * links);
  }
}

/* RFC 6672 section 2.2. */
Test(scrub, rfc6672_a_name_that_a_dname_would_make_too_long_is_yxdomain) {
  struct question q;
  char target[256], label[63];

  memset(label, 'l', sizeof label);
  for (int last = 61; last <= 62; last++) { /* 255 octets with the nine of x.yyyyyy in front, and one more */
    snprintf(target, sizeof target, "%.60s.%.60s.%.60s.%.*s.", label, label, label, last, label);
    question_of(&q, "x.yyyyyy.old.lab.", TYPE_A);
    msg_answer(&reply, "x.yyyyyy.old.lab.", TYPE_A, 0);
    dname("old.lab.", target);
    cr_assert_eq(scrub(&q), ERR_NONE);
    cr_expect_eq(out.head.rcode, last == 61 ? RCODE_NOERROR : RCODE_YXDOMAIN);
    cr_expect_str_eq(taken(&q), last == 61 ? "old.lab. 39 60, x.yyyyyy.old.lab. 5 60" : "old.lab. 39 60");
    cr_expect_eq(out.ttl_s, 0);
  }

  msg_answer(&reply, "x.yyyyyy.old.lab.", TYPE_A, RCODE_YXDOMAIN);
  dname("old.lab.", "new.");
  cr_assert_eq(scrub(&q), ERR_NONE);
  cr_expect(out.head.rcode == RCODE_YXDOMAIN && out.head.an == 1, "what the server says of it stands");
}

/* A question for a DNAME is led on by those above it as all others are. */
Test(scrub, rfc6672_a_dname_has_its_signature_whatever_is_asked_below_it) {
  static const uint16_t types[] = {TYPE_A, TYPE_CNAME, TYPE_DNAME};
  struct question q;
  struct rdata rd = rd_fill(0, 40);
  store_u16(rd.octets, TYPE_DNAME);
  for (unsigned i = 0; i < sizeof types / sizeof *types; i++) {
    question_of(&q, "x.old.lab.", types[i]);
    question_make(&q, q.key, q.name_len, types[i], CLASS_IN, KEY_DO, KIT_SEED);
    msg_answer(&reply, "x.old.lab.", types[i], 0);
    msg_record(&reply, SECTION_ANSWER, "old.lab.", TYPE_DNAME, 60, rd_name("new.lab."));
    msg_record(&reply, SECTION_ANSWER, "old.lab.", TYPE_RRSIG, 60, rd);
    msg_record(&reply, SECTION_ANSWER, "x.old.lab.", TYPE_CNAME, 60, rd_name("x.new.lab."));
    cr_assert_eq(scrub(&q), ERR_NONE);
    cr_expect_eq(out.head.an, 3, "type %u", types[i]);
  }
}

/* A server goes on from the CNAME that it made out of a DNAME whatever it is asked for (RFC 6672
 * section 3.2), and says what became of the last name (RFC 6604 section 3). */
Test(scrub, rfc6604_nxdomain_behind_a_dname_is_its_targets_whatever_is_asked) {
  static const uint16_t types[] = {TYPE_A, TYPE_CNAME, TYPE_DNAME, TYPE_ANY};
  struct question q;
  for (unsigned i = 0; i < sizeof types / sizeof *types; i++) {
    question_of(&q, "x.old.lab.", types[i]);
    msg_answer(&reply, "x.old.lab.", types[i], RCODE_NXDOMAIN);
    msg_record(&reply, SECTION_ANSWER, "old.lab.", TYPE_DNAME, 60, rd_name("new.org."));
    msg_record(&reply, SECTION_ANSWER, "x.old.lab.", TYPE_CNAME, 60, rd_name("x.new.org."));
    msg_record(&reply, SECTION_AUTHORITY, "org.", TYPE_SOA, 60, rd_soa("a.", "b.", 30));
    cr_expect_eq(scrub(&q), ERR_NONE, "type %u", types[i]);
    cr_expect(out.head.rcode == RCODE_NXDOMAIN && out.head.an == 2 && out.head.ns == 1 && out.ttl_s == 30,
              "type %u", types[i]);
  }
}

Test(scrub, nxdomain_beside_the_alias_that_was_asked_for_is_a_lie) {
  static const uint16_t types[] = {TYPE_CNAME, TYPE_ANY};
  struct question q;
  for (unsigned i = 0; i < sizeof types / sizeof *types; i++) {
    question_of(&q, "x.old.lab.", types[i]);
    msg_answer(&reply, "x.old.lab.", types[i], RCODE_NXDOMAIN);
    msg_record(&reply, SECTION_ANSWER, "x.old.lab.", TYPE_CNAME, 60, rd_name("x.new.org."));
    msg_record(&reply, SECTION_AUTHORITY, "org.", TYPE_SOA, 60, rd_soa("a.", "b.", 30));
    cr_expect_eq(scrub(&q), ERR_BAD_REPLY, "type %u", types[i]);
  }
}

/* ---- hostile ---- */

Test(scrub, takes_nothing_wrong_out_of_100000_mutated_replies, .timeout = 120) {
  struct rng r = {0x1f};
  unsigned taken = 0, refused = 0;

  for (unsigned round = 0; round < 120000; round++) {
    struct question q;
    reply_make(round % REPLIES, &q, &reply);
    reply_mutate(&reply, DNS_HEADER + q.name_len + 4u, &r);
    if (scrub(&q) == ERR_NONE) {
      check_taken(&q);
      taken++;
    } else {
      refused++;
    }
  }

  cr_expect_gt(taken, 20000, "%u taken", taken); /* else the mutations say nothing of what is taken */
  cr_expect_gt(refused, 20000, "%u refused", refused);
}

/* A chain written backwards takes a pass for each link. A whole message of owners that differ from all its
 * links only at their ends must not be walked so often. */
Test(scrub, a_long_backwards_chain_in_a_huge_reply_is_refused, .timeout = 30) {
  struct question q;
  char name[256], to[256], tail[208];

  memset(tail, 'x', sizeof tail);
  for (unsigned i = 0; i < 3; i++) tail[60 * i + 59] = '.';
  tail[190] = 0;
  snprintf(name, sizeof name, "%s.l0.lab.", tail);
  question_of(&q, name, TYPE_A);
  msg_answer(&reply, name, TYPE_A, 0);
  size_t pointed = reply.len;
  snprintf(to, sizeof to, "%s.zz.lab.", tail);
  msg_record(&reply, SECTION_ANSWER, to, TYPE_TXT, 60, rd_txt(""));
  while (reply.len < 50000) {
    msg_put_u16(&reply, (uint16_t)(0xc000 | pointed));
    msg_put(&reply, "\0\20\0\1\0\0\0\0\0\1\0", 11);
    msg_set_count(&reply, 1, (uint16_t)(msg_count(&reply, 1) + 1));
  }

  for (unsigned i = 30; i-- > 0;) {
    snprintf(name, sizeof name, "%s.l%u.lab.", tail, i);
    snprintf(to, sizeof to, "%s.l%u.lab.", tail, i + 1);
    msg_record(&reply, SECTION_ANSWER, name, TYPE_CNAME, 60, rd_name(to));
  }

  cr_assert_leq(reply.len, DNS_MSG_MAX);
  for (unsigned i = 0; i < 20; i++) cr_assert_eq(scrub(&q), ERR_BAD_REPLY);
}

/* ---- a border ---- */

static bool is_far(const void *unused, const struct question *q, const uint8_t *name, size_t len) {
  (void)unused;
  (void)q;
  return name_is_within(name, len, (const uint8_t *)"\3far\3lab", 9);
}

/* In whatever order the records come: nothing beyond the border is taken, signatures and SOA neither. */
Test(scrub, stops_where_an_alias_leads_beyond_the_border) {
  for (unsigned backwards = 0; backwards < 2; backwards++) {
    struct question q;
    question_make(&q, (const uint8_t *)"\1a\3lab", 7, TYPE_A, CLASS_IN, KEY_DO, 1);
    struct scrub_border border = {.is_beyond = is_far};
    msg_answer(&reply, "a.lab.", TYPE_A, RCODE_NXDOMAIN);
    for (unsigned i = 0; i < 4; i++) {
      switch (backwards ? 3 - i : i) {
      case 0: msg_record(&reply, SECTION_ANSWER, "a.lab.", TYPE_CNAME, 60, rd_name("b.lab.")); break;
      case 1: msg_record(&reply, SECTION_ANSWER, "b.lab.", TYPE_CNAME, 50, rd_name("c.far.lab.")); break;
      case 2: msg_record(&reply, SECTION_ANSWER, "c.far.lab.", TYPE_CNAME, 60, rd_name("d.lab.")); break;
      case 3: msg_record(&reply, SECTION_ANSWER, "d.lab.", TYPE_A, 60, rd_a("192.0.2.66")); break;
      }
    }
    msg_record(&reply, SECTION_AUTHORITY, "far.lab.", TYPE_SOA, 10, rd_soa("ns.lab.", "who.lab.", 10));
    uint8_t *copy = exact(reply.octets, reply.len);
    cr_assert_eq(scrub_reply(&q, copy, reply.len, &border, &out), ERR_NONE);
    free(copy);
    cr_expect(out.head.an == 2 && out.head.ns == 0 && out.head.rcode == RCODE_NOERROR, "%u records",
              out.head.an);
    cr_expect_eq(out.ttl_s, 50);
    cr_expect(name_equal(border.target, border.target_len, (const uint8_t *)"\1c\3far\3lab", 11));
  }
}

Test(scrub, goes_on_where_all_is_on_this_side_of_the_border) {
  struct question q;
  question_of(&q, "a.lab.", TYPE_A);
  struct scrub_border border = {.is_beyond = is_far, .target_len = 7};
  msg_answer(&reply, "a.lab.", TYPE_A, 0);
  msg_record(&reply, SECTION_ANSWER, "a.lab.", TYPE_CNAME, 60, rd_name("b.lab."));
  msg_record(&reply, SECTION_ANSWER, "b.lab.", TYPE_A, 60, rd_a("192.0.2.9"));
  cr_assert_eq(scrub_reply(&q, reply.octets, reply.len, &border, &out), ERR_NONE);
  cr_expect(out.head.an == 2 && border.target_len == 0);
}
