/* test_cache_hits.c: what stays when not all can stay: the hot set, against floods and against an exact LRU.
 */
#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "cache/cache.h"
#include "cache/cache_priv.h"
#include "kit/made.h"
#include "kit/rng.h"

static struct cache *c;
static struct made made;

static void teardown(void) { cache_free(c); }

TestSuite(cache_hits, .fini = teardown);

static const char *name_of(const char *kind, unsigned i) {
  static char name[40];
  snprintf(name, sizeof name, "%s%07u.example", kind, i);
  return name;
}

/* Asks for a name and puts it in when it is not there; true on a hit. */
static bool ask(const char *kind, unsigned i, unsigned records) {
  static struct asked asked;
  static uint8_t out[DNS_MSG_MAX];
  struct cache_hit hit;
  const char *name = name_of(kind, i);
  asked_plain(&asked, name, TYPE_A);
  if (cache_get(c, &asked.query, 0, DNS_MSG_MAX, out, &hit) != CACHE_MISS) return true;
  made_a(&made, name, 60, records, 0);
  cr_assert(cache_put(c, &made.question, &made.answer, ORIGIN_QUERY, 0, 0));
  return false;
}

static bool is_there(const char *kind, unsigned i) {
  struct question q;
  bool unused;
  question_of(&q, name_of(kind, i), TYPE_A);
  return cache_look(c, &q, 0, &unused) != CACHE_MISS;
}

/* Octets that the entry of a name takes. */
static size_t entry_size(const char *kind, unsigned records) {
  made_a(&made, name_of(kind, 0), 60, records, 0);
  size_t octets = sizeof(struct entry) + question_key_len(&made.question) + 2 * records +
                  made.answer.head.body_len;
  return (octets + ENTRY_UNIT - 1) / ENTRY_UNIT * ENTRY_UNIT;
}

enum { HOT = 2000 };

static unsigned hot_there(void) {
  unsigned n = 0;
  for (unsigned i = 0; i < HOT; i++) n += is_there("hot", i);
  return n;
}

Test(cache_hits, a_flood_of_names_asked_once_pushes_out_nothing_that_was_asked_twice) {
  c = cache_new(CACHE_SIZE_MIN, KIT_SEED);
  for (unsigned i = 0; i < 2 * HOT; i++) ask("hot", i % HOT, 1);
  cr_assert_eq(hot_there(), HOT);
  unsigned flood = (unsigned)(20 * CACHE_SIZE_MIN / entry_size("one", 1));
  for (unsigned i = 0; i < flood; i++) cr_assert_not(ask("one", i, 1));
  cr_expect_eq(hot_there(), HOT);
}

Test(cache_hits, a_flood_of_names_asked_twice_does_not_push_out_what_is_in_use) {
  c = cache_new(CACHE_SIZE_MIN, KIT_SEED);
  unsigned missed = 0, asked = 0, flood = (unsigned)(10 * CACHE_SIZE_MIN / entry_size("two", 1));
  for (unsigned i = 0; i < 2 * HOT; i++) ask("hot", i % HOT, 1);
  for (unsigned i = 0; i < flood; i++, asked++) {
    ask("two", i, 1);
    ask("two", i, 1);
    missed += !ask("hot", i % HOT, 1);
  }
  cr_expect_lt(missed * 100, asked, "%u of %u", missed, asked);
}

Test(cache_hits, peeking_and_looking_save_nothing_from_a_flood) {
  static struct answer copy;
  c = cache_new(CACHE_SIZE_MIN, KIT_SEED);
  unsigned fill = (unsigned)(2 * CACHE_SIZE_MIN / entry_size("one", 1));
  for (unsigned i = 0; i < fill; i++) ask("old", i, 1);
  for (unsigned i = 0; i < 100; i++) ask("hot", i, 1);
  for (unsigned i = 0; i < 100; i++) {
    struct question q;
    question_of(&q, name_of("hot", i), TYPE_A);
    cr_assert_eq(cache_peek(c, &q, 0, &copy), CACHE_FRESH);
    is_there("hot", i);
  }
  for (unsigned i = 0; i < fill; i++) ask("one", i, 1);
  cr_expect_eq(hot_there(), 0);
}

Test(cache_hits, a_name_that_comes_back_soon_after_it_left_stays) {
  c = cache_new(CACHE_SIZE_MIN, KIT_SEED);
  unsigned fill = (unsigned)(2 * CACHE_SIZE_MIN / entry_size("one", 1)), i = 0;
  for (; i < fill; i++) ask("one", i, 1);
  for (unsigned k = 0; k < 100; k++) ask("hot", k, 1);
  while (is_there("hot", 99)) ask("one", i++, 1);
  for (unsigned k = 0; k < 100; k++) cr_assert_not(ask("hot", k, 1), "each had left");
  for (unsigned end = i + 10 * fill; i < end; i++) ask("one", i, 1);
  unsigned there = 0;
  for (unsigned k = 0; k < 100; k++) there += is_there("hot", k);
  cr_expect_gt(there, 90, "%u of 100 stayed; one ghost may take another's place", there);
}

Test(cache_hits, large_answers_do_not_starve_small_ones) {
  c = cache_new(CACHE_SIZE_MIN, KIT_SEED);
  unsigned missed = 0;
  for (unsigned i = 0; i < 2 * HOT; i++) ask("hot", i % HOT, 1);
  for (unsigned i = 0; i < 20000; i++) {
    if (i % 20 == 0) ask("big", i, 1000);
    missed += !ask("hot", i % HOT, 1);
  }
  cr_expect_eq(missed, 0);
}

/* ---- an exact LRU, by octets ---- */

struct lru {
  unsigned *next, *prev; /* of name i; index n is the list's head */
  bool *in;
  unsigned n;
  size_t octets, limit;
};

static void lru_open(struct lru *l, unsigned n, size_t limit) {
  *l = (struct lru){.n = n, .limit = limit};
  l->next = must_zalloc((n + 1) * sizeof *l->next);
  l->prev = must_zalloc((n + 1) * sizeof *l->prev);
  l->in = must_zalloc(n);
  l->next[n] = l->prev[n] = n;
}

static void lru_close(struct lru *l) {
  free(l->next);
  free(l->prev);
  free(l->in);
}

static void lru_unlink(struct lru *l, unsigned i) {
  l->next[l->prev[i]] = l->next[i];
  l->prev[l->next[i]] = l->prev[i];
}

static bool lru_ask(struct lru *l, unsigned i, const size_t *sizes) {
  bool hit = l->in[i];
  if (hit) {
    lru_unlink(l, i);
  } else {
    l->octets += sizes[i];
    while (l->octets > l->limit) {
      unsigned oldest = l->prev[l->n];
      lru_unlink(l, oldest);
      l->in[oldest] = false;
      l->octets -= sizes[oldest];
    }
    l->in[i] = true;
  }

  l->next[i] = l->next[l->n];
  l->prev[i] = l->n;
  l->prev[l->next[i]] = i;
  l->next[l->n] = i;
  return hit;
}

/* Names 0 to n-1, name i asked for in proportion to 1 / (i + 1)^skew. */
static double *zipf(unsigned n, double skew) {
  double *sums = must_alloc(n * sizeof *sums), sum = 0;
  for (unsigned i = 0; i < n; i++) sums[i] = sum += pow(i + 1, -skew);
  for (unsigned i = 0; i < n; i++) sums[i] /= sum;
  return sums;
}

static unsigned draw(const double *sums, unsigned n, struct rng *r) {
  double u = rng_unit(r);
  unsigned low = 0, high = n - 1;
  while (low < high) {
    unsigned middle = (low + high) / 2;
    if (sums[middle] < u) low = middle + 1;
    else high = middle;
  }
  return low;
}

/* A trace of four times as many names as there is room for; records_of gives each name's answer its size. */
static void compare(size_t size, unsigned (*records_of)(unsigned i), unsigned steps) {
  size_t mean = 0;
  for (unsigned i = 0; i < 1000; i++) mean += entry_size("n", records_of(i));
  unsigned n = (unsigned)(4 * size * 1000 / mean), hits = 0, lru_hits = 0;
  struct lru lru;
  struct rng r = {50};
  double *sums = zipf(n, 0.9);
  size_t *sizes = must_alloc(n * sizeof *sizes), by_records[64] = {0};
  for (unsigned i = 0; i < n; i++) {
    unsigned k = records_of(i);
    if (!by_records[k]) by_records[k] = entry_size("n", k);
    sizes[i] = by_records[k];
  }

  c = cache_new(size, KIT_SEED);
  lru_open(&lru, n, size);
  for (unsigned step = 0; step < 2 * steps; step++) {
    unsigned i = draw(sums, n, &r);
    bool hit = ask("n", i, records_of(i)), lru_hit = lru_ask(&lru, i, sizes);
    if (step < steps) continue; /* both have filled */
    hits += hit;
    lru_hits += lru_hit;
  }

  cr_log_info("%zu octets, %u names: %.2f %% hits, an LRU %.2f %%\n", size, n, 100. * hits / steps,
              100. * lru_hits / steps);
  cr_expect_geq(hits, lru_hits, "%u hits, an LRU of the same octets has %u", hits, lru_hits);
  lru_close(&lru);
  free(sums);
  free(sizes);
}

static unsigned always_one(unsigned i) {
  (void)i;
  return 1;
}

static unsigned one_to_forty(unsigned i) { return 1 + (i * 2654435761u >> 16) % 40; }

Test(cache_hits, not_below_an_exact_lru_on_a_zipf_trace) { compare(CACHE_SIZE_MIN, always_one, 200000); }

Test(cache_hits, not_below_an_exact_lru_with_answers_of_many_sizes) {
  compare(CACHE_SIZE_MIN, one_to_forty, 200000);
}

Test(cache_hits, not_below_an_exact_lru_over_shards) { compare(8 << 20, always_one, 600000); }
