/* Clients kept waiting for an answer that is there, as the observer is still adding to it: XMPP's
 * --expand-srv wait. Its time, its end and what goes out then are all in here; what is waited for is the
 * observer's affair (xmpp/expand_wait). Inside forward only. */
#ifndef JIDNS_FORWARD_HOLD_H
#define JIDNS_FORWARD_HOLD_H
#include "forward/forward_priv.h"

/* Tells the observer that p is answered, by p's answer. True: p's clients are to be kept waiting, p is at
 * STEP_HELD and has its time. */
bool hold_begin(struct pending *p, uint64_t now_ms);

/* STEP_HELD: the observer has let go (forward_release), or the time is over. */
enum next hold_end(struct pending *p, const struct event *e);
#endif
