/* A worker's tables of who is asked and who may ask, made from the settings, with what is known already. */
#ifndef JIDNS_DAEMON_TABLES_H
#define JIDNS_DAEMON_TABLES_H
#include <uv.h>

#include "base/list.h"
#include "daemon/wiring.h"

/* All sets of servers of one worker, those too that only questions in flight still hold. */
struct tables_sets {
  struct list list; /* of struct upstream */
  uv_loop_t *loop;  /* these are borrowed: for the servers' sockets */
  struct counters *counters;
  struct random *random;
  struct tap *tap; /* what passes between servers and channels made from now on is told to it; NULL: nobody */
  struct tls_context *trust; /* borrowed: by whose word encrypted servers are known; NULL: there are none */
  const struct http2_library *http; /* borrowed: for those over HTTPS; NULL: there are none */
};

/* Tables as s has them. Sets of servers that `now` (NULL: none) or questions in flight have go on; new ones
 * inherit what is known of their servers. NULL when memory is out. */
struct wiring_tables *tables_new(struct tables_sets *sets, const struct wiring_tables *now,
                                 const struct settings *s);
/* The channel of an encrypted way to a server (discovery_open); ctx: the sets. */
struct channel *tables_open_way(void *ctx, const struct ns_address *way);
void tables_free(struct wiring_tables *t); /* NULL is allowed */
#endif
