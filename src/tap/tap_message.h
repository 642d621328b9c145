/* dnstap's messages (dnstap.info, dnstap.proto): one DNS message, between whom and when it travelled, as a
 * protocol buffer. Pure: no socket, no clock. */
#ifndef JIDNS_TAP_TAP_MESSAGE_H
#define JIDNS_TAP_TAP_MESSAGE_H
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "dns/transport.h"

/* Message.Type: what a forwarder sees of its clients, and of its servers. */
enum tap_kind { TAP_CLIENT_QUERY = 5, TAP_CLIENT_RESPONSE, TAP_FORWARDER_QUERY, TAP_FORWARDER_RESPONSE };

static inline bool tap_kind_is_response(enum tap_kind kind) {
  return kind == TAP_CLIENT_RESPONSE || kind == TAP_FORWARDER_RESPONSE;
}

struct tap_message {
  enum tap_kind kind;
  enum transport transport;
  const union addr *asking, *answering; /* of family 0, and left out: nobody knows */
  uint64_t query_ns, response_ns;       /* since 1970; response_ns: of a response alone */
  const uint8_t *msg;
  size_t len;
};

enum {
  TAP_MESSAGE_TEXT = 64, /* octets of identity and version each, with their NUL */
  TAP_MESSAGE_START = 2 * (2 + TAP_MESSAGE_TEXT),
  TAP_MESSAGE_HEAD = 96, /* octets of all fields before the DNS message, at most */
  TAP_MESSAGE_MORE = TAP_MESSAGE_START + TAP_MESSAGE_HEAD + 16 /* octets of a frame beside the DNS message */
};

/* What all frames of one daemon begin with: who it is; "" leaves a text out. Returns the octets written. */
size_t tap_message_start(const char *identity, const char *version, uint8_t out[TAP_MESSAGE_START]);

/* Writes a frame, at most TAP_MESSAGE_MORE + m->len octets, that begins with the start_len octets at start;
 * returns its length. */
size_t tap_message_write(const struct tap_message *m, const uint8_t *start, size_t start_len, uint8_t *out);
#endif
