/* metrics_http_none.c: built without libmicrohttpd: no pages. Exports metrics_*. */
#include "ops/metrics_http.h"

struct metrics_http *metrics_http_open(const union addr *addr, FILE *err) {
  (void)addr;
  fprintf(err, "jidnsd: --metrics: this jidnsd was built without libmicrohttpd\n");
  return NULL;
}

bool metrics_http_start(struct metrics_http *m, uv_loop_t *loop, const struct metrics_http_page *pages,
                        unsigned count, void *ctx) {
  (void)m;
  (void)loop;
  (void)pages;
  (void)count;
  (void)ctx;
  return false;
}

void metrics_http_close(struct metrics_http *m) { (void)m; }
