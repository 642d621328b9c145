/* test_answer.c: what a client gets of an answer as kept. */
#include <criterion/criterion.h>
#include <string.h>

#include "dns/ttl.h"
#include "kit/made.h"
#include "kit/seen.h"

static struct made made;
static struct asked asked;
static struct seen s;
static uint8_t out[DNS_MSG_MAX];

static void write_out(enum answer_age age, uint32_t tick) {
  struct answer_view v = answer_view(&made.answer);
  size_t len = answer_write(&v, &asked.query.query_opts, age, tick, DNS_MSG_MAX, out);
  cr_assert(seen_read(&s, out, len), "%s", s.why);
}

/* example.org SRV: two targets, born at tick 100, TTL 60; additional A with TTL 40, AAAA with TTL 50. */
static void make_srv(void) {
  made_start(&made, "_xmpp-client._tcp.example.org", TYPE_SRV, RCODE_NOERROR);
  const char *owner = "_xmpp-client._tcp.example.org";
  made_add(&made, SECTION_ANSWER, owner, TYPE_SRV, 60, rd_srv(5, 0, 5222, "a.example.org"));
  made_add(&made, SECTION_ANSWER, owner, TYPE_SRV, 60, rd_srv(5, 0, 5222, "b.example.org"));
  made_add(&made, SECTION_ADDITIONAL, "b.example.org", TYPE_AAAA, 50, rd_aaaa("2001:db8::1"));
  made_add(&made, SECTION_ADDITIONAL, "a.example.org", TYPE_A, 40, rd_a("192.0.2.1"));
  made_add(&made, SECTION_ADDITIONAL, "a.example.org", TYPE_A, 40, rd_a("192.0.2.2"));
  made_done(&made, 100);
  asked_plain(&asked, owner, TYPE_SRV);
}

Test(answer, header_gives_back_what_the_client_sent) {
  for (unsigned bits = 0; bits < 16; bits++) {
    made_a(&made, "example.org", 60, 1, 0);
    asked_plain(&asked, "example.org", TYPE_A);
    asked.msg.octets[0] = (uint8_t)(0xa0 + bits);
    asked.msg.octets[2] = bits & 1 ? DNS_RD : 0;
    asked.msg.octets[3] = (uint8_t)((bits & 2 ? DNS_CD : 0) | (bits & 4 ? DNS_Z : 0) |
                                    (bits & 8 ? DNS_RCODE : 0));
    asked_again(&asked);
    write_out(ANSWER_FRESH, 0);
    cr_expect_eq(s.id, 0xa049 + (bits << 8));
    cr_expect_eq(s.high, DNS_QR | (bits & 1 ? DNS_RD : 0), "never AA, never TC");
    cr_expect_eq(s.low, DNS_RA | (bits & 2 ? DNS_CD : 0), "never Z, RCODE its own");
  }
}

Test(answer, question_comes_back_byte_for_byte) {
  made_a(&made, "www.example.org", 60, 1, 0);
  asked_plain(&asked, "wWw.eXAMPle.oRg", TYPE_A);
  write_out(ANSWER_FRESH, 0);
  cr_expect_eq(s.question_len, asked.msg.len - DNS_HEADER);
  cr_expect_arr_eq(s.question, asked.msg.octets + DNS_HEADER, s.question_len);
  cr_expect_arr_eq(s.records[0].owner, "\3wWw\7eXAMPle\3oRg\0", 17, "the owner points at the question");
}

Test(answer, records_come_as_they_were_added) {
  make_srv();
  write_out(ANSWER_FRESH, 100);
  cr_assert_eq(s.an, 2);
  cr_assert_eq(s.ns, 0);
  cr_assert_eq(s.ar, 3);
  cr_expect_eq(s.count[3], 3);
  cr_expect_eq(seen_record(&s, SECTION_ANSWER, 1)->ttl, 60);
  cr_expect_eq(seen_record(&s, SECTION_ADDITIONAL, 0)->type, TYPE_AAAA);
  cr_expect_eq(seen_record(&s, SECTION_ADDITIONAL, 2)->ttl, 40);
  cr_expect_arr_eq(record_rdata(seen_record(&s, SECTION_ADDITIONAL, 2)), "\300\0\2\2", 4);
}

Test(answer, ttls_count_down_by_the_second_and_end_at_0) {
  make_srv();
  static const struct {
    uint32_t tick, srv, a;
  } cases[] = {{100, 60, 40}, {109, 60, 40}, {110, 59, 39}, {499, 21, 1},
               {500, 20, 0},  {600, 10, 0},  {700, 0, 0},   {9999, 0, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    write_out(ANSWER_FRESH, cases[i].tick);
    cr_expect_eq(seen_record(&s, SECTION_ANSWER, 0)->ttl, cases[i].srv, "at %u", cases[i].tick);
    cr_expect_eq(seen_record(&s, SECTION_ADDITIONAL, 1)->ttl, cases[i].a, "at %u", cases[i].tick);
  }
}

Test(answer, never_gives_a_ttl_above_the_kept_one_to_a_client_a_tick_behind) {
  make_srv();
  write_out(ANSWER_FRESH, 99);
  cr_expect_eq(seen_record(&s, SECTION_ANSWER, 0)->ttl, 60);
  write_out(ANSWER_DUE, 99);
  cr_expect_eq(s.ar, 3);
}

Test(answer, kept_one_is_not_changed_by_writing) {
  static struct answer before;
  make_srv();
  before = made.answer;
  write_out(ANSWER_STALE, 800);
  write_out(ANSWER_DUE, 550);
  cr_expect_arr_eq(&before, &made.answer, sizeof before);
}

Test(answer, worn_leaves_off_additional_records_that_ran_out) {
  make_srv();
  write_out(ANSWER_DUE, 499);
  cr_expect_eq(s.ar, 3);
  write_out(ANSWER_DUE, 500);
  cr_expect_eq(s.ar, 1, "the A records are over");
  cr_expect_eq(seen_record(&s, SECTION_ADDITIONAL, 0)->ttl, 10);
  write_out(ANSWER_DUE, 600);
  cr_expect_eq(s.ar, 0);
  cr_expect_eq(s.an, 2);
  cr_expect_not(s.high & DNS_TC);
  cr_expect_eq(seen_record(&s, SECTION_ANSWER, 0)->ttl, 10);
}

Test(answer, stale_says_30_seconds_no_additional_records_and_why) {
  make_srv();
  asked_edns(&asked, "_xmpp-client._tcp.example.org", TYPE_SRV, 1232, false);
  write_out(ANSWER_STALE, 100000);
  cr_expect_eq(s.an, 2);
  cr_expect_eq(s.ar, 0);
  cr_expect_eq(seen_record(&s, SECTION_ANSWER, 0)->ttl, TTL_STALE);
  cr_expect_eq(seen_record(&s, SECTION_ANSWER, 1)->ttl, TTL_STALE);
  cr_expect_eq(s.ede, EDE_STALE);
  cr_expect_str_eq(s.ede_text, "");
}

Test(answer, rfc8914_a_stale_nxdomain_says_that_it_is_stale_as_all_do) {
  made_start(&made, "no.example.org", TYPE_A, RCODE_NXDOMAIN);
  made_add(&made, SECTION_AUTHORITY, "example.org", TYPE_SOA, 30,
           rd_soa("ns.example.org", "root.example.org", 30));
  made_done(&made, 0);
  asked_edns(&asked, "no.example.org", TYPE_A, 1232, false);
  write_out(ANSWER_STALE, 100000);
  cr_expect_eq(s.ede, EDE_STALE);
}

Test(answer, stale_is_not_called_authentic) {
  made_a(&made, "example.org", 60, 1, 0);
  made.answer.head.flags = ANSWER_AD;
  asked_edns(&asked, "example.org", TYPE_A, 1232, true);
  write_out(ANSWER_STALE, 100000);
  cr_expect_not(s.low & DNS_AD);
}

Test(answer, stale_without_edns_has_nowhere_to_say_why) {
  make_srv();
  write_out(ANSWER_STALE, 100000);
  cr_expect_not(s.edns);
  cr_expect_eq(s.count[3], 0);
  cr_expect_eq(seen_record(&s, SECTION_ANSWER, 0)->ttl, TTL_STALE);
}

Test(answer, fresh_and_worn_have_no_extended_error) {
  make_srv();
  asked_edns(&asked, "_xmpp-client._tcp.example.org", TYPE_SRV, 1232, false);
  write_out(ANSWER_FRESH, 100);
  cr_expect_eq(s.ede, -1);
  write_out(ANSWER_DUE, 650);
  cr_expect_eq(s.ede, -1);
}

Test(answer, opt_comes_to_those_who_sent_one_with_their_do) {
  for (int d = 0; d < 2; d++) {
    make_srv();
    asked_edns(&asked, "_xmpp-client._tcp.example.org", TYPE_SRV, 4096, d);
    write_out(ANSWER_FRESH, 100);
    cr_expect(s.edns);
    cr_expect_eq(s.dnssec_ok, d);
    cr_expect_eq(s.udp_size, DNS_UDP_OURS);
    cr_expect_eq(s.count[3], 4);
  }
  asked_plain(&asked, "_xmpp-client._tcp.example.org", TYPE_SRV);
  write_out(ANSWER_FRESH, 100);
  cr_expect_not(s.edns);
}

Test(answer, ad_comes_to_those_who_understand_it) {
  for (int secure = 0; secure < 2; secure++) {
    for (int ask = 0; ask < 3; ask++) { /* neither, the AD bit, DO */
      made_a(&made, "example.org", 60, 1, 0);
      made.answer.head.flags = secure ? ANSWER_AD : 0;
      asked_edns(&asked, "example.org", TYPE_A, 1232, ask == 2);
      if (ask == 1) asked.msg.octets[3] |= DNS_AD;
      asked_again(&asked);
      write_out(ANSWER_FRESH, 0);
      cr_expect_eq((s.low & DNS_AD) != 0, secure && ask, "secure %d, asked by %d", secure, ask);
    }
  }
}

Test(answer, negative_ones_keep_rcode_and_soa) {
  made_start(&made, "no.example.org", TYPE_A, RCODE_NXDOMAIN);
  made_add(&made, SECTION_AUTHORITY, "example.org", TYPE_SOA, 30,
           rd_soa("ns.example.org", "root.example.org", 30));
  made_done(&made, 0);
  asked_edns(&asked, "no.example.org", TYPE_A, 1232, false);
  write_out(ANSWER_FRESH, 50);
  cr_expect_eq(s.rcode, RCODE_NXDOMAIN);
  cr_expect_eq(s.an, 0);
  cr_assert_eq(s.ns, 1);
  cr_expect_eq(s.records[0].ttl, 25);
}

Test(answer, without_records_is_header_and_question) {
  made_start(&made, "example.org", TYPE_A, RCODE_NOERROR);
  made_done(&made, 0);
  asked_plain(&asked, "example.org", TYPE_A);
  struct answer_view v = answer_view(&made.answer);
  for (int age = ANSWER_FRESH; age <= ANSWER_STALE; age++) {
    size_t len = answer_write(&v, &asked.query.query_opts, (enum answer_age)age, 0, 512, out);
    cr_expect_eq(len, asked.msg.len);
    cr_expect_not(out[2] & DNS_TC);
  }
}

Test(answer, the_least_ttl_is_that_of_the_records_asked_about) {
  make_srv();
  struct answer_view v = answer_view(&made.answer);
  cr_expect_eq(answer_least_ttl(&v, 0, 5), 40);
  cr_expect_eq(answer_least_ttl(&v, 0, 3), 50);
  cr_expect_eq(answer_least_ttl(&v, 0, 2), 60);
  cr_expect_eq(answer_least_ttl(&v, 2, 2), UINT32_MAX);
}

Test(answer, a_failure_says_why) {
  for (int e = 0; e < ERR_COUNT; e++) {
    asked_edns(&asked, "eXample.org", TYPE_A, 1232, true);
    size_t len = answer_fail(&asked.query.query_opts, (enum err)e, out);
    cr_assert(seen_read(&s, out, len), "%s", s.why);
    /* else the next server in resolv.conf is asked */
    unsigned rcode = e == ERR_REBIND ? RCODE_NOERROR : RCODE_SERVFAIL;
    cr_expect_eq(s.rcode, rcode);
    cr_expect_eq(s.id, MSG_ID);
    cr_expect_eq(s.low, DNS_RA | rcode);
    cr_expect_arr_eq(s.question, asked.msg.octets + DNS_HEADER, s.question_len);
    cr_expect_eq(s.ede, err_ede((enum err)e));
    cr_expect_str_eq(s.ede_text, err_text((enum err)e));
    cr_expect(s.dnssec_ok);
  }
}

Test(answer, a_failure_without_edns_is_servfail_alone) {
  asked_plain(&asked, "example.org", TYPE_A);
  size_t len = answer_fail(&asked.query.query_opts, ERR_TIMEOUT, out);
  cr_expect_eq(len, asked.msg.len);
  cr_assert(seen_read(&s, out, len), "%s", s.why);
  cr_expect_eq(s.rcode, RCODE_SERVFAIL);
}

Test(answer, a_failure_fits_512_octets_whatever_the_question) {
  char name[256];
  memset(name, 'a', sizeof name);
  for (int i = 63; i < 253; i += 64) name[i] = '.';
  name[253] = 0;
  asked_edns(&asked, name, TYPE_A, 512, false);
  cr_assert_eq(asked.query.query_opts.name_len, 255);
  for (int e = 0; e < ERR_COUNT; e++)
    cr_expect_leq(answer_fail(&asked.query.query_opts, (enum err)e, out), 512);
}

Test(answer, an_rcode_above_15_needs_opt) {
  asked_edns(&asked, "example.org", TYPE_A, 1232, false);
  cr_assert(seen_read(&s, out, answer_rcode(&asked.query.query_opts, RCODE_BADVERS, out)), "%s", s.why);
  cr_expect_eq(s.rcode, RCODE_BADVERS);
  cr_assert(seen_read(&s, out, answer_rcode(&asked.query.query_opts, 0xabc, out)), "%s", s.why);
  cr_expect_eq(s.rcode, 0xabc);
  asked_plain(&asked, "example.org", TYPE_A);
  cr_assert(seen_read(&s, out, answer_rcode(&asked.query.query_opts, 0xabc, out)), "%s", s.why);
  cr_expect_eq(s.rcode, 0xc);
}

Test(answer, a_limit_lowers_all_ttls_and_how_long_it_is_kept) {
  make_srv();
  answer_limit_ttl(&made.answer, 0);
  cr_expect_eq(made.answer.ttl_s, 60);
  answer_limit_ttl(&made.answer, 45);
  cr_expect_eq(made.answer.ttl_s, 45);
  write_out(ANSWER_FRESH, 100);
  cr_expect_eq(s.records[0].ttl, 45);
  cr_expect_eq(s.records[1].ttl, 45);
  cr_expect_eq(s.records[3].ttl, 40, "shorter ones stay");
}
