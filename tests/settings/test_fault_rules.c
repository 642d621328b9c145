/* test_fault_rules.c: rules for faults in the settings. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "settings/said.h"

static void expect_rule(const struct settings *s, unsigned i, const char *title, const char *rule) {
  char text[RULE_TEXT];
  cr_assert(i < s->fault_count, "%u of %u", i, s->fault_count);
  cr_expect_str_eq(s->faults[i].title, title);
  cr_expect_str_eq(rule_format(&s->faults[i].rule, text), rule);
}

Test(fault_rules, options_are_rules_in_their_order) {
  static const char *const words[] = {"--fault", "name=*.lab type=SRV delay=900", "--fault", "drop", NULL};
  struct said *said = said_words(words);
  const struct settings *s = &said->s;
  cr_assert(said->outcome == SETTINGS_RUN && !*said->err, "%s", said->err);
  cr_expect_eq(s->fault_count, 2);
  expect_rule(s, 0, "option 1", "name=*.lab type=SRV delay=900");
  expect_rule(s, 1, "option 2", "drop");
}

Test(fault_rules, a_variable_is_one_rule_with_all_its_spaces) {
  setenv("JIDNS_FAULT", "name=*.lab  type=A,AAAA servfail", 1);
  const struct settings *s = said_right("--fault drop",
                                        "fault \"slow\" { rule = \"type=SRV delay=200-900\" }");
  cr_expect_eq(s->fault_count, 3);
  expect_rule(s, 0, "slow", "type=SRV delay=200-900");
  expect_rule(s, 1, "environment 1", "name=*.lab type=A,AAAA servfail");
  expect_rule(s, 2, "option 1", "drop");
}

Test(fault_rules, what_is_wrong_with_a_rule_is_said_by_word) {
  said_wrong("--fault drpo", "--fault 'drpo': \"drpo\": no such word; did you mean", "drop?");
  said_wrong("--fault xyzzy", "--fault 'xyzzy': \"xyzzy\": no such word; there are name, type", "close");
  said_wrong("--fault delay=1-", "--fault 'delay=1-': \"delay=1-\": should be milliseconds",
             "such as 900 or 200-900");
  said_wrong_file("fault \"a\" {\n  rule = \"share=30 drop\"\n}", 2,
                  "rule 'share=30 drop': \"share=30\": the % is missing", "share=30%");
  said_wrong_file("fault \"a\" { }", 1, "fault 'a': has no rule; should be words such as name=*.lab",
                  "servfail");
  said_wrong_file("fault \"abcdefghijklmnopqrstuvwxyz-12345\" { rule = drop }", 1, "fault 'abc",
                  "a name of at most 31 characters");
}

Test(fault_rules, there_are_no_more_than_so_many) {
  const char *words[2 * SETTINGS_FAULTS + 3] = {0};
  for (unsigned i = 0; i < 2 * SETTINGS_FAULTS; i++) words[i] = i % 2 ? "drop" : "--fault";
  struct said *said = said_words(words);
  cr_expect(said->outcome == SETTINGS_RUN && said->s.fault_count == SETTINGS_FAULTS, "%s", said->err);
  words[2 * SETTINGS_FAULTS] = "--fault";
  words[2 * SETTINGS_FAULTS + 1] = "drop";
  said = said_words(words);
  cr_expect(said->outcome == SETTINGS_WRONG && strstr(said->err, "should be one of at most 16"), "%s",
            said->err);
}
