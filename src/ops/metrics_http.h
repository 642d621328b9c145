/* Pages over HTTP for what watches the daemon: a plain GET, an answer, nothing else. What they say is the
 * daemon's. libmicrohttpd, which brings a TLS library, is loaded when the setting asks for it: others don't
 * pay for its memory. A listener on loopback shows pages with a policy under an address or as localhost only.
 */
#ifndef JIDNS_OPS_METRICS_HTTP_H
#define JIDNS_OPS_METRICS_HTTP_H
#include <stdio.h>
#include <uv.h>

#include "base/addr.h"

enum {
  METRICS_PORT = 9153,
  METRICS_CONNECTIONS = 64, /* more wait until one of them is done */
  METRICS_IDLE_S = 5        /* without a whole request, or taking its answer, a connection lives so long */
};

struct metrics_policy {
  union addr addr; /* of HTTP; family 0: none */
  bool is_public;  /* that is meant to be an address that other hosts reach */
};

struct metrics_http_page {
  const char *path, *content_type;
  unsigned (*write)(void *ctx, FILE *out); /* returns the status: 200 or 503 */
  const char *(*policy)(void *ctx); /* the Content-Security-Policy of what was just written; NULL: none */
};

struct metrics_http;

/* Loads the library and listens at addr: to be called before rights are given up. NULL, and the reason in one
 * line on err. */
struct metrics_http *metrics_http_open(const union addr *addr, FILE *err);

/* Answers from now on, in this loop's thread. Pages are borrowed until metrics_http_close. False when memory
 * or descriptors are out. */
bool metrics_http_start(struct metrics_http *m, uv_loop_t *loop, const struct metrics_http_page *pages,
                        unsigned count, void *ctx);

/* Frees once the loop has run, if it was started. NULL is allowed. */
void metrics_http_close(struct metrics_http *m);
#endif
