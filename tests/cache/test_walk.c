/* test_walk.c: a walk shows what is in the cache, as it is, whatever happens meanwhile. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "cache/cache.h"
#include "kit/made.h"
#include "kit/rng.h"

enum { MANY = 5000, RDATA_MAX = 500 };

static struct cache *c;
static struct cache_walk *w;
static struct made made;
static struct cache_entry e;
static unsigned shown[MANY]; /* how often each number was */

static void setup(void) { c = cache_new(CACHE_SIZE_MIN, KIT_SEED); }
static void teardown(void) {
  cache_walk_free(w);
  cache_free(c);
}

TestSuite(walk, .init = setup, .fini = teardown);

/* Answers named and filled by a number: up to `most` octets of TXT. */
static void make(unsigned number, size_t most) {
  struct rng r = {number};
  char name[40];
  snprintf(name, sizeof name, "n%u.example", number);
  made_start(&made, name, TYPE_TXT, RCODE_NOERROR);
  for (size_t left = rng_below(&r, most), some; left > 0; left -= some) {
    some = left < RDATA_MAX ? left : RDATA_MAX;
    made_add(&made, SECTION_ANSWER, name, TYPE_TXT, 60, rd_fill((uint8_t)number, some));
  }
  made_add(&made, SECTION_ANSWER, name, TYPE_TXT, 60, rd_fill((uint8_t)(number >> 8), 2));
  made_done(&made, number);
}

static bool put(unsigned number, size_t most, enum cache_origin how) {
  make(number, most);
  return cache_put(c, &made.question, &made.answer, how, 0, 0);
}

static bool use(unsigned number) {
  struct asked asked;
  struct cache_hit hit;
  uint8_t out[DNS_UDP_PLAIN];
  char name[40];
  snprintf(name, sizeof name, "n%u.example", number);
  asked_plain(&asked, name, TYPE_TXT);
  return cache_get(c, &asked.query, 0, sizeof out, out, &hit) != CACHE_MISS;
}

/* The number of what is shown, which must be as it was made. */
static unsigned check_shown(size_t most) {
  unsigned number = e.answer.head.stored_at;
  make(number, most);
  const struct answer_head *h = &made.answer.head;
  cr_assert(question_equal(e.question, &made.question), "%u", number);
  cr_assert_eq(e.answer.head.an, h->an);
  cr_assert_eq(e.answer.head.ns + e.answer.head.ar, 0);
  cr_assert_eq(e.answer.head.body_len, h->body_len);
  cr_assert_arr_eq(e.answer.body, made.answer.body, h->body_len);
  cr_assert_arr_eq(e.answer.ttl_at, (const uint8_t *)made.answer.ttl_at, 2u * h->an);
  cr_assert_eq(e.expiry, number + 600);
  return number;
}

static unsigned walk_all(size_t most) {
  unsigned n = 0;
  memset(shown, 0, sizeof shown);
  w = cache_walk_new(c);
  for (; cache_walk_next(w, &e); n++) shown[check_shown(most)]++;
  cr_expect_not(cache_walk_next(w, &e), "an end is an end");
  cache_walk_free(w);
  w = NULL;
  return n;
}

static size_t entries(void) {
  struct cache_stats s;
  cache_stats(c, &s);
  return s.entries;
}

Test(walk, shows_nothing_of_an_empty_cache) { cr_expect_eq(walk_all(1), 0); }

Test(walk, shows_each_entry_once_and_as_it_was_put_in) {
  for (unsigned i = 0; i < 1000; i++) cr_assert(put(i, 400, ORIGIN_QUERY));
  cr_expect_eq(walk_all(400), 1000);
  for (unsigned i = 0; i < 1000; i++) cr_expect_eq(shown[i], 1, "%u", i);
}

Test(walk, goes_through_all_shards) {
  cache_free(c);
  c = cache_new(64 << 20, KIT_SEED);
  for (unsigned i = 0; i < MANY; i++) cr_assert(put(i, 400, ORIGIN_QUERY));
  cr_expect_eq(walk_all(400), MANY);
}

Test(walk, shows_answers_of_any_size_in_rings_that_have_turned_round) {
  for (unsigned i = 0; i < 400; i++) {
    cr_assert(put(i, 60000, ORIGIN_QUERY));
    if (i % 3 == 0) use(i);
  }
  cr_assert_lt(entries(), 300, "some have left");
  cr_expect_eq(walk_all(60000), entries());
  for (unsigned i = 0; i < 400; i++) cr_expect_eq(shown[i], use(i), "%u", i);
}

Test(walk, shows_an_answer_that_was_replaced_no_more) {
  for (unsigned i = 0; i < 100; i++) cr_assert(put(i, 400, ORIGIN_QUERY));
  made_a(&made, "example.org", 60, 1, 7);
  for (unsigned n = 1; n < 40; n++) {
    made_a(&made, "example.org", 60, n, 7);
    cr_assert(cache_put(c, &made.question, &made.answer, ORIGIN_QUERY, 0, 0));
  }
  unsigned n = 0, of_org = 0;
  w = cache_walk_new(c);
  for (; cache_walk_next(w, &e); n++)
    of_org += question_equal(e.question, &made.question) && e.answer.head.an == 39;
  cr_expect_eq(n, 101);
  cr_expect_eq(of_org, 1);
}

Test(walk, tells_uses_who_was_fetched_ahead_and_who_lies_in_the_main_ring) {
  unsigned in_main = 0, ahead = 0;
  unsigned last = 4500;

  for (unsigned i = 0; i < last; i++) cr_assert(put(i, 100, i % 2 ? ORIGIN_PREFETCH_C2S : ORIGIN_QUERY));
  for (unsigned i = 0; i < 5; i++) {
    for (unsigned k = 0; k < i; k++) use(last - 1 - i);
  }

  w = cache_walk_new(c);
  while (cache_walk_next(w, &e)) {
    unsigned number = e.answer.head.stored_at, uses = last - 1 - number;
    if (uses < 5) {
      cr_expect_eq(e.standing.hits, uses < 3 ? uses : 3, "%u: %u", number, e.standing.hits);
      cr_expect_not(e.standing.in_main, "%u is new", number);
    } else {
      cr_expect_eq(e.standing.hits, 0, "%u", number);
    }
    cr_expect_eq(origin_is_prefetch(e.standing.origin), number % 2 && (uses == 0 || uses >= 5),
                 "%u: the first use ends it", number);
    in_main += e.standing.in_main;
    ahead += origin_is_prefetch(e.standing.origin);
  }

  cr_expect_gt(in_main, 1000);
  cr_expect_gt(ahead, 1000);
}

Test(walk, shows_expired_entries_as_well) {
  put(5, 100, ORIGIN_QUERY);
  struct asked asked;
  struct cache_hit hit;
  uint8_t out[DNS_UDP_PLAIN];
  asked_plain(&asked, "n5.example", TYPE_TXT);
  cr_assert_eq(cache_get(c, &asked.query, 606, sizeof out, out, &hit), CACHE_EXPIRED);
  cr_expect_eq(walk_all(100), 1);
}

/* While the walk goes on, some entries are used all the time and so never leave, though others push them from
 * ring to ring. */
static void walk_beside_a_flood(unsigned puts_a_step) {
  enum { KEPT = 100 };
  unsigned next = 0, steps = 0;
  memset(shown, 0, sizeof shown);
  for (; next < KEPT; next++) put(next, 100, ORIGIN_QUERY);
  for (; next < MANY / 2; next++) {
    put(next, 1000, ORIGIN_QUERY);
    for (unsigned k = 0; next % 20 == 0 && k < KEPT; k++) cr_assert(use(k), "%u", k);
  }

  w = cache_walk_new(c);
  for (; cache_walk_next(w, &e); steps++) {
    if (e.answer.head.stored_at < KEPT) shown[e.answer.head.stored_at]++;
    cr_assert_lt(steps, 20000, "it ends");
    for (unsigned i = 0; i < puts_a_step; i++, next++) {
      put(next, 1000, ORIGIN_QUERY);
      for (unsigned k = 0; next % 20 == 0 && k < KEPT; k++) cr_assert(use(k), "%u", k);
    }
  }

  for (unsigned k = 0; k < KEPT; k++) cr_expect_gt(shown[k], 0, "%u", k);
}

Test(walk, shows_what_stays_though_it_moves_from_ring_to_ring) { walk_beside_a_flood(1); }

Test(walk, ends_even_when_others_put_in_faster_than_it_walks) { walk_beside_a_flood(10); }

Test(walk, goes_on_behind_what_was_flushed) {
  for (unsigned i = 0; i < 3000; i++) cr_assert(put(i, 200, ORIGIN_QUERY));
  w = cache_walk_new(c);
  cr_assert(cache_walk_next(w, &e));
  cache_flush(c, &(struct cache_which){0});
  put(4000, 200, ORIGIN_QUERY);
  bool found = false;
  while (cache_walk_next(w, &e)) found = found || check_shown(200) == 4000;
  cr_expect(found);
}
