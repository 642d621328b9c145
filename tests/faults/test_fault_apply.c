/* test_fault_apply.c: what each fault makes of an answer, seen as its client sees it. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "faults/fault.h"
#include "kit/made.h"
#include "kit/rng.h"
#include "kit/seen.h"

#define DOMAIN "_xmpp-server._tcp.montague.lab"
static const char *const targets[] = {"xmpp1.montague.lab", "xmpp2.montague.lab", "xmpp3.montague.lab",
                                      "xmpp4.montague.lab"};
enum { TARGETS = 4, SRV_TTL = 900, RCODE_BITS = 0x0f };

/* An answer of an authority to a question for SRV: four targets, their addresses, OPT with an option. */
static void srv_answer(struct msg *m, bool edns) {
  msg_answer(m, DOMAIN, TYPE_SRV, RCODE_NOERROR);
  m->octets[2] |= DNS_AA;
  m->octets[3] |= DNS_AD;
  for (uint16_t i = 0; i < TARGETS; i++) {
    msg_record(m, SECTION_ANSWER, DOMAIN, TYPE_SRV, SRV_TTL, rd_srv(i, 5, (uint16_t)(5269 + i), targets[i]));
  }
  for (uint16_t i = 0; i < TARGETS; i++)
    msg_record(m, SECTION_ADDITIONAL, targets[i], TYPE_A, 60, rd_a("192.0.2.1"));
  if (edns) msg_opt(m, DNS_UDP_OURS, 0, true, "\0\12\0\10cookie..", 12);
}

struct spoiled {
  struct faults *faults;
  struct fault_result result;
  struct question question;
  struct msg msg;
  struct seen seen;
  bool whole; /* seen holds */
};

static struct fault_scratch scratch;

/* The nth answer that the rule is for. */
static struct spoiled *spoil_nth(const char *text, const struct msg *m, const char *name, uint16_t type,
                                 bool tcp, size_t limit, unsigned nth) {
  struct spoiled *s = calloc(1, sizeof *s);
  struct rule r;
  char why[RULE_WHY];
  struct fault_match k;
  union addr peer;

  cr_assert(addr_parse("192.0.2.7", 53, &peer));
  cr_assert(rule_parse(text, &r, why), "%s: %s", text, why);
  s->faults = faults_with(NULL, &r, 0);
  question_of(&s->question, name, type);
  for (unsigned i = 0; i <= nth; i++) cr_assert(faults_match(s->faults, &s->question, &peer, tcp, 0, &k));
  s->msg = *m;
  s->result = fault_apply(&k, &s->question, tcp, s->msg.octets, m->len, limit, &scratch);
  s->msg.len = s->result.len;
  s->whole = s->result.len && seen_read(&s->seen, s->msg.octets, s->msg.len);
  return s;
}

static void spoiled_free(struct spoiled *s) {
  faults_free(s->faults, NULL);
  free(s);
}

/* The SRV answer over UDP with OPT, spoiled. */
static struct spoiled *spoil(const char *text) {
  static struct msg m;
  srv_answer(&m, true);
  return spoil_nth(text, &m, DOMAIN, TYPE_SRV, false, DNS_UDP_MAX, 0);
}

/* Like it was but for the records: id, question and OPT. */
static void expect_frame(const struct spoiled *s) {
  static struct msg m;
  srv_answer(&m, true);
  cr_assert(s->whole, "%s", s->seen.why);
  cr_expect_eq(s->seen.id, MSG_ID);
  cr_expect_eq(s->seen.question_len, s->question.name_len + 4u);
  cr_expect_arr_eq(s->seen.question, m.octets + DNS_HEADER, s->seen.question_len);
  cr_expect(s->seen.edns && s->seen.dnssec_ok && s->seen.options_len == 12);
  cr_expect_eq(s->result.sent, s->result.len);
  cr_expect_not(s->result.close);
}

static uint16_t priority(const struct seen *s, unsigned i) {
  return load_u16(record_rdata(seen_record(s, SECTION_ANSWER, i)));
}

/* ---- instead of an answer ---- */

Test(fault_apply, a_failure_has_its_code_and_no_record) {
  static const struct {
    const char *rule;
    unsigned rcode;
    bool aa;
  } all[] = {{"servfail", RCODE_SERVFAIL, false},
             {"refused", RCODE_REFUSED, false},
             {"nxdomain", RCODE_NXDOMAIN, true},
             {"nodata", RCODE_NOERROR, true}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    struct spoiled *s = spoil(all[i].rule);
    expect_frame(s);
    cr_expect_eq(s->seen.rcode, all[i].rcode);
    cr_expect_eq(s->seen.an + s->seen.ns + s->seen.ar, 0);
    cr_expect_eq(!!(s->seen.high & DNS_AA), all[i].aa);
    cr_expect_not(s->seen.high & DNS_TC);
    cr_expect_not(s->seen.low & DNS_AD);
    spoiled_free(s);
  }
}

Test(fault_apply, a_failure_is_no_longer_than_header_and_question_without_edns) {
  static struct msg m;
  srv_answer(&m, false);
  struct spoiled *s = spoil_nth("servfail", &m, DOMAIN, TYPE_SRV, false, DNS_UDP_PLAIN, 0);
  cr_assert(s->whole);
  cr_expect_eq(s->result.len, DNS_HEADER + s->question.name_len + 4u);
  spoiled_free(s);
}

Test(fault_apply, truncate_leaves_the_code_and_says_tc) {
  struct spoiled *s = spoil("truncate");
  expect_frame(s);
  cr_expect(s->seen.high & DNS_TC && s->seen.high & DNS_AA);
  cr_expect_eq(s->seen.rcode, RCODE_NOERROR);
  cr_expect_eq(s->seen.an + s->seen.ns + s->seen.ar, 0);
  spoiled_free(s);
}

Test(fault_apply, drop_leaves_nothing) {
  struct spoiled *s = spoil("drop");
  cr_expect_eq(s->result.len, 0);
  cr_expect_eq(s->result.sent, 0);
  cr_expect_not(s->result.close);
  spoiled_free(s);
}

/* ---- other records ---- */

Test(fault_apply, ttl_is_that_of_every_record) {
  static const uint32_t ttls[] = {0, 1, 2147483647};
  static const char *const rules[] = {"ttl=0", "ttl=1", "ttl=2147483647"};
  for (unsigned t = 0; t < 3; t++) {
    struct spoiled *s = spoil(rules[t]);
    expect_frame(s);
    cr_expect(s->seen.an == TARGETS && s->seen.ar == TARGETS);
    for (unsigned i = 0; i < 2 * TARGETS; i++) cr_expect_eq(s->seen.records[i].ttl, ttls[t]);
    spoiled_free(s);
  }
}

Test(fault_apply, no_additional_leaves_the_answer) {
  struct spoiled *s = spoil("no-additional");
  expect_frame(s);
  cr_expect(s->seen.an == TARGETS && s->seen.ar == 0 && s->seen.high & DNS_AA && s->seen.low & DNS_AD);
  for (uint16_t i = 0; i < TARGETS; i++) {
    cr_expect_eq(priority(&s->seen, i), i);
    cr_expect_eq(seen_record(&s->seen, SECTION_ANSWER, i)->ttl, SRV_TTL);
  }
  spoiled_free(s);
}

Test(fault_apply, reverse_turns_the_answer_round_and_nothing_else) {
  struct spoiled *s = spoil("reverse");
  expect_frame(s);
  for (uint16_t i = 0; i < TARGETS; i++) cr_expect_eq(priority(&s->seen, i), TARGETS - 1 - i);
  cr_expect_eq(s->seen.ar, TARGETS);
  spoiled_free(s);
}

Test(fault_apply, shuffle_gives_every_order_in_time_and_the_same_again) {
  unsigned orders[256] = {0}, seen = 0;
  static struct msg m;

  srv_answer(&m, true);
  for (unsigned n = 0; n < 200; n++) {
    struct spoiled *a = spoil_nth("shuffle seed=5", &m, DOMAIN, TYPE_SRV, false, DNS_UDP_MAX, n);
    struct spoiled *b = spoil_nth("shuffle seed=5", &m, DOMAIN, TYPE_SRV, false, DNS_UDP_MAX, n);
    unsigned order = 0, there = 0;
    expect_frame(a);
    for (unsigned i = 0; i < TARGETS; i++) {
      order = order * 4 + priority(&a->seen, i);
      there |= 1u << priority(&a->seen, i);
    }
    cr_assert_eq(there, 15, "all four, each once");
    cr_assert(a->msg.len == b->msg.len && memcmp(a->msg.octets, b->msg.octets, a->msg.len) == 0);
    seen += orders[order]++ == 0;
    spoiled_free(a);
    spoiled_free(b);
  }

  cr_expect_eq(seen, 24);
}

Test(fault_apply, orders_change_behind_an_alias_and_before_a_signature) {
  static struct msg m;
  msg_answer(&m, "a.lab", TYPE_A, RCODE_NOERROR);
  msg_record(&m, SECTION_ANSWER, "a.lab", TYPE_CNAME, 60, rd_name("b.lab"));
  msg_record(&m, SECTION_ANSWER, "b.lab", TYPE_A, 60, rd_a("192.0.2.1"));
  msg_record(&m, SECTION_ANSWER, "b.lab", TYPE_A, 60, rd_a("192.0.2.2"));
  msg_record(&m, SECTION_ANSWER, "b.lab", TYPE_A, 60, rd_a("192.0.2.3"));
  msg_record(&m, SECTION_ANSWER, "b.lab", TYPE_RRSIG, 60, rd_fill(7, 40));
  struct spoiled *s = spoil_nth("reverse", &m, "a.lab", TYPE_A, false, DNS_UDP_PLAIN, 0);
  cr_assert(s->whole && s->seen.an == 5);
  cr_expect_eq(s->seen.records[0].type, TYPE_CNAME);
  for (unsigned i = 0; i < 3; i++) cr_expect_eq(record_rdata(&s->seen.records[1 + i])[3], 3 - i);
  cr_expect_eq(s->seen.records[4].type, TYPE_RRSIG);
  spoiled_free(s);
}

Test(fault_apply, lose_target_takes_one_away_by_lot) {
  unsigned lost[TARGETS] = {0};
  static struct msg m;
  srv_answer(&m, true);
  for (unsigned n = 0; n < 200; n++) {
    struct spoiled *s = spoil_nth("lose-target seed=2", &m, DOMAIN, TYPE_SRV, false, DNS_UDP_MAX, n);
    expect_frame(s);
    cr_assert(s->seen.an == TARGETS - 1 && s->seen.ar == TARGETS);
    unsigned left = 0;
    for (unsigned i = 0; i < s->seen.an; i++) left |= 1u << priority(&s->seen, i);
    for (unsigned i = 0; i < TARGETS; i++) lost[i] += !(left & 1u << i);
    spoiled_free(s);
  }
  for (unsigned i = 0; i < TARGETS; i++) cr_expect(lost[i] > 25 && lost[i] < 75, "%u of 200", lost[i]);
}

Test(fault_apply, lose_target_by_name_takes_all_that_have_it) {
  struct spoiled *s = spoil("lose-target=XMPP2.*.lab");
  expect_frame(s);
  cr_assert_eq(s->seen.an, TARGETS - 1);
  for (unsigned i = 0; i < s->seen.an; i++) cr_expect_neq(priority(&s->seen, i), 1);
  spoiled_free(s);
  s = spoil("lose-target=*.montague.lab");
  expect_frame(s);
  cr_expect_eq(s->seen.an, 0);
  spoiled_free(s);
  s = spoil("lose-target=*.capulet.lab");
  expect_frame(s);
  cr_expect_eq(s->seen.an, TARGETS);
  spoiled_free(s);
}

Test(fault_apply, port_and_target_are_changed_in_srv_records) {
  struct spoiled *s = spoil("port=443 target=other.example");
  uint8_t want[NAME_MAX_LEN], target[NAME_MAX_LEN];
  size_t want_len = name_parse("other.example", want);

  expect_frame(s);
  cr_assert_eq(s->seen.an, TARGETS);
  for (uint16_t i = 0; i < TARGETS; i++) {
    const struct record *r = seen_record(&s->seen, SECTION_ANSWER, i);
    size_t len = record_target(r, 6, target);
    cr_expect(name_equal(target, len, want, want_len));
    cr_expect(priority(&s->seen, i) == i && load_u16(record_rdata(r) + 2) == 5 &&
              load_u16(record_rdata(r) + 4) == 443);
  }

  spoiled_free(s);
  s = spoil("target=.");
  expect_frame(s);
  cr_expect(record_target(seen_record(&s->seen, SECTION_ANSWER, 0), 6, target) == 1 && target[0] == 0);
  cr_expect_eq(load_u16(record_rdata(seen_record(&s->seen, SECTION_ANSWER, 3)) + 4), 5272,
               "the port is as it was");
  spoiled_free(s);
}

/* Two A records behind an alias, an AAAA, and a signature. */
static void address_answer(struct msg *m) {
  msg_answer(m, "a.lab", TYPE_A, RCODE_NOERROR);
  msg_record(m, SECTION_ANSWER, "a.lab", TYPE_CNAME, 60, rd_name("xmpp1.montague.lab"));
  msg_record(m, SECTION_ANSWER, "xmpp1.montague.lab", TYPE_A, 60, rd_a("192.0.2.1"));
  msg_record(m, SECTION_ANSWER, "xmpp1.montague.lab", TYPE_A, 60, rd_a("192.0.2.2"));
  msg_record(m, SECTION_ADDITIONAL, "xmpp1.montague.lab", TYPE_AAAA, 60, rd_aaaa("2001:db8::1"));
}

static void expect_address(const struct seen *s, enum section section, unsigned i, const char *text) {
  const struct record *r = seen_record(s, section, i);
  struct prefix p;
  cr_assert(prefix_parse(text, &p));
  cr_assert_eq(r->type, p.v6 ? TYPE_AAAA : TYPE_A);
  cr_assert_eq(r->rdlen, p.v6 ? 16 : 4);
  cr_expect_arr_eq(record_rdata(r), p.octets, r->rdlen, "%s", text);
}

Test(fault_apply, addresses_are_replaced_family_by_family) {
  static struct msg m;
  address_answer(&m);
  struct spoiled *s = spoil_nth("address=10.0.0.9", &m, "a.lab", TYPE_A, false, DNS_UDP_MAX, 0);
  cr_assert(s->whole && s->seen.an == 2 && s->seen.ar == 1);
  cr_expect_eq(seen_record(&s->seen, SECTION_ANSWER, 0)->type, TYPE_CNAME);
  expect_address(&s->seen, SECTION_ANSWER, 1, "10.0.0.9");
  expect_address(&s->seen, SECTION_ADDITIONAL, 0, "2001:db8::1");
  spoiled_free(s);

  s = spoil_nth("ttl=5 address=10.0.0.7,fd00::7,10.0.0.8,10.0.0.9", &m, "a.lab", TYPE_A, false, DNS_UDP_MAX,
                0);
  cr_assert(s->whole && s->seen.an == 4 && s->seen.ar == 1);
  expect_address(&s->seen, SECTION_ANSWER, 1, "10.0.0.7");
  expect_address(&s->seen, SECTION_ANSWER, 3, "10.0.0.9");
  expect_address(&s->seen, SECTION_ADDITIONAL, 0, "fd00::7");
  cr_expect_eq(seen_record(&s->seen, SECTION_ANSWER, 3)->ttl, 5);
  spoiled_free(s);
}

Test(fault_apply, an_answer_without_addresses_has_none_to_replace) {
  static struct msg m;
  msg_answer(&m, "a.lab", TYPE_A, RCODE_NXDOMAIN);
  struct spoiled *s = spoil_nth("address=10.0.0.9", &m, "a.lab", TYPE_A, false, DNS_UDP_MAX, 0);
  cr_expect(s->whole && s->seen.rcode == RCODE_NXDOMAIN && s->seen.an + s->seen.ns + s->seen.ar == 0);
  spoiled_free(s);
}

Test(fault_apply, what_outgrows_the_clients_size_is_truncated) {
  static struct msg m;
  srv_answer(&m, true);
  for (size_t more = 0; more < 2; more++) {
    struct spoiled *full = spoil_nth("port=1", &m, DOMAIN, TYPE_SRV, false, DNS_UDP_MAX, 0);
    size_t need = full->result.len;
    struct spoiled *s = spoil_nth("port=1", &m, DOMAIN, TYPE_SRV, false, need - more, 0);
    expect_frame(s);
    cr_expect_eq(!!(s->seen.high & DNS_TC), more);
    cr_expect_eq(s->seen.an, more ? 0 : TARGETS);
    spoiled_free(full);
    spoiled_free(s);
  }
}

Test(fault_apply, words_of_a_rule_work_together) {
  struct spoiled *s = spoil("no-additional reverse port=443 ttl=7 lose-target=xmpp1.montague.lab wrong-id");
  cr_assert(s->whole);
  cr_expect_neq(s->seen.id, MSG_ID);
  cr_assert(s->seen.an == TARGETS - 1 && s->seen.ar == 0);
  for (unsigned i = 0; i < s->seen.an; i++) {
    cr_expect_eq(priority(&s->seen, i), TARGETS - 1 - i);
    cr_expect_eq(seen_record(&s->seen, SECTION_ANSWER, i)->ttl, 7);
  }
  spoiled_free(s);
}

/* ---- DNSSEC ---- */

enum { INCEPTION_S = 1796000000, EXPIRATION_S = INCEPTION_S + 30 * 86400 };

/* A signature of montague.lab, all its other octets 7. */
static struct rdata rd_rrsig(uint16_t covered) {
  static const uint8_t signer[] = "\10montague\3lab";
  struct rdata rd = {.len = 18 + sizeof signer + 64};
  memset(rd.octets, 7, rd.len);
  store_u16(rd.octets, covered);
  store_u32(rd.octets + 8, EXPIRATION_S);
  store_u32(rd.octets + 12, INCEPTION_S);
  memcpy(rd.octets + 18, signer, sizeof signer);
  return rd;
}

/* A DS record with its signature, a denial with its, and an address with its. */
static void signed_answer(struct msg *m) {
  uint8_t ds[36] = {1, 2, 13, 2}, nsec[] = "\1b\3lab\0\0\1\x40";
  msg_answer(m, DOMAIN, TYPE_DS, RCODE_NOERROR);
  msg_record(m, SECTION_ANSWER, DOMAIN, TYPE_DS, 60, rd_octets(ds, sizeof ds));
  msg_record(m, SECTION_ANSWER, DOMAIN, TYPE_RRSIG, 60, rd_rrsig(TYPE_DS));
  msg_record(m, SECTION_AUTHORITY, DOMAIN, TYPE_NSEC, 60, rd_octets(nsec, sizeof nsec - 1));
  msg_record(m, SECTION_AUTHORITY, DOMAIN, TYPE_RRSIG, 60, rd_rrsig(TYPE_NSEC));
  msg_record(m, SECTION_ADDITIONAL, targets[0], TYPE_A, 60, rd_a("192.0.2.1"));
  msg_record(m, SECTION_ADDITIONAL, targets[0], TYPE_RRSIG, 60, rd_rrsig(TYPE_A));
  msg_opt(m, DNS_UDP_OURS, 0, true, NULL, 0);
}

static struct spoiled *spoil_signed(const char *rule) {
  static struct msg m;
  signed_answer(&m);
  struct spoiled *s = spoil_nth(rule, &m, DOMAIN, TYPE_DS, false, DNS_UDP_MAX, 0);
  cr_assert(s->whole, "%s: %s", rule, s->seen.why);
  cr_expect(s->seen.edns && s->seen.dnssec_ok);
  return s;
}

Test(fault_apply, signatures_and_proofs_are_stripped_together_or_apart) {
  static const struct {
    const char *rule;
    unsigned an, ns, ar;
  } all[] = {{"strip", 1, 0, 1}, {"strip=signatures", 1, 1, 1}, {"strip=proofs", 2, 0, 2}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    struct spoiled *s = spoil_signed(all[i].rule);
    cr_expect(s->seen.an == all[i].an && s->seen.ns == all[i].ns && s->seen.ar == all[i].ar, "%s",
              all[i].rule);
    spoiled_free(s);
  }
}

static void expect_dates(const char *rule, uint32_t inception_s, uint32_t expiration_s) {
  struct spoiled *s = spoil_signed(rule);
  for (unsigned i = 0; i < 3; i++) {
    const struct record *r = seen_record(&s->seen, (enum section)i, 1);
    cr_expect_eq(load_u32(record_rdata(r) + 12), inception_s);
    cr_expect_eq(load_u32(record_rdata(r) + 8), expiration_s);
  }
  spoiled_free(s);
}

Test(fault_apply, signatures_lie_a_week_and_more_before_or_after_their_time) {
  enum { DAY_S = 86400 };
  expect_dates("signature=expired", INCEPTION_S - 37 * DAY_S, INCEPTION_S - 7 * DAY_S);
  expect_dates("signature=early", EXPIRATION_S + 7 * DAY_S, EXPIRATION_S + 37 * DAY_S);
  expect_dates("signature=wrong", INCEPTION_S, EXPIRATION_S);
}

Test(fault_apply, a_wrong_signature_and_a_wrong_ds_differ_in_one_octet) {
  struct spoiled *s = spoil_signed("signature=wrong");
  const struct record *sig = seen_record(&s->seen, SECTION_ANSWER, 1), *ds;
  cr_expect(record_rdata(sig)[sig->rdlen - 1] == 6 && record_rdata(sig)[sig->rdlen - 2] == 7);
  spoiled_free(s);

  s = spoil_signed("wrong-ds");
  ds = seen_record(&s->seen, SECTION_ANSWER, 0);
  sig = seen_record(&s->seen, SECTION_ANSWER, 1);
  cr_expect(record_rdata(ds)[35] == 1 && record_rdata(ds)[34] == 0 && record_rdata(sig)[sig->rdlen - 1] == 7);
  spoiled_free(s);
}

/* ---- other octets ---- */

Test(fault_apply, a_wrong_id_is_never_the_right_one) {
  static struct msg m;
  srv_answer(&m, true);
  for (unsigned n = 0; n < 500; n++) {
    struct spoiled *s = spoil_nth("wrong-id", &m, DOMAIN, TYPE_SRV, false, DNS_UDP_MAX, n);
    cr_assert(s->result.sent == m.len && load_u16(s->msg.octets) != MSG_ID);
    cr_assert_eq(memcmp(s->msg.octets + 2, m.octets + 2, m.len - 2), 0);
    spoiled_free(s);
  }
}

Test(fault_apply, garbage_is_behind_the_question_or_everywhere) {
  static struct msg m;
  srv_answer(&m, true);
  struct spoiled *s = spoil("garbage"), *again = spoil("garbage"), *all = spoil("garbage=all");
  size_t head = DNS_HEADER + s->question.name_len + 4u;
  cr_expect(s->result.len == m.len && s->result.sent == m.len && !s->whole);
  cr_expect_arr_eq(s->msg.octets, m.octets, head);
  cr_expect_neq(memcmp(s->msg.octets + head, m.octets + head, m.len - head), 0);
  cr_expect_arr_eq(s->msg.octets, again->msg.octets, m.len);
  cr_expect(all->result.len == m.len && memcmp(all->msg.octets, m.octets, DNS_HEADER) != 0);
  spoiled_free(s);
  spoiled_free(again);
  spoiled_free(all);
}

Test(fault_apply, an_answer_without_records_becomes_garbage_too) {
  static struct msg m;
  msg_answer(&m, "a.lab", TYPE_A, RCODE_NXDOMAIN);
  struct spoiled *s = spoil_nth("garbage", &m, "a.lab", TYPE_A, false, DNS_UDP_PLAIN, 0);
  cr_expect_eq(s->result.len, m.len);
  cr_expect_not(s->whole);
  spoiled_free(s);
}

Test(fault_apply, cut_sends_less_than_all) {
  static struct msg m;
  srv_answer(&m, true);
  for (unsigned n = 0; n < 300; n++) {
    struct spoiled *s = spoil_nth("cut", &m, DOMAIN, TYPE_SRV, n % 2, DNS_UDP_MAX, n);
    cr_assert(s->result.len == m.len && s->result.sent > 0 && s->result.sent < m.len);
    cr_assert_eq(s->result.close, n % 2 == 1, "only a connection can be closed");
    spoiled_free(s);
  }
  struct spoiled *s = spoil("cut=20"), *longer = spoil("cut=65535");
  cr_expect_eq(s->result.sent, 20);
  cr_expect_eq(longer->result.sent, m.len - 1);
  spoiled_free(s);
  spoiled_free(longer);
}

Test(fault_apply, close_is_for_connections_only) {
  static struct msg m;
  srv_answer(&m, true);
  struct spoiled *s = spoil_nth("close", &m, DOMAIN, TYPE_SRV, true, DNS_MSG_MAX, 0), *udp = spoil("close");
  cr_expect(s->result.close && s->result.sent == 0);
  expect_frame(udp);
  cr_expect_eq(udp->seen.an, TARGETS);
  spoiled_free(s);
  spoiled_free(udp);
}

/* ---- hostile ---- */

Test(fault_apply, what_can_not_be_taken_apart_stays_whole) {
  static struct msg m;
  static const char *const rules[] = {"servfail", "ttl=0", "shuffle", "truncate", "target=."};
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    srv_answer(&m, true);
    m.len--;
    struct spoiled *s = spoil_nth(rules[i], &m, DOMAIN, TYPE_SRV, false, DNS_UDP_MAX, 0);
    cr_expect(s->result.len == m.len && memcmp(s->msg.octets, m.octets, m.len) == 0, "%s", rules[i]);
    spoiled_free(s);
  }
}

Test(fault_apply, mutated_answers_do_no_harm, .timeout = 60) {
  static const char *const rules[] = {"servfail",
                                      "ttl=0 no-additional",
                                      "shuffle",
                                      "lose-target",
                                      "target=a.very.long.name.example port=1",
                                      "garbage",
                                      "cut",
                                      "truncate",
                                      "reverse lose-target=*.lab wrong-id",
                                      "strip signature=early wrong-ds",
                                      "strip=proofs signature=expired"};
  static struct msg m;
  struct rng rng = {42};
  struct question q;
  union addr peer;
  question_of(&q, DOMAIN, TYPE_SRV);
  cr_assert(addr_parse("192.0.2.7", 53, &peer));
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    struct rule r;
    char why[RULE_WHY];
    cr_assert(rule_parse(rules[i], &r, why));
    struct faults *fs = faults_with(NULL, &r, 0);
    for (unsigned n = 0; n < 4000; n++) {
      struct fault_match k;
      srv_answer(&m, n % 2);
      for (uint64_t c = rng_below(&rng, 6); c > 0; c--)
        m.octets[rng_below(&rng, m.len)] = (uint8_t)rng_next(&rng);
      m.len -= rng_below(&rng, 3) ? 0 : rng_below(&rng, m.len - DNS_HEADER);
      size_t limit = m.len > DNS_UDP_PLAIN ? m.len : DNS_UDP_PLAIN;
      uint8_t *room = malloc(limit);
      memcpy(room, m.octets, m.len);
      cr_assert(faults_match(fs, &q, &peer, false, 0, &k));
      struct fault_result got = fault_apply(&k, &q, false, room, m.len, limit, &scratch);
      cr_assert(got.len <= limit && got.sent <= got.len);
      free(room);
    }
    faults_free(fs, NULL);
  }
}
