/* Who asks a question and gets its answer. */
#ifndef JIDNS_FORWARD_CLIENT_H
#define JIDNS_FORWARD_CLIENT_H
#include "base/addr.h"
#include "base/err.h"
#include "dns/answer.h"
#include "dns/transport.h"

/* Who gets an answer, by whatever transport. Copied while it waits. */
struct client {
  /* Sends len octets to the client, or learns that there is nothing to send (len 0: its question was
   * abandoned). Called exactly once for each question that is waited for. */
  void (*deliver)(const struct client *c, const uint8_t *msg, size_t len);
  /* In place of deliver: sends `sent` of the len octets and ends the connection. NULL where there is none. */
  void (*cut)(const struct client *c, const uint8_t *msg, size_t len, size_t sent);
  void *owner; /* the transport's: listening socket or connection */
  union addr peer, local;
  enum transport transport;
  uint8_t links; /* aliases that have led a client's question here, from servers to others: FORWARD_ALIASES at
                    most */
  bool stale;  /* the forwarder's, in what it hands to deliver: the answer has expired (RFC 8767); who stands
                  between passes it on */
  uint8_t why; /* the same: an enum err, why there is no answer but SERVFAIL */
};
_Static_assert(ERR_COUNT <= UINT8_MAX, "client.why holds them all");

/* Octets that its answer may have. */
static inline size_t client_limit(const struct client *c, const struct query_opts *m) {
  return transport_is_stream(c->transport) ? DNS_MSG_MAX : answer_udp_limit(m);
}
#endif
