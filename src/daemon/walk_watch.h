/* Watches the queries of one wiring for walks (xmpp/walks.h), while somebody wants to know: the log, or
 * whoever looks at the domains lately contacted. Else it has no memory, and no query costs more. */
#ifndef JIDNS_DAEMON_WALK_WATCH_H
#define JIDNS_DAEMON_WALK_WATCH_H
#include "server/serve.h"
#include "xmpp/contacts.h"

struct walk_watch {
  struct walks *walks;       /* NULL: nobody wants to know, or memory is out */
  bool logs;                 /* each gets a line */
  struct contacts *contacts; /* borrowed; NULL: nobody looks */
};

/* From now on this holds. Zeroed it is off, and off it is to be before the service and its timers go. */
void walk_watch_set(struct walk_watch *w, struct query_service *s, struct timers *timers, bool logs,
                    struct contacts *contacts);
#endif
