/* test_evict.c: the two rings of a shard and who leaves them. */
#include <criterion/criterion.h>

#include "cache/ring_kit.h"
#include "kit/rng.h"

static struct shard s;

static void teardown(void) { ring_close(&s); }

TestSuite(evict, .fini = teardown);

static bool is_there(unsigned number) { return ring_get(&s, number) != NULL; }

static bool is_in_main(unsigned number) {
  struct entry *e = ring_get(&s, number);
  return e && evict_is_in_main(&s, e);
}

static void use(unsigned number) { ring_get(&s, number)->mark++; }

/* Puts entries of so many octets, numbered from `from` on. */
static void put_many(unsigned from, unsigned n, size_t octets) {
  for (unsigned i = from; i < from + n; i++) {
    cr_assert_not_null(ring_put(&s, i, octets));
    ring_check(&s);
  }
}

Test(evict, keeps_all_while_there_is_room_in_both_rings) {
  ring_open(&s, 1024, 4096);
  put_many(0, 5120 / 64, 64);
  for (unsigned i = 0; i < 80; i++) cr_expect(is_there(i), "%u", i);
  cr_expect_eq(s.evicted, 0);
  cr_expect(is_in_main(0));
  cr_expect_not(is_in_main(79));
}

Test(evict, the_oldest_unused_leaves_first_once_both_are_full) {
  ring_open(&s, 1024, 4096);
  put_many(0, 80, 64);
  put_many(80, 8, 64);
  for (unsigned i = 0; i < 88; i++) cr_expect_eq(is_there(i), i < 64 || i >= 72, "%u", i);
  cr_expect_eq(s.evicted, 8);
}

Test(evict, who_was_used_moves_to_main_at_the_cost_of_its_oldest) {
  ring_open(&s, 1024, 4096);
  put_many(0, 80, 64);
  use(64);
  put_many(80, 1, 64);
  cr_expect(is_in_main(64));
  cr_expect_eq(ring_get(&s, 64)->mark & MARK_HITS, 0, "it starts anew there");
  cr_expect_not(is_there(0));
  cr_expect_eq(s.evicted, 1);
}

Test(evict, each_use_is_another_round_in_main) {
  ring_open(&s, 1024, 4096);
  put_many(0, 80, 64);
  for (int uses = 0; uses < 3; uses++) use(5);
  for (unsigned put = 80, rounds = 0; rounds < 4; rounds++) {
    cr_expect(is_there(5), "round %u", rounds);
    for (unsigned i = 0; i < 64; i++, put++) { /* what is used in the small ring pushes through main */
      cr_assert_not_null(ring_put(&s, put, 64));
      use(put);
      ring_check(&s);
    }
  }
  put_many(1000, 64, 64);
  cr_expect_not(is_there(5), "three uses do not last for ever");
}

Test(evict, a_flood_of_unused_entries_does_not_touch_main) {
  ring_open(&s, 1024, 4096);
  put_many(0, 80, 64);
  put_many(1000, 2000, 64);
  for (unsigned i = 0; i < 64; i++) cr_expect(is_in_main(i), "%u", i);
}

Test(evict, who_comes_back_after_leaving_unused_goes_to_main_at_once) {
  ring_open(&s, 1024, 4096);
  put_many(0, 80, 64);
  put_many(80, 1, 64);
  cr_assert_not(is_there(64));
  put_many(64, 1, 64);
  cr_expect(is_in_main(64));
  put_many(2000, 1, 64);
  cr_expect_not(is_in_main(2000), "others do not");
}

Test(evict, a_ghost_is_forgotten_once_it_is_taken) {
  ring_open(&s, 1024, 4096);
  put_many(0, 81, 64);
  struct question q;
  ring_question(&q, 64);
  cr_expect(evict_take_ghost(&s, (uint32_t)q.hash));
  cr_expect_not(evict_take_ghost(&s, (uint32_t)q.hash));
}

Test(evict, who_leaves_main_is_no_ghost) {
  ring_open(&s, 1024, 4096);
  put_many(0, 80, 64);
  use(64);
  put_many(80, 1, 64);
  struct question q;
  ring_question(&q, 0);
  cr_assert_not(is_there(0));
  cr_expect_not(evict_take_ghost(&s, (uint32_t)q.hash));
}

Test(evict, what_is_larger_than_half_a_ring_is_refused_and_changes_nothing) {
  ring_open(&s, 1024, 4096);
  put_many(0, 80, 64);
  struct ring small = s.small, main = s.main;
  cr_expect_null(evict_make_room(&s, false, 513 / ENTRY_UNIT + 1));
  cr_expect_null(evict_make_room(&s, true, 2049 / ENTRY_UNIT + 1));
  cr_expect_eq(s.small.head, small.head);
  cr_expect_eq(s.main.tail, main.tail);
  ring_check(&s);
  cr_expect_eq(s.entries, 80);
  put_many(100, 1, 512);
  ring_check(&s);
}

Test(evict, dead_entries_make_room_without_being_evicted) {
  ring_open(&s, 1024, 4096);
  put_many(0, 80, 64);
  for (unsigned i = 64; i < 80; i++) {
    struct question q;
    ring_question(&q, i);
    ring_get(&s, i)->mark |= MARK_DEAD;
    index_remove(&s, index_find(&s, &q));
  }
  put_many(100, 16, 64);
  cr_expect_eq(s.evicted, 0);
  for (unsigned i = 0; i < 64; i++) cr_assert(is_there(i));
}

Test(evict, a_main_ring_in_full_use_still_makes_room) {
  ring_open(&s, 4096, 65536);
  for (unsigned i = 0; i < 1088; i++) ring_put(&s, i, 64);
  for (int uses = 0; uses < 3; uses++) {
    for (unsigned i = 0; i < 1088; i++) use(i);
  }
  put_many(2000, 64, 64);
  cr_expect_gt(s.evicted, 0);
  cr_expect_geq(s.entries, 1088 - 64);
}

/* Every number of octets that can be left before a ring's end, down to less than an entry's head. */
Test(evict, rings_wrap_with_any_number_of_octets_left) {
  enum { SMALL = 2048, MAIN = 8192 };
  for (size_t left = ENTRY_UNIT; left < 600; left += ENTRY_UNIT) {
    ring_open(&s, SMALL, MAIN);
    unsigned number = 0;
    for (int lap = 0; lap < 12; lap++) {
      size_t at = s.small.head % s.small.size, to_go = s.small.size - at;
      while (to_go > left + 1000) { /* up to `left` before the end, then one that does not fit there */
        cr_assert_not_null(ring_put(&s, number++, 200));
        to_go = s.small.size - s.small.head % s.small.size;
      }
      if (to_go > left + 60) cr_assert_not_null(ring_put(&s, number++, to_go - left));
      if (number % 3 == 0 && number) use(number - 1);
      cr_assert_not_null(ring_put(&s, number++, left + ENTRY_UNIT));
      ring_check(&s);
      cr_assert(is_there(number - 1));
    }
    ring_close(&s);
  }

  ring_open(&s, SMALL, MAIN);
}

/* Sizes, uses, deaths and returns at random; both rings small, so that they wrap all the time. */
static void churn(uint64_t seed, size_t small, size_t main, size_t most, int steps) {
  struct rng r = {seed};
  ring_open(&s, small, main);
  for (int step = 0; step < steps; step++) {
    unsigned number = (unsigned)rng_below(&r, 300);
    struct entry *e = ring_get(&s, number);
    uint64_t what = rng_below(&r, 10);
    if (e && what < 8) {
      if ((e->mark & MARK_HITS) < MARK_HITS) e->mark++;
    } else if (e) {
      struct question q;
      ring_question(&q, number);
      e->mark |= MARK_DEAD;
      index_remove(&s, index_find(&s, &q));
    } else {
      size_t octets = rng_below(&r, 4) ? rng_below(&r, 200) : rng_below(&r, most);
      e = ring_put(&s, number, octets);
      cr_assert(e || octets > small / 2 - ENTRY_UNIT);
      if (e) cr_assert_eq(ring_get(&s, number), e);
    }
    ring_check(&s);
  }

  cr_expect_gt(s.evicted, (uint64_t)steps / 100);
}

Test(evict, nothing_is_lost_or_mixed_up_whatever_the_order) {
  churn(22, 2048, 8192, 1024, 15000);
  ring_close(&s);
  churn(23, 4096, 4096, 2048, 15000);
  ring_close(&s);
  churn(24, 1028, 9004, 514, 15000);
}

/* That it is fetched ahead again when it has left says nothing of its use. */
Test(evict, who_was_fetched_ahead_for_nobody_is_no_ghost) {
  ring_open(&s, 1024, 4096);
  put_many(0, 80, 64);
  ring_get(&s, 64)->mark |= ORIGIN_PREFETCH_S2S * MARK_ORIGIN_UNIT;
  put_many(80, 1, 64);
  struct question q;
  ring_question(&q, 64);
  cr_assert_not(is_there(64));
  cr_expect_not(evict_take_ghost(&s, (uint32_t)q.hash));
  cr_expect_eq(s.unused[ORIGIN_PREFETCH_S2S], 1);
}
