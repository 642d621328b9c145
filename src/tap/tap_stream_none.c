/* tap_stream_none.c: what stands in when this was built without libfstrm. Exports tap_library_*,
 * tap_stream_*, tap_queue_*. */
#include "tap/tap_stream.h"

struct tap_library *tap_library_load(FILE *err) {
  fputs("jidnsd: can't send dnstap messages: built without libfstrm\n", err);
  return NULL;
}

/* There is no library, so nobody has a stream. */
void tap_library_unload(struct tap_library *l) { (void)l; }
struct tap_stream *tap_stream_open(const struct tap_library *l, const struct tap_policy *policy,
                                   const char *version, unsigned workers, FILE *err) {
  return (void)l, (void)policy, (void)version, (void)workers, (void)err, NULL;
}
struct tap_queue *tap_stream_queue(struct tap_stream *s, unsigned worker) {
  return (void)s, (void)worker, NULL;
}
void tap_stream_count(const struct tap_stream *s, struct tap_counts *sum) { (void)s, (void)sum; }
bool tap_stream_is_connected(const struct tap_stream *s) { return (void)s, false; }
void tap_stream_close(struct tap_stream *s, struct tap_counts *sum) { (void)s, (void)sum; }
void tap_queue_write(struct tap_queue *q, const struct tap_message *m) { (void)q, (void)m; }
