/* test_cookie.c: server cookies, RFC 9018. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "server/cookie.h"

static void unhex(const char *hex, uint8_t *out) {
  for (unsigned v; sscanf(hex, "%2x", &v) == 1; hex += 2) *out++ = (uint8_t)v;
}

static void expect_hex(const struct query_opts *m, const char *hex) {
  uint8_t want[COOKIE_MAX];
  unhex(hex, want);
  cr_assert_eq(m->cookie_len, strlen(hex) / 2);
  cr_expect_arr_eq(m->cookie, want, m->cookie_len, "%s", hex);
}

/* What a client at `host` that shows `cookie` is answered with; was its cookie good? */
static bool exchange(struct query_opts *m, const char *key_hex, const char *host, uint32_t now_s,
                     const char *cookie) {
  union addr peer;
  struct cookie_keys keys = {0};
  cr_assert(addr_parse(host, 53, &peer));
  unhex(key_hex, keys.now);
  m->cookie_len = (uint8_t)(strlen(cookie) / 2);
  unhex(cookie, m->cookie);
  return cookie_exchange(m, &keys, &peer, now_s);
}

#define KEY "e5e973e5a6b2a43f48e7dc849e37bfcf"

Test(cookie, rfc9018_appendix_a1_a_new_client) {
  struct query_opts m;
  cr_expect_not(exchange(&m, KEY, "198.51.100.100", 1559731985, "2464c4abcf10c957"));
  expect_hex(&m, "2464c4abcf10c957010000005cf79f111f8130c3eee29480");
}

Test(cookie, rfc9018_appendix_a2_forty_minutes_later_it_is_good_and_renewed) {
  struct query_opts m;
  cr_expect(
      exchange(&m, KEY, "198.51.100.100", 1559734385, "2464c4abcf10c957010000005cf79f111f8130c3eee29480"));
  expect_hex(&m, "2464c4abcf10c957010000005cf7a871d4a564a1442aca77");
}

Test(cookie, rfc9018_appendix_a3_reserved_octets_may_be_set) {
  struct query_opts m;
  cr_expect(
      exchange(&m, KEY, "203.0.113.203", 1559727985, "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5"));
  cr_expect_arr_eq(m.cookie + 8, "\1\0\0\0", 4);
}

Test(cookie, rfc9018_appendix_a4_ipv6) {
  struct query_opts m;
  cr_expect(exchange(&m, "dd3bdf9344b678b185a6f5cb60fca715", "2001:db8:220:1:59de:d0f4:8769:82b8", 1559741817,
                     "22681ab97d52c298010000005cf7c57926556bd0934c72f8"));
}

Test(cookie, a_young_one_is_given_back_as_it_is) {
  struct query_opts m;
  const char *young = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";
  cr_expect(exchange(&m, KEY, "198.51.100.100", 1559731985 + COOKIE_RENEW_S - 1, young));
  expect_hex(&m, young);
}

Test(cookie, is_good_for_an_hour_and_not_longer) {
  struct query_opts m;
  const char *cookie = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";
  cr_expect(exchange(&m, KEY, "198.51.100.100", 1559731985 + COOKIE_OLD_S, cookie));
  cr_expect_not(exchange(&m, KEY, "198.51.100.100", 1559731985 + COOKIE_OLD_S + 1, cookie));
  cr_expect(exchange(&m, KEY, "198.51.100.100", 1559731985 - COOKIE_AHEAD_S, cookie));
  cr_expect_not(exchange(&m, KEY, "198.51.100.100", 1559731985 - COOKIE_AHEAD_S - 1, cookie));
}

Test(cookie, of_another_address_client_key_or_version_is_not_good) {
  struct query_opts m;
  const char *cookie = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";
  cr_expect_not(exchange(&m, KEY, "198.51.100.101", 1559731985, cookie));
  cr_expect_not(exchange(&m, "e5e973e5a6b2a43f48e7dc849e37bfce", "198.51.100.100", 1559731985, cookie));
  cr_expect_not(
      exchange(&m, KEY, "198.51.100.100", 1559731985, "2464c4abcf10c956010000005cf79f111f8130c3eee29480"));
  cr_expect_not(
      exchange(&m, KEY, "198.51.100.100", 1559731985, "2464c4abcf10c957020000005cf79f111f8130c3eee29480"));
  cr_expect_not(
      exchange(&m, KEY, "198.51.100.100", 1559731985, "2464c4abcf10c957010000005cf79f111f8130c3eee29481"));
  cr_expect_not(
      exchange(&m, KEY, "198.51.100.100", 1559731985, "2464c4abcf10c957010000005cf79f111f8130c3eee2948000"));
  expect_hex(&m, "2464c4abcf10c957010000005cf79f111f8130c3eee29480");
}

/* ---- keys ---- */

enum { DAY_S = 86400, MORNING_S = 20000 * DAY_S };

static bool show(struct query_opts *m, struct cookie_keys *keys, uint32_t now_s) {
  static const uint8_t secret[SIPHASH_KEY] = "a secret of ours";
  union addr peer;
  cr_assert(addr_parse("192.0.2.1", 53, &peer));
  cookie_keys_roll(keys, secret, now_s);
  return cookie_exchange(m, keys, &peer, now_s);
}

Test(cookie, rfc7873_no_key_signs_for_longer_than_a_day) {
  struct cookie_keys keys = {0}, before;
  struct query_opts m = {.cookie_len = 8};
  show(&m, &keys, MORNING_S);
  before = keys;
  show(&m, &keys, MORNING_S + DAY_S - 1);
  cr_expect_arr_eq(&keys, &before, sizeof keys);
  show(&m, &keys, MORNING_S + DAY_S);
  cr_expect_arr_neq(keys.now, before.now, SIPHASH_KEY);
  cr_expect_arr_eq(keys.before, before.now, SIPHASH_KEY);
}

Test(cookie, rfc7873_one_given_before_midnight_is_good_after_it_and_renewed) {
  struct cookie_keys keys = {0};
  struct query_opts m = {.cookie_len = 8}, again;
  show(&m, &keys, MORNING_S - 1);
  again = m;
  cr_expect(show(&again, &keys, MORNING_S + 1));
  cr_expect_arr_neq(again.cookie, m.cookie, sizeof m.cookie, "with the new key");
  cr_expect(show(&again, &keys, MORNING_S + 2));
}

Test(cookie, rfc9018_threads_that_share_the_secret_take_each_others_cookies) {
  struct cookie_keys one = {0}, other = {0};
  struct query_opts m = {.cookie_len = 8};
  show(&m, &one, MORNING_S);
  cr_expect(show(&m, &other, MORNING_S + 10));
}
