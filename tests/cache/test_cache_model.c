/* test_cache_model.c: the cache against a plain map: what is found is exactly what was put last. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "cache/cache.h"
#include "dns/ttl.h"
#include "kit/made.h"
#include "kit/rng.h"

enum { NAMES = 1500, STEPS = 120000 };

/* What was last put for a name; the answer itself is made again from its seed when it is wanted. */
static struct snapshot_entry {
  bool there, snoozed, ahead;
  uint64_t seed;
  uint32_t stored_at, ttl, extra_ttl, refresh_at;
} kept[NAMES];

static struct cache *c;
static struct rng r;
static uint32_t now;
static uint64_t lost;    /* names that the model holds and the cache let go */
static size_t live;      /* names that the model holds */
static unsigned seen[4]; /* verdicts met */

static const char *name_of(unsigned i) {
  static char name[40];
  snprintf(name, sizeof name, "%s%u.example.org", i % 7 ? "n" : "_a-longer.name._tcp.n", i);
  return name;
}

/* The answer that this seed stands for: mostly small, sometimes tens of kilobytes. */
static void make(struct made *m, unsigned i, uint64_t seed, uint32_t ttl, uint32_t extra_ttl,
                 uint32_t stored_at) {
  struct rng mine = {seed};
  const char *name = name_of(i);
  made_start(m, name, TYPE_TXT, RCODE_NOERROR);
  uint64_t records = rng_below(&mine, 50) ? 1 + rng_below(&mine, 6) : rng_below(&mine, 60);
  size_t most = rng_below(&mine, 10) ? 100 : 1000;
  for (uint64_t n = 0; n <= records; n++) {
    made_add(m, SECTION_ANSWER, name, TYPE_TXT, ttl,
             rd_fill((uint8_t)rng_next(&mine), rng_below(&mine, most)));
  }
  if (rng_below(&mine, 3) == 0)
    made_add(m, SECTION_AUTHORITY, name, TYPE_NSEC, ttl, rd_fill((uint8_t)seed, 12));
  for (unsigned n = 0; extra_ttl && n < 3; n++)
    made_add(m, SECTION_ADDITIONAL, "x.org", TYPE_A, extra_ttl, rd_fill((uint8_t)n, 4));
  made_done(m, stored_at);
}

static uint32_t end_of(const struct snapshot_entry *k) { return k->stored_at + ticks_of_ttl(k->ttl); }

static void put(unsigned i) {
  static struct made m;
  struct snapshot_entry k = {
      .there = true, .seed = rng_next(&r), .stored_at = now, .ttl = 1 + (uint32_t)rng_below(&r, 300)};

  if (rng_below(&r, 4) == 0) k.extra_ttl = 1 + (uint32_t)rng_below(&r, 300);
  uint32_t refresh_at = rng_below(&r, 4) ? 0 : now + (uint32_t)rng_below(&r, 2000);
  k.ahead = rng_below(&r, 3) == 0;
  k.refresh_at = end_of(&k);
  if (k.extra_ttl && now + ticks_of_ttl(k.extra_ttl) < k.refresh_at)
    k.refresh_at = now + ticks_of_ttl(k.extra_ttl);
  if (refresh_at && refresh_at < k.refresh_at) k.refresh_at = refresh_at;
  make(&m, i, k.seed, k.ttl, k.extra_ttl, now);
  bool too_large = rng_below(&r, 200) == 0;
  size_t spare = too_large ? CACHE_SIZE_MIN : rng_below(&r, 2) ? rng_below(&r, 300) : 0;
  bool unused;
  bool known = cache_look(c, &m.question, now, &unused) != CACHE_MISS;
  if (kept[i].there && !known) lost++; /* it was evicted before this put */
  if (kept[i].there) live--;
  kept[i].there = false;
  bool done = cache_put(c, &m.question, &m.answer, k.ahead ? ORIGIN_PREFETCH_S2S : ORIGIN_QUERY, refresh_at,
                        spare);
  if (!too_large) cr_assert(done);
  if (!done) { /* refused for its size, unless it fit where the old one was */
    cr_assert_eq(cache_look(c, &m.question, now, &unused), CACHE_MISS);
    return;
  }

  kept[i] = k;
  live++;
  cr_assert_eq(cache_look(c, &m.question, now, &unused), CACHE_FRESH, "what was just put in is there");
  cr_assert_eq(unused, k.ahead);
}

/* The cache has no entry where the model has one: it was evicted, and that is all that can have happened. */
static bool gone(struct snapshot_entry *k, bool found) {
  if (found) cr_assert(k->there, "found what was never put in, or was given up");
  if (!found && k->there) {
    k->there = false;
    lost++;
    live--;
  }
  return !found;
}

static void expect_written(unsigned i, const struct asked *asked, enum answer_age age, size_t limit,
                           const uint8_t *out, size_t len) {
  static struct made m;
  static uint8_t want[DNS_MSG_MAX];
  make(&m, i, kept[i].seed, kept[i].ttl, kept[i].extra_ttl, kept[i].stored_at);
  struct answer_view v = answer_view(&m.answer);
  cr_assert_eq(len, answer_write(&v, &asked->query.query_opts, age, now, limit, want), "name %u", i);
  cr_assert_arr_eq(out, want, len, "name %u", i);
}

static void ask(struct asked *asked, unsigned i) {
  if (rng_below(&r, 2)) asked_plain(asked, name_of(i), TYPE_TXT);
  else asked_edns(asked, name_of(i), TYPE_TXT, (uint16_t)rng_below(&r, 5000), false);
}

static void expect_first_use(struct snapshot_entry *k, const struct cache_hit *hit) {
  cr_assert_eq(hit->origin, k->ahead ? ORIGIN_PREFETCH_S2S : ORIGIN_QUERY);
  k->ahead = false;
}

static void get(unsigned i) {
  static struct asked asked;
  static uint8_t out[DNS_MSG_MAX];
  struct cache_hit hit;
  struct snapshot_entry *k = &kept[i];

  ask(&asked, i);
  size_t limit = rng_below(&r, 2) ? DNS_MSG_MAX : answer_udp_limit(&asked.query.query_opts);
  enum cache_found found = cache_get(c, &asked.query, now, limit, out, &hit);
  seen[found]++;
  if (gone(k, found != CACHE_MISS)) return;
  enum cache_found want = now < k->refresh_at ? CACHE_FRESH : now < end_of(k) ? CACHE_DUE : CACHE_EXPIRED;
  cr_assert_eq(found, want, "name %u", i);
  if (found == CACHE_EXPIRED) {
    cr_assert_eq(hit.len, 0);
    return;
  }

  expect_first_use(k, &hit);
  expect_written(i, &asked, ANSWER_DUE, limit, out, hit.len);
}

static void get_stale(unsigned i) {
  static struct asked asked;
  static uint8_t out[DNS_MSG_MAX];
  struct cache_hit hit;
  struct snapshot_entry *k = &kept[i];
  uint32_t window_s = (uint32_t)rng_below(&r, 60);
  bool unused;
  ask(&asked, i);
  if (gone(k, cache_look(c, &asked.query.question, now, &unused) != CACHE_MISS)) return;
  bool found = cache_get_stale(c, &asked.query, now, window_s, DNS_MSG_MAX, out, &hit);
  bool expired = now >= end_of(k);
  cr_assert_eq(found, !expired || now - end_of(k) <= window_s * TICKS_PER_S);
  if (!found) return;
  expect_first_use(k, &hit);
  expect_written(i, &asked, expired ? ANSWER_STALE : ANSWER_DUE, DNS_MSG_MAX, out, hit.len);
}

static void peek(unsigned i) {
  static struct answer copy;
  static struct made m;
  struct snapshot_entry *k = &kept[i];
  struct question q;
  question_of(&q, name_of(i), TYPE_TXT);
  enum cache_found found = cache_peek(c, &q, now, &copy);
  if (gone(k, found != CACHE_MISS)) return;
  make(&m, i, k->seed, k->ttl, k->extra_ttl, k->stored_at);
  cr_assert_eq(found, now < end_of(k) ? CACHE_FRESH : CACHE_EXPIRED);
  cr_assert_eq(copy.ttl_s, k->ttl);
  cr_assert_eq(copy.head.stored_at, k->stored_at);
  cr_assert_eq(copy.head.body_len, m.answer.head.body_len);
  cr_assert_arr_eq(copy.body, m.answer.body, copy.head.body_len);
  cr_assert_arr_eq(copy.ttl_at, m.answer.ttl_at, 2 * answer_records(&copy.head));
}

static void snooze(unsigned i) {
  struct snapshot_entry *k = &kept[i];
  struct question q;
  bool unused;
  uint32_t until = now + (uint32_t)rng_below(&r, 500);
  question_of(&q, name_of(i), TYPE_TXT);
  if (gone(k, cache_look(c, &q, now, &unused) != CACHE_MISS)) return;
  cache_postpone(c, &q, now, until);
  if (now < end_of(k)) k->refresh_at = until < end_of(k) ? until : end_of(k);
}

static void step(void) {
  unsigned i = (unsigned)(rng_below(&r, 3) ? rng_below(&r, NAMES / 10) : rng_below(&r, NAMES));
  switch (rng_below(&r, 12)) {
  case 0:
  case 1:
  case 2: put(i); break;
  case 3: get_stale(i); break;
  case 4: peek(i); break;
  case 5: snooze(i); break;
  case 6: now += (uint32_t)rng_below(&r, 4); break;
  default: get(i);
  }
}

static void check_books(void) {
  struct cache_stats stats;
  for (unsigned i = 0; i < NAMES; i++) peek(i);
  cache_stats(c, &stats);
  cr_assert_eq(stats.entries, live);
  cr_assert_eq(stats.evicted, lost);
  cr_assert_leq(stats.octets, stats.limit + 12 * 3 * NAMES);
}

Test(cache_model, agrees_with_a_map_over_a_hundred_thousand_steps) {
  c = cache_new(CACHE_SIZE_MIN, KIT_SEED);
  r.state = 40;
  now = 1000;
  for (int i = 0; i < STEPS; i++) {
    step();
    if (i % 10000 == 0) check_books();
  }
  check_books();
  cr_expect_gt(lost, 1000, "the cache is to be too small: only %lu evicted", (unsigned long)lost);
  for (int v = 0; v < 4; v++) cr_expect_gt(seen[v], 1000, "verdict %d was met %u times", v, seen[v]);
  cache_free(c);
}
