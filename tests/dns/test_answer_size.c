/* test_answer_size.c: answers and the sizes that clients take, to the octet. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "kit/made.h"
#include "kit/rng.h"
#include "kit/seen.h"

static struct made made;
static struct asked asked;
static struct seen whole, s;
static uint8_t whole_out[DNS_MSG_MAX], out[DNS_MSG_MAX];

static size_t write_limited(enum answer_age age, size_t limit) {
  struct answer_view v = answer_view(&made.answer);
  size_t len = answer_write(&v, &asked.query.query_opts, age, made.answer.head.stored_at, limit, out);
  cr_assert_leq(len, limit, "%zu octets with a limit of %zu", len, limit);
  cr_assert(seen_read(&s, out, len), "limit %zu: %s", limit, s.why);
  return len;
}

static size_t record_end(const struct record *r) { return r->rdata_at + r->rdlen; }

static bool same_set(const struct record *a, const struct record *b) {
  return name_equal(a->owner, a->owner_len, b->owner, b->owner_len) && a->type == b->type;
}

/* How many additional records of `whole` are to be there within `limit`, and *len; -1: TC, with *cut records
 * before it. */
static int expected(enum answer_age age, size_t limit, size_t *len, unsigned *cut) {
  const struct query_opts *m = &asked.query.query_opts;
  size_t opt = !m->edns ? 0
                        : DNS_OPT + (age == ANSWER_STALE ? 6u : 0) + (m->idle_x100ms ? 6u : 0) +
                              (m->cookie_len ? 4u + m->cookie_len : 0);
  unsigned first = whole.an + whole.ns, all = first + whole.ar, kept = first;
  size_t bare = DNS_HEADER + whole.question_len, end = first ? record_end(&whole.records[first - 1]) : bare;

  if (end + opt > limit) {
    for (*cut = 0; record_end(&whole.records[*cut]) + opt <= limit;) ++*cut;
    *len = (*cut ? record_end(&whole.records[*cut - 1]) : bare) + opt;
    return -1;
  }

  for (unsigned i = first; i < all && age != ANSWER_STALE && record_end(&whole.records[i]) + opt <= limit;
       i++) {
    bool complete = i + 1 == all || !same_set(&whole.records[i], &whole.records[i + 1]);
    if (!complete) continue;
    kept = i + 1;
    end = record_end(&whole.records[i]);
  }

  *len = end + opt;
  return (int)(kept - first);
}

/* Every limit from 512 to beyond the whole message: exactly the records that may and can be there. */
static void check_all_limits(void) {
  struct answer_view v = answer_view(&made.answer);
  size_t most = answer_write(&v, &asked.query.query_opts, ANSWER_FRESH, made.answer.head.stored_at,
                             DNS_MSG_MAX, whole_out);

  cr_assert(seen_read(&whole, whole_out, most), "%s", whole.why);
  for (int age = ANSWER_FRESH; age <= ANSWER_STALE; age++) {
    for (size_t limit = DNS_UDP_PLAIN, want_len; limit <= most + 8 && limit <= DNS_MSG_MAX; limit++) {
      unsigned cut = 0;
      int want = expected((enum answer_age)age, limit, &want_len, &cut);
      size_t len = write_limited((enum answer_age)age, limit);
      cr_assert_eq(len, want_len, "age %d, limit %zu: %zu octets, not %zu", age, limit, len, want_len);
      cr_assert_eq((s.high & DNS_TC) != 0, want < 0, "age %d, limit %zu", age, limit);
      cr_assert_eq(s.an, want >= 0 || cut > whole.an ? whole.an : cut);
      cr_assert_eq(s.ns, want >= 0 ? whole.ns : cut > whole.an ? cut - whole.an : 0);
      cr_assert_eq(s.ar, want < 0 ? 0 : (unsigned)want, "age %d, limit %zu: %u additional, not %d", age,
                   limit, s.ar, want);
      for (unsigned i = 0; i < s.an + s.ns + s.ar; i++)
        cr_assert(same_record(&s.records[i], &whole.records[i]));
    }
  }
}

static void check_with_and_without_edns(const char *name, uint16_t type) {
  asked_plain(&asked, name, type);
  check_all_limits();
  asked_edns(&asked, name, type, 4096, true);
  check_all_limits();
}

Test(answer_size, tc_exactly_when_the_answer_section_does_not_fit) {
  made_a(&made, "example.org", 60, 60, 0);
  check_with_and_without_edns("example.org", TYPE_A);
}

Test(answer_size, authority_counts_like_the_answer) {
  made_start(&made, "example.org", TYPE_A, RCODE_NXDOMAIN);
  for (int i = 0; i < 30; i++) {
    char owner[40];
    snprintf(owner, sizeof owner, "h%d.example.org", i);
    made_add(&made, SECTION_AUTHORITY, owner, TYPE_NSEC, 60, rd_fill((uint8_t)i, 30));
  }
  made_done(&made, 0);
  check_with_and_without_edns("example.org", TYPE_A);
}

/* An SRV answer with `targets` targets and for each A x2 and AAAA x1. */
static void make_expanded(int targets) {
  made_start(&made, "_xmpp-server._tcp.example.org", TYPE_SRV, RCODE_NOERROR);
  char target[40], text[40];
  for (int i = 0; i < targets; i++) {
    snprintf(target, sizeof target, "xmpp%d.hosting.example", i);
    made_add(&made, SECTION_ANSWER, "_xmpp-server._tcp.example.org", TYPE_SRV, 60,
             rd_srv(1, 2, 5269, target));
  }

  for (int i = 0; i < targets; i++) {
    snprintf(target, sizeof target, "xmpp%d.hosting.example", i);
    for (int k = 1; k <= 2; k++) {
      snprintf(text, sizeof text, "192.0.%d.%d", k, i);
      made_add(&made, SECTION_ADDITIONAL, target, TYPE_A, 60, rd_a(text));
    }
    snprintf(text, sizeof text, "2001:db8::%d", i);
    made_add(&made, SECTION_ADDITIONAL, target, TYPE_AAAA, 60, rd_aaaa(text));
  }

  made_done(&made, 0);
}

Test(answer_size, additional_records_go_by_whole_rrsets_and_never_cause_tc) {
  make_expanded(6);
  check_with_and_without_edns("_xmpp-server._tcp.example.org", TYPE_SRV);
}

Test(answer_size, the_same_when_more_names_are_written_than_can_be_pointed_at) {
  make_expanded(40);
  check_with_and_without_edns("_xmpp-server._tcp.example.org", TYPE_SRV);
}

/* The first record's owner is written in full, its fellows' owners point at it. */
Test(answer_size, an_rrset_whose_name_stands_nowhere_before_is_whole_too) {
  made_start(&made, "example.org", TYPE_MX, RCODE_NOERROR);
  made_add(&made, SECTION_ANSWER, "example.org", TYPE_MX, 60, rd_mx(1, "mx.example.org"));
  for (int host = 0; host < 12; host++) {
    char owner[40], text[40];
    snprintf(owner, sizeof owner, "host%d.elsewhere.example", host);
    for (int k = 0; k < 4; k++) {
      snprintf(text, sizeof text, "192.0.2.%d", k);
      made_add(&made, SECTION_ADDITIONAL, owner, TYPE_A, 60, rd_a(text));
    }
  }
  made_done(&made, 0);
  check_with_and_without_edns("example.org", TYPE_MX);
}

Test(answer_size, a_type_or_a_name_more_starts_another_rrset) {
  made_start(&made, "example.org", TYPE_TXT, RCODE_NOERROR);
  for (int i = 0; i < 2; i++)
    made_add(&made, SECTION_ANSWER, "example.org", TYPE_TXT, 60, rd_fill((uint8_t)(i + 1), 200));
  for (int i = 0; i < 16; i++) {
    const char *owner = i % 4 < 2 ? "example.org" : "org";
    made_add(&made, SECTION_ADDITIONAL, owner, i % 2 ? TYPE_A : TYPE_DS, 60,
             i % 2 ? rd_a("192.0.2.1") : rd_fill(1, 4));
  }
  made_done(&made, 0);
  check_with_and_without_edns("example.org", TYPE_TXT);
}

Test(answer_size, additional_records_alone) {
  made_start(&made, "example.org", TYPE_A, RCODE_NOERROR);
  for (int i = 0; i < 5; i++)
    made_add(&made, SECTION_ADDITIONAL, "example.org", TYPE_TXT, 60, rd_fill((uint8_t)(i + 1), 200));
  for (int i = 0; i < 5; i++)
    made_add(&made, SECTION_ADDITIONAL, "org", TYPE_TXT, 60, rd_fill((uint8_t)(i + 1), 200));
  made_done(&made, 0);
  check_with_and_without_edns("example.org", TYPE_A);
}

Test(answer_size, a_cookie_and_a_keepalive_take_their_octets) {
  made_a(&made, "example.org", 60, 60, 0);
  made_add(&made, SECTION_ADDITIONAL, "a.example.org", TYPE_TXT, 60, rd_fill(1, 100));
  asked_edns(&asked, "example.org", TYPE_A, 4096, true);
  asked.query.query_opts.cookie_len = 24;
  check_all_limits();
  asked.query.query_opts.idle_x100ms = 100;
  check_all_limits();
}

Test(answer_size, random_answers_at_random_limits) {
  static const char *const owners[] = {"example.org", "a.example.org", "b.example", "."};
  struct rng r = {12};
  for (int round = 0; round < 150; round++) {
    made_start(&made, "example.org", TYPE_TXT, RCODE_NOERROR);
    for (int section = SECTION_ANSWER; section <= SECTION_ADDITIONAL; section++) {
      for (uint64_t n = rng_below(&r, 8), set = 0; n > 0; n--) {
        if (rng_below(&r, 3)) set = rng_below(&r, 8);
        made_add(&made, (enum section)section, owners[set % 4], set < 4 ? TYPE_TXT : 65280, 60,
                 rd_fill((uint8_t)(round + (int)n), rng_below(&r, 120)));
      }
    }
    made_done(&made, 0);
    check_with_and_without_edns("example.org", TYPE_TXT);
  }
}

Test(answer_size, no_ad_in_an_answer_that_is_cut) {
  made_a(&made, "example.org", 60, 60, 0);
  made.answer.head.flags = ANSWER_AD;
  asked_edns(&asked, "example.org", TYPE_A, 512, true);
  write_limited(ANSWER_FRESH, 512);
  cr_expect(s.high & DNS_TC);
  cr_expect_not(s.low & DNS_AD);
  cr_expect(s.edns);
  write_limited(ANSWER_FRESH, 1232);
  cr_expect(s.low & DNS_AD);
}

Test(answer_size, sixty_four_kilobytes_go_over_tcp_and_are_cut_over_udp) {
  made_start(&made, "example.org", TYPE_TXT, RCODE_NOERROR);
  while (made_try(&made, SECTION_ANSWER, "example.org", TYPE_TXT, 60,
                  rd_fill((uint8_t)made.answer.head.an, 1000))) {
  }

  size_t left = DNS_MSG_MAX - DNS_HEADER - 17 - made.answer.head.body_len;
  made_add(&made, SECTION_ANSWER, "example.org", TYPE_TXT, 60, rd_fill(0xff, left - 12));
  cr_assert_not(made_try(&made, SECTION_ANSWER, "example.org", TYPE_TXT, 60, rd_fill(0, 0)),
                "it is full to the octet");
  made_done(&made, 0);
  asked_plain(&asked, "example.org", TYPE_TXT);
  cr_expect_eq(write_limited(ANSWER_FRESH, DNS_MSG_MAX), DNS_MSG_MAX);
  cr_expect_not(s.high & DNS_TC);
  write_limited(ANSWER_FRESH, DNS_MSG_MAX - 1);
  cr_expect(s.high & DNS_TC);
  asked_edns(&asked, "example.org", TYPE_TXT, 65535, false);
  write_limited(ANSWER_FRESH, answer_udp_limit(&asked.query.query_opts));
  cr_expect(s.high & DNS_TC);
  write_limited(ANSWER_FRESH, DNS_MSG_MAX);
  cr_expect(s.high & DNS_TC, "no room for OPT: cut even over TCP rather than without OPT");
}

Test(answer_size, a_datagram_is_never_larger_than_client_and_path_take) {
  static const uint16_t sizes[][2] = {{0, 512},     {512, 512},   {1232, 1232}, {4095, 4095},
                                      {4096, 4096}, {4097, 4096}, {65535, 4096}};
  asked_plain(&asked, "example.org", TYPE_A);
  cr_expect_eq(answer_udp_limit(&asked.query.query_opts), 512);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    asked_edns(&asked, "example.org", TYPE_A, sizes[i][0], false);
    cr_expect_eq(answer_udp_limit(&asked.query.query_opts), sizes[i][1]);
  }
}
