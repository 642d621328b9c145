/* Types of records that a server, or a box before it, leaves unanswered for every name while it answers
 * others: AAAA and HTTPS, mostly. Pure: no log, no clock.
 *
 * A type rests at a server when it left it unanswered for UNANSWERED_DOMAINS names of different domains,
 * whose other records it does tell, and answered none of the type in between: a domain's own server that
 * drops them, as some load balancers do, is one domain. Any answer of the type ends that. When the rest is
 * over, one question tries. */
#ifndef JIDNS_UPSTREAM_UNANSWERED_H
#define JIDNS_UPSTREAM_UNANSWERED_H
#include "upstream/capability.h"

enum {
  UNANSWERED_TYPES = 4, /* remembered of one server; the one noted longest ago is replaced */
  UNANSWERED_DOMAINS = 3,
  UNANSWERED_REST_MS = 30000 /* at first: doubled each time up to CAPABILITY_REST_MS */
};

struct unanswered_type {
  uint16_t type;   /* 0: not in use */
  uint8_t domains; /* that it was silent to */
  uint8_t in_vain; /* of them, those whose question nobody else answered either */
  uint64_t hashes[UNANSWERED_DOMAINS];
  uint64_t noted_ms;
  struct capability capability;
};

/* Zero it to start. */
struct unanswered {
  struct unanswered_type types[UNANSWERED_TYPES];
};

/* It left a question of this type unanswered, for a name in the domain of this hash; in_vain: and so did all
 * others. True when the type is to rest from now on. */
bool unanswered_note(struct unanswered *m, uint16_t type, uint64_t domain, bool in_vain, uint64_t now_ms);

/* It answered a question of this type. True when that is news: the type rested. */
bool unanswered_end(struct unanswered *m, uint16_t type);

/* May a question of this type be put to it? True once a rest is over for this one question. */
bool unanswered_allows(struct unanswered *m, uint16_t type, uint64_t now_ms);

/* The type's slot, where it rests or is being retried; else NULL. */
const struct unanswered_type *unanswered_find(const struct unanswered *m, uint16_t type);
#endif
