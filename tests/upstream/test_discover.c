/* Encrypted ways in what a plain server says (RFC 9462). */
#include <criterion/criterion.h>
#include <string.h>

#include "dns/dns.h"
#include "dns/wire.h"
#include "upstream/discover.h"

#define OWNER "\4_dns\10resolver\4arpa"
#define TARGET "\3dns\4test"

static uint8_t msg[2048];
static struct wire_out w;
static union addr server, server6;
static struct discover_way ways[DISCOVER_WAYS];

static void set_up(void) {
  w = (struct wire_out){.buf = msg, .cap = sizeof msg};
  static const uint8_t head[DNS_HEADER] = {0, 0, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0};
  wire_put(&w, head, sizeof head);
  wire_put(&w, OWNER, sizeof OWNER);
  wire_put_u16(&w, TYPE_SVCB);
  wire_put_u16(&w, CLASS_IN);
  cr_assert(addr_parse("192.0.2.53", 53, &server));
  cr_assert(addr_parse("2001:db8::53", 53, &server6));
}

TestSuite(discover, .init = set_up);

/* An answer: priority, target and parameters as they are on the wire. */
static void offer(uint16_t priority, const char *target, size_t target_len, const char *params, size_t len) {
  store_u16(msg + 6, (uint16_t)(load_u16(msg + 6) + 1));
  wire_put(&w, "\300\14", 2);
  wire_put_u16(&w, TYPE_SVCB);
  wire_put_u16(&w, CLASS_IN);
  wire_put_u32(&w, 300);
  wire_put_u16(&w, (uint16_t)(2 + target_len + len));
  wire_put_u16(&w, priority);
  wire_put(&w, target, target_len);
  wire_put(&w, params, len);
}

#define OFFER(priority, params) offer(priority, TARGET, sizeof TARGET, params, sizeof params - 1)

#define ALPN_DOT "\0\1\0\4\3dot"
#define ALPN_H2 "\0\1\0\3\2h2"
#define DOHPATH "\0\7\0\20/dns-query{?dns}"

static unsigned read_all(void) { return discover_read(msg, w.at, &server, ways); }

static const char *where(unsigned i) {
  static char text[ADDR_TEXT];
  return addr_format(&ways[i].addr, text);
}

Test(discover, tls_is_at_the_servers_own_address_and_port_853) {
  OFFER(1, ALPN_DOT);
  cr_assert_eq(read_all(), 1);
  cr_assert_eq(ways[0].transport, TRANSPORT_TLS);
  cr_assert_str_eq(where(0), "192.0.2.53:853");
  cr_assert_str_eq(ways[0].name, "dns.test");
}

Test(discover, https_has_a_path_port_and_a_hint) {
  OFFER(1, ALPN_H2 "\0\3\0\2\x20\xfb\0\4\0\4\300\0\2\7" DOHPATH);
  cr_assert_eq(read_all(), 1);
  cr_assert_eq(ways[0].transport, TRANSPORT_HTTPS);
  cr_assert_str_eq(where(0), "192.0.2.7:8443");
  cr_assert_str_eq(ways[0].path, "/dns-query");
}

Test(discover, a_hint_of_the_servers_family_counts) {
  OFFER(1, ALPN_DOT "\0\4\0\4\300\0\2\7\0\6\0\20\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\7");
  cr_assert_eq(discover_read(msg, w.at, &server6, ways), 1);
  cr_assert_str_eq(where(0), "[2001:db8::7]:853");
}

Test(discover, two_addresses_are_two_ways) {
  OFFER(2, ALPN_DOT "\0\4\0\14\300\0\2\7\300\0\2\10\300\0\2\11");
  OFFER(1, ALPN_DOT);
  cr_assert_eq(read_all(), 3);
  cr_assert_str_eq(where(0), "192.0.2.53:853");
  cr_assert_str_eq(where(1), "192.0.2.7:853");
  cr_assert_str_eq(where(2), "192.0.2.8:853");
}

Test(discover, an_address_may_be_in_the_additional_section) {
  OFFER(1, ALPN_DOT);
  store_u16(msg + 10, 1);
  wire_put(&w, TARGET, sizeof TARGET);
  wire_put(&w, "\0\1\0\1\0\0\1\54\0\4\300\0\2\11", 14);
  cr_assert_eq(read_all(), 1);
  cr_assert_str_eq(where(0), "192.0.2.9:853");
}

Test(discover, the_best_come_first_and_no_more_than_have_a_place) {
  for (uint16_t i = 9; i >= 1; i--) OFFER(i, ALPN_DOT);
  cr_assert_eq(read_all(), DISCOVER_WAYS);
  for (unsigned i = 0; i < DISCOVER_WAYS; i++) cr_assert_eq(ways[i].priority, i + 1);
}

Test(discover, one_record_may_offer_both) {
  OFFER(1, "\0\1\0\7\2h2\3dot" DOHPATH);
  cr_assert_eq(read_all(), 2);
  cr_assert(ways[0].transport == TRANSPORT_TLS && ways[1].transport == TRANSPORT_HTTPS);
}

Test(discover, what_is_not_understood_or_malformed_is_passed_over) {
  OFFER(0, ALPN_DOT);                             /* an alias */
  OFFER(1, ALPN_H2);                              /* no path */
  OFFER(1, ALPN_H2 "\0\7\0\5/{?x}");              /* another template */
  OFFER(1, ALPN_H2 "\0\7\0\11/a b{?dns}");        /* a blank */
  OFFER(1, "\0\0\0\2\0\11" ALPN_DOT);             /* key 9 must be understood */
  OFFER(1, "\0\0\0\2\0\5" ALPN_DOT);              /* ECH, too */
  OFFER(1, "\0\1\0\4\4dot");                      /* longer than its value */
  OFFER(1, "\0\1\0\4\0dot");                      /* an empty one */
  OFFER(1, "\0\3\0\2\0\0");                       /* port 0, and nothing else */
  OFFER(1, "\0\3\0\2\1\1" ALPN_DOT);              /* keys in a wrong order */
  OFFER(1, ALPN_DOT "\0\4\0\3\300\0\2");          /* half a hint */
  OFFER(1, ALPN_DOT "\0\4\0\377\300\0\2");        /* longer than its record */
  OFFER(1, "\0\1\0\3\2h3");                       /* QUIC */
  offer(1, "", 1, ALPN_DOT, sizeof ALPN_DOT - 1); /* the root */
  offer(1, OWNER, sizeof OWNER, ALPN_DOT, sizeof ALPN_DOT - 1);
  cr_assert_eq(read_all(), 0);
}

Test(discover, an_answer_cut_anywhere_is_read_within_its_bounds) {
  OFFER(1, ALPN_H2 "\0\3\0\2\x20\xfb\0\4\0\4\300\0\2\7" DOHPATH);
  OFFER(2, ALPN_DOT);
  size_t len = w.at;
  for (size_t n = 0; n < len; n++) {
    uint8_t cut[sizeof msg];
    memcpy(cut, msg, n);
    cr_assert_leq(discover_read(cut, n, &server, ways), 1);
  }
  cr_assert_eq(read_all(), 2);
}
