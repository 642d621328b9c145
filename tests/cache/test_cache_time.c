/* test_cache_time.c: how long an answer is fresh, worn, stale, to the tick. */
#include <criterion/criterion.h>

#include "cache/cache.h"
#include "dns/ttl.h"
#include "kit/made.h"
#include "kit/rng.h"
#include "kit/seen.h"

enum { BORN = 12345 };

static struct cache *c;
static struct made made;
static struct asked asked;
static struct seen s;
static struct cache_hit hit;
static uint8_t out[DNS_MSG_MAX];

static void setup(void) { c = cache_new(CACHE_SIZE_MIN, KIT_SEED); }
static void teardown(void) { cache_free(c); }

TestSuite(cache_time, .init = setup, .fini = teardown);

static void put_a(uint32_t ttl, uint32_t refresh_at) {
  made_a(&made, "example.org", ttl, 2, BORN);
  asked_edns(&asked, "example.org", TYPE_A, 1232, false);
  cr_assert(cache_put(c, &made.question, &made.answer, ORIGIN_QUERY, refresh_at, 0));
}

/* SRV for 60 s, its target's address for 20 s. */
static void put_expanded(void) {
  made_start(&made, "example.org", TYPE_SRV, RCODE_NOERROR);
  made_add(&made, SECTION_ANSWER, "example.org", TYPE_SRV, 60, rd_srv(1, 2, 3, "a.example.org"));
  made_add(&made, SECTION_ADDITIONAL, "a.example.org", TYPE_A, 20, rd_a("192.0.2.1"));
  made_done(&made, BORN);
  asked_edns(&asked, "example.org", TYPE_SRV, 1232, false);
  cr_assert(cache_put(c, &made.question, &made.answer, ORIGIN_QUERY, 0, 0));
}

static enum cache_found get(uint32_t tick) {
  enum cache_found found = cache_get(c, &asked.query, tick, DNS_MSG_MAX, out, &hit);
  if (hit.len) cr_assert(seen_read(&s, out, hit.len), "%s", s.why);
  return found;
}

static bool get_stale(uint32_t tick, uint32_t max_stale_s) {
  bool found = cache_get_stale(c, &asked.query, tick, max_stale_s, DNS_MSG_MAX, out, &hit);
  if (found) cr_assert(seen_read(&s, out, hit.len), "%s", s.why);
  return found;
}

Test(cache_time, an_answer_expires_to_the_tick) {
  static const uint32_t ttls[] = {1, 2, 59, 60, 3600, TTL_MAX};
  for (size_t i = 0; i < sizeof ttls / sizeof *ttls; i++) {
    put_a(ttls[i], 0);
    cr_expect_eq(get(BORN), CACHE_FRESH);
    cr_expect_eq(s.records[0].ttl, ttls[i]);
    cr_expect_eq(get(BORN + ttls[i] * TICKS_PER_S - 1), CACHE_FRESH, "TTL %u", ttls[i]);
    cr_expect_eq(s.records[0].ttl, 1);
    cr_expect_eq(get(BORN + ttls[i] * TICKS_PER_S), CACHE_EXPIRED, "TTL %u", ttls[i]);
    cr_expect_eq(hit.len, 0);
  }
}

Test(cache_time, never_returns_a_ttl_above_the_upstreams) {
  struct rng r = {30};
  for (int i = 0; i < 20000; i++) {
    uint32_t ttl = 1 + (uint32_t)rng_below(&r, 100), tick = BORN - 20 + (uint32_t)rng_below(&r, 1200);
    put_a(ttl, 0);
    enum cache_found found = get(tick);
    uint32_t age = tick > BORN ? (tick - BORN) / TICKS_PER_S : 0;
    cr_assert_eq(found, age < ttl ? CACHE_FRESH : CACHE_EXPIRED);
    if (hit.len) cr_assert_eq(s.records[1].ttl, ttl - age, "TTL %u at %u", ttl, tick - BORN);
  }
}

Test(cache_time, what_another_thread_stores_a_moment_ahead_is_fresh_with_its_whole_ttl) {
  put_a(60, 0);
  cr_expect_eq(get(BORN - 1), CACHE_FRESH);
  cr_expect_eq(s.records[0].ttl, 60);
}

Test(cache_time, the_least_ttl_of_answer_and_authority_counts) {
  made_start(&made, "example.org", TYPE_A, RCODE_NOERROR);
  made_add(&made, SECTION_ANSWER, "example.org", TYPE_CNAME, 60, rd_name("b.org"));
  made_add(&made, SECTION_ANSWER, "b.org", TYPE_A, 30, rd_a("192.0.2.1"));
  made_add(&made, SECTION_AUTHORITY, "b.org", TYPE_NSEC, 20, rd_fill(1, 9));
  made_done(&made, BORN);
  asked_plain(&asked, "example.org", TYPE_A);
  cr_assert(cache_put(c, &made.question, &made.answer, ORIGIN_QUERY, 0, 0));
  cr_expect_eq(get(BORN + 199), CACHE_FRESH);
  cr_expect_eq(get(BORN + 200), CACHE_EXPIRED);
}

Test(cache_time, an_additional_record_that_runs_out_wears_the_answer_but_does_not_end_it) {
  put_expanded();
  cr_expect_eq(get(BORN + 199), CACHE_FRESH);
  cr_expect_eq(s.ar, 1);
  cr_expect_eq(seen_record(&s, SECTION_ADDITIONAL, 0)->ttl, 1);
  cr_expect_eq(get(BORN + 200), CACHE_DUE);
  cr_expect_eq(s.ar, 0);
  cr_expect_eq(s.an, 1);
  cr_expect_eq(get(BORN + 599), CACHE_DUE);
  cr_expect_eq(get(BORN + 600), CACHE_EXPIRED);
}

Test(cache_time, attend_wears_an_answer_to_the_tick) {
  put_a(60, BORN + 300);
  cr_expect_eq(get(BORN + 299), CACHE_FRESH);
  cr_expect_eq(get(BORN + 300), CACHE_DUE);
  cr_expect_eq(s.an, 2);
  cr_expect_eq(s.records[0].ttl, 30);
  cr_expect_eq(get(BORN + 599), CACHE_DUE);
  cr_expect_eq(get(BORN + 600), CACHE_EXPIRED);
}

Test(cache_time, attend_at_birth_wears_at_once) {
  put_a(60, BORN);
  cr_expect_eq(get(BORN), CACHE_DUE);
  cr_expect_eq(s.an, 2);
}

Test(cache_time, attend_never_lengthens_a_life) {
  put_a(60, BORN + 601);
  cr_expect_eq(get(BORN + 599), CACHE_FRESH);
  cr_expect_eq(get(BORN + 600), CACHE_EXPIRED);
  put_a(60, UINT32_MAX);
  cr_expect_eq(get(BORN + 600), CACHE_EXPIRED);
}

Test(cache_time, a_snoozed_answer_is_fresh_again_until_then) {
  put_a(60, BORN + 100);
  cr_expect_eq(get(BORN + 150), CACHE_DUE);
  cache_postpone(c, &made.question, BORN + 150, BORN + 250);
  cr_expect_eq(get(BORN + 150), CACHE_FRESH);
  cr_expect_eq(get(BORN + 249), CACHE_FRESH);
  cr_expect_eq(get(BORN + 250), CACHE_DUE);
}

Test(cache_time, no_snooze_outlasts_the_ttl) {
  put_a(60, BORN + 100);
  cache_postpone(c, &made.question, BORN + 150, UINT32_MAX);
  cr_expect_eq(get(BORN + 599), CACHE_FRESH);
  cr_expect_eq(get(BORN + 600), CACHE_EXPIRED);
  cache_postpone(c, &made.question, BORN + 600, BORN + 700);
  cr_expect_eq(get(BORN + 600), CACHE_EXPIRED);
}

Test(cache_time, a_snoozed_answer_has_no_additional_records_that_ran_out) {
  put_expanded();
  cache_postpone(c, &made.question, BORN + 250, BORN + 400);
  cr_expect_eq(get(BORN + 250), CACHE_FRESH);
  cr_expect_eq(s.an, 1);
  cr_expect_eq(s.ar, 0, "an address beyond its time");
  put_expanded();
  cache_postpone(c, &made.question, BORN + 100, BORN + 400);
  cr_expect_eq(get(BORN + 150), CACHE_FRESH);
  cr_expect_eq(s.ar, 1);
  cr_expect_eq(get(BORN + 200), CACHE_FRESH);
  cr_expect_eq(s.ar, 0);
}

Test(cache_time, snoozing_what_is_not_there_is_harmless) {
  struct question q;
  question_of(&q, "nowhere.org", TYPE_A);
  cache_postpone(c, &q, 0, 100);
  cr_expect_eq(get(0), CACHE_MISS);
}

Test(cache_time, a_put_ends_a_snooze) {
  put_a(60, BORN + 100);
  cache_postpone(c, &made.question, BORN + 150, BORN + 500);
  put_a(60, BORN + 100);
  cr_expect_eq(get(BORN + 150), CACHE_DUE);
}

Test(cache_time, stale_answers_serve_for_their_window_to_the_tick) {
  put_a(60, 0);
  cr_expect(get_stale(BORN + 600, 100));
  cr_expect_eq(s.records[0].ttl, TTL_STALE);
  cr_expect_eq(s.ede, EDE_STALE);
  cr_expect(get_stale(BORN + 600 + 1000, 100));
  cr_expect_not(get_stale(BORN + 600 + 1001, 100));
  cr_expect_eq(hit.len, 0);
  cr_expect_not(get_stale(BORN + 601, 0));
  cr_expect(get_stale(BORN + 600 + 10 * 86400 * 100, UINT32_MAX), "the window may be any number");
}

Test(cache_time, stale_has_no_additional_records) {
  put_expanded();
  cr_expect(get_stale(BORN + 700, 100));
  cr_expect_eq(s.an, 1);
  cr_expect_eq(s.ar, 0);
}

Test(cache_time, what_has_not_expired_is_no_stale_answer) {
  put_expanded();
  cr_expect(get_stale(BORN + 100, 0));
  cr_expect_eq(s.records[0].ttl, 50);
  cr_expect_eq(s.ar, 1);
  cr_expect_eq(s.ede, -1);
  cr_expect(get_stale(BORN + 300, 0));
  cr_expect_eq(s.records[0].ttl, 30);
  cr_expect_eq(s.ar, 0);
  cr_expect_eq(s.ede, -1);
}

Test(cache_time, an_expired_answer_comes_to_life_by_a_new_one) {
  put_a(60, 0);
  cr_expect_eq(get(BORN + 600), CACHE_EXPIRED);
  made_a(&made, "example.org", 60, 1, BORN + 600);
  cr_assert(cache_put(c, &made.question, &made.answer, ORIGIN_QUERY, 0, 0));
  cr_expect_eq(get(BORN + 600), CACHE_FRESH);
  cr_expect_eq(s.records[0].ttl, 60);
}

Test(cache_time, look_and_peek_know_the_same_end) {
  static struct answer copy;
  bool unused;
  put_expanded();
  cr_expect_eq(cache_look(c, &made.question, BORN + 599, &unused), CACHE_FRESH);
  cr_expect_eq(cache_look(c, &made.question, BORN + 600, &unused), CACHE_EXPIRED);
  cr_expect_eq(cache_peek(c, &made.question, BORN + 599, &copy), CACHE_FRESH);
  cr_expect_eq(copy.ttl_s, 60, "it counts from birth");
  cr_expect_eq(copy.head.stored_at, BORN);
  copy.head.an = 0;
  cr_expect_eq(cache_peek(c, &made.question, BORN + 600, &copy), CACHE_EXPIRED);
  cr_expect_eq(copy.head.an, 1, "copied all the same");
}
