/* How questions travel to one server: UDP, TCP, in tests a script. */
#ifndef JIDNS_UPSTREAM_CHANNEL_H
#define JIDNS_UPSTREAM_CHANNEL_H
#include "upstream/exchange.h"

struct channel_ops {
  /* Takes the question (msg, len octets, id not yet set) on its way: ERR_NONE, and x->done will be called or
   * the exchange dropped; or what failed, and nothing is under way. It may be sent only at the next flush. */
  enum err (*ask)(struct channel *c, struct exchange *x, const uint8_t *msg, size_t len, uint64_t now_ms);
  /* Forgets the exchange; its reply, should it come while its socket is open, is counted as wrong. */
  void (*drop)(struct channel *c, struct exchange *x);
  /* Sends what was asked since the last flush; called once a turn of the loop, before it waits. Never calls
   * done. */
  void (*flush)(struct channel *c, uint64_t now_ms);
  /* Closes and frees; no exchange may be under way. Handles close in the loop's next turns. */
  void (*close)(struct channel *c);
};

struct channel {
  const struct channel_ops *ops;
};

static inline enum err channel_ask(struct channel *c, struct exchange *x, const uint8_t *msg, size_t len,
                                   uint64_t now_ms) {
  enum err e = c->ops->ask(c, x, msg, len, now_ms);
  x->channel = e == ERR_NONE ? c : NULL;
  return e;
}

/* Ends an exchange that is under way, without a call of done; harmless when it is not. */
static inline void channel_drop(struct exchange *x) {
  if (x->channel) x->channel->ops->drop(x->channel, x);
  x->channel = NULL;
}
#endif
