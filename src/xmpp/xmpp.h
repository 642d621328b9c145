/* What makes this an XMPP resolver: an observer of forward that knows what will be asked next. Remove it, and
 * a working caching forwarder remains. */
#ifndef JIDNS_XMPP_XMPP_H
#define JIDNS_XMPP_XMPP_H
#include "forward/forward.h"
#include "xmpp/budget.h"
#include "xmpp/guess.h"
#include "xmpp/kin.h"
#include "xmpp/revive.h"

enum xmpp_expand {
  XMPP_EXPAND_OFF,
  XMPP_EXPAND_CACHED, /* SRV answers get the addresses that the cache has */
  XMPP_EXPAND_WAIT /* and those that it lacks are asked for, while the answer waits, at most EXPAND_WAIT_MS */
};

struct xmpp_policy {
  enum xmpp_expand expand;
  bool expand_all; /* SRV answers of every service, not only the XMPP ones */
  bool log_walks;  /* a line for each walk to a domain (walks.h) */
  bool prefetch;   /* ask for a family's other records ahead, renew names in use before they expire */
  bool guess;      /* the addresses of likely targets, too (xmpp/guess.h) */
};

struct xmpp;

/* Makes itself the observer of f, which must outlive it until forward_stop. `budget` and `guesses` (NULL:
 * nothing is guessed) are borrowed, and shared by all that are in one process. NULL when memory is out. */
struct xmpp *xmpp_new(struct forward *f, const struct xmpp_policy *options, struct xmpp_budget *budget,
                      struct guesses *guesses);
/* Subdomains are learnt and go with their domain from now on; `kin` is borrowed and shared as budget is. */
void xmpp_set_kin(struct xmpp *x, struct kin *kin);
/* Asks what is on the list, one by one, from now on; takes it over. Not while prefetch is off. */
void xmpp_revive(struct xmpp *x, struct revive_list *list, uint64_t now_ms);
void xmpp_set_policy(struct xmpp *x, const struct xmpp_policy *options); /* from now on */
const struct xmpp_policy *xmpp_policy(const struct xmpp *x);             /* what holds; borrowed */
/* What became of domains' services; borrowed; NULL: nobody has waited for any yet. */
const struct domains *xmpp_domains(const struct xmpp *x);
void xmpp_free(struct xmpp *x); /* after forward_stop */
#endif
