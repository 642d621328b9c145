/* steps.c: what becomes of a miss, step by step. Exports steps_*.
 *
 * Where there is a fleet FETCH asks that first. PICK chooses a server and ASK puts the question to it; when
 * its time is over the driver comes back to PICK for the next one, while the earlier tries stay open. The
 * first reply goes to CHECK, which sends the question back to ASK if the server could not cope, and on to
 * STORE if it answers, by way of PROVE if that has to be proven, and of FOLLOW if it leads to other servers'
 * names. REPLY tells all who wait,
 * unless they are HELD for more to come. FAIL is where it ends when nobody answered, or nobody can. */
#include "base/log.h"
#include "base/must.h"
#include "dns/edns.h"
#include "dns/ttl.h"
#include "forward/await.h"
#include "forward/denial.h"
#include "forward/fallback.h"
#include "forward/fetch.h"
#include "forward/follow.h"
#include "forward/hold.h"
#include "forward/prove.h"
#include "forward/silence.h"
#include "forward/stale_log.h"

void steps_start_anew(struct pending *p, uint64_t now_ms) {
  p->started_ms = now_ms;
  p->asked = p->failed = 0;
  p->resting = upstream_resting(p->upstream, question_type(&p->question), now_ms);
  p->retry = RETRY_ON_TIMEOUT;
  p->prove = prove_mode_of(p->forward, &p->question);
  p->bogus = p->proof_questions = 0;
  p->bogus_why = ERR_NONE;
  p->case_state = CASE_AS_ASKED;
  p->cookie_state = COOKIE_FIRST;
  p->resume_ms = PENDING_OPEN;
  p->evidence = (struct evidence){0};
  memset(p->asked_over, 0, sizeof p->asked_over);
}

/* Bits of servers that were asked as often as they may be (RFC 9520 section 3.1). */
static unsigned spent_servers(const struct pending *p) {
  unsigned spent = 0;
  for (unsigned i = 0; i < p->upstream->count; i++) {
    enum transport first = p->upstream->servers[i].address.transport;
    if (p->asked_over[first][i] < FORWARD_EACH) continue;
    if (first != TRANSPORT_UDP || p->asked_over[TRANSPORT_TCP][i] >= FORWARD_EACH) spent |= 1u << i;
  }
  return spent;
}

static bool has_open_encrypted_try(const struct pending *p) {
  for (unsigned i = 0; i < FORWARD_TRIES; i++) {
    if (p->tries[i].x.channel && ns_is_encrypted(p->tries[i].server)) return true;
  }
  return false;
}

/* The best server that has not failed and is not being asked; one that is being asked rather than none. */
static enum next step_pick(struct pending *p, const struct event *e) {
  struct upstream *u = p->upstream;
  unsigned out = p->failed | p->resting | spent_servers(p), busy = out;
  for (unsigned i = 0; i < FORWARD_TRIES; i++) {
    if (p->tries[i].x.channel) busy |= upstream_bit(u, p->tries[i].server);
  }

  p->server = fallback_pick(p, busy, e->now_ms);
  if (!p->server && busy != (p->failed | p->resting)) {
    if (e->now_ms < p->next_try_ms) return WAIT; /* not early: others failed, but this one may yet answer */
    p->server = fallback_pick(p, out, e->now_ms);
    p->retry = p->server ? RETRY_ON_TIMEOUT : RETRY_EXHAUSTED;
    if (!p->server && pending_has_open_try(p)) return WAIT;
  }

  if (!p->server && err_is_of_connection(p->last) && has_open_encrypted_try(p)) {
    p->retry = RETRY_EXHAUSTED; /* one more connection could not be made: the one there is may yet answer */
    return WAIT;
  }

  if (!p->server && p->resting && p->last == ERR_NONE) p->last = ERR_TIMEOUT;

  /* one spoke, the rest are down */
  if (p->server && failures_is_server_verdict(p->last) && p->server->down_until_ms) p->server = NULL;
  p->transport = p->server ? fallback_transport(p, p->server) : TRANSPORT_UDP;
  p->tcp_why = TCP_BY_CHOICE;
  p->extras = EXTRAS_COOKIE;
  p->step = p->server ? STEP_ASK : STEP_FAIL;
  return MORE;
}

/* A free try, or one given up for it: one that no answer can come to any more, else the newest: a slow
 * server answers the older ones, one that comes back answers the next. */
static struct try *free_try(struct pending *p, uint64_t now_ms) {
  struct try *oldest = &p->tries[0], *newest = oldest;
  for (unsigned i = 0; i < FORWARD_TRIES; i++) {
    struct try *t = &p->tries[i];
    if (!t->x.channel) return t;
    if (t->sent_ms < oldest->sent_ms) oldest = t;
    if (t->sent_ms > newest->sent_ms) newest = t;
  }
  struct try *t = now_ms - oldest->sent_ms >= LATE_MS ? oldest : newest;
  channel_drop(&t->x);
  return t;
}

/* How a server is asked: the picked one as its pending question says, one beside it in its own way. */
struct manner {
  enum transport transport;
  enum tcp_why tcp_why;
  enum extras extras; /* at most */
};

static enum err ask_server(struct pending *p, struct nameserver *s, struct manner manner, uint64_t now_ms) {
  struct try *t = free_try(p, now_ms);
  uint8_t msg[EXCHANGE_QUERY_MAX];
  uint8_t nth = ++p->asked_over[manner.transport][s - p->upstream->servers];

  t->transport = manner.transport;
  t->tcp_why = manner.tcp_why;
  t->extras = manner.extras;
  t->server = s;
  t->sent_ms = now_ms;
  t->timed_out = false;
  t->x.question = &p->question;
  t->x.done = forward_try_done;
  fallback_prepare(p, t, nth, now_ms);
  size_t len = exchange_write(&p->question, &t->x.query_opts, msg);
  enum err e = channel_ask(s->channels[t->transport], &t->x, msg, len, now_ms);
  s->asked++;
  if (ns_is_encrypted(s)) ns_failed(s, e, now_ms);
  else if (e == ERR_UNREACHABLE && !fallback_is_way(s, manner.transport)) ns_refused(s, now_ms);
  if (e == ERR_NONE && t->x.connects) p->next_try_ms += ns_connect_ms(s);
  return e;
}

void steps_ask_without_0x20(struct pending *p, struct nameserver *s, uint64_t now_ms) {
  ns_lacks(s, CAPABILITY_0X20, WHY_0X20, now_ms);
  p->case_state = CASE_AS_ASKED;
  p->transport = TRANSPORT_UDP;
  p->server = s;
  p->step = STEP_ASK;
}

/* Is a server that was down or in doubt back? It gets p's question beside the picked one. */
static void probe_others(struct pending *p, uint64_t now_ms) {
  struct nameserver *probe = upstream_probe(p->upstream, now_ms);
  if (!probe || probe == p->server) return;
  if (!probe->down_until_ms && probe->timeout_hash == p->question.hash)
    return; /* it would tell nothing new */
  struct manner manner = {probe->address.transport, TCP_BY_CHOICE, EXTRAS_COOKIE};
  if (upstream_is_failing(p->upstream))
    ask_server(p, probe, manner, now_ms); /* who comes back first answers */
  else probe_start(p->forward, p->upstream, probe, &p->question, now_ms);
}

/* It is asked over TCP because UDP does not work: does it work again? */
static void probe_udp(struct pending *p, uint64_t now_ms) {
  struct capability *udp = &p->server->capabilities[CAPABILITY_UDP];
  if (!capability_is_due(udp, now_ms) || !capability_allows(udp, now_ms)) return;
  probe_start(p->forward, p->upstream, p->server, &p->question, now_ms);
}

/* Asks the picked server, and sets when the next one is due. Beside that, a server that was down or silent
 * may get the same question: it costs the client nothing, and tells whether it is back. */
static enum next step_ask(struct pending *p, const struct event *e) {
  uint64_t now_ms = e->now_ms;
  struct nameserver *s = p->server;
  bool over_udp = p->transport == TRANSPORT_UDP;
  bool over_first = p->transport == s->address.transport || fallback_is_way(s, p->transport);
  uint32_t wait_ms = fallback_wait_ms(p, s);
  char text[QUESTION_TEXT], where[ADDR_TEXT];

  log_debug("forward", "%s: asking %s%s%s", question_format(&p->question, text),
            addr_format(&s->address.addr, where), over_udp ? "" : " over ",
            over_udp ? "" : transport_text(p->transport));
  if (over_first) probe_others(p, now_ms);
  else probe_udp(p, now_ms);

  if (p->asked == 0) {
    uint32_t late_ms = ns_rto_ms(s);
    p->usual_ms = late_ms < STALE_PATIENCE_MAX_MS ? late_ms : STALE_PATIENCE_MAX_MS;
    upstream_note_asked(p->upstream);
  }

  bool hedge = p->asked == 0 && over_udp && pending_first(p) && upstream_may_hedge(p->upstream, s);
  if (hedge) wait_ms = ns_late_ms(s);
  if (p->retry != RETRY_EXHAUSTED) p->retry = hedge ? RETRY_HEDGED : RETRY_ON_TIMEOUT;
  uint32_t most_ms = ns_rto_max_ms(s);
  if (!over_udp && most_ms > RTO_MAX_MS) most_ms *= 2; /* to connect takes as long as to ask */
  p->next_try_ms = now_ms + (wait_ms < most_ms ? wait_ms : most_ms);
  p->notified = false;
  p->asked++;
  p->last = ask_server(p, s, (struct manner){p->transport, p->tcp_why, p->extras}, now_ms);
  if (p->last == ERR_NONE) return WAIT;
  if (fallback_leaves_way(p, s, p->transport, p->last, now_ms, now_ms)) return MORE;
  if (p->last == ERR_TCP && p->case_state == CASE_MISMATCH && !ns_is_encrypted(s)) {
    steps_ask_without_0x20(p, s, now_ms);
    return MORE;
  }

  p->failed |= upstream_bit(p->upstream, s);
  p->step = STEP_PICK;
  return MORE;
}

enum next steps_server_failed(struct pending *p, struct nameserver *s, enum err why) {
  char text[QUESTION_TEXT], where[ADDR_TEXT];
  log_debug("forward", "%s: %s: %s", question_format(&p->question, text),
            addr_format(&s->address.addr, where), err_text(why));
  p->last = why;
  p->failed |= upstream_bit(p->upstream, s);
  p->step = STEP_PICK;
  return MORE;
}

/* In case there is no TCP: a part is better than a failure. */
static void keep_part(struct pending *p, const struct event *e) {
  struct forward *f = p->forward;
  const struct nameserver *s = e->try->server;
  if (p->prove == PROVE_VALIDATE) return; /* a part proves nothing */
  if (scrub_part(&p->question, e->msg, e->len, forward_border(f), &f->answer) != ERR_NONE) return;
  struct answer_view view = answer_view(&f->answer);
  if (rebind_refuses(&f->o.policy.rebind, &p->question, &view)) return;
  uint32_t wait_ms = s->tcp_late < TCP_LATE_MAX ? 2 * ns_rto_ms(s) : 0;
  pending_keep_part(p, e->msg, e->len, tick_of_ms(e->now_ms), e->now_ms + wait_ms);
}

/* Does the rebinding filter refuse p's answer? The question then fails. */
static bool is_refused(struct pending *p) {
  struct forward *f = p->forward;
  struct answer_view view = answer_view(&f->answer);
  if (!rebind_refuses(&f->o.policy.rebind, &p->question, &view)) return false;
  count(f->o.counters, rebind);
  pending_drop_part(p);
  p->last = ERR_REBIND;
  p->step = STEP_FAIL;
  return true;
}

/* What the reply says of the server comes before what it says of the question: EDNS, cookies and a cut-off
 * answer lead back to ASK. What is left must answer the question (scrub), and must not point at this
 * network's own addresses (rebind). */
static enum next step_check(struct pending *p, const struct event *e) {
  must(e->kind == EVENT_REPLY && e->msg);
  struct forward *f = p->forward;
  struct try *t = e->try;
  const uint8_t *msg = e->msg;
  uint64_t now_ms = e->now_ms;
  unsigned rcode = edns_rcode(msg, e->len);

  p->server = t->server;
  p->transport = t->transport;
  p->tcp_why = TCP_REQUIRED;
  p->extras = t->extras;
  if (fallback_after_rcode(p, t, rcode, msg, e->len)) return MORE;
  if (rcode == RCODE_BADCOOKIE) {
    if (transport_is_stream(t->transport)) return steps_server_failed(p, t->server, ERR_RCODE);
    fallback_bad_cookie(p, t);
    return MORE;
  }

  if (msg[2] & DNS_TC) {
    keep_part(p, e);
    if (transport_is_stream(t->transport)) return steps_server_failed(p, t->server, ERR_BAD_REPLY);
    capability_works(&t->server->capabilities[CAPABILITY_UDP]); /* a server that answers at all */
    count(f->o.counters, truncated_up);
    p->transport = TRANSPORT_TCP;
    p->step = STEP_ASK;
    return MORE;
  }

  struct scrub_border *border = forward_border(f);
  struct question asked = prove_question(p);
  enum err why = scrub_reply(&asked, msg, e->len, border, &f->answer);
  if (why != ERR_NONE) return steps_server_failed(p, t->server, why);
  bool has_opt = edns_is_in(msg, e->len);
  fallback_learn(p, t, has_opt, now_ms);
  if (fallback_lacks_dnssec(p, t, has_opt)) return steps_server_failed(p, t->server, ERR_BAD_REPLY);
  p->draft = DRAFT_AT_WORK;
  p->source = ANSWER_OF_SERVER;
  p->flaws = 0;
  silence_note(f, p, t->server, now_ms);

  /* it is indeed the server that does so */
  if (t->transport == TRANSPORT_TCP && p->case_state == CASE_MISMATCH)
    ns_lacks(t->server, CAPABILITY_0X20, WHY_0X20, now_ms);
  if (is_refused(p)) return MORE;
  if (f->o.policy.trust_ad && msg[3] & DNS_AD) f->answer.head.flags |= ANSWER_AD;
  p->step = p->prove != PROVE_OFF ? STEP_PROVE : border && border->target_len ? STEP_FOLLOW : STEP_STORE;
  return MORE;
}

/* The answer is an alias, and others are to be asked where it leads. */
static enum next step_follow(struct pending *p, const struct event *e) {
  bool is_new = !await_first(p);
  if (is_new) pending_drop_tries(p);
  bool is_led_on = !is_new || follow_start(p, e->now_ms);
  if (!await_is_over(p)) return WAIT;

  p->last = is_led_on ? follow_join(p) : ERR_ALIAS;
  await_drop(p);
  p->source = ANSWER_OF_SEVERAL;
  p->step = p->last == ERR_NONE ? STEP_STORE : STEP_FAIL;
  /* the name asked for decides, not the one that the alias leads to */
  if (p->step != STEP_FAIL) is_refused(p);
  return MORE;
}

/* It is proven, as far as settings want that: of names that they exempt nothing is. */
static bool is_judged(const struct pending *p) {
  const struct forward *f = p->forward;
  return f->o.policy.prove == PROVE_VALIDATE && p->prove == prove_mode_of(f, &p->question);
}

/* Into the cache, with its TTLs limited and with what the observer adds; from here on it is a hit. */
static enum next step_store(struct pending *p, const struct event *e) {
  struct forward *f = p->forward;
  uint64_t now_ms = e->now_ms;
  uint32_t refresh_at = 0;
  size_t spare = 0;
  failures_answered(&f->failures, &p->question);
  if (!(p->flaws & FLAW_STALE)) stale_log_answered(f->o.stale_log, f->o.routes, &p->question, now_ms);
  f->answer.head.stored_at = tick_of_ms(now_ms);
  answer_note_rotation(&f->answer);
  if (is_judged(p)) f->answer.head.flags |= ANSWER_JUDGED;
  answer_limit_ttl(&f->answer, routes_max_ttl(f->o.routes, &p->question, f->o.policy.max_ttl_s));
  fetch_offer(p, now_ms);
  if (f->watch.before_store)
    f->watch.before_store(f->watch.ctx, &p->question, &f->answer, &refresh_at, &spare, now_ms);
  enum cache_origin how = p->prefetch ? p->origin : ORIGIN_QUERY;
  p->stored = cache_put(f->o.cache, &p->question, &f->answer, how, refresh_at, spare);
  if (p->stored) count(f->o.counters, stored);
  if (f->o.policy.nxdomain_cut) denial_note(f->o.cache, &p->question, &f->answer, f->o.seed);
  if (!p->prefetch && !pending_first(p)) count(f->o.counters, reply_late);
  p->step = STEP_REPLY;
  return MORE;
}

static void log_answer(const struct forward *f, const struct pending *p, uint64_t now_ms) {
  char text[QUESTION_TEXT];
  const struct answer_head *h = &f->answer.head;
  const char *what = h->rcode == RCODE_NXDOMAIN   ? "NXDOMAIN"
                     : h->rcode == RCODE_YXDOMAIN ? "YXDOMAIN"
                     : h->an                      ? "answered"
                                                  : "NODATA";
  log_debug("forward", "%s: %s after %u ms, %u records, %u added, kept for %u s%s",
            question_format(&p->question, text), what, (unsigned)(now_ms - p->started_ms), h->an, h->ar,
            p->stored ? f->answer.ttl_s : 0, pending_first(p) ? "" : ", nobody waits");
}

static enum next step_reply(struct pending *p, const struct event *e) {
  struct forward *f = p->forward;
  uint64_t now_ms = e->now_ms;
  log_answer(f, p, now_ms);
  pending_drop_tries(p);
  if (hold_begin(p, now_ms)) return WAIT;

  struct answer_view v = answer_view(&f->answer);
  for (struct waiter *w; (w = pending_first(p));) deliver_answer(f, p, w, &v, now_ms);
  return DONE;
}

/* That one server's answer is bogus tells more than that the others have none. */
enum err steps_why_failed(const struct pending *p, enum err why) {
  bool is_servers = why == ERR_TIMEOUT || failures_is_server_verdict(why) || err_is_of_connection(why);
  return p->bogus_why != ERR_NONE && is_servers && !err_is_of_dnssec(why) ? p->bogus_why : why;
}

/* Nobody answered: those who wait get the part that came, else something stale, else SERVFAIL with its
 * reason. Nothing stale stands in for what is bogus: whoever forges answers would keep old ones alive. */
static enum next step_fail(struct pending *p, const struct event *e) {
  struct forward *f = p->forward;
  uint64_t now_ms = e->now_ms;
  enum err why = steps_why_failed(p, p->last == ERR_NONE ? ERR_NO_UPSTREAM : p->last);
  pending_drop_tries(p);
  pending_drop_draft(p);
  fetch_give_up(p, now_ms);
  if (!p->partial) failures_add(&f->failures, &p->question, why, now_ms);
  for (struct waiter *w; (w = pending_first(p));) {
    if (deliver_partial(f, p, w, now_ms)) continue;
    if (err_is_of_dnssec(why) || !deliver_stale(f, p, w, now_ms)) deliver_failure(f, p, w, why, now_ms);
  }
  if (f->watch.on_done) f->watch.on_done(f->watch.ctx, &p->question, NULL, WAITERS_NONE, now_ms);
  return DONE;
}

static const struct {
  enum next (*run)(struct pending *p, const struct event *e);
  const char *word;
} steps[] = {
#define STEP(sym, fn, word) [STEP_##sym] = {fn, word},
    PENDING_STEPS(STEP)
#undef STEP
};

enum next steps_run(struct pending *p, const struct event *e) { return steps[p->step].run(p, e); }
const char *steps_word(enum pending_step step) { return steps[step].word; }
