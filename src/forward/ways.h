/* Encrypted ways to one plain server, the best first, and the one that is in use or was tried last. */
#ifndef JIDNS_FORWARD_WAYS_H
#define JIDNS_FORWARD_WAYS_H
#include "upstream/discover.h"
#include "upstream/ns.h"

enum {
  WAYS_MAX = DISCOVER_WAYS + 2, /* that the server tells of, and two that prove nothing */
  WAYS_NOWHERE = WAYS_MAX       /* in place of a number: none */
};

/* Opens the channel of a way; NULL: it can't be used here, or memory is out. */
typedef struct channel *ways_open(void *ctx, const struct ns_address *way);

struct way {
  struct discover_way at;
  enum tls_proof proof;
  struct channel *channel; /* owned, but for those in a place of the server's: these go with the server; NULL:
                            * it is to be opened */
};

struct ways {
  struct nameserver *server;
  ways_open *open;
  void *ctx;
  unsigned count, used; /* used: its number, or WAYS_NOWHERE */
  struct way list[WAYS_MAX];
};

void ways_init(struct ways *w, struct nameserver *s, ways_open *open, void *ctx);
/* Takes the n that the server tells of. Those that prove nothing come behind, if the server's address.ways
 * wants them: what it tells of at its own address, if that is private (RFC 9462 section 4.3), and TLS at port
 * 853 (RFC 7858 section 4.1). One that is in use and still there stays so. False: none is new. */
bool ways_set(struct ways *w, const struct discover_way *told, unsigned n);
/* Its channel, over which it is put to the proof; NULL: none can be opened. */
struct channel *ways_try(struct ways *w, unsigned number);
/* The one that was tried is the server's way from now on: so far only shown, or one that questions go over.
 * What waits on the one whose place it takes is answered there. False: the place can't be had just now, and
 * all is as it was. */
bool ways_install(struct ways *w, unsigned number, enum way_state state, uint64_t now_ms);
void ways_free(struct ways *w); /* nothing new goes over the one in use */
#endif
