/* Faults between serve_query and the client: answers found at once or delivered later are spoiled as the
 * rules in force say, and those that are to come late are held until then. */
#ifndef JIDNS_SERVER_FAULT_FILTER_H
#define JIDNS_SERVER_FAULT_FILTER_H
#include "faults/fault.h"
#include "forward/forward.h"
#include "server/served.h"
#include "zones/zones.h"

enum {
  FAULT_FILTER_HELD = 20000, /* questions with a fault that are not over: as many as forward has in flight */
  FAULT_FILTER_OCTETS = 16 << 20, /* of the answers held */
};

struct fault_filter;
struct faulty_answer; /* a question whose answer is to be spoiled */

/* One a worker; all borrowed. NULL when memory is out. */
struct fault_filter *fault_filter_new(struct timers *timers, struct counters *counters);
void fault_filter_free(struct fault_filter *s); /* after fault_filter_stop */

/* These are the rules from now on (borrowed until the next call; NULL: none). What another rule holds back
 * goes out now, and who waits for the forwarder because of it gets his answer as it is. */
void fault_filter_set(struct fault_filter *s, const struct faults *faults);

/* Whose zones' signatures are made anew in spoiled answers (borrowed until the next call; NULL: nobody's). */
void fault_filter_set_zones(struct fault_filter *s, const struct zones *zones);

/* Sends all that is held; nothing is held back any more. After forward_stop, before the transports close. */
void fault_filter_stop(struct fault_filter *s);

unsigned fault_filter_held(const struct fault_filter *s); /* questions that are not over */

/* Is the answer to q to be spoiled? NULL: no, or too many are, or memory is out. Else serve_query asks for
 * fault_filter_client in the client's place, and has fault_filter_end look at what came of it. `limit`: what
 * the client takes. */
struct faulty_answer *fault_filter_begin(struct fault_filter *s, const struct query *q,
                                         const struct client *client, size_t limit, uint64_t now_ms);
const struct client *fault_filter_client(const struct faulty_answer *p);

/* len octets at out, or SERVE_LATER (negative): fault_filter_client will have it. Returns what serve_query is
 * to return. */
int fault_filter_end(struct faulty_answer *p, int len, uint8_t *out);
#endif
