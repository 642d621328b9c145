/* forward.c: a miss until it is answered, as a list of steps. Exports forward_*. */
#include "forward/forward.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/must.h"
#include "dns/special.h"
#include "dns/ttl.h"
#include "forward/denial.h"
#include "forward/failures.h"
#include "forward/pending.h"
#include "forward/verify.h"

enum next { MORE, WAIT, DONE };

struct forward {
  struct forward_options o;
  struct forward_watch watch;
  struct pending_table table;
  struct failures failures;
  struct try *reply_try;    /* while a reply is looked at: */
  const uint8_t *reply_msg; /* borrowed from the carrier */
  size_t reply_len;
  bool asking;              /* within forward_ask, from where no client may be answered */
  struct answer answer;     /* the answer being made */
  struct answer denied;     /* what is known of a name above the one asked for */
  uint8_t out[DNS_MSG_MAX]; /* the message being sent to a client */
};

static void run(struct pending *p, uint64_t now_ms);
static void try_done(struct exchange *x, enum err outcome, const uint8_t *msg, size_t len, uint64_t now_ms);
static void pending_due(struct timer *t, uint64_t now_ms);

/* ---- to the clients ---- */

static void deliver(struct forward *f, struct waiter *w, size_t len) {
  if (f->out[2] & DNS_TC) count(f->o.counters, truncated);
  list_remove(&w->link);
  w->client.deliver(&w->client, f->out, len);
  free(w);
}

static size_t limit_of(const struct waiter *w) {
  return w->client.tcp ? DNS_MSG_MAX : answer_udp_limit(&w->manner);
}

/* An answer, which the client has waited for until now. */
static void count_answered(struct forward *f, const struct waiter *w, uint64_t now_ms) {
  count(f->o.counters, answered);
  if (f->o.waited) latency_note(f->o.waited, now_ms - w->since_ms);
}

static void deliver_answer(struct forward *f, struct waiter *w, const struct answer_view *v, uint64_t now_ms) {
  count_answered(f, w, now_ms);
  deliver(f, w, answer_write(v, &w->manner, ANSWER_FRESH, tick_of_ms(now_ms), limit_of(w), f->out));
}

/* What the cache has for this waiter, at most max_stale_s past its time. */
static bool deliver_cached(struct forward *f, const struct pending *p, struct waiter *w, uint32_t max_stale_s,
                           uint64_t now_ms) {
  struct query q = {.question = p->question, .manner = w->manner};
  struct cache_hit hit;
  if (!cache_get_stale(f->o.cache, &q, tick_of_ms(now_ms), max_stale_s, limit_of(w), f->out, &hit)) return false;
  count_answered(f, w, now_ms);
  deliver(f, w, hit.len);
  return true;
}

static bool deliver_stale(struct forward *f, const struct pending *p, struct waiter *w, uint64_t now_ms) {
  char text[QUESTION_TEXT];
  if (!f->o.max_stale_s || !deliver_cached(f, p, w, f->o.max_stale_s, now_ms)) return false;
  log_debug("forward", "%s: stale answer: %s", question_format(&p->question, text),
            p->step == STEP_FAIL ? err_text(p->last) : "upstream is slow");
  count(f->o.counters, stale);
  return true;
}

static void deliver_failure(struct forward *f, const struct pending *p, struct waiter *w, enum err why) {
  char text[QUESTION_TEXT];
  log_debug("forward", "%s: SERVFAIL: %s", question_format(&p->question, text), err_text(why));
  count(f->o.counters, failed);
  deliver(f, w, answer_fail(&w->manner, why, f->out));
}

/* ---- the steps ---- */

/* As if it had just been asked. */
static void start_anew(struct pending *p, uint64_t now_ms) {
  p->started_ms = now_ms;
  p->asked = p->failed = 0;
  p->spent = p->respelled = p->bad_cookie = false;
  memset(p->udp_asked, 0, sizeof p->udp_asked);
  memset(p->tcp_asked, 0, sizeof p->tcp_asked);
}

/* Bits of servers that were asked as often as they may be (RFC 9520 section 3.1). */
static unsigned spent_servers(const struct pending *p) {
  unsigned spent = 0;
  for (unsigned i = 0; i < p->upstream->count; i++) {
    if (p->udp_asked[i] >= FORWARD_EACH && p->tcp_asked[i] >= FORWARD_EACH) spent |= 1u << i;
  }
  return spent;
}

/* The best server that has not failed and is not being asked; one that is being asked rather than none. Over TCP once it has
 * left UDP unanswered too often. */
static enum next step_pick(struct forward *f, struct pending *p, uint64_t now_ms) {
  (void)f;
  struct upstream *u = p->upstream;
  unsigned out = p->failed | spent_servers(p), busy = out;
  for (unsigned i = 0; i < FORWARD_TRIES; i++) {
    if (p->tries[i].x.carrier) busy |= upstream_bit(u, p->tries[i].server);
  }
  p->server = upstream_pick(u, busy);
  if (!p->server && busy != p->failed) {
    if (now_ms < p->next_try_ms) return WAIT; /* not early: others failed, but this one may yet answer */
    p->server = upstream_pick(u, out);
    p->spent = !p->server;
    if (p->spent && pending_has_open_try(p)) return WAIT;
    if (p->server && failures_is_word(p->last) && p->server->down_until_ms) p->server = NULL; /* one spoke, the rest are down */
  }
  p->tcp = p->server && p->udp_asked[p->server - u->servers] >= FORWARD_EACH;
  p->plain = false;
  p->step = p->server ? STEP_ASK : STEP_FAIL;
  return MORE;
}

/* A place for one more try. One that no answer can come to any more makes room, else the newest: a slow server answers the
 * older ones, one that comes back answers the next. */
static struct try *free_try(struct pending *p, uint64_t now_ms) {
  struct try *oldest = &p->tries[0], *newest = oldest;
  for (unsigned i = 0; i < FORWARD_TRIES; i++) {
    struct try *t = &p->tries[i];
    if (!t->x.carrier) return t;
    if (t->sent_ms < oldest->sent_ms) oldest = t;
    if (t->sent_ms > newest->sent_ms) newest = t;
  }
  struct try *t = now_ms - oldest->sent_ms >= LATE_MS ? oldest : newest;
  exchange_drop(&t->x);
  return t;
}

static struct exchange_manner manner_of(const struct forward_options *o, const struct try *t, uint64_t now_ms) {
  struct server *s = t->server;
  bool spelled = o->random && !t->tcp && s->lower_until_ms <= now_ms;
  struct exchange_manner m = {.edns = !t->plain, .ad = o->trust_ad, .tcp = t->tcp,
                              .spelling = spelled ? random_u64(o->random) | 1 : 0,
                              .cookie = o->cookies && !t->plain ? server_cookie(s, now_ms) : NULL};
  if (m.cookie) memcpy(m.shown, m.cookie->client, sizeof m.shown);
  return m;
}

static enum err ask_server(struct pending *p, struct server *s, uint64_t now_ms) {
  struct try *t = free_try(p, now_ms);
  uint8_t msg[EXCHANGE_QUERY_MOST];
  uint8_t nth = ++(p->tcp ? p->tcp_asked : p->udp_asked)[s - p->upstream->servers];
  /* The last try over UDP at a server that never spoke EDNS goes without: it, or a box before it, may drop what has it. */
  bool doubt = !s->speaks_edns && !s->cookie.contradicted && !p->tcp && nth == FORWARD_EACH;
  t->plain = p->plain || s->plain_until_ms > now_ms || doubt;
  t->tcp = p->tcp;
  t->server = s;
  t->sent_ms = now_ms;
  t->silent = false;
  t->x.question = &p->question;
  t->x.done = try_done;
  t->x.manner = manner_of(&p->forward->o, t, now_ms);
  size_t len = exchange_write(&p->question, &t->x.manner, msg);
  enum err e = carrier_ask(t->tcp ? s->tcp : s->udp, &t->x, msg, len, now_ms);
  s->asked++;
  if (e == ERR_UNREACHABLE) server_refused(s, now_ms);
  return e;
}

/* How long a server that did not understand EDNS, or does not repeat capitals, is asked without. */
enum { PLAIN_MS = 600000 };

/* A server that does not repeat capitals has no TCP to tell by whether it was the server: UDP without them then. */
static void ask_lower(struct pending *p, struct server *s, uint64_t now_ms) {
  s->lower_until_ms = now_ms + PLAIN_MS;
  p->respelled = p->tcp = false;
  p->server = s;
  p->step = STEP_ASK;
}

static enum next step_ask(struct forward *f, struct pending *p, uint64_t now_ms) {
  (void)f;
  struct server *s = p->server, *probe = p->tcp ? NULL : upstream_probe(p->upstream, now_ms);
  unsigned round = p->asked / p->upstream->count; /* each server's first try gets its plain RTO */
  uint32_t wait_ms = server_rto_ms(s) << (round < 2 ? round : 2) << p->tcp;
  char text[QUESTION_TEXT], where[ADDR_TEXT];
  log_debug("forward", "%s: asking %s%s", question_format(&p->question, text), addr_format(&s->addr, where),
            p->tcp ? " over TCP" : "");
  if (probe && probe != s) ask_server(p, probe, now_ms);
  if (p->asked == 0) upstream_note_asked(p->upstream);
  p->hedge = p->asked == 0 && !p->tcp && pending_first(p) && upstream_may_hedge(p->upstream, s);
  if (p->hedge) wait_ms = server_late_ms(s);
  p->next_try_ms = now_ms + (wait_ms < RTO_MOST_MS ? wait_ms : RTO_MOST_MS);
  p->told = false;
  p->asked++;
  p->last = ask_server(p, s, now_ms);
  if (p->last == ERR_NONE) return WAIT;
  if (p->last == ERR_TCP && p->respelled) {
    ask_lower(p, s, now_ms);
    return MORE;
  }
  p->failed |= upstream_bit(p->upstream, s);
  p->step = STEP_PICK;
  return MORE;
}

static enum next fail_server(struct pending *p, struct server *s, enum err why) {
  char text[QUESTION_TEXT], where[ADDR_TEXT];
  log_debug("forward", "%s: %s: %s", question_format(&p->question, text), addr_format(&s->addr, where), err_text(why));
  p->last = why;
  p->failed |= upstream_bit(p->upstream, s);
  p->step = STEP_PICK;
  return MORE;
}

/* It answered t without EDNS. When it said before that it does not understand EDNS, that is remembered. When it only kept silent,
 * packets may have been lost: a later question, begun since, must have had the same fate. */
static void note_plain(struct pending *p, const struct try *t, uint64_t now_ms) {
  struct server *s = t->server;
  if (s->plain_until_ms > now_ms) return;
  bool again = s->plain_since_ms && p->started_ms >= s->plain_since_ms;
  if (s->disclaims_edns || again) s->plain_until_ms = now_ms + PLAIN_MS;
  else if (!s->plain_since_ms) s->plain_since_ms = now_ms;
}

static enum next step_check(struct forward *f, struct pending *p, uint64_t now_ms) {
  struct try *t = f->reply_try;
  const uint8_t *msg = f->reply_msg;
  unsigned rcode = exchange_rcode(msg, f->reply_len);
  if (!t->plain && exchange_has_opt(msg, f->reply_len)) t->server->speaks_edns = true;
  p->server = t->server;
  p->tcp = t->tcp;
  p->plain = t->plain;
  if (!t->plain && (rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP || rcode == RCODE_BADVERS)) { /* RFC 6891 section 6.2.2 */
    p->plain = t->server->disclaims_edns = true;
    p->step = STEP_ASK;
    return MORE;
  }
  if (rcode == RCODE_BADCOOKIE) { /* RFC 7873 section 5.3: once more with the one it gave */
    bool again = !t->tcp && !p->bad_cookie;
    p->bad_cookie = true;
    if (t->tcp) return fail_server(p, t->server, ERR_RCODE);
    p->tcp = !again;
    p->step = STEP_ASK;
    return MORE;
  }
  if (msg[2] & DNS_TC) {
    if (t->tcp) return fail_server(p, t->server, ERR_LIE);
    count(f->o.counters, truncated_up);
    p->tcp = true;
    p->step = STEP_ASK;
    return MORE;
  }
  enum err e = verify_reply(&p->question, msg, f->reply_len, &f->answer);
  if (e != ERR_NONE) return fail_server(p, t->server, e);
  if (t->plain) note_plain(p, t, now_ms);
  if (t->tcp && p->respelled) t->server->lower_until_ms = now_ms + PLAIN_MS; /* it is indeed the server that does so */
  if (f->o.trust_ad && msg[3] & DNS_AD) f->answer.head.flags |= ANSWER_AD;
  p->step = STEP_STORE;
  return MORE;
}

static enum next step_store(struct forward *f, struct pending *p, uint64_t now_ms) {
  uint32_t attend = 0;
  size_t spare = 0;
  failures_forget(&f->failures, &p->question);
  f->answer.head.born = tick_of_ms(now_ms);
  if (f->watch.amend) f->watch.amend(f->watch.ctx, &p->question, &f->answer, &attend, &spare, now_ms);
  enum cache_put_how how = p->ahead ? p->how : CACHE_ASKED;
  p->stored = cache_put(f->o.cache, &p->question, &f->answer, how, attend, spare);
  if (p->stored) count(f->o.counters, stored);
  if (f->o.nxdomain_cut) denial_note(f->o.cache, &p->question, &f->answer, f->o.seed);
  if (!p->ahead && !pending_first(p)) count(f->o.counters, reply_late);
  p->step = STEP_REPLY;
  return MORE;
}

static void log_answer(const struct forward *f, const struct pending *p, uint64_t now_ms) {
  char text[QUESTION_TEXT];
  const struct answer_head *h = &f->answer.head;
  const char *what = h->rcode == RCODE_NXDOMAIN ? "NXDOMAIN" : h->rcode == RCODE_YXDOMAIN ? "YXDOMAIN" :
                     h->an ? "answered" : "NODATA";
  log_debug("forward", "%s: %s after %u ms, %u records, %u added, kept for %u s%s", question_format(&p->question, text), what,
            (unsigned)(now_ms - p->started_ms), h->an, h->ar, p->stored ? f->answer.ttl_s : 0,
            pending_first(p) ? "" : ", nobody waits");
}

static enum next step_reply(struct forward *f, struct pending *p, uint64_t now_ms) {
  uint32_t hold_ms = 0;
  log_answer(f, p, now_ms);
  pending_drop_tries(p);
  if (f->watch.settled) hold_ms = f->watch.settled(f->watch.ctx, &p->question, &f->answer, p->ahead, now_ms);
  if (hold_ms > 0 && pending_first(p) && p->stored) {
    uint64_t patience_ms = pending_first(p)->since_ms + PATIENCE_MS;
    p->held_until_ms = now_ms + hold_ms < patience_ms ? now_ms + hold_ms : patience_ms;
    p->step = STEP_HELD;
    return WAIT;
  }
  struct answer_view v = answer_view(&f->answer);
  for (struct waiter *w; (w = pending_first(p));) deliver_answer(f, w, &v, now_ms);
  return DONE;
}

/* The observer has let go, or the time is over: the cache has what came of it. */
static enum next step_held(struct forward *f, struct pending *p, uint64_t now_ms) {
  enum { GRACE_S = 2 }; /* it was fresh when they began to wait */
  if (now_ms >= p->held_until_ms) forward_worn(f, &p->question, now_ms); /* some of what they waited for may be there */
  for (struct waiter *w; (w = pending_first(p));) {
    if (deliver_cached(f, p, w, GRACE_S, now_ms)) continue;
    start_anew(p, now_ms); /* pushed out of the cache meanwhile: ask once more */
    p->step = STEP_PICK;
    return MORE;
  }
  return DONE;
}

static enum next step_fail(struct forward *f, struct pending *p, uint64_t now_ms) {
  enum err why = p->last == ERR_NONE ? ERR_NO_UPSTREAM : p->last;
  pending_drop_tries(p);
  failures_add(&f->failures, &p->question, why, now_ms);
  for (struct waiter *w; (w = pending_first(p));) {
    if (!deliver_stale(f, p, w, now_ms)) deliver_failure(f, p, w, why);
  }
  if (f->watch.settled) f->watch.settled(f->watch.ctx, &p->question, NULL, p->ahead, now_ms);
  return DONE;
}

/* ---- the driver ---- */

static enum next (*const step_functions[])(struct forward *, struct pending *, uint64_t) = {
#define STEP(sym, fn, word) [STEP_##sym] = fn,
    PENDING_STEPS(STEP)
#undef STEP
};

static void finish(struct pending *p) {
  struct forward *f = p->forward;
  timers_stop(f->o.timers, &p->timer);
  pending_free(&f->table, p);
}

/* A question that nobody waits for is asked twice at most; a late answer may come as long as it is open. */
static bool may_ask_again(const struct pending *p) { return !p->spent && (pending_first(p) || p->asked < 2); }

static uint64_t waiter_due(const struct forward *f, const struct pending *p, const struct waiter *w) {
  return w->since_ms + (f->o.max_stale_s && !p->stale_missing ? STALE_PATIENCE_MS : PATIENCE_MS);
}

static void set_timer(struct pending *p) {
  const struct forward *f = p->forward;
  const struct waiter *first = pending_first(p);              /* the oldest is the first to lose patience */
  uint64_t due = first ? UINT64_MAX : p->started_ms + LATE_MS; /* as long as anybody waits it stays open */
  if (p->step == STEP_HELD) {
    due = p->held_until_ms;
  } else if (p->step == STEP_FAIL) {
    due = 0;
  } else {
    if (first && waiter_due(f, p, first) < due) due = waiter_due(f, p, first);
    if (may_ask_again(p) && p->next_try_ms < due) due = p->next_try_ms;
  }
  if (!timers_set(f->o.timers, &p->timer, due)) log_error("forward", "out of memory: a question may wait for ever");
}

static void run(struct pending *p, uint64_t now_ms) {
  for (;;) {
    if (p->step == STEP_FAIL && p->forward->asking) {
      set_timer(p);
      return;
    }
    switch (step_functions[p->step](p->forward, p, now_ms)) {
      case MORE: break;
      case WAIT: set_timer(p); return;
      case DONE: finish(p); return;
    }
  }
}

static void try_done(struct exchange *x, enum err outcome, const uint8_t *msg, size_t len, uint64_t now_ms) {
  struct try *t = container(x, struct try, x);
  struct pending *p = t->pending;
  must(p->magic == PENDING_MAGIC);
  struct forward *f = p->forward;
  if (outcome == ERR_NONE) {
    server_replied(t->server, t->tcp ? t->server->srtt_x8_ms / 8 : now_ms - t->sent_ms, now_ms);
    f->reply_try = t;
    f->reply_msg = msg;
    f->reply_len = len;
    p->step = STEP_CHECK;
  } else if (outcome == ERR_RESPELLED || outcome == ERR_FORGED) {
    p->respelled = outcome == ERR_RESPELLED;
    p->server = t->server;
    p->plain = t->plain;
    p->tcp = true;
    p->step = STEP_ASK;
  } else if (outcome == ERR_TCP && p->respelled) {
    ask_lower(p, t->server, now_ms);
  } else {
    if (outcome == ERR_UNREACHABLE) server_refused(t->server, now_ms);
    fail_server(p, t->server, outcome);
  }
  run(p, now_ms);
}

static void note_silence(struct pending *p, uint64_t now_ms) {
  for (unsigned i = 0; i < FORWARD_TRIES; i++) {
    struct try *t = &p->tries[i];
    if (!t->x.carrier || t->silent || now_ms - t->sent_ms < server_rto_ms(t->server)) continue;
    t->silent = true;
    if (!failures_is_word(p->last)) p->last = ERR_TIMEOUT;
    if (now_ms - t->sent_ms <= 2 * RTO_MOST_MS) server_was_silent(t->server, now_ms); /* later it says nothing about now */
  }
}

/* Gives up on waiters whose patience is over: a stale answer early (at once when there is no hope), SERVFAIL at the end. */
static void serve_impatient(struct pending *p, uint64_t now_ms) {
  struct forward *f = p->forward;
  bool failing = upstream_is_failing(p->upstream) && !p->stale_missing;
  list_each(node, &p->waiters) {
    struct waiter *w = container(node, struct waiter, link);
    if (waiter_due(f, p, w) > now_ms && !failing) break;
    if (deliver_stale(f, p, w, now_ms)) {
      p->slow = true;
      continue;
    }
    p->stale_missing = true;
    failing = false;
    if (w->since_ms + PATIENCE_MS > now_ms) continue;
    deliver_failure(f, p, w, ERR_TIMEOUT);
    if (!p->told && p->next_try_ms < now_ms + FAILURE_SILENT_MS) p->next_try_ms = now_ms + FAILURE_SILENT_MS; /* RFC 9520 3.2 */
    p->told = true;
  }
}

/* Its first server is late, not yet silent: the next one is asked early. */
static void hedge(struct pending *p) {
  if (!p->hedge) return;
  p->hedge = false;
  upstream_note_hedged(p->upstream);
  count(p->forward->o.counters, hedged);
}

static void pending_due(struct timer *timer, uint64_t now_ms) {
  struct pending *p = container(timer, struct pending, timer);
  must(p->magic == PENDING_MAGIC);
  if (p->step == STEP_HELD || p->step == STEP_FAIL) {
    run(p, now_ms);
    return;
  }
  note_silence(p, now_ms);
  serve_impatient(p, now_ms);
  if (now_ms >= p->started_ms + LATE_MS && !pending_first(p)) {
    if (!failures_is_word(p->last)) p->last = ERR_TIMEOUT;
    p->step = STEP_FAIL;
    run(p, now_ms);
  } else if (now_ms >= p->next_try_ms && may_ask_again(p)) {
    hedge(p);
    p->step = STEP_PICK;
    run(p, now_ms);
  } else {
    set_timer(p);
  }
}

/* ---- the door ---- */

static struct pending *start(struct forward *f, const struct question *q, bool ahead, uint64_t now_ms) {
  struct pending *p = pending_new(&f->table, q, ahead);
  if (!p) return NULL;
  p->forward = f;
  p->upstream = upstream_hold(routes_find(f->o.routes, q));
  p->timer.fire = pending_due;
  p->started_ms = now_ms;
  p->step = STEP_PICK;
  return p;
}

/* It had been given up or waits for its next try: that is due now, or as soon as it may be. */
static void ask_anew(struct forward *f, struct pending *p, uint64_t now_ms) {
  bool early = now_ms < p->next_try_ms;
  if (early && !p->spent) return;
  start_anew(p, now_ms);
  timers_set(f->o.timers, &p->timer, early ? p->next_try_ms : now_ms);
}

static enum err join(struct forward *f, struct pending *p, const struct query *q, const struct client *client,
                     uint64_t now_ms) {
  char text[QUESTION_TEXT];
  log_debug("forward", "%s: %s", question_format(&p->question, text),
            p->ahead && cache_is_ahead(p->how) ? "asked ahead, a client joins" : "in flight, a client joins");
  if (p->ahead && p->how == CACHE_AHEAD_CLIENT) count(f->o.counters, ahead_joined_client);
  if (p->ahead && p->how == CACHE_AHEAD_SERVER) count(f->o.counters, ahead_joined_server);
  if (!pending_join(&f->table, p, q, client, now_ms)) return ERR_MEMORY;
  count(f->o.counters, follower);
  if (p->step == STEP_HELD || p->step == STEP_FAIL) return ERR_NONE;
  set_timer(p);
  ask_anew(f, p, now_ms);
  return ERR_NONE;
}

static enum err lead(struct forward *f, const struct query *q, const struct client *client, uint64_t now_ms) {
  if (!routes_find(f->o.routes, &q->question)->count) return ERR_NO_UPSTREAM;
  if (f->table.count - f->table.ahead >= FORWARD_PENDING) return ERR_OVERLOAD;
  struct pending *p = start(f, &q->question, false, now_ms);
  if (!p) return ERR_MEMORY;
  if (!pending_join(&f->table, p, q, client, now_ms)) {
    pending_free(&f->table, p);
    return ERR_MEMORY;
  }
  char text[QUESTION_TEXT];
  log_debug("forward", "%s: a client asks", question_format(&p->question, text));
  count(f->o.counters, leader);
  f->asking = true;
  run(p, now_ms);
  f->asking = false;
  return ERR_NONE;
}

enum err forward_ask(struct forward *f, const struct query *q, const struct client *client, uint64_t now_ms) {
  enum err e = failures_find(&f->failures, &q->question, now_ms);
  if (e != ERR_NONE) return e;
  struct pending *p = pending_find(&f->table, &q->question);
  e = p ? join(f, p, q, client, now_ms) : lead(f, q, client, now_ms);
  if (f->watch.asked) f->watch.asked(f->watch.ctx, &q->question, now_ms);
  return e;
}

static void count_ahead(struct counters *c, enum cache_put_how how) {
  count(c, ahead);
  switch (how) {
    case CACHE_AHEAD_CLIENT: count(c, ahead_client); break;
    case CACHE_AHEAD_SERVER: count(c, ahead_server); break;
    case CACHE_RENEWED: count(c, renewed); break;
    default: count(c, refreshed);
  }
}

static bool ask_for_nobody(struct forward *f, const struct question *q, enum cache_put_how how, uint64_t now_ms) {
  struct pending *p = NULL;
  if (routes_find(f->o.routes, q)->count && f->table.ahead < FORWARD_AHEAD && f->table.count < FORWARD_PENDING / 2) {
    p = start(f, q, true, now_ms);
  }
  if (!p) {
    count(f->o.counters, ahead_dropped);
    return false;
  }
  p->how = how;
  count_ahead(f->o.counters, how);
  f->asking = true;
  run(p, now_ms);
  f->asking = false;
  return true;
}

bool forward_renew(struct forward *f, const struct question *q, enum cache_put_how how, uint64_t now_ms) {
  struct pending *p = pending_find(&f->table, q);
  if (failures_find(&f->failures, q, now_ms) != ERR_NONE) return false;
  if (!p) return ask_for_nobody(f, q, how, now_ms);
  if (p->step != STEP_HELD && p->step != STEP_FAIL) ask_anew(f, p, now_ms);
  return true;
}

bool forward_is_new(const struct forward *f, const struct question *q, uint64_t now_ms) {
  bool unused;
  enum cache_found found = cache_look(f->o.cache, q, tick_of_ms(now_ms), &unused);
  bool known = found == CACHE_FRESH || (found == CACHE_EXPIRED && unused);
  return !known && !special_is(q) && !pending_find(&f->table, q) && failures_find(&f->failures, q, now_ms) == ERR_NONE;
}

bool forward_is_asking(const struct forward *f, const struct question *q) { return pending_find(&f->table, q) != NULL; }

void forward_ahead(struct forward *f, const struct question *q, enum cache_put_how how, uint64_t now_ms) {
  if (forward_is_new(f, q, now_ms)) ask_for_nobody(f, q, how, now_ms);
}

bool forward_is_failing(const struct forward *f, const struct question *q, uint64_t now_ms) {
  if (upstream_is_failing(routes_find(f->o.routes, q)) || failures_find(&f->failures, q, now_ms) != ERR_NONE) return true;
  const struct pending *p = pending_find(&f->table, q);
  return p && p->slow;
}

size_t forward_denied(struct forward *f, const struct query *q, uint64_t now_ms, size_t limit, uint8_t *out) {
  uint32_t tick = tick_of_ms(now_ms);
  if (!f->o.nxdomain_cut || !denial_find(f->o.cache, &q->question, tick, f->o.seed, f->out, &f->denied, &f->answer)) return 0;
  struct answer_view v = answer_view(&f->answer);
  return answer_write(&v, &q->manner, ANSWER_FRESH, tick, limit, out);
}

bool forward_worn(struct forward *f, const struct question *q, uint64_t now_ms) {
  return f->watch.worn && f->watch.worn(f->watch.ctx, q, now_ms);
}

void forward_release(struct forward *f, const struct question *q, uint64_t now_ms) {
  struct pending *p = pending_find(&f->table, q);
  if (p && p->step == STEP_HELD) run(p, now_ms);
}

struct forward *forward_new(const struct forward_options *options) {
  struct forward *f = malloc(sizeof *f);
  if (!f) return NULL;
  f->o = *options;
  f->watch = (struct forward_watch){0};
  f->reply_try = NULL;
  f->failures = (struct failures){0};
  f->asking = false;
  if (pending_table_init(&f->table)) return f;
  free(f);
  return NULL;
}

void forward_set_options(struct forward *f, const struct forward_options *options) {
  must(options->cache == f->o.cache && options->timers == f->o.timers && options->counters == f->o.counters &&
       options->seed == f->o.seed);
  f->o = *options;
}

void forward_set_watch(struct forward *f, const struct forward_watch *watch) { f->watch = *watch; }

void forward_stop(struct forward *f) {
  f->watch = (struct forward_watch){0};
  for (unsigned i = 0; i < PENDING_BUCKETS && f->table.count; i++) {
    for (struct pending *p; (p = f->table.buckets[i]);) {
      pending_drop_tries(p);
      for (struct waiter *w; (w = pending_first(p));) deliver_failure(f, p, w, ERR_STOPPING);
      finish(p);
    }
  }
}

void forward_free(struct forward *f) {
  if (!f) return;
  pending_table_close(&f->table);
  failures_close(&f->failures);
  free(f);
}

unsigned forward_in_flight(const struct forward *f) { return f->table.count; }

const struct forward_options *forward_options(const struct forward *f) { return &f->o; }
