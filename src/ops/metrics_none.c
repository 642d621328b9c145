/* metrics_none.c: built without libmicrohttpd: no pages. Exports metrics_*. */
#include "ops/metrics.h"

struct metrics *metrics_open(const union addr *addr, FILE *err) {
  (void)addr;
  fprintf(err, "jidnsd: --metrics: this jidnsd was built without libmicrohttpd\n");
  return NULL;
}

bool metrics_start(struct metrics *m, uv_loop_t *loop, const struct metrics_page *pages, unsigned count,
                   void *ctx) {
  (void)m;
  (void)loop;
  (void)pages;
  (void)count;
  (void)ctx;
  return false;
}

void metrics_close(struct metrics *m) { (void)m; }
