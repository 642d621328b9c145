/* The server's end of a TCP connection, for tests. */
#ifndef JIDNS_UPSTREAM_PEER_H
#define JIDNS_UPSTREAM_PEER_H
#include "dns/frame.h"
#include "upstream/lo.h"

struct peer {
  struct lo *lo;
  int fd;
  size_t len; /* received and not yet taken */
  uint8_t in[1 << 17];
};

struct framed {
  size_t len; /* of the message */
  uint8_t frame[FRAME_HEAD + DNS_MSG_MAX];
};
static inline uint8_t *framed_msg(struct framed *f) { return f->frame + FRAME_HEAD; }

/* Each turns the loop while it waits and fails the test after 2 s. */
void peer_accept(struct peer *p, struct lo *l);
void peer_get(struct peer *p, struct framed *f); /* the next question */
void peer_await_end(struct peer *p);             /* until the channel closes it; closes this end */
bool peer_is_open(struct peer *p);               /* after a few turns the channel has not closed it */
bool nobody_connects(struct lo *l);

void peer_send(struct peer *p, const void *octets, size_t n);
void peer_answer(struct peer *p, struct framed *f); /* the right reply */
void framed_fill(struct framed *f, size_t len);     /* appends octets of 7, the last one is 9 */
void peer_close(struct peer *p);
#endif
