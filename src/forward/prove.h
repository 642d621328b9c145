/* Is an answer proven (DNSSEC)? The step behind CHECK: the answer is judged (dnssec/judge), DS and DNSKEY
 * records that this takes are waited for as any question that another one waits for (forward/await), and what
 * is bogus is asked of another server. Inside forward only.
 *
 * A question that is to be proven is put to the servers with DO whoever asks, and its answer keeps signatures
 * and proofs until it is judged. What then goes on is made anew as the client's question wants it. */
#ifndef JIDNS_FORWARD_PROVE_H
#define JIDNS_FORWARD_PROVE_H
#include "forward/forward_priv.h"

enum {
  PROVE_SERVERS = 3,  /* whose bogus answers are looked at for one question */
  PROVE_RENEW_S = 10, /* keys younger than this are not asked for anew, though an answer is by others */
  PROVE_RENEWALS = 8, /* for one answer: of the zones of a chain */
  PROVE_LOG_PATIENCE_MS = 400, /* so long after it came an answer goes out unjudged where that is only to be
                                * logged: Erlang asks again 667 ms after it asked */
};

/* What is to become of answers to q as settings and routes are now: nothing for those who ask with CD, for
 * special names and those of private networks, and for domains with servers of their own unless their section
 * says so. */
enum prove_mode prove_mode_of(const struct forward *f, const struct question *q);

/* Asks, beside q, for the DS and DNSKEY records of the zones above it that its proof will take. */
void prove_wish(struct forward *f, const struct question *q, uint64_t now_ms);

/* p's question as its servers are asked it and as their answer is read: with DO where it is to be proven. */
struct question prove_question(const struct pending *p);

enum next prove_step(struct pending *p, const struct event *e); /* the step */

/* When p's answer goes on though what it waits for is not there, as it is only to be logged; PENDING_OPEN:
 * never. Its clients may be given something stale before. */
uint64_t prove_hurry_ms(const struct pending *p);

/* p's judgement is over, or is begun anew: what it kept is freed. */
void prove_drop(struct pending *p);

/* Keys of zones are asked for anew. */
void prove_forget(struct forward *f);
#endif
