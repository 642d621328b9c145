/* What a server, or a box before it, can do: cookies, EDNS, UDP, mixed case (0x20). Pure: no log, no clock.
 *
 * Each is one of
 *
 *   UNTRIED   nothing is known: it is used
 *   WORKS     it was seen to work: it is used
 *   DOUBTED   one question was answered without it and not with it, as a lost packet does, too: it is used
 *   RESTS     it does not work: it is not used
 *   RETRIED   the rest is over: one question uses it, others don't until that is answered, or RETRY_MS
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
#ifndef JIDNS_UPSTREAM_CAPABILITY_H
#define JIDNS_UPSTREAM_CAPABILITY_H
#include <stdbool.h>
#include <stdint.h>

enum capability_kind {
  CAPABILITY_COOKIES,
  CAPABILITY_EDNS,
  CAPABILITY_UDP,
  CAPABILITY_0X20,
  CAPABILITY_DNSSEC,
  CAPABILITIES
};

enum capability_state {
  CAPABILITY_UNTRIED,
  CAPABILITY_WORKS,
  CAPABILITY_DOUBTED,
  CAPABILITY_RESTS,
  CAPABILITY_RETRIED
};

enum capability_why {
#define WHY(sym, word, sentence) WHY_##sym,
#include "upstream/capability.def"
#undef WHY
  CAPABILITY_WHYS
};

enum {
  CAPABILITY_REST_MS = 600000, /* most rest so long */
  UDP_REST_MS =
      30000, /* UDP is probed beside a question over TCP, at no cost: doubled each time up to the above */
  CAPABILITY_RETRY_MS = 3000
};

struct capability {
  enum capability_state state;
  enum capability_why why; /* it rests */
  uint64_t since_ms;       /* DOUBTED: when first */
  uint64_t until_ms;       /* RESTS: its end; RETRIED: when another question may try */
  uint32_t rest_ms;        /* how long the last rest was, 0: none since it worked */
};

/* May a question use it? True once a rest is over for this one question: it is retried by it. */
bool capability_allows(struct capability *h, uint64_t now_ms);
bool capability_is_resting(const struct capability *h); /* RESTS or RETRIED */
/* it rests, and capability_allows would let a question try */
bool capability_is_due(const struct capability *h, uint64_t now_ms);
void capability_works(struct capability *h);
void capability_rests(struct capability *h, enum capability_why why, uint32_t first_ms, uint32_t most_ms,
                      uint64_t now_ms);
/* A question that began at begun_ms was answered without it only. True when that is the second time, or a
 * retry: it is to rest. */
bool capability_doubts(struct capability *h, uint64_t begun_ms, uint64_t now_ms);

const char *capability_name(enum capability_kind of); /* "cookies" */
const char *capability_why_word(enum capability_why why);
const char *capability_why_text(enum capability_why why);
#endif
