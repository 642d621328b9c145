/* Late answers over UDP leave at a pace: many that wait for one reply are not to leave as one pulse, whose
 * queries came over seconds and perhaps in another's name (DNSBomb). Pure: no socket, no clock. */
#ifndef JIDNS_SERVER_SERVE_PACE_H
#define JIDNS_SERVER_SERVE_PACE_H
#include "forward/forward.h"

enum {
  PACE_TIMES =
      8, /* octets that may leave for each that came in with queries that wait, over the last second */
  PACE_BURST = 6 << 10, /* octets that may always leave at once */
  PACE_LEAST_MS = 512,  /* octets a millisecond that may always leave */
  PACE_TICK_MS = 2,     /* how often pace_next is to be asked while something waits */
  PACE_QUEUED =
      2 << 20,     /* octets that wait; a quarter of them for one host; the rest is lost, as datagrams are */
  PACE_LANES = 256 /* hosts are spread over so many queues, that take turns */
};

struct pace_lane;

struct pace {
  uint64_t seed;
  uint64_t window_ms, at_ms;          /* when this second began; when `left` held */
  uint64_t now_octets, before_octets; /* that came in this second and in the one before */
  uint64_t left;                      /* octets that may leave now */
  struct pace_lane *lanes;            /* NULL while nothing waits */
  unsigned next;                      /* the lane whose turn it is */
  size_t queued;                      /* octets */
  size_t largest;                     /* octets of the largest that waits, or has since all had left */
};

/* One that waits; freed by who takes it. */
struct paced {
  struct list link;
  struct client client;
  size_t len;
  uint8_t msg[];
};

void pace_init(struct pace *p, uint64_t seed);

/* A query of so many octets has to wait. */
void pace_came(struct pace *p, size_t len, uint64_t now_ms);

/* May its answer of so many octets leave at once? Then it is counted as gone. */
bool pace_may(struct pace *p, size_t len, uint64_t now_ms);

/* It is to wait; msg is copied. False: there are too many, or no memory. */
bool pace_keep(struct pace *p, const struct client *client, const uint8_t *msg, size_t len);

/* The next that may leave now; NULL: none yet. */
struct paced *pace_next(struct pace *p, uint64_t now_ms);

static inline bool pace_is_empty(const struct pace *p) { return p->queued == 0; }
/* all that wait, at once; gone frees */
void pace_drop(struct pace *p, void (*gone)(struct paced *d, void *arg), void *arg);
#endif
