/* fetch.c: the fleet is asked before a server is. Exports fetch_*.
 *
 * FETCH asks for all questions of a turn of the loop in one write. When its time is over the driver goes on
 * to PICK, as it would after a server's silence, and whoever answers first has answered: the fleet's answer
 * is taken as long as the question's servers are being asked. */
#include "forward/fetch.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/must.h"
#include "dns/special.h"
#include "forward/prove.h"

bool fetch_may(const struct forward *f, const struct question *q) {
  if (!f->o.fleet.fetch || question_flags(q) & KEY_CD || special_is(q)) return false;
  if (prove_mode_of(f, q) != PROVE_OFF) return false; /* what others have is not proven */
  const struct route *route = routes_match(f->o.routes, q);
  return !route || route->is_shared;
}

uint64_t fetch_view(const struct routes *r, const struct forward_policy *policy, const struct question *q) {
  const struct route *route = routes_match(r, q);
  uint64_t view = policy->trust_ad;
  return route ? hash_bytes(route->name, route->name_len, view) : view;
}

/* A reload may have given its name other servers since: neither what the fleet knows of the name as it was,
 * nor what these servers say, is then for the other. */
static bool is_still_shared(const struct pending *p) {
  const struct forward *f = p->forward;
  return fetch_may(f, &p->question) && fetch_view(f->o.routes, &f->o.policy, &p->question) == p->fetch.view;
}

enum { LAST_LOOK_MS = 1 }; /* a turn of the loop: timers fire before sockets are read */

/* An answer from the fleet is looked at as one from a server is. False: it is of no use. */
static bool take(struct pending *p, const uint8_t *msg, size_t len) {
  struct forward *f = p->forward;
  struct scrub_border *border = forward_border(f);
  if (scrub_reply(&p->question, msg, len, border, &f->answer) != ERR_NONE) {
    count(f->o.counters, shared_refused);
    return false;
  }

  struct answer_view view = answer_view(&f->answer);
  if (rebind_refuses(&f->o.policy.rebind, &p->question, &view)) return false;
  if (f->o.policy.trust_ad && msg[3] & DNS_AD) f->answer.head.flags |= ANSWER_AD;
  count(f->o.counters, shared_found);
  p->draft = DRAFT_AT_WORK;
  p->flaws = 0;
  p->source = ANSWER_OF_FLEET;
  p->step = border && border->target_len ? STEP_FOLLOW : STEP_STORE;
  return true;
}

static void on_fetched(struct fleet_fetch *fetch, enum fleet_outcome outcome, const uint8_t *msg, size_t len,
                       uint64_t now_ms) {
  struct pending *p = container(fetch, struct pending, fetch);
  char text[QUESTION_TEXT];
  must(p->magic == PENDING_MAGIC);
  if (!pending_asks(p)) return; /* it has been given up */
  bool is_first = p->step == STEP_FETCH;

  if (outcome == FLEET_AWAITED) {
    if (!is_first) return;
    log_debug("forward", "%s: another member of the fleet asks", question_format(&p->question, text));
    p->fetch_awaited = true;
    p->next_try_ms = now_ms + (fetch->is_patient ? FLEET_PATIENCE_MS : FLEET_AWAIT_MS);
    timers_set(p->forward->o.timers, &p->timer, p->next_try_ms);
    return;
  }

  if (outcome == FLEET_FOUND && is_still_shared(p) && take(p, msg, len)) {
    log_debug("forward", "%s: the fleet has it", question_format(&p->question, text));
    forward_resume(p, now_ms);
  } else if (is_first) {
    p->step = STEP_PICK;
    forward_resume(p, now_ms);
  }
}

enum next fetch_begin(struct pending *p, const struct event *e) {
  struct forward *f = p->forward;
  p->fetch = (struct fleet_fetch){.question = &p->question,
                                  .view = fetch_view(f->o.routes, &f->o.policy, &p->question),
                                  .is_patient = p->prefetch && p->origin == ORIGIN_RENEWED,
                                  .done = on_fetched};
  if (!f->o.fleet.fetch(f->o.fleet.ctx, &p->fetch, e->now_ms)) {
    p->step = STEP_PICK;
    return MORE;
  }

  p->fetch_looks = p->fetch_awaited = false;
  p->next_try_ms = e->now_ms - LAST_LOOK_MS +
                   (p->fetch.is_patient ? FLEET_PATIENCE_MS : f->o.fleet.wait_ms(f->o.fleet.ctx));
  return WAIT;
}

void fetch_hurry(struct pending *p, uint64_t now_ms) {
  struct forward *f = p->forward;
  if (p->step != STEP_FETCH || !p->fetch.is_patient) return;
  p->fetch.is_patient = false;
  uint64_t lease_over_ms = p->next_try_ms - (FLEET_PATIENCE_MS - FLEET_AWAIT_MS);
  p->next_try_ms = now_ms + f->o.fleet.wait_ms(f->o.fleet.ctx);
  if (p->fetch_awaited && p->next_try_ms < lease_over_ms) p->next_try_ms = lease_over_ms;
  timers_set(f->o.timers, &p->timer, p->next_try_ms);
}

bool fetch_is_late(struct pending *p, uint64_t now_ms) {
  if (p->step != STEP_FETCH) return true;
  if (!p->fetch_looks) {
    p->fetch_looks = true;
    p->next_try_ms = now_ms + LAST_LOOK_MS;
    return false;
  }
  count(p->forward->o.counters, shared_late);
  return true;
}

void fetch_offer(struct pending *p, uint64_t now_ms) {
  struct forward *f = p->forward;
  bool is_good = p->source == ANSWER_OF_SERVER && !p->flaws;
  if (!f->o.fleet.offer || !p->fetch.question) return;
  is_good = is_good && is_still_shared(p);
  f->o.fleet.offer(f->o.fleet.ctx, &p->fetch, is_good ? &f->answer : NULL, now_ms);
}

void fetch_give_up(struct pending *p, uint64_t now_ms) {
  struct forward *f = p->forward;
  if (f->o.fleet.offer && p->fetch.leads) f->o.fleet.offer(f->o.fleet.ctx, &p->fetch, NULL, now_ms);
}
