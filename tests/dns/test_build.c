/* test_build.c: answers made record by record in one normal form. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <time.h>

#include "kit/made.h"
#include "kit/seen.h"

static struct made made;
static struct msg m;
static struct seen s;
static uint8_t out[DNS_MSG_MAX];

/* The answer as a whole message, to a client that spells as the question was made. */
static void see(const char *name, uint16_t type) {
  static struct asked asked;
  struct answer_view v = answer_view(&made.answer);
  asked_plain(&asked, name, type);
  size_t len = answer_write(&v, &asked.query.query_opts, ANSWER_FRESH, made.answer.head.stored_at,
                            DNS_MSG_MAX, out);
  cr_assert_eq(len, asked.msg.len + made.answer.head.body_len);
  cr_assert(seen_read(&s, out, len), "%s", s.why);
}

#define expect_body(want)                                                                                    \
  do {                                                                                                       \
    cr_expect_eq(made.answer.head.body_len, sizeof want - 1);                                                \
    if (made.answer.head.body_len == sizeof want - 1)                                                        \
      cr_expect_arr_eq(made.answer.body, want, sizeof want - 1);                                             \
  } while (0)

Test(build, an_owner_that_is_asked_for_is_a_pointer_to_the_question) {
  made_start(&made, "example.org", TYPE_A, 0);
  made_add(&made, SECTION_ANSWER, "eXample.ORG", TYPE_A, 60, rd_a("192.0.2.1"));
  expect_body("\300\14\0\1\0\1\0\0\0\74\0\4\300\0\2\1");
  cr_expect_eq(made.answer.ttl_at[0], 6);
}

Test(build, a_name_below_or_above_the_question_points_into_it) {
  made_start(&made, "www.example.org", TYPE_A, 0);
  made_add(&made, SECTION_ANSWER, "org", TYPE_A, 60, rd_a("192.0.2.1"));
  made_add(&made, SECTION_ANSWER, "a.example.org", TYPE_A, 60, rd_a("192.0.2.1"));
  expect_body("\300\30\0\1\0\1\0\0\0\74\0\4\300\0\2\1"
              "\1a\300\20\0\1\0\1\0\0\0\74\0\4\300\0\2\1");
}

Test(build, names_of_well_known_types_are_compressed_in_rdata_others_are_not) {
  made_start(&made, "a.org", TYPE_ANY, 0);
  made_add(&made, SECTION_ANSWER, "a.org", TYPE_MX, 1, rd_mx(7, "b.a.org"));
  made_add(&made, SECTION_ANSWER, "a.org", TYPE_SRV, 1, rd_srv(0, 0, 1, "b.a.org"));
  made_add(&made, SECTION_ANSWER, "a.org", TYPE_DNAME, 1, rd_name("b.a.org"));
  expect_body("\300\14\0\17\0\1\0\0\0\1\0\6\0\7\1b\300\14"
              "\300\14\0\41\0\1\0\0\0\1\0\17\0\0\0\0\0\1\1b\1a\3org\0"
              "\300\14\0\47\0\1\0\0\0\1\0\11\1b\1a\3org\0");
}

/* As verify takes records in. */
static void add_once(enum section section, const char *owner, uint16_t type, uint32_t ttl, struct rdata rd) {
  struct record r;
  msg_answer(&m, "q", type, 0);
  size_t at = m.len;
  msg_record(&m, section, owner, type, ttl, rd);
  struct wire w = wire_read(m.octets, m.len);
  w.at = at;
  cr_assert(record_read(&w, &r));
  if (!build_repeats(&made.build, section, &r, ttl)) cr_assert(build_add(&made.build, section, &r, ttl));
}

Test(build, rfc2181_a_record_given_twice_is_there_once) {
  made_start(&made, "a.org", TYPE_MX, 0);
  add_once(SECTION_ANSWER, "a.org", TYPE_MX, 60, rd_mx(7, "b.a.org"));
  add_once(SECTION_ANSWER, "a.org", TYPE_MX, 60, rd_mx(8, "b.a.org"));
  add_once(SECTION_ANSWER, "A.org", TYPE_MX, 30, rd_mx(7, "B.a.ORG"));
  add_once(SECTION_ADDITIONAL, "b.a.org", TYPE_A, 60, rd_a("192.0.2.1"));
  add_once(SECTION_ADDITIONAL, "b.a.org", TYPE_A, 60, rd_a("192.0.2.2"));
  add_once(SECTION_ADDITIONAL, "b.a.org", TYPE_A, 60, rd_a("192.0.2.1"));
  add_once(SECTION_ADDITIONAL, "c.a.org", TYPE_A, 60, rd_a("192.0.2.1"));
  see("a.org", TYPE_MX);
  cr_assert_eq(s.an, 2);
  cr_expect_eq(s.records[0].ttl, 30, "the least of all");
  cr_expect_eq(s.records[1].ttl, 30);
  cr_expect_eq(s.ar, 3, "another name's is another record");
}

Test(build, rfc2181_a_record_given_twice_is_there_once_whatever_stands_between) {
  made_start(&made, "a.org", TYPE_ANY, 0);
  for (int i = 0; i < 2; i++) {
    add_once(SECTION_ANSWER, "a.org", TYPE_MX, 60, rd_mx(7, "b.a.org"));
    add_once(SECTION_ANSWER, "A.org", TYPE_A, 60, rd_a("192.0.2.1"));
    add_once(SECTION_ANSWER, "b.org", TYPE_A, 60, rd_a("192.0.2.1"));
  }
  add_once(SECTION_AUTHORITY, "b.org", TYPE_A, 60, rd_a("192.0.2.1"));
  see("a.org", TYPE_ANY);
  cr_expect(s.an == 3 && s.ns == 1, "%u and %u", s.an, s.ns);
}

Test(build, a_name_in_rdata_serves_later_owners) {
  made_start(&made, "a", TYPE_SRV, 0);
  made_add(&made, SECTION_ANSWER, "a", TYPE_SRV, 1, rd_srv(0, 0, 1, "x.b"));
  made_add(&made, SECTION_ADDITIONAL, "x.b", TYPE_A, 1, rd_a("192.0.2.1"));
  made_add(&made, SECTION_ADDITIONAL, "b", TYPE_A, 1, rd_a("192.0.2.1"));
  expect_body("\300\14\0\41\0\1\0\0\0\1\0\13\0\0\0\0\0\1\1x\1b\0"
              "\300\45\0\1\0\1\0\0\0\1\0\4\300\0\2\1"
              "\300\47\0\1\0\1\0\0\0\1\0\4\300\0\2\1");
}

Test(build, octets_of_other_types_are_copied_untouched) {
  made_start(&made, "a", 65280, 0);
  made_add(&made, SECTION_ANSWER, "a", 65280, 1, rd_octets("\300\14\1a\0", 5));
  expect_body("\300\14\377\0\0\1\0\0\0\1\0\5\300\14\1a\0");
}

/* Adds the record that follows the question in m. */
static bool add_first(enum section section) {
  struct record r;
  struct wire w = wire_read(m.octets, m.len);
  uint8_t name[NAME_MAX_LEN];
  w.at = DNS_HEADER;
  name_read(&w, name);
  w.at += 4;
  cr_assert(record_read(&w, &r));
  return build_add(&made.build, section, &r, r.ttl);
}

Test(build, compressed_names_are_taken_out_of_their_message) {
  made_start(&made, "q", TYPE_NS, 0);
  msg_answer(&m, "very.long.example.org", TYPE_NS, 0);
  msg_put(&m, "\300\14\0\2\0\1\0\0\0\1\0\4\1n\300\21", 16);
  cr_assert(add_first(SECTION_ANSWER));
  expect_body("\4very\4long\7example\3org\0\0\2\0\1\0\0\0\1\0\4\1n\300\30");
}

Test(build, the_same_in_classes_other_than_in) {
  made_start(&made, "q", TYPE_NS, 0);
  msg_answer(&m, "very.long.example.org", TYPE_NS, 0);
  msg_put(&m, "\300\14\0\2\0\4\0\0\0\1\0\4\1n\300\21", 16);
  cr_assert(add_first(SECTION_ANSWER));
  expect_body("\4very\4long\7example\3org\0\0\2\0\4\0\0\0\1\0\4\1n\300\30");
}

Test(build, an_address_of_another_class_has_no_known_form) {
  made_start(&made, "q", TYPE_A, 0);
  msg_answer(&m, "q", TYPE_A, 0);
  msg_put(&m, "\300\14\0\1\0\4\0\0\0\1\0\5abcde", 17);
  cr_expect(add_first(SECTION_ANSWER));
}

Test(build, another_class_is_another_rrset) {
  made_start(&made, "q", TYPE_TXT, 0);
  for (int i = 0; i < 2; i++) {
    msg_answer(&m, "q", TYPE_TXT, 0);
    msg_put(&m, i ? "\300\14\0\20\0\3\0\0\0\1\0\2\1x" : "\300\14\0\20\0\1\0\0\0\2\0\2\1x", 14);
    struct record r;
    struct wire w = wire_read(m.octets, m.len);
    w.at = DNS_HEADER + 7;
    cr_assert(record_read(&w, &r));
    cr_expect_not(build_repeats(&made.build, SECTION_ANSWER, &r, r.ttl));
    cr_assert(build_add(&made.build, SECTION_ANSWER, &r, r.ttl));
  }
  cr_expect_eq(load_u32(made.answer.body + made.answer.ttl_at[0]), 2);
}

/* ---- TTLs ---- */

static void expect_ttls(const char *what, unsigned n, const uint32_t *want) {
  for (unsigned i = 0; i < n; i++) {
    cr_expect_eq(load_u32(made.answer.body + made.answer.ttl_at[i]), want[i], "%s: record %u", what, i);
  }
}

Test(build, an_rrset_has_the_least_ttl_of_its_records) {
  static const uint32_t given[] = {60, 70, 50, 55, 40, 100}, want[] = {40, 40, 40, 40, 40, 40};
  made_start(&made, "example.org", TYPE_A, 0);
  for (int i = 0; i < 6; i++)
    made_add(&made, SECTION_ANSWER, "example.org", TYPE_A, given[i], rd_a("192.0.2.1"));
  expect_ttls("owner of the question", 6, want);
}

Test(build, owners_are_compared_however_they_are_written) {
  static const char *const names[] = {".", "elsewhere.example", "x.example.org"};
  for (int i = 0; i < 3; i++) {
    made_start(&made, "example.org", TYPE_NS, 0);
    made_add(&made, SECTION_ANSWER, names[i], TYPE_NS, 60, rd_name("b"));
    made_add(&made, SECTION_ANSWER, names[i], TYPE_NS, 50, rd_name("b"));
    made_add(&made, SECTION_ANSWER, names[i], TYPE_NS, 70, rd_name("b"));
    expect_ttls(names[i], 3, (uint32_t[]){50, 50, 50});
  }
}

Test(build, owners_are_compared_when_no_name_can_be_pointed_at_any_more) {
  char name[40];
  made_start(&made, "example.org", TYPE_NS, 0);
  for (int i = 0; i < BUILD_NAMES; i++) {
    snprintf(name, sizeof name, "ns%d", i);
    made_add(&made, SECTION_ANSWER, "example.org", TYPE_NS, 99, rd_name(name));
  }
  made_add(&made, SECTION_ADDITIONAL, "late.net", TYPE_A, 60, rd_a("192.0.2.1"));
  made_add(&made, SECTION_ADDITIONAL, "LATE.net", TYPE_A, 50, rd_a("192.0.2.2"));
  made_add(&made, SECTION_ADDITIONAL, "later.net", TYPE_A, 10, rd_a("192.0.2.2"));
  static const uint32_t want[] = {50, 50, 10};
  for (int i = 0; i < 3; i++)
    cr_expect_eq(load_u32(made.answer.body + made.answer.ttl_at[BUILD_NAMES + i]), want[i]);
}

Test(build, owners_are_compared_beyond_what_a_pointer_reaches) {
  made_start(&made, "example.org", TYPE_TXT, 0);
  for (int i = 0; i < 20; i++) made_add(&made, SECTION_ANSWER, "example.org", TYPE_TXT, 99, rd_fill(1, 1000));
  made_add(&made, SECTION_ANSWER, "far.away", TYPE_A, 60, rd_a("192.0.2.1"));
  made_add(&made, SECTION_ANSWER, "far.away", TYPE_A, 50, rd_a("192.0.2.2"));
  cr_expect_eq(load_u32(made.answer.body + made.answer.ttl_at[20]), 50);
  see("example.org", TYPE_TXT);
  cr_expect_eq(s.an, 22);
  cr_expect_arr_eq(s.records[21].owner, "\3far\4away\0", 10);
}

Test(build, the_last_place_that_a_pointer_reaches) {
  for (unsigned beyond = 0; beyond < 2; beyond++) {
    made_start(&made, "example.org", TYPE_TXT, 0);
    for (unsigned at = DNS_HEADER + 17, end = 0x3fff + beyond, n; at < end; at += 12 + n) {
      n = end - at - 12 < 1000 ? end - at - 12 : 900;
      made_add(&made, SECTION_ANSWER, "example.org", TYPE_TXT, 99, rd_fill((uint8_t)(at / 900), n));
    }
    unsigned records = made.answer.head.an;
    made_add(&made, SECTION_ANSWER, "far.away", TYPE_A, 60, rd_a("192.0.2.1"));
    made_add(&made, SECTION_ANSWER, "far.away", TYPE_A, 60, rd_a("192.0.2.2"));
    /* whole again, or a pointer */
    size_t second = made.answer.head.body_len - (beyond ? 10u + 14u : 2u + 14u);
    uint16_t want = beyond ? 0x0366 : 0xffff;
    cr_expect_eq(load_u16(made.answer.body + second), want, "%04x", load_u16(made.answer.body + second));
    see("example.org", TYPE_TXT);
    cr_expect_eq(s.an, records + 2);
    cr_expect_arr_eq(s.records[records + 1].owner, "\3far\4away\0", 10);
  }
}

Test(build, another_type_owner_or_section_is_another_rrset) {
  made_start(&made, "example.org", TYPE_ANY, 0);
  made_add(&made, SECTION_ANSWER, "example.org", TYPE_A, 60, rd_a("192.0.2.1"));
  made_add(&made, SECTION_ANSWER, "example.org", TYPE_TXT, 50, rd_txt("x"));
  made_add(&made, SECTION_ANSWER, "org", TYPE_TXT, 40, rd_txt("x"));
  made_add(&made, SECTION_AUTHORITY, "org", TYPE_TXT, 30, rd_txt("x"));
  made_add(&made, SECTION_ADDITIONAL, "org", TYPE_TXT, 20, rd_txt("x"));
  expect_ttls("all alone", 5, (uint32_t[]){60, 50, 40, 30, 20});
}

Test(build, signatures_keep_their_own_ttls) {
  made_start(&made, "example.org", TYPE_ANY, 0);
  for (unsigned i = 0; i < 3; i++)
    made_add(&made, SECTION_ANSWER, "example.org", TYPE_RRSIG, 60 - i, rd_fill(1, 30));
  expect_ttls("RRSIG", 3, (uint32_t[]){60, 59, 58});
}

/* ---- bounds ---- */

Test(build, what_is_malformed_leaves_the_answer_as_it_was) {
  static struct made before;
  static const char *const wrong[] = {"\3www\300\14\0\2\0\1\0\0\0\1\0\3\1n\300",
                                      "\3www\300\14\0\2\0\1\0\0\0\1\0\4\1n\0\0"};
  static const size_t len[] = {19, 20};
  made_start(&made, "example.org", TYPE_NS, 0);
  made_add(&made, SECTION_ANSWER, "example.org", TYPE_NS, 60, rd_name("ns.example.net"));
  before = made;
  for (int i = 0; i < 2; i++) {
    msg_answer(&m, "example.org", TYPE_NS, 0);
    msg_put(&m, wrong[i], len[i]);
    cr_assert_not(add_first(SECTION_ANSWER));
    cr_expect_arr_eq(&made.answer.head, &before.answer.head, sizeof before.answer.head);
    cr_expect_arr_eq(made.answer.body, before.answer.body, before.answer.head.body_len);
    cr_expect_eq(made.build.name_count, before.build.name_count);
  }

  made_add(&made, SECTION_ANSWER, "www.example.org", TYPE_A, 60, rd_a("192.0.2.1"));
  see("example.org", TYPE_NS);
  cr_expect_arr_eq(s.records[1].owner, "\3www\7example\3org\0", 17, "no pointer leads to what was dropped");
}

Test(build, a_message_is_filled_to_its_last_octet) {
  for (size_t spare = 0; spare < 3; spare++) {
    made_start(&made, "example.org", TYPE_TXT, 0);
    for (int i = 0; i < 64; i++)
      made_add(&made, SECTION_ANSWER, "example.org", TYPE_TXT, 60, rd_fill(1, 1000));
    size_t left = DNS_MSG_MAX - DNS_HEADER - 17 - made.answer.head.body_len;
    cr_assert_not(made_try(&made, SECTION_ANSWER, "example.org", TYPE_TXT, 60, rd_fill(1, left - 12 + 1)));
    made_add(&made, SECTION_ANSWER, "example.org", TYPE_TXT, 60, rd_fill(1, left - 12 - spare));
    cr_expect_not(made_try(&made, SECTION_ANSWER, "example.org", TYPE_TXT, 60, rd_fill(1, 0)));
    see("example.org", TYPE_TXT);
    cr_expect_eq(s.an, 65);
  }
}

Test(build, authority_and_additional_hold_255_records) {
  for (int section = SECTION_AUTHORITY; section <= SECTION_ADDITIONAL; section++) {
    made_start(&made, "example.org", TYPE_A, 0);
    for (int i = 0; i < 255; i++)
      made_add(&made, (enum section)section, "example.org", TYPE_A, 60, rd_a("192.0.2.1"));
    struct answer_head before = made.answer.head;
    cr_expect_not(made_try(&made, (enum section)section, "example.org", TYPE_A, 60, rd_a("192.0.2.1")));
    cr_expect_arr_eq(&before, &made.answer.head, sizeof before);
  }
}

Test(build, as_many_records_as_a_message_holds) {
  made_start(&made, ".", TYPE_A, 0);
  unsigned n = 0;
  while (made_try(&made, SECTION_ANSWER, ".", 65280, 60, rd_fill(0, 0))) n++;
  cr_expect_eq(n, ANSWER_RECORDS_MAX);
  made_start(&made, "a", TYPE_A, 0);
  for (n = 0; made_try(&made, SECTION_ANSWER, "a", 65280, 60, rd_fill(0, 0));) n++;
  cr_expect_eq(n, (DNS_MSG_MAX - DNS_HEADER - 3 - 4) / 12);
}

/* Names of 127 labels that differ in the last: each label of each name is compared with what stands already.
 */
Test(build, names_made_to_be_compared_for_long_cost_little) {
  char asked[256], other[256];
  for (int i = 0; i < 252; i++) asked[i] = other[i] = i % 2 ? '.' : 'a';
  strcpy(asked + 252, "b");
  strcpy(other + 252, "c");
  msg_answer(&m, asked, TYPE_MX, 0);
  msg_put(&m, "\300\14\0\17\0\1\0\0\0\1\1\1\0\1", 14);
  msg_put_name(&m, other);
  made_start(&made, asked, TYPE_MX, 0);
  clock_t start = clock();
  for (int i = 0; i < 4000; i++) add_first(SECTION_ANSWER);
  double took_s = (double)(clock() - start) / CLOCKS_PER_SEC;
  cr_expect_lt(took_s, 4, "%.3f s for a message's worth of records", took_s);
}
