/* ctl_show_none.c: what stands in when jansson is missing. Exports ctl_show, ctl_show_dump_json,
 * ctl_show_error. */
#include "tool/ctl_show.h"

bool ctl_show(const struct cli *c, const char *line, FILE *out) {
  (void)c, (void)line, (void)out;
  return false;
}

bool ctl_show_dump_json(const char *line, FILE *out) {
  (void)line, (void)out;
  return false;
}

void ctl_show_error(const struct cli *c, const char *line) {
  fprintf(stderr, "jidns %s: %s\n", c->command, line);
}
