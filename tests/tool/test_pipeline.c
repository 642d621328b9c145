/* test_pipeline.c: many domains at once come out in their order, each with all its answers. */
#include "tool/pipeline.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "tool/mock.h"

enum { DOMAINS = 3 * PIPELINE_DOMAINS };

struct rig {
  struct mock mock;
  struct ask_options ask;
  struct sources *sources;
  struct pipeline *pipeline;
  unsigned handed_on, in_order, answered;
};

static void deny(struct mock *m, const uint8_t *query, size_t len, bool over_tcp) {
  (void)over_tcp;
  mock_reply(m, query, len, RCODE_NXDOMAIN, false);
}

/* Holds its tongue about every third question, so that domains are through out of order. */
static void deny_some(struct mock *m, const uint8_t *query, size_t len, bool over_tcp) {
  if (m->packets % 3 != 0) deny(m, query, len, over_tcp);
}

static void take(void *context, struct checked *x) {
  struct rig *r = context;
  char name[NAME_TEXT], wanted[32];
  unsigned asked, silent;
  snprintf(wanted, sizeof wanted, "d%u.chat", r->handed_on++);
  r->in_order += strcmp(lookup_host_text(x->facts->domain->domain, name), wanted) == 0;
  facts_count(x->facts, &asked, &silent);
  r->answered += asked > 0 && silent == 0;
  cr_expect_not_null(x->facts->plans[0][0], "the last stage has been read");
  facts_free(x->facts);
}

static void rig_start(struct rig *r, void (*serve)(struct mock *, const uint8_t *, size_t, bool),
                      unsigned timeout_ms) {
  *r = (struct rig){.handed_on = 0};
  mock_start(&r->mock, true, serve);
  r->ask = (struct ask_options){.server = r->mock.addr, .timeout_ms = timeout_ms};
  r->sources = sources_open(NULL, 0, &r->ask, false, stderr);
  cr_assert_not_null(r->sources);
  r->pipeline = pipeline_new(r->sources, take, r);
}

static void rig_add(struct rig *r, unsigned number) {
  struct checked x = {.server = r->mock.addr};
  struct typed_domain typed;
  char name[32];
  snprintf(name, sizeof name, "d%u.chat", number);
  cr_assert_null(domain_read_jid(name, &typed));
  x.facts = facts_new(&typed, LOOKUP_C2S, NULL, 0);
  pipeline_add(r->pipeline, &x);
}

static void rig_end(struct rig *r) {
  pipeline_free(r->pipeline);
  sources_close(r->sources);
  mock_stop(&r->mock);
}

Test(pipeline, hands_all_domains_on_in_their_order) {
  static struct rig r;
  rig_start(&r, deny, 4000);
  for (unsigned i = 0; i < DOMAINS; i++) rig_add(&r, i);
  pipeline_drain(r.pipeline);
  rig_end(&r);
  cr_expect_eq(r.handed_on, DOMAINS);
  cr_expect_eq(r.in_order, DOMAINS);
  cr_expect_eq(r.answered, DOMAINS);
}

Test(pipeline, those_that_wait_for_answers_hold_their_place) {
  static struct rig r;
  rig_start(&r, deny_some, 120);
  for (unsigned i = 0; i < 20; i++) rig_add(&r, i);
  pipeline_drain(r.pipeline);
  rig_end(&r);
  cr_expect_eq(r.in_order, 20);
}

Test(pipeline, what_was_not_handed_on_is_dropped_with_it) {
  static struct rig r;
  rig_start(&r, deny, 4000);
  for (unsigned i = 0; i < 5; i++) rig_add(&r, i);
  unsigned before = r.handed_on;
  rig_end(&r);
  cr_expect_eq(r.handed_on, before, "nobody is told any more");
}
