/* check_json_none.c: what stands in when jansson is missing. Exports check_has_json, check_write_json,
 * as_write_json, against_read, cached_read. */
#include "tool/cached.h"
#include "tool/check_as.h"

bool check_has_json(void) { return false; }

bool as_write_json(const struct as_walk *w, bool compact, FILE *out) {
  (void)w, (void)compact, (void)out;
  return false;
}

struct cached *cached_read(const struct cli *c) {
  (void)c;
  fputs("jidns check: --from-daemon: this jidns was built without jansson\n", stderr);
  return NULL;
}

bool against_read(struct old_reports *o, const char *path, FILE *err) {
  *o = (struct old_reports){.count = 0};
  fprintf(err, "jidns check: --against %s: this jidns was built without jansson\n", path);
  return false;
}

bool check_write_json(const struct checked *c, const struct check_options *o, bool compact, FILE *out) {
  (void)c, (void)o, (void)compact, (void)out;
  return false;
}
