/* test_exchange.c: the question as sent upstream, and what is taken for its reply. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "dns/edns.h"
#include "kit/seen.h"
#include "upstream/exchange.h"

static struct question q;
static struct exchange x;
static struct msg m;

static void make(uint8_t flags) {
  static const uint8_t name[] = "\5_xmPP\4_tcp\7eXample\3lab";
  question_make(&q, name, sizeof name, TYPE_SRV, CLASS_IN, flags, 1);
  x = (struct exchange){.question = &q, .id = MSG_ID};
}

static void setup(void) {
  make(0);
  msg_answer(&m, "_xmpp._tcp.example.lab.", TYPE_SRV, RCODE_NOERROR);
}

TestSuite(exchange, .init = setup);

Test(exchange, asks_with_edns_and_recursion_and_nothing_else) {
  static const uint8_t want[] = "\0\0\1\0\0\1\0\0\0\0\0\1\5_xmpp\4_tcp\7example\3lab\0\0\41\0\1"
                                "\0\0\51\4\320\0\0\0\0\0";
  uint8_t out[EXCHANGE_QUERY_MAX];
  size_t len = exchange_write(&q, &(struct exchange_opts){.edns = true}, out);
  cr_assert_eq(len, sizeof want);
  cr_expect_arr_eq(out, want, len);
}

Test(exchange, do_and_cd_go_with_the_question) {
  for (unsigned flags = 0; flags < 4; flags++) {
    static struct seen s;
    uint8_t out[EXCHANGE_QUERY_MAX];
    make((uint8_t)flags);
    cr_assert(seen_read(&s, out, exchange_write(&q, &(struct exchange_opts){.edns = true}, out)), "%s",
              s.why);
    cr_expect_eq(s.dnssec_ok, (flags & KEY_DO) != 0);
    cr_expect_eq((s.low & DNS_CD) != 0, (flags & KEY_CD) != 0);
    cr_expect_eq(s.udp_size, DNS_UDP_OURS);
    cr_assert(seen_read(&s, out, exchange_write(&q, &(struct exchange_opts){.edns = false}, out)), "%s",
              s.why);
    cr_expect_not(s.edns);
    cr_expect_eq((s.low & DNS_CD) != 0, (flags & KEY_CD) != 0);
  }
}

Test(exchange, the_longest_name_has_room) {
  uint8_t name[NAME_MAX_LEN], out[EXCHANGE_QUERY_MAX];
  for (unsigned i = 0; i < NAME_MAX_LEN; i++) name[i] = i % 2 ? 'a' : 1;
  name[NAME_MAX_LEN - 1] = 0;
  question_make(&q, name, sizeof name, TYPE_A, CLASS_IN, 0, 1);
  struct server_cookie cookie = {.server_len = COOKIE_SERVER_MAX};
  struct exchange_opts all = {
      .edns = true, .ad = true, .transport = TRANSPORT_TCP, .case_seed = 1, .cookie = &cookie};
  cr_expect_leq(exchange_write(&q, &all, out), EXCHANGE_QUERY_MAX);
}

Test(exchange, over_tls_has_a_length_that_does_not_tell_the_name) {
  uint8_t name[NAME_MAX_LEN], out[EXCHANGE_QUERY_MAX];
  for (unsigned i = 0; i < NAME_MAX_LEN; i++) name[i] = i % 2 ? 'a' : 1;
  for (enum transport t = TRANSPORT_TLS; t <= TRANSPORT_HTTPS; t++) {
    for (unsigned len = 1; len <= NAME_MAX_LEN; len += 2) {
      name[len - 1] = 0;
      question_make(&q, name, len, TYPE_A, CLASS_IN, 0, 1);
      struct exchange_opts opts = {.edns = true, .transport = t};
      size_t written = exchange_write(&q, &opts, out), n = 0;
      size_t bare = DNS_HEADER + len + 4 + DNS_OPT + 4 + (t == TRANSPORT_TLS ? 4 : 0);
      cr_expect(written % EXCHANGE_PADDED == 0 && written - bare < EXCHANGE_PADDED, "%u: %zu", len, written);
      cr_expect(edns_option(out, written, OPT_PADDING, &n));
      cr_expect_eq(edns_option(out, written, OPT_KEEPALIVE, &n) != NULL, t == TRANSPORT_TLS);
      name[len - 1] = 1;
    }
  }
}

/* exchange_judge, on memory that ends where the message does. */
static bool matches(size_t len) {
  uint8_t *copy = exact(m.octets, len);
  bool yes = exchange_judge(&x, copy, len) == REPLY_RIGHT;
  free(copy);
  return yes;
}

Test(exchange, takes_its_reply_in_any_spelling_and_with_any_rcode) {
  cr_expect(matches(m.len));
  for (unsigned rcode = 0; rcode < 16; rcode++) {
    msg_answer(&m, "_XMPP._tcp.EXAMPLE.lab.", TYPE_SRV, rcode);
    m.octets[2] |= DNS_TC | DNS_AA;
    cr_expect(matches(m.len), "rcode %u", rcode);
  }
  msg_record(&m, SECTION_ANSWER, "_xmpp._tcp.example.lab.", TYPE_SRV, 60, rd_srv(1, 2, 5222, "a.lab."));
  cr_expect(matches(m.len));
}

Test(exchange, takes_no_message_that_is_cut_short) {
  for (size_t len = 0; len < m.len; len++) cr_expect_not(matches(len), "%zu octets", len);
}

Test(exchange, takes_no_other_octet_in_header_or_question) {
  static const uint8_t any[DNS_HEADER] = {
      [2] = DNS_AA | DNS_TC | DNS_RD, [3] = 255, [6] = 255, 255, 255, 255, 255, 255};
  for (size_t at = 0; at < m.len; at++) {
    for (unsigned bit = 1; bit < 256; bit <<= 1) {
      uint8_t was = m.octets[at];
      bool letter = at >= DNS_HEADER && bit == 0x20 && ((was | 0x20) >= 'a' && (was | 0x20) <= 'z');
      bool free_bit = at < DNS_HEADER && any[at] & bit;
      m.octets[at] = (uint8_t)(was ^ bit);
      cr_expect_eq(matches(m.len), letter || free_bit, "octet %zu, bit %#x", at, bit);
      m.octets[at] = was;
    }
  }
}

Test(exchange, a_bare_header_says_only_that_the_server_does_not_understand) {
  for (unsigned rcode = 0; rcode < 16; rcode++) {
    msg_start(&m, (uint16_t)(DNS_QR << 8 | rcode));
    cr_expect_eq(matches(m.len), rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP, "rcode %u", rcode);
  }
  msg_start(&m, DNS_QR << 8 | RCODE_FORMERR);
  msg_put(&m, "", 1);
  cr_expect_not(matches(m.len), "with an octet more");
  m.len--;
  m.octets[1] ^= 1;
  cr_expect_not(matches(m.len), "another id");
}

Test(exchange, spells_letters_alone_and_each_number_otherwise) {
  uint8_t one[EXCHANGE_QUERY_MAX], other[EXCHANGE_QUERY_MAX];
  unsigned differ = 0;
  for (uint64_t spelling = 1; spelling < 40; spelling++) {
    size_t len = exchange_write(&q, &(struct exchange_opts){.case_seed = spelling}, one);
    exchange_write(&q, &(struct exchange_opts){.case_seed = spelling + 1}, other);
    cr_assert(name_equal(one + DNS_HEADER, q.name_len, q.key, q.name_len));
    differ += memcmp(one, other, len) != 0;
  }
  cr_expect_gt(differ, 36);
}

Test(exchange, a_reply_in_other_capitals_is_told_from_a_wrong_one) {
  x.query_opts.case_seed = 12345;
  cr_expect_eq(exchange_judge(&x, m.octets, m.len), REPLY_CASE_MISMATCH);
  uint8_t asked[EXCHANGE_QUERY_MAX];
  exchange_write(&q, &x.query_opts, asked);
  memcpy(m.octets + DNS_HEADER, asked + DNS_HEADER, q.name_len);
  cr_expect_eq(exchange_judge(&x, m.octets, m.len), REPLY_RIGHT);
  m.octets[DNS_HEADER + 1] = 'z';
  cr_expect_eq(exchange_judge(&x, m.octets, m.len), REPLY_WRONG);
}

Test(exchange, finds_options_in_hostile_replies_without_harm) {
  static uint8_t cookie[] = "\0\012\0\020abcdefghSSSSSSSS";
  size_t n = 0;
  msg_record(&m, SECTION_ANSWER, "_xmpp._tcp.example.lab.", TYPE_SRV, 60, rd_srv(1, 1, 5222, "x.lab."));
  msg_opt(&m, 1232, 0, false, cookie, sizeof cookie - 1);
  const uint8_t *found = edns_option(m.octets, m.len, OPT_COOKIE, &n);
  cr_assert(found && n == 16);
  cr_expect_arr_eq(found, "abcdefgh", 8);
  for (size_t len = 0; len < m.len; len++) {
    uint8_t *copy = exact(m.octets, len);
    cr_expect_null(edns_option(copy, len, OPT_COOKIE, &n), "cut to %zu", len);
    if (len >= DNS_HEADER) edns_rcode(copy, len);
    free(copy);
  }
}

/* ---- cookies ---- */

/* Is a reply taken whose OPT has these options (NULL: no OPT), when this cookie was shown over UDP? */
static bool takes(struct server_cookie *c, unsigned rcode, const char *options, size_t n) {
  msg_answer(&m, "_xmpp._tcp.example.lab.", TYPE_SRV, rcode);
  if (options) msg_opt(&m, 1232, 0, false, options, n);
  x.query_opts.cookie = c;
  memcpy(x.query_opts.shown, "abcdefgh", COOKIE_CLIENT);
  return exchange_judge(&x, m.octets, m.len) == REPLY_RIGHT;
}

#define CLIENT_COOKIE(client, n, server) "\0\012\0" n client server

Test(exchange, rfc7873_a_reply_must_show_our_cookie) {
  struct server_cookie c = {.client = "abcdefgh"};
  cr_expect_not(takes(&c, 0, CLIENT_COOKIE("abcdefgx", "\020", "SSSSSSSS"), 20), "another client's");
  cr_expect_not(takes(&c, 0, CLIENT_COOKIE("abcdefgh", "\017", "SSSSSSS"), 19), "too short");
  cr_expect_eq(c.server_len, 0);
  cr_expect(takes(&c, RCODE_SERVFAIL, CLIENT_COOKIE("abcdefgh", "\020", "SSSSSSSS"), 20),
            "whatever its code");
  cr_expect_eq(c.server_len, 8);
}

Test(exchange, rfc7873_who_gave_a_cookie_cannot_say_that_it_knows_no_edns) {
  static const unsigned codes[] = {RCODE_FORMERR, RCODE_NOTIMP};
  for (unsigned i = 0; i < 2; i++) {
    struct server_cookie c = {.client = "abcdefgh"};
    cr_expect(takes(&c, codes[i], NULL, 0));
    c.server_len = 8;
    cr_expect_not(takes(&c, codes[i], NULL, 0));
    cr_expect_eq(exchange_judge(&x, m.octets, m.len), REPLY_NO_COOKIE, "to be asked again without");
    msg_start(&m, (uint16_t)(DNS_QR << 8 | codes[i]));
    cr_expect_eq(exchange_judge(&x, m.octets, m.len), REPLY_NO_COOKIE, "a bare header");
    cr_expect_eq(c.server_len, 8);
  }
}

Test(exchange, a_failure_that_shows_our_cookie_needs_no_question) {
  struct server_cookie c = {.client = "abcdefgh"};
  x.query_opts.cookie = &c;
  memcpy(x.query_opts.shown, "abcdefgh", COOKIE_CLIENT);
  for (unsigned rcode = 0; rcode < 16; rcode++) {
    bool failure = rcode == RCODE_FORMERR || rcode == RCODE_SERVFAIL || rcode == RCODE_NOTIMP ||
                   rcode == RCODE_REFUSED;
    msg_start(&m, (uint16_t)(DNS_QR << 8 | rcode));
    msg_opt(&m, 1232, 0, false, CLIENT_COOKIE("abcdefgh", "\020", "SSSSSSSS"), 20);
    cr_expect_eq(exchange_judge(&x, m.octets, m.len) == REPLY_RIGHT, failure, "rcode %u", rcode);
    msg_start(&m, (uint16_t)(DNS_QR << 8 | rcode));
    msg_opt(&m, 1232, 0, false, CLIENT_COOKIE("abcdefgx", "\020", "SSSSSSSS"), 20);
    bool lost = rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP;
    cr_expect_eq(exchange_judge(&x, m.octets, m.len), lost ? REPLY_NO_COOKIE : REPLY_WRONG,
                 "another client's");
    msg_start(&m, (uint16_t)(DNS_QR << 8 | rcode));
    msg_opt(&m, 1232, 0, false, NULL, 0);
    cr_expect_eq(exchange_judge(&x, m.octets, m.len), lost ? REPLY_NO_COOKIE : REPLY_WRONG, "none");
  }
}

Test(exchange, an_echo_of_our_own_cookie_is_no_forgery_and_no_cookie_of_the_servers) {
  struct server_cookie c = {.client = "abcdefgh"};
  cr_expect(takes(&c, 0, CLIENT_COOKIE("abcdefgh", "\010", ""), 12));
  cr_expect(c.unanswered);
  cr_expect_not(takes(&c, 0, CLIENT_COOKIE("abcdefgx", "\010", ""), 12), "another client's");
}

Test(exchange, a_reply_to_the_cookie_before_counts_and_is_not_kept) {
  struct server_cookie c = {.client = "newernew"};
  cr_expect(takes(&c, 0, CLIENT_COOKIE("abcdefgh", "\020", "SSSSSSSS"), 20));
  cr_expect_eq(c.server_len, 0);
}
