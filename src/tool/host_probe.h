/* The running jidnsd of a host, as it says itself, and real questions to it. */
#ifndef JIDNS_TOOL_HOST_PROBE_H
#define JIDNS_TOOL_HOST_PROBE_H
#include "tool/cli.h"
#include "tool/host.h"

enum { HOST_PROBE_TEXT = 600 };

struct host_probe {
  bool runs;                       /* it answers on its control socket */
  bool is_there;                   /* it listens on HOST_JIDNSD port 53 */
  char listen[HOST_PROBE_TEXT];    /* "127.0.0.1:53, [::1]:53" */
  char upstreams[HOST_PROBE_TEXT]; /* "192.0.2.53:53"; "": none */
  struct host_upstreams asks;
};

/* Asks the control socket of c. What keeps it from answering is on stderr, unless there is no socket at all.
 */
void host_probe_jidnsd(const struct cli *c, struct host_probe *p);

/* A name that nobody has asked for before, below example.com, in text; or the one that c names. */
const char *host_probe_name(const struct cli *c, char text[64]);

/* Asks server (an address) for the address of name: "NOERROR" or "NXDOMAIN" when DNS works, else *good is
 * false and it says what came instead. Static, or in text. */
const char *host_probe_ask(const struct cli *c, const char *server, const char *name, bool *good,
                           char text[64]);
#endif
