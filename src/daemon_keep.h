/* Keeps the cache over restarts: loads the snapshot once it is running, writes one now and then and at the
 * end, in a thread of its own. What goes wrong costs the snapshot, nothing else, and is logged once. */
#ifndef JIDNS_DAEMON_KEEP_H
#define JIDNS_DAEMON_KEEP_H
#include <uv.h>

#include "cache/cache.h"
#include "settings/settings.h"

struct keeper;

/* Loop, cache and settings are borrowed; the loop's thread is the only one that may call these. NULL when
 * memory is out, which is logged. */
struct keeper *keeper_start(uv_loop_t *loop, struct cache *c, const struct settings *s);

/* Something was flushed: the snapshot is written again soon. NULL is allowed. */
void keeper_flushed(struct keeper *k);

/* The settings have changed. NULL is allowed. */
void keeper_reload(struct keeper *k);

/* Ends what is going on, writes the last snapshot and closes; it is freed when the loop has run. The workers
 * must have ended, the cache not yet. NULL is allowed. */
void keeper_stop(struct keeper *k);
#endif
