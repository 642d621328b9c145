/* test_answer_rotate.c: several addresses, another first from turn to turn. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "kit/made.h"
#include "kit/seen.h"

static struct made made;
static struct asked asked;
static struct seen first, s;
static uint8_t first_out[DNS_MSG_MAX], out[DNS_MSG_MAX];

static size_t write_turn(uint32_t turn, struct seen *into, uint8_t *to) {
  struct answer_view v = answer_view(&made.answer);
  asked.query.query_opts.rotation = turn;
  size_t len = answer_write(&v, &asked.query.query_opts, ANSWER_FRESH, made.answer.head.stored_at + 50,
                            DNS_MSG_MAX, to);
  cr_assert(seen_read(into, to, len), "%s", into->why);
  return len;
}

/* Everything stays where it is, but `count` records from `from` on, which are the same ones in a ring, begun
 * elsewhere. Returns which of them comes first. */
static unsigned check_turn(uint32_t turn, unsigned from, unsigned count) {
  unsigned lead = 0, all = first.an + first.ns + first.ar;
  size_t len = write_turn(0, &first, first_out);
  cr_assert_eq(write_turn(turn, &s, out), len);
  cr_assert(s.an == first.an && s.ns == first.ns && s.ar == first.ar);
  while (!same_record(&s.records[from], &first.records[from + lead])) cr_assert_lt(++lead, count);
  for (unsigned i = 0; i < all; i++) {
    unsigned k = i < from || i >= from + count ? i : from + (i - from + lead) % count;
    cr_expect(same_record(&s.records[i], &first.records[k]), "turn %u, record %u", turn, i);
    cr_expect_eq(s.records[i].ttl, first.records[i].ttl);
  }
  return lead;
}

static void check_all_lead(unsigned from, unsigned count) {
  unsigned led[16] = {0};
  for (uint32_t turn = 1; turn <= 20 * count; turn++) led[check_turn(turn, from, count)]++;
  for (unsigned i = 0; i < count; i++)
    cr_expect(led[i] >= 15 && led[i] <= 25, "address %u led %u times in %u", i, led[i], 20 * count);
}

Test(rotate, each_of_several_addresses_leads_as_often_as_the_others) {
  for (unsigned n = 2; n <= 7; n++) {
    made_a(&made, "example.org", 60, n, 0);
    asked_plain(&asked, "example.org", TYPE_A);
    check_all_lead(0, n);
  }
}

Test(rotate, also_for_a_client_that_comes_every_second_third_or_eighth_turn) {
  made_a(&made, "example.org", 60, 3, 0);
  asked_plain(&asked, "example.org", TYPE_A);
  for (unsigned step = 2; step <= 8; step++) {
    unsigned led[3] = {0};
    for (uint32_t i = 1; i <= 60; i++) led[check_turn(i * step, 0, 3)]++;
    for (unsigned i = 0; i < 3; i++)
      cr_expect_geq(led[i], 10, "step %u: address %u led %u times", step, i, led[i]);
  }
}

Test(rotate, within_a_chain_with_signatures_and_additional_records_only_the_addresses_move) {
  made_start(&made, "a.example.org", TYPE_AAAA, RCODE_NOERROR);
  made_add(&made, SECTION_ANSWER, "a.example.org", TYPE_CNAME, 60, rd_name("b.example.net"));
  for (int i = 0; i < 4; i++) {
    char text[32];
    snprintf(text, sizeof text, "2001:db8::%d", i);
    made_add(&made, SECTION_ANSWER, "b.example.net", TYPE_AAAA, 60 + (uint32_t)i, rd_aaaa(text));
  }
  made_add(&made, SECTION_ANSWER, "a.example.org", TYPE_RRSIG, 60, rd_fill(5, 60));
  made_add(&made, SECTION_ANSWER, "b.example.net", TYPE_RRSIG, 60, rd_fill(28, 60));
  made_add(&made, SECTION_ADDITIONAL, "c.example.org", TYPE_A, 60, rd_a("192.0.2.1"));
  made_add(&made, SECTION_ADDITIONAL, "c.example.org", TYPE_A, 60, rd_a("192.0.2.2"));
  made_done(&made, 0);
  asked_edns(&asked, "a.example.org", TYPE_AAAA, 4096, true);
  check_all_lead(1, 4);
}

static void check_untouched(void) {
  size_t len = write_turn(0, &first, first_out);
  for (uint32_t turn = 1; turn < 20; turn++) {
    cr_assert_eq(write_turn(turn, &s, out), len);
    cr_assert_arr_eq(out, first_out, len);
  }
}

Test(rotate, srv_records_single_addresses_and_additional_ones_stay) {
  made_a(&made, "example.org", 60, 1, 0);
  asked_plain(&asked, "example.org", TYPE_A);
  check_untouched();
  made_start(&made, "_xmpp-client._tcp.example.org", TYPE_SRV, RCODE_NOERROR);
  for (int i = 0; i < 3; i++) {
    char target[] = "x0.example.org";
    target[1] = (char)('0' + i);
    made_add(&made, SECTION_ANSWER, "_xmpp-client._tcp.example.org", TYPE_SRV, 60,
             rd_srv(1, 1, 5222, target));
  }

  for (int i = 1; i < 4; i++) {
    char text[] = "192.0.2.0";
    text[8] = (char)('0' + i);
    made_add(&made, SECTION_ADDITIONAL, "x0.example.org", TYPE_A, 60, rd_a(text));
  }

  made_done(&made, 0);
  asked_plain(&asked, "_xmpp-client._tcp.example.org", TYPE_SRV);
  check_untouched();
}

/* As in an answer to ANY: there is no telling which of the sets is meant. */
Test(rotate, addresses_of_two_rrsets_stay) {
  made_start(&made, "example.org", TYPE_ANY, RCODE_NOERROR);
  made_add(&made, SECTION_ANSWER, "example.org", TYPE_A, 60, rd_a("192.0.2.1"));
  made_add(&made, SECTION_ANSWER, "example.org", TYPE_A, 60, rd_a("192.0.2.2"));
  made_add(&made, SECTION_ANSWER, "example.org", TYPE_AAAA, 60, rd_aaaa("2001:db8::1"));
  made_add(&made, SECTION_ANSWER, "example.org", TYPE_AAAA, 60, rd_aaaa("2001:db8::2"));
  made_done(&made, 0);
  asked_plain(&asked, "example.org", TYPE_ANY);
  check_untouched();
}
