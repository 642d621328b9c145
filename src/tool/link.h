/* A connection over TCP that may become one over TLS, with an end to every wait. */
#ifndef JIDNS_TOOL_LINK_H
#define JIDNS_TOOL_LINK_H
#include "base/addr.h"
#include "crypto/tls.h"

enum link_result {
  LINK_DONE,
  LINK_SILENT,     /* the time was over */
  LINK_CLOSED,     /* by the peer */
  LINK_REFUSED,    /* by the peer, or by a firewall on the way there */
  LINK_NO_WAY,     /* no route, or not from here */
  LINK_TLS_FAILED, /* tls_why(l->tls) says why */
  LINK_TOO_MUCH,   /* more octets than are taken from one peer */
  LINK_SYSTEM
};

struct link {
  int fd;              /* -1: none */
  struct tls *tls;     /* owned; NULL: plain text */
  unsigned until_ms;   /* when every wait is over, by check_now_ms */
  size_t octets, most; /* taken in so far, and how many may be */
  uint8_t first[8]; /* the first that came , before TLS and again within its handshake: `first_len` of them */
  size_t first_len;
};

/* What an error comes to that a connection got after packets had gone out: a firewall's "prohibited" or
 * "unreachable" is an answer of the other side, not a lack of this host. */
enum link_result link_result_of_waiting(int error);

/* Connects. `most`: octets that are taken in from the peer. until_ms is to be set before, and moved on as
 * phases go. */
enum link_result link_open(struct link *l, const union addr *to, size_t most);
void link_close(struct link *l);

/* Shakes hands; tls is taken over. What the peer says first is in `first` afterwards, also when it fails. */
enum link_result link_start_tls(struct link *l, struct tls *tls);

enum link_result link_send(struct link *l, const void *text, size_t len);
/* Waits for text, at most `room` octets; *len of them with LINK_DONE. */
enum link_result link_receive(struct link *l, void *text, size_t room, size_t *len);
#endif
