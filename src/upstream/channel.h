/* How questions travel to one server: UDP, TCP, in tests a script. What they and their replies are is told to
 * dnstap. */
#ifndef JIDNS_UPSTREAM_CHANNEL_H
#define JIDNS_UPSTREAM_CHANNEL_H
#include "crypto/tls.h"
#include "tap/tap.h"
#include "upstream/exchange.h"

/* What was seen of an encrypted server; its channel's, valid for as long as that. */
struct channel_facts {
  char version[16]; /* of TLS, on the last connection; "": there was none yet */
  bool is_resumed;  /* that one began with what was agreed on before */
  struct tls_peer_seen peer;
  uint64_t handshakes, resumed; /* that succeeded; of these */
  enum err failed;              /* how the last one failed; ERR_NONE: it did not */
  unsigned open;                /* connections now */
  unsigned waiting;             /* questions that wait now */
  unsigned status;              /* of HTTP, as long as that is no success; 0: it is, or nothing is known */
};

struct channel_ops {
  /* Takes the question (msg, len octets, id not yet set) on its way: ERR_NONE, and x->done will be called or
   * the exchange dropped; or what failed, and nothing is under way. It may be sent only at the next flush. */
  enum err (*ask)(struct channel *c, struct exchange *x, const uint8_t *msg, size_t len, uint64_t now_ms);
  /* Forgets the exchange; its reply, should it come while its socket is open, is counted as wrong. */
  void (*drop)(struct channel *c, struct exchange *x);
  /* Sends what was asked since the last flush; called once a turn of the loop, before it waits. Never calls
   * done. */
  void (*flush)(struct channel *c, uint64_t now_ms);
  /* Of encrypted channels, else NULL: connects already, so that the first question need not wait for that. */
  void (*warm)(struct channel *c, uint64_t now_ms);
  const struct channel_facts *(*facts)(struct channel *c);
  /* Between what addresses the exchange is under way; what is not known is left as it is. NULL: nobody knows.
   */
  void (*ends)(struct channel *c, const struct exchange *x, union addr *ours, union addr *server);
  /* Closes and frees; no exchange may be under way. Handles close in the loop's next turns. */
  void (*close)(struct channel *c);
};

struct channel {
  const struct channel_ops *ops;
  struct tap *tap; /* borrowed; set by who makes the channel; NULL: nobody is told */
};

/* channel.c: dnstap is told of an exchange's question, or of the whole reply to it. */
void channel_tell_question(struct channel *c, struct exchange *x, const uint8_t *msg, size_t len);
void channel_tell_reply(const struct exchange *x, const uint8_t *msg, size_t len);

/* For channels: the reply is right, and its exchange still under way. */
static inline void channel_heard(const struct exchange *x, const uint8_t *msg, size_t len) {
  if (x->told_ns) channel_tell_reply(x, msg, len);
}

static inline enum err channel_ask(struct channel *c, struct exchange *x, const uint8_t *msg, size_t len,
                                   uint64_t now_ms) {
  x->told_ns = 0;
  enum err e = c->ops->ask(c, x, msg, len, now_ms);
  x->channel = e == ERR_NONE ? c : NULL;
  if (e == ERR_NONE && c->tap && c->tap->upstream.every) channel_tell_question(c, x, msg, len);
  return e;
}

/* Ends an exchange that is under way, without a call of done; harmless when it is not. */
static inline void channel_drop(struct exchange *x) {
  if (x->channel) x->channel->ops->drop(x->channel, x);
  x->channel = NULL;
}
#endif
