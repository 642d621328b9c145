/* test_edns.c: OPT found, read and written, its options, and the names of extended errors. */
#include "dns/edns.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "kit/msg.h"
#include "kit/rng.h"

static struct msg m;

static const uint8_t two_options[] = {0, OPT_EDE, 0, 4, 0, 3, 'o', 'k', 0, OPT_COOKIE, 0, 2, 'h', 'i'};

static void make_reply(void) {
  msg_answer(&m, "d.lab", TYPE_A, RCODE_NOERROR);
  msg_record(&m, SECTION_ANSWER, "d.lab", TYPE_A, 60, rd_a("192.0.2.1"));
  msg_record(&m, SECTION_ADDITIONAL, "e.lab", TYPE_A, 60, rd_a("192.0.2.2"));
  msg_opt(&m, 1400, 1, true, two_options, sizeof two_options);
}

Test(edns, reads_opt_behind_other_records) {
  struct edns e;
  make_reply();
  cr_assert(edns_read(m.octets, m.len, &e));
  cr_expect_eq(e.udp_size, 1400);
  cr_expect_eq(e.version, 1);
  cr_expect_eq(e.rcode_high, 0);
  cr_expect(e.dnssec_ok);
  cr_expect_eq(e.end - e.at, sizeof two_options);
  cr_expect(edns_is_in(m.octets, m.len));
}

Test(edns, opt_outside_the_additional_section_is_none) {
  struct edns e;
  msg_answer(&m, "d.lab", TYPE_A, RCODE_NOERROR);
  msg_opt(&m, 1400, 0, true, NULL, 0);
  msg_set_count(&m, 1, 1);
  msg_set_count(&m, 3, 0);
  cr_expect(!edns_read(m.octets, m.len, &e));
}

Test(edns, a_message_cut_anywhere_has_no_opt) {
  struct edns e;
  make_reply();
  for (size_t len = 0; len < m.len; len++) {
    uint8_t *copy = exact(m.octets, len);
    cr_expect(!edns_read(copy, len, &e), "cut to %zu octets", len);
    free(copy);
  }
}

Test(edns, gives_the_options_in_their_order) {
  struct edns e = {.at = two_options, .end = two_options + sizeof two_options};
  struct edns_option o;
  cr_assert_eq(edns_next(&e, &o), EDNS_OPTION);
  cr_expect_eq(o.code, OPT_EDE);
  cr_expect_eq(o.len, 4);
  cr_assert_eq(edns_next(&e, &o), EDNS_OPTION);
  cr_expect_eq(o.code, OPT_COOKIE);
  cr_expect_arr_eq(o.octets, "hi", 2);
  cr_expect_eq(edns_next(&e, &o), EDNS_END);
}

Test(edns, an_option_cut_short_is_malformed) {
  for (uint16_t len = 1; len < 8; len++) {
    uint8_t *copy = exact(two_options, len);
    struct edns e = {.at = copy, .end = copy + len};
    struct edns_option o;
    cr_expect_eq(edns_next(&e, &o), EDNS_MALFORMED, "%u octets of 8", len);
    cr_expect_eq(edns_next(&e, &o), EDNS_MALFORMED, "and stays so");
    free(copy);
  }
}

Test(edns, finds_an_option_by_its_code) {
  size_t len = 0;
  make_reply();
  cr_expect_arr_eq(edns_option(m.octets, m.len, OPT_COOKIE, &len), "hi", 2);
  cr_expect_eq(len, 2);
  cr_expect_null(edns_option(m.octets, m.len, OPT_KEEPALIVE, &len));
}

Test(edns, puts_the_extended_rcode_together) {
  msg_answer(&m, "d.lab", TYPE_A, RCODE_NXDOMAIN);
  cr_expect_eq(edns_rcode(m.octets, m.len), RCODE_NXDOMAIN);
  msg_answer(&m, "d.lab", TYPE_A, RCODE_BADCOOKIE & DNS_RCODE);
  msg_opt(&m, 1232, 0, false, NULL, 0);
  m.octets[m.len - 6] = RCODE_BADCOOKIE >> 4;
  cr_expect_eq(edns_rcode(m.octets, m.len), RCODE_BADCOOKIE);
}

Test(edns, an_ede_is_a_code_and_a_text_and_one_too_short_is_passed_over) {
  static const uint8_t options[] = {0, OPT_EDE, 0, 1, 7, 0, OPT_EDE, 0, 4, 0, 22, 'n', 'o'};
  struct edns e = {.at = options, .end = options + sizeof options};
  struct edns_ede ede;
  cr_assert(edns_next_ede(&e, &ede));
  cr_expect_eq(ede.code, 22);
  cr_expect_eq(ede.text_len, 2);
  cr_expect_arr_eq(ede.text, "no", 2);
  cr_expect(!edns_next_ede(&e, &ede));
}

Test(edns, names_every_ede_of_the_registry_and_no_other) {
  cr_expect_str_eq(edns_ede_name(EDE_OTHER), "Other");
  cr_expect_str_eq(edns_ede_name(EDE_STALE), "Stale Answer");
  cr_expect_str_eq(edns_ede_name(EDE_NOT_SUPPORTED), "Not Supported");
  cr_expect_str_eq(edns_ede_name(24), "Invalid Data");
  cr_expect_str_eq(edns_ede_name(25), "Signature Expired before Valid");
  cr_expect_str_eq(edns_ede_name(EDE_INVALID_TYPE), "Invalid Query Type");
  cr_expect_str_eq(edns_ede_name(31), "Rate Limited");
  cr_expect_str_eq(edns_ede_name(34), "New Delegation Only");
  cr_expect_str_eq(edns_ede_name(35), "unassigned");
  cr_expect_str_eq(edns_ede_name(49151), "unassigned");
  cr_expect_str_eq(edns_ede_name(49152), "private use");
  cr_expect_str_eq(edns_ede_name(65535), "private use");
}

Test(edns, what_is_written_reads_the_same) {
  uint8_t record[DNS_OPT + EDNS_OPTION_HEAD + 2 + EDNS_OPTION_HEAD];
  struct edns_writer w = edns_start(record, 1232, RCODE_BADVERS, true);
  memcpy(edns_add(&w, OPT_COOKIE, 2), "hi", 2);
  edns_add(&w, OPT_KEEPALIVE, 0);
  cr_assert_eq(edns_finish(&w), sizeof record);

  msg_answer(&m, "d.lab", TYPE_A, RCODE_BADVERS & DNS_RCODE);
  msg_put(&m, record, sizeof record);
  msg_set_count(&m, 3, 1);
  struct edns e;
  struct edns_option o;
  cr_assert(edns_read(m.octets, m.len, &e));
  cr_expect_eq(e.udp_size, 1232);
  cr_expect(e.dnssec_ok);
  cr_expect_eq(edns_rcode(m.octets, m.len), RCODE_BADVERS);
  cr_assert_eq(edns_next(&e, &o), EDNS_OPTION);
  cr_expect_eq(o.code, OPT_COOKIE);
  cr_assert_eq(edns_next(&e, &o), EDNS_OPTION);
  cr_expect_eq(o.code, OPT_KEEPALIVE);
  cr_expect_eq(o.len, 0);
  cr_expect_eq(edns_next(&e, &o), EDNS_END);
}

Test(edns, reading_stays_inside_any_message) {
  struct rng rng = {7};
  for (int round = 0; round < 20000; round++) {
    make_reply();
    size_t len = rng_below(&rng, m.len + 1), n = 0;
    uint8_t *copy = exact(m.octets, len);
    for (uint64_t k = len ? rng_below(&rng, 6) : 0; k > 0; k--)
      copy[rng_below(&rng, len)] = (uint8_t)rng_next(&rng);
    struct edns e;
    struct edns_option o;
    if (!edns_read(copy, len, &e)) e.at = e.end = copy;
    while (edns_next(&e, &o) == EDNS_OPTION) cr_assert(o.octets + o.len <= copy + len);
    const uint8_t *found = edns_option(copy, len, OPT_COOKIE, &n);
    cr_assert(!found || found + n <= copy + len);
    free(copy);
  }
}
