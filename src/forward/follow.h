/* An alias leads to a name that other servers, or a local zone, answer for: that name is waited for
 * (forward/await), and both answers are made into one. Inside forward only. */
#ifndef JIDNS_FORWARD_FOLLOW_H
#define JIDNS_FORWARD_FOLLOW_H
#include "forward/forward_priv.h"

/* Does an alias from q's name to this one leave q's servers? For struct scrub_border; ctx is the struct
 * forward. */
bool follow_leaves(const void *ctx, const struct question *q, const uint8_t *name, size_t len);

/* Has p wait for the question about f->border.target, to which the chain in p's answer leads. False: it can't
 * (await_ask). */
bool follow_start(struct pending *p, uint64_t now_ms);

/* Makes p's answer, the chain, and what was found at its end into one. ERR_NONE, or ERR_ALIAS when nothing
 * was. */
enum err follow_join(struct pending *p);
#endif
