/* Keeps the cache over restarts: loads the snapshot once it is running, writes one now and then and at the
 * end, in a thread of its own. What goes wrong costs the snapshot, nothing else, and is logged once. */
#ifndef JIDNS_DAEMON_SNAPSHOTTER_H
#define JIDNS_DAEMON_SNAPSHOTTER_H
#include <uv.h>

#include "cache/cache.h"
#include "daemon/workers.h"
#include "settings/settings.h"

struct snapshotter;
struct prover;

/* Loop, cache, guesses and kin (which learn from what is loaded), workers (the first of which asks again for
 * what was in use before), prover and settings are borrowed; the loop's thread is the only one that may call
 * these. NULL when memory is out, which is logged. */
struct snapshotter *snapshotter_start(uv_loop_t *loop, struct cache *c, struct guesses *guesses,
                                      struct kin *kin, struct workers *workers, const struct prover *prover,
                                      const struct settings *s);

/* When the snapshot that these settings name was written, ms since 1970; 0: there is none. */
uint64_t snapshotter_written_ms(const struct settings *s);

/* Something was flushed: the snapshot is written again soon. NULL is allowed. */
void snapshotter_flushed(struct snapshotter *k);

/* The settings have changed. NULL is allowed. */
void snapshotter_reload(struct snapshotter *k);

/* Ends what is going on, writes the last snapshot and closes; it is freed when the loop has run. The workers
 * must have ended, the cache not yet. NULL is allowed. */
void snapshotter_stop(struct snapshotter *k);
#endif
