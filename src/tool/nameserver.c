/* nameserver.c: the first server of resolv.conf(5). Exports nameserver_first, nameserver_search. */
#include "tool/nameserver.h"

#include <stdio.h>
#include <string.h>

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
  fprintf(err, "jidns: %s: asking 127.0.0.1, as programs do; --server ADDR asks another\n",
          resolvconf_why(path, &r, why));
  must(addr_parse("127.0.0.1", DNS_PORT, out));
}

size_t nameserver_search(const char *path, char out[NAMESERVER_SEARCH_MAX][NAMESERVER_NAME]) {
  static const char blanks[] = " \t\r\n";
  char line[1024];
  size_t n = 0;
  FILE *file = fopen(path, "re");
  while (file && fgets(line, sizeof line, file)) {
    char *rest, *word = strtok_r(line, blanks, &rest);
    if (!word || (strcmp(word, "search") != 0 && strcmp(word, "domain") != 0)) continue;
    n = 0;
    while (n < NAMESERVER_SEARCH_MAX && (word = strtok_r(NULL, blanks, &rest))) {
      if (strlen(word) < NAMESERVER_NAME) strcpy(out[n++], word);
    }
  }
  if (file) fclose(file);
  return n;
}
