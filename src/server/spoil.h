/* Faults between serve_query and the client: answers found at once or delivered later are spoiled as the
 * rules in force say, and those that are to come late are held until then. */
#ifndef JIDNS_SERVER_SPOIL_H
#define JIDNS_SERVER_SPOIL_H
#include "forward/forward.h"
#include "lab/fault.h"

enum {
  SPOIL_HELD = 20000,      /* questions with a fault that are not over: as many as forward has in flight */
  SPOIL_OCTETS = 16 << 20, /* of the answers held */
};

struct spoiler;
struct spoil; /* a question whose answer is to be spoiled */

/* One a worker; all borrowed. NULL when memory is out. */
struct spoiler *spoiler_new(struct timers *timers, struct counters *counters);
void spoiler_free(struct spoiler *s); /* after spoiler_stop */

/* These are the rules from now on (borrowed until the next call; NULL: none). What another rule holds back
 * goes out now, and who waits for the forwarder because of it gets his answer as it is. */
void spoiler_set(struct spoiler *s, const struct faults *faults);

/* Sends all that is held; nothing is held back any more. After forward_stop, before the transports close. */
void spoiler_stop(struct spoiler *s);

unsigned spoiler_held(const struct spoiler *s); /* questions that are not over */

/* Is the answer to q to be spoiled? NULL: no, or too many are, or memory is out. Else serve_query asks for
 * spoil_client in the client's place, and has spoil_end look at what came of it. `limit`: what the client
 * takes. */
struct spoil *spoil_begin(struct spoiler *s, const struct query *q, const struct client *client, size_t limit,
                          uint64_t now_ms);
const struct client *spoil_client(const struct spoil *p);

/* len octets at out, or SERVE_LATER (negative): spoil_client will have it. Returns what serve_query is to
 * return. */
int spoil_end(struct spoil *p, int len, uint8_t *out);
#endif
