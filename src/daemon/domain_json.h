/* XMPP domains, for the commands: what domain_view.h knows of them, as JSON. */
#ifndef JIDNS_DAEMON_DOMAIN_JSON_H
#define JIDNS_DAEMON_DOMAIN_JSON_H
#include "base/jsonw.h"
#include "daemon/domain_view.h"

/* Writes the member "domains": a list, at most DOMAIN_ROWS long. */
void domain_json_write(struct daemon *d, enum domain_view_order order, struct jsonw *j);
#endif
