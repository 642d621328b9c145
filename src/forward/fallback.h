/* How a server is asked, and how it is asked again when it can't cope: over UDP with a cookie, without, over
 * TCP, and only then without EDNS. What an answer by a lesser way teaches is kept with the server
 * (upstream/capability). Inside forward only. */
#ifndef JIDNS_FORWARD_FALLBACK_H
#define JIDNS_FORWARD_FALLBACK_H
#include "forward/pending.h"

/* The best server whose bit is not in `out`, NULL: none. For who wants DNSSEC those that it comes from stand
 * before the others, unless they are down. */
struct nameserver *fallback_pick(const struct pending *p, unsigned out, uint64_t now_ms);

/* What the next try of p at s goes over. An encrypted server is asked over what the settings say alone; a
 * plain one over its encrypted way first, if that is proven, twice; else twice over UDP, once over TCP, and
 * so on: a silent UDP or a reply too large for the path costs two time-outs, no more; over TCP first where
 * UDP is known not to work. */
enum transport fallback_transport(const struct pending *p, const struct nameserver *s);

/* How t, whose server, transport and most extras are set, is to be asked; nth: which try over UDP at this
 * server it is. */
void fallback_prepare(const struct pending *p, struct try *t, unsigned nth, uint64_t now_ms);

/* How long the next try waits behind this one. */
uint32_t fallback_wait_ms(const struct pending *p, const struct nameserver *s);

/* t's reply has this code. True: the same server is to be asked again as p now says. */
bool fallback_after_rcode(struct pending *p, const struct try *t, unsigned rcode, const uint8_t *msg,
                          size_t len);
/* t's reply is BADCOOKIE, over UDP: again as p now says */
void fallback_bad_cookie(struct pending *p, const struct try *t);
/* t's reply did not show its cookie: again without */
void fallback_no_cookie(struct pending *p, const struct try *t);

/* t's transport failed. True: the same server is to be asked again as p now says; or, with STEP_PICK, goes on
 * being waited for. */
bool fallback_transport_failed(struct pending *p, const struct try *t, enum err why);

/* Is that the encrypted way to a plain server? */
bool fallback_is_way(const struct nameserver *s, enum transport over);
/* If so, and a try over it failed: true, the same server is to be asked as p now says: in plain, or over the
 * way that has followed the one of this try. */
bool fallback_leaves_way(struct pending *p, struct nameserver *s, enum transport over, enum err why,
                         uint64_t sent_ms, uint64_t now_ms);

/* t was answered. */
void fallback_learn(const struct pending *p, const struct try *t, bool has_opt, uint64_t now_ms);
/* Its answer has no OPT, and so no signatures, for who wants DNSSEC, while another server speaks EDNS: that
 * one is to be asked. */
bool fallback_lacks_dnssec(const struct pending *p, const struct try *t, bool has_opt);
#endif
