/* What a running jidnsd has in its cache, as answers: nobody else is asked, nothing is changed. */
#ifndef JIDNS_TOOL_CACHED_H
#define JIDNS_TOOL_CACHED_H
#include "tool/ask.h"

enum {
  CACHED_ANSWERS_MAX = 200000,
  CACHED_DOMAINS_MAX = 1000,
  CACHED_MESSAGE_MAX = 4096 /* octets; longer ones only for SRV */
};

struct cached;

struct cli;
/* Reads the cache over the control socket. NULL after a line on stderr. */
struct cached *cached_read(const struct cli *c);
void cached_free(struct cached *c); /* NULL is allowed */

/* The outcome of a question is its answer in the cache, or ASKED_LEFT_OUT. */
void cached_answer(const struct cached *c, struct asked *a);

/* Calls each with every XMPP domain of which SRV was asked, alphabetically; CACHED_DOMAINS_MAX at most.
 * False from it ends it. Returns how many there are, those beyond included. */
size_t cached_each_domain(const struct cached *c,
                          bool (*each)(void *context, const uint8_t *name, size_t len), void *context);

/* The XMPP domain of a service's name, "_xmpp-server._tcp.D": its place in the name; 0: it is none. */
size_t cached_domain_at(const uint8_t *name, size_t len);
#endif
