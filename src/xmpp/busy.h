/* Which XMPP domains are asked for most: a Space-Saving summary (Metwally, Agrawal, El Abbadi: "Efficient
 * computation of frequent and top-k elements in data streams", ICDT 2005) of the SRV questions of clients'
 * and servers' families. One thread; counts only while somebody looks. */
#ifndef JIDNS_XMPP_BUSY_H
#define JIDNS_XMPP_BUSY_H
#include "xmpp/family.h"

enum { BUSY_DOMAINS = 64 };

struct busy_domain {
  uint64_t asked; /* never too few: at most `error` of these were another's */
  uint64_t error;
  uint8_t name_len;           /* 0: not in use */
  uint8_t name[NAME_MAX_LEN]; /* in lower case */
};

/* Zero one to start. Whoever makes up more than 1/BUSY_DOMAINS of all that was noted is in it. */
struct busy {
  uint64_t noted;
  struct busy_domain domains[BUSY_DOMAINS];
};

/* Counts q if it is an XMPP service's SRV question. */
void busy_note(struct busy *b, const struct question *q);

/* Adds what another has counted. */
void busy_add(struct busy *sum, const struct busy *from);

/* The busiest first; those not in use last. */
void busy_sort(struct busy *b);
#endif
