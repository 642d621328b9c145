/* test_work.c: one insertion or lookup never takes long, whatever the rings and the index look like, and a
 * flood takes no memory. Work is counted in entries, not in time. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#include "cache/ring_kit.h"
#include "kit/emulated.h"
#include "kit/rng.h"

enum {
  ENTRY = 64,  /* octets of each entry */
  ROUNDS = 64, /* as evict.c says: entries that get another round before one has to go */
  /* A put passes over the entry that leaves the small ring, over those that main lets go round again for it,
   * over the one that leaves main, and over one more where a ring's end cuts an entry short, in each ring. */
  PASSED_MAX = ROUNDS + 4
};

static struct shard s;
static struct cache *c;

static void teardown(void) {
  ring_close(&s);
  cache_free(c);
}

TestSuite(work, .fini = teardown);

/* Puts one entry and returns how many the tails of both rings went past. */
static unsigned put(unsigned number) {
  uint64_t tails = s.small.tail + s.main.tail;
  cr_assert_not_null(ring_put(&s, number, ENTRY));
  return (unsigned)((s.small.tail + s.main.tail - tails) / ENTRY);
}

static void mark_all(uint8_t uses) {
  struct ring *rings[] = {&s.small, &s.main};
  for (unsigned i = 0; i < 2; i++) {
    for (uint64_t at = rings[i]->tail; at < rings[i]->head; at += ENTRY) {
      struct entry *e = (struct entry *)(void *)(rings[i]->base + at % rings[i]->size);
      e->mark = (uint8_t)((e->mark & ~MARK_HITS) | uses);
    }
  }
}

/* The most entries that one of `n` puts passes over. */
static unsigned most_passed(unsigned from, unsigned n) {
  unsigned most = 0;
  for (unsigned i = from; i < from + n; i++) {
    unsigned passed = put(i);
    if (passed > most) most = passed;
  }
  return most;
}

Test(work, a_flood_of_unused_names_moves_at_most_one_entry_a_put) {
  ring_open(&s, 64 * ENTRY, 640 * ENTRY);
  most_passed(0, 704);
  cr_expect_eq(most_passed(1000, 5000), 1);
  ring_check(&s);
}

Test(work, a_put_into_rings_in_full_use_passes_over_a_bounded_number_of_entries) {
  ring_open(&s, 64 * ENTRY, 6400 * ENTRY);
  most_passed(0, 6464);
  for (unsigned round = 0; round < 8; round++) {
    mark_all(MARK_HITS);
    unsigned most = most_passed(10000 + round * 200, 200);
    cr_expect_leq(most, PASSED_MAX, "%u", most);
    cr_expect_gt(most, ROUNDS, "the bound is what ended it: %u", most);
    ring_check(&s);
  }
}

Test(work, the_sum_over_many_puts_is_a_few_entries_each_when_use_is_random) {
  struct rng r = {17};
  uint64_t passed = 0;
  ring_open(&s, 64 * ENTRY, 640 * ENTRY);
  most_passed(0, 704);
  for (unsigned i = 1000; i < 21000; i++) {
    struct entry *e = ring_get(&s, i - 1 - (unsigned)rng_below(&r, i < 1500 ? i - 1000 + 1 : 500));
    if (e && (e->mark & MARK_HITS) < MARK_HITS) e->mark++;
    passed += put(i);
  }
  cr_expect_lt(passed, 20000 * 5, "%lu", (unsigned long)passed);
}

/* Slots looked at until this tag's place in line is over. */
static unsigned probes(uint32_t tag) {
  uint32_t i = (uint32_t)((uint64_t)tag * s.slot_count >> 32);
  unsigned n = 1;
  for (; s.slots[i].ref; i = i + 1 == s.slot_count ? 0 : i + 1) n++;
  return n;
}

Test(work, a_lookup_of_what_is_not_there_reads_few_slots_however_full_the_index) {
  enum { NAMES = 30000, ASKED = 30000 };
  uint64_t sum = 0;
  unsigned most = 0;
  ring_open(&s, 64 * ENTRY, NAMES * ENTRY);
  for (unsigned i = 0; i < NAMES; i++) put(i);
  for (unsigned i = 0; i < ASKED; i++) {
    struct question q;
    ring_question(&q, 1000000 + i);
    unsigned n = probes((uint32_t)q.hash);
    sum += n;
    if (n > most) most = n;
  }

  cr_expect_lt(sum, (uint64_t)ASKED * 40, "%lu on average: linear probing at 7/8 takes 33",
               (unsigned long)(sum / ASKED));
  cr_expect_lt(most, 1000, "%u", most);
}

/* ---- memory ---- */

static size_t resident(void) {
  unsigned long total, pages = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  cr_assert_not_null(f);
  cr_assert_eq(fscanf(f, "%lu %lu", &total, &pages), 2);
  fclose(f);
  return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Answers that a name does not exist, to names never asked before. */
static void flood(unsigned from, unsigned n) {
  static struct made made;
  for (unsigned i = from; i < from + n; i++) {
    char name[64];
    snprintf(name, sizeof name, "x%08x.victim.example.", i * 2654435761u);
    made_start(&made, name, TYPE_A, RCODE_NXDOMAIN);
    made_add(&made, SECTION_AUTHORITY, "victim.example.", TYPE_SOA, 300,
             rd_soa("ns.victim.example.", "host.victim.example.", 300));
    made_done(&made, 0);
    cr_assert(cache_put(c, &made.question, &made.answer, ORIGIN_QUERY, 0, 0));
  }
}

Test(work, a_flood_of_names_that_do_not_exist_takes_no_memory_once_the_cache_is_full) {
  struct cache_stats full, after;
  if (emulated()) cr_skip_test("an emulator's own memory would be counted as well");
  c = cache_new(4 << 20, KIT_SEED);
  flood(0, 60000);
  cache_stats(c, &full);
  size_t before = resident();
  cr_expect_gt(full.evicted, 10000, "it is full: %lu", (unsigned long)full.evicted);
  flood(60000, 120000);
  cache_stats(c, &after);
  cr_expect_leq(after.octets, full.octets + (64 << 10), "%zu, %zu", after.octets, full.octets);
  cr_expect_leq(resident(), before + (256 << 10), "%zu, %zu", resident(), before);
  cr_expect_gt(after.evicted, full.evicted + 119000);
}
