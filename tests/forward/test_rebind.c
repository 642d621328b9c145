/* test_rebind.c: which answers lead strangers' names to private addresses. */
#include <criterion/criterion.h>

#include "forward/rebind.h"
#include "kit/made.h"

static struct made made;
static struct rebind filter = {.on = true};

static bool refuses(void) {
  struct answer_view v = answer_view(&made.answer);
  return rebind_refuses(&filter, &made.question, &v);
}

static bool refuses_a(const char *address) {
  made_start(&made, "host.example", TYPE_A, RCODE_NOERROR);
  made_add(&made, SECTION_ANSWER, "host.example", TYPE_A, 60, rd_a("192.0.2.1"));
  made_add(&made, SECTION_ANSWER, "host.example", TYPE_A, 60, rd_a(address));
  made_done(&made, 0);
  return refuses();
}

static bool refuses_aaaa(const char *address) {
  made_start(&made, "host.example", TYPE_AAAA, RCODE_NOERROR);
  made_add(&made, SECTION_ANSWER, "host.example", TYPE_CNAME, 60, rd_name("other.example"));
  made_add(&made, SECTION_ANSWER, "other.example", TYPE_AAAA, 60, rd_aaaa(address));
  made_done(&made, 0);
  return refuses();
}

static void exempt(const char *name) {
  struct rebind_name *x = &filter.exempt[filter.exempt_count++];
  x->len = (uint8_t)name_parse(name, x->octets);
}

Test(rebind, private_ipv4_addresses_are_refused_to_their_last_and_no_others) {
  static const char *const bad[] = {"0.0.0.0",     "0.255.255.255",   "10.0.0.0",   "10.255.255.255",
                                    "100.64.0.0",  "100.127.255.255", "127.0.0.1",  "127.255.255.255",
                                    "169.254.0.0", "169.254.255.255", "172.16.0.0", "172.31.255.255",
                                    "192.168.0.0", "192.168.255.255"};
  static const char *const good[] = {"1.0.0.0",     "9.255.255.255",   "11.0.0.0",   "100.63.255.255",
                                     "100.128.0.0", "126.255.255.255", "128.0.0.0",  "169.253.255.255",
                                     "169.255.0.0", "172.15.255.255",  "172.32.0.0", "192.167.255.255",
                                     "192.169.0.0"};
  for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) cr_expect(refuses_a(bad[i]), "%s", bad[i]);
  for (unsigned i = 0; i < sizeof good / sizeof *good; i++) cr_expect_not(refuses_a(good[i]), "%s", good[i]);
}

Test(rebind, private_ipv6_addresses_are_refused_and_those_that_hold_private_ipv4_ones) {
  static const char *const bad[] = {"::",
                                    "::1",
                                    "fe80::1",
                                    "febf::1",
                                    "fec0::1",
                                    "fc00::1",
                                    "fdff::1",
                                    "::ffff:10.0.0.1",
                                    "::ffff:127.0.0.1",
                                    "64:ff9b::c0a8:1",
                                    "2002:c0a8:1::1",
                                    "::10.0.0.1"};
  static const char *const good[] = {"2001:db8::1",      "fe00::1",           "ff02::1",
                                     "::ffff:192.0.2.1", "64:ff9b::c000:201", "2002:c000:201::1",
                                     "64:ff9c::a00:1"};
  for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) cr_expect(refuses_aaaa(bad[i]), "%s", bad[i]);
  for (unsigned i = 0; i < sizeof good / sizeof *good; i++)
    cr_expect_not(refuses_aaaa(good[i]), "%s", good[i]);
}

Test(rebind, address_hints_count_as_addresses) {
  static const uint8_t private[] = {0, 1, 0, 0,   1, 0, 3, 2,   'h', '2', 0,
                                    4, 0, 8, 192, 0, 2, 1, 192, 168, 0,   1};
  static const uint8_t loopback[] = {0, 1, 0, 0, 6, 0, 16, [22] = 1};
  static const uint8_t cut[] = {0, 1, 0, 0, 4, 0, 8, 10, 0, 0};
  const struct rdata rdata[] = {rd_octets(private, sizeof private), rd_octets(loopback, sizeof loopback),
                                rd_octets(private, sizeof private - 4 - 8), rd_octets(cut, sizeof cut),
                                rd_octets(cut, 1)};
  for (unsigned i = 0; i < sizeof rdata / sizeof *rdata; i++) {
    made_start(&made, "host.example", 65, RCODE_NOERROR);
    made_add(&made, SECTION_ANSWER, "host.example", 65, 60, rdata[i]);
    made_done(&made, 0);
    cr_expect_eq(refuses(), i < 2, "%u", i);
  }
}

Test(rebind, exempt_names_and_what_is_below_may_lead_anywhere) {
  exempt("home.example");
  exempt("host.example");
  cr_expect_not(refuses_a("192.168.0.1"));
  filter.exempt_count = 1;
  cr_expect(refuses_a("192.168.0.1"));
}

/* Else whoever owns a name could lead it to the address of an exempt one. */
Test(rebind, an_alias_of_an_exempt_name_is_not_exempt) {
  exempt("other.example");
  cr_expect(refuses_aaaa("fd00::1"));
}

Test(rebind, off_refuses_nothing) {
  filter.on = false;
  cr_expect_not(refuses_a("10.0.0.1"));
  cr_expect_not(rebind_refuses(NULL, &made.question, &(struct answer_view){0}));
}
