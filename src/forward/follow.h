/* An alias leads to a name that other servers, or a local zone, answer for: that name is asked for as a
 * client would, and both answers are made into one. Inside forward only. */
#ifndef JIDNS_FORWARD_FOLLOW_H
#define JIDNS_FORWARD_FOLLOW_H
#include "forward/forward_priv.h"

struct follow;

/* Does an alias from q's name to this one leave q's servers? For struct scrub_border; ctx is the struct
 * forward. */
bool follow_leaves(const void *ctx, const struct question *q, const uint8_t *name, size_t len);

/* Puts in the question for f->border.target, to which the chain in f->answer leads. The pending question's
 * timer fires when the answer is there, unless follow_is_over says at once that it is. NULL when it is led on
 * too often or in a ring, or memory is out. */
struct follow *follow_new(struct forward *f, struct pending *p, uint64_t now_ms);

bool follow_is_over(const struct follow *follow); /* the answer is there, or will not come */

/* Makes f->answer of the chain and what was found at its end. ERR_NONE, or ERR_ALIAS when nothing was. */
enum err follow_join(struct forward *f, struct pending *p);

/* p is no longer led on, if it was. */
void follow_drop(struct pending *p);
#endif
