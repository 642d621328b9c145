/* Which servers are asked for which names. */
#ifndef JIDNS_FORWARD_ROUTE_H
#define JIDNS_FORWARD_ROUTE_H
#include "dns/question.h"
#include "upstream/upstream.h"

enum { ROUTES_MAX = 32 };

/* A domain, and all below it, that has servers of its own. */
struct route {
  struct upstream *upstream; /* held */
  uint32_t max_ttl_s;        /* 0: as for all other names */
  bool never_guessed;        /* nobody asks for names in it that may not exist */
  bool is_proven;            /* its answers are, where answers are */
  bool is_shared;            /* with the other members of a fleet */
  uint8_t name_len;
  uint8_t name[NAME_MAX_LEN]; /* in lower case */
};

struct routes {
  struct upstream *rest; /* for all other names; held */
  unsigned count;
  struct route list[ROUTES_MAX];
};

/* The longest domain with servers of its own that q lies in; NULL: none. */
const struct route *routes_match(const struct routes *r, const struct question *q);

/* The servers for q: those of the longest domain that it lies in. DS of a domain's own name lies above it,
 * with the parent's servers (RFC 4035 section 3.1.4.1). */
struct upstream *routes_find(const struct routes *r, const struct question *q);

/* How long an answer to q may last at most, in seconds: as its route says, else rest_s. 0: no limit. */
uint32_t routes_max_ttl(const struct routes *r, const struct question *q, uint32_t rest_s);
/* Octets of that domain's name, 1 when no domain has servers of its own for q. */
size_t routes_domain_len(const struct routes *r, const struct question *q);

/* Lets go of all sets. */
void routes_release(struct routes *r);
#endif
