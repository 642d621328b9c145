/* test_report.c: findings are told once, worst first; causes silence what follows from them; verdicts. */
#include "tool/report.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "tool/fake.h"

struct checked_fake {
  struct fake *fake;
  struct facts *facts;
  struct report *report;
};

static struct checked_fake check(struct fake *f, enum lookup_side sides) {
  struct typed_domain typed;
  cr_assert_null(domain_read_jid("d.chat", &typed));
  struct checked_fake c = {.fake = f, .facts = facts_new(&typed, sides, NULL, 0)};
  facts_run(c.facts, fake_ask, f);
  c.report = report_new(c.facts);
  return c;
}

static void checked_free(struct checked_fake *c) {
  report_free(c->report);
  facts_free(c->facts);
  c->fake->rounds = 0;
}

static void add_good(struct fake *f) {
  fake_add(f, "_xmpp-client._tcp.d.chat", TYPE_SRV, 3600, rd_srv(1, 0, 5222, "x.d.chat"));
  fake_add(f, "_xmpp-server._tcp.d.chat", TYPE_SRV, 3600, rd_srv(1, 0, 5269, "x.d.chat"));
  fake_add(f, "x.d.chat", TYPE_A, 3600, rd_a("9.9.1.1"));
  fake_add(f, "x.d.chat", TYPE_AAAA, 3600, rd_aaaa("2a01::1"));
  fake_add(f, "d.chat", TYPE_A, 3600, rd_a("9.9.8.8"));
}

static void expect_verdicts(struct fake *f, enum verdict c2s, enum verdict s2s) {
  struct checked_fake c = check(f, LOOKUP_BOTH);
  cr_expect_eq(c.report->verdicts[0], c2s, "c2s: %s", report_verdict_word(c.report->verdicts[0]));
  cr_expect_eq(c.report->verdicts[1], s2s, "s2s: %s", report_verdict_word(c.report->verdicts[1]));
  checked_free(&c);
}

Test(verdict, is_yes_where_nothing_is_wrong) {
  struct fake *f = fake_new();
  add_good(f);
  expect_verdicts(f, VERDICT_YES, VERDICT_YES);
  free(f);
}

Test(verdict, is_in_part_only_for_the_side_that_is_hurt) {
  struct fake *f = fake_new();
  add_good(f);
  fake_add(f, "_xmpps-client._tcp.d.chat", TYPE_SRV, 3600, rd_srv(5, 0, 5222, "x.d.chat"));
  expect_verdicts(f, VERDICT_PARTLY, VERDICT_YES);
  free(f);
}

Test(verdict, is_no_without_a_way_in) {
  struct fake *f = fake_new();
  fake_add(f, "_xmpp-client._tcp.d.chat", TYPE_SRV, 3600, rd_srv(1, 0, 5222, "localhost"));
  fake_add(f, "localhost", TYPE_A, 3600, rd_a("127.0.0.1"));
  fake_add(f, "_xmpp-server._tcp.d.chat", TYPE_SRV, 3600, rd_srv(1, 0, 5269, "gone.d.chat"));
  fake_add(f, "d.chat", TYPE_A, 3600, rd_a("9.9.8.8"));
  expect_verdicts(f, VERDICT_NO, VERDICT_NO);
  free(f);
}

Test(verdict, is_unknown_where_a_question_failed) {
  struct fake *f = fake_new();
  add_good(f);
  fake_fail(f, "_xmpp-client._tcp.d.chat", TYPE_SRV, ASKED_ANSWERED, RCODE_SERVFAIL);
  expect_verdicts(f, VERDICT_UNKNOWN, VERDICT_YES);
  free(f);
}

Test(verdict, is_not_offered_where_a_dot_stands) {
  struct fake *f = fake_new();
  fake_add(f, "_xmpp-client._tcp.d.chat", TYPE_SRV, 3600, rd_srv(0, 0, 0, "."));
  fake_add(f, "_xmpp-server._tcp.d.chat", TYPE_SRV, 3600, rd_srv(1, 0, 5269, "d.chat"));
  fake_add(f, "d.chat", TYPE_A, 3600, rd_a("9.9.8.8"));
  expect_verdicts(f, VERDICT_NOT_OFFERED, VERDICT_YES);
  free(f);
}

Test(verdict, is_unasked_for_the_side_that_nobody_asked_for) {
  struct fake *f = fake_new();
  add_good(f);
  struct checked_fake c = check(f, LOOKUP_C2S);
  cr_expect_eq(c.report->verdicts[1], VERDICT_UNASKED);
  checked_free(&c);
  free(f);
}

Test(report, tells_a_target_of_both_sides_once) {
  struct fake *f = fake_new();
  fake_add(f, "_xmpp-client._tcp.d.chat", TYPE_SRV, 3600, rd_srv(1, 0, 5222, "gone.d.chat"));
  fake_add(f, "_xmpp-server._tcp.d.chat", TYPE_SRV, 3600, rd_srv(1, 0, 5269, "gone.d.chat"));
  fake_add(f, "d.chat", TYPE_A, 3600, rd_a("9.9.8.8"));
  struct checked_fake c = check(f, LOOKUP_BOTH);
  unsigned n = 0;
  for (size_t i = 0; i < c.report->count; i++) {
    if (c.report->list[i].rule != RULE_TARGET_MISSING) continue;
    cr_expect_eq(c.report->list[i].side, LOOKUP_BOTH);
    n++;
  }
  cr_expect_eq(n, 1);
  checked_free(&c);
  free(f);
}

Test(report, lists_the_worst_first) {
  struct fake *f = fake_new();
  add_good(f);
  fake_add(f, "_xmpps-client._tcp.d.chat", TYPE_SRV, 3600, rd_srv(1, 0, 0, "x.d.chat"));
  fake_add(f, "_jabber._tcp.d.chat", TYPE_SRV, 3600, rd_srv(1, 0, 5269, "x.d.chat"));
  struct checked_fake c = check(f, LOOKUP_BOTH);
  enum severity worst;
  for (size_t i = 1; i < c.report->count; i++)
    cr_expect_geq(c.report->list[i - 1].severity, c.report->list[i].severity);
  cr_assert(report_worst(c.report, &worst));
  cr_expect_eq(worst, SEVERITY_ERROR);
  cr_expect_eq(report_count(c.report, SEVERITY_ERROR), 1);
  c.report->list[0].ignored = true;
  cr_assert(report_worst(c.report, &worst));
  cr_expect_eq(worst, SEVERITY_NOTICE, "what is ignored does not count");
  cr_expect_eq(report_ignored(c.report), 1);
  checked_free(&c);
  free(f);
}

Test(report, shows_the_record_as_it_is_and_as_it_should_be) {
  struct fake *f = fake_new();
  add_good(f);
  fake_add(f, "_xmpps-server._tcp.d.chat", TYPE_SRV, 3600, rd_srv(1, 0, 5222, "x.d.chat"));
  struct checked_fake c = check(f, LOOKUP_BOTH);
  const struct finding *x = NULL;
  for (size_t i = 0; i < c.report->count; i++)
    x = c.report->list[i].rule == RULE_PORT_OF_OTHER_SIDE ? &c.report->list[i] : x;
  cr_assert_not_null(x);
  cr_assert_eq(x->change_count, 2);
  cr_expect(!x->changes[0].add);
  cr_expect_str_eq(x->changes[0].owner, "_xmpps-server._tcp.d.chat");
  cr_expect_str_eq(x->changes[0].rdata, "1 0 5222 x.d.chat.");
  cr_expect(x->changes[1].add);
  cr_expect_str_eq(x->changes[1].rdata, "1 0 5270 x.d.chat.");
  checked_free(&c);
  free(f);
}
