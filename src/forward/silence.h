/* Which types servers leave unanswered, told by the questions that they do. Inside forward only. */
#ifndef JIDNS_FORWARD_SILENCE_H
#define JIDNS_FORWARD_SILENCE_H
#include "forward/pending.h"

/* Servers that p was put to have said nothing, while they answered other questions: all but the one that
 * answered p; NULL: p was asked in vain. Counts only for a name of which something else is known: a domain
 * whose own servers are dead leaves all types unanswered. */
void silence_note(struct forward *f, const struct pending *p, const struct nameserver *but, uint64_t now_ms);
#endif
