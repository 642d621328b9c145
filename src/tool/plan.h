/* What an XMPP program does with what was looked up: where it connects first, where it falls back to. */
#ifndef JIDNS_TOOL_PLAN_H
#define JIDNS_TOOL_PLAN_H
#include <stdio.h>

#include "tool/lookup.h"

enum { PLAN_PORT_C2S = 5222, PLAN_PORT_S2S = 5269 }; /* without SRV, RFC 6120 section 3.2.2 */

struct plan_step {
  const struct host *host; /* NULL: there are so many targets that this one's addresses were not asked for */
  const struct srv *srv;   /* NULL: the domain itself, without SRV */
  uint16_t port;
  bool direct_tls; /* else STARTTLS */
};

enum plan_end {
  PLAN_CONNECTS,
  PLAN_NOT_OFFERED, /* "." */
  PLAN_NO_ADDRESS   /* nothing has an address and a port */
};

struct plan {
  enum plan_end end;
  bool srv_failed; /* the domain itself because an SRV question failed, not because there is no record */
  size_t count;
  struct plan_step steps[2 * LOOKUP_SRV_MAX]; /* borrow from the lookup; none that is known to have no
                                                  address, or port 0 */
};

/* One side's plan, for a program with or without direct TLS. Those with it take both sets as one (XEP-0368),
 * and do not fall back to the domain itself when there is an SRV record, "." included. */
void plan_make(const struct lookup *l, enum lookup_side side, bool direct_tls, struct plan *out);

/* What Openfire does for a server when neither _xmpp-server nor _xmpps-server has records: it goes by
 * _jabber. False: there is no such record, or it was not looked up. */
bool plan_make_obsolete(const struct lookup *l, struct plan *out);

/* A step at least leads to a host that others can reach: not only to the program's own ("localhost"). */
bool plan_leads_out(const struct plan *p);

/* "a.example", the step's host. Returns text. */
const char *plan_step_host(const struct plan_step *s, char text[NAME_TEXT]);

/* The same steps to the same end. */
bool plan_is_equal(const struct plan *a, const struct plan *b);

/* "connects to a.example port 5222 (STARTTLS) first; falls back to ..." */
void plan_write(const struct plan *p, FILE *out);

/* "direct TLS" or "STARTTLS" */
static inline const char *plan_tls(bool direct) { return direct ? "direct TLS" : "STARTTLS"; }
#endif
