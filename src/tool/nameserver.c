/* nameserver.c: the first server of resolv.conf(5). Exports nameserver_first. */
#include "tool/nameserver.h"

#include <stdio.h>

#include "base/must.h"
#include "base/resolvconf.h"

enum { DNS_PORT = 53 };

void nameserver_first(const char *path, union addr *out, FILE *err) {
  char why[RESOLVCONF_TEXT];
  struct resolvconf r;
  if (resolvconf_read(path, NULL, 0, &r)) {
    *out = r.servers[0];
    return;
  }
  fprintf(err, "jidns: %s: asking 127.0.0.1, as programs do; --server ADDR asks another\n", resolvconf_why(path, &r, why));
  must(addr_parse("127.0.0.1", DNS_PORT, out));
}
