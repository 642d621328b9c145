/* What failed a moment ago is not asked again at once (RFC 9520). Kept beside the cache, not in it, so that a
 * failure never takes the place of a stale answer. What a server said is remembered for the longer the longer
 * it lasts. That none could be reached is remembered for the second that section 3.2 asks for at least; which
 * server is silent the upstream module knows. So is all that was said in an outage of the servers, when
 * they failed at one question after the other, once they answer again: programs take SERVFAIL for "no SRV"
 * and go to the wrong host. */
#ifndef JIDNS_FORWARD_FAILURES_H
#define JIDNS_FORWARD_FAILURES_H
#include "base/err.h"
#include "dns/question.h"

enum {
  FAILURES = 4096,       /* remembered at a time; a newer one may replace an older one */
  FAILURE_MIN_MS = 1000, /* RFC 9520 section 3.2 */
  FAILURE_SHARE = 8, /* what servers say they fail at rests for this part of the time that they have failed at
                        it so far: */
  FAILURE_MAX_MS = 30000,  /* who comes back after 20 s is noticed 2.5 s later. What fails again so soon after
                               does so in a row */
  FAILURE_FIRST_MS = 5000, /* what they say that makes no sense, or nothing, is about the question: doubled
                              each time in a row */
  FAILURE_UNANSWERED_MS =
      300000,        /* the most for a question that they alone leave unanswered, RFC 9520 section 3.2 */
  FAILURE_AHEAD = 5, /* prefetches rest for so many times as long again, FAILURE_MAX_MS at most */
  FAILURE_OUTAGE = 3 /* so many in a row are not about what was asked */
};

struct failure {
  uint64_t hash, since_ms, until_ms;
  uint32_t for_ms;
  enum err why;
  bool unanswered; /* servers answered others meanwhile */
};

struct failures {
  struct failure *table;      /* FAILURES of them, made when the first comes */
  unsigned failures_in_a_row; /* questions that servers failed at since they last answered one */
};

/* Remembers that q failed, unless it was for want of something here. */
void failures_add(struct failures *f, const struct question *q, enum err why, uint64_t now_ms);
/* Remembers that servers left q unanswered while they answered others: for longer each time. */
void failures_add_unanswered(struct failures *f, const struct question *q, uint64_t now_ms);
/* and may well be again */
bool failures_was_unanswered(const struct failures *f, const struct question *q, uint64_t now_ms);
/* ERR_NONE: ask */
enum err failures_find(const struct failures *f, const struct question *q, uint64_t now_ms);
/* Is q not to be prefetched because servers failed at it lately? For longer than clients are kept from it:
 * FAILURE_AHEAD times as long again, until one of them asks. */
bool failures_rests_ahead(const struct failures *f, const struct question *q, uint64_t now_ms);
/* a server did: q's is forgotten, and an outage over */
void failures_answered(struct failures *f, const struct question *q);
/* all, with its memory: other servers are asked from now on, somebody knows better, or the end */
void failures_forget(struct failures *f);
/* Did a server say so? Else nobody was reached, or something is lacking here. */
bool failures_is_server_verdict(enum err why);
#endif
