/* A made-up XMPP world: domains dN.lab. of the shapes that set-ups found in the wild have, and the records of
 * their names. */
#ifndef JIDNS_BENCH_WILD_H
#define JIDNS_BENCH_WILD_H
#include "kit/msg.h"

enum wild_world {
  WILD_EVEN, /* five shapes in turn: SRV to xmpp.D; to two hosts; none; to D itself; xmpps and xmpp to xmpp.D
              */
  WILD_REAL  /* by share: 24 % xmpp.D, 21 % D itself, 13 % jabber.D, 8 % one of five hosts of a hoster, 14 % a
                label of their own, 6 % no SRV at all, ...; a third with direct TLS */
};

/* Appends the answer to this question, or the SOA, to a message that holds header and question, and sets its
 * RCODE. `name` in lower case, with the final dot. */
void wild_answer(enum wild_world world, struct msg *m, const char *name, uint16_t type, uint32_t ttl_s);

/* How long such a record lasts where it comes from, in seconds: from a minute to a day, as found in the wild;
 * what does not exist, five minutes. */
uint32_t wild_ttl(enum wild_world world, const char *name, uint16_t type);

/* A number that looks like chance. */
uint64_t wild_mix(uint64_t n);
#endif
