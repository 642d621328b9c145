/* What jidns host says of a host and of a plan. */
#ifndef JIDNS_TOOL_HOST_SHOW_H
#define JIDNS_TOOL_HOST_SHOW_H
#include "tool/host_probe.h"
#include "tool/host_store.h"

/* The files of a plan as a diff, what is run, and its notes. */
void host_show_plan(const struct host_facts *f, const struct host_plan *p, FILE *out);

/* The whole of jidns host status. Returns whether all is well: no ring, nothing half done. */
bool host_show_status(const struct host_facts *f, const struct host_plan *p, const struct host_store *s,
                      const struct host_probe *probe, FILE *out);

/* "192.0.2.53, 192.0.2.54": the servers of resolv.conf; "none". Owned by the caller. */
char *host_show_servers(const struct host_facts *f);
#endif
