/* srv.c: SRV records and the order of their targets. Exports srv_read, srv_compare, srv_sort, srv_pick. */
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

/* Which of n entries of one priority, sorted by falling weight, is next. RFC 2782 lists those of weight 0
 * first, in any order, and takes the first whose running sum reaches a number from 0 to the sum: theirs is
 * the 0, shared evenly. */
static size_t choose(const struct srv *list, size_t n, uint32_t (*below)(void *context, uint32_t limit),
                     void *context) {
  uint32_t sum = 0, running = 0; /* 65536 records of weight 65535 still fit */
  size_t weighted = 0, i = 0;
  for (; weighted < n && list[weighted].weight > 0; weighted++) sum += list[weighted].weight;
  uint32_t mark = below(context, sum + 1);
  if (mark == 0 && weighted < n) return weighted + below(context, (uint32_t)(n - weighted));
  while (i + 1 < n && (running += list[i].weight) < mark) i++;
  return i;
}

void srv_pick(struct srv *list, size_t n, uint32_t (*below)(void *context, uint32_t limit), void *context) {
  srv_sort(list, n);
  for (size_t from = 0; from < n; from++) {
    size_t group = from + 1;
    while (group < n && list[group].priority == list[from].priority) group++;
    size_t at = from + choose(list + from, group - from, below, context);
    struct srv chosen = list[at];
    memmove(list + from + 1, list + from, (at - from) * sizeof *list);
    list[from] = chosen;
  }
}
