/* Tells when this machine's interfaces or their addresses may have changed. */
#ifndef JIDNS_OPS_NETWATCH_H
#define JIDNS_OPS_NETWATCH_H
#include <stdbool.h>
#include <uv.h>

enum {
  NETWATCH_SETTLE_MS = 100, /* what changes together is told together, */
  NETWATCH_APART_MS = 500,  /* and in a storm, such as a host of containers makes, so often */
  NETWATCH_POLL_MS = 2000 /* where the kernel tells nobody, as in some sandboxes, the caller looks so often */
};

struct netwatch;

/* Calls changed(ctx), in the loop's thread, once soon and then each time that an interface or an address
 * came, went or was made another (rtnetlink(7)): what has changed, if anything, the caller finds out. False:
 * it could not, and is called again in 2 s. NULL when memory is out. */
struct netwatch *netwatch_new(uv_loop_t *loop, bool (*changed)(void *ctx), void *ctx);
void netwatch_close(struct netwatch *w); /* frees it in the loop's next turn; NULL is fine */
#endif
