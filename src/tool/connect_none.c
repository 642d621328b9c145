/* connect_none.c: what stands in when this was built without OpenSSL or Expat. Exports connect_open,
 * connect_close, connect_all. */
#include "tool/connect.h"

struct connector *connect_open(const struct connect_options *o, FILE *err) {
  (void)o;
  fprintf(err, "this jidns was built without OpenSSL or Expat\n");
  return NULL;
}

void connect_close(struct connector *c) { (void)c; }

struct connections *connect_all(struct connector *c, const struct facts *f) {
  return (void)c, (void)f, NULL;
}
