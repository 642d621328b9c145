/* Tells the log once when stale answers begin to go out for a set of servers, and once when they end: each
 * answer is a debug line, but an operator has to know that users live on old answers. Sets are told apart by
 * the domain that they are asked about. Shared by all workers of the process. */
#ifndef JIDNS_FORWARD_STALE_LOG_H
#define JIDNS_FORWARD_STALE_LOG_H
#include <pthread.h>

#include "forward/route.h"

enum {
  STALE_LOG_AGAIN_MS = 300000, /* a set's next beginning is said so long after the last, if it still is so */
  STALE_LOG_QUIET_MS = 5000    /* no stale answer for so long, and a fresh one: they have ended */
};

/* All zero but for the lock. */
struct stale_log {
  pthread_mutex_t lock;
  unsigned open; /* sets of which a beginning was said and no end; read without the lock */
  struct stale_set {
    bool open;
    uint64_t begun_ms, last_ms, again_ms; /* first and last stale answer; when a beginning may be said */
    uint64_t last_hash;                   /* of the question that got the last one */
    uint8_t name_len;                     /* 0: not in use */
    uint8_t name[NAME_MAX_LEN];
  } sets[1 + ROUTES_MAX];
};

void stale_log_init(struct stale_log *l);

/* q got a stale answer because of `why`, a sentence's part: "timed out". l: NULL: nobody is told. */
void stale_log_note(struct stale_log *l, const struct routes *r, const struct question *q, const char *why,
                    uint64_t now_ms);

/* The servers for q have answered it. */
void stale_log_answered(struct stale_log *l, const struct routes *r, const struct question *q,
                        uint64_t now_ms);
#endif
