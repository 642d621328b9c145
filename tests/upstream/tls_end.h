/* The server's end of a TLS connection to a channel under test. */
#ifndef JIDNS_TESTS_UPSTREAM_TLS_END_H
#define JIDNS_TESTS_UPSTREAM_TLS_END_H
#include "crypto/server.h"
#include "upstream/peer.h"

enum { DAY = 86400 };

/* A server's certificate and whose word is taken for it. */
struct tls_end_trust {
  struct made authority, own;
  struct tls_context *context;
};

struct tls_end {
  struct lo *lo;
  struct nameserver tls;
  int fd;
};

/* names: as make_cert has it; until_s: when it ends, from now. */
void tls_end_make_trust(struct tls_end_trust *t, const char *names, long until_s);
void tls_end_free_trust(struct tls_end_trust *t);

void tls_end_accept(struct tls_end *e, struct lo *l, const struct made *own, const char *alpn);
/* What one end has for the other, and a turn of the loop. False: the channel has closed the connection. */
bool tls_end_carry(struct tls_end *e);
void tls_end_shake(struct tls_end *e); /* until the handshake is over, or 200 turns are */
void tls_end_close(struct tls_end *e);
#endif
