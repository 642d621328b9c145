/* What an XMPP program does with what was looked up: where it connects first, where it falls back to. */
#ifndef JIDNS_TOOL_PLAN_H
#define JIDNS_TOOL_PLAN_H
#include <stdio.h>

#include "tool/lookup.h"

enum { PLAN_PORT_C2S = 5222, PLAN_PORT_S2S = 5269 }; /* without SRV, RFC 6120 section 3.2.2 */

struct plan_step {
  const struct host *host;
  const struct srv *srv; /* NULL: the domain itself, without SRV */
  uint16_t port;
  bool direct_tls; /* else STARTTLS */
};

enum plan_end {
  PLAN_CONNECTS,
  PLAN_NOT_OFFERED, /* "." */
  PLAN_NO_ADDRESS   /* nothing has an address */
};

struct plan {
  enum plan_end end;
  bool srv_failed; /* the domain itself because an SRV question failed, not because there is no record */
  size_t count;
  struct plan_step steps[2 * LOOKUP_SRV_MOST]; /* borrow from the lookup; only hosts with an address */
};

/* One side's plan, for a program with or without direct TLS. Those with it take both sets as one (XEP-0368),
 * and do not fall back to the domain itself when there is an SRV record, "." included. */
void plan_make(const struct lookup *l, enum lookup_side side, bool direct_tls, struct plan *out);

/* The same steps to the same end. */
bool plan_is_equal(const struct plan *a, const struct plan *b);

/* "connects to a.example port 5222 (STARTTLS) first; falls back to ..." */
void plan_write(const struct plan *p, FILE *out);

/* "direct TLS" or "STARTTLS" */
static inline const char *plan_tls(bool direct) { return direct ? "direct TLS" : "STARTTLS"; }
#endif
