/* test_reply.c: replies read record by record, hostile ones too. */
#include "tool/reply.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "kit/msg.h"
#include "kit/rng.h"

static unsigned count_records(const uint8_t *msg, size_t len) {
  struct reply p = reply_open(msg, len);
  struct record r;
  enum section section;
  unsigned n = 0;
  while (reply_next(&p, &r, &section)) n++;
  return n;
}

static void make_full(struct msg *m) {
  msg_answer(m, "d.lab", TYPE_A, RCODE_NOERROR);
  msg_record(m, SECTION_ANSWER, "d.lab", TYPE_CNAME, 60, rd_name("e.lab"));
  msg_record(m, SECTION_ANSWER, "e.lab", TYPE_A, 60, rd_a("192.0.2.1"));
  msg_record(m, SECTION_AUTHORITY, "lab", TYPE_NS, 60, rd_name("ns.lab"));
  msg_record(m, SECTION_ADDITIONAL, "ns.lab", TYPE_A, 60, rd_a("192.0.2.9"));
  msg_opt(m, 1232, 0, true, "\0\17\0\6\0\3old!\0\12\0\2hi", 16);
}

Test(reply, gives_every_record_with_its_section) {
  static struct msg m;
  struct record r;
  enum section section;
  static const enum section expected[] = {SECTION_ANSWER, SECTION_ANSWER, SECTION_AUTHORITY,
                                          SECTION_ADDITIONAL, SECTION_ADDITIONAL};
  make_full(&m);
  struct reply p = reply_open(m.octets, m.len);
  for (size_t i = 0; i < 5; i++) {
    cr_assert(reply_next(&p, &r, &section));
    cr_expect_eq(section, expected[i]);
  }
  cr_expect(!reply_next(&p, &r, &section));
  cr_expect(!p.w.err);
}

Test(reply, stops_with_an_error_where_octets_are_missing) {
  static struct msg m;
  make_full(&m);
  for (size_t len = DNS_HEADER; len < m.len; len++) {
    uint8_t *copy = exact(m.octets, len);
    struct reply p = reply_open(copy, len);
    struct record r;
    enum section section;
    while (reply_next(&p, &r, &section)) continue;
    cr_expect(p.w.err, "%zu of %zu octets", len, m.len);
    free(copy);
  }
}

Test(reply, believes_no_count_that_lies) {
  static struct msg m;
  make_full(&m);
  msg_set_count(&m, 1, 65535);
  cr_expect_leq(count_records(m.octets, m.len), 5);
  msg_set_count(&m, 0, 65535);
  cr_expect_eq(count_records(m.octets, m.len), 0);
}

Test(reply, follows_cnames_to_their_end_and_out_of_loops) {
  static struct msg m;
  uint8_t name[NAME_MAX_LEN];
  char text[NAME_TEXT];
  make_full(&m);
  struct alias a = reply_follow(m.octets, m.len, name, name_parse("D.lab", name));
  cr_expect_str_eq(name_format(a.name, a.name_len, text), "e.lab.");
  cr_expect_eq(a.links, 1);
  cr_expect(!a.endless);
  msg_start(&m, 0x8180);
  msg_question(&m, "d.lab", TYPE_A, CLASS_IN);
  msg_record(&m, SECTION_ANSWER, "d.lab", TYPE_CNAME, 60, rd_name("d.lab"));
  a = reply_follow(m.octets, m.len, name, name_parse("d.lab", name));
  cr_expect_str_eq(name_format(a.name, a.name_len, text), "d.lab.");
  cr_expect(a.endless);
}

Test(reply, puts_extended_rcodes_together) {
  static struct msg m;
  msg_answer(&m, "d.lab", TYPE_A, RCODE_NXDOMAIN);
  cr_expect_eq(reply_rcode(m.octets, m.len), RCODE_NXDOMAIN);
  msg_answer(&m, "d.lab", TYPE_A, 0);
  msg_opt(&m, 1232, 0, false, NULL, 0);
  m.octets[m.len - 6] = 1; /* the upper eight bits of RCODE, the first of OPT's TTL */
  cr_expect_eq(reply_rcode(m.octets, m.len), RCODE_BADVERS);
}

Test(reply, makes_text_of_unknown_origin_harmless) {
  char text[64];
  cr_expect_str_eq(reply_text((const uint8_t *)"a\033[1m\\\xff", 7, text, sizeof text),
                   "a\\027[1m\\092\\255");
  char tight[9];
  cr_expect_str_eq(reply_text((const uint8_t *)"\1\2\3", 3, tight, sizeof tight), "\\001\\002",
                   "whole escapes only");
  cr_expect_str_eq(reply_text((const uint8_t *)"", 0, tight, sizeof tight), "");
}

Test(reply, survives_any_change_of_its_octets) {
  static struct msg m;
  struct rng rng = {5};

  for (int round = 0; round < 20000; round++) {
    make_full(&m);
    size_t len = DNS_HEADER + rng_below(&rng, m.len - DNS_HEADER + 1);
    uint8_t *copy = exact(m.octets, len), name[NAME_MAX_LEN];
    for (uint64_t n = rng_below(&rng, 6); n > 0; n--) copy[rng_below(&rng, len)] = (uint8_t)rng_next(&rng);
    struct edns edns;
    struct edns_ede ede;
    cr_assert_leq(count_records(copy, len), len / 11);
    cr_assert_leq(reply_rcode(copy, len), 4095);
    cr_assert_gt(reply_follow(copy, len, name, name_parse("d.lab", name)).name_len, 0);
    if (!edns_read(copy, len, &edns)) edns.at = edns.end = copy;
    while (edns_next_ede(&edns, &ede)) cr_assert(ede.text + ede.text_len <= copy + len);
    free(copy);
  }
}
