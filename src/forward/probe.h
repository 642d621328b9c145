/* A question to a server that is down or in doubt, beside the one that a client waits for: what it answers is
 * of no use but to tell that it answers. Inside forward only. */
#ifndef JIDNS_FORWARD_PROBE_H
#define JIDNS_FORWARD_PROBE_H
#include "forward/pending.h"

enum { PROBE_MAGIC = 0x50524f42, PROBES_MAX = 64 };

struct probe {
  uint32_t magic;
  struct list link; /* among forward's */
  struct forward *forward;
  struct upstream *upstream; /* held */
  struct nameserver *server;
  struct exchange x;
  struct question question;
  struct timer timer;
  uint64_t sent_ms;
};

struct probes {
  struct list open;
  unsigned count;
};

void probes_init(struct probes *ps);
/* Asks the server q. Nothing happens when there is no memory for it or too many are open. */
void probe_start(struct forward *f, struct upstream *u, struct nameserver *s, const struct question *q,
                 uint64_t now_ms);
void probes_stop(struct forward *f); /* ends all */
#endif
