/* tapping.c: dnstap, from the settings to each worker. Exports tapping_*. */
#include "daemon/tapping.h"

#include <string.h>

#include "config.h"

bool tapping_load(struct tapping *t, const struct settings *s, bool is_filtered, FILE *err) {
  if (t->library || !*s->tap.socket) return true;
  if (is_filtered) {
    fputs("jidnsd: can't send dnstap messages: libfstrm was not loaded, because dnstap was off at the start; "
          "restart jidnsd\n",
          err);
    return false;
  }

  t->library = tap_library_load(err);
  return t->library != NULL;
}

bool tapping_open(const struct tapping *t, const struct settings *s, struct tap_stream **out, FILE *err) {
  *out = NULL;
  if (!*s->tap.socket) return true;
  *out = tap_stream_open(t->library, &s->tap, PACKAGE_NAME " " PACKAGE_VERSION, s->threads, err);
  return *out != NULL;
}

struct turn_over {
  const struct tap_policy *policy;
  struct tap_stream *stream;
  unsigned nth; /* of the workers */
};

static void turn_over(struct worker *w, void *arg) {
  struct turn_over *o = arg;
  worker_set_tap(w, o->policy, o->stream ? tap_stream_queue(o->stream, o->nth) : NULL);
  o->nth++;
}

void tapping_use(struct tapping *t, const struct settings *s, struct tap_stream *stream,
                 struct workers *workers) {
  struct turn_over o = {.policy = &s->tap, .stream = stream};
  workers_each(workers, turn_over, &o);
  tap_stream_close(t->stream, &t->before);
  t->stream = stream;
}

void tapping_count(const struct tapping *t, struct counters *sum) {
  struct tap_counts c = t->before;
  if (t->stream) tap_stream_count(t->stream, &c);
  sum->tap_written += c.written;
  sum->tap_dropped += c.dropped;
}

void tapping_stop(struct tapping *t) {
  tap_stream_close(t->stream, &t->before);
  t->stream = NULL;
  tap_library_unload(t->library);
  t->library = NULL;
}
