/* Good upstream replies to a question each, and what an attacker or a broken server may make of them. */
#ifndef JIDNS_FORWARD_REPLIES_H
#define JIDNS_FORWARD_REPLIES_H
#include "kit/made.h"
#include "kit/rng.h"

enum { REPLIES = 14 };

/* Makes the i-th good reply and the question that it answers (with KEY_DO where it is a signed one). */
void reply_make(unsigned i, struct question *q, struct msg *reply);

/* Changes it at random in one to four places behind the question: octets, counts, lengths, pieces cut out,
 * doubled, swapped, pointers bent, the end cut off. The header's id, QR and question stay, as a channel
 * would let nothing else through. */
void reply_mutate(struct msg *reply, size_t question_end, struct rng *r);
#endif
