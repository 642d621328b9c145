/* Fuzz target: what a plain server says of encrypted ways to it (upstream/discover.h), the first octet aside,
 * which says of what family the server is. Promises: no more ways than there is room for, the best first;
 * each over TLS or HTTPS, at a port, of the server's family; and a path that can stand in a header of HTTP.
 */
#include <string.h>

#include "fuzz.h"
#include "upstream/discover.h"

static void check(const struct discover_way *way, const union addr *server) {
  size_t len = strlen(way->path);
  bool is_https = way->transport == TRANSPORT_HTTPS;
  must(is_https || way->transport == TRANSPORT_TLS);
  must(way->priority > 0 && addr_port(&way->addr) > 0);
  must(way->addr.any.sa_family == server->any.sa_family);
  must(memchr(way->name, 0, sizeof way->name) && memchr(way->path, 0, sizeof way->path));
  must(is_https ? way->path[0] == '/' : len == 0);
  for (size_t i = 0; i < len; i++) must(way->path[i] > ' ' && way->path[i] < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  union addr server;
  struct discover_way ways[DISCOVER_WAYS];
  if (len == 0) return 0;
  must(addr_parse(data[0] & 1 ? "2001:db8::53" : "192.0.2.53", 53, &server));
  unsigned n = discover_read(data + 1, len - 1, &server, ways);
  must(n <= DISCOVER_WAYS);
  for (unsigned i = 0; i < n; i++) {
    check(&ways[i], &server);
    must(i == 0 || ways[i - 1].priority <= ways[i].priority);
  }
  return 0;
}
