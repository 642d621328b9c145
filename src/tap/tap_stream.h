/* Frames to a collector over its Unix socket, by libfstrm, which is loaded: a queue for each worker, and one
 * thread that empties them all, connects, and connects again. What finds its queue full, or no collector, is
 * dropped and counted; a worker never waits. */
#ifndef JIDNS_TAP_TAP_STREAM_H
#define JIDNS_TAP_TAP_STREAM_H
#include <stdio.h>

#include "tap/tap.h"

struct tap_library; /* libfstrm, as it was loaded */
struct tap_stream;

/* Loads it; NULL, and the reason in one line on err, when it is not there. To be called before system calls
 * are filtered. */
struct tap_library *tap_library_load(FILE *err);
void tap_library_unload(struct tap_library *l); /* NULL is allowed */

/* Starts the thread, which begins to connect to policy->socket; it is for so many workers. version: the
 * program's, where the policy names none. When rights have been given up, or the thread would keep them.
 * NULL, and the reason on err: out of memory, or no thread can be had. */
struct tap_stream *tap_stream_open(const struct tap_library *l, const struct tap_policy *policy,
                                   const char *version, unsigned workers, FILE *err);

/* A worker's own, valid as long as the stream. */
struct tap_queue *tap_stream_queue(struct tap_stream *s, unsigned worker);

struct tap_counts {
  uint64_t written, dropped; /* frames */
};
/* Adds what was counted until now; from any thread. */
void tap_stream_count(const struct tap_stream *s, struct tap_counts *sum);
bool tap_stream_is_connected(const struct tap_stream *s);

/* Sends what is in the queues, as far as the collector takes it within TAP_STREAM_END_MS, and frees all.
 * Nobody may write any more. NULL is allowed. *sum gets its counts' last word. */
enum { TAP_STREAM_END_MS = 1000 };
void tap_stream_close(struct tap_stream *s, struct tap_counts *sum);

/* The worker's. */
void tap_queue_write(struct tap_queue *q, const struct tap_message *m);
#endif
