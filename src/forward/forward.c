/* forward.c: the driver of a miss, its time, and what others call. Exports forward_*. */
#include <stdlib.h>

#include "base/log.h"
#include "base/must.h"
#include "dns/special.h"
#include "dns/ttl.h"
#include "forward/await.h"
#include "forward/denial.h"
#include "forward/fallback.h"
#include "forward/fetch.h"
#include "forward/follow.h"
#include "forward/prove.h"
#include "forward/silence.h"

/* ---- the driver ---- */

static void finish(struct pending *p) {
  struct forward *f = p->forward;
  timers_stop(f->o.timers, &p->timer);
  timers_release(f->o.timers);
  pending_free(&f->table, p);
}

/* A question that nobody waits for is asked twice at most; a late answer may come as long as it is open. */
static bool may_ask_again(const struct pending *p) {
  return pending_asks(p) && p->retry != RETRY_EXHAUSTED && (pending_first(p) || p->asked < 2);
}

static uint64_t waiter_due(const struct forward *f, const struct pending *p, const struct waiter *w) {
  uint32_t stale_ms = p->usual_ms < STALE_PATIENCE_MS ? STALE_PATIENCE_MS : p->usual_ms;
  return w->since_ms + (f->o.policy.max_stale_s && p->stale != STALE_MISSING && stale_ms < p->patience_ms
                            ? stale_ms
                            : p->patience_ms);
}

/* A server that the question could be put to has replied to others since: it leaves this one unanswered. */
static bool answers_others(const struct pending *p) {
  for (unsigned i = 0; i < p->upstream->count; i++) {
    if (p->upstream->servers[i].heard_ms > p->started_ms) return true;
  }
  return false;
}

/* While it waits for something to come: when its oldest client loses patience, what is there of a truncated
 * reply goes out, or another server is asked. */
static uint64_t next_due(const struct pending *p) {
  const struct waiter *first = pending_first(p);
  if (!first) { /* nobody: a late answer is there for the next client */
    uint64_t end_ms = p->started_ms + LATE_MS;
    return may_ask_again(p) && p->next_try_ms < end_ms ? p->next_try_ms : end_ms;
  }

  uint64_t due_ms = waiter_due(p->forward, p, first);
  if (p->partial && p->partial->due_ms < due_ms) due_ms = p->partial->due_ms;
  if (may_ask_again(p) && p->next_try_ms < due_ms) due_ms = p->next_try_ms;
  return due_ms;
}

static void set_timer(struct pending *p) {
  uint64_t due_ms = p->resume_ms == PENDING_OPEN ? next_due(p) : p->resume_ms, hurry_ms = prove_hurry_ms(p);
  if (hurry_ms < due_ms) due_ms = hurry_ms;
  timers_set(p->forward->o.timers, &p->timer, due_ms);
}

/* The answer under way can't be kept for when it goes on: it goes on to fail. */
static void fail_without_memory(struct pending *p) {
  p->last = ERR_MEMORY;
  p->step = STEP_FAIL;
}

/* Runs p's steps one behind the other until one waits or the question is over. The answer that they make lies
 * in forward's work space, and is put aside with p while p waits: meanwhile other questions make theirs. At
 * the start no failure is told: who asks has not returned yet. */
static void run(struct pending *p, const struct event *e) {
  char text[QUESTION_TEXT];
  p->resume_ms = PENDING_OPEN;
  pending_take_up(p);

  for (;;) {
    if (p->step == STEP_FAIL && e->kind == EVENT_START) {
      pending_resume_at(p, 0);
      return;
    }
    enum next next = steps_run(p, e);
    if (next == DONE) {
      finish(p);
      return;
    }
    if (next == WAIT && !pending_put_aside(p)) {
      fail_without_memory(p);
    } else if (next == WAIT) {
      if (!pending_asks(p))
        log_debug("forward", "%s: waits: %s", question_format(&p->question, text), steps_word(p->step));
      set_timer(p);
      return;
    }
  }
}

static void run_at(struct pending *p, enum event_kind kind, uint64_t now_ms) {
  run(p, &(struct event){.kind = kind, .now_ms = now_ms});
}

void forward_resume(struct pending *p, uint64_t now_ms) { run_at(p, EVENT_TIME, now_ms); }

/* How long it took says how long the next one may, unless it took a connection as well. */
static void note_reply(const struct try *t, uint64_t now_ms) {
  bool is_encrypted = transport_is_encrypted(t->transport);
  bool tells = (t->transport == t->server->address.transport || is_encrypted) && !t->x.connects;
  if (is_encrypted) ns_way_replied(t->server);
  if (t->transport == TRANSPORT_TCP) t->server->tcp_late = 0;
  if (tells) ns_replied(t->server, now_ms - t->sent_ms, now_ms);
  else ns_answers(t->server, now_ms);
}

/* A try is over. A reply goes to CHECK. Anything else tells how the question is to be put once more: over TCP
 * when its capitals or its sender could not be trusted, without a cookie when none came back, and, when the
 * transport itself failed, over the other one or at another server. */
void forward_try_done(struct exchange *x, enum err outcome, const uint8_t *msg, size_t len, uint64_t now_ms) {
  struct try *t = container(x, struct try, x);
  struct pending *p = t->pending;

  must(p->magic == PENDING_MAGIC);
  if (outcome == ERR_NONE) {
    note_reply(t, now_ms);
    ns_answered_type(t->server, question_type(&p->question));
    p->step = STEP_CHECK;
  } else if (outcome == ERR_CASE_MISMATCH || outcome == ERR_FORGED) {
    p->case_state = outcome == ERR_CASE_MISMATCH ? CASE_MISMATCH : CASE_AS_ASKED;
    p->server = t->server;
    p->extras = t->extras;
    p->transport = TRANSPORT_TCP;
    p->tcp_why = TCP_REQUIRED;
    p->step = STEP_ASK;
  } else if (outcome == ERR_COOKIE) {
    fallback_no_cookie(p, t);
  } else if (fallback_leaves_way(p, t->server, t->transport, outcome, t->sent_ms, now_ms)) {
    p->last = outcome; /* and at once in another way */
  } else if (outcome == ERR_TCP && p->case_state == CASE_MISMATCH && !ns_is_encrypted(t->server)) {
    steps_ask_without_0x20(p, t->server, now_ms);
  } else {
    if (ns_is_encrypted(t->server)) ns_failed(t->server, outcome, now_ms);
    else if (outcome == ERR_UNREACHABLE) ns_refused(t->server, now_ms);
    if (!fallback_transport_failed(p, t, outcome)) steps_server_failed(p, t->server, outcome);
  }

  run(p, &(struct event){.kind = EVENT_REPLY, .now_ms = now_ms, .try = t, .msg = msg, .len = len});
}

static uint32_t patience_with(const struct try *t) {
  bool connects = transport_is_encrypted(t->transport) && t->x.connects;
  return ns_rto_ms(t->server) + (connects ? ns_connect_ms(t->server) : 0);
}

static void note_silence(struct pending *p, uint64_t now_ms) {
  for (unsigned i = 0; i < FORWARD_TRIES; i++) {
    struct try *t = &p->tries[i];
    if (!t->x.channel || t->timed_out || now_ms - t->sent_ms < patience_with(t)) continue;
    t->timed_out = true;
    if (!failures_is_server_verdict(p->last)) p->last = ERR_TIMEOUT;
    if (now_ms - t->sent_ms > 2 * ns_rto_max_ms(t->server)) continue; /* it says nothing about now */
    if (fallback_is_way(t->server, t->transport)) ns_way_was_silent(t->server, t->sent_ms, now_ms);
    else ns_left_unanswered(t->server, p->question.hash, p->started_ms, now_ms);
  }
}

/* Gives up on waiters whose patience is over: a stale answer early (at once when there is no hope), SERVFAIL
 * at the end. */
static void serve_impatient(struct pending *p, uint64_t now_ms) {
  struct forward *f = p->forward;
  bool failing = upstream_is_failing(p->upstream) && p->stale != STALE_MISSING;

  list_each(node, &p->waiters) {
    struct waiter *w = container(node, struct waiter, link);
    if (waiter_due(f, p, w) > now_ms && !failing) break;
    if (deliver_stale(f, p, w, now_ms)) {
      if (p->stale == STALE_UNTRIED) p->stale = STALE_SERVED;
      continue;
    }
    p->stale = STALE_MISSING;
    failing = false;
    if (w->since_ms + p->patience_ms > now_ms) continue;
    deliver_failure(f, p, w, steps_why_failed(p, ERR_TIMEOUT), now_ms);
    if (!p->notified && pending_asks(p) && answers_others(p)) {
      failures_add_unanswered(&f->failures, &p->question, now_ms);
      silence_note(f, p, NULL, now_ms);
    }
    /* RFC 9520 3.2 */
    if (!p->notified && p->next_try_ms < now_ms + FAILURE_MIN_MS) p->next_try_ms = now_ms + FAILURE_MIN_MS;
    p->notified = true;
  }
}

/* TCP had its time to bring more than the truncated reply. */
static void serve_partial(struct pending *p, uint64_t now_ms) {
  if (!p->partial || now_ms < p->partial->due_ms || !pending_first(p)) return;
  for (unsigned i = 0; i < FORWARD_TRIES; i++) {
    struct try *t = &p->tries[i];
    if (t->x.channel && t->transport == TRANSPORT_TCP && t->server->tcp_late < TCP_LATE_MAX)
      t->server->tcp_late++;
  }
  for (struct waiter *w; (w = pending_first(p));) {
    if (deliver_partial(p->forward, p, w, now_ms)) continue;
    pending_drop_part(p); /* a reload has drawn the border elsewhere since */
    return;
  }
}

/* Its first server is late, not yet silent: the next one is asked early. */
static void hedge(struct pending *p) {
  if (p->retry != RETRY_HEDGED) return;
  p->retry = RETRY_ON_TIMEOUT;
  upstream_note_hedged(p->upstream);
  count(p->forward->o.counters, hedged);
}

static void prepare_to_give_up(struct pending *p) {
  if (!failures_is_server_verdict(p->last)) p->last = ERR_TIMEOUT;
  p->step = STEP_FAIL;
}

static void pending_due(struct timer *timer, uint64_t now_ms) {
  struct pending *p = container(timer, struct pending, timer);
  must(p->magic == PENDING_MAGIC);
  if (now_ms >= p->resume_ms || now_ms >= prove_hurry_ms(p)) {
    run_at(p, EVENT_TIME, now_ms);
    return;
  }

  note_silence(p, now_ms);
  serve_partial(p, now_ms);
  serve_impatient(p, now_ms);
  if (now_ms >= p->started_ms + LATE_MS && !pending_first(p)) {
    prepare_to_give_up(p);
    run_at(p, EVENT_TIME, now_ms);
  } else if (now_ms >= p->next_try_ms && may_ask_again(p) && fetch_is_late(p, now_ms)) {
    hedge(p);
    p->step = STEP_PICK;
    run_at(p, EVENT_TIME, now_ms);
  } else {
    set_timer(p);
  }
}

/* ---- what others call ---- */

static struct pending *start(struct forward *f, const struct question *q, bool prefetch, uint64_t now_ms) {
  if (!timers_promise(f->o.timers)) return NULL;
  struct pending *p = pending_new(&f->table, q, prefetch);
  if (!p) {
    timers_release(f->o.timers);
    return NULL;
  }

  p->forward = f;
  p->upstream = upstream_hold(routes_find(f->o.routes, q));
  p->timer.fire = pending_due;
  p->started_ms = now_ms;
  bool unanswered = failures_was_unanswered(&f->failures, q, now_ms) ||
                    upstream_leaves_unanswered(p->upstream, question_type(q));
  p->patience_ms = unanswered ? UNANSWERED_PATIENCE_MS : PATIENCE_MS;
  p->resting = upstream_resting(p->upstream, question_type(q), now_ms);
  p->prove = prove_mode_of(f, q);
  p->step = fetch_may(f, q) ? STEP_FETCH : STEP_PICK;
  return p;
}

/* It had been given up or waits for its next try: that is due now, or as soon as it may be. */
static void ask_anew(struct forward *f, struct pending *p, uint64_t now_ms) {
  bool early = now_ms < p->next_try_ms;
  if (early && p->retry != RETRY_EXHAUSTED) return;
  steps_start_anew(p, now_ms);
  timers_set(f->o.timers, &p->timer, early ? p->next_try_ms : now_ms);
}

static enum err join(struct forward *f, struct pending *p, const struct query *q, const struct client *client,
                     uint64_t now_ms) {
  char text[QUESTION_TEXT];
  /* through local zones its alias leads back to it */
  if (await_is_asking(p)) return ERR_ALIAS;
  enum err e = pending_may_join(&f->table, p, q, client);
  if (e != ERR_NONE) return e;
  log_debug("forward", "%s: %s", question_format(&p->question, text),
            p->prefetch && origin_is_prefetch(p->origin) ? "prefetched, a client joins"
                                                         : "in flight, a client joins");
  if (p->prefetch && p->origin == ORIGIN_PREFETCH_C2S) count(f->o.counters, prefetch_joined_c2s);
  if (p->prefetch && p->origin == ORIGIN_PREFETCH_S2S) count(f->o.counters, prefetch_joined_s2s);
  if (!pending_join(&f->table, p, q, client, now_ms)) return ERR_MEMORY;
  count(f->o.counters, follower);
  set_timer(p);
  fetch_hurry(p, now_ms);
  if (pending_asks(p)) ask_anew(f, p, now_ms);
  return ERR_NONE;
}

/* A question that nobody waits for and that only a late answer could end is over in a moment: not now, as
 * that answers nobody within forward_ask either. */
static bool make_room(struct forward *f) {
  enum { LOOKS = 64 }; /* buckets: when the table is full each holds five questions */
  for (unsigned i = 0; i < LOOKS; i++) {
    struct pending *p = f->table.buckets[f->next_to_leave++ % PENDING_BUCKETS];
    while (p && (p->prefetch || pending_first(p) || p->step == STEP_HELD || p->step == STEP_FAIL))
      p = p->next;
    if (!p) continue;
    prepare_to_give_up(p);
    pending_resume_at(p, 0);
    return true;
  }
  return false;
}

static bool has_room(struct forward *f, const struct upstream *u) {
  unsigned count = f->table.count - f->table.prefetches;
  if (f->o.routes->count && count >= FORWARD_DOWN && upstream_is_failing(u)) return false;
  return count < FORWARD_PENDING || make_room(f);
}

static enum err lead(struct forward *f, const struct query *q, const struct client *client, uint64_t now_ms) {
  const struct upstream *u = routes_find(f->o.routes, &q->question);
  if (!u->count) return ERR_NO_UPSTREAM;
  if (!has_room(f, u)) return ERR_OVERLOAD;
  struct pending *p = start(f, &q->question, false, now_ms);
  if (!p) return ERR_MEMORY;
  if (!pending_join(&f->table, p, q, client, now_ms)) {
    finish(p);
    return ERR_MEMORY;
  }

  p->links = client->links;
  char text[QUESTION_TEXT];
  log_debug("forward", "%s: a client asks", question_format(&p->question, text));
  count(f->o.counters, leader);
  prove_wish(f, &q->question, now_ms);
  run_at(p, EVENT_START, now_ms);
  return ERR_NONE;
}

enum err forward_ask(struct forward *f, const struct query *q, const struct client *client, uint64_t now_ms) {
  enum err e = failures_find(&f->failures, &q->question, now_ms);
  if (e != ERR_NONE) return e;
  struct pending *p = pending_find(&f->table, &q->question);
  e = p ? join(f, p, q, client, now_ms) : lead(f, q, client, now_ms);
  if (f->watch.on_miss) f->watch.on_miss(f->watch.ctx, &q->question, now_ms);
  return e;
}

static void count_prefetch(struct counters *c, enum cache_origin how) {
  count(c, background);
  switch (how) {
  case ORIGIN_PREFETCH_C2S: count(c, prefetch_c2s); break;
  case ORIGIN_PREFETCH_S2S: count(c, prefetch_s2s); break;
  case ORIGIN_RENEWED: count(c, renewed); break;
  default: count(c, refreshed);
  }
}

bool forward_is_special(const struct forward *f, const struct question *q) {
  return special_is(q) && routes_find(f->o.routes, q) == f->o.routes->rest;
}

/* No server is to be asked for it, least of all when no client asks. */
static bool is_never_asked(const struct forward *f, const struct question *q) {
  return (f->o.local && f->o.is_local(f->o.local, q)) || forward_is_special(f, q);
}

/* NULL: it is never asked, or there is too much. */
static struct pending *start_ahead(struct forward *f, const struct question *q, enum cache_origin how,
                                   uint64_t now_ms) {
  struct pending *p = NULL;
  if (is_never_asked(f, q)) return NULL;
  if (routes_find(f->o.routes, q)->count && f->table.prefetches < FORWARD_PREFETCHES &&
      f->table.count < FORWARD_PENDING / 2) {
    p = start(f, q, true, now_ms);
  }
  if (!p) count(f->o.counters, prefetch_dropped);
  else p->origin = how;
  return p;
}

static bool start_prefetch(struct forward *f, const struct question *q, enum cache_origin how,
                           uint64_t now_ms) {
  struct pending *p = start_ahead(f, q, how, now_ms);
  if (!p) return false;
  count_prefetch(f->o.counters, how);
  prove_wish(f, q, now_ms);
  run_at(p, EVENT_START, now_ms);
  return true;
}

void forward_prove_ahead(struct forward *f, const struct question *q, uint64_t now_ms) {
  struct pending *p = forward_is_new(f, q, now_ms) ? start_ahead(f, q, ORIGIN_QUERY, now_ms) : NULL;
  if (!p) return;
  count(f->o.counters, background);
  count(f->o.counters, proof_ahead);
  run_at(p, EVENT_START, now_ms);
}

bool forward_renew(struct forward *f, const struct question *q, enum cache_origin how, uint64_t now_ms) {
  struct pending *p = pending_find(&f->table, q);
  if (failures_find(&f->failures, q, now_ms) != ERR_NONE) return false;
  if (!p) return start_prefetch(f, q, how, now_ms);
  if (pending_asks(p)) ask_anew(f, p, now_ms);
  return true;
}

bool forward_is_new(const struct forward *f, const struct question *q, uint64_t now_ms) {
  bool unused;
  enum cache_found found = cache_look(f->o.cache, q, tick_of_ms(now_ms), &unused);
  bool known = found == CACHE_FRESH || found == CACHE_DUE || (found == CACHE_EXPIRED && unused);
  return !known && !is_never_asked(f, q) && !pending_find(&f->table, q) &&
         !failures_rests_ahead(&f->failures, q, now_ms);
}

bool forward_may_guess(const struct forward *f, const struct question *q) {
  const struct route *route = routes_match(f->o.routes, q);
  return !route || !route->never_guessed;
}

bool forward_is_asking(const struct forward *f, const struct question *q) {
  return pending_find(&f->table, q) != NULL;
}

void forward_prefetch(struct forward *f, const struct question *q, enum cache_origin how, uint64_t now_ms) {
  if (forward_is_new(f, q, now_ms)) start_prefetch(f, q, how, now_ms);
}

bool forward_is_down(const struct forward *f, const struct question *q) {
  return upstream_is_failing(routes_find(f->o.routes, q));
}

bool forward_is_failing(const struct forward *f, const struct question *q, uint64_t now_ms) {
  enum err why = failures_find(&f->failures, q, now_ms);
  if (err_is_of_dnssec(why)) return false;
  if (forward_is_down(f, q) || why != ERR_NONE) return true;
  const struct pending *p = pending_find(&f->table, q);
  return p && p->stale == STALE_SERVED;
}

size_t forward_denied(struct forward *f, const struct query *q, uint64_t now_ms, size_t limit, uint8_t *out) {
  uint32_t tick = tick_of_ms(now_ms);
  if (!f->o.policy.nxdomain_cut) return 0;
  size_t least_len = routes_domain_len(f->o.routes, &q->question);
  if (!denial_find(f->o.cache, &q->question, least_len, tick, f->o.seed, f->out, &f->denied, &f->answer))
    return 0;
  struct answer_view v = answer_view(&f->answer);
  return answer_write(&v, &q->query_opts, ANSWER_FRESH, tick, limit, out);
}

void forward_note_told(struct forward *f, const struct question *q, const struct forward_told *told,
                       uint64_t now_ms) {
  if (f->watch.on_told) f->watch.on_told(f->watch.ctx, q, told, now_ms);
}

void forward_note_first_use(struct forward *f, const struct question *q, enum cache_origin how,
                            uint64_t now_ms) {
  if (f->watch.on_first_use) f->watch.on_first_use(f->watch.ctx, q, how, now_ms);
}

bool forward_due(struct forward *f, const struct question *q, bool used, uint64_t now_ms) {
  return f->watch.on_due && f->watch.on_due(f->watch.ctx, q, used, now_ms);
}

struct forward *forward_new(const struct forward_options *options) {
  struct forward *f = malloc(sizeof *f);
  if (!f) return NULL;

  must(options->random || !options->policy.case_random);
  f->o = *options;
  f->watch = (struct forward_watch){0};
  f->border = (struct scrub_border){.is_beyond = follow_leaves, .ctx = f};
  f->failures = (struct failures){0};
  probes_init(&f->probes);
  f->judged_without_clock = f->has_new_judge = false;
  f->next_to_leave = 0;
  if (pending_table_init(&f->table)) return f;
  free(f);
  return NULL;
}

void forward_set_options(struct forward *f, const struct forward_options *options) {
  must(options->cache == f->o.cache && options->timers == f->o.timers && options->counters == f->o.counters &&
       options->seed == f->o.seed);
  if (options->proving.judge != f->o.proving.judge) f->has_new_judge = true;
  f->o = *options;
  forward_forget_failures(f);
}

void forward_forget_failures(struct forward *f) {
  const struct routes *r = f->o.routes;
  failures_forget(&f->failures);
  upstream_forget_unanswered(r->rest);
  for (unsigned i = 0; i < r->count; i++) upstream_forget_unanswered(r->list[i].upstream);
}

void forward_forget_zones(struct forward *f) { prove_forget(f); }

void forward_set_watch(struct forward *f, const struct forward_watch *watch) { f->watch = *watch; }

void forward_stop(struct forward *f) {
  probes_stop(f);
  f->watch = (struct forward_watch){0};
  for (unsigned i = 0; i < PENDING_BUCKETS && f->table.count; i++) {
    for (struct pending *p; (p = f->table.buckets[i]);) {
      pending_drop_tries(p);
      for (struct waiter *w; (w = pending_first(p));) deliver_failure(f, p, w, ERR_STOPPING, w->since_ms);
      finish(p);
    }
  }
}

void forward_free(struct forward *f) {
  if (!f) return;
  pending_table_close(&f->table);
  failures_forget(&f->failures);
  free(f);
}

unsigned forward_in_flight(const struct forward *f) { return f->table.count; }

unsigned forward_waiting(const struct forward *f) { return f->table.waiting; }

const struct forward_options *forward_options(const struct forward *f) { return &f->o; }
