/* test_entry.c: what is taken from the fleet's cache, and what is not. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/must.h"
#include "dns/record.h"
#include "share/entry_kit.h"

static uint32_t ttl_of(const struct entry_kit *k) {
  struct wire w = record_start(k->msg, k->msg_len);
  struct record r;
  cr_assert(record_read(&w, &r));
  return r.ttl;
}

Test(entry, comes_back_as_the_reply_that_it_was) {
  struct entry_kit *k = entry_kit_new();
  uint8_t whole[DNS_MSG_MAX];
  cr_assert_eq(entry_kit_read(k, 0), ENTRY_GOOD);
  size_t len = answer_message(&k->made.question, &k->made.answer, whole);
  cr_assert_eq(k->msg_len, len);
  cr_expect_eq(memcmp(k->msg + 4, whole + 4, len - 4), 0, "counts, question and records");
  cr_expect_eq(k->msg[2] & DNS_QR, DNS_QR);
  entry_kit_free(k);
}

Test(entry, a_negative_answer_comes_back_too) {
  struct entry_kit *k = entry_kit_new();
  made_start(&k->made, "no.example.org", TYPE_A, RCODE_NXDOMAIN);
  made_add(&k->made, SECTION_AUTHORITY, "example.org", TYPE_SOA, ENTRY_TTL,
           rd_soa("ns.example.org", "root.example.org", ENTRY_TTL));
  made_done(&k->made, 0);
  entry_kit_write(k);
  cr_assert_eq(entry_kit_read(k, 1000), ENTRY_GOOD);
  cr_expect_eq(k->msg[3] & DNS_RCODE, RCODE_NXDOMAIN);
  cr_expect_eq(ttl_of(k), ENTRY_TTL - 1);
  entry_kit_free(k);
}

Test(entry, gets_older_by_the_engines_clock_and_never_younger) {
  struct entry_kit *k = entry_kit_new();
  for (uint64_t age_ms = 0; age_ms < ENTRY_TTL * 1000 - ENTRY_LIFE_MIN_MS; age_ms += 777) {
    cr_assert_eq(entry_kit_read(k, age_ms), ENTRY_GOOD, "%d", (int)age_ms);
    cr_expect_eq(k->clock_ms, ENTRY_NOW_MS + age_ms);
    uint32_t ttl = ttl_of(k);
    cr_expect(ttl * 1000 + age_ms <= ENTRY_TTL * 1000 && ttl * 1000 + age_ms > ENTRY_TTL * 1000 - 1000,
              "%u after %d ms", ttl, (int)age_ms);
  }
  cr_expect_eq(entry_kit_read(k, ENTRY_TTL * 1000 - 1999), ENTRY_OVER);
  cr_expect_eq(entry_kit_read(k, ENTRY_TTL * 1000), ENTRY_OVER);
  entry_kit_free(k);
}

/* The engine says left_ms, at engine_ms by its clock. */
static enum entry_verdict read_at(struct entry_kit *k, int64_t left_ms, uint64_t engine_ms) {
  struct entry_seen seen = {.octets = k->value, .len = k->len, .left_ms = left_ms, .engine_ms = engine_ms};
  return entry_read(k->mac, &k->key, &k->made.question, &seen, k->msg, &k->msg_len, &k->clock_ms);
}

Test(entry, that_is_put_in_again_later_is_refused) {
  struct entry_kit *k = entry_kit_new();
  int64_t life_ms = ENTRY_TTL * 1000;
  cr_expect_eq(read_at(k, life_ms, ENTRY_NOW_MS + 10000), ENTRY_PROLONGED, "10 s later, as new");
  cr_expect_eq(read_at(k, 5000, ENTRY_NOW_MS + (uint64_t)life_ms), ENTRY_PROLONGED, "when it was over");
  cr_expect_eq(read_at(k, life_ms + 60000, ENTRY_NOW_MS), ENTRY_PROLONGED, "for longer");
  cr_expect_eq(read_at(k, life_ms + 60000, 0), ENTRY_PROLONGED, "for longer, whatever the clock");
  cr_expect_eq(read_at(k, -1, ENTRY_NOW_MS), ENTRY_PROLONGED, "for ever");
  cr_expect_eq(read_at(k, -2, ENTRY_NOW_MS), ENTRY_OVER, "gone meanwhile");
  cr_expect_eq(read_at(k, life_ms, ENTRY_NOW_MS - 3600000), ENTRY_PROLONGED, "the engine's clock went back");
  cr_expect_eq(read_at(k, life_ms, 0), ENTRY_GOOD, "as new, and nothing says otherwise");
  entry_kit_free(k);
}

Test(entry, with_less_left_than_the_clock_says_has_the_less) {
  struct entry_kit *k = entry_kit_new();
  cr_assert_eq(read_at(k, 100000, ENTRY_NOW_MS), ENTRY_GOOD);
  cr_expect_eq(ttl_of(k), 100);
  cr_assert_eq(read_at(k, ENTRY_TTL * 1000, ENTRY_NOW_MS + 1500), ENTRY_GOOD, "late to the engine");
  cr_expect_eq(ttl_of(k), ENTRY_TTL - 2);
  entry_kit_free(k);
}

Test(entry, with_an_octet_more_less_or_changed_is_refused) {
  struct entry_kit *k = entry_kit_new();
  size_t len = k->len;
  for (k->len = 0; k->len < len; k->len++) {
    enum entry_verdict v = entry_kit_read(k, 0);
    cr_expect(v == ENTRY_FORGED || (k->len == 0 && v == ENTRY_STRANGE), "%zu octets", k->len);
  }
  k->len = len + 1;
  cr_expect_eq(entry_kit_read(k, 0), ENTRY_FORGED);

  k->len = len;
  for (size_t bit = 0; bit < len * 8; bit++) {
    k->value[bit / 8] ^= (uint8_t)(1 << bit % 8);
    enum entry_verdict v = entry_kit_read(k, 0);
    cr_expect(v == ENTRY_FORGED || (bit < 8 && v == ENTRY_STRANGE), "bit %zu", bit);
    k->value[bit / 8] ^= (uint8_t)(1 << bit % 8);
  }
  cr_expect_eq(entry_kit_read(k, 0), ENTRY_GOOD);
  entry_kit_free(k);
}

Test(entry, of_another_question_fleet_view_or_secret_is_refused) {
  struct entry_kit *k = entry_kit_new();
  struct question other;
  question_of(&other, "_xmpp-client._tcp.example.net", TYPE_SRV);
  entry_key_make(&k->key, ENTRY_SPACE, ENTRY_VIEW, &other);
  cr_expect_eq(entry_kit_read(k, 0), ENTRY_FORGED);
  entry_key_make(&k->key, "another", ENTRY_VIEW, &k->made.question);
  cr_expect_eq(entry_kit_read(k, 0), ENTRY_FORGED);
  entry_key_make(&k->key, ENTRY_SPACE, ENTRY_VIEW + 1, &k->made.question);
  cr_expect_eq(entry_kit_read(k, 0), ENTRY_FORGED);

  entry_key_make(&k->key, ENTRY_SPACE, ENTRY_VIEW, &k->made.question);
  mac_key_free(k->mac);
  k->mac = entry_kit_key('x');
  cr_expect_eq(entry_kit_read(k, 0), ENTRY_FORGED);
  entry_kit_free(k);
}

static uint32_t next_random(uint32_t *state) { return *state = *state * 1664525u + 1013904223u; }

/* What a hand at the engine can do without the secret. */
static void spoil(struct entry_kit *k, const struct entry_kit *other, uint32_t r, struct entry_seen *seen) {
  *seen = (struct entry_seen){
      .octets = k->value, .len = k->len, .left_ms = ENTRY_TTL * 1000, .engine_ms = ENTRY_NOW_MS};
  switch (r % 6) {
  case 0: k->value[r / 8 % k->len] ^= (uint8_t)(1 + r / 6 % 255); break;
  case 1: seen->octets = other->value, seen->len = other->len; break; /* another question's */
  case 2: seen->engine_ms += 10000 + r / 8; break;                    /* an old one, put in as new */
  case 3: seen->left_ms += 10000 + r / 8; break;
  case 4: seen->len = r / 8 % k->len; break;
  default:
    for (size_t i = 1; i < k->len; i++) k->value[i] = (uint8_t)next_random(&r);
  }
}

Test(entry, forged_moved_prolonged_and_replayed_ones_are_never_taken) {
  struct entry_kit *k = entry_kit_new(), *other = entry_kit_new();
  made_start(&other->made, "evil.example", TYPE_SRV, RCODE_NOERROR);
  made_add(&other->made, SECTION_ANSWER, "evil.example", TYPE_SRV, ENTRY_TTL,
           rd_srv(0, 0, 1, "evil.example"));
  made_done(&other->made, 0);
  entry_kit_write(other);

  uint8_t right[ENTRY_MAX];
  uint32_t state = 1, taken = 0;
  memcpy(right, k->value, k->len);
  for (unsigned i = 0; i < 100000; i++) {
    struct entry_seen seen;
    spoil(k, other, next_random(&state) >> 4, &seen);
    taken += entry_read(k->mac, &k->key, &k->made.question, &seen, k->msg, &k->msg_len, &k->clock_ms) ==
             ENTRY_GOOD;
    memcpy(k->value, right, k->len);
  }
  cr_expect_eq(taken, 0);
  cr_expect_eq(entry_kit_read(k, 0), ENTRY_GOOD);
  entry_kit_free(other);
  entry_kit_free(k);
}

Test(entry, may_be_what_servers_said_and_what_lives_long_enough) {
  struct entry_kit *k = entry_kit_new();
  struct answer *a = &k->made.answer;
  struct question *q = &k->made.question, cd;
  uint8_t name[NAME_MAX_LEN];
  memcpy(name, q->key, q->name_len);
  question_make(&cd, name, q->name_len, TYPE_SRV, 1, KEY_CD, KIT_SEED);
  cr_expect(entry_may_be(q, a));
  cr_expect_not(entry_may_be(&cd, a), "unchecked");
  a->ttl_s = FLEET_TTL_MIN - 1;
  cr_expect_not(entry_may_be(q, a), "short-lived");
  a->ttl_s = FLEET_TTL_MIN;
  cr_expect(entry_may_be(q, a));
  a->head.rcode = RCODE_SERVFAIL;
  cr_expect_not(entry_may_be(q, a));
  a->head.rcode = RCODE_NOERROR;
  a->head.ar = 1;
  cr_expect_not(entry_may_be(q, a), "added here");
  a->head.ar = 0;
  a->head.body_len = FLEET_BODY_MAX + 1;
  cr_expect_not(entry_may_be(q, a), "long");
  entry_kit_free(k);
}

Test(entry, is_small) {
  struct entry_kit *k = entry_kit_new();
  cr_expect_leq(k->key.len + k->len, 150, "%zu + %zu octets", k->key.len, k->len);
  entry_kit_free(k);
}

Test(entry, namespaces_are_plain_words) {
  cr_expect(entry_is_namespace("default") && entry_is_namespace("prod-1.eu_west"));
  cr_expect_not(entry_is_namespace("") || entry_is_namespace("a:b") || entry_is_namespace("a b") ||
                entry_is_namespace("*"));
  char text[ENTRY_NAMESPACE_MAX + 2];
  memset(text, 'a', sizeof text);
  text[ENTRY_NAMESPACE_MAX] = 0;
  cr_expect(entry_is_namespace(text));
  text[ENTRY_NAMESPACE_MAX] = 'a';
  text[ENTRY_NAMESPACE_MAX + 1] = 0;
  cr_expect_not(entry_is_namespace(text));
}
