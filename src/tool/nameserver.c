/* nameserver.c: the first server of resolv.conf(5). Exports nameserver_first. */
#include "tool/nameserver.h"

#include <stdio.h>
#include <string.h>

#include "base/must.h"

enum { DNS_PORT = 53 };

void nameserver_first(const char *path, union addr *out) {
  char line[512];
  bool found = false;
  FILE *f = fopen(path, "re");
  while (f && !found && fgets(line, sizeof line, f)) {
    char *rest = NULL, *word = strtok_r(line, " \t\r\n", &rest);
    if (!word || strcmp(word, "nameserver") != 0) continue;
    char *value = strtok_r(NULL, " \t\r\n", &rest);
    found = value && addr_parse(value, DNS_PORT, out);
  }
  if (f) fclose(f);
  if (!found) must(addr_parse("127.0.0.1", DNS_PORT, out));
}
