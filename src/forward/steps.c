/* steps.c: what becomes of a miss, step by step. Exports steps_*. */
#include "base/log.h"
#include "dns/ttl.h"
#include "forward/denial.h"
#include "forward/forward_priv.h"
#include "forward/verify.h"

void steps_start_anew(struct pending *p, uint64_t now_ms) {
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
  }
  if (p->server && failures_is_word(p->last) && p->server->down_until_ms) p->server = NULL; /* one spoke, the rest are down */
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
  t->x.done = forward_try_done;
  t->x.manner = manner_of(&p->forward->o, t, now_ms);
  size_t len = exchange_write(&p->question, &t->x.manner, msg);
  enum err e = carrier_ask(t->tcp ? s->tcp : s->udp, &t->x, msg, len, now_ms);
  s->asked++;
  if (e == ERR_UNREACHABLE) server_refused(s, now_ms);
  return e;
}

/* How long a server that did not understand EDNS, or does not repeat capitals, is asked without. */
enum { PLAIN_MS = 600000 };

void steps_ask_lower(struct pending *p, struct server *s, uint64_t now_ms) {
  s->lower_until_ms = now_ms + PLAIN_MS;
  p->respelled = p->tcp = false;
  p->server = s;
  p->step = STEP_ASK;
}

static enum next step_ask(struct forward *f, struct pending *p, uint64_t now_ms) {
  struct server *s = p->server, *probe = p->tcp ? NULL : upstream_probe(p->upstream, now_ms);
  unsigned round = p->asked / p->upstream->count; /* each server's first try gets its plain RTO */
  uint32_t wait_ms = server_rto_ms(s) << (round < 2 ? round : 2) << p->tcp;
  char text[QUESTION_TEXT], where[ADDR_TEXT];
  log_debug("forward", "%s: asking %s%s", question_format(&p->question, text), addr_format(&s->addr, where),
            p->tcp ? " over TCP" : "");
  if (probe && probe != s) {
    if (upstream_is_failing(p->upstream)) ask_server(p, probe, now_ms); /* whoever comes back first answers */
    else probe_start(f, p->upstream, probe, &p->question, now_ms);
  }
  if (p->asked == 0) upstream_note_asked(p->upstream);
  p->hedge = p->asked == 0 && !p->tcp && pending_first(p) && upstream_may_hedge(p->upstream, s);
  if (p->hedge) wait_ms = server_late_ms(s);
  p->next_try_ms = now_ms + (wait_ms < RTO_MOST_MS ? wait_ms : RTO_MOST_MS);
  p->told = false;
  p->asked++;
  p->last = ask_server(p, s, now_ms);
  if (p->last == ERR_NONE) return WAIT;
  if (p->last == ERR_TCP && p->respelled) {
    steps_ask_lower(p, s, now_ms);
    return MORE;
  }
  p->failed |= upstream_bit(p->upstream, s);
  p->step = STEP_PICK;
  return MORE;
}

enum next steps_server_failed(struct pending *p, struct server *s, enum err why) {
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
    if (t->tcp) return steps_server_failed(p, t->server, ERR_RCODE);
    p->tcp = !again;
    p->step = STEP_ASK;
    return MORE;
  }
  if (msg[2] & DNS_TC) {
    if (t->tcp) return steps_server_failed(p, t->server, ERR_LIE);
    count(f->o.counters, truncated_up);
    p->tcp = true;
    p->step = STEP_ASK;
    return MORE;
  }
  enum err e = verify_reply(&p->question, msg, f->reply_len, &f->answer);
  if (e != ERR_NONE) return steps_server_failed(p, t->server, e);
  if (t->plain) note_plain(p, t, now_ms);
  if (t->tcp && p->respelled) t->server->lower_until_ms = now_ms + PLAIN_MS; /* it is indeed the server that does so */
  if (f->o.trust_ad && msg[3] & DNS_AD) f->answer.head.flags |= ANSWER_AD;
  p->step = STEP_STORE;
  return MORE;
}

static enum next step_store(struct forward *f, struct pending *p, uint64_t now_ms) {
  uint32_t attend = 0;
  size_t spare = 0;
  failures_answered(&f->failures, &p->question);
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
    steps_start_anew(p, now_ms); /* pushed out of the cache meanwhile: ask once more */
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

static enum next (*const step_functions[])(struct forward *, struct pending *, uint64_t) = {
#define STEP(sym, fn, word) [STEP_##sym] = fn,
    PENDING_STEPS(STEP)
#undef STEP
};

enum next steps_run(struct forward *f, struct pending *p, uint64_t now_ms) { return step_functions[p->step](f, p, now_ms); }
