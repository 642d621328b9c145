/* failures.c: questions that failed a moment ago. Exports failures_*. */
#include "forward/failures.h"

#include <stdlib.h>

static struct failure *place(const struct failures *f, const struct question *q) {
  return f->table ? &f->table[q->hash % FAILURES] : NULL;
}

bool failures_is_word(enum err why) {
  return why == ERR_SERVFAIL || why == ERR_REFUSED || why == ERR_LAME || why == ERR_LIE || why == ERR_RCODE ||
         why == ERR_REBIND;
}

/* Nobody said anything. */
static bool is_silence(enum err why) { return why == ERR_TIMEOUT || why == ERR_UNREACHABLE || why == ERR_TCP || why == ERR_FORGED; }

void failures_add(struct failures *f, const struct question *q, enum err why, uint64_t now_ms) {
  if (!failures_is_word(why) && !is_silence(why)) return;
  if (!f->table && !(f->table = calloc(FAILURES, sizeof *f->table))) return;
  struct failure *x = place(f, q);
  bool again = x->hash == q->hash && now_ms < x->until_ms + FAILURE_MOST_MS;
  x->for_ms = again ? x->for_ms * 2 : FAILURE_FIRST_MS;
  if (x->for_ms > FAILURE_MOST_MS) x->for_ms = FAILURE_MOST_MS;
  if (is_silence(why)) x->for_ms = FAILURE_LEAST_MS;
  else f->row++;
  x->hash = q->hash;
  x->why = why;
  x->until_ms = now_ms + x->for_ms;
}

enum err failures_find(const struct failures *f, const struct question *q, uint64_t now_ms) {
  const struct failure *x = place(f, q);
  return x && x->hash == q->hash && now_ms < x->until_ms ? x->why : ERR_NONE;
}

/* What was remembered in it is asked again as soon as may be. */
static void end_trouble(struct failures *f) {
  for (struct failure *x = f->table; x < f->table + FAILURES; x++) {
    if (x->for_ms <= FAILURE_LEAST_MS) continue;
    x->until_ms -= x->for_ms - FAILURE_LEAST_MS;
    x->for_ms = FAILURE_LEAST_MS;
  }
}

void failures_answered(struct failures *f, const struct question *q) {
  struct failure *x = place(f, q);
  if (x && x->hash == q->hash) *x = (struct failure){0};
  if (f->row >= FAILURE_TROUBLE) end_trouble(f);
  f->row = 0;
}

void failures_close(struct failures *f) {
  free(f->table);
  f->table = NULL;
}
