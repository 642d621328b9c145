/* channel.c: what a channel carries, as dnstap messages. Exports channel_tell_*. */
#include "upstream/channel.h"

#include <string.h>

static void tell(struct channel *c, const struct exchange *x, struct tap_message *m) {
  union addr ours, server;
  memset(&ours, 0, sizeof ours);
  memset(&server, 0, sizeof server);
  if (c->ops->ends) c->ops->ends(c, x, &ours, &server);

  m->transport = x->query_opts.transport;
  m->asking = &ours;
  m->answering = &server;
  m->query_ns = x->told_ns;
  tap_write(c->tap, m);
}

/* As it leaves: the channel has given it its id. */
void channel_tell_question(struct channel *c, struct exchange *x, const uint8_t *msg, size_t len) {
  uint8_t sent[EXCHANGE_QUERY_MAX];
  if (!tap_sample_next(&c->tap->upstream)) return;
  memcpy(sent, msg, len);
  store_u16(sent, x->id);
  x->told_ns = tap_now_ns();
  tell(c, x, &(struct tap_message){.kind = TAP_FORWARDER_QUERY, .msg = sent, .len = len});
}

void channel_tell_reply(const struct exchange *x, const uint8_t *msg, size_t len) {
  if (!x->channel) return;
  struct tap_message m = {
      .kind = TAP_FORWARDER_RESPONSE, .response_ns = tap_now_ns(), .msg = msg, .len = len};
  tell(x->channel, x, &m);
}
