/* What became of the XMPP services that clients waited for, by domain: how many got an answer, how long that
 * took, how many failed, and why the last one did. Counted from the start, off the way of a cache hit. One
 * thread counts; the most waited for stay (Space-Saving, as in busy.h), so that a flood of names that nobody
 * asks twice costs no more than DOMAINS_MAX places. */
#ifndef JIDNS_XMPP_DOMAINS_H
#define JIDNS_XMPP_DOMAINS_H
#include "base/err.h"
#include "forward/forward.h"
#include "xmpp/family.h"

enum { DOMAINS_MAX = 64 };

/* All counts are since the domain was taken in: never too many. */
struct domain_outcomes {
  uint64_t rank;              /* times it was waited for, and at most what its place had counted before */
  uint64_t told;              /* clients that got an answer from servers, a stale answer or a failure */
  uint64_t stale;             /* of these: an expired answer */
  uint64_t failed;            /* of these: SERVFAIL */
  uint64_t wait_ms;           /* how long those waited who got an answer, in all */
  uint64_t failed_ms;         /* when the last one failed; 0: none did */
  enum err why;               /* and why */
  enum family_role role;      /* and which service that was: of clients or of servers, */
  bool direct_tls;            /* with TLS from the start or not */
  uint8_t name_len;           /* 0: not in use */
  uint8_t name[NAME_MAX_LEN]; /* in lower case */
};

/* Zero one to start. */
struct domains {
  struct domain_outcomes list[DOMAINS_MAX];
};

/* Counts what a client was told of q if that is an XMPP service's SRV question. */
void domains_note(struct domains *d, const struct question *q, const struct forward_told *told,
                  uint64_t now_ms);

/* Adds what another thread has counted. */
void domains_add(struct domains *sum, const struct domains *from);

/* The domain's, NULL if it has no place. */
const struct domain_outcomes *domains_find(const struct domains *d, const uint8_t *name, size_t len);

/* The most waited for first; those not in use last. */
void domains_sort(struct domains *d);

/* "_xmpps-client": the service that failed last. */
const char *domains_service_text(const struct domain_outcomes *d);
#endif
