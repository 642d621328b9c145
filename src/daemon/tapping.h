/* The daemon's dnstap: the library, the stream to the collector that is in force, and what all streams have
 * counted. Main thread only. */
#ifndef JIDNS_DAEMON_TAPPING_H
#define JIDNS_DAEMON_TAPPING_H
#include "daemon/workers.h"
#include "tap/tap_stream.h"

struct tapping {
  struct tap_library *library; /* NULL: it was not loaded */
  struct tap_stream *stream;   /* NULL: there is no collector in the settings, or no thread */
  struct tap_counts before;    /* of streams that are closed */
};

/* Loads what s needs. is_filtered: system calls are, and nothing can be loaded any more. False, and said on
 * err, when it can't be had. */
bool tapping_load(struct tapping *t, const struct settings *s, bool is_filtered, FILE *err);

/* Opens the stream that s wants: *out, NULL for none. False, and said on err, and *out is NULL:
 * out of memory, or no thread can be had. */
bool tapping_open(const struct tapping *t, const struct settings *s, struct tap_stream **out, FILE *err);

/* It is in force for all workers, as s says; the one before it is closed. */
void tapping_use(struct tapping *t, const struct settings *s, struct tap_stream *stream,
                 struct workers *workers);

void tapping_count(const struct tapping *t, struct counters *sum); /* adds what was counted until now */
void tapping_stop(struct tapping *t);                              /* when there are no workers any more */
#endif
