/* test_facts.c: what is asked for a check, in which stage, and how much. */
#include "tool/facts.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "tool/fake.h"

static struct facts *facts_of(struct fake *f, const char *domain, enum lookup_side sides) {
  struct typed_domain typed;
  cr_assert_null(domain_read_jid(domain, &typed));
  struct facts *facts = facts_new(&typed, sides, NULL, 0);
  facts_run(facts, fake_ask, f);
  return facts;
}

static void add_usual(struct fake *f) {
  fake_add(f, "_xmpp-client._tcp.d.chat", TYPE_SRV, 300, rd_srv(1, 0, 5222, "x.d.chat"));
  fake_add(f, "_xmpp-server._tcp.d.chat", TYPE_SRV, 300, rd_srv(1, 0, 5269, "x.d.chat"));
  fake_add(f, "x.d.chat", TYPE_A, 300, rd_a("9.9.1.1"));
  fake_add(f, "d.chat", TYPE_A, 300, rd_a("9.9.8.8"));
}

Test(facts, take_three_round_trips_at_most_and_few_questions) {
  struct fake *f = fake_new();
  add_usual(f);
  struct facts *facts = facts_of(f, "d.chat", LOOKUP_BOTH);
  unsigned asked, silent;
  facts_count(facts, &asked, &silent);
  cr_expect_leq(f->rounds, FACTS_STAGES);
  cr_expect_leq(asked, 100);
  cr_expect_eq(silent, 0);
  facts_free(facts);
  free(f);
}

Test(facts, ask_for_names_that_are_almost_right_only_where_the_right_one_is_missing) {
  struct fake *f = fake_new();
  add_usual(f);
  struct facts *facts = facts_of(f, "d.chat", LOOKUP_BOTH);
  for (size_t i = 0; i < FACTS_NEAR_MISSES; i++) cr_expect_eq(facts->near_misses[i].asked.name_len, 0);
  cr_expect_null(facts->parent);
  facts_free(facts);
  f->rounds = 0;
  facts = facts_of(f, "e.d.chat", LOOKUP_C2S);
  cr_expect_not_null(facts->parent);
  for (size_t i = 0; i < FACTS_NEAR_MISSES; i++) {
    const struct near_miss *n = &facts->near_misses[i];
    if (n->kind == NEAR_MISS_AT_TARGET) continue; /* the other side was not asked for */
    cr_expect_eq(n->asked.name_len > 0, n->side == LOOKUP_C2S);
  }

  cr_expect_eq(facts->component_count, 0, "components are for servers");
  facts_free(facts);
  free(f);
}

Test(facts, ask_for_each_host_once) {
  struct fake *f = fake_new();
  add_usual(f);
  fake_add(f, "_xmpp-server._tcp.conference.d.chat", TYPE_SRV, 300, rd_srv(1, 0, 5269, "X.d.chat"));
  struct facts *facts = facts_of(f, "d.chat", LOOKUP_BOTH);
  unsigned x = 0;
  for (size_t i = 0; i < facts->hosts->count; i++) {
    char name[NAME_TEXT];
    x += strcasecmp(lookup_host_text(facts->hosts->list[i], name), "x.d.chat") == 0;
  }
  cr_expect_eq(x, 1);
  facts_free(facts);
  free(f);
}

Test(facts, survive_a_domain_whose_names_are_as_long_as_can_be) {
  struct fake *f = fake_new();
  char domain[300] = "";
  for (int i = 0; i < 117; i++) strcat(domain, "a."); /* nothing but the services' names fits before it */
  struct facts *facts = facts_of(f, domain, LOOKUP_BOTH);
  cr_expect_eq(facts->component_count, 0);
  facts_free(facts);
  free(f);
}

Test(facts, survive_more_targets_than_are_asked_for) {
  struct fake *f = fake_new();
  for (int i = 0; i < LOOKUP_SRV_MAX + 1; i++) {
    char target[32];
    snprintf(target, sizeof target, "t%d.chat", i);
    fake_add(f, "_jabber._tcp.d.chat", TYPE_SRV, 300, rd_srv((uint16_t)i, 0, 5269, target));
  }
  struct facts *facts = facts_of(f, "d.chat", LOOKUP_BOTH);
  cr_expect(facts->hosts->too_many);
  cr_expect_not_null(facts->parent == NULL ? facts->domain : facts->parent);
  facts_free(facts);
  free(f);
}

Test(facts, write_names_as_a_zone_file_of_the_domain_does) {
  struct fake *f = fake_new();
  struct facts *facts = facts_of(f, "d.chat", LOOKUP_C2S);

  static const char *const pairs[][2] = {{"d.chat", "@"},
                                         {"x.D.chat", "x"},
                                         {"a.b.d.chat", "a.b"},
                                         {"xd.chat", "xd.chat."},
                                         {"x.d.chat.d.chat", "x.d.chat"}};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    uint8_t name[NAME_MAX_LEN];
    char text[NAME_TEXT];
    size_t len = name_parse(pairs[i][0], name);
    cr_expect_str_eq(facts_short_name(facts, name, len, text), pairs[i][1]);
  }

  facts_free(facts);
  free(f);
}
