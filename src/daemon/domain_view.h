/* XMPP domains as those who look at the daemon see them, in `jidns top` and on its page: how often each is
 * asked for, counted while somebody looks (domain_watch.h), and what became of those who waited, counted from
 * the start (xmpp/domains.h). */
#ifndef JIDNS_DAEMON_DOMAIN_VIEW_H
#define JIDNS_DAEMON_DOMAIN_VIEW_H
#include "daemon/daemon.h"
#include "xmpp/domains.h"

enum { DOMAIN_ROWS = BUSY_DOMAINS + DOMAINS_MAX };

struct domain_row {
  const uint8_t *name; /* all borrowed from the view */
  size_t name_len;
  const struct busy_domain *busy;         /* NULL: not asked for since somebody looks */
  const struct domain_outcomes *outcomes; /* NULL: nobody waited */
};

struct domain_view; /* the sums over all workers at one moment */

struct domain_view *domain_view_new(struct daemon *d); /* NULL when memory is out */
void domain_view_free(struct domain_view *v);

/* The busiest first, then those that nobody has asked for since. Returns how many. */
unsigned domain_view_rows(const struct domain_view *v, struct domain_row rows[DOMAIN_ROWS]);
#endif
