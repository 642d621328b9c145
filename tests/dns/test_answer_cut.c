/* test_answer_cut.c: what a truncated answer holds, for clients that can't ask again over TCP. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "kit/made.h"
#include "kit/seen.h"

static struct made made;
static struct asked asked;
static struct seen s;
static uint8_t out[DNS_MSG_MAX];

static void write_cut(enum answer_age age, size_t limit) {
  struct answer_view v = answer_view(&made.answer);
  size_t len = answer_write(&v, &asked.query.query_opts, age, made.answer.head.stored_at, limit, out);
  cr_assert_leq(len, limit);
  cr_assert(seen_read(&s, out, len), "%s", s.why);
  cr_assert(s.high & DNS_TC, "it is meant not to fit");
}

static const char service[] = "_xmpp-client._tcp.example.org";

/* The number in the target's name, "x12.hosting.example". */
static unsigned target_number(const struct record *r) {
  uint8_t target[NAME_MAX_LEN];
  unsigned n = 0;
  cr_assert_eq(r->type, TYPE_SRV);
  cr_assert_gt(record_target(r, 6, target), 0);
  for (unsigned i = 2; i <= target[0]; i++) n = 10 * n + (target[i] - '0');
  return n;
}

static void add_srv(uint16_t priority, uint16_t weight, unsigned number) {
  char target[40];
  snprintf(target, sizeof target, "x%u.hosting.example", number);
  made_add(&made, SECTION_ANSWER, service, TYPE_SRV, 60, rd_srv(priority, weight, 5222, target));
}

static void start_srv(void) { made_start(&made, service, TYPE_SRV, RCODE_NOERROR); }

Test(answer_cut, sixteen_srv_without_edns_are_as_many_as_fit_the_best_priority_first) {
  start_srv();
  for (unsigned i = 0; i < 16; i++) add_srv((uint16_t)(16 - i), 1, i);
  made_done(&made, 0);
  asked_plain(&asked, service, TYPE_SRV);
  write_cut(ANSWER_FRESH, DNS_UDP_PLAIN);
  cr_assert_gt(s.an, 8);
  cr_expect_eq(s.count[1], s.an, "the header's count");
  cr_expect_eq(s.ns + s.ar, 0);
  for (unsigned i = 0; i < s.an; i++) cr_expect_eq(target_number(&s.records[i]), 15 - i);
  size_t each = 12 + 6 + 21;
  cr_expect_gt(DNS_HEADER + asked.query.query_opts.name_len + 4 + (s.an + 1) * each, DNS_UDP_PLAIN,
               "one more would fit");
}

Test(answer_cut, within_a_priority_the_heavier_come_first_and_equals_stay_as_they_stand) {
  start_srv();
  for (unsigned i = 0; i < 40; i++) add_srv(i < 20 ? 2 : 1, (uint16_t)(i % 10 / 2), i);
  made_done(&made, 0);
  asked_plain(&asked, service, TYPE_SRV);
  write_cut(ANSWER_FRESH, DNS_UDP_PLAIN);
  static const unsigned want[] = {28, 29, 38, 39, 26, 27, 36, 37, 24, 25, 34};
  cr_assert_geq(s.an, sizeof want / sizeof *want);
  for (unsigned i = 0; i < sizeof want / sizeof *want; i++)
    cr_expect_eq(target_number(&s.records[i]), want[i], "record %u", i);
}

Test(answer_cut, thousands_of_srv_are_ranked_too) {
  start_srv();
  for (unsigned i = 0; i < 1200; i++) add_srv((uint16_t)(1 + (i * 7919u) % 1201), 0, i);
  made_done(&made, 0);
  asked_edns(&asked, service, TYPE_SRV, 1232, false);
  write_cut(ANSWER_FRESH, 1232);
  unsigned before = 0;
  for (unsigned i = 0; i < s.an; i++) {
    unsigned priority = load_u16(record_rdata(&s.records[i]));
    cr_expect_leq(before, priority);
    cr_expect_leq(priority, 40);
    before = priority;
  }
  cr_expect(s.edns, "room was kept for OPT");
}

Test(answer_cut, the_chain_comes_first_then_its_addresses) {
  made_start(&made, "a.example.org", TYPE_A, RCODE_NOERROR);
  made_add(&made, SECTION_ANSWER, "a.example.org", TYPE_CNAME, 60, rd_name("b.example.net"));
  made_add(&made, SECTION_ANSWER, "b.example.net", TYPE_CNAME, 60, rd_name("c.example.com"));
  for (unsigned i = 0; i < 40; i++) {
    char text[32];
    snprintf(text, sizeof text, "192.0.2.%u", i);
    made_add(&made, SECTION_ANSWER, "c.example.com", TYPE_A, 60, rd_a(text));
  }

  made_done(&made, 0);
  asked_plain(&asked, "a.example.org", TYPE_A);
  for (asked.query.query_opts.rotation = 0; asked.query.query_opts.rotation < 20;
       asked.query.query_opts.rotation++) {
    write_cut(ANSWER_FRESH, DNS_UDP_PLAIN);
    cr_assert_gt(s.an, 24);
    cr_expect_eq(s.records[0].type, TYPE_CNAME);
    cr_expect_eq(s.records[0].owner[1], 'a');
    cr_expect_eq(s.records[1].type, TYPE_CNAME);
    cr_expect_eq(s.records[1].owner[1], 'b');
    for (unsigned i = 2; i < s.an; i++)
      cr_expect(s.records[i].type == TYPE_A && s.records[i].owner[1] == 'c');
  }
}

Test(answer_cut, every_address_has_its_turn_in_a_truncated_answer) {
  bool met[40] = {false};
  made_a(&made, "example.org", 60, 40, 0);
  asked_plain(&asked, "example.org", TYPE_A);
  for (asked.query.query_opts.rotation = 0; asked.query.query_opts.rotation < 10;
       asked.query.query_opts.rotation++) {
    write_cut(ANSWER_FRESH, DNS_UDP_PLAIN);
    cr_expect_eq(s.an, (DNS_UDP_PLAIN - DNS_HEADER - 17) / 16);
    for (unsigned i = 0; i < s.an; i++) met[record_rdata(&s.records[i])[3]] = true;
  }
  for (unsigned i = 0; i < 40; i++) cr_expect(met[i], "192.0.2.%u never went out", i);
}

Test(answer_cut, signatures_and_proofs_are_left_out_whole) {
  made_start(&made, "example.org", TYPE_A, RCODE_NOERROR);
  for (unsigned i = 0; i < 20; i++) {
    char text[32];
    snprintf(text, sizeof text, "192.0.2.%u", i);
    made_add(&made, SECTION_ANSWER, "example.org", TYPE_A, 60, rd_a(text));
  }
  made_add(&made, SECTION_ANSWER, "example.org", TYPE_RRSIG, 60, rd_fill(1, 150));
  made_add(&made, SECTION_AUTHORITY, "example.org", TYPE_NSEC, 60, rd_fill(1, 20));
  made_done(&made, 0);
  asked_edns(&asked, "example.org", TYPE_A, 512, true);
  write_cut(ANSWER_FRESH, DNS_UDP_PLAIN);
  cr_expect_eq(s.an, 20);
  cr_expect_eq(s.ns, 0, "nothing small behind what did not fit");
  cr_expect(s.edns && s.dnssec_ok);
}

/* A proof's owner may point into an SRV record that has moved. */
Test(answer_cut, nothing_stands_behind_srv_records_that_have_moved) {
  start_srv();
  for (unsigned i = 0; i < 8; i++) add_srv((uint16_t)(8 - i), 1, i);
  for (unsigned i = 0; i < 8; i++) {
    char owner[40];
    snprintf(owner, sizeof owner, "x%u.hosting.example", i);
    made_add(&made, SECTION_AUTHORITY, owner, TYPE_NSEC, 60, rd_fill(1, 20));
  }
  made_done(&made, 0);
  asked_edns(&asked, service, TYPE_SRV, 512, true);
  write_cut(ANSWER_FRESH, DNS_UDP_PLAIN);
  cr_expect_eq(s.an, 8);
  cr_expect_eq(s.ns, 0);
  for (unsigned i = 0; i < s.an; i++) cr_expect_eq(target_number(&s.records[i]), 7 - i);
}

Test(answer_cut, a_denial_keeps_its_soa) {
  made_start(&made, "nobody.example.org", TYPE_A, RCODE_NXDOMAIN);
  made_add(&made, SECTION_AUTHORITY, "example.org", TYPE_SOA, 60,
           rd_soa("ns.example.org", "host.example.org", 60));
  for (unsigned i = 0; i < 3; i++)
    made_add(&made, SECTION_AUTHORITY, "example.org", TYPE_NSEC, 60, rd_fill((uint8_t)i, 200));
  made_done(&made, 0);
  asked_edns(&asked, "nobody.example.org", TYPE_A, 512, true);
  write_cut(ANSWER_FRESH, DNS_UDP_PLAIN);
  cr_expect_eq(s.rcode, RCODE_NXDOMAIN);
  cr_expect_eq(s.an, 0);
  cr_assert_eq(s.ns, 2);
  cr_expect_eq(s.records[0].type, TYPE_SOA);
}

Test(answer_cut, ttls_are_aged_and_stale_ones_say_so) {
  start_srv();
  for (unsigned i = 0; i < 16; i++) add_srv((uint16_t)(16 - i), 1, i);
  made_done(&made, 100);
  asked_edns(&asked, service, TYPE_SRV, 512, false);
  struct answer_view v = answer_view(&made.answer);
  size_t len = answer_write(&v, &asked.query.query_opts, ANSWER_FRESH, 100 + 150, DNS_UDP_PLAIN, out);
  cr_assert(seen_read(&s, out, len) && s.an);
  for (unsigned i = 0; i < s.an; i++) cr_expect_eq(s.records[i].ttl, 45);
  write_cut(ANSWER_STALE, DNS_UDP_PLAIN);
  cr_assert_gt(s.an, 0);
  for (unsigned i = 0; i < s.an; i++) cr_expect_eq(s.records[i].ttl, 30);
  cr_expect_eq(s.ede, EDE_STALE);
}

Test(answer_cut, one_record_that_is_too_large_alone_leaves_none) {
  made_start(&made, "example.org", TYPE_TXT, RCODE_NOERROR);
  made_add(&made, SECTION_ANSWER, "example.org", TYPE_TXT, 60, rd_fill(1, 600));
  made_add(&made, SECTION_ANSWER, "example.org", TYPE_TXT, 60, rd_fill(2, 10));
  made_done(&made, 0);
  asked_plain(&asked, "example.org", TYPE_TXT);
  write_cut(ANSWER_FRESH, DNS_UDP_PLAIN);
  cr_expect_eq(s.an, 0);
}
