/* serve_pace.c: how fast late answers leave. Exports pace_*. */
#include "server/serve_pace.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/must.h"
#include "base/prefix.h"

enum { WINDOW_MS = 1000 };

struct pace_lane {
  struct list waiting; /* struct paced, oldest first */
  size_t queued;
};

void pace_init(struct pace *p, uint64_t seed) { *p = (struct pace){.seed = seed, .left = PACE_BURST}; }

static void roll(struct pace *p, uint64_t now_ms) {
  uint64_t gone_ms = now_ms - p->window_ms;
  if (gone_ms < WINDOW_MS) return;
  p->before_octets = gone_ms < 2 * WINDOW_MS ? p->now_octets : 0;
  p->now_octets = 0;
  p->window_ms = gone_ms < 2 * WINDOW_MS ? p->window_ms + WINDOW_MS : now_ms;
}

/* Octets a millisecond, by what came in over the last second. */
static uint64_t rate(const struct pace *p, uint64_t now_ms) {
  uint64_t gone_ms = now_ms - p->window_ms;
  uint64_t came = p->now_octets + p->before_octets * (WINDOW_MS - gone_ms) / WINDOW_MS;
  uint64_t most = came * PACE_TIMES / WINDOW_MS;
  return most > PACE_LEAST_MS ? most : PACE_LEAST_MS;
}

static void refill(struct pace *p, uint64_t now_ms) {
  roll(p, now_ms);
  uint64_t gone_ms = now_ms - p->at_ms;
  p->at_ms = now_ms;
  if (gone_ms > WINDOW_MS) gone_ms = WINDOW_MS;
  p->left += gone_ms * rate(p, now_ms);
  if (p->left > PACE_BURST) p->left = PACE_BURST;
}

void pace_came(struct pace *p, size_t len, uint64_t now_ms) {
  roll(p, now_ms);
  p->now_octets += len;
}

bool pace_may(struct pace *p, size_t len, uint64_t now_ms) {
  if (p->queued) return false; /* those before it first */
  refill(p, now_ms);
  if (p->left < len) return false;
  p->left -= len;
  return true;
}

static bool open_lanes(struct pace *p) {
  if (p->lanes) return true;
  p->lanes = calloc(PACE_LANES, sizeof *p->lanes);
  for (unsigned i = 0; p->lanes && i < PACE_LANES; i++) list_init(&p->lanes[i].waiting);
  return p->lanes != NULL;
}

bool pace_keep(struct pace *p, const struct client *client, const uint8_t *msg, size_t len) {
  struct prefix host = prefix_of_host(&client->peer);
  if (p->queued + len > PACE_QUEUED || !open_lanes(p)) return false;

  struct pace_lane *lane = &p->lanes[hash_bytes(host.octets, sizeof host.octets, p->seed) % PACE_LANES];
  struct paced *d = lane->queued + len <= PACE_QUEUED / 4 ? malloc(sizeof *d + len) : NULL;
  if (!d) return false;

  d->client = *client;
  d->len = len;
  memcpy(d->msg, msg, len);
  list_append(&lane->waiting, &d->link);
  lane->queued += len;
  p->queued += len;
  if (len > p->largest) p->largest = len;
  return true;
}

/* Takes the first of the lane whose turn it is, or of the next that has one. */
static struct paced *take(struct pace *p) {
  struct list *node = NULL;
  struct pace_lane *lane = NULL;

  while (!node) {
    lane = &p->lanes[p->next++ % PACE_LANES];
    node = list_pop(&lane->waiting);
  }

  struct paced *d = container(node, struct paced, link);
  lane->queued -= d->len;
  p->queued -= d->len;
  if (p->queued) return d;
  free(p->lanes);
  p->lanes = NULL;
  p->largest = 0;
  return d;
}

struct paced *pace_next(struct pace *p, uint64_t now_ms) {
  if (!p->queued) return NULL;
  refill(p, now_ms);
  if (p->left < p->largest) return NULL;
  struct paced *d = take(p);
  p->left -= d->len < p->left ? d->len : p->left;
  return d;
}

void pace_drop(struct pace *p, void (*gone)(struct paced *d, void *arg), void *arg) {
  while (p->queued) gone(take(p), arg);
}
