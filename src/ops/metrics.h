/* Pages over HTTP for what watches the daemon: a plain GET, an answer, nothing else. What they say is the
 * daemon's. libmicrohttpd, which brings a TLS library, is loaded when the setting asks for it: others don't
 * pay for its memory. */
#ifndef JIDNS_OPS_METRICS_H
#define JIDNS_OPS_METRICS_H
#include <stdio.h>
#include <uv.h>

#include "base/addr.h"

enum {
  METRICS_PORT = 9153,
  METRICS_CONNECTIONS = 64, /* more wait until one of them is done */
  METRICS_IDLE_S = 5        /* without a whole request, or taking its answer, a connection lives so long */
};

struct metrics_page {
  const char *path, *content_type;
  unsigned (*write)(void *ctx, FILE *out); /* returns the status: 200 or 503 */
};

struct metrics;

/* Loads the library and listens at addr: to be called before rights are given up. NULL, and the reason in one
 * line on err. */
struct metrics *metrics_open(const union addr *addr, FILE *err);

/* Answers from now on, in this loop's thread. Pages are borrowed until metrics_close. False when memory or
 * descriptors are out. */
bool metrics_start(struct metrics *m, uv_loop_t *loop, const struct metrics_page *pages, unsigned count,
                   void *ctx);

/* Frees once the loop has run, if it was started. NULL is allowed. */
void metrics_close(struct metrics *m);
#endif
