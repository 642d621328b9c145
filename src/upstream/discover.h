/* What a plain server says of encrypted ways to it (RFC 9462, with RFC 9460 and RFC 9461). Pure: who said so
 * is not known, so a way is worth what its proof is: the certificate has to be for the plain server's
 * address. */
#ifndef JIDNS_UPSTREAM_DISCOVER_H
#define JIDNS_UPSTREAM_DISCOVER_H
#include "base/addr.h"
#include "crypto/expect.h"
#include "dns/transport.h"

enum {
  DISCOVER_WAYS = 6,     /* that are kept, the best */
  DISCOVER_RECORDS = 32, /* that are looked at */
  DISCOVER_PATH = 128
};

struct discover_way {
  uint16_t priority;        /* the less the better */
  enum transport transport; /* TRANSPORT_TLS or TRANSPORT_HTTPS */
  union addr addr;
  char name[TLS_NAME];      /* of the server as it calls itself, which proves nothing */
  char path[DISCOVER_PATH]; /* of HTTPS */
};

/* The ways in an answer to SVCB of _dns.resolver.arpa from that server: DNS over TLS and over HTTPS by
 * HTTP/2, at the addresses, two at most, in a hint of the server's family, or else in the additional section,
 * or else at the server's own. Best first; returns how many. What is malformed, asks for what is not known
 * (RFC 9460 section 8), or leads to a special name is passed over. */
unsigned discover_read(const uint8_t *msg, size_t len, const union addr *server,
                       struct discover_way out[DISCOVER_WAYS]);
#endif
