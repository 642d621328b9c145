/* test_cache_threads.c: several threads at one cache, and one that walks through it and flushes. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "cache/cache.h"
#include "kit/made.h"
#include "kit/rng.h"

enum { THREADS = 4, NAMES = 3000, STEPS = 40000 };

struct worker {
  pthread_t thread;
  struct cache *cache;
  uint64_t seed;
  unsigned hits, misses, wrong;
  bool stop;
};

/* An answer whose octets can be checked without knowing who put it in: all of them are alike, and the first
 * record says how many there are. */
static void make(struct made *m, const char *name, struct rng *r) {
  uint8_t octet = (uint8_t)rng_next(r), records = (uint8_t)(1 + rng_below(r, 8));
  made_start(m, name, TYPE_TXT, RCODE_NOERROR);
  uint8_t first[2] = {octet, records};
  made_add(m, SECTION_ANSWER, name, TYPE_TXT, 60, rd_octets(first, 2));
  for (unsigned i = 0; i < records; i++)
    made_add(m, SECTION_ANSWER, name, TYPE_TXT, 60, rd_fill(octet, rng_below(r, 300)));
  made_done(m, 0);
}

static bool is_whole(const uint8_t *msg, size_t len, unsigned name_len) {
  struct wire w = wire_read(msg, len);
  struct record rec;
  w.at = DNS_HEADER + name_len + 4u;
  if (!record_read(&w, &rec) || rec.rdlen != 2) return false;
  uint8_t octet = record_rdata(&rec)[0], records = record_rdata(&rec)[1];
  for (unsigned i = 0; i < records; i++) {
    if (!record_read(&w, &rec)) return false;
    for (unsigned k = 0; k < rec.rdlen; k++) {
      if (record_rdata(&rec)[k] != octet) return false;
    }
  }
  return w.at == len;
}

static void *work(void *arg) {
  struct worker *me = arg;
  struct rng r = {me->seed};
  struct made *m = malloc(sizeof *m);
  struct asked *asked = malloc(sizeof *asked);
  uint8_t *out = malloc(DNS_MSG_MAX);

  for (int i = 0; i < STEPS; i++) {
    char name[40];
    struct cache_hit hit;
    bool unused;
    struct cache_stats stats;
    snprintf(name, sizeof name, "n%u.example",
             (unsigned)(rng_below(&r, 2) ? rng_below(&r, 50) : rng_below(&r, NAMES)));
    asked_plain(asked, name, TYPE_TXT);
    enum cache_found found = cache_get(me->cache, &asked->query, (uint32_t)rng_below(&r, 500), DNS_MSG_MAX,
                                       out, &hit);
    if (found == CACHE_MISS) me->misses++;
    else me->hits++;
    if (hit.len && !is_whole(out, hit.len, asked->query.question.name_len)) me->wrong++;
    if (found == CACHE_MISS || rng_below(&r, 4) == 0) {
      make(m, name, &r);
      if (!cache_put(me->cache, &m->question, &m->answer, ORIGIN_QUERY, 0, rng_below(&r, 100))) me->wrong++;
    }
    if (rng_below(&r, 16) == 0) cache_postpone(me->cache, &asked->query.question, 0, 400);
    if (rng_below(&r, 16) == 0) cache_look(me->cache, &asked->query.question, 0, &unused);
    if (rng_below(&r, 256) == 0) cache_stats(me->cache, &stats);
  }

  free(m);
  free(asked);
  free(out);
  return NULL;
}

/* What a walk shows, as an answer to its question. */
static bool shown_is_whole(const struct cache_entry *e, uint8_t *msg) {
  struct query_opts m = {.qname_wire = e->question->key, .name_len = e->question->name_len};
  size_t len = answer_write(&e->answer, &m, ANSWER_FRESH, 0, DNS_MSG_MAX, msg);
  return is_whole(msg, len, e->question->name_len);
}

/* Walks past all, again and again, while the others work, and flushes a name after each walk, everything
 * after each tenth. */
static void *walk(void *arg) {
  struct worker *me = arg;
  struct rng r = {me->seed};
  uint8_t *out = malloc(DNS_MSG_MAX), name[NAME_MAX_LEN];

  for (unsigned i = 0; !__atomic_load_n(&me->stop, __ATOMIC_RELAXED); i++) {
    struct cache_walk *w = cache_walk_new(me->cache);
    struct cache_entry e;
    for (; cache_walk_next(w, &e); me->hits++) me->wrong += !shown_is_whole(&e, out);
    cache_walk_free(w);
    char text[40];
    snprintf(text, sizeof text, "n%u.example", (unsigned)rng_below(&r, 50));
    size_t len = name_parse(text, name);
    cache_flush(me->cache, &(struct cache_which){.name = i % 10 == 9 ? NULL : name, .name_len = len});
  }

  free(out);
  return NULL;
}

static void run(size_t size) {
  struct cache *c = cache_new(size, KIT_SEED);
  struct worker workers[THREADS], walker = {.cache = c, .seed = 99};
  unsigned hits = 0, misses = 0;

  cr_assert_eq(pthread_create(&walker.thread, NULL, walk, &walker), 0);
  for (unsigned i = 0; i < THREADS; i++) {
    workers[i] = (struct worker){.cache = c, .seed = i};
    cr_assert_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
  }

  for (int i = 0; i < THREADS; i++) {
    pthread_join(workers[i].thread, NULL);
    cr_expect_eq(workers[i].wrong, 0, "%u answers were torn or lost", workers[i].wrong);
    hits += workers[i].hits;
    misses += workers[i].misses;
  }

  __atomic_store_n(&walker.stop, true, __ATOMIC_RELAXED);
  pthread_join(walker.thread, NULL);
  cr_expect_eq(walker.wrong, 0, "%u answers were torn", walker.wrong);
  cr_expect_gt(walker.hits, 0);
  struct cache_stats stats;
  cache_stats(c, &stats);
  cr_expect_gt(hits, THREADS * STEPS / 4);
  cr_expect_geq(misses, stats.entries);
  cr_expect_leq(stats.entries, NAMES);
  cache_free(c);
}

Test(cache_threads, every_answer_is_whole_while_others_put_and_evict) { run(CACHE_SIZE_MIN); }

Test(cache_threads, every_answer_is_whole_over_many_shards) { run(64 << 20); }
