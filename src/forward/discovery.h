/* Encrypted ways to plain servers (RFC 9462): each server is asked whether there is one, that way has to
 * answer a question first, and from then on questions go over it (upstream/ns.h, ns_way). */
#ifndef JIDNS_FORWARD_DISCOVERY_H
#define JIDNS_FORWARD_DISCOVERY_H
#include "base/timer.h"
#include "upstream/discover.h"
#include "upstream/upstream.h"

enum {
  DISCOVERY_WAIT_MS = 1000,  /* for an answer in plain; */
  DISCOVERY_PROOF_MS = 3000, /* for one over the way */
  DISCOVERY_TRIES = 3,       /* in plain, when nothing comes */
  DISCOVERY_LEAST_S = 30,    /* until it is asked anew, however short the TTL is, */
  DISCOVERY_MOST_S = 3600,   /* however long it is, and when it has told of none */
  DISCOVERY_REST_MS = 1000,  /* until a way that failed is tried again; doubled each time, */
  DISCOVERY_REST_MAX_MS = 60000
};

/* Opens the channel of a way; NULL: it can't be used here, or memory is out. */
typedef struct channel *discovery_open(void *ctx, const struct ns_address *way);

struct discovery {
  struct timers *timers;
  discovery_open *open;
  void *ctx;
  struct upstream *upstream; /* whose ways are looked for, held; NULL: nobody's */
  struct quest *quests[UPSTREAM_SERVERS];
};

void discovery_init(struct discovery *d, struct timers *timers, discovery_open *open, void *ctx);
/* From now on the ways to this set's servers are looked for, of those whose address.trust is set; NULL: to
 * nobody's. Nothing happens when it is the same set as before. */
void discovery_use(struct discovery *d, struct upstream *u, uint64_t now_ms);
void discovery_stop(struct discovery *d); /* asks nothing any more */
#endif
