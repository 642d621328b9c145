/* test_index.c: a shard's index against a plain table. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "cache/ring_kit.h"
#include "kit/rng.h"

enum { MANY = 4000, STEP = 64 /* octets from an entry to the next */ };

static struct shard s;
static struct question questions[MANY];
static bool there[MANY];
static unsigned count;

/* Entries for all questions, none in the index yet. Their tags lie in a range that starts at `low` and is
 * `spread` wide, so that they crowd together as much as a test wants. */
static void open_index(uint32_t low, uint64_t spread) {
  struct rng r = {20};
  s = (struct shard){.seed = KIT_SEED};
  s.arena = calloc(MANY, STEP);
  for (unsigned i = 0; i < MANY; i++) {
    ring_question(&questions[i], i);
    questions[i].hash = (uint32_t)(low + rng_below(&r, spread));
    struct entry *e = (struct entry *)(void *)(s.arena + (size_t)i * STEP);
    cr_assert_leq(sizeof *e + question_key_len(&questions[i]), STEP);
    e->units = STEP / ENTRY_UNIT;
    e->name_len = (uint8_t)questions[i].name_len;
    memcpy(e->data, questions[i].key, question_key_len(&questions[i]));
  }
}

static void close_index(void) {
  free(s.arena);
  index_free(&s);
}

static uint32_t ref_of(unsigned i) { return i * (STEP / ENTRY_UNIT) + 1; }

static void toggle(unsigned i) {
  if (there[i]) {
    struct slot *slot = index_find(&s, &questions[i]);
    cr_assert_not_null(slot, "%u is lost", i);
    index_remove(&s, slot);
    count--;
  } else {
    cr_assert(index_add(&s, (uint32_t)questions[i].hash, ref_of(i)));
    count++;
  }
  there[i] = !there[i];
}

static void check(unsigned i) {
  struct slot *slot = index_find(&s, &questions[i]);
  cr_assert_eq(slot != NULL, there[i], "%u", i);
  if (!slot) return;
  cr_assert_eq(slot->ref, ref_of(i));
  cr_assert_eq(index_find_ref(&s, (uint32_t)questions[i].hash, ref_of(i)), slot);
}

static void check_all(void) {
  cr_assert_eq(s.entries, count);
  for (unsigned i = 0; i < MANY; i++) check(i);
}

/* Adds and removes at random, most often so that the index is near a number of entries that goes up and down.
 */
static void churn(int steps) {
  struct rng r = {21};
  for (int step = 0; step < steps; step++) {
    unsigned aim = (unsigned)(step / 5000 % 2 ? MANY / 8 : MANY * 3 / 4), i = (unsigned)rng_below(&r, MANY);
    if (there[i] == (count < aim) && rng_below(&r, 4)) continue;
    toggle(i);
    check((unsigned)rng_below(&r, MANY));
    if (step % 5000 == 0) check_all();
  }
  check_all();
  for (unsigned i = 0; i < MANY; i++) {
    if (there[i]) toggle(i);
  }
  check_all();
  for (uint32_t i = 0; i < s.slot_count; i++) cr_assert_eq(s.slots[i].ref, 0, "nothing stays behind");
}

TestSuite(index, .fini = close_index);

Test(index, finds_nothing_while_it_is_empty) {
  open_index(0, UINT32_MAX);
  check_all();
}

Test(index, agrees_with_a_plain_table_over_thousands_of_adds_and_removes) {
  open_index(0, 1ull << 32);
  churn(100000);
}

Test(index, agrees_when_all_tags_crowd_together) {
  open_index(0x80000000u, 1u << 20);
  churn(30000);
}

Test(index, agrees_when_tags_crowd_at_the_end_and_go_on_at_the_start) {
  open_index(0xfff00000u, 1u << 20);
  churn(30000);
}

Test(index, agrees_when_many_share_one_tag) {
  open_index(0xfffffffeu, 2);
  churn(2000);
}

Test(index, keys_that_share_a_hash_are_told_apart) {
  open_index(7, 1);
  for (unsigned i = 0; i < 50; i += 2) toggle(i);
  for (unsigned i = 0; i < 50; i++) check(i);
}

Test(index, takes_twelve_octets_an_entry_and_two_pages_at_most) {
  open_index(0, 1ull << 32);
  for (unsigned i = 0; i < MANY; i++) {
    toggle(i);
    cr_assert_leq(s.slot_count * sizeof(struct slot), 12 * (i + 1) + 8192, "%u entries in %u slots", i + 1,
                  s.slot_count);
    cr_assert_lt(s.entries, s.slot_count, "an empty slot ends every search");
  }
}
