/* One question put to one server over one carrier, until one named outcome. */
#ifndef JIDNS_UPSTREAM_EXCHANGE_H
#define JIDNS_UPSTREAM_EXCHANGE_H
#include "base/err.h"
#include "base/list.h"
#include "dns/question.h"

struct carrier;

struct exchange {
  struct list link;                /* the carrier's */
  struct carrier *carrier;         /* NULL when not under way */
  void *place;                     /* the carrier's: the socket or connection it waits on */
  const struct question *question; /* borrowed until done or dropped */
  uint16_t id;                     /* given by the carrier: unpredictable, unique on its socket */
  /* Called once, never from within ask: ERR_NONE with a whole reply to this question (any RCODE, TC possible; valid during
   * the call), or what failed, with msg NULL. The exchange may be asked again or freed from here. */
  void (*done)(struct exchange *x, enum err outcome, const uint8_t *msg, size_t len, uint64_t now_ms);
};

enum { EXCHANGE_QUERY_MOST = DNS_HEADER + NAME_MAX_LEN + 4 + DNS_OPT };

/* Writes the question for upstream: RD, CD and DO as in its key, OPT (RFC 6891) unless `edns` is false, nothing of the
 * client's. The carrier fills in the id. Returns the length. */
size_t exchange_write(const struct question *q, bool edns, uint8_t out[EXCHANGE_QUERY_MOST]);

/* Does this packet answer the exchange? QR, opcode, id and the question must be right (RFC 5452 section 9.1); a bare header
 * is taken for FORMERR and NOTIMP, which is how servers say that they don't understand. */
bool exchange_matches(const struct exchange *x, const uint8_t *msg, size_t len);
#endif
