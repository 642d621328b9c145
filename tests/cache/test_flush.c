/* test_flush.c: who goes when a name, a type, a domain or all is flushed. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "cache/cache.h"
#include "kit/made.h"

static struct cache *c;
static struct made made;

static void setup(void) { c = cache_new(CACHE_SIZE_MIN, KIT_SEED); }
static void teardown(void) { cache_free(c); }

TestSuite(flush, .init = setup, .fini = teardown);

static void put_born(const char *name, uint16_t type, uint8_t flags, uint32_t stored_at) {
  uint8_t wire[NAME_MAX_LEN];
  made_start(&made, name, type, RCODE_NOERROR);
  made_add(&made, SECTION_ANSWER, name, TYPE_TXT, 60, rd_fill(1, 20));
  made_done(&made, stored_at);
  question_make(&made.question, wire, name_parse(name, wire), type, CLASS_IN, flags, KIT_SEED);
  cr_assert(cache_put(c, &made.question, &made.answer, ORIGIN_QUERY, 0, 0));
}

static void put_key(const char *name, uint16_t type, uint8_t flags) { put_born(name, type, flags, 0); }

static bool has_key(const char *name, uint16_t type, uint8_t flags) {
  uint8_t wire[NAME_MAX_LEN];
  struct question q;
  bool unused;
  question_make(&q, wire, name_parse(name, wire), type, CLASS_IN, flags, KIT_SEED);
  return cache_look(c, &q, 0, &unused) != CACHE_MISS;
}

static void put(const char *name, uint16_t type) { put_key(name, type, 0); }
static bool has(const char *name, uint16_t type) { return has_key(name, type, 0); }

static size_t flush(const char *name, uint16_t type, bool below) {
  uint8_t wire[NAME_MAX_LEN];
  struct cache_which which = {.name = wire, .name_len = name_parse(name, wire), .type = type, .below = below};
  return cache_flush(c, &which);
}

static struct cache_stats stats(void) {
  struct cache_stats s;
  cache_stats(c, &s);
  return s;
}

static bool is_below_org(const void *ctx, const struct question *q) {
  return name_is_within(q->key, q->name_len, ctx, 13);
}

static enum cache_found found_at(const char *name, uint32_t tick) {
  uint8_t wire[NAME_MAX_LEN];
  struct question q;
  bool unused;
  question_make(&q, wire, name_parse(name, wire), TYPE_A, CLASS_IN, 0, KIT_SEED);
  return cache_look(c, &q, tick, &unused);
}

Test(flush, what_expires_before_its_time_is_kept_as_stale_and_gives_way_to_what_comes_next) {
  static const uint8_t domain[] = "\7example\3org";
  enum { BORN = 5000, NOW = BORN + 10 }; /* ticks begin long before a daemon does: births can be set back */
  put_born("example.org", TYPE_A, 0, BORN);
  put_born("a.example.org", TYPE_A, 0, BORN);
  put_born("example.net", TYPE_A, 0, BORN);
  cr_expect_eq(cache_expire(c, is_below_org, domain, NOW), 2);
  cr_expect_eq(found_at("example.org", NOW - 1), CACHE_FRESH);
  cr_expect_eq(found_at("example.org", NOW), CACHE_EXPIRED);
  cr_expect_eq(found_at("a.example.org", NOW), CACHE_EXPIRED);
  cr_expect_eq(found_at("example.net", NOW), CACHE_FRESH);
  cr_expect_eq(cache_expire(c, is_below_org, domain, NOW), 0);

  put_born("example.org", TYPE_A, 0, BORN);
  cr_expect_eq(found_at("example.org", NOW), CACHE_FRESH);
}

Test(flush, what_expires_before_its_time_is_found_in_rings_that_have_been_round_more_than_once) {
  static const uint8_t domain[] = "\7example\3org";
  enum { BORN = 5000, MANY = 60000 };
  for (unsigned i = 0; i < MANY; i++) {
    char name[64];
    snprintf(name, sizeof name, "%.*s%u.example.org", (int)(i % 20), "a-long-name-of-a-host", i);
    put_born(name, TYPE_A, 0, BORN);
    if (i % 3 == 0) found_at(name, BORN + 1);
  }
  cr_assert_lt(stats().entries, MANY, "the rings have not been round");
  cr_expect_eq(cache_expire(c, is_below_org, domain, BORN + 10), stats().entries);
}

static void fill(void) {
  put("example.org", TYPE_A);
  put("example.org", TYPE_SRV);
  put_key("example.org", TYPE_A, KEY_DO);
  put_key("example.org", TYPE_A, KEY_DO | KEY_CD);
  put("a.example.org", TYPE_A);
  put("_xmpp-client._tcp.example.org", TYPE_SRV);
  put("notexample.org", TYPE_A);
  put("org", TYPE_A);
  put(".", TYPE_NS);
}

Test(flush, a_name_goes_with_all_its_types_and_flags_and_nothing_else) {
  fill();
  cr_expect_eq(flush("eXample.ORG", 0, false), 4);
  cr_expect_not(has("example.org", TYPE_A));
  cr_expect_not(has("example.org", TYPE_SRV));
  cr_expect_not(has_key("example.org", TYPE_A, KEY_DO | KEY_CD));
  cr_expect(has("a.example.org", TYPE_A) && has("notexample.org", TYPE_A) && has("org", TYPE_A));
  cr_expect_eq(stats().entries, 5);
  cr_expect_eq(flush("example.org", 0, false), 0);
}

Test(flush, a_name_and_type_go_with_all_flags) {
  fill();
  cr_expect_eq(flush("example.org", TYPE_A, false), 3);
  cr_expect(has("example.org", TYPE_SRV));
  cr_expect_eq(flush("example.org", TYPE_AAAA, false), 0);
  cr_expect_eq(stats().entries, 6);
}

Test(flush, a_domain_goes_with_all_names_below_but_not_with_those_that_only_end_alike) {
  fill();
  cr_expect_eq(flush("example.org", 0, true), 6);
  cr_expect(has("notexample.org", TYPE_A) && has("org", TYPE_A) && has(".", TYPE_NS));
  cr_expect_eq(stats().entries, 3);
}

Test(flush, of_a_domain_only_one_type_may_go) {
  fill();
  cr_expect_eq(flush("example.org", TYPE_SRV, true), 2);
  cr_expect(has("a.example.org", TYPE_A));
}

Test(flush, the_root_is_one_name_or_all_of_them) {
  fill();
  cr_expect_eq(flush(".", 0, false), 1);
  cr_expect_eq(flush(".", 0, true), 8);
  cr_expect_eq(stats().entries, 0);
}

Test(flush, all_goes_at_once_and_the_room_with_it) {
  char name[40];
  cr_expect_eq(cache_flush(c, &(struct cache_which){0}), 0);
  for (unsigned lap = 0; lap < 5; lap++) {
    for (unsigned i = 0; i < 3000 + lap; i++) {
      snprintf(name, sizeof name, "n%u.example", i);
      put(name, TYPE_A);
    }
    cr_expect_eq(stats().entries, 3000 + lap);
    cr_expect_eq(cache_flush(c, &(struct cache_which){0}), 3000 + lap);
    cr_expect_eq(stats().entries, 0);
    cr_expect_eq(stats().octets, 0);
    cr_expect_not(has("n5.example", TYPE_A));
  }
  cr_expect_eq(stats().evicted, 0);
}

Test(flush, what_is_flushed_can_be_put_in_again_while_the_rings_turn) {
  char name[40];
  for (unsigned i = 0; i < 30000; i++) {
    snprintf(name, sizeof name, "n%u.example", i);
    put(name, TYPE_A);
    if (i % 7 == 0) cr_assert_eq(flush(name, TYPE_A, false), 1);
    if (i % 14 == 0) put(name, TYPE_A);
    cr_assert_eq(has(name, TYPE_A), i % 7 != 0 || i % 14 == 0, "%u", i);
    if (i % 5000 == 4999) cr_assert_gt(flush("example", 0, true), 100);
  }
}

Test(flush, goes_through_all_shards_and_all_of_both_rings) {
  char name[40];
  cache_free(c);
  c = cache_new(64 << 20, KIT_SEED);
  for (unsigned i = 0; i < 20000; i++) {
    snprintf(name, sizeof name, "n%u.example.%s", i, i % 2 ? "org" : "com");
    put(name, TYPE_A);
  }
  cr_expect_eq(flush("com", 0, true), 10000);
  cr_expect_eq(stats().entries, 10000);
  for (unsigned i = 0; i < 20000; i++) {
    snprintf(name, sizeof name, "n%u.example.%s", i, i % 2 ? "org" : "com");
    cr_assert_eq(has(name, TYPE_A), i % 2);
  }
}

static void put_srv(const char *name, const char *host, uint16_t type) {
  made_start(&made, name, TYPE_SRV, RCODE_NOERROR);
  made_add(&made, SECTION_ANSWER, name, TYPE_SRV, 600, rd_srv(1, 1, 5269, host));
  made_add(&made, SECTION_ADDITIONAL, host, type, 300,
           type == TYPE_A ? rd_a("192.0.2.1") : rd_aaaa("2001:db8::1"));
  made_add(&made, SECTION_ADDITIONAL, "other.lab.", TYPE_A, 300, rd_a("192.0.2.2"));
  made_done(&made, 0);
  cr_assert(cache_put(c, &made.question, &made.answer, ORIGIN_QUERY, 0, 0));
}

/* Additional records of name's SRV answer; its own record must be there. */
static unsigned carried(const char *name) {
  static struct answer a;
  static uint8_t message[DNS_MSG_MAX];
  uint8_t wire[NAME_MAX_LEN];
  struct question q;
  struct record r;
  question_make(&q, wire, name_parse(name, wire), TYPE_SRV, CLASS_IN, 0, KIT_SEED);
  cr_assert_eq(cache_peek(c, &q, 0, &a), CACHE_FRESH);
  cr_assert_eq(a.ttl_s, 600);
  struct wire w = wire_read(message, answer_message(&q, &a, message));
  w.at = DNS_HEADER + q.name_len + 4u;
  for (unsigned i = 0; i < answer_records(&a.head); i++) cr_assert(record_read(&w, &r));
  cr_assert(!w.err && w.at == w.len, "whole, and nothing behind");
  cr_assert_eq(a.head.an, 1);
  return a.head.ar;
}

Test(flush, a_host_leaves_the_answers_that_carry_its_addresses) {
  put_srv("_xmpp-server._tcp.d.lab.", "h.d.lab.", TYPE_A);
  put_srv("_xmpp-server._tcp.e.lab.", "h.e.lab.", TYPE_AAAA);
  cr_expect_eq(flush("nobody.lab.", 0, false), 0);
  cr_expect_eq(flush("h.d.lab.", TYPE_AAAA, false), 0);
  cr_expect_eq(carried("_xmpp-server._tcp.d.lab."), 2, "another type");
  cr_expect_eq(flush("H.d.lab.", 0, false), 0, "no entry goes");
  cr_expect_eq(carried("_xmpp-server._tcp.d.lab."), 0);
  cr_expect_eq(carried("_xmpp-server._tcp.e.lab."), 2, "another host's");
  cr_expect_eq(flush("h.e.lab.", 0, true), 0);
  cr_expect_eq(carried("_xmpp-server._tcp.e.lab."), 0);
}

Test(flush, an_answer_that_lost_its_addresses_is_worn) {
  struct cache_hit hit;
  uint8_t out[DNS_MSG_MAX];
  put_srv("_xmpp-server._tcp.d.lab.", "h.d.lab.", TYPE_A);
  struct query q = {
      .question = made.question,
      .query_opts = {.qname_wire = made.question.key, .name_len = (uint8_t)made.question.name_len}};
  cr_expect_eq(cache_get(c, &q, 0, sizeof out, out, &hit), CACHE_FRESH);
  flush("h.d.lab.", 0, false);
  cr_expect_eq(cache_get(c, &q, 0, sizeof out, out, &hit), CACHE_DUE, "so that it gets the new ones");
  cr_expect_gt(hit.len, 0);
}
