/* XMPP domains as those who look at the daemon see them, in `jidns top` and on its page: how often each is
 * asked for and where walks to it lead, counted while somebody looks (domain_watch.h), and what became of
 * those who waited, counted from the start (xmpp/domains.h). */
#ifndef JIDNS_DAEMON_DOMAIN_VIEW_H
#define JIDNS_DAEMON_DOMAIN_VIEW_H
#include "daemon/daemon.h"
#include "daemon/domain_way.h"
#include "xmpp/domains.h"

enum { DOMAIN_ROWS = CONTACTS_MAX + BUSY_DOMAINS + DOMAINS_MAX };

struct domain_row {
  const uint8_t *name; /* all borrowed from the view */
  size_t name_len;
  const struct busy_domain *busy;         /* NULL: not asked for since somebody looks */
  const struct domain_outcomes *outcomes; /* NULL: nobody waited */
  const struct contact *contact;          /* NULL: no walk has ended since somebody looks at walks */
};

struct domain_view; /* the sums over all workers at one moment */

struct domain_view *domain_view_new(struct daemon *d); /* NULL when memory is out */
void domain_view_free(struct domain_view *v);

/* Where a domain is, of one role. */
struct domain_row_way {
  uint64_t ended_ms; /* when the last walk ended; 0: none did */
  enum walk_end end; /* and how */
  bool is_walked;    /* `way` is the one that a walk took; else what the cache says would be tried first */
  enum domain_way known;
  struct walk_way way; /* of DOMAIN_WAY_SRV and DOMAIN_WAY_ADDRESSES */
  bool is_stale;       /* what the cache has of it has expired */
};

/* False when nothing is known of it. */
bool domain_view_way(const struct domain_view *v, const struct domain_row *row, enum family_role role,
                     struct domain_row_way *out);

/* DOMAIN_VIEW_BUSIEST: the busiest first, then those that nobody has asked for since, then those of which
 * nothing but a walk is known. DOMAIN_VIEW_LATEST: those contacted last first, then the others so. Returns
 * how many. */
enum domain_view_order { DOMAIN_VIEW_BUSIEST, DOMAIN_VIEW_LATEST };
unsigned domain_view_rows(const struct domain_view *v, enum domain_view_order order,
                          struct domain_row rows[DOMAIN_ROWS]);
#endif
