/* test_addr.c: socket addresses from text and back. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <net/if.h>
#include <string.h>

#include "base/addr.h"

static union addr parsed(const char *text, uint16_t port) {
  union addr a;
  cr_assert(addr_parse(text, port, &a), "%s", text);
  return a;
}

Test(addr, parses_every_form_and_formats_it_with_its_port) {
  static const struct {
    const char *text, *formatted;
  } cases[] = {
      {"192.0.2.1", "192.0.2.1:53"},
      {"192.0.2.1:5353", "192.0.2.1:5353"},
      {"0.0.0.0", "0.0.0.0:53"},
      {"255.255.255.255:65535", "255.255.255.255:65535"},
      {"::", "[::]:53"},
      {"::1", "[::1]:53"},
      {"[::1]", "[::1]:53"},
      {"[::1]:1", "[::1]:1"},
      {"2001:db8::1", "[2001:db8::1]:53"},
      {"[2001:DB8:0:0::1]:853", "[2001:db8::1]:853"},
      {"::ffff:192.0.2.1", "[::ffff:192.0.2.1]:53"},
      {"1111:2222:3333:4444:5555:6666:7777:8888", "[1111:2222:3333:4444:5555:6666:7777:8888]:53"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[ADDR_TEXT];
    union addr a = parsed(cases[i].text, 53), again;
    cr_expect_str_eq(addr_format(&a, text), cases[i].formatted);
    again = parsed(text, 1);
    cr_expect(addr_equal(&a, &again), "%s", text);
  }
}

Test(addr, refuses_what_is_no_address_and_leaves_out_untouched) {
  static const char *const wrong[] = {
      "",
      " ",
      "localhost",
      "192.0.2",
      "192.0.2.256",
      "192.0.2.1.5",
      "192.0.2.1:",
      "192.0.2.1:0",
      "192.0.2.1:65536",
      "192.0.2.1:+53",
      "192.0.2.1:-1",
      "192.0.2.1: 53",
      "192.0.2.1:53x",
      "192.0.2.1:99999999999999999999",
      " 192.0.2.1",
      "192.0.2.1 ",
      ":53",
      "[]",
      "[]:53",
      "[192.0.2.1]:53",
      "[::1",
      "[::1]53",
      "[::1]:",
      "[::1]:0",
      "[::1]:65536",
      "[::1]x",
      "::1]",
      ":::",
      "1:2:3:4:5:6:7:8:9",
      "g::1",
      "fe80::1%no-such-interface",
      "fe80::1%",
      "%lo",
      "[%lo]:53",
      "192.0.2.1%lo",
      ("1111:2222:3333:4444:5555:6666:7777:8888:1111:2222:3333:4444:5555:6666:7777:8888:1111:2222:3333:4444:"
       "5555:6666"),
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    union addr a, before;
    memset(&a, 0xa5, sizeof a);
    before = a;
    cr_expect_not(addr_parse(wrong[i], 53, &a), "\"%s\"", wrong[i]);
    cr_expect_arr_eq(&a, &before, sizeof a, "\"%s\" touched the address", wrong[i]);
  }
}

Test(addr, text_of_any_length_is_safe) {
  char text[4096];
  union addr a;
  for (size_t n = 0; n < 300; n++) {
    memset(text, '1', n);
    text[n] = 0;
    cr_expect_not(addr_parse(text, 53, &a));
    memset(text, ':', n);
    if (n == 2) continue;
    cr_expect_not(addr_parse(text, 53, &a));
    memset(text, '[', n);
    cr_expect_not(addr_parse(text, 53, &a));
  }
}

Test(addr, a_scope_is_part_of_the_address) {
  unsigned lo = if_nametoindex("lo");
  if (!lo) cr_skip_test("no interface named lo");
  union addr scoped = parsed("fe80::1%lo", 53), bracketed = parsed("[fe80::1%lo]:53", 1),
             plain = parsed("fe80::1", 53);
  cr_expect_eq(scoped.v6.sin6_scope_id, lo);
  cr_expect(addr_equal(&scoped, &bracketed));
  cr_expect_not(addr_same_host(&scoped, &plain));
}

Test(addr, equality_counts_family_host_and_port) {
  union addr a = parsed("192.0.2.1:53", 1), same = parsed("192.0.2.1", 53), port = parsed("192.0.2.1:54", 1);
  union addr host = parsed("192.0.2.2:53", 1), mapped = parsed("[::ffff:192.0.2.1]:53", 1);
  union addr v6 = parsed("[::1]:53", 1), v6_port = parsed("[::1]:54", 1), v6_host = parsed("[::2]:53", 1);
  cr_expect(addr_equal(&a, &same));
  cr_expect_not(addr_equal(&a, &port));
  cr_expect(addr_same_host(&a, &port));
  cr_expect_not(addr_same_host(&a, &host));
  cr_expect_not(addr_same_host(&a, &mapped));
  cr_expect(addr_same_host(&v6, &v6_port));
  cr_expect_not(addr_equal(&v6, &v6_port));
  cr_expect_not(addr_same_host(&v6, &v6_host));
}

Test(addr, knows_loopback_and_wildcard) {
  static const struct {
    const char *text;
    bool loopback, any;
  } cases[] = {
      {"127.0.0.1", true, false},
      {"127.255.255.255", true, false},
      {"126.255.255.255", false, false},
      {"128.0.0.0", false, false},
      {"0.0.0.0", false, true},
      {"::", false, true},
      {"::1", true, false},
      {"::2", false, false},
      {"::ffff:127.0.0.1", true, false},
      {"::ffff:127.9.9.9", true, false},
      {"::ffff:128.0.0.1", false, false},
      {"fe80::7f00:1", false, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    union addr a = parsed(cases[i].text, 53);
    cr_expect_eq(addr_is_loopback(&a), cases[i].loopback, "%s", cases[i].text);
    cr_expect_eq(addr_is_any(&a), cases[i].any, "%s", cases[i].text);
  }
}

Test(addr, length_and_port_fit_the_family) {
  union addr v4 = parsed("192.0.2.1:1", 2), v6 = parsed("::1", 65535);
  cr_expect_eq(addr_len(&v4), sizeof(struct sockaddr_in));
  cr_expect_eq(addr_len(&v6), sizeof(struct sockaddr_in6));
  cr_expect_eq(addr_port(&v4), 1);
  cr_expect_eq(addr_port(&v6), 65535);
}

Test(addr, knows_private_ones) {
  static const struct {
    const char *text;
    bool is_private;
  } cases[] = {{"10.1.2.3", true},     {"172.31.0.1", true},     {"172.32.0.1", false},
               {"192.168.0.1", true},  {"169.254.1.1", true},    {"100.127.0.1", true},
               {"9.9.9.9", false},     {"127.0.0.1", true},      {"::1", true},
               {"fd00::1", true},      {"fe80::1", true},        {"2001:db8::1", false},
               {"2620:fe::fe", false}, {"::ffff:10.0.0.1", true}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    union addr a;
    cr_assert(addr_parse(cases[i].text, 53, &a), "%s", cases[i].text);
    cr_expect_eq(addr_is_private(&a), cases[i].is_private, "%s", cases[i].text);
    addr_set_port(&a, 853);
    cr_expect_eq(addr_port(&a), 853);
  }
}
