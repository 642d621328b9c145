/* test_snapshot_damage.c: a snapshot that is cut, changed or made up costs answers, never more. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "cache/snap_kit.h"
#include "cache/snapshot_priv.h"
#include "dns/ttl.h"
#include "kit/seen.h"

enum { STALE_S = 86400 };

static struct cache *c, *next;
static struct snapshot_report report;
static uint8_t *whole;
static size_t len;

static void setup(void) {
  c = cache_new(CACHE_SIZE_MIN, KIT_SEED);
  next = cache_new(CACHE_SIZE_MIN, KIT_SEED);
  snap_fill(c);
  whole = snap_octets(c, &len);
}
static void teardown(void) {
  cache_free(c);
  cache_free(next);
  free(whole);
  snap_close();
}

TestSuite(snapshot_damage, .init = setup, .fini = teardown);

/* Loads exactly n octets into an empty cache: a sanitizer sees any that is read beyond. */
static enum snapshot_outcome load(const uint8_t *octets, size_t n) {
  struct snapshot_now now = snap_later(1);
  uint8_t *copy = exact(octets, n);
  cache_flush(next, &(struct cache_which){0});
  enum snapshot_outcome outcome = snapshot_restore(next, copy, n, &now, STALE_S, &report);
  free(copy);
  return outcome;
}

/* What is in the cache can be given out. */
static void check_all(void) {
  struct cache_walk *w = cache_walk_new(next);
  struct cache_entry e;
  struct seen s;
  uint8_t out[DNS_MSG_MAX];
  while (cache_walk_next(w, &e)) {
    struct query_opts m = {.qname_wire = e.question->key, .name_len = e.question->name_len, .edns = true};
    size_t n = answer_write(&e.answer, &m, ANSWER_FRESH, SNAP_LATER, sizeof out, out);
    cr_assert(seen_read(&s, out, n), "%s", s.why);
  }
  cache_walk_free(w);
}

Test(snapshot_damage, as_it_is_it_can_be_read) {
  cr_expect_eq(load(whole, len), SNAPSHOT_GOOD, "%s", report.why);
  cr_expect_eq(report.entries, SNAP_KINDS);
  cr_expect_lt(len, 2000, "short enough for what follows");
}

Test(snapshot_damage, cut_at_any_length_it_gives_nothing_that_is_not_whole) {
  for (size_t n = 0; n < len; n++) {
    cr_assert_eq(load(whole, n), SNAPSHOT_DAMAGED, "%zu", n);
    cr_assert_eq(report.entries, n < len - BLOCK_HEAD ? 0 : SNAP_KINDS, "%zu", n);
    cr_assert_str_eq(report.why, "it is cut short");
  }
}

Test(snapshot_damage, a_change_of_any_octet_is_noticed) {
  for (size_t i = 0; i < len; i++) {
    for (unsigned bit = 1; bit < 256; bit *= 2) {
      whole[i] ^= (uint8_t)bit;
      cr_assert_eq(load(whole, len), i < 10 ? SNAPSHOT_FOREIGN : SNAPSHOT_DAMAGED, "%zu", i);
      cr_assert_eq(report.entries, i < len - BLOCK_HEAD ? 0 : SNAP_KINDS, "%zu", i);
      whole[i] ^= (uint8_t)bit;
    }
  }
}

static uint8_t *first_block(void) { return whole + HEAD_OCTETS; }

/* The hash says what somebody wants it to say: the entries themselves are looked at, too. */
Test(snapshot_damage, entries_changed_by_who_knows_the_hash_are_refused_or_harmless) {
  uint32_t octets = block_octets(first_block());
  unsigned refused = 0;
  for (size_t i = 0; i < octets; i++) {
    uint8_t *p = first_block() + BLOCK_HEAD + i, was = *p;
    static const uint8_t changes[] = {1, 0x80, 0xff, 0xc0, 0x20};
    for (size_t k = 0; k < sizeof changes; k++) {
      *p = was ^ changes[k];
      snapshot_block_seal(first_block(), octets, SNAP_KINDS, 0);
      refused += load(whole, len) != SNAPSHOT_GOOD;
      check_all();
    }
    *p = was;
  }
  cr_expect_gt(refused, octets, "%u of %u", refused, octets * 5);
}

Test(snapshot_damage, a_block_that_holds_more_or_less_than_it_says_is_refused) {
  uint32_t octets = block_octets(first_block());
  snapshot_block_seal(first_block(), octets, SNAP_KINDS + 1, 0);
  cr_expect_eq(load(whole, len), SNAPSHOT_DAMAGED);
  snapshot_block_seal(first_block(), octets, SNAP_KINDS - 1, 0);
  cr_expect_eq(load(whole, len), SNAPSHOT_DAMAGED);
  snapshot_block_seal(first_block(), octets - 1, SNAP_KINDS, 0);
  cr_expect_eq(load(whole, len), SNAPSHOT_DAMAGED);
  uint8_t head[BLOCK_HEAD] = {0xff, 0xff, 0xff, 0xff};
  memcpy(first_block(), head, sizeof head);
  cr_expect_eq(load(whole, len), SNAPSHOT_DAMAGED);
}

Test(snapshot_damage, a_block_that_is_doubled_or_out_of_place_is_refused) {
  size_t block = BLOCK_HEAD + block_octets(first_block());
  uint8_t *twice = malloc(len + block);
  memcpy(twice, whole, HEAD_OCTETS + block);
  memcpy(twice + HEAD_OCTETS + block, first_block(), len - HEAD_OCTETS);
  cr_expect_eq(load(twice, len + block), SNAPSHOT_DAMAGED);
  cr_expect_eq(report.entries, SNAP_KINDS, "the first is whole");
  memmove(twice + HEAD_OCTETS, first_block() + block, BLOCK_HEAD);
  cr_expect_eq(load(twice, HEAD_OCTETS + BLOCK_HEAD), SNAPSHOT_DAMAGED, "the end in the first one's place");
  free(twice);
}

Test(snapshot_damage, another_version_is_named) {
  whole[11]++;
  cr_expect_eq(load(whole, len), SNAPSHOT_DAMAGED);
  cr_expect_str_eq(report.why, "another version of jidnsd has written it");
}

/* ---- entries that no jidnsd writes ---- */

static struct rebuilt rebuilt;
static struct made made;

static bool rebuild(const struct answer *a, const uint8_t *key, uint8_t name_len) {
  struct snapshot_entry k = {.head = a->head, .name_len = name_len, .key = key, .body = a->body};
  return snapshot_entry_rebuild(&rebuilt, &k, KIT_SEED);
}

Test(snapshot_damage, a_key_that_is_no_question_is_refused) {
  made_a(&made, "example.org", 60, 1, 0);
  uint8_t key[KEY_MAX];
  memcpy(key, made.question.key, sizeof key);
  uint8_t n = (uint8_t)made.question.name_len;
  cr_assert(rebuild(&made.answer, key, n));
  key[n + 4] = 4;
  cr_expect_not(rebuild(&made.answer, key, n), "flags");
  key[n + 4] = 0;
  cr_expect_not(rebuild(&made.answer, key, 0), "no name");
  cr_expect_not(rebuild(&made.answer, key, n - 1), "a name without its end");
  cr_expect_not(rebuild(&made.answer, key, n + 1), "more than a name");
  memcpy(key, "\1a\xc0\0", 4);
  cr_expect_not(rebuild(&made.answer, key, 4), "a pointer");
  memset(key, 0, KEY_TAIL);
  cr_expect_not(rebuild(&made.answer, key, 0), "no name, and nothing else that is wrong");
}

Test(snapshot_damage, an_answer_that_would_not_be_stored_is_refused) {
  made_a(&made, "example.org", 60, 1, 0);
  struct answer *a = &made.answer;
  const struct question *q = &made.question;
  uint8_t n = (uint8_t)q->name_len;
  a->head.rcode = RCODE_SERVFAIL;
  cr_expect_not(rebuild(a, q->key, n), "SERVFAIL");
  a->head.rcode = RCODE_NOERROR;
  a->head.an = 0;
  cr_expect_not(rebuild(a, q->key, n), "octets behind the last record");
  a->head.an = 2;
  cr_expect_not(rebuild(a, q->key, n), "a record too few");
  a->head.an = a->head.body_len = 0;
  cr_expect_not(rebuild(a, q->key, n), "no record at all");
  made_a(&made, "example.org", 0, 1, 0);
  cr_expect_not(rebuild(a, q->key, n), "TTL 0");
  made_start(&made, "example.org", TYPE_A, RCODE_NOERROR);
  made_add(&made, SECTION_ANSWER, "example.org", TYPE_OPT, 60, rd_fill(0, 4));
  cr_expect_not(rebuild(a, q->key, n), "OPT");
}

Test(snapshot_damage, a_ttl_beyond_a_week_is_cut) {
  made_a(&made, "example.org", 0x7fffffff, 1, 0);
  cr_assert(rebuild(&made.answer, made.question.key, (uint8_t)made.question.name_len));
  cr_expect_eq(rebuilt.answer.ttl_s, TTL_MAX);
}
