/* show_json_none.c: what stands in when jansson is missing. Exports show_has_json, show_lookup_json,
 * show_query_json. */
#include "tool/show.h"

bool show_has_json(void) { return false; }

bool show_lookup_json(const struct findings *f, const struct ask_options *o, FILE *out) {
  (void)f, (void)o, (void)out;
  return false;
}

bool show_query_json(const struct asked *a, const struct ask_options *o, FILE *out) {
  (void)a, (void)o, (void)out;
  return false;
}
