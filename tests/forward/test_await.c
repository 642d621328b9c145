/* test_await.c: a question that waits for others, and its own answer meanwhile. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "forward/await.h"
#include "kit/made.h"

enum { SET_OFF_MAX = 8, NOW_MS = 1000 };

static struct forward *f;
static struct counters counters;
static struct timers timers;
static struct pending *p;
static struct client asked[SET_OFF_MAX]; /* who waits for the questions that were put in */
static unsigned asked_count;
static bool answers_at_once;

static const uint8_t noerror[DNS_HEADER] = {[2] = DNS_QR};

static int answer(void *ctx, const struct query *q, const struct client *client, uint64_t now_ms,
                  uint8_t *out) {
  (void)ctx;
  (void)q;
  (void)now_ms;
  cr_assert(await_is_asking(p) && !await_is_over(p));
  if (answers_at_once) {
    memcpy(out, noerror, sizeof noerror);
    return sizeof noerror;
  }
  asked[asked_count++] = *client;
  return -1;
}

static void deliver(unsigned i) { asked[i].deliver(&asked[i], noerror, sizeof noerror); }

static void fire(struct timer *t, uint64_t now_ms) {
  (void)t;
  (void)now_ms;
}

static void setup(void) {
  struct question q;
  f = calloc(1, sizeof *f);
  timers_init(&timers);
  f->o = (struct forward_options){.timers = &timers, .counters = &counters, .answer = answer};
  cr_assert(pending_table_init(&f->table) && timers_promise(&timers));
  question_of(&q, "a.lab.", TYPE_A);
  cr_assert_not_null(p = pending_new(&f->table, &q, false));
  p->forward = f;
  p->timer.fire = fire;
}

static void teardown(void) {
  timers_stop(&timers, &p->timer);
  pending_free(&f->table, p);
  timers_release(&timers);
  pending_table_close(&f->table);
  timers_close(&timers);
  free(f);
}

TestSuite(await, .init = setup, .fini = teardown);

static bool ask(const char *name) {
  struct question q;
  question_of(&q, name, TYPE_A);
  return await_ask(p, &q, AWAIT_ALIAS, NOW_MS) == ERR_NONE;
}

Test(await, the_step_goes_on_when_the_last_answer_is_there) {
  cr_assert(ask("b.lab.") && ask("c.lab.") && ask("d.lab."));
  cr_expect_not(await_is_asking(p));
  for (unsigned i = 3; i-- > 0;) {
    cr_expect_not(await_is_over(p));
    cr_expect_not(timer_is_set(&p->timer), "%u are lacking", i + 1);
    deliver(i);
  }
  cr_expect(await_is_over(p));
  cr_expect_eq(p->resume_ms, 0);
  cr_expect_eq(timers_next_ms(&timers), 0);
  cr_expect_eq(await_first(p)->len, sizeof noerror);
  await_drop(p);
  cr_expect_null(await_first(p));
}

Test(await, an_answer_that_is_known_is_there_at_once) {
  answers_at_once = true;
  cr_assert(ask("b.lab."));
  cr_expect(await_is_over(p));
  cr_expect_arr_eq(await_first(p)->msg, noerror, sizeof noerror);
  cr_expect_not(timer_is_set(&p->timer));
}

Test(await, an_answer_that_nobody_waits_for_any_more_is_dropped) {
  cr_assert(ask("b.lab."));
  await_drop(p);
  cr_expect(await_is_over(p));
  deliver(0);
  cr_expect_not(timer_is_set(&p->timer));
}

Test(await, questions_do_not_wait_for_each_other_for_ever) {
  cr_expect_not(ask("a.lab."), "for itself");
  p->links = FORWARD_ALIASES;
  cr_expect_not(ask("b.lab."), "the last of too many");
  cr_expect_eq(asked_count, 0);
}

Test(await, its_own_answer_is_put_aside_meanwhile) {
  static const uint8_t body[] = "octets of an answer";
  f->answer.head = (struct answer_head){.an = 1, .ar = 1, .body_len = sizeof body, .flags = ANSWER_AD};
  f->answer.ttl_s = 77;
  f->answer.ttl_at[0] = 6;
  f->answer.ttl_at[1] = 600;
  memcpy(f->answer.body, body, sizeof body);
  p->draft = DRAFT_AT_WORK;

  cr_assert(ask("b.lab."));
  cr_expect_eq(p->draft, DRAFT_ASIDE);
  memset(&f->answer, 0xee, sizeof f->answer); /* others make theirs */
  deliver(0);
  pending_take_up(p);
  cr_expect_eq(p->draft, DRAFT_AT_WORK);
  cr_expect(f->answer.head.an == 1 && f->answer.head.ar == 1 && f->answer.head.flags == ANSWER_AD);
  cr_expect(f->answer.ttl_s == 77 && f->answer.ttl_at[0] == 6 && f->answer.ttl_at[1] == 600);
  cr_expect_arr_eq(f->answer.body, body, sizeof body);
}

/* A thousand that wait must not cost what a thousand struct answer do. */
Test(await, what_is_put_aside_takes_no_more_than_it_has) {
  f->answer.head = (struct answer_head){.an = 2, .body_len = 100};
  p->draft = DRAFT_AT_WORK;
  cr_assert(pending_put_aside(p));
  cr_expect_not_null(p->aside);
  cr_expect_leq(sizeof *p->aside + 2 * sizeof(uint16_t) + 100, 130);
  cr_expect_leq(sizeof *p, 2048);
}
