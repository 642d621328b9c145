/* Tells the log of bogus answers: once for each domain, as programs ask again and again. Shared by all
 * workers of the process. */
#ifndef JIDNS_FORWARD_PROVE_LOG_H
#define JIDNS_FORWARD_PROVE_LOG_H
#include <pthread.h>

#include "dnssec/judge.h"
#include "forward/forward.h"

enum {
  PROVE_LOG_AGAIN_MS = 3600000, /* a domain is told of again so long after, if it still is so */
  PROVE_LOG_DOMAINS = 64        /* in that time; whoever invents more is not heard */
};

struct pending;

/* All zero but for the lock. */
struct prove_log {
  pthread_mutex_t lock;
  struct prove_logged {
    uint64_t hash, said_ms; /* said_ms 0: not in use */
  } domains[PROVE_LOG_DOMAINS];
};

void prove_log_init(struct prove_log *l);

/* p's answer was found bogus, and goes out all the same or does not. l: NULL: nobody is told. */
void prove_log_note(struct prove_log *l, const struct pending *p, const struct verdict *v, uint64_t now_ms);
#endif
