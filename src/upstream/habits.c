/* habits.c: what a server was found to bear. Exports habit_*. */
#include "upstream/habits.h"

static const struct {
  const char *word, *text;
} whys[] = {
#define WHY(sym, word, sentence) {word, sentence},
#include "upstream/habits.def"
#undef WHY
};

const char *habit_name(enum habit_of of) {
  static const char *const names[HABITS] = {
      [HABIT_COOKIES] = "cookies", [HABIT_EDNS] = "edns", [HABIT_UDP] = "udp", [HABIT_CAPITALS] = "capitals"};
  return names[of];
}

const char *habit_why_word(enum habit_why why) { return whys[why].word; }
const char *habit_why_text(enum habit_why why) { return whys[why].text; }

bool habit_is_resting(const struct habit *h) { return h->state == HABIT_RESTS || h->state == HABIT_RETRIED; }

bool habit_is_due(const struct habit *h, uint64_t now_ms) {
  return habit_is_resting(h) && now_ms >= h->until_ms;
}

bool habit_allows(struct habit *h, uint64_t now_ms) {
  if (!habit_is_resting(h)) return true;
  if (now_ms < h->until_ms) return false;
  h->state = HABIT_RETRIED;
  h->until_ms = now_ms + HABIT_RETRY_MS;
  return true;
}

void habit_works(struct habit *h) { *h = (struct habit){.state = HABIT_WORKS}; }

void habit_rests(struct habit *h, enum habit_why why, uint32_t first_ms, uint32_t most_ms, uint64_t now_ms) {
  uint32_t rest_ms = h->rest_ms ? h->rest_ms * 2 : first_ms;
  /* several questions in flight found the same */
  if (h->state == HABIT_RESTS && now_ms < h->until_ms) return;
  if (rest_ms > most_ms) rest_ms = most_ms;
  *h = (struct habit){.state = HABIT_RESTS, .why = why, .until_ms = now_ms + rest_ms, .rest_ms = rest_ms};
}

bool habit_doubts(struct habit *h, uint64_t begun_ms, uint64_t now_ms) {
  if (habit_is_resting(h)) return true;
  if (h->state == HABIT_DOUBTED) return begun_ms >= h->since_ms;
  h->state = HABIT_DOUBTED;
  h->since_ms = now_ms;
  return false;
}
