/* What carries DNS messages between two hosts. A new one is a value here, and a channel (upstream/channel.h)
 * or a listener that speaks it. */
#ifndef JIDNS_DNS_TRANSPORT_H
#define JIDNS_DNS_TRANSPORT_H

enum transport {
  TRANSPORT_UDP, /* datagrams: an answer may be too large, and its sender is proven by nothing but guesswork
                  */
  TRANSPORT_TCP, /* a stream (RFC 7766): answers come whole, from who answered the handshake */
  TRANSPORTS     /* how many there are */
};
#endif
