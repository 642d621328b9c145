/* test_mutes.c: types of records that a server leaves unanswered. */
#include <criterion/criterion.h>

#include "upstream/mutes.h"

enum { AAAA = 28, HTTPS = 65, START_MS = 1000 };

/* Silence to `n` domains; was it news at the last? */
static bool note(struct mutes *m, uint16_t type, unsigned n, bool in_vain, uint64_t now_ms) {
  bool news = false;
  for (unsigned i = 1; i <= n; i++) news = mutes_note(m, type, i, in_vain, now_ms);
  return news;
}

Test(mutes, a_type_rests_after_several_domains_and_not_after_one_many_times) {
  struct mutes m = {0};
  for (unsigned i = 0; i < 10; i++) cr_expect_not(mutes_note(&m, AAAA, 7, true, START_MS));
  cr_expect(mutes_allow(&m, AAAA, START_MS));
  cr_expect(note(&m, AAAA, MUTE_DOMAINS - 1, true, START_MS), "one was known");
  cr_expect_not(mutes_allow(&m, AAAA, START_MS));
  cr_expect(mutes_allow(&m, HTTPS, START_MS), "others do not");
  cr_expect_eq(mutes_find_resting(&m, AAAA)->in_vain, MUTE_DOMAINS);
}

Test(mutes, an_answer_of_the_type_ends_it_all) {
  struct mutes m = {0};
  note(&m, AAAA, MUTE_DOMAINS - 1, true, START_MS);
  cr_expect_not(mutes_answered(&m, AAAA), "it did not rest yet");
  cr_expect_not(mutes_note(&m, AAAA, 99, true, START_MS));
  note(&m, AAAA, MUTE_DOMAINS, true, START_MS);
  cr_expect(mutes_answered(&m, AAAA));
  cr_expect(mutes_allow(&m, AAAA, START_MS));
  cr_expect_not(mutes_answered(&m, AAAA));
}

Test(mutes, one_question_tries_after_ever_longer_rests) {
  struct mutes m = {0};
  uint64_t now_ms = START_MS, rest_ms = MUTE_REST_MS;
  note(&m, AAAA, MUTE_DOMAINS, false, now_ms);
  for (unsigned i = 0; i < 8; i++) {
    cr_expect_not(mutes_allow(&m, AAAA, now_ms + rest_ms - 1), "rest %u", i);
    now_ms += rest_ms;
    cr_expect(mutes_allow(&m, AAAA, now_ms), "rest %u", i);
    cr_expect_not(mutes_allow(&m, AAAA, now_ms), "no second one");
    cr_expect_not(mutes_note(&m, AAAA, 1, false, now_ms), "no news");
    rest_ms = rest_ms * 2 < HABIT_REST_MS ? rest_ms * 2 : HABIT_REST_MS;
  }
}

Test(mutes, the_type_noted_longest_ago_makes_room) {
  struct mutes m = {0};
  for (uint16_t type = 1; type <= MUTE_TYPES + 1; type++) note(&m, type, MUTE_DOMAINS, true, START_MS + type);
  cr_expect(mutes_allow(&m, 1, START_MS + 10));
  for (uint16_t type = 2; type <= MUTE_TYPES + 1; type++)
    cr_expect_not(mutes_allow(&m, type, START_MS + 10), "type %u", type);
}
