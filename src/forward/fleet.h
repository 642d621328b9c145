/* What other members of a fleet have asked already: a second place to look behind a miss. forward knows it by
 * this table of functions alone, as it knows its observer. */
#ifndef JIDNS_FORWARD_FLEET_H
#define JIDNS_FORWARD_FLEET_H
#include "dns/answer.h"

enum fleet_outcome {
  FLEET_FOUND,   /* msg is the answer, as a server's reply would be: not yet checked */
  FLEET_NOTHING, /* there is none: whoever hears it is the one to ask a server */
  FLEET_AWAITED  /* not yet: another member is asking a server for it. One of the others follows */
};

/* One question that is looked up. */
struct fleet_fetch {
  /* Filled in by forward. */
  const struct question *question; /* borrowed until `done` or drop */
  uint64_t view;                   /* answers are only for members with the same one */
  bool is_patient;                 /* nobody waits for it: it may take longer */
  void (*done)(struct fleet_fetch *f, enum fleet_outcome outcome, const uint8_t *msg, size_t len,
               uint64_t now_ms); /* never from within `fetch` */

  /* The fleet's. */
  void *asking; /* NULL: it is not under way */
  bool leads;   /* others wait for the answer */
};

enum {
  FLEET_TTL_MIN = 10,      /* s: what lives shorter is not worth it */
  FLEET_BODY_MAX = 4096,   /* octets of an answer's records */
  FLEET_AWAIT_MS = 400,    /* a miss waits so long for what another member asks a server for, */
  FLEET_PATIENCE_MS = 1000 /* and a patient one */
};

/* Without any of the functions there is no fleet. None of them waits. */
struct fleet {
  void *ctx;
  /* False: it can't be asked now, and done will not be called. */
  bool (*fetch)(void *ctx, struct fleet_fetch *f, uint64_t now_ms);
  void (*drop)(void *ctx, struct fleet_fetch *f); /* nobody wants it any more */
  /* Whom to ask after so many ms as well: what the fleet usually takes, within bounds. */
  uint32_t (*wait_ms)(void *ctx);
  /* A server has answered f's question: a, whose TTLs count from now. NULL: it has not, or with something
   * that is not to be shared; then those who wait for it should ask for themselves. */
  void (*offer)(void *ctx, struct fleet_fetch *f, const struct answer *a, uint64_t now_ms);
};
#endif
