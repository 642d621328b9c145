/* test_access.c: who may ask, and how often. */
#include <criterion/criterion.h>

#include "server/access.h"

static struct access_policy options;

static union addr host(const char *text) {
  union addr a;
  cr_assert(addr_parse(text, 53, &a), "%s", text);
  return a;
}

static void allow(const char *text) {
  cr_assert(prefix_parse(text, &options.allow[options.allow_count++]), "%s", text);
}

static bool may(const char *peer, const char *local) {
  struct access *a = access_new(&options);
  union addr p = host(peer), l = host(local);
  bool yes = access_may(a, &p, &l);
  cr_expect_eq(access_check(a, &p, &l, false, 1), yes ? ACCESS_GRANTED : ACCESS_DENIED);
  access_free(a);
  return yes;
}

/* How many of n queries at this time are taken. */
static unsigned taken(struct access *a, const char *peer, bool proven, uint64_t now_ms, unsigned n) {
  union addr p = host(peer), local = host("10.0.0.1");
  unsigned granted = 0;
  while (n-- > 0) granted += access_check(a, &p, &local, proven, now_ms) == ACCESS_GRANTED;
  return granted;
}

Test(access, this_machine_may_always) {
  cr_expect(may("127.0.0.1", "127.0.0.1"));
  cr_expect(may("127.1.2.3", "127.0.0.53"));
  cr_expect(may("::1", "::1"));
  cr_expect(may("203.0.113.9", "203.0.113.9"));
  cr_expect(may("2001:db8::9", "2001:db8::9"));
}

Test(access, others_may_only_when_allowed) {
  cr_expect_not(may("10.0.0.7", "10.0.0.1"));
  allow("10.0.0.0/24");
  allow("2001:db8:1::/48");
  cr_expect(may("10.0.0.7", "10.0.0.1"));
  cr_expect_not(may("10.0.1.7", "10.0.0.1"));
  cr_expect(may("2001:db8:1:ffff::7", "2001:db8::1"));
  cr_expect_not(may("2001:db8:2::7", "2001:db8::1"));
}

Test(access, a_host_over_its_rate_is_limited_until_time_has_passed) {
  allow("10.0.0.0/8");
  options.rate = 10;
  struct access *a = access_new(&options);
  cr_expect_eq(taken(a, "10.0.0.7", false, 5000, 100), 10);
  cr_expect_eq(taken(a, "10.0.0.8", false, 5000, 100), 10, "another host has its own");
  cr_expect_eq(taken(a, "10.0.0.7", false, 5050, 100), 0);
  cr_expect_eq(taken(a, "10.0.0.7", false, 5100, 100), 1, "one each 100 ms");
  cr_expect_eq(taken(a, "10.0.0.7", false, 905100, 100), 10, "never more than a second's");
  access_free(a);
}

Test(access, what_hosts_have_asked_stands_when_other_options_come) {
  allow("10.0.0.0/8");
  options.rate = 10;
  struct access *before = access_new(&options);
  cr_expect_eq(taken(before, "10.0.0.7", false, 5000, 8), 8);
  options.rate = 4;
  struct access *a = access_new(&options);
  access_inherit(a, before);
  access_free(before);
  cr_expect_eq(taken(a, "10.0.0.7", false, 5000, 100), 2);
  cr_expect_eq(taken(a, "10.0.0.8", false, 5000, 100), 4);
  options.rate = 0;
  struct access *without = access_new(&options);
  access_inherit(without, a);
  access_free(a);
  cr_expect_eq(taken(without, "10.0.0.7", false, 5000, 100), 100, "no limit any more");
  access_free(without);
}

Test(access, a_proven_sender_is_not_limited_by_what_is_sent_in_its_name) {
  allow("10.0.0.0/8");
  options.rate = 10;
  struct access *a = access_new(&options);
  cr_expect_eq(taken(a, "10.0.0.7", false, 5000, 1000), 10);
  cr_expect_eq(taken(a, "10.0.0.7", true, 5000, 5), 5);
  access_free(a);
}

Test(access, a_host_of_ipv6_is_its_64_bits) {
  allow("fd00::/8");
  options.rate = 10;
  struct access *a = access_new(&options);
  cr_expect_eq(taken(a, "fd00::1", false, 5000, 6) + taken(a, "fd00::2", false, 5000, 6), 10);
  cr_expect_eq(taken(a, "fd00:0:0:1::1", false, 5000, 6), 6);
  access_free(a);
}

Test(access, loopback_is_never_limited) {
  options.rate = 1;
  struct access *a = access_new(&options);
  cr_expect_eq(taken(a, "127.0.0.1", false, 5000, 1000), 1000);
  access_free(a);
}

Test(access, many_hosts_are_counted_without_growing) {
  allow("10.0.0.0/8");
  options.rate = 2;
  struct access *a = access_new(&options);
  union addr local = host("10.0.0.1"), p = host("10.0.0.2");
  for (uint32_t i = 0; i < 100000; i++) {
    p.v4.sin_addr.s_addr = htonl(0x0a000002 + i);
    cr_assert_eq(access_check(a, &p, &local, false, 5000 + i / 100), ACCESS_GRANTED);
  }
  access_free(a);
}

/* Each of the others sends one query, or two, so that some of them are limited themselves. */
static void expect_limited_through_a_flood(unsigned each) {
  options = (struct access_policy){.rate = 10};
  allow("10.0.0.0/8");
  struct access *a = access_new(&options);
  union addr local = host("10.0.0.1"), p = host("10.0.0.2");
  unsigned freed = 0, turned_away = 0;

  cr_expect_eq(taken(a, "10.0.0.7", false, 5000, 100), 10);
  for (uint32_t i = 0; i < 100000; i++) {
    p.v4.sin_addr.s_addr = htonl(0x0a010002 + i);
    turned_away += access_check(a, &p, &local, false, 5000) != ACCESS_GRANTED;
    for (unsigned more = 1; more < each; more++) access_check(a, &p, &local, false, 5000);
    if (i % 100 == 0) freed += taken(a, "10.0.0.7", false, 5000, 1);
  }

  cr_expect_leq(freed, 1, "%u queries of the limited host were taken", freed);
  cr_expect_eq(turned_away, 0, "who was not there yet gets one answer at least");
  cr_expect_eq(taken(a, "10.0.0.7", false, 6000, 100), 10);
  access_free(a);
}

Test(access, a_flood_of_other_senders_frees_no_limited_host) {
  expect_limited_through_a_flood(1);
  expect_limited_through_a_flood(2);
}

Test(access, a_host_of_mapped_ipv4_is_that_host) {
  allow("::ffff:10.0.0.0/104");
  options.rate = 10;
  struct access *a = access_new(&options);
  cr_expect_eq(taken(a, "10.0.0.7", false, 5000, 6) + taken(a, "::ffff:10.0.0.7", false, 5000, 6), 10);
  cr_expect_eq(taken(a, "::ffff:10.0.0.8", false, 5000, 6), 6);
  access_free(a);
}

Test(access, tells_public_addresses_from_others) {
  static const char *const others[] = {
      "127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.0.1",  "169.254.1.1",    "192.0.2.1",
      "::1",       "::",       "fd12::1",    "fe80::1",     "2001:db8::1", "::ffff:10.0.0.1"};
  static const char *const everywhere[] = {"8.8.8.8",     "172.32.0.1",    "172.15.255.255", "11.0.0.1",
                                           "100.128.0.1", "192.169.0.1",   "2606:4700::1",   "2001:db9::1",
                                           "fec0::1",     "::ffff:8.8.8.8"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    union addr a = host(others[i]);
    cr_expect_not(access_is_public(&a), "%s", others[i]);
  }
  for (size_t i = 0; i < sizeof everywhere / sizeof *everywhere; i++) {
    union addr a = host(everywhere[i]);
    cr_expect(access_is_public(&a), "%s", everywhere[i]);
  }
}

Test(access, loopback_needs_no_networks_and_a_public_address_needs_somebody_to_say_who_may) {
  union addr loopback = host("127.0.0.1"), public = host("8.8.8.8");
  char *text = NULL;
  size_t len;
  FILE *err = open_memstream(&text, &len);
  cr_expect(access_find_networks(&options, &loopback, 1, err));
  cr_expect_eq(options.allow_count, 0);
  cr_expect_not(access_find_networks(&options, &public, 1, err));
  fclose(err);
  cr_expect_str_eq(text, "jidnsd: --listen '8.8.8.8:53': a public address, so anybody could ask; say who may "
                         "with --allow, such as "
                         "--allow 192.168.0.0/16 (or --allow any)\n");
  free(text);
}
