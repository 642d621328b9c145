/* test_query.c: a client's packet, right and wrong in every way. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "kit/made.h"
#include "kit/seen.h"

static struct msg m;
static struct query q;
static struct seen s;
static uint8_t *packet; /* lives until the next one is read: q.manner.qname_wire lies in it */

static enum query_verdict read_cut(size_t len) {
  free(packet);
  packet = exact(m.octets, len);
  memset(&q, 0xa5, sizeof q);
  return query_read(&q, packet, len, KIT_SEED);
}

static enum query_verdict read_all(void) { return read_cut(m.len); }

static void teardown(void) { free(packet); }

TestSuite(query, .fini = teardown);

Test(query, the_plain_one_is_understood) {
  struct question want;
  msg_query(&m, "example.org", TYPE_SRV);
  question_of(&want, "example.org", TYPE_SRV);
  cr_assert_eq(read_all(), QUERY_OK);
  cr_expect(question_equal(&q.question, &want));
  cr_expect_eq(q.query_opts.id, MSG_ID);
  cr_expect_eq(q.query_opts.udp_size, 512);
  cr_expect_eq(q.query_opts.opcode_rd, DNS_RD);
  cr_expect_eq(q.query_opts.name_len, 13);
  cr_expect_eq(q.query_opts.qname_wire, packet + 12);
  cr_expect_not(q.query_opts.cd || q.query_opts.ad || q.query_opts.edns || q.query_opts.dnssec_ok);
}

Test(query, cut_anywhere_is_silence_or_a_format_error) {
  msg_query(&m, "a.example.org", TYPE_SRV);
  msg_opt(&m, 1232, 0, true, "\0\014\0\3abc", 7);
  cr_assert_eq(read_all(), QUERY_OK);
  for (size_t len = 0; len < m.len; len++) {
    enum query_verdict want = len < DNS_HEADER ? QUERY_SILENT : QUERY_FORMERR;
    cr_expect_eq(read_cut(len), want, "cut to %zu octets", len);
  }
}

Test(query, one_octet_too_many_is_a_format_error) {
  msg_query(&m, "example.org", TYPE_A);
  msg_put(&m, "", 1);
  cr_expect_eq(read_all(), QUERY_FORMERR);
  msg_query(&m, "example.org", TYPE_A);
  msg_opt(&m, 1232, 0, false, NULL, 0);
  msg_put(&m, "", 1);
  cr_expect_eq(read_all(), QUERY_FORMERR);
}

Test(query, sixty_thousand_octets_of_garbage_are_a_format_error) {
  static const uint8_t garbage[DNS_MSG_MAX];
  msg_query(&m, "example.org", TYPE_A);
  msg_put(&m, garbage, DNS_MSG_MAX - m.len);
  cr_expect_eq(read_all(), QUERY_FORMERR);
  msg_set_count(&m, 3, 0xffff);
  cr_expect_eq(read_all(), QUERY_FORMERR);
}

Test(query, an_answer_is_never_answered) {
  msg_query(&m, "example.org", TYPE_A);
  m.octets[2] |= DNS_QR;
  cr_expect_eq(read_all(), QUERY_SILENT);
  cr_expect_eq(read_cut(12), QUERY_SILENT);
  m.octets[2] |= 4 << 3; /* whatever the opcode */
  cr_expect_eq(read_all(), QUERY_SILENT);
}

Test(query, only_opcode_0_is_implemented) {
  for (unsigned opcode = 1; opcode < 16; opcode++) {
    msg_query(&m, "example.org", TYPE_SOA);
    m.octets[2] = (uint8_t)(opcode << 3 | DNS_RD);
    cr_expect_eq(read_all(), QUERY_NOTIMP, "opcode %u", opcode);
    cr_expect_eq(read_cut(12), QUERY_NOTIMP, "opcode %u, header alone", opcode);
    cr_expect_null(q.query_opts.qname_wire);
    cr_expect_eq(q.query_opts.opcode_rd, m.octets[2]);
  }
}

Test(query, has_one_question_no_more_no_less) {
  static const uint16_t wrong[] = {0, 2, 3, 255, 256, 257, 0xffff};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    msg_query(&m, "example.org", TYPE_A);
    msg_set_count(&m, 0, wrong[i]);
    cr_expect_eq(read_all(), QUERY_FORMERR, "QDCOUNT %u", wrong[i]);
    cr_expect_null(q.query_opts.qname_wire);
    cr_expect_eq(read_cut(12), QUERY_FORMERR);
  }
  msg_query(&m, "example.org", TYPE_A);
  msg_question(&m, "example.org", TYPE_AAAA, CLASS_IN);
  cr_expect_eq(read_all(), QUERY_FORMERR, "two real questions");
}

Test(query, carries_no_answers) {
  for (unsigned which = 1; which <= 2; which++) {
    msg_query(&m, "example.org", TYPE_A);
    msg_record(&m, (enum section)(which - 1), "example.org", TYPE_A, 1, rd_a("192.0.2.1"));
    cr_expect_eq(read_all(), QUERY_FORMERR);
    cr_expect_not_null(q.query_opts.qname_wire, "the question is given back");
    msg_query(&m, "example.org", TYPE_A);
    msg_set_count(&m, which, 0xff00);
    cr_expect_eq(read_all(), QUERY_FORMERR, "a count that lies");
  }
}

Test(query, a_name_with_a_pointer_is_a_format_error) {
  static const uint16_t pointers[] = {0xc000, 0xc00b, 0xc00c, 0xc00e, 0xc010, 0xffff};
  for (size_t i = 0; i < sizeof pointers / sizeof *pointers; i++) {
    for (int label = 0; label < 2; label++) {
      msg_start(&m, DNS_RD << 8);
      msg_set_count(&m, 0, 1);
      if (label) msg_put(&m, "\1a", 2);
      msg_put_u16(&m, pointers[i]);
      msg_put(&m, "\0\1\0\1", 4);
      cr_expect_eq(read_all(), QUERY_FORMERR, "%04x", pointers[i]);
      cr_expect_null(q.query_opts.qname_wire);
    }
  }
}

/* A query for a name of n octets made of labels of this length (the last one shorter). */
static void query_of_length(size_t n, size_t label) {
  static const uint8_t as[255] = {[0 ... 254] = 'A'};
  msg_start(&m, DNS_RD << 8);
  msg_set_count(&m, 0, 1);
  for (size_t left = n - 1; left > 0;) {
    uint8_t len = (uint8_t)(left > label ? label : left - 1);
    if (left - 1 - len == 1) len--;
    msg_put(&m, &len, 1);
    msg_put(&m, as, len);
    left -= 1u + len;
  }
  msg_put(&m, "\0\0\1\0\1", 5);
}

Test(query, names_of_255_octets_and_none_of_256) {
  static const size_t labels[] = {2, 10, 62, 63};
  for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
    query_of_length(255, labels[i]);
    cr_expect_eq(read_all(), QUERY_OK);
    cr_expect_eq(q.question.name_len, 255);
    query_of_length(256, labels[i]);
    cr_expect_eq(read_all(), QUERY_FORMERR);
    cr_expect_null(q.query_opts.qname_wire);
    query_of_length(60000, labels[i]);
    cr_expect_eq(read_all(), QUERY_FORMERR);
  }
}

Test(query, labels_of_63_octets_and_none_of_64) {
  query_of_length(65, 63);
  cr_expect_eq(read_all(), QUERY_OK);
  for (unsigned len = 64; len < 256; len++) {
    query_of_length(250, 63);
    m.octets[12] = (uint8_t)len;
    cr_expect_eq(read_all(), QUERY_FORMERR, "%u", len);
  }
}

Test(query, the_root_can_be_asked) {
  msg_query(&m, ".", TYPE_NS);
  cr_expect_eq(read_all(), QUERY_OK);
  cr_expect_eq(q.question.name_len, 1);
}

Test(query, spelling_is_kept_for_the_answer_and_lowered_for_the_key) {
  msg_query(&m, "_xMPp-CLient._tCp.eXAmple.ORG", TYPE_SRV);
  cr_assert_eq(read_all(), QUERY_OK);
  cr_expect_arr_eq(q.query_opts.qname_wire, m.octets + 12, m.len - 12);
  cr_expect_arr_eq(q.question.key + 1, "_xmpp-client", 12);
}

Test(query, zone_transfers_and_the_like_are_refused) {
  for (unsigned type = 249; type <= 252; type++) {
    msg_query(&m, "example.org", (uint16_t)type);
    cr_expect_eq(read_all(), QUERY_REFUSED, "type %u", type);
    cr_expect_not_null(q.query_opts.qname_wire);
  }
  msg_query(&m, "example.org", TYPE_IXFR);
  msg_record(&m, SECTION_AUTHORITY, "example.org", TYPE_SOA, 0, rd_soa("a", "b", 1));
  cr_expect_eq(read_all(), QUERY_REFUSED, "IXFR with the SOA it brings");
}

Test(query, types_that_are_none_and_class_chaos) {
  static const struct {
    uint16_t type, klass;
    enum query_verdict want;
  } cases[] = {
      {0, CLASS_IN, QUERY_FORMERR},
      {TYPE_OPT, CLASS_IN, QUERY_FORMERR},
      {248, CLASS_IN, QUERY_OK},
      {128, CLASS_IN, QUERY_FORMERR} /* RFC 9824 */,
      {253, CLASS_IN, QUERY_NOTIMP},
      {254, CLASS_IN, QUERY_NOTIMP},
      {TYPE_ANY, CLASS_IN, QUERY_OK},
      {65280, CLASS_IN, QUERY_OK},
      {65535, CLASS_IN, QUERY_OK},
      {TYPE_TXT, CLASS_CH, QUERY_REFUSED},
      {TYPE_A, 4, QUERY_OK},
      {TYPE_A, 255, QUERY_OK},
      {TYPE_AXFR, CLASS_CH, QUERY_REFUSED},
      {TYPE_OPT, CLASS_CH, QUERY_FORMERR},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    msg_start(&m, 0);
    msg_question(&m, "version.bind", cases[i].type, cases[i].klass);
    cr_expect_eq(read_all(), cases[i].want, "type %u class %u", cases[i].type, cases[i].klass);
    if (cases[i].want == QUERY_OK) cr_expect_eq(question_class(&q.question), cases[i].klass);
  }
}

Test(query, bits_of_the_header_are_noted_where_they_mean_something) {
  for (unsigned bits = 0; bits < 0x10000; bits++) {
    if (bits & 0xf800) continue; /* QR and opcode */
    msg_start(&m, (uint16_t)bits);
    msg_question(&m, "a", TYPE_A, CLASS_IN);
    cr_assert_eq(query_read(&q, m.octets, m.len, KIT_SEED), QUERY_OK);
    cr_assert_eq(q.query_opts.opcode_rd, bits >> 8 & DNS_RD);
    cr_assert_eq(q.query_opts.cd, (bits & DNS_CD) != 0);
    cr_assert_eq(q.query_opts.ad, (bits & DNS_AD) != 0);
    cr_assert_eq(question_flags(&q.question), bits & DNS_CD ? KEY_CD : 0);
  }
}

/* ---- the answer to what is wrong ---- */

static size_t refuse(enum query_verdict verdict) {
  static uint8_t out[DNS_UDP_PLAIN];
  size_t len = query_refuse(&q.query_opts, verdict, out);
  if (len) cr_assert(seen_read(&s, out, len), "%s", s.why);
  return len;
}

Test(query, silence_and_what_is_right_have_no_refusal) {
  msg_query(&m, "example.org", TYPE_A);
  read_all();
  cr_expect_eq(refuse(QUERY_OK), 0);
  cr_expect_eq(refuse(QUERY_SILENT), 0);
}

Test(query, a_refusal_gives_back_id_opcode_rd_and_question) {
  msg_query(&m, "eXample.org", TYPE_AXFR);
  cr_assert_eq(read_all(), QUERY_REFUSED);
  cr_assert_eq(refuse(QUERY_REFUSED), m.len);
  cr_expect_eq(s.id, MSG_ID);
  cr_expect_eq(s.high, DNS_QR | DNS_RD);
  cr_expect_eq(s.low, DNS_RA | RCODE_REFUSED);
  cr_expect_eq(s.question_len, m.len - 12);
  cr_expect_arr_eq(s.question, m.octets + 12, m.len - 12);
  cr_expect_not(s.edns);
}

Test(query, a_refusal_without_a_readable_question_is_a_header) {
  msg_query(&m, "example.org", TYPE_A);
  m.octets[2] = 5 << 3;
  cr_assert_eq(read_all(), QUERY_NOTIMP);
  cr_expect_eq(refuse(QUERY_NOTIMP), DNS_HEADER);
  cr_expect_eq(s.high, DNS_QR | 5 << 3);
  cr_expect_eq(s.rcode, RCODE_NOTIMP);
  m.octets[2] = DNS_RD;
  cr_assert_eq(read_cut(20), QUERY_FORMERR);
  cr_expect_eq(refuse(QUERY_FORMERR), DNS_HEADER);
  cr_expect_eq(s.rcode, RCODE_FORMERR);
}

Test(query, a_refusal_has_opt_when_the_query_had) {
  msg_query(&m, "example.org", TYPE_AXFR);
  msg_opt(&m, 4096, 0, true, NULL, 0);
  cr_assert_eq(read_all(), QUERY_REFUSED);
  refuse(QUERY_REFUSED);
  cr_expect(s.edns && s.dnssec_ok);
  cr_expect_eq(s.udp_size, DNS_UDP_OURS);
  cr_expect_eq(s.rcode, RCODE_REFUSED);
}

/* What is refused before its records are read, each with OPT at its end. */
static void with_opt_unread(unsigned i) {
  msg_query(&m, "example.org", i == 4 ? TYPE_IXFR : TYPE_A);
  if (i == 0) m.octets[2] = 4 << 3 | DNS_RD; /* NOTIFY */
  if (i == 1) msg_question(&m, "example.org", TYPE_AAAA, CLASS_IN);
  if (i == 2) msg_record(&m, SECTION_ANSWER, "example.org", TYPE_A, 1, rd_a("192.0.2.1"));
  if (i == 3) msg_record(&m, SECTION_AUTHORITY, "example.org", TYPE_A, 1, rd_a("192.0.2.1"));
  if (i == 4) msg_record(&m, SECTION_AUTHORITY, "example.org", TYPE_SOA, 1, rd_soa("a", "b", 1));
}

Test(query, rfc6891_what_is_refused_unread_has_opt_all_the_same) {
  static const enum query_verdict want[] = {QUERY_NOTIMP, QUERY_FORMERR, QUERY_FORMERR, QUERY_FORMERR,
                                            QUERY_REFUSED};
  for (unsigned i = 0; i < 5; i++) {
    with_opt_unread(i);
    cr_expect_eq(read_all(), want[i], "case %u", i);
    cr_expect_not(q.query_opts.edns);
    msg_opt(&m, 4096, 0, true, "\0\012\0\010abcdefgh", 12);
    cr_expect_eq(read_all(), want[i], "case %u", i);
    cr_expect(q.query_opts.edns && q.query_opts.dnssec_ok && q.query_opts.cookie_len == 8, "case %u", i);
    refuse(want[i]);
    cr_expect(s.edns, "case %u", i);
    with_opt_unread(i);
    msg_opt(&m, 4096, 1, true, NULL, 0);
    cr_expect_eq(read_all(), QUERY_BADVERS, "case %u: the version is told first", i);
  }
}

Test(query, a_count_that_lies_is_not_followed_for_its_opt) {
  for (unsigned which = 0; which < 4; which++) {
    msg_query(&m, "example.org", TYPE_A);
    m.octets[2] = 5 << 3;
    msg_opt(&m, 4096, 0, true, NULL, 0);
    msg_set_count(&m, which, 0xffff);
    cr_expect_eq(read_all(), QUERY_NOTIMP);
    cr_expect_not(q.query_opts.edns);
  }
}

Test(query, rfc7873_without_a_question_a_cookie_may_be_asked_for) {
  msg_start(&m, 0);
  msg_opt(&m, 1232, 0, false, "\0\012\0\010abcdefgh", 12);
  cr_assert_eq(read_all(), QUERY_COOKIE);
  cr_expect_eq(q.query_opts.cookie_len, 8);
  cr_expect_eq(refuse(QUERY_COOKIE), DNS_HEADER + DNS_OPT + 12);
  cr_expect_eq(s.rcode, RCODE_NOERROR);
  cr_expect_null(s.question);
  refuse(QUERY_BADCOOKIE);
  cr_expect_eq(s.rcode, RCODE_BADCOOKIE);
  for (size_t len = DNS_HEADER; len < m.len; len++)
    cr_expect_eq(read_cut(len), QUERY_FORMERR, "cut to %zu octets", len);
  msg_put(&m, "", 1);
  cr_expect_eq(read_all(), QUERY_FORMERR, "an octet too many");
  msg_start(&m, 0);
  msg_opt(&m, 1232, 0, false, NULL, 0);
  cr_expect_eq(read_all(), QUERY_FORMERR, "without a cookie");
  cr_expect(q.query_opts.edns);
}

Test(query, rfc8914_a_refusal_says_what_is_not_supported) {
  static const struct {
    uint16_t type, klass;
    int ede;
  } cases[] = {{TYPE_AXFR, CLASS_IN, EDE_NOT_SUPPORTED},  {TYPE_TSIG, CLASS_IN, EDE_NOT_SUPPORTED},
               {TYPE_MAILB, CLASS_IN, EDE_NOT_SUPPORTED}, {TYPE_TXT, CLASS_CH, EDE_NOT_SUPPORTED},
               {TYPE_NXNAME, CLASS_IN, EDE_INVALID_TYPE}, {TYPE_OPT, CLASS_IN, EDE_INVALID_TYPE}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    msg_start(&m, 0);
    msg_question(&m, "example.org", cases[i].type, cases[i].klass);
    msg_opt(&m, 1232, 0, false, NULL, 0);
    refuse(read_all());
    cr_expect_eq(s.ede, cases[i].ede, "type %u: EDE %d", cases[i].type, s.ede);
  }
}

Test(query, the_longest_refusal_fits_512_octets) {
  query_of_length(255, 63);
  store_u16(m.octets + m.len - 4, TYPE_AXFR);
  msg_opt(&m, 512, 0, false, NULL, 0);
  cr_assert_eq(read_all(), QUERY_REFUSED);
  cr_expect_eq(refuse(QUERY_REFUSED), DNS_HEADER + 259 + DNS_OPT + 6);
}
