/* test_cache.c: what is put in is found, as it is, by those who ask for it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#include "cache/cache.h"
#include "kit/emulated.h"
#include "kit/made.h"
#include "kit/seen.h"

static struct cache *c;
static struct made made;
static struct asked asked;
static struct seen s;
static struct cache_hit hit;
static uint8_t out[DNS_MSG_MAX];

static void setup(void) { c = cache_new(CACHE_SIZE_MIN, KIT_SEED); }
static void teardown(void) { cache_free(c); }

TestSuite(cache, .init = setup, .fini = teardown);

static bool put(enum cache_origin how, size_t spare) {
  return cache_put(c, &made.question, &made.answer, how, 0, spare);
}

static void put_a(const char *name, unsigned count) {
  made_a(&made, name, 60, count, 0);
  cr_assert(put(ORIGIN_QUERY, 0));
}

static enum cache_found get(const char *name, uint16_t type) {
  asked_plain(&asked, name, type);
  enum cache_found found = cache_get(c, &asked.query, 0, DNS_MSG_MAX, out, &hit);
  cr_assert_eq(hit.len != 0, found == CACHE_FRESH || found == CACHE_DUE);
  if (hit.len) cr_assert(seen_read(&s, out, hit.len), "%s", s.why);
  return found;
}

static struct cache_stats stats(void) {
  struct cache_stats now;
  cache_stats(c, &now);
  return now;
}

Test(cache, finds_what_was_put_in_whatever_the_spelling) {
  put_a("Example.org", 3);
  cr_expect_eq(get("eXAMPLE.ORG", TYPE_A), CACHE_FRESH);
  cr_expect_eq(s.an, 3);
  cr_expect_arr_eq(s.question, "\7eXAMPLE\3ORG\0", 13);
  cr_expect_eq(stats().entries, 1);
}

Test(cache, an_older_answer_does_not_take_a_newer_ones_place) {
  made_a(&made, "example.org", 60, 2, 0);
  made.answer.head.stored_at = 100;
  cr_expect(put(ORIGIN_QUERY, 0));
  made_a(&made, "example.org", 60, 1, 0);
  made.answer.head.stored_at = 99;
  cr_expect_not(put(ORIGIN_QUERY, 0), "another worker looked at it before it was renewed");
  made.answer.head.stored_at = 100;
  cr_expect(put(ORIGIN_QUERY, 0));
}

Test(cache, does_not_find_what_was_not_put_in) {
  cr_expect_eq(get("example.org", TYPE_A), CACHE_MISS);
  put_a("example.org", 1);
  cr_expect_eq(get("example.org", TYPE_AAAA), CACHE_MISS);
  cr_expect_eq(get("www.example.org", TYPE_A), CACHE_MISS);
  cr_expect_eq(get("org", TYPE_A), CACHE_MISS);
  cr_expect_not(cache_get_stale(c, &asked.query, 0, 1000, DNS_MSG_MAX, out, &hit));
}

Test(cache, signed_and_unchecked_answers_are_entries_of_their_own) {
  put_a("example.org", 1);
  asked_edns(&asked, "example.org", TYPE_A, 1232, true);
  cr_expect_eq(cache_get(c, &asked.query, 0, DNS_MSG_MAX, out, &hit), CACHE_MISS);
  asked_plain(&asked, "example.org", TYPE_A);
  asked.msg.octets[3] |= DNS_CD;
  asked_again(&asked);
  cr_expect_eq(cache_get(c, &asked.query, 0, DNS_MSG_MAX, out, &hit), CACHE_MISS);
  asked_edns(&asked, "example.org", TYPE_A, 1232, false);
  cr_expect_eq(cache_get(c, &asked.query, 0, DNS_MSG_MAX, out, &hit), CACHE_FRESH);
}

Test(cache, the_root_and_the_longest_name_are_names) {
  char name[256];
  memset(name, 'a', sizeof name);
  for (int i = 63; i < 253; i += 64) name[i] = '.';
  name[253] = 0;
  put_a(".", 1);
  put_a(name, 2);
  cr_expect_eq(get(".", TYPE_A), CACHE_FRESH);
  cr_expect_eq(s.an, 1);
  cr_expect_eq(get(name, TYPE_A), CACHE_FRESH);
  cr_expect_eq(s.an, 2);
  name[0] = 'b';
  cr_expect_eq(get(name, TYPE_A), CACHE_MISS);
}

Test(cache, a_later_answer_takes_the_place_of_the_earlier) {
  static const unsigned counts[] = {5, 5, 2, 1, 9, 300, 3};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    put_a("example.org", counts[i]);
    cr_assert_eq(get("example.org", TYPE_A), CACHE_FRESH);
    cr_expect_eq(s.an, counts[i]);
    cr_expect_eq(stats().entries, 1);
  }
}

Test(cache, a_successor_that_fits_takes_no_more_memory) {
  put_a("example.org", 5);
  size_t octets = stats().octets;
  put_a("example.org", 5);
  put_a("example.org", 1);
  put_a("example.org", 5);
  cr_expect_eq(stats().octets, octets);
  put_a("example.org", 6);
  cr_expect_gt(stats().octets, octets);
}

/* Of the only entry there is. */
static struct cache_standing standing(void) {
  struct cache_walk *w = cache_walk_new(c);
  struct cache_entry e;
  cr_assert(w && cache_walk_next(w, &e));
  cache_walk_free(w);
  return e.standing;
}

Test(cache, a_longer_successor_stands_as_the_earlier_did) {
  made_a(&made, "example.org", 60, 1, 0);
  cr_assert(cache_restore(c, &made.question, &made.answer, 0, &(struct cache_standing){.in_main = true}));
  get("example.org", TYPE_A);
  get("example.org", TYPE_A);
  put_a("example.org", 9);
  cr_expect(standing().in_main);
  cr_expect_eq(standing().hits, 2);
}

Test(cache, room_is_left_for_a_longer_successor) {
  made_a(&made, "example.org", 60, 1, 0);
  cr_assert(put(ORIGIN_QUERY, 4 * 18));
  size_t octets = stats().octets;
  put_a("example.org", 5);
  cr_expect_eq(stats().octets, octets);
  cr_expect_eq(get("example.org", TYPE_A), CACHE_FRESH);
  cr_expect_eq(s.an, 5);
  put_a("example.org", 6);
  cr_expect_gt(stats().octets, octets);
}

Test(cache, an_answer_without_a_life_is_not_kept_and_takes_no_place) {
  put_a("example.org", 3);
  made_a(&made, "example.org", 0, 1, 0);
  cr_expect_not(put(ORIGIN_QUERY, 0));
  cr_expect_eq(get("example.org", TYPE_A), CACHE_FRESH);
  cr_expect_eq(s.an, 3);
}

/* A TXT answer whose body takes so many octets, at most what a message holds. */
static void make_large(const char *name, size_t body) {
  made_start(&made, name, TYPE_TXT, RCODE_NOERROR);
  while (body > 0) {
    size_t piece = body > 1000 + 24 ? 1000 : body - 12;
    made_add(&made, SECTION_ANSWER, name, TYPE_TXT, 60, rd_fill((uint8_t)made.answer.head.an, piece));
    body -= piece + 12;
  }
  made_done(&made, 0);
}

Test(cache, sixty_four_kilobyte_answers_are_kept) {
  static uint8_t want[DNS_MSG_MAX];
  make_large("example.org", DNS_MSG_MAX - DNS_HEADER - 17);
  cr_assert(put(ORIGIN_QUERY, 0));
  cr_expect_eq(get("example.org", TYPE_TXT), CACHE_FRESH);
  cr_expect_eq(hit.len, DNS_MSG_MAX);
  struct answer_view v = answer_view(&made.answer);
  cr_expect_eq(answer_write(&v, &asked.query.query_opts, ANSWER_FRESH, 0, DNS_MSG_MAX, want), hit.len);
  cr_expect_arr_eq(out, want, hit.len);
}

Test(cache, thousands_of_records_in_one_answer_are_kept) {
  static struct answer copy;
  made_start(&made, "a", 65280, RCODE_NOERROR);
  while (made_try(&made, SECTION_ANSWER, "a", 65280, 60, rd_fill(0, 0))) {
  }
  made_done(&made, 0);
  cr_assert_gt(made.answer.head.an, 5000);
  cr_assert(put(ORIGIN_QUERY, 0));
  cr_assert_eq(cache_peek(c, &made.question, 0, &copy), CACHE_FRESH);
  cr_expect_eq(copy.head.an, made.answer.head.an);
  cr_expect_arr_eq(copy.ttl_at, made.answer.ttl_at, 2u * copy.head.an);
  cr_expect_arr_eq(copy.body, made.answer.body, copy.head.body_len);
}

Test(cache, what_is_too_large_with_its_spare_room_is_refused_and_the_rest_stays) {
  put_a("other.org", 2);
  made_a(&made, "example.org", 60, 1, 0);
  cr_expect_not(put(ORIGIN_QUERY, CACHE_SIZE_MIN / 8));
  cr_expect_not(put(ORIGIN_QUERY, SIZE_MAX / 2));
  cr_expect_eq(get("example.org", TYPE_A), CACHE_MISS);
  cr_expect_eq(get("other.org", TYPE_A), CACHE_FRESH);
  cr_expect_eq(stats().entries, 1);
}

Test(cache, a_successor_that_is_refused_does_not_bring_back_the_old_answer) {
  put_a("example.org", 1);
  made_a(&made, "example.org", 60, 9, 0);
  cr_expect_not(put(ORIGIN_QUERY, CACHE_SIZE_MIN));
  cr_expect_eq(get("example.org", TYPE_A), CACHE_MISS);
  cr_expect_eq(stats().entries, 0);
  put_a("example.org", 2);
  cr_expect_eq(get("example.org", TYPE_A), CACHE_FRESH);
  cr_expect_eq(s.an, 2);
}

Test(cache, an_answer_larger_than_the_client_takes_is_cut_for_it_alone) {
  put_a("example.org", 60);
  asked_plain(&asked, "example.org", TYPE_A);
  cr_assert_eq(cache_get(c, &asked.query, 0, 512, out, &hit), CACHE_FRESH);
  cr_expect_leq(hit.len, 512);
  cr_expect(out[2] & DNS_TC);
  cr_expect_eq(get("example.org", TYPE_A), CACHE_FRESH);
  cr_expect_eq(s.an, 60);
}

Test(cache, the_first_use_of_what_was_fetched_ahead_is_told_once) {
  made_a(&made, "example.org", 60, 1, 0);
  cr_assert(put(ORIGIN_PREFETCH_C2S, 0));
  get("example.org", TYPE_A);
  cr_expect(hit.origin);
  get("example.org", TYPE_A);
  cr_expect_not(hit.origin);
}

Test(cache, the_first_use_may_come_late) {
  made_a(&made, "example.org", 60, 1, 0);
  cr_assert(put(ORIGIN_PREFETCH_C2S, 0));
  asked_plain(&asked, "example.org", TYPE_A);
  cr_assert(cache_get_stale(c, &asked.query, 700, 1000, DNS_MSG_MAX, out, &hit));
  cr_expect(hit.origin);
  cr_assert(cache_get_stale(c, &asked.query, 700, 1000, DNS_MSG_MAX, out, &hit));
  cr_expect_not(hit.origin);
}

Test(cache, an_answer_that_somebody_asked_for_was_not_fetched_ahead) {
  put_a("example.org", 1);
  get("example.org", TYPE_A);
  cr_expect_not(hit.origin);
  made_a(&made, "two.org", 60, 1, 0);
  cr_assert(put(ORIGIN_PREFETCH_C2S, 0));
  cr_assert(put(ORIGIN_QUERY, 0));
  get("two.org", TYPE_A);
  cr_expect_not(hit.origin);
}

Test(cache, a_renewal_ahead_is_used_anew) {
  put_a("example.org", 1);
  get("example.org", TYPE_A);
  cr_assert(put(ORIGIN_PREFETCH_C2S, 0));
  get("example.org", TYPE_A);
  cr_expect(hit.origin);
}

Test(cache, what_was_fetched_ahead_in_vain_is_counted) {
  struct cache_stats stats;
  made_a(&made, "one.org", 60, 1, 0);
  cr_assert(put(ORIGIN_PREFETCH_C2S, 0));
  cr_assert(put(ORIGIN_PREFETCH_C2S, 0)); /* in vain the first time */
  get("one.org", TYPE_A);
  cr_assert(put(ORIGIN_QUERY, 0)); /* the second was used */
  made_a(&made, "one.org", 60, 9, 0);
  cr_assert(put(ORIGIN_QUERY, 0)); /* in a new place */
  cr_assert(put(ORIGIN_PREFETCH_S2S, 0));
  cr_assert(put(ORIGIN_RENEWED, 0));
  cr_assert(put(ORIGIN_QUERY, 0));
  cache_stats(c, &stats);
  cr_expect_eq(stats.unused[ORIGIN_PREFETCH_C2S], 1);
  cr_expect_eq(stats.unused[ORIGIN_PREFETCH_S2S], 1);
  cr_expect_eq(stats.unused[ORIGIN_RENEWED], 1);
  cr_expect_eq(stats.unused[ORIGIN_QUERY], 0);
}

Test(cache, tells_how_the_answer_came_that_is_used_for_the_first_time) {
  bool unused;
  for (enum cache_origin how = ORIGIN_QUERY; how < ORIGINS; how++) {
    made_a(&made, "example.org", 60, 1, 0);
    cr_assert(put(how, 0));
    cache_look(c, &made.question, 0, &unused);
    cr_expect_eq(unused, origin_is_prefetch(how), "what was renewed is of use");
    get("example.org", TYPE_A);
    cr_expect_eq(hit.origin, how);
    get("example.org", TYPE_A);
    cr_expect_eq(hit.origin, ORIGIN_QUERY);
  }
}

Test(cache, looking_is_no_use) {
  static struct answer copy;
  bool unused;
  made_a(&made, "example.org", 60, 1, 0);
  cr_expect_eq(cache_look(c, &made.question, 0, &unused), CACHE_MISS);
  cr_assert(put(ORIGIN_PREFETCH_C2S, 0));
  cr_expect_eq(cache_look(c, &made.question, 0, &unused), CACHE_FRESH);
  cr_expect(unused);
  cr_expect_eq(cache_peek(c, &made.question, 0, &copy), CACHE_FRESH);
  get("example.org", TYPE_A);
  cr_expect(hit.origin);
  cr_expect_eq(cache_look(c, &made.question, 0, &unused), CACHE_FRESH);
  cr_expect_not(unused);
}

Test(cache, peek_copies_the_whole_entry) {
  static struct answer copy;
  made_start(&made, "example.org", TYPE_SRV, RCODE_NOERROR);
  made_add(&made, SECTION_ANSWER, "example.org", TYPE_SRV, 60, rd_srv(1, 2, 3, "a.example.org"));
  made_add(&made, SECTION_ADDITIONAL, "a.example.org", TYPE_A, 50, rd_a("192.0.2.1"));
  made_done(&made, 7);
  made.answer.head.flags = ANSWER_AD;
  cr_assert(put(ORIGIN_QUERY, 0));
  cr_assert_eq(cache_peek(c, &made.question, 7, &copy), CACHE_FRESH);
  cr_expect_eq(copy.head.stored_at, 7);
  cr_expect_eq(copy.head.an, 1);
  cr_expect_eq(copy.head.ar, 1);
  cr_expect_eq(copy.head.flags, ANSWER_AD);
  cr_expect_eq(copy.ttl_s, 60);
  cr_expect_eq(copy.head.body_len, made.answer.head.body_len);
  cr_expect_arr_eq(copy.body, made.answer.body, copy.head.body_len);
  cr_expect_arr_eq(copy.ttl_at, made.answer.ttl_at, 4);
}

static void put_into(struct cache *to, const char *prefix, unsigned n, enum cache_origin how) {
  for (unsigned i = 0; i < n; i++) {
    char name[40];
    snprintf(name, sizeof name, "%s%u.example.org", prefix, i);
    made_a(&made, name, 60, 1, 0);
    cr_assert(cache_put(to, &made.question, &made.answer, how, 0, 0));
  }
}

static unsigned found_in(struct cache *in, const char *prefix, unsigned n) {
  unsigned found = 0;
  bool unused;
  for (unsigned i = 0; i < n; i++) {
    char name[40];
    snprintf(name, sizeof name, "%s%u.example.org", prefix, i);
    made_a(&made, name, 60, 1, 0);
    found += cache_look(in, &made.question, 0, &unused) != CACHE_MISS;
  }
  return found;
}

/* However often they are fetched: they never get where only those come that are asked for again. */
Test(cache, answers_fetched_ahead_for_nobody_are_gone_first) {
  enum { FULL = 20000, FLOOD = 6000 /* more than the small ring holds */, FEW = 50 };
  static const char *const floods[] = {"x", "y", "z"};
  struct cache *small = cache_new(CACHE_SIZE_MIN, KIT_SEED);
  put_into(small, "full", FULL, ORIGIN_QUERY);
  for (unsigned round = 0; round < 3; round++) {
    put_into(small, "ahead", FEW, ORIGIN_PREFETCH_S2S);
    put_into(small, "asked", FEW, ORIGIN_QUERY); /* the second time they are known to come again */
    put_into(small, floods[round], FLOOD, ORIGIN_QUERY);
  }
  cr_expect_eq(found_in(small, "ahead", FEW), 0);
  cr_expect_gt(found_in(small, "asked", FEW), FEW / 4);
  cache_free(small);
}

Test(cache, freeing_nothing_is_harmless) { cache_free(NULL); }

Test(cache, the_smallest_is_a_mebibyte_whatever_was_asked_for) {
  struct cache *small = cache_new(0, KIT_SEED);
  struct cache_stats now;
  cr_assert_not_null(small);
  cache_stats(small, &now);
  cr_expect_eq(now.limit, CACHE_SIZE_MIN);
  cr_expect_eq(now.entries, 0);
  cr_expect_eq(now.octets, 0);
  cache_free(small);
}

#ifndef __SANITIZE_ADDRESS__ /* whose own memory would be counted as well */
/* Pages of the process in memory, in octets. */
static size_t resident(void) {
  unsigned long total, pages;
  FILE *f = fopen("/proc/self/statm", "r");
  cr_assert_not_null(f);
  cr_assert_eq(fscanf(f, "%lu %lu", &total, &pages), 2);
  fclose(f);
  return pages * (size_t)sysconf(_SC_PAGESIZE);
}

Test(cache, memory_is_touched_as_it_fills_and_not_before) {
  if (emulated()) cr_skip_test("an emulator's notes about pages would be counted as well");
  size_t before = resident();
  struct cache *large = cache_new((size_t)1 << 30, KIT_SEED);
  cr_assert_not_null(large);
  cr_expect_lt(resident() - before, 1 << 20);
  cache_free(large);
}

Test(cache, memory_stays_within_the_limit_and_a_third_for_the_index) {
  size_t limit = 16 << 20, before = resident();
  struct cache *small = cache_new(limit, KIT_SEED);
  cr_assert_not_null(small);
  for (unsigned i = 0; i < 1000000; i++) {
    char name[40];
    snprintf(name, sizeof name, "n%u.example", i);
    if (i % 8 == 0) made_a(&made, name, 60, 1 + i % 5, 0);
    else question_of(&made.question, name, TYPE_A);
    cr_assert(cache_put(small, &made.question, &made.answer, ORIGIN_QUERY, 0, 0));
  }
  size_t taken = resident() - before;
  cr_expect_gt(taken, limit / 2);
  cr_expect_lt(taken, limit + limit / 3, "%zu octets of %zu", taken, limit);
  cache_free(small);
}
#endif
