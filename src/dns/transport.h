/* What carries DNS messages between two hosts. A new one is a value here, and a channel (upstream/channel.h)
 * or a listener that speaks it. */
#ifndef JIDNS_DNS_TRANSPORT_H
#define JIDNS_DNS_TRANSPORT_H
#include <stdbool.h>

enum transport {
  TRANSPORT_UDP,   /* datagrams: an answer may be too large, and its sender is proven by nothing but guesswork
                    */
  TRANSPORT_TCP,   /* a stream (RFC 7766): answers come whole, from who answered the handshake */
  TRANSPORT_TLS,   /* DNS over TLS (RFC 7858): the same, encrypted, from who has proven who it is */
  TRANSPORT_HTTPS, /* DNS over HTTPS (RFC 8484) */
  TRANSPORTS       /* how many there are */
};

/* Answers come whole, and nobody else can have sent them: neither truncation nor guesswork is to be feared.
 */
static inline bool transport_is_stream(enum transport t) { return t != TRANSPORT_UDP; }

/* Nobody on the way reads it, or answers in the server's place. */
static inline bool transport_is_encrypted(enum transport t) { return t >= TRANSPORT_TLS; }

/* "over TCP", for people: behind a server's address. */
static inline const char *transport_text(enum transport t) {
  static const char *const texts[TRANSPORTS] = {"UDP", "TCP", "TLS", "HTTPS"};
  return texts[t];
}
#endif
