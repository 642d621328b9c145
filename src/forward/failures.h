/* What failed a moment ago is not asked again at once (RFC 9520). Kept beside the cache, not in it, so that a failure never
 * takes the place of a stale answer. What a server said is remembered for longer each time. That none could be reached is
 * remembered for the second that section 3.2 asks for at least; which server is silent the upstream room knows. So is all that was
 * said in a trouble of the servers' own, when they failed at one question after the other, once they answer again: programs take
 * SERVFAIL for "no SRV" and go to the wrong host. */
#ifndef JIDNS_FORWARD_FAILURES_H
#define JIDNS_FORWARD_FAILURES_H
#include "base/err.h"
#include "dns/question.h"

enum {
  FAILURES = 4096,         /* remembered at a time; a newer one may take an older one's place */
  FAILURE_FIRST_MS = 5000, /* doubled each time in a row */
  FAILURE_MOST_MS = 30000, /* an upstream that comes back must be noticed; what fails again so soon after does so in a row */
  FAILURE_LEAST_MS = 1000, /* RFC 9520 section 3.2 */
  FAILURE_TROUBLE = 3      /* so many in a row are not about what was asked */
};

struct failure {
  uint64_t hash, until_ms;
  uint32_t for_ms;
  enum err why;
};

struct failures {
  struct failure *table; /* FAILURES of them, made when the first comes */
  unsigned row;          /* questions that servers failed at since they last answered one */
};

/* Remembers that q failed, unless it was for want of something here. */
void failures_add(struct failures *f, const struct question *q, enum err why, uint64_t now_ms);
enum err failures_find(const struct failures *f, const struct question *q, uint64_t now_ms); /* ERR_NONE: ask */
void failures_answered(struct failures *f, const struct question *q); /* a server did: q's is forgotten, and a trouble over */
/* Did a server say so? */
bool failures_is_word(enum err why);
void failures_close(struct failures *f);
#endif
