/* test_kit.c: the tests' own kit: what it makes is what it says, and what is wrong it sees. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "kit/made.h"
#include "kit/rng.h"
#include "kit/seen.h"

Test(kit, a_query_is_made_octet_by_octet) {
  static const uint8_t want[] = {0x4a, 0x49, 1,   0, 0,   1,   0, 0, 0,  0, 0,
                                 0,    1,    'a', 2, 'b', 'c', 0, 0, 33, 0, 1};
  static struct msg m;
  msg_query(&m, "a.bc", TYPE_SRV);
  cr_assert_eq(m.len, sizeof want);
  cr_assert_arr_eq(m.octets, want, sizeof want);
}

Test(kit, records_and_opt_are_counted_in_their_sections) {
  static struct msg m;
  static struct seen s;

  msg_answer(&m, "example.org", TYPE_A, RCODE_NXDOMAIN);
  msg_record(&m, SECTION_ANSWER, "example.org", TYPE_A, 60, rd_a("192.0.2.1"));
  msg_record(&m, SECTION_AUTHORITY, "org", TYPE_SOA, 61, rd_soa("a.org", "b.org", 30));
  msg_record(&m, SECTION_ADDITIONAL, "x.org", TYPE_AAAA, 62, rd_aaaa("2001:db8::1"));
  msg_opt(&m, 1232, 0, true, "\0\017\0\003\0\026x", 7);
  cr_assert(seen_read(&s, m.octets, m.len), "%s", s.why);
  cr_assert_eq(s.id, MSG_ID);
  cr_assert_eq(s.rcode, RCODE_NXDOMAIN);
  cr_assert_eq(s.count[0], 1);
  cr_assert_eq(s.count[3], 2);
  cr_assert_eq(s.an, 1);
  cr_assert_eq(s.ns, 1);
  cr_assert_eq(s.ar, 1);
  cr_assert_eq(seen_record(&s, SECTION_AUTHORITY, 0)->ttl, 61);
  cr_assert_eq(seen_record(&s, SECTION_ADDITIONAL, 0)->type, TYPE_AAAA);
  cr_assert(s.edns && s.dnssec_ok);
  cr_assert_eq(s.udp_size, 1232);
  cr_assert_eq(s.ede, 22);
  cr_assert_str_eq(s.ede_text, "x");
}

Test(kit, a_message_with_an_octet_less_or_more_is_seen_as_broken) {
  static struct msg m;
  static struct seen s;
  msg_answer(&m, "example.org", TYPE_MX, RCODE_NOERROR);
  msg_record(&m, SECTION_ANSWER, "example.org", TYPE_MX, 60, rd_mx(10, "mx.example.org"));
  msg_opt(&m, 1232, 0, false, NULL, 0);
  cr_assert(seen_read(&s, m.octets, m.len), "%s", s.why);
  for (size_t len = 0; len < m.len; len++)
    cr_expect_not(seen_read(&s, m.octets, len), "cut to %zu octets", len);
  msg_put(&m, "", 1);
  cr_expect_not(seen_read(&s, m.octets, m.len));
}

Test(kit, wrong_forms_are_seen) {
  static struct msg m;
  static struct seen s;

  msg_answer(&m, "example.org", TYPE_A, 0);
  msg_record(&m, SECTION_ANSWER, "example.org", TYPE_A, 60, rd_fill(1, 5));
  cr_expect_not(seen_read(&s, m.octets, m.len));
  cr_expect_str_eq(s.why, "an RDATA without its type's form");
  msg_answer(&m, "example.org", TYPE_A, 0);
  msg_opt(&m, 1232, 0, false, NULL, 0);
  msg_opt(&m, 1232, 0, false, NULL, 0);
  cr_expect_not(seen_read(&s, m.octets, m.len));
  cr_expect_str_eq(s.why, "two OPT records");
  msg_answer(&m, "example.org", TYPE_A, 0);
  msg_opt(&m, 1232, 0, false, "\0\017\0\003\0\026", 6);
  cr_expect_not(seen_read(&s, m.octets, m.len));
  cr_expect_str_eq(s.why, "an option that is cut short");
}

Test(kit, same_record_knows_case_from_content) {
  static struct msg m;
  static struct seen s;
  msg_answer(&m, "a.org", TYPE_SRV, 0);
  msg_record(&m, SECTION_ANSWER, "a.org", TYPE_SRV, 1, rd_srv(1, 2, 3, "x.a.org"));
  msg_record(&m, SECTION_ANSWER, "A.oRG", TYPE_SRV, 9, rd_srv(1, 2, 3, "X.a.org"));
  msg_record(&m, SECTION_ANSWER, "a.org", TYPE_SRV, 1, rd_srv(1, 2, 4, "x.a.org"));
  msg_record(&m, SECTION_ANSWER, "a.org", TYPE_SRV, 1, rd_srv(1, 2, 3, "y.a.org"));
  msg_record(&m, SECTION_ANSWER, "b.org", TYPE_SRV, 1, rd_srv(1, 2, 3, "x.a.org"));
  msg_record(&m, SECTION_ANSWER, "a.org", TYPE_TXT, 1, rd_txt("x"));
  msg_record(&m, SECTION_ANSWER, "a.org", TYPE_TXT, 1, rd_txt("X"));
  cr_assert(seen_read(&s, m.octets, m.len), "%s", s.why);
  cr_expect(same_record(&s.records[0], &s.records[1]));
  for (unsigned i = 2; i < 6; i++) cr_expect_not(same_record(&s.records[0], &s.records[i]), "record %u", i);
  cr_expect_not(same_record(&s.records[5], &s.records[6]), "text has a case");
}

Test(kit, a_made_answer_is_what_was_added) {
  static struct made m;
  made_start(&m, "Example.org", TYPE_A, RCODE_NOERROR);
  made_add(&m, SECTION_ANSWER, "example.org", TYPE_A, 60, rd_a("192.0.2.1"));
  made_add(&m, SECTION_AUTHORITY, "org", TYPE_NS, 50, rd_name("ns.org"));
  made_add(&m, SECTION_ADDITIONAL, "ns.org", TYPE_A, 40, rd_a("192.0.2.2"));
  made_done(&m, 7);
  cr_expect_eq(m.answer.head.an, 1);
  cr_expect_eq(m.answer.head.ns, 1);
  cr_expect_eq(m.answer.head.ar, 1);
  cr_expect_eq(m.answer.head.stored_at, 7);
  cr_expect_eq(m.answer.ttl_s, 50, "additional records do not shorten an answer's life");
}

Test(kit, a_client_asks_with_and_without_edns) {
  static struct asked a;
  asked_plain(&a, "example.org", TYPE_A);
  cr_expect_not(a.query.query_opts.edns);
  cr_expect_eq(a.query.query_opts.udp_size, DNS_UDP_PLAIN);
  asked_edns(&a, "example.org", TYPE_A, 1400, true);
  cr_expect(a.query.query_opts.edns && a.query.query_opts.dnssec_ok);
  cr_expect_eq(a.query.query_opts.udp_size, 1400);
}

Test(kit, random_numbers_are_the_same_every_time) {
  struct rng a = {1}, b = {1}, c = {2};
  cr_expect_eq(rng_next(&a), rng_next(&b));
  cr_expect_neq(rng_next(&a), rng_next(&c));
  for (int i = 0; i < 1000; i++) {
    double u = rng_unit(&a);
    cr_assert(u >= 0 && u < 1);
    cr_assert_lt(rng_below(&b, 7), 7);
  }
}
