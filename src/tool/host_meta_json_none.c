/* host_meta_json_none.c: what stands in when jansson is missing. Exports host_meta_read_json. */
#include "tool/host_meta.h"

bool host_meta_read_json(const char *text, size_t len, struct host_meta *out) {
  (void)text, (void)len;
  out->count = 0;
  return false;
}
