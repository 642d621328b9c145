/* test_query_edns.c: OPT and other additional records of a client's packet, and packets with octets changed
 * at random. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "kit/made.h"
#include "kit/rng.h"
#include "kit/seen.h"

static struct msg m;
static struct query q;

static enum query_verdict read_all(void) {
  static uint8_t *packet;
  free(packet);
  packet = exact(m.octets, m.len);
  memset(&q, 0xa5, sizeof q);
  return query_read(&q, packet, m.len, KIT_SEED);
}

/* A query with an OPT record of these options. */
static enum query_verdict with_options(const void *options, size_t n) {
  msg_query(&m, "example.org", TYPE_A);
  msg_opt(&m, 1232, 0, false, options, n);
  return read_all();
}

Test(query_edns, size_below_512_means_512) {
  static const uint16_t sizes[][2] = {{0, 512},   {511, 512},   {512, 512},
                                      {513, 513}, {1232, 1232}, {65535, 65535}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    msg_query(&m, "example.org", TYPE_A);
    msg_opt(&m, sizes[i][0], 0, false, NULL, 0);
    cr_assert_eq(read_all(), QUERY_OK);
    cr_expect(q.query_opts.edns);
    cr_expect_eq(q.query_opts.udp_size, sizes[i][1]);
  }
}

Test(query_edns, rfc7873_cookies_of_8_or_16_to_40_octets_and_no_others) {
  for (unsigned n = 0; n <= 42; n++) {
    uint8_t option[4 + 42] = {0, OPT_COOKIE, 0, (uint8_t)n, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    bool right = n == 8 || (n >= 16 && n <= 40);
    cr_expect_eq(with_options(option, 4 + n), right ? QUERY_OK : QUERY_FORMERR, "%u octets", n);
    cr_expect_eq(q.query_opts.cookie_len, right ? n : 0, "%u octets", n);
    if (right) cr_expect_arr_eq(q.query_opts.cookie, option + 4, n, "%u octets", n);
  }
}

Test(query_edns, do_and_cd_make_another_question) {
  for (unsigned bits = 0; bits < 4; bits++) {
    msg_query(&m, "example.org", TYPE_A);
    if (bits & 2) m.octets[3] |= DNS_CD;
    msg_opt(&m, 1232, 0, bits & 1, NULL, 0);
    cr_assert_eq(read_all(), QUERY_OK);
    cr_expect_eq(question_flags(&q.question), (bits & 1 ? KEY_DO : 0) | (bits & 2 ? KEY_CD : 0));
    cr_expect_eq(q.query_opts.dnssec_ok, bits & 1);
  }
}

Test(query_edns, bits_without_a_meaning_are_ignored) {
  msg_query(&m, "example.org", TYPE_A);
  msg_opt(&m, 1232, 0, false, NULL, 0);
  store_u32(m.octets + m.len - 6, 0xff007fffu); /* the upper RCODE bits, all of Z */
  cr_expect_eq(read_all(), QUERY_OK);
  cr_expect_not(q.query_opts.dnssec_ok);
}

Test(query_edns, versions_other_than_0_are_told_so) {
  static struct seen s;
  uint8_t out[DNS_UDP_PLAIN];
  for (unsigned version = 1; version < 256; version++) {
    msg_query(&m, "example.org", TYPE_A);
    msg_opt(&m, 1232, (uint8_t)version, true, NULL, 0);
    cr_assert_eq(read_all(), QUERY_BADVERS, "version %u", version);
    size_t len = query_refuse(&q.query_opts, QUERY_BADVERS, out);
    cr_assert(seen_read(&s, out, len), "%s", s.why);
    cr_assert_eq(s.rcode, RCODE_BADVERS);
    cr_assert_eq(s.low & DNS_RCODE, 0);
    cr_assert(s.edns && s.question);
    cr_expect(s.dnssec_ok, "RFC 3225 section 3: copied into every response");
  }
}

Test(query_edns, two_opt_records_are_a_format_error) {
  msg_query(&m, "example.org", TYPE_A);
  msg_opt(&m, 1232, 0, false, NULL, 0);
  msg_opt(&m, 1232, 0, false, NULL, 0);
  cr_expect_eq(read_all(), QUERY_FORMERR);
  msg_query(&m, "example.org", TYPE_A);
  msg_opt(&m, 1232, 0, false, NULL, 0);
  msg_record(&m, SECTION_ADDITIONAL, "x", TYPE_A, 0, rd_a("192.0.2.1"));
  msg_opt(&m, 1232, 0, false, NULL, 0);
  cr_expect_eq(read_all(), QUERY_FORMERR, "with one between");
}

Test(query_edns, opt_belongs_to_the_root) {
  msg_query(&m, "example.org", TYPE_A);
  msg_record(&m, SECTION_ADDITIONAL, "org", TYPE_OPT, 0, rd_fill(0, 0));
  cr_expect_eq(read_all(), QUERY_FORMERR);
  msg_query(&m, "example.org", TYPE_A);
  msg_put(&m, "\xc0\x0c\0\51\4\320\0\0\0\0\0\0", 12); /* by a pointer to the question's name */
  msg_set_count(&m, 3, 1);
  cr_expect_eq(read_all(), QUERY_FORMERR);
}

Test(query_edns, options_must_be_whole) {
  cr_expect_eq(with_options("\0\014\0\0", 4), QUERY_OK);
  cr_expect_eq(with_options("\0\014\0\1x", 5), QUERY_OK);
  cr_expect_eq(with_options("\0\014\0\1x\0\003\0\0", 9), QUERY_OK);
  for (size_t n = 1; n < 4; n++) cr_expect_eq(with_options("\0\014\0", n), QUERY_FORMERR, "%zu octets", n);
  cr_expect_eq(with_options("\0\014\0\1", 4), QUERY_FORMERR);
  cr_expect_eq(with_options("\0\014\0\2x", 5), QUERY_FORMERR);
  cr_expect_eq(with_options("\0\014\377\377x", 5), QUERY_FORMERR);
  cr_expect_eq(with_options("\0\014\0\0\0", 5), QUERY_FORMERR);
  for (size_t n = 5; n < 8; n++) cr_expect_eq(with_options("\0\014\0\0\0\014\0", n), QUERY_FORMERR);
}

/* Nobody sends so many in earnest; thousands of empty ones over TCP would cost more than their answer. */
Test(query_edns, sixteen_options_are_stepped_over_and_no_more) {
  static const uint8_t options[60000];
  cr_expect_eq(with_options(options, (size_t)16 * 4), QUERY_OK);
  cr_expect_eq(with_options(options, (size_t)16 * 4 - 1), QUERY_FORMERR);
  cr_expect_eq(with_options(options, (size_t)17 * 4), QUERY_FORMERR);
  cr_expect_eq(with_options(options, sizeof options), QUERY_FORMERR, "15000 empty options");
}

Test(query_edns, the_count_of_additional_records_must_not_lie) {
  static const uint16_t wrong[] = {0, 2, 256, 0xffff};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    with_options(NULL, 0);
    msg_set_count(&m, 3, wrong[i]);
    cr_expect_eq(read_all(), QUERY_FORMERR, "ARCOUNT %u", wrong[i]);
  }
  msg_query(&m, "example.org", TYPE_A);
  msg_set_count(&m, 3, 1);
  cr_expect_eq(read_all(), QUERY_FORMERR, "one that is not there");
}

Test(query_edns, other_additional_records_are_stepped_over) {
  msg_query(&m, "example.org", TYPE_A);
  msg_opt(&m, 1400, 0, true, NULL, 0);
  msg_record(&m, SECTION_ADDITIONAL, "key.example", TYPE_TSIG, 0, rd_fill(7, 60));
  cr_expect_eq(read_all(), QUERY_OK);
  cr_expect_eq(q.query_opts.udp_size, 1400);
  msg_query(&m, "example.org", TYPE_A);
  msg_record(&m, SECTION_ADDITIONAL, "key.example", TYPE_SIG, 0, rd_fill(7, 60));
  msg_opt(&m, 1400, 0, true, NULL, 0);
  cr_expect_eq(read_all(), QUERY_OK);
  cr_expect(q.query_opts.edns);
}

Test(query_edns, a_packet_full_of_additional_records_is_refused) {
  for (unsigned n = 1; n <= 6; n++) {
    msg_query(&m, "example.org", TYPE_A);
    for (unsigned i = 0; i < n; i++)
      msg_record(&m, SECTION_ADDITIONAL, "key.example", TYPE_SIG, 0, rd_fill(7, 1));
    cr_expect_eq(read_all(), n <= 4 ? QUERY_OK : QUERY_FORMERR, "%u records", n);
  }
}

/* A random query, mostly right. */
static void random_query(struct rng *r) {
  static const char *const names[] = {"example.org", ".", "_xmpp-client._tcp.Example.ORG",
                                      "a.b.c.d.e.f.g.h.i.j.k"};
  static const uint16_t types[] = {TYPE_A, TYPE_SRV, TYPE_IXFR, TYPE_ANY};
  static const uint8_t options[] = {0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 8, 0, 0};
  msg_query(&m, names[rng_below(r, 4)], types[rng_below(r, 4)]);
  if (rng_below(r, 4))
    msg_opt(&m, (uint16_t)rng_next(r), 0, rng_below(r, 2), options, rng_below(r, 2) * sizeof options);
  if (rng_below(r, 4) == 0)
    msg_record(&m, SECTION_ADDITIONAL, "k", TYPE_TSIG, 0, rd_fill(1, rng_below(r, 30)));
}

static void change(struct rng *r) {
  for (uint64_t n = rng_below(r, 4); n > 0; n--) {
    uint64_t at = rng_below(r, m.len);
    m.octets[at] = (uint8_t)(rng_below(r, 2) ? rng_next(r) : m.octets[at] ^ (1u << rng_below(r, 8)));
  }
  if (rng_below(r, 8) == 0) m.len = rng_below(r, m.len + 1);
  else if (rng_below(r, 8) == 0) msg_put(&m, "\0\0\51\4\320\0\0\0\0\0\0", 1 + rng_below(r, 11));
}

Test(query_edns, whatever_comes_is_judged_and_answered_in_form) {
  static struct seen s;
  struct rng r = {10};
  unsigned verdicts[6] = {0};

  for (int i = 0; i < 200000; i++) {
    uint8_t out[DNS_UDP_PLAIN];
    random_query(&r);
    change(&r);
    enum query_verdict v = read_all();
    verdicts[v]++;
    if (v == QUERY_OK) {
      cr_assert_eq(q.question.name_len, q.query_opts.name_len);
      cr_assert(
          name_equal(q.question.key, q.question.name_len, q.query_opts.qname_wire, q.query_opts.name_len));
      cr_assert_geq(q.query_opts.udp_size, 512);
    }
    if (v == QUERY_OK || v == QUERY_SILENT) continue;
    size_t len = query_refuse(&q.query_opts, v, out);
    cr_assert(seen_read(&s, out, len), "round %d: %s", i, s.why);
    cr_assert_eq(s.id, load_u16(m.octets));
    cr_assert_neq(s.rcode, 0);
  }

  for (int v = 0; v < 6; v++) cr_expect_gt(verdicts[v], 200, "verdict %d", v);
}
