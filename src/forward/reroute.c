/* reroute.c: questions in flight when their names get other servers. Exports forward_reroute. */
#include "forward/await.h"
#include "forward/prove.h"

static bool shares_a_server(const struct upstream *a, const struct upstream *b) {
  for (unsigned i = 0; i < a->count; i++) {
    for (unsigned k = 0; k < b->count; k++) {
      if (ns_address_equal(&a->servers[i].address, &b->servers[k].address)) return true;
    }
  }
  return false;
}

/* Puts it to u, as if it came in now: what the servers before have to say is no longer of interest. Those who
 * wait wait on. */
static void move(struct forward *f, struct pending *p, struct upstream *u, uint64_t now_ms) {
  pending_drop_tries(p);
  await_drop(p);
  prove_drop(p);
  pending_drop_draft(p);
  pending_drop_part(p);
  upstream_hold(u);
  upstream_release(p->upstream);
  p->upstream = u;

  steps_start_anew(p, now_ms);
  p->server = NULL;
  p->last = ERR_NONE;
  p->notified = false;
  p->step = STEP_PICK;
  p->next_try_ms = now_ms;
  timers_set(f->o.timers, &p->timer, now_ms);
}

void forward_reroute(struct forward *f, uint64_t now_ms) {
  for (unsigned i = 0; i < PENDING_BUCKETS && f->table.count; i++) {
    for (struct pending *p = f->table.buckets[i]; p; p = p->next) {
      struct upstream *u = routes_find(f->o.routes, &p->question);
      bool is_over = p->step == STEP_HELD || p->step == STEP_FAIL;
      bool is_proven_otherwise = p->prove != prove_mode_of(f, &p->question) || (p->prove && f->has_new_judge);
      bool has_others = u != p->upstream && !shares_a_server(u, p->upstream);
      if (!is_over && (has_others || is_proven_otherwise)) move(f, p, u, now_ms);
    }
  }
  f->has_new_judge = false;
}
