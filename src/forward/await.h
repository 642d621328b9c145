/* A question that waits for others: for the name that its alias leads to, put in as a client of this machine
 * would. Whatever step needs another question's answer first asks for it here and returns WAIT; it runs again
 * once the last of them is over. Inside forward only. */
#ifndef JIDNS_FORWARD_AWAIT_H
#define JIDNS_FORWARD_AWAIT_H
#include "forward/forward_priv.h"

/* Names that aliases lead to, which may go round in rings, and what a proof takes: records of zones, which
 * wait for those of shorter names alone. */
enum await_for {
  AWAIT_ALIAS,
  AWAIT_PROOF,
  AWAIT_RENEWED_PROOF /* as it is now: what the cache has does not do */
};

/* BEING_ASKED, then OUT while others are asked for it, unless it could be answered at once; then OVER. */
enum awaited_state { AWAITED_BEING_ASKED, AWAITED_OUT, AWAITED_OVER };

struct awaited {
  struct list link;        /* the pending question's */
  struct pending *pending; /* who waits; NULL: nobody any more, and it is freed when its answer comes */
  struct question question;
  enum awaited_state state;
  bool stale;   /* its answer had expired */
  enum err why; /* it failed; ERR_NONE: it did not, or nobody knows */
  size_t len;   /* of msg; 0: there is no answer, or not yet */
  uint8_t *msg; /* owned: the answer as a client gets it, SERVFAIL too; NULL without memory */
};

/* Has p wait for q. What p's step made so far (p->answer) is put aside meanwhile. ERR_ALIAS: q waits
 * for p itself, or p is the last of too many aliases that wait for each other (FORWARD_ALIASES); ERR_MEMORY.
 * Then nothing was asked. ERR_NONE with await_is_over: the answer is here already. */
enum err await_ask(struct pending *p, const struct question *q, enum await_for what, uint64_t now_ms);

bool await_is_over(const struct pending *p);   /* all that it waits for has come, or will not */
bool await_is_asking(const struct pending *p); /* await_ask is under way: p's own question comes back to it */
const struct awaited *await_first(const struct pending *p); /* NULL: it waits for none */
uint8_t *await_take(struct pending *p, size_t *len); /* the first one's answer, which is the caller's now */
void await_drop(struct pending *p);                  /* p waits no longer, and what came is freed */
#endif
