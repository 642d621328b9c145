/* test_unanswered.c: types of records that a server leaves unanswered. */
#include <criterion/criterion.h>

#include "upstream/unanswered.h"

enum { AAAA = 28, HTTPS = 65, START_MS = 1000 };

/* Silence to `n` domains; was it news at the last? */
static bool note(struct unanswered *m, uint16_t type, unsigned n, bool in_vain, uint64_t now_ms) {
  bool news = false;
  for (unsigned i = 1; i <= n; i++) news = unanswered_note(m, type, i, in_vain, now_ms);
  return news;
}

Test(unanswered, a_type_rests_after_several_domains_and_not_after_one_many_times) {
  struct unanswered m = {0};
  for (unsigned i = 0; i < 10; i++) cr_expect_not(unanswered_note(&m, AAAA, 7, true, START_MS));
  cr_expect(unanswered_allows(&m, AAAA, START_MS));
  cr_expect(note(&m, AAAA, UNANSWERED_DOMAINS - 1, true, START_MS), "one was known");
  cr_expect_not(unanswered_allows(&m, AAAA, START_MS));
  cr_expect(unanswered_allows(&m, HTTPS, START_MS), "others do not");
  cr_expect_eq(unanswered_find(&m, AAAA)->in_vain, UNANSWERED_DOMAINS);
}

Test(unanswered, an_answer_of_the_type_ends_it_all) {
  struct unanswered m = {0};
  note(&m, AAAA, UNANSWERED_DOMAINS - 1, true, START_MS);
  cr_expect_not(unanswered_end(&m, AAAA), "it did not rest yet");
  cr_expect_not(unanswered_note(&m, AAAA, 99, true, START_MS));
  note(&m, AAAA, UNANSWERED_DOMAINS, true, START_MS);
  cr_expect(unanswered_end(&m, AAAA));
  cr_expect(unanswered_allows(&m, AAAA, START_MS));
  cr_expect_not(unanswered_end(&m, AAAA));
}

Test(unanswered, one_question_tries_after_ever_longer_rests) {
  struct unanswered m = {0};
  uint64_t now_ms = START_MS, rest_ms = UNANSWERED_REST_MS;
  note(&m, AAAA, UNANSWERED_DOMAINS, false, now_ms);
  for (unsigned i = 0; i < 8; i++) {
    cr_expect_not(unanswered_allows(&m, AAAA, now_ms + rest_ms - 1), "rest %u", i);
    now_ms += rest_ms;
    cr_expect(unanswered_allows(&m, AAAA, now_ms), "rest %u", i);
    cr_expect_not(unanswered_allows(&m, AAAA, now_ms), "no second one");
    cr_expect_not(unanswered_note(&m, AAAA, 1, false, now_ms), "no news");
    rest_ms = rest_ms * 2 < CAPABILITY_REST_MS ? rest_ms * 2 : CAPABILITY_REST_MS;
  }
}

Test(unanswered, the_type_noted_longest_ago_makes_room) {
  struct unanswered m = {0};
  for (uint16_t type = 1; type <= UNANSWERED_TYPES + 1; type++)
    note(&m, type, UNANSWERED_DOMAINS, true, START_MS + type);
  cr_expect(unanswered_allows(&m, 1, START_MS + 10));
  for (uint16_t type = 2; type <= UNANSWERED_TYPES + 1; type++)
    cr_expect_not(unanswered_allows(&m, type, START_MS + 10), "type %u", type);
}
