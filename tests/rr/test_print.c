/* test_print.c: records, types and RCODEs as people read them. */
#include "rr/print.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "kit/msg.h"
#include "kit/rng.h"

enum { FUZZ_ROUNDS = 200, FUZZ_RDATA_MAX = 80 };

/* A record at the end of a copy of exactly the message's octets; free(copy) after use. */
static struct record record_of(const char *owner, uint16_t type, uint32_t ttl, struct rdata rd,
                               uint8_t **copy) {
  static struct msg m;
  struct record r;
  uint8_t name[NAME_MAX_LEN];
  msg_answer(&m, "example.lab", type, RCODE_NOERROR);
  msg_record(&m, SECTION_ANSWER, owner, type, ttl, rd);
  *copy = exact(m.octets, m.len);
  struct wire w = wire_read(*copy, m.len);
  wire_bytes(&w, DNS_HEADER);
  name_read(&w, name);
  wire_bytes(&w, 4);
  cr_assert(record_read(&w, &r));
  return r;
}

static void expect_rdata(uint16_t type, struct rdata rd, const char *expected) {
  uint8_t *copy;
  struct record r = record_of("example.lab", type, 300, rd, &copy);
  char *text = print_rdata(&r);
  cr_expect_str_eq(text, expected, "type %u: %s instead of %s", type, text, expected);
  free(text);
  free(copy);
}

Test(print, writes_what_xmpp_needs_as_zone_files_do) {
  expect_rdata(TYPE_A, rd_a("192.0.2.1"), "192.0.2.1");
  expect_rdata(TYPE_AAAA, rd_aaaa("2001:db8::1"), "2001:db8::1");
  expect_rdata(TYPE_SRV, rd_srv(5, 10, 5222, "xmpp.example.lab"), "5 10 5222 xmpp.example.lab.");
  expect_rdata(TYPE_SRV, rd_srv(0, 0, 0, "."), "0 0 0 .");
  expect_rdata(TYPE_CNAME, rd_name("Other.Lab"), "Other.Lab.");
  expect_rdata(TYPE_MX, rd_mx(10, "mail.lab"), "10 mail.lab.");
  expect_rdata(TYPE_SOA, rd_soa("ns.lab", "host.lab", 60),
               "ns.lab. host.lab. 2026010101 7200 3600 1209600 60");
  expect_rdata(TYPE_TLSA, rd_octets("\3\1\1\xab\xcd", 5), "3 1 1 abcd");
}

Test(print, escapes_what_a_text_holds) {
  expect_rdata(TYPE_TXT, rd_txt("_xmpp-client-xbosh=https://x.lab"), "\"_xmpp-client-xbosh=https://x.lab\"");
  expect_rdata(TYPE_TXT, rd_txt("a\"b\\c"), "\"a\\\"b\\\\c\"");
  expect_rdata(TYPE_TXT, rd_txt("\033[2Jred\n"), "\"\\027[2Jred\\010\"");
  expect_rdata(TYPE_TXT, rd_txt(""), "\"\"");
}

Test(print, writes_types_it_does_not_know_in_the_generic_form) {
  expect_rdata(65280, rd_octets("\xab\xcd\xef", 3), "\\# 3 abcdef");
  expect_rdata(65280, rd_octets("", 0), "\\# 0");
}

Test(print, writes_rdata_that_is_not_its_types_in_the_generic_form) {
  struct rdata shorter = rd_srv(1, 2, 3, "a.lab"), longer = shorter;
  shorter.len--;
  longer.octets[longer.len++] = 0xff;
  expect_rdata(TYPE_SRV, shorter, "\\# 12 0001000200030161036c6162");
  expect_rdata(TYPE_SRV, longer, "\\# 14 0001000200030161036c616200ff");
  expect_rdata(TYPE_A, rd_octets("\1\2\3", 3), "\\# 3 010203");
  expect_rdata(TYPE_A, rd_octets("\1\2\3\4\5", 5), "\\# 5 0102030405");
  expect_rdata(TYPE_AAAA, rd_octets("", 0), "\\# 0");
  expect_rdata(TYPE_CNAME, rd_octets("\xc0\xff", 2), "\\# 2 c0ff");
}

Test(print, follows_compression_pointers_in_rdata) {
  expect_rdata(TYPE_CNAME, rd_octets("\4xmpp\xc0\x0c", 7), "xmpp.example.lab.");
}

Test(print, writes_a_whole_record_with_its_ttl_as_received) {
  uint8_t *copy;
  struct record r = record_of("_xmpp-client._tcp.A\\.b.lab", TYPE_SRV, 4294967295u,
                              rd_srv(5, 0, 5222, "x.lab"), &copy);
  char *line = print_record(&r);
  cr_expect_str_eq(line, "_xmpp-client._tcp.A\\.b.lab.\t4294967295\tIN\tSRV\t5 0 5222 x.lab.");
  free(line);
  free(copy);
}

static void expect_type(const char *text, int expected) {
  uint16_t type = 4711;
  bool good = print_type_parse(text, &type);
  cr_expect_eq(good, expected >= 0, "%s", text);
  cr_expect_eq(type, expected >= 0 ? expected : 4711, "%s is %u", text, type);
}

Test(print, reads_types_in_any_case_and_by_number) {
  expect_type("SRV", TYPE_SRV);
  expect_type("aaaa", TYPE_AAAA);
  expect_type("Tlsa", TYPE_TLSA);
  expect_type("ANY", TYPE_ANY);
  expect_type("TYPE65280", 65280);
  expect_type("type1", 1);
  expect_type("TYPE65535", 65535);
}

Test(print, refuses_what_is_no_type) {
  static const char *const wrong[] = {
      "",       "BOGUS",  "TYPE",   "TYPE0", "TYPE65536", "TYPE99999999999999999999",
      "TYPE1x", "TYPE-1", "TYPE 1", "SRVV",  "33",        "SR"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) expect_type(wrong[i], -1);
}

Test(print, reads_back_every_type_it_writes) {
  char text[PRINT_WORD];
  for (unsigned type = 1; type <= 65535; type++) {
    uint16_t again = 0;
    cr_assert(print_type_parse(print_type((uint16_t)type, text), &again), "%s", text);
    cr_assert_eq(again, type, "%s", text);
  }
}

Test(print, names_classes_and_rcodes) {
  char text[PRINT_WORD];
  cr_expect_str_eq(print_class(CLASS_IN, text), "IN");
  cr_expect_str_eq(print_class(CLASS_CH, text), "CH");
  cr_expect_str_eq(print_class(77, text), "CLASS77");
  cr_expect_str_eq(print_rcode(RCODE_NOERROR, text), "NOERROR");
  cr_expect_str_eq(print_rcode(RCODE_NXDOMAIN, text), "NXDOMAIN");
  cr_expect_str_eq(print_rcode(RCODE_NOTIMP, text), "NOTIMP");
  cr_expect_str_eq(print_rcode(RCODE_BADVERS, text), "BADVERS");
  cr_expect_str_eq(print_rcode(24, text), "RCODE24");
  cr_expect_str_eq(print_rcode(4095, text), "RCODE4095");
}

static bool is_one_printable_line(const char *text) {
  for (; *text; text++) {
    if (*text < ' ' || *text > '~') return false;
  }
  return true;
}

/* Random RDATA for every type that ldns may know: some text always, printable only. */
Test(print, makes_printable_text_of_any_rdata) {
  struct rng rng = {11};
  for (unsigned type = 0; type < 300; type++) {
    for (int round = 0; round < FUZZ_ROUNDS; round++) {
      struct rdata rd = {.len = (uint16_t)rng_below(&rng, FUZZ_RDATA_MAX)};
      bool small = rng_below(&rng, 2); /* small octets pass for lengths, counts and names */
      for (size_t i = 0; i < rd.len; i++) rd.octets[i] = (uint8_t)rng_below(&rng, small ? 6 : 256);
      uint8_t *copy;
      struct record r = record_of("example.lab", (uint16_t)type, 300, rd, &copy);
      char *text = print_rdata(&r);
      cr_assert(text && *text && is_one_printable_line(text), "type %u: %s", type, text);
      free(text);
      free(copy);
    }
  }
}
