/* The first step of a miss where there is a fleet: have other members asked it already? Inside forward only.
 */
#ifndef JIDNS_FORWARD_FETCH_H
#define JIDNS_FORWARD_FETCH_H
#include "forward/forward_priv.h"

/* Is there a fleet, and may it be asked for q? Not for what routes have servers of their own for, unless they
 * say so, nor for unchecked answers and special names, nor for what is to be proven here. */
bool fetch_may(const struct forward *f, const struct question *q);

enum next fetch_begin(struct pending *p, const struct event *e); /* the step */

/* A client joins: it waits no longer than others, for the fleet or for what another member asks. */
void fetch_hurry(struct pending *p, uint64_t now_ms);
/* Its time is over: may a server be asked as well now? Not before the loop has looked once more, as the reply
 * may be there already. */
bool fetch_is_late(struct pending *p, uint64_t now_ms);
/* The answer that p's steps made is offered to the fleet, if it may have it. Those who wait for one that
 * there is not are told so. */
void fetch_offer(struct pending *p, uint64_t now_ms);
void fetch_give_up(struct pending *p, uint64_t now_ms);

/* How members must be alike for q's answers to be theirs: the route's domain and whether AD is passed on. */
uint64_t fetch_view(const struct routes *r, const struct forward_policy *policy, const struct question *q);
#endif
