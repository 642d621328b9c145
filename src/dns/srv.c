/* srv.c: SRV records and the order of their targets. Exports srv_read, srv_compare, srv_sort. */
#include "dns/srv.h"

enum { SRV_FIXED = 6 }; /* octets of priority, weight and port before the target */

bool srv_read(const struct record *r, struct srv *out) {
  if (r->type != TYPE_SRV || r->klass != CLASS_IN) return false;
  out->target_len = (uint8_t)record_target(r, SRV_FIXED, out->target);
  if (!out->target_len) return false;
  const uint8_t *rdata = record_rdata(r);
  out->priority = load_u16(rdata);
  out->weight = load_u16(rdata + 2);
  out->port = load_u16(rdata + 4);
  return true;
}

int srv_compare(const struct srv *a, const struct srv *b) {
  if (a->priority != b->priority) return a->priority < b->priority ? -1 : 1;
  if (a->weight != b->weight) return a->weight > b->weight ? -1 : 1;
  return 0;
}

static int compare_all(const struct srv *a, const struct srv *b) {
  int order = srv_compare(a, b);
  if (order) return order;
  if (a->port != b->port) return a->port < b->port ? -1 : 1;
  if (a->target_len != b->target_len) return a->target_len < b->target_len ? -1 : 1;
  uint8_t low_a[NAME_MAX_LEN], low_b[NAME_MAX_LEN];
  name_lower(low_a, a->target, a->target_len);
  name_lower(low_b, b->target, b->target_len);
  return memcmp(low_a, low_b, a->target_len);
}

/* A shell sort: qsort(3) may allocate, and a hostile answer of 3,000 records must not cost their square. */
void srv_sort(struct srv *list, size_t n) {
  size_t gap = 1;
  while (gap < n / 3) gap = gap * 3 + 1;
  for (; gap > 0; gap /= 3) {
    for (size_t i = gap; i < n; i++) {
      struct srv moving = list[i];
      size_t at = i;
      for (; at >= gap && compare_all(&moving, &list[at - gap]) < 0; at -= gap) list[at] = list[at - gap];
      list[at] = moving;
    }
  }
}
