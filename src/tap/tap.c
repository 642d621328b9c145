/* tap.c: which messages are told of. Exports tap_*. */
#include "tap/tap.h"

#include <time.h>

#include "tap/tap_stream.h"

void tap_set(struct tap *t, const struct tap_policy *policy, struct tap_queue *queue) {
  *t = (struct tap){.queue = queue};
  if (!queue) return;
  if (policy->what != TAP_UPSTREAM) t->client.every = policy->sample;
  if (policy->what != TAP_CLIENT) t->upstream.every = policy->sample;
}

uint64_t tap_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void tap_write(struct tap *t, const struct tap_message *m) {
  if (t->queue) tap_queue_write(t->queue, m);
}
