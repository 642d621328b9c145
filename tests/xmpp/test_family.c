/* test_family.c: the names of an XMPP domain, and the targets of its SRV answers. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "forward/replies.h"
#include "forward/scrub.h"
#include "xmpp/family.h"

static struct question question_with(const char *name, uint16_t type, uint16_t klass, uint8_t key_flags) {
  uint8_t octets[NAME_MAX_LEN];
  struct question q;
  size_t len = name_parse(name, octets);
  cr_assert_gt(len, 0);
  question_make(&q, octets, len, type, klass, key_flags, KIT_SEED);
  return q;
}

static struct question srv_question(const char *name) { return question_with(name, TYPE_SRV, CLASS_IN, 0); }

static void expect_question(const struct question *q, const char *name, uint16_t type, uint8_t key_flags) {
  struct question want = question_with(name, type, CLASS_IN, key_flags);
  char text[QUESTION_TEXT];
  cr_expect(question_equal(q, &want), "%s instead of %s", question_format(q, text), name);
}

Test(family, the_four_services_are_known_in_any_spelling) {
  static const struct {
    const char *name;
    enum family_role role;
    bool direct_tls;
  } rows[] = {{"_xmpp-client._tcp.d.lab.", FAMILY_C2S, false},
              {"_XMPPS-Client._TCP.d.lab.", FAMILY_C2S, true},
              {"_xmpp-server._tcp.d.lab.", FAMILY_S2S, false},
              {"_xmpps-SERVER._tcp.D.LAB.", FAMILY_S2S, true}};
  for (unsigned i = 0; i < 4; i++) {
    struct question q = question_with(rows[i].name, TYPE_SRV, CLASS_IN, KEY_DO);
    struct family f;
    cr_assert(family_of(&q, &f), "%s", rows[i].name);
    cr_expect(f.role == rows[i].role && f.direct_tls == rows[i].direct_tls && f.key_flags == KEY_DO);
    cr_expect_eq(f.domain_len, 7);
    cr_expect_arr_eq(f.domain, "\001d\003lab", 7);
  }
}

Test(family, nothing_else_is_taken_for_one) {
  static const char *const names[] = {".",
                                      "_tcp.d.lab.",
                                      "_xmpp-server.d.lab.",
                                      "_xmpp-server._udp.d.lab.",
                                      "_xmpp-server._tcp.",
                                      "_xmppx-server._tcp.d.lab.",
                                      "xmpp-server._tcp.d.lab.",
                                      "a._xmpp-server._tcp.d.lab.",
                                      "_xmpp-server\\._tcp.d.lab.",
                                      "_jabber._tcp.d.lab.",
                                      "_sip._tcp.d.lab."};
  struct family f;
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    struct question q = srv_question(names[i]);
    cr_expect_not(family_of(&q, &f), "%s", names[i]);
  }

  struct question q = question_with("_xmpp-server._tcp.d.lab.", TYPE_A, CLASS_IN, 0);
  cr_expect_not(family_of(&q, &f), "another type");
  q = question_with("_xmpp-server._tcp.d.lab.", TYPE_SRV, CLASS_CH, 0);
  cr_expect_not(family_of(&q, &f), "another class");
}

Test(family, its_other_names_carry_its_flags) {
  struct question q = question_with("_xmpp-server._tcp.d.lab.", TYPE_SRV, CLASS_IN, KEY_DO | KEY_CD), other;
  struct family f;
  cr_assert(family_of(&q, &f));
  cr_assert(family_sibling(&f, KIT_SEED, &other));
  expect_question(&other, "_xmpps-server._tcp.d.lab.", TYPE_SRV, KEY_DO | KEY_CD);
  cr_assert(family_of(&other, &f));
  cr_assert(family_sibling(&f, KIT_SEED, &q));
  expect_question(&q, "_xmpp-server._tcp.d.lab.", TYPE_SRV, KEY_DO | KEY_CD);
  family_jabber(&f, KIT_SEED, &other);
  expect_question(&other, "_jabber._tcp.d.lab.", TYPE_SRV, KEY_DO | KEY_CD);
  cr_expect(family_is_jabber(&other));
  cr_expect_not(family_is_jabber(&q));
}

static void long_domain(char *text, size_t octets) {
  size_t at = 0;
  for (size_t left = octets - 1; left > 0;) {
    size_t label = left - 1 < 63 ? left - 1 : 63;
    if (left - label - 1 == 1) label--; /* one octet holds no label */
    memset(text + at, 'x', label);
    text[at + label] = '.';
    at += label + 1;
    left -= label + 1;
  }
  text[at] = 0;
}

Test(family, names_that_would_be_too_long_are_not_made) {
  for (size_t octets = 230; octets <= NAME_MAX_LEN - 18; octets++) { /* 18: _xmpp-server._tcp */
    char text[NAME_TEXT + 32], domain[NAME_TEXT];
    long_domain(domain, octets);
    snprintf(text, sizeof text, "_xmpp-server._tcp.%s", domain);
    struct question q = srv_question(text), other;
    struct family f;
    cr_assert(family_of(&q, &f));
    cr_assert_eq(f.domain_len, octets);
    cr_expect_eq(family_sibling(&f, KIT_SEED, &other), octets + 19 <= NAME_MAX_LEN, "%zu octets", octets);
    family_jabber(&f, KIT_SEED, &other);
    cr_expect_eq(other.name_len, octets + 13);
  }
}

Test(family, a_tlsa_name_is_port_and_transport_before_the_target) {
  static const struct {
    uint16_t port;
    const char *name;
  } rows[] = {{5269, "_5269._tcp.x.lab."},
              {0, "_0._tcp.x.lab."},
              {65535, "_65535._tcp.x.lab."},
              {80, "_80._tcp.x.lab."}};
  for (unsigned i = 0; i < 4; i++) {
    struct srv s = {.port = rows[i].port};
    struct question q;
    s.target_len = (uint8_t)name_parse("X.lab.", s.target);
    cr_assert(family_tlsa(&s, KEY_DO, KIT_SEED, &q));
    expect_question(&q, rows[i].name, TYPE_TLSA, KEY_DO);
  }

  for (size_t octets = 240; octets <= NAME_MAX_LEN; octets++) {
    char domain[NAME_TEXT];
    struct srv s = {.port = 5269};
    struct question q;
    long_domain(domain, octets);
    s.target_len = (uint8_t)name_parse(domain, s.target);
    cr_expect_eq(family_tlsa(&s, 0, KIT_SEED, &q), octets + 11 <= NAME_MAX_LEN, "%zu octets", octets);
  }
}

/* ---- targets ---- */

static struct made made;
static struct srv targets[FAMILY_TARGETS];
static uint8_t message[DNS_MSG_MAX];

static void start_srv(void) { made_start(&made, "_xmpp-server._tcp.d.lab.", TYPE_SRV, RCODE_NOERROR); }

static void add_srv(uint16_t priority, uint16_t weight, const char *target) {
  made_add(&made, SECTION_ANSWER, "_xmpp-server._tcp.d.lab.", TYPE_SRV, 60,
           rd_srv(priority, weight, 5269, target));
}

static unsigned read_targets(unsigned max) {
  return family_targets(&made.question, &made.answer, message, targets, max);
}

static void expect_target(unsigned i, const char *name) {
  char text[NAME_TEXT];
  cr_expect_str_eq(name_format(targets[i].target, targets[i].target_len, text), name, "target %u", i);
}

Test(family, targets_come_in_the_order_in_which_they_are_tried) {
  start_srv();
  add_srv(20, 1, "c.lab.");
  add_srv(10, 1, "b.lab.");
  add_srv(10, 9, "a.lab.");
  cr_assert_eq(read_targets(FAMILY_TARGETS), 3);
  expect_target(0, "a.lab.");
  expect_target(1, "b.lab.");
  expect_target(2, "c.lab.");
}

Test(family, a_target_counts_once_at_its_best_place) {
  start_srv();
  add_srv(10, 1, "b.lab.");
  add_srv(20, 1, "a.lab.");
  add_srv(1, 1, "A.LAB.");
  add_srv(30, 1, "a.lab.");
  cr_assert_eq(read_targets(FAMILY_TARGETS), 2);
  expect_target(0, "A.LAB.");
  expect_target(1, "b.lab.");
}

Test(family, the_target_that_is_none_is_no_target) {
  start_srv();
  add_srv(0, 0, ".");
  cr_expect_eq(read_targets(FAMILY_TARGETS), 0);
  add_srv(0, 0, "a.lab.");
  cr_assert_eq(read_targets(FAMILY_TARGETS), 1);
  expect_target(0, "a.lab.");
}

Test(family, of_a_thousand_targets_the_best_are_kept) {
  for (unsigned max = 1; max <= FAMILY_TARGETS; max += 31) {
    start_srv();
    for (unsigned i = 0; i < 1000; i++) {
      char name[32];
      snprintf(name, sizeof name, "h%u.lab.", (i * 617) % 1000);
      add_srv((uint16_t)((i * 617) % 1000), 0, name);
    }
    cr_assert_eq(read_targets(max), max);
    for (unsigned i = 0; i < max; i++) cr_expect_eq(targets[i].priority, i);
  }
}

Test(family, a_thousand_times_the_same_target_leaves_room_for_others) {
  start_srv();
  for (unsigned i = 0; i < 1000; i++) add_srv((uint16_t)i, 0, "a.lab.");
  add_srv(2000, 0, "b.lab.");
  cr_assert_eq(read_targets(FAMILY_TARGETS), 2);
  cr_expect_eq(targets[0].priority, 0);
  expect_target(1, "b.lab.");
}

Test(family, negative_answers_and_other_records_have_no_targets) {
  made_start(&made, "_xmpp-server._tcp.d.lab.", TYPE_SRV, RCODE_NXDOMAIN);
  made_add(&made, SECTION_AUTHORITY, "lab.", TYPE_SOA, 60, rd_soa("a.", "b.", 60));
  cr_expect_eq(read_targets(FAMILY_TARGETS), 0);
  start_srv();
  made_add(&made, SECTION_ANSWER, "_xmpp-server._tcp.d.lab.", TYPE_CNAME, 60, rd_name("x.lab."));
  cr_expect_eq(read_targets(FAMILY_TARGETS), 0);
  made_add(&made, SECTION_ANSWER, "x.lab.", TYPE_SRV, 60, rd_srv(1, 1, 1, "a.lab."));
  cr_expect_eq(read_targets(FAMILY_TARGETS), 1, "behind an alias");
}

Test(family, hostile_replies_give_few_sorted_targets_or_none, .timeout = 120) {
  static struct answer answer;
  static struct msg reply;
  struct rng r = {0x2f};
  unsigned with_targets = 0;

  for (unsigned round = 0; round < 100000; round++) {
    struct question q;
    reply_make(1 + round % 2, &q, &reply);
    reply_mutate(&reply, DNS_HEADER + q.name_len + 4u, &r);
    uint8_t *copy = exact(reply.octets, reply.len);
    enum err e = scrub_reply(&q, copy, reply.len, NULL, &answer);
    free(copy);
    if (e != ERR_NONE) continue;
    unsigned n = family_targets(&q, &answer, message, targets, 2);
    cr_assert_leq(n, 2);
    with_targets += n > 0;
    for (unsigned i = 0; i < n; i++) {
      char text[NAME_TEXT];
      cr_assert(targets[i].target_len > 1 &&
                name_parse(name_format(targets[i].target, targets[i].target_len, text), message));
      cr_assert(i == 0 || srv_compare(&targets[0], &targets[1]) <= 0);
    }
  }

  cr_expect_gt(with_targets, 20000, "%u", with_targets);
}
