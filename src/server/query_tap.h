/* dnstap of clients: what they ask, and what they get. */
#ifndef JIDNS_SERVER_QUERY_TAP_H
#define JIDNS_SERVER_QUERY_TAP_H
#include "forward/forward.h"
#include "server/served.h"
#include "tap/tap.h"

struct tapped_query; /* a query that is told of */

/* One a worker; zeroed it tells of none. */
struct query_tap {
  struct tap *tap;            /* borrowed; NULL: there is none */
  struct tapped_query *spare; /* so that answers that are at hand need no malloc */
};

static inline bool query_tap_is_on(const struct query_tap *t) { return t->tap && t->tap->client.every; }

/* Is this one told of? NULL: no, or memory is out. Else that is done, serve_query serves query_tap_client in
 * the client's place, and has query_tap_end look at what came of it. */
struct tapped_query *query_tap_begin(struct query_tap *t, const uint8_t *msg, size_t len,
                                     const struct client *client);
const struct client *query_tap_client(const struct tapped_query *n);

/* Tells of the answer at out of that length, or, when it comes later, waits for what query_tap_client gets.
 * Returns len. */
int query_tap_end(struct query_tap *t, struct tapped_query *n, int len, const uint8_t *out);

void query_tap_free(struct query_tap *t); /* nobody waits any more */
#endif
