/* A server's reply, read record by record. Whatever it holds, reading stays inside it and ends. */
#ifndef JIDNS_TOOL_REPLY_H
#define JIDNS_TOOL_REPLY_H
#include "dns/build.h"
#include "dns/edns.h"

struct reply {
  const uint8_t *msg; /* borrowed */
  struct wire w;
  unsigned left[3]; /* records still to come in each section */
};

/* Starts behind the question section; msg has a whole header. After a malformed one there are no records. */
struct reply reply_open(const uint8_t *msg, size_t len);

/* The next record and its section; false behind the last one and at the first malformed one (then w.err). */
bool reply_next(struct reply *p, struct record *r, enum section *section);

/* The next record of the answer section with this type and class IN; false when there is none. */
bool reply_next_answer(struct reply *p, uint16_t type, struct record *r);

/* Where the CNAMEs of an answer lead from a name. */
struct alias {
  uint8_t name[NAME_MAX_LEN]; /* the last name */
  uint8_t name_len;
  unsigned links; /* CNAMEs on the way; 0: the name is no alias */
  bool endless;   /* a ring, or longer than resolvers follow: the last name is any on the way */
};

/* Follows the CNAMEs of the answer section from `name` on. */
struct alias reply_follow(const uint8_t *msg, size_t len, const uint8_t *name, size_t name_len);

/* The RCODE with the upper bits of OPT. */
static inline unsigned reply_rcode(const uint8_t *msg, size_t len) { return edns_rcode(msg, len); }

/* len octets of unknown origin as printable ASCII, others as \DDD, into text; what does not fit is left off.
 * Returns text. */
const char *reply_text(const uint8_t *bytes, size_t len, char *text, size_t room);
#endif
