/* test_who.c: clients that may not ask, that show cookies, that ask for keepalive. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "scenario/kit.h"

static struct world *w;
static struct access_policy options;
static uint8_t late[DNS_MSG_MAX];
static size_t late_len;

static void fresh(void) {
  w = world_new(&(struct world_options){0});
  zone_add(&w->zone, "a.lab", TYPE_A, 300, rd_a("192.0.2.1"));
  w->wiring.serve.policy.cookies = true;
  w->wiring.serve.idle_ms = 10000;
}

static void end(void) {
  access_free(w->wiring.serve.access);
  world_free(w);
}

TestSuite(who, .init = fresh, .fini = end);

static void keep(const struct client *c, const uint8_t *msg, size_t len) {
  (void)c;
  memcpy(late, msg, late_len = len);
}

static struct client from(const char *host, bool tcp) {
  struct client c = {.deliver = keep, .transport = tcp ? TRANSPORT_TCP : TRANSPORT_UDP};
  cr_assert(addr_parse(host, 53, &c.peer) && addr_parse("10.0.0.1", 53, &c.local));
  return c;
}

/* Asks for a.lab A with these options; waits. The answer's length, in `late`. */
static size_t ask(const struct client *c, const void *octets, size_t n) {
  static struct msg m;
  msg_query(&m, "a.lab", TYPE_A);
  msg_opt(&m, 1232, 0, false, octets, n);
  late_len = 0;
  int len = serve_query(&w->wiring.serve, m.octets, m.len, c, w->now_ms, w->out);
  if (len == SERVE_LATER) world_run_ms(w, 1000);
  else memcpy(late, w->out, late_len = (size_t)len);
  return late_len;
}

/* That option of the answer; its length, -1 if there is none. */
static int option(uint16_t code, const uint8_t **octets) {
  static struct seen s;
  cr_assert(late_len > 0 && seen_read(&s, late, late_len), "%s", s.why);
  for (size_t at = 0; at + 4 <= s.options_len; at += 4u + load_u16(s.options + at + 2)) {
    *octets = s.options + at + 4;
    if (load_u16(s.options + at) == code) return load_u16(s.options + at + 2);
  }
  return -1;
}

static unsigned seen_rcode(void) {
  static struct seen s;
  cr_assert(seen_read(&s, late, late_len), "%s", s.why);
  return s.rcode;
}

static unsigned rcode(void) { return late[3] & DNS_RCODE; }

static void restrict_to(const char *prefix, uint32_t rate) {
  options = (struct access_policy){.allow_count = 1, .rate = rate};
  cr_assert(prefix_parse(prefix, &options.allow[0]));
  w->wiring.serve.access = access_new(&options);
}

#define COOKIE "\0\012\0\010abcdefgh"

Test(who, rfc7873_a_cookie_is_answered_with_the_clients_and_ours_at_once_and_after_waiting) {
  struct client c = from("10.0.0.7", false);
  const uint8_t *first, *second;
  uint8_t kept[24];
  ask(&c, COOKIE, 12);
  cr_assert_eq(option(OPT_COOKIE, &first), 24);
  cr_expect_arr_eq(first, "abcdefgh", 8);
  memcpy(kept, first, 24);
  ask(&c, COOKIE, 12);
  cr_assert_eq(option(OPT_COOKIE, &second), 24);
  cr_expect_arr_eq(second, "abcdefgh", 8);
  cr_expect_eq(w->counters.hit, 1);
}

Test(who, rfc7873_every_kind_of_answer_has_the_cookie) {
  struct client c = from("10.0.0.7", false);
  const uint8_t *octets;
  static struct msg m;
  msg_query(&m, "a.lab", TYPE_AXFR);
  msg_opt(&m, 1232, 0, false, COOKIE, 12);
  late_len = (size_t)serve_query(&w->wiring.serve, m.octets, m.len, &c, w->now_ms, late);
  cr_expect_eq(rcode(), RCODE_REFUSED);
  cr_expect_eq(option(OPT_COOKIE, &octets), 24, "REFUSED");
  world_fault(w, "", 0, FAULT_SERVFAIL);
  ask(&c, COOKIE, 12);
  cr_expect_eq(rcode(), RCODE_SERVFAIL);
  cr_expect_eq(option(OPT_COOKIE, &octets), 24, "SERVFAIL");
  cr_expect_gt(option(OPT_EDE, &octets), 2);
}

Test(who, rfc7873_a_cookie_of_a_wrong_length_is_a_format_error) {
  struct client c = from("10.0.0.7", false);
  uint8_t octets[64] = {0, OPT_COOKIE};
  for (unsigned n = 0; n <= 48; n++) {
    octets[3] = (uint8_t)n;
    ask(&c, octets, 4 + n);
    cr_expect_eq(rcode(), n == 8 || (n >= 16 && n <= 40) ? RCODE_NOERROR : RCODE_FORMERR, "%u octets", n);
  }
}

Test(who, no_cookies_are_given_when_they_are_off) {
  struct client c = from("10.0.0.7", false);
  const uint8_t *octets;
  w->wiring.serve.policy.cookies = false;
  ask(&c, COOKIE, 12);
  cr_expect_eq(option(OPT_COOKIE, &octets), -1);
}

Test(who, a_cookie_never_makes_an_answer_longer_than_its_client_takes) {
  struct client c = from("10.0.0.7", false);
  static struct msg m;

  for (unsigned i = 0; i < 40; i++) {
    char host[16];
    snprintf(host, sizeof host, "192.0.2.%u", i + 2);
    zone_add(&w->zone, "many.lab", TYPE_A, 300, rd_a(host));
  }

  for (unsigned size = 512; size < 800; size++) {
    msg_query(&m, "many.lab", TYPE_A);
    msg_opt(&m, (uint16_t)size, 0, false, COOKIE, 12);
    int len = serve_query(&w->wiring.serve, m.octets, m.len, &c, w->now_ms, w->out);
    if (len == SERVE_LATER) world_run_ms(w, 1000);
    else cr_assert_leq((unsigned)len, size);
  }

  cr_expect_gt(w->counters.truncated, 0);
}

Test(who, rfc7828_over_tcp_who_asks_is_told_how_long_it_may_be_idle) {
  struct client tcp = from("10.0.0.7", true), udp = from("10.0.0.7", false);
  const uint8_t *octets;
  ask(&tcp, "\0\013\0\0", 4);
  cr_assert_eq(option(OPT_KEEPALIVE, &octets), 2);
  cr_expect_eq(load_u16(octets), 100, "10 s in units of 100 ms");
  ask(&tcp, "", 0);
  cr_expect_eq(option(OPT_KEEPALIVE, &octets), -1, "who does not ask is not told");
  ask(&udp, "\0\013\0\0", 4);
  cr_expect_eq(option(OPT_KEEPALIVE, &octets), -1, "nor over UDP");
  ask(&tcp, "\0\013\0\2\0\144", 6);
  cr_expect_eq(rcode(), RCODE_FORMERR, "a client gives no time-out");
  ask(&udp, "\0\013\0\2\0\144", 6);
  cr_expect_eq(rcode(), RCODE_NOERROR, "over UDP all of it is ignored");
}

/* ---- a cookie alone ---- */

static unsigned ask_cookie(const struct client *c, const void *octets, size_t n) {
  static struct msg m;
  msg_start(&m, 0);
  msg_opt(&m, 1232, 0, false, octets, n);
  late_len = (size_t)serve_query(&w->wiring.serve, m.octets, m.len, c, w->now_ms, late);
  return seen_rcode();
}

Test(who, rfc7873_a_cookie_may_be_asked_for_without_a_question) {
  struct client c = from("10.0.0.7", false);
  const uint8_t *octets;
  uint8_t shown[28] = "\0\012\0\030";
  cr_expect_eq(ask_cookie(&c, COOKIE, 12), RCODE_NOERROR);
  cr_assert_eq(option(OPT_COOKIE, &octets), 24);
  memcpy(shown + 4, octets, 24);
  cr_expect_eq(ask_cookie(&c, shown, 28), RCODE_NOERROR, "it is good");
  shown[27] ^= 1;
  cr_expect_eq(ask_cookie(&c, shown, 28), RCODE_BADCOOKIE, "it is not");
  cr_assert_eq(option(OPT_COOKIE, &octets), 24);
  w->wiring.serve.policy.cookies = false;
  cr_expect_eq(ask_cookie(&c, COOKIE, 12), RCODE_FORMERR, "no cookies are given");
}

/* ---- sizes ---- */

Test(who, rfc9715_no_datagram_to_another_host_is_larger_than_1232_octets) {
  struct client far = from("10.0.0.7", false), here = from("127.0.0.1", false), tcp = from("10.0.0.7", true);
  static struct msg m;
  for (unsigned i = 0; i < 100; i++) zone_add(&w->zone, "many.lab", TYPE_A, 300, rd_fill((uint8_t)i, 4));
  msg_query(&m, "many.lab", TYPE_A);
  msg_opt(&m, 4096, 0, false, NULL, 0);
  cr_assert_eq(serve_query(&w->wiring.serve, m.octets, m.len, &tcp, w->now_ms, w->out), SERVE_LATER);
  world_run_ms(w, 1000);
  int len = serve_query(&w->wiring.serve, m.octets, m.len, &far, w->now_ms, w->out);
  cr_expect(len <= DNS_UDP_OURS && w->out[2] & DNS_TC);
  len = serve_query(&w->wiring.serve, m.octets, m.len, &here, w->now_ms, w->out);
  cr_expect(len > DNS_UDP_OURS && !(w->out[2] & DNS_TC), "loopback has no path to break it");
  len = serve_query(&w->wiring.serve, m.octets, m.len, &tcp, w->now_ms, w->out);
  cr_expect(len > DNS_UDP_OURS && !(w->out[2] & DNS_TC));
}

Test(who, hosts_that_may_not_ask_are_refused_and_told_why_where_they_sent_enough_for_it) {
  struct client good = from("10.0.0.7", false), bad = from("10.1.0.7", false);
  const uint8_t *octets;
  restrict_to("10.0.0.0/24", 0);
  ask(&good, "", 0);
  cr_expect_eq(rcode(), RCODE_NOERROR);
  ask(&bad, "\0\014\0\2\0\0", 6); /* padding, RFC 7830 */
  cr_expect_eq(rcode(), RCODE_REFUSED);
  cr_assert_eq(option(OPT_EDE, &octets), 2);
  cr_expect_eq(load_u16(octets), EDE_PROHIBITED);
  cr_expect_eq(w->counters.denied, 1);
  cr_expect_eq(w->counters.refused, 1);
}

/* A header with these flags, a question unless the type is 0, OPT of this version, these options. What comes
 * back is no longer. */
static void expect_no_more_than(const struct client *c, uint16_t flags, uint16_t type, uint8_t version,
                                const void *options_at, size_t n) {
  static struct msg m;
  static struct seen s;
  msg_start(&m, flags);
  if (type) msg_question(&m, "a.lab", type, CLASS_IN);
  for (unsigned opt = 0; opt < 2; opt++) {
    int len = serve_query(&w->wiring.serve, m.octets, m.len, c, w->now_ms, w->out);
    cr_expect(len > 0 && len <= (int)m.len,
              "flags %x, type %u, version %u, %zu octets of options: %zu sent, %d came back", flags, type,
              version, n, m.len, len);
    cr_expect(seen_read(&s, w->out, (size_t)len), "%s", s.why);
    if (!opt) msg_opt(&m, 1232, version, false, options_at, n);
  }
}

static void expect_no_more_than_sent(const char *host, bool tcp) {
  static const uint8_t shown[28] = "\0\012\0\030", keepalive[] = {0, OPT_KEEPALIVE, 0, 0},
                       padding[32] = {0, 12, 0, 28};
  struct client c = from(host, tcp);
  static const uint16_t all_flags[] = {DNS_RD << 8, 0x2000, 0x2800}; /* a query, NOTIFY's neighbour, UPDATE */
  static const uint16_t types[] = {0, TYPE_A, TYPE_OPT, TYPE_AXFR, TYPE_MAILA};

  for (unsigned f = 0; f < 3; f++) {
    for (unsigned t = 0; t < 5; t++) {
      for (uint8_t version = 0; version < 2; version++) {
        expect_no_more_than(&c, all_flags[f], types[t], version, "", 0);
        expect_no_more_than(&c, all_flags[f], types[t], version, COOKIE, 12);
        expect_no_more_than(&c, all_flags[f], types[t], version, shown, sizeof shown);
        expect_no_more_than(&c, all_flags[f], types[t], version, keepalive, sizeof keepalive);
        expect_no_more_than(&c, all_flags[f], types[t], version, padding, sizeof padding);
      }
    }
  }
}

Test(who, no_answer_to_a_host_that_may_not_ask_is_longer_than_what_it_sent) {
  restrict_to("10.0.0.0/24", 0);
  expect_no_more_than_sent("10.1.0.7", false);
  expect_no_more_than_sent("10.1.0.7", true);
  expect_no_more_than_sent("::ffff:10.1.0.7", false);
}

Test(who, neither_is_one_to_a_host_over_its_rate_that_has_not_proved_itself) {
  struct client c = from("10.0.0.7", false);
  restrict_to("10.0.0.0/24", 1);
  ask(&c, "", 0);
  expect_no_more_than_sent("10.0.0.7", false);
}

Test(who, hosts_that_may_not_ask_hear_nothing_when_it_is_set_so_not_even_of_their_mistakes) {
  struct client bad = from("10.1.0.7", false);
  restrict_to("10.0.0.0/24", 0);
  access_free(w->wiring.serve.access);
  options.silent = true;
  w->wiring.serve.access = access_new(&options);
  cr_expect_eq(ask(&bad, "", 0), 0);
  cr_expect_eq(ask(&bad, "x", 1), 0, "a malformed one");
  cr_expect_eq(w->counters.denied, 2);
  cr_expect_eq(w->counters.ignored, 2);
}

Test(who, a_host_over_its_rate_is_refused_but_not_who_proves_that_it_is_him) {
  struct client c = from("10.0.0.7", false), tcp = from("10.0.0.7", true);
  const uint8_t *octets;
  uint8_t shown[28] = "\0\012\0\030";

  restrict_to("10.0.0.0/24", 10);
  ask(&c, COOKIE, 12);
  cr_assert_eq(option(OPT_COOKIE, &octets), 24);
  memcpy(shown + 4, octets, 24);
  uint8_t padded[12 + 32] = COOKIE;
  padded[13] = 12; /* padding, RFC 7830: as much as a server's cookie takes and more */
  padded[15] = 28;
  for (unsigned i = 0; i < 30; i++) ask(&c, COOKIE, 12); /* anybody may send these in his name */
  cr_expect_eq(seen_rcode(), RCODE_NOERROR, "a cookie of the server's would be more than was sent");
  cr_expect(late[2] & DNS_TC, "it is told to come over TCP");
  ask(&c, padded, sizeof padded);
  cr_expect_eq(seen_rcode(), RCODE_BADCOOKIE, "or how to prove itself, RFC 7873 section 5.2.3");
  ask(&c, "", 0);
  cr_expect(late[2] & DNS_TC, "or to come over TCP");
  cr_expect_eq(late_len, DNS_HEADER + sizeof "\1a\3lab" + 4 + DNS_OPT, "in few octets");
  cr_expect_gt(w->counters.limited, 10);
  cr_expect_eq(w->counters.refused, w->counters.limited);
  ask(&c, shown, sizeof shown);
  cr_expect_eq(rcode(), RCODE_NOERROR, "with the server's cookie");
  ask(&tcp, "", 0);
  cr_expect_eq(rcode(), RCODE_NOERROR, "over TCP");
  for (unsigned i = 0; i < 30; i++) ask(&tcp, "", 0);
  cr_expect_eq(rcode(), RCODE_REFUSED, "but not as often as it likes");
  cr_assert_eq(option(OPT_EDE, &octets), 2 + (int)strlen("too many queries"));
}

/* ---- CHAOS ---- */

static size_t ask_chaos_from(const char *host, const char *name, uint16_t type) {
  static struct msg m;
  struct client c = from(host, false);
  msg_start(&m, DNS_RD << 8);
  msg_question(&m, name, type, CLASS_CH);
  return late_len = (size_t)serve_query(&w->wiring.serve, m.octets, m.len, &c, w->now_ms, late);
}

static size_t ask_chaos(const char *name, uint16_t type) { return ask_chaos_from("10.0.0.7", name, type); }

static bool tells(const char *text) {
  static struct seen s;
  size_t len = strlen(text);
  return seen_read(&s, late, late_len) && s.an == 1 && s.records[0].rdlen == len + 1 &&
         memcmp(record_rdata(&s.records[0]) + 1, text, len) == 0;
}

Test(who, this_machine_is_told_how_the_server_is_and_nobody_else) {
  ask_chaos_from("127.0.0.1", "health.jidnsd", TYPE_TXT);
  cr_expect(tells("ready"));
  ask_chaos_from("127.0.0.1", "HEALTH.Jidnsd", TYPE_A);
  cr_expect_eq(rcode(), RCODE_REFUSED);
  ask_chaos_from("192.0.2.7", "health.jidnsd", TYPE_TXT);
  cr_expect_eq(rcode(), RCODE_REFUSED);
}

Test(who, rfc4892_version_and_name_are_told_only_when_set) {
  static const struct chaos chaos = {.version = "jidns of a lab", .identity = "one"};
  static struct seen s;

  ask_chaos("version.bind", TYPE_TXT);
  cr_expect_eq(rcode(), RCODE_REFUSED);
  w->wiring.serve.policy.chaos = chaos;
  static const char *const names[] = {"version.bind", "VERSION.server", "id.server", "HostName.bind"};
  for (unsigned i = 0; i < 4; i++) {
    cr_assert(ask_chaos(names[i], TYPE_TXT) && seen_read(&s, late, late_len), "%s", s.why);
    cr_assert_eq(s.an, 1);
    const char *text = i < 2 ? chaos.version : chaos.identity;
    cr_expect_eq(s.records[0].rdlen, strlen(text) + 1);
    cr_expect_arr_eq(record_rdata(&s.records[0]) + 1, text, strlen(text));
  }

  ask_chaos("health.jidnsd", TYPE_TXT);
  cr_expect_eq(rcode(), RCODE_REFUSED, "not for other hosts");
  ask_chaos("version.bind", TYPE_A);
  cr_expect_eq(rcode(), RCODE_REFUSED);
  ask_chaos("other.bind", TYPE_TXT);
  cr_expect_eq(rcode(), RCODE_REFUSED);
}
