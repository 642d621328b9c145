/* resp_none.c: what stands in when this was built without hiredis. Exports resp_*. */
#include "share/resp.h"

struct resp_library *resp_load(FILE *err) {
  fputs("jidnsd: --shared: built without hiredis; build with --with-shared=yes\n", err);
  return NULL;
}

/* There is no library, so nobody has a connection. */
void resp_unload(struct resp_library *l) { (void)l; }
struct resp *resp_new(const struct resp_library *l) {
  return (void)l, NULL;
}
void resp_free(struct resp *r) { (void)r; }
bool resp_put(struct resp *r, const void *octets, size_t len) {
  return (void)r, (void)octets, (void)len, false;
}
enum resp_next resp_next(struct resp *r, struct engine_reply *out) { return (void)r, (void)out, RESP_BROKEN; }
const char *resp_why(const struct resp *r) { return (void)r, "built without hiredis"; }
char *resp_command(const struct resp_library *l, const struct engine_command *c, size_t *len) {
  (void)l, (void)c, (void)len;
  return NULL;
}
void resp_command_free(const struct resp_library *l, char *octets) { (void)l, (void)octets; }
