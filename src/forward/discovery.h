/* Encrypted ways to plain servers (forward/ways.h): a server is asked whether there is one (RFC 9462), or TLS
 * is tried at its own address (RFC 7858 section 4.1). A way has to answer a question first, and from then on
 * questions go over it (upstream/ns.h, ns_way). No client ever waits for any of that. */
#ifndef JIDNS_FORWARD_DISCOVERY_H
#define JIDNS_FORWARD_DISCOVERY_H
#include "base/counter.h"
#include "base/timer.h"
#include "forward/route.h"
#include "forward/ways.h"

enum {
  DISCOVERY_WAIT_MS = 1000,    /* for an answer in plain; */
  DISCOVERY_PROOF_MS = 3000,   /* for an answer over the way */
  DISCOVERY_TRIES = 3,         /* in plain, when nothing comes */
  DISCOVERY_LEAST_S = 30,      /* until it is asked anew, however short the TTL is, */
  DISCOVERY_MOST_S = 3600,     /* however long it is, and when it has told of none */
  DISCOVERY_BETTER_MS = 30000, /* when it tells of ways again: since better ones than that in use failed; */
  DISCOVERY_BETTER_MAX_MS = 3600000, /* doubled each time */
  DISCOVERY_REST_MS = 1000,          /* until ways that failed are tried again; doubled each time, */
  DISCOVERY_REST_MAX_MS = 60000,
  DISCOVERY_GUESS_MAX_MS = 600000, /* ... of a server that has told of none, and where none ever was */
  DISCOVERY_GOOD_MS = 60000        /* a way that was good for so long begins with a short rest again */
};

struct discovery {
  struct timers *timers;
  struct counters *counters;
  ways_open *open;
  void *ctx;
  struct list quests; /* one for each server */
};

void discovery_init(struct discovery *d, struct timers *timers, struct counters *counters, ways_open *open,
                    void *ctx);
/* From now on ways are looked for to those servers of these sets whose address.ways says so, and to no
 * others. Nothing happens to those of sets that were there before. */
void discovery_use(struct discovery *d, const struct routes *r, uint64_t now_ms);
void discovery_stop(struct discovery *d); /* asks nothing any more */
#endif
