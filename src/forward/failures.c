/* failures.c: questions that failed a moment ago. Exports failures_*. */
#include "forward/failures.h"

#include <stdlib.h>

static struct failure *slot_of(const struct failures *f, const struct question *q) {
  return f->table ? &f->table[q->hash % FAILURES] : NULL;
}

bool failures_is_server_verdict(enum err why) {
  return why == ERR_SERVFAIL || why == ERR_REFUSED || why == ERR_LAME || why == ERR_BAD_REPLY ||
         why == ERR_RCODE || why == ERR_REBIND || why == ERR_HTTP_ANSWER || err_is_of_dnssec(why);
}

/* Nobody said anything. */
static bool is_silence(enum err why) {
  return why == ERR_TIMEOUT || why == ERR_FORGED || err_is_of_connection(why);
}

static uint32_t doubled(uint32_t before_ms, uint32_t most_ms) {
  if (before_ms < FAILURE_FIRST_MS) return FAILURE_FIRST_MS;
  return before_ms < most_ms / 2 ? before_ms * 2 : most_ms;
}

static uint32_t rest_after(const struct failure *x, enum err why, bool again, uint64_t now_ms) {
  if (is_silence(why)) return FAILURE_MIN_MS;
  if (why != ERR_SERVFAIL && why != ERR_REFUSED) return doubled(again ? x->for_ms : 0, FAILURE_MAX_MS);
  uint64_t rest_ms = (now_ms - x->since_ms) / FAILURE_SHARE;
  if (rest_ms < FAILURE_MIN_MS) return FAILURE_MIN_MS;
  return rest_ms < FAILURE_MAX_MS ? (uint32_t)rest_ms : FAILURE_MAX_MS;
}

void failures_add(struct failures *f, const struct question *q, enum err why, uint64_t now_ms) {
  if (!failures_is_server_verdict(why) && !is_silence(why)) return;
  if (!f->table && !(f->table = calloc(FAILURES, sizeof *f->table))) return;
  struct failure *x = slot_of(f, q);
  bool again = x->hash == q->hash && now_ms < x->until_ms + FAILURE_MAX_MS;
  if (is_silence(why) && x->unanswered && x->hash == q->hash) return; /* more is known of it already */
  if (!again) x->since_ms = now_ms;
  x->unanswered = false;
  x->for_ms = rest_after(x, why, again, now_ms);
  if (!is_silence(why)) f->failures_in_a_row++;
  x->hash = q->hash;
  x->why = why;
  x->until_ms = now_ms + x->for_ms;
}

void failures_add_unanswered(struct failures *f, const struct question *q, uint64_t now_ms) {
  if (!f->table && !(f->table = calloc(FAILURES, sizeof *f->table))) return;
  struct failure *x = slot_of(f, q);
  uint32_t before_ms = failures_was_unanswered(f, q, now_ms) ? x->for_ms : 0,
           for_ms = doubled(before_ms, FAILURE_UNANSWERED_MS);
  *x = (struct failure){.hash = q->hash,
                        .since_ms = now_ms,
                        .until_ms = now_ms + for_ms,
                        .for_ms = for_ms,
                        .why = ERR_TIMEOUT,
                        .unanswered = true};
}

bool failures_was_unanswered(const struct failures *f, const struct question *q, uint64_t now_ms) {
  const struct failure *x = slot_of(f, q);
  return x && x->unanswered && x->hash == q->hash && now_ms < x->until_ms + FAILURE_UNANSWERED_MS;
}

enum err failures_find(const struct failures *f, const struct question *q, uint64_t now_ms) {
  const struct failure *x = slot_of(f, q);
  return x && x->hash == q->hash && now_ms < x->until_ms ? x->why : ERR_NONE;
}

bool failures_rests_ahead(const struct failures *f, const struct question *q, uint64_t now_ms) {
  const struct failure *x = slot_of(f, q);
  if (!x || x->hash != q->hash) return false;
  if (is_silence(x->why) && !x->unanswered) return now_ms < x->until_ms; /* it says nothing about q */
  uint32_t longer_ms = x->for_ms * FAILURE_AHEAD;
  return now_ms < x->until_ms + (longer_ms < FAILURE_MAX_MS ? longer_ms : FAILURE_MAX_MS);
}

/* What was remembered in it is asked again as soon as may be. */
static void end_outage(struct failures *f) {
  for (struct failure *x = f->table; x < f->table + FAILURES; x++) {
    if (x->for_ms <= FAILURE_MIN_MS) continue;
    x->until_ms -= x->for_ms - FAILURE_MIN_MS;
    x->for_ms = FAILURE_MIN_MS;
  }
}

void failures_answered(struct failures *f, const struct question *q) {
  struct failure *x = slot_of(f, q);
  if (x && x->hash == q->hash) *x = (struct failure){0};
  if (f->failures_in_a_row >= FAILURE_OUTAGE) end_outage(f);
  f->failures_in_a_row = 0;
}

void failures_forget(struct failures *f) {
  free(f->table);
  *f = (struct failures){0};
}
