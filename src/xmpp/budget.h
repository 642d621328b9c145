/* How much is prefetched, at most: what all workers of the daemon share. Any thread may take from it.
 *
 * One client's question costs no more than SET_OFF_MAX upstream questions, whatever answers say and whenever
 * they come; this much is each worker's own to count (xmpp_priv.h). Here are the bounds in time: for all
 * questions, and for those that answers aim at other zones than the asked domain's own (the NXNS and iDNS
 * attacks). */
#ifndef JIDNS_XMPP_BUDGET_H
#define JIDNS_XMPP_BUDGET_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  BUDGET_PER_S = 5000, /* questions prefetched a second */
  BUDGET_PARENT_PER_S =
      32, /* of them for hosts below one parent outside the asked domain: 16 targets' addresses */
  BUDGET_SUFFIX_PER_S = 256, /* the same by their last two labels, as the parent may be made up, too; and
                                below a top-level domain */
  BUDGET_PLACES = 1024       /* of parents and suffixes, by hash; those that meet in one place share */
};

/* A window of a second that begins with the first question in it: when that was (48 bits) and how many there
 * were (16 bits). */
typedef _Atomic uint64_t budget_window;

/* Zero one to start. */
struct xmpp_budget {
  budget_window all, outside[BUDGET_PLACES];
};

/* Takes one question from what is left of this second. False: nothing is. */
bool budget_take(struct xmpp_budget *b, uint64_t now_ms);

/* Takes one for `name` (in lower case, its own length octets), which lies outside the asked domain. `seed` is
 * the process's. */
bool budget_take_outside(struct xmpp_budget *b, const uint8_t *name, size_t len, uint64_t seed,
                         uint64_t now_ms);
#endif
