/* test_prefix.c: address prefixes, and who lies in them. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/prefix.h"

static struct prefix parsed(const char *text) {
  struct prefix p;
  cr_assert(prefix_parse(text, &p), "%s", text);
  return p;
}

static bool has(const char *prefix, const char *host) {
  struct prefix p = parsed(prefix);
  union addr a;
  cr_assert(addr_parse(host, 53, &a), "%s", host);
  return prefix_has(&p, &a);
}

Test(prefix, parses_what_it_formats) {
  static const char *const same[] = {"0.0.0.0/0",   "10.0.0.0/8", "192.0.2.128/25", "192.0.2.1/32",
                                     "::/0",        "fd00::/8",   "2001:db8::/33",  "2001:db8::1/128",
                                     "128.0.0.0/1", "8000::/1"};
  char text[PREFIX_TEXT];
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
    struct prefix p = parsed(same[i]);
    cr_expect_str_eq(prefix_format(&p, text), same[i]);
  }
  struct prefix host = parsed("192.0.2.7"), host6 = parsed("2001:DB8::7");
  cr_expect_str_eq(prefix_format(&host, text), "192.0.2.7/32");
  cr_expect_str_eq(prefix_format(&host6, text), "2001:db8::7/128");
}

Test(prefix, refuses_what_is_none_and_leaves_out_untouched) {
  static const char *const wrong[] = {"",
                                      "/",
                                      "/8",
                                      "10",
                                      "10.0.0.0/",
                                      "10.0.0.0/33",
                                      "10.0.0.0/-1",
                                      "10.0.0.0/+8",
                                      "10.0.0.0/ 8",
                                      "10.0.0.0/8 ",
                                      "10.0.0.0/8x",
                                      "10.0.0.0//8",
                                      "10.0.0.1/8",
                                      "192.0.2.129/25",
                                      "fd00::/129",
                                      "fd00::1/64",
                                      "any",
                                      "10.0.0.0/0000008",
                                      "10.0.0.0/99999999999999999999",
                                      "::ffff:10.0.0.0/130",
                                      "1:2:3:4:5:6:7:8:9/1"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct prefix p, before;
    memset(&p, 0xa5, sizeof p);
    before = p;
    cr_expect_not(prefix_parse(wrong[i], &p), "\"%s\"", wrong[i]);
    cr_expect_arr_eq(&p, &before, sizeof p);
  }
}

Test(prefix, has_its_first_and_last_address_and_not_those_beside_it) {
  cr_expect(has("192.0.2.128/25", "192.0.2.128"));
  cr_expect(has("192.0.2.128/25", "192.0.2.255"));
  cr_expect_not(has("192.0.2.128/25", "192.0.2.127"));
  cr_expect_not(has("192.0.2.128/25", "192.0.3.0"));
  cr_expect(has("2001:db8::/33", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff"));
  cr_expect_not(has("2001:db8::/33", "2001:db8:8000::"));
  cr_expect(has("0.0.0.0/0", "255.255.255.255"));
  cr_expect(has("::/0", "ff::1"));
  cr_expect(has("192.0.2.7", "192.0.2.7"));
  cr_expect_not(has("192.0.2.7", "192.0.2.6"));
}

Test(prefix, families_are_apart_but_mapped_ipv4_is_ipv4) {
  cr_expect_not(has("0.0.0.0/0", "2001:db8::1"));
  cr_expect_not(has("::/0", "192.0.2.1"));
  cr_expect(has("192.0.2.0/24", "::ffff:192.0.2.1"));
  cr_expect_not(has("::/0", "::ffff:192.0.2.1"));
}

Test(prefix, of_mapped_ipv4_counts_its_bits_behind_the_first_96) {
  static const char *const same[][2] = {{"::ffff:10.77.0.0/112", "10.77.0.0/16"},
                                        {"::ffff:0:0/96", "0.0.0.0/0"},
                                        {"::ffff:10.77.0.1", "10.77.0.1/32"},
                                        {"::FFFF:a4d:0/112", "10.77.0.0/16"}};
  static const char *const wrong[] = {"::ffff:10.77.0.0/95", "::ffff:0:0/16", "::ffff:10.77.0.0/16",
                                      "::ffff:10.77.0.1/112", "::ffff:10.77.0.0/0"};
  char text[PREFIX_TEXT];
  struct prefix p;
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
    p = parsed(same[i][0]);
    cr_expect_str_eq(prefix_format(&p, text), same[i][1]);
  }

  cr_expect(has("::ffff:10.77.0.0/112", "10.77.200.1") && has("::ffff:10.77.0.0/112", "::ffff:10.77.200.1"));
  cr_expect_not(has("::ffff:10.77.0.0/112", "10.78.0.1"));
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    cr_expect_not(prefix_parse(wrong[i], &p), "%s", wrong[i]);
}

Test(prefix, of_a_host_is_an_ipv4_address_or_64_bits_of_ipv6) {
  static const char *const same[][2] = {{"10.77.0.1", "10.77.0.1/32"},
                                        {"::ffff:10.77.0.1", "10.77.0.1/32"},
                                        {"2001:db8:0:7:1:2:3:4", "2001:db8:0:7::/64"}};
  char text[PREFIX_TEXT];
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
    union addr a;
    cr_assert(addr_parse(same[i][0], 53, &a));
    struct prefix p = prefix_of_host(&a);
    cr_expect_str_eq(prefix_format(&p, text), same[i][1]);
  }
}

Test(prefix, of_an_address_clears_what_is_behind_its_bits) {
  union addr a;
  char text[PREFIX_TEXT];
  cr_assert(addr_parse("203.0.113.255", 53, &a));
  struct prefix p = prefix_of(&a, 27), all = prefix_of(&a, 128);
  cr_expect_str_eq(prefix_format(&p, text), "203.0.113.224/27");
  cr_expect_str_eq(prefix_format(&all, text), "203.0.113.255/32");
}
