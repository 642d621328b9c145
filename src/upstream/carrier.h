/* How questions travel to one server: UDP, TCP, in tests a script. */
#ifndef JIDNS_UPSTREAM_CARRIER_H
#define JIDNS_UPSTREAM_CARRIER_H
#include "upstream/exchange.h"

struct carrier_ops {
  /* Takes the question (msg, len octets, id not yet set) on its way: ERR_NONE, and x->done will be called or
   * the exchange dropped; or what failed, and nothing is under way. It may be sent only at the next flush. */
  enum err (*ask)(struct carrier *c, struct exchange *x, const uint8_t *msg, size_t len, uint64_t now_ms);
  /* Forgets the exchange; its reply, should it come while its socket is open, is counted as wrong. */
  void (*drop)(struct carrier *c, struct exchange *x);
  /* Sends what was asked since the last flush; called once a turn of the loop, before it waits. Never calls
   * done. */
  void (*flush)(struct carrier *c, uint64_t now_ms);
  /* Closes and frees; no exchange may be under way. Handles close in the loop's next turns. */
  void (*close)(struct carrier *c);
};

struct carrier {
  const struct carrier_ops *ops;
};

static inline enum err carrier_ask(struct carrier *c, struct exchange *x, const uint8_t *msg, size_t len,
                                   uint64_t now_ms) {
  enum err e = c->ops->ask(c, x, msg, len, now_ms);
  x->carrier = e == ERR_NONE ? c : NULL;
  return e;
}

/* Ends an exchange that is under way, without a call of done; harmless when it is not. */
static inline void exchange_drop(struct exchange *x) {
  if (x->carrier) x->carrier->ops->drop(x->carrier, x);
  x->carrier = NULL;
}
#endif
