/* hold.c: clients that wait for what the observer adds. Exports hold_*, forward_release. */
#include "forward/hold.h"

static enum forward_waiters waiters_of(const struct pending *p) {
  if (p->prefetch) return WAITERS_NONE;
  return pending_first(p) && p->stored ? WAITERS_CAN_WAIT : WAITERS_GONE;
}

bool hold_begin(struct pending *p, uint64_t now_ms) {
  const struct forward *f = p->forward;
  enum forward_waiters waiters = waiters_of(p);
  if (!f->watch.on_done) return false;
  uint32_t hold_ms = f->watch.on_done(f->watch.ctx, &p->question, &f->answer, waiters, now_ms);
  if (hold_ms == 0 || waiters != WAITERS_CAN_WAIT) return false;

  /* never beyond the patience of who has waited for longest */
  uint64_t end_ms = now_ms + hold_ms, patience_ms = pending_first(p)->since_ms + PATIENCE_MS;
  pending_resume_at(p, end_ms < patience_ms ? end_ms : patience_ms);
  pending_drop_draft(p); /* the cache has it, and will have more */
  p->step = STEP_HELD;
  return true;
}

void forward_release(struct forward *f, const struct question *q, uint64_t now_ms) {
  struct pending *p = pending_find(&f->table, q);
  if (p && p->step == STEP_HELD) pending_resume_at(p, now_ms);
}

/* The cache has what came of it. */
enum next hold_end(struct pending *p, const struct event *e) {
  enum { GRACE_S = 2 }; /* it was fresh when they began to wait */
  struct forward *f = p->forward;
  uint64_t now_ms = e->now_ms;
  forward_due(f, &p->question, false, now_ms); /* some of what they waited for may be there */
  for (struct waiter *w; (w = pending_first(p));) {
    if (deliver_cached(f, p, w, GRACE_S, now_ms)) continue;
    steps_start_anew(p, now_ms); /* pushed out of the cache meanwhile: ask once more */
    p->step = STEP_PICK;
    return MORE;
  }
  return DONE;
}
