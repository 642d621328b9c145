/* How a query was answered: serve_query says it once, and the counters and the query log come from it. */
#ifndef JIDNS_SERVER_SERVED_H
#define JIDNS_SERVER_SERVED_H
#include "base/counter.h"

enum served {
  SERVED_HIT,           /* from the cache, or made here: special names, version.bind, a cookie */
  SERVED_STALE,         /* from the cache, expired, because upstreams are known to be failing (RFC 8767) */
  SERVED_ZONE,          /* from a local zone */
  SERVED_MISS,          /* it waits for an upstream: the answer comes later */
  SERVED_REJECTED,      /* it would have to wait, and can't: SERVFAIL at once */
  SERVED_STALE_INSTEAD, /* it would have to wait, and can't: an expired answer instead */
  SERVED_MALFORMED,     /* FORMERR, NOTIMP, BADVERS or BADCOOKIE */
  SERVED_REFUSED,       /* REFUSED, or it is to prove its address first */
  SERVED_IGNORED,       /* with silence */
  SERVED_ELSEWHERE      /* of serve_zones alone: not by it, the cache or an upstream may know */
};

/* What serve_query returns instead of a length when the answer comes later. */
enum { SERVE_LATER = -1 };

struct serve_result {
  enum served how;
  int len; /* octets of the answer; 0: none; SERVE_LATER: the client's deliver will have it */
};

/* "hit", "stale", "zone", "miss", "failed", "malformed", "refused", "ignored": for the log. */
const char *served_text(enum served how);

/* Adds one query that was answered so; the sums in base/counters.def hold because nobody else counts these.
 */
static inline void served_count(struct counters *c, enum served how) {
  switch (how) {
  case SERVED_HIT: count(c, hit); break;
  case SERVED_STALE:
    count(c, stale);
    count(c, hit);
    break;
  case SERVED_ZONE: count(c, zone); break;
  case SERVED_MISS: count(c, miss); break;
  case SERVED_REJECTED:
    count(c, miss);
    count(c, rejected);
    count(c, failed);
    break;
  case SERVED_STALE_INSTEAD:
    count(c, miss);
    count(c, rejected);
    count(c, stale);
    count(c, answered);
    break;
  case SERVED_MALFORMED: count(c, malformed); break;
  case SERVED_REFUSED: count(c, refused); break;
  case SERVED_IGNORED: count(c, ignored); break;
  case SERVED_ELSEWHERE: break;
  }
}
#endif
