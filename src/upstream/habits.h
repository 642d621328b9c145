/* What a server, or a box before it, was found to bear: cookies, EDNS, UDP, capitals. Pure: no log, no clock.
 *
 * Each habit is one of
 *
 *   UNTRIED   nothing is known: it is used
 *   WORKS     it was seen to work: it is used
 *   DOUBTED   once a question was answered without it and not with it, which a lost packet does too: it is
 * used RESTS     it does not work: it is not used RETRIED   the rest is over, one question uses it, all
 * others do not until that one is answered, or RETRY_MS
 *
 *             works            fails          doubt           rest over, asked
 *   UNTRIED   WORKS            RESTS          DOUBTED         -
 *   WORKS     WORKS            RESTS          DOUBTED         -
 *   DOUBTED   WORKS            RESTS          RESTS (*)       -
 *   RESTS     WORKS            RESTS          RESTS           RETRIED
 *   RETRIED   WORKS            RESTS          RESTS           RETRIED
 *
 * (*) by a question that began after the first doubt: many at once may share one lost moment.
 *
 * "Fails" is said only on evidence that an answer by another way gives, never on a packet that was dropped:
 * who is not on the path can't bring it about but by guessing port and id twice, as he must to forge an
 * answer of a server that has no cookies. */
#ifndef JIDNS_UPSTREAM_HABITS_H
#define JIDNS_UPSTREAM_HABITS_H
#include <stdbool.h>
#include <stdint.h>

enum habit_of { HABIT_COOKIES, HABIT_EDNS, HABIT_UDP, HABIT_CAPITALS, HABITS };

enum habit_state { HABIT_UNTRIED, HABIT_WORKS, HABIT_DOUBTED, HABIT_RESTS, HABIT_RETRIED };

enum habit_why {
#define WHY(sym, word, sentence) WHY_##sym,
#include "upstream/habits.def"
#undef WHY
  HABIT_WHYS
};

enum {
  HABIT_REST_MS = 600000, /* most rest so long */
  UDP_REST_MS =
      30000, /* UDP is probed beside a question over TCP, at no cost: doubled each time up to the above */
  HABIT_RETRY_MS = 3000
};

struct habit {
  enum habit_state state;
  enum habit_why why; /* it rests */
  uint64_t since_ms;  /* DOUBTED: when first */
  uint64_t until_ms;  /* RESTS: its end; RETRIED: when another question may try */
  uint32_t rest_ms;   /* how long the last rest was, 0: none since it worked */
};

/* May a question use it? True once a rest is over for this one question: it is retried by it. */
bool habit_allows(struct habit *h, uint64_t now_ms);
bool habit_is_resting(const struct habit *h); /* RESTS or RETRIED */
/* it rests, and habit_allows would let a question try */
bool habit_is_due(const struct habit *h, uint64_t now_ms);
void habit_works(struct habit *h);
void habit_rests(struct habit *h, enum habit_why why, uint32_t first_ms, uint32_t most_ms, uint64_t now_ms);
/* A question that began at begun_ms was answered without it only. True when that is the second time, or a
 * retry: it is to rest. */
bool habit_doubts(struct habit *h, uint64_t begun_ms, uint64_t now_ms);

const char *habit_name(enum habit_of of); /* "cookies" */
const char *habit_why_word(enum habit_why why);
const char *habit_why_text(enum habit_why why);
#endif
