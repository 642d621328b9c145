/* test_special.c: names that no server is to be asked for. */
#include <criterion/criterion.h>

#include "dns/special.h"
#include "kit/made.h"
#include "kit/seen.h"

static struct asked asked;
static struct seen s;
static uint8_t out[DNS_UDP_PLAIN];

/* Is it answered here? Then `s` is how. */
static bool ask(const char *name, uint16_t type) {
  asked_edns(&asked, name, type, 1232, true);
  size_t len = special_answer(&asked.query, out);
  cr_assert_eq(len > 0, special_is(&asked.query.question));
  if (len) cr_assert(seen_read(&s, out, len), "%s: %s", name, s.why);
  return len > 0;
}

static void expect_soa_of(const char *zone) {
  uint8_t name[NAME_MAX_LEN];
  size_t len = name_parse(zone, name);
  cr_assert_eq(s.ns, 1);
  cr_expect_eq(s.records[0].type, TYPE_SOA);
  cr_expect(name_equal(s.records[0].owner, s.records[0].owner_len, name, len), "%s", zone);
  cr_expect_gt(s.records[0].ttl, 0);
}

static bool is_private(const char *name) {
  asked_edns(&asked, name, TYPE_PTR, 1232, true);
  return special_is_private(&asked.query.question);
}

Test(special, rfc6303_names_of_private_networks_are_nobodys_to_sign) {
  static const char *const yes[] = {
      "nas.local",
      "a.TEST",
      "home.arpa",
      "printer.HOME.arpa",
      "4.3.2.10.in-addr.arpa",
      "10.in-addr.arpa",
      "1.16.172.in-addr.arpa",
      "31.172.IN-ADDR.arpa",
      "1.1.64.100.in-addr.arpa",
      "127.100.in-addr.arpa",
      "5.1.168.192.in-addr.arpa",
      "1.254.169.in-addr.arpa",
      "1.0.0.127.in-addr.arpa",
      "1.2.0.192.in-addr.arpa",
      "1.d.f.ip6.arpa",
      "0.8.e.f.ip6.arpa",
      "b.e.f.ip6.arpa",
      "1.8.b.d.0.1.0.0.2.ip6.arpa",
      "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa"};
  static const char *const no[] = {"arpa",
                                   "in-addr.arpa",
                                   "local.example",
                                   "test.arpa",
                                   "home.example",
                                   "11.in-addr.arpa",
                                   "172.in-addr.arpa",
                                   "15.172.in-addr.arpa",
                                   "32.172.in-addr.arpa",
                                   "x.172.in-addr.arpa",
                                   "1716.172.in-addr.arpa",
                                   "63.100.in-addr.arpa",
                                   "128.100.in-addr.arpa",
                                   "192.in-addr.arpa",
                                   "168.193.in-addr.arpa",
                                   "f.ip6.arpa",
                                   "c.e.f.ip6.arpa",
                                   "16.172.in-addr.arpa.example",
                                   "lab"};
  for (unsigned i = 0; i < sizeof yes / sizeof *yes; i++) cr_expect(is_private(yes[i]), "%s", yes[i]);
  for (unsigned i = 0; i < sizeof no / sizeof *no; i++) cr_expect_not(is_private(no[i]), "%s", no[i]);
}

Test(special, rfc6761_localhost_and_what_is_below_is_this_machine) {
  static const char *const names[] = {"localhost", "LocalHost.", "xmpp.localhost", "a.b.c.LOCALHOST"};
  for (unsigned i = 0; i < 4; i++) {
    cr_assert(ask(names[i], TYPE_A));
    cr_assert_eq(s.an, 1);
    cr_expect_arr_eq(record_rdata(&s.records[0]), "\177\0\0\1", 4);
    cr_assert(ask(names[i], TYPE_AAAA));
    cr_assert_eq(s.records[0].rdlen, 16);
    cr_expect_eq(record_rdata(&s.records[0])[15], 1);
    cr_assert(ask(names[i], TYPE_SRV));
    cr_expect_eq(s.rcode, RCODE_NOERROR);
    cr_expect_eq(s.an, 0);
    expect_soa_of("localhost");
  }
}

Test(special, rfc6761_rfc7686_rfc9476_other_worlds_do_not_exist) {
  static const char *const names[][2] = {{"invalid", "invalid"},
                                         {"a.invalid", "invalid"},
                                         {"x.onion", "onion"},
                                         {"onion", "onion"},
                                         {"_xmpp-client._tcp.x.ONION", "onion"},
                                         {"a.alt", "alt"}};
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    cr_assert(ask(names[i][0], TYPE_A), "%s", names[i][0]);
    cr_expect_eq(s.rcode, RCODE_NXDOMAIN);
    cr_expect_eq(s.an, 0);
    expect_soa_of(names[i][1]);
  }
}

Test(special, rfc9462_nothing_is_said_of_another_resolver) {
  cr_assert(ask("_dns.resolver.arpa", 64));
  cr_expect_eq(s.rcode, RCODE_NOERROR);
  cr_expect_eq(s.an, 0);
  expect_soa_of("resolver.arpa");
}

Test(special, all_other_names_are_the_servers) {
  static const char *const names[] = {".",
                                      "lab",
                                      "localhost.lab",
                                      "notlocalhost",
                                      "invalid.org",
                                      "onion.org",
                                      "xonion",
                                      "arpa",
                                      "resolver.arpa.lab",
                                      "chat.corp.local",
                                      "a.test",
                                      "router.home.arpa",
                                      "salt",
                                      "1.0.168.192.in-addr.arpa",
                                      "example.org"};
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
    cr_expect_not(ask(names[i], TYPE_A), "%s", names[i]);
}

Test(special, other_classes_are_the_servers) {
  asked_plain(&asked, "localhost", TYPE_A);
  store_u16(asked.msg.octets + asked.msg.len - 2, 4);
  asked_again(&asked);
  cr_expect_eq(special_answer(&asked.query, out), 0);
}

Test(special, the_longest_name_fits) {
  char name[256];
  memset(name, 'a', sizeof name);
  for (int i = 63; i < 245; i += 64) name[i] = '.';
  strcpy(name + 243, ".localhost");
  cr_assert(ask(name, TYPE_AAAA));
  cr_expect_eq(s.an, 1);
  cr_assert(ask(name, TYPE_MX));
  cr_expect_eq(s.ns, 1);
}
