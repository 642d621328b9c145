/* test_pending.c: the table of questions in flight: found by their whole key, counted, their waiters in
 * order. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "forward/pending.h"
#include "kit/made.h"
#include "kit/rng.h"

static struct pending_table table;

static void open_table(void) { cr_assert(pending_table_init(&table)); }
static void close_table(void) { pending_table_close(&table); }

TestSuite(pending, .init = open_table, .fini = close_table);

static void nothing(const struct client *c, const uint8_t *msg, size_t len) {
  (void)c;
  (void)msg;
  (void)len;
}

static void leave(struct waiter *w) { pending_leave(w); }

static void end(struct pending *p) {
  for (struct waiter *w; (w = pending_first(p));) leave(w);
  pending_free(&table, p);
}

Test(pending, a_question_is_found_until_it_is_freed) {
  struct question q, other;
  question_of(&q, "a.lab.", TYPE_A);
  question_of(&other, "b.lab.", TYPE_A);
  cr_expect_null(pending_find(&table, &q));
  struct pending *p = pending_new(&table, &q, false);
  cr_assert_not_null(p);
  cr_expect_eq(pending_find(&table, &q), p);
  cr_expect_null(pending_find(&table, &other));
  cr_expect_null(pending_first(p));
  cr_expect_not(pending_has_open_try(p));
  end(p);
  cr_expect_null(pending_find(&table, &q));
  cr_expect_eq(table.count, 0);
}

/* An attacker who knew the seed could make hashes equal; the answers must still go to the right question. */
Test(pending, questions_with_the_same_hash_are_told_apart) {
  struct question q[200];
  struct pending *p[200];
  for (unsigned i = 0; i < 200; i++) {
    char name[32];
    snprintf(name, sizeof name, "n%u.lab.", i);
    question_of(&q[i], name, TYPE_SRV);
    q[i].hash = 42;
    p[i] = pending_new(&table, &q[i], i % 2);
  }
  for (unsigned i = 0; i < 200; i++) cr_assert_eq(pending_find(&table, &q[i]), p[i]);
  for (unsigned i = 0; i < 200; i += 2) end(p[i]);
  for (unsigned i = 0; i < 200; i++) cr_assert_eq(pending_find(&table, &q[i]), i % 2 ? p[i] : NULL);
  for (unsigned i = 1; i < 200; i += 2) end(p[i]);
}

Test(pending, type_class_and_flags_are_part_of_the_question) {
  uint8_t name[NAME_MAX_LEN];
  size_t len = name_parse("a.lab.", name);
  struct question q[5];
  struct pending *p[5];
  question_make(&q[0], name, len, TYPE_A, CLASS_IN, 0, KIT_SEED);
  question_make(&q[1], name, len, TYPE_AAAA, CLASS_IN, 0, KIT_SEED);
  question_make(&q[2], name, len, TYPE_A, CLASS_CH, 0, KIT_SEED);
  question_make(&q[3], name, len, TYPE_A, CLASS_IN, KEY_DO, KIT_SEED);
  question_make(&q[4], name, len, TYPE_A, CLASS_IN, KEY_CD, KIT_SEED);
  for (unsigned i = 0; i < 5; i++) p[i] = pending_new(&table, &q[i], false);
  for (unsigned i = 0; i < 5; i++) cr_expect_eq(pending_find(&table, &q[i]), p[i]);
  for (unsigned i = 0; i < 5; i++) end(p[i]);
}

Test(pending, waiters_come_out_in_the_order_in_which_they_joined) {
  static struct asked a;
  struct client c = {.deliver = nothing};

  asked_plain(&a, "a.lab.", TYPE_A);
  struct pending *p = pending_new(&table, &a.query.question, false);
  for (unsigned i = 0; i < 10; i++) {
    c.owner = &table + i;
    cr_assert(pending_join(&table, p, &a.query, &c, 100 + i));
  }

  for (unsigned i = 0; i < 10; i++) {
    struct waiter *w = pending_first(p);
    cr_assert_not_null(w);
    cr_expect_eq(w->since_ms, 100 + i);
    cr_expect_eq(w->client.owner, &table + i);
    leave(w);
  }

  cr_expect_null(pending_first(p));
  end(p);
}

Test(pending, each_waiter_keeps_its_own_spelling_when_the_packet_is_gone) {
  static struct asked a;
  struct client c = {.deliver = nothing};
  asked_edns(&a, "A.Lab.", TYPE_A, 1400, true);
  struct pending *p = pending_new(&table, &a.query.question, false);
  cr_assert(pending_join(&table, p, &a.query, &c, 1));
  memset(a.msg.octets, 'x', sizeof a.msg.octets);
  struct waiter *w = pending_first(p);
  cr_expect_arr_eq(w->query_opts.qname_wire, "\001A\003Lab\0\0\1\0\1", 11);
  cr_expect(w->query_opts.edns && w->query_opts.dnssec_ok && w->query_opts.udp_size == 1400);
  end(p);
}

Test(pending, a_name_of_255_octets_is_kept_whole) {
  static struct msg m;
  struct query query;
  struct client c = {.deliver = nothing};
  uint8_t name[NAME_MAX_LEN];
  size_t at = 0;

  for (; at < 192; at += 64) memset(name + at, 63, 64);
  name[at] = 61;
  memset(name + at + 1, 'Y', 61);
  name[254] = 0;
  msg_start(&m, DNS_RD << 8);
  msg_put(&m, name, sizeof name);
  msg_put(&m, "\0\1\0\1", 4);
  msg_set_count(&m, 0, 1);
  cr_assert_eq(query_read(&query, m.octets, m.len, KIT_SEED), QUERY_OK);
  struct pending *p = pending_new(&table, &query.question, false);
  cr_assert(pending_join(&table, p, &query, &c, 1));
  cr_expect_arr_eq(pending_first(p)->query_opts.qname_wire, name, sizeof name);
  cr_expect_arr_eq(pending_first(p)->query_opts.qname_wire + sizeof name, "\0\1\0\1", 4);
  end(p);
}

Test(pending, what_was_asked_ahead_is_counted_until_a_client_joins) {
  static struct asked a;
  struct client c = {.deliver = nothing};
  struct question other;

  asked_plain(&a, "a.lab.", TYPE_A);
  question_of(&other, "b.lab.", TYPE_A);
  struct pending *p = pending_new(&table, &a.query.question, true), *o = pending_new(&table, &other, true);
  cr_expect(table.count == 2 && table.prefetches == 2);
  cr_assert(pending_join(&table, p, &a.query, &c, 1));
  cr_assert(pending_join(&table, p, &a.query, &c, 2));
  cr_expect(table.count == 2 && table.prefetches == 1);
  cr_expect_not(p->prefetch);
  end(o);
  cr_expect(table.count == 1 && table.prefetches == 0);
  end(p);
  cr_expect(table.count == 0 && table.prefetches == 0);
}

/* ---- tries ---- */

static unsigned dropped;

static void note_drop(struct channel *c, struct exchange *x) {
  (void)c;
  (void)x;
  dropped++;
}

Test(pending, open_tries_are_seen_and_dropped_once) {
  static const struct channel_ops ops = {.drop = note_drop};
  struct channel channel = {.ops = &ops};
  struct question q;
  question_of(&q, "a.lab.", TYPE_A);
  struct pending *p = pending_new(&table, &q, false);
  for (unsigned i = 0; i < FORWARD_TRIES; i++) cr_expect_eq(p->tries[i].pending, p);
  p->tries[FORWARD_TRIES - 1].x.channel = &channel;
  p->tries[1].x.channel = &channel;
  cr_expect(pending_has_open_try(p));
  pending_drop_tries(p);
  pending_drop_tries(p);
  cr_expect_eq(dropped, 2);
  cr_expect_not(pending_has_open_try(p));
  end(p);
}

/* ---- against a model ---- */

Test(pending, is_what_a_plain_list_says_it_is_over_200000_steps) {
  enum { NAMES = 3000 };
  static struct question q[NAMES];
  static struct pending *model[NAMES];
  static struct asked a;
  struct client c = {.deliver = nothing};
  struct rng r = {7};
  unsigned count = 0, waiters[NAMES] = {0};
  asked_plain(&a, "a.lab.", TYPE_A);
  for (unsigned i = 0; i < NAMES; i++) {
    char name[32];
    snprintf(name, sizeof name, "n%u.lab.", i);
    question_of(&q[i], name, TYPE_A);
    if (i % 3 == 0) q[i].hash = i % 30; /* and many in one bucket */
  }

  for (unsigned step = 0; step < 200000; step++) {
    unsigned i = (unsigned)rng_below(&r, NAMES);
    cr_assert_eq(pending_find(&table, &q[i]), model[i]);
    if (!model[i]) {
      model[i] = pending_new(&table, &q[i], rng_below(&r, 2));
      count++;
    } else if (rng_below(&r, 3) && waiters[i] < 5) {
      a.query.question = q[i];
      cr_assert(pending_join(&table, model[i], &a.query, &c, step));
      waiters[i]++;
    } else {
      end(model[i]);
      model[i] = NULL;
      waiters[i] = 0;
      count--;
    }
    cr_assert_eq(table.count, count);
    cr_assert_leq(table.prefetches, count);
  }

  for (unsigned i = 0; i < NAMES; i++) {
    if (model[i]) end(model[i]);
  }

  cr_expect(table.count == 0 && table.prefetches == 0);
}
