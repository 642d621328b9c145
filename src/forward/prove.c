/* prove.c: answers that have to be proven. Exports prove_*.
 *
 * What is judged is a pile of answers: at the bottom the draft of the question itself, above it the answer to
 * a question for DS or DNSKEY records that it waited for. Such an answer is mostly judged by its own
 * question, and then all is known; it comes onto the pile when it was in the cache and trust had forgotten
 * what it says. */
#include "forward/prove.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/must.h"
#include "dns/special.h"
#include "dns/ttl.h"
#include "dnssec/judge.h"
#include "forward/await.h"
#include "forward/fallback.h"
#include "forward/prove_log.h"

/* How far the records are that an answer's proof takes next. */
enum need_state {
  NEED_NOTHING,
  NEED_ASKED,  /* they are waited for */
  NEED_HERE,   /* they came, and may be known now; if not, they are judged */
  NEED_JUDGED, /* that was done, and they are needed once more: they proved nothing */
  NEED_FAILED  /* they can't be had */
};

/* One answer of the pile. */
struct judged_answer {
  struct judged_answer *below; /* whose proof takes it; NULL: it is the draft */
  struct judgement at;
  bool is_timeless; /* what `at` has found so far was found while the clock was wrong */
  struct question question;
  enum need_state need_state;
  bool is_need_renewed; /* servers were asked for it though it was known, or in the cache */
  uint8_t renewals;
  uint16_t need_type, need_len;
  enum err need_failed; /* as far as it is known: ERR_NONE */
  uint8_t need[NAME_MAX_LEN];
  bool is_led_away;  /* the draft was: its chain goes on with other servers */
  uint64_t since_ms; /* when the draft's judgement began */
  uint8_t *came;     /* NEED_HERE: the answer with those records, owned */
  size_t came_len;
  uint8_t *msg; /* owned; NULL: the draft's */
  size_t len;
};

/* ---- whether ---- */

enum prove_mode prove_mode_of(const struct forward *f, const struct question *q) {
  const struct forward_policy *policy = &f->o.policy;
  if (policy->prove == PROVE_OFF || question_flags(q) & KEY_CD || !f->o.proving.judge) return PROVE_OFF;
  const struct route *route = routes_match(f->o.routes, q);
  if (route ? !route->is_proven : special_is(q) || special_is_private(q)) return PROVE_OFF;
  return policy->prove;
}

struct question prove_question(const struct pending *p) {
  struct question q = p->question;
  if (p->prove != PROVE_OFF) q.key[q.name_len + KEY_TAIL - 1] |= KEY_DO;
  return q;
}

/* By the time of day as far as that is to be trusted. Once it is, what was believed without is forgotten. */
static struct dnssec_time time_of(struct forward *f, uint64_t now_ms) {
  const struct proving *with = &f->o.proving;
  struct dnssec_time now = {now_ms / 1000, with->clock_s(with->clock_ctx, now_ms)};
  if (now.clock_s && f->judged_without_clock) prove_forget(f);
  f->judged_without_clock = !now.clock_s;
  return now;
}

void prove_forget(struct forward *f) {
  static const uint8_t root[] = {0};
  if (f->o.proving.judge) trust_flush(judge_trust(f->o.proving.judge), root, sizeof root);
}

/* ---- beside the question ---- */

static bool is_of_zones(const struct question *q) {
  return question_type(q) == TYPE_DS || question_type(q) == TYPE_DNSKEY;
}

void prove_wish(struct forward *f, const struct question *q, uint64_t now_ms) {
  struct judge_wish wishes[JUDGE_WISHES_MAX];
  if (prove_mode_of(f, q) == PROVE_OFF || is_of_zones(q)) return;
  unsigned n = judge_wishes(f->o.proving.judge, q, time_of(f, now_ms), wishes, JUDGE_WISHES_MAX);
  for (unsigned i = 0; i < n; i++) {
    struct question beside;
    question_make(&beside, wishes[i].name, wishes[i].len, wishes[i].type, CLASS_IN, KEY_DO, f->o.seed);
    if (prove_mode_of(f, &beside) != PROVE_OFF) forward_prove_ahead(f, &beside, now_ms);
  }
}

/* The DS records come first; where there are some the keys will be needed. */
static void wish_for_keys(struct forward *f, const struct verdict *v, uint64_t now_ms) {
  struct question keys;
  if (!v->is_signed_by_it) return;
  question_make(&keys, v->need, v->need_len, TYPE_DNSKEY, CLASS_IN, KEY_DO, f->o.seed);
  forward_prove_ahead(f, &keys, now_ms);
}

/* ---- the pile ---- */

static struct judged_answer *push(struct pending *p, const struct question *q, uint64_t now_ms) {
  struct judged_answer *x = calloc(1, sizeof *x);
  if (!x) return NULL;
  x->below = p->proof;
  x->since_ms = x->below ? x->below->since_ms : now_ms;
  x->question = *q;
  x->at.budget = dnssec_budget();
  p->proof = x;
  return x;
}

static void pop(struct pending *p) {
  struct judged_answer *x = p->proof;
  p->proof = x->below;
  free(x->came);
  free(x->msg);
  free(x);
}

void prove_drop(struct pending *p) {
  while (p->proof) pop(p);
}

/* From its first RRset on, within the same budget. */
static void begin_anew(struct judged_answer *x) {
  x->at = (struct judgement){
      .budget = x->at.budget, .questions = x->at.questions, .goes_without_cuts = x->at.goes_without_cuts};
}

/* What was found good without looking at dates is looked at once more when the clock is right. What it took
 * then is forgotten by now (time_of). */
static struct dnssec_time time_for(struct forward *f, struct judged_answer *x, uint64_t now_ms) {
  struct dnssec_time now = time_of(f, now_ms);
  if (x->is_timeless && now.clock_s) {
    begin_anew(x);
    x->need_state = NEED_NOTHING;
  }
  x->is_timeless = !now.clock_s;
  return now;
}

/* *spent: what it cost, by what was verified and by what had to be read. */
static struct verdict judge_top(struct pending *p, uint64_t now_ms, unsigned *spent) {
  struct forward *f = p->forward;
  struct judged_answer *x = p->proof;
  struct dnssec_time now = time_for(f, x, now_ms);
  const uint8_t *msg = x->msg ? x->msg : f->out;
  size_t len = x->msg ? x->len : answer_message(&x->question, &f->answer, f->out);
  if (!len) return (struct verdict){.state = DNSSEC_BOGUS, .why = ERR_TOO_COSTLY};
  unsigned cost = x->at.budget.cost;
  struct verdict v = judge(f->o.proving.judge, &x->at, &x->question, msg, len, now);
  *spent += 1 + (unsigned)(len / DNSSEC_OCTETS_OF_A_COST) + cost - x->at.budget.cost;
  return v;
}

/* ---- what it takes ---- */

static bool is_need(const struct judged_answer *x, const struct verdict *v) {
  return x->need_type == v->need_type && name_equal(x->need, x->need_len, v->need, v->need_len);
}

static bool is_needed_again(const struct judged_answer *x, const struct verdict *v) {
  return x->need_state != NEED_NOTHING && is_need(x, v);
}

static void take_need(struct judged_answer *x, const struct verdict *v) {
  x->need_state = NEED_NOTHING;
  x->is_need_renewed = false;
  x->need_failed = ERR_NONE;
  x->need_type = v->need_type;
  x->need_len = v->need_len;
  memcpy(x->need, v->need, v->need_len);
}

/* The answer to what the top waited for is here, or there is none. */
static void take_awaited(struct pending *p) {
  struct judged_answer *x = p->proof;
  const struct awaited *a = await_first(p);
  bool is_answer = a->len && rcode_is_answer(a->msg[3] & DNS_RCODE);
  x->need_state = is_answer ? NEED_HERE : NEED_FAILED;
  x->need_failed = is_answer ? ERR_NONE : a->why;
  free(x->came);
  x->came = is_answer ? await_take(p, &x->came_len) : NULL;
  await_drop(p);
}

/* One more question, of all that one answer may lead to. */
static bool may_ask(struct pending *p) {
  if (p->proof_questions >= DNSSEC_QUESTIONS) return false;
  p->proof_questions++;
  return true;
}

static void need_question(const struct pending *p, struct question *q) {
  const struct judged_answer *x = p->proof;
  question_make(q, x->need, x->need_len, x->need_type, CLASS_IN, KEY_DO, p->forward->o.seed);
}

/* Asks for what the top needs. False: it can't be had; else await_is_over says whether it is here. */
static bool ask_for(struct pending *p, const struct question *q, enum await_for what, uint64_t now_ms) {
  char text[QUESTION_TEXT];
  p->proof->need_state = NEED_ASKED;
  log_debug("forward", "its proof takes %s%s", question_format(q, text),
            what == AWAIT_RENEWED_PROOF ? " as it is now" : "");
  enum err why = await_ask(p, q, what, now_ms);
  p->proof->need_failed = why == ERR_MEMORY ? why : ERR_NONE;
  return why == ERR_NONE;
}

/* Is what the cache has of it so old that it may have changed? */
static bool may_be_outdated(struct forward *f, const struct question *q, uint64_t now_ms) {
  uint32_t tick = tick_of_ms(now_ms);
  if (prove_mode_of(f, q) == PROVE_OFF) return false;
  return cache_peek(f->o.cache, q, tick, &f->denied) == CACHE_MISS ||
         ticks_age_s(tick, f->denied.head.stored_at) >= PROVE_RENEW_S;
}

/* It was not learnt when it came: its answer is judged itself, once. False: it can't be. */
static bool judge_what_came(struct pending *p) {
  struct judged_answer *x = p->proof;
  struct question q;
  need_question(p, &q);
  struct judged_answer *above = push(p, &q, x->since_ms);
  x->need_state = NEED_JUDGED;
  x->need_failed = above ? ERR_NONE : ERR_MEMORY;
  if (!above) return false;
  above->msg = x->came;
  above->len = x->came_len;
  x->came = NULL;
  return true;
}

enum outcome { GO_ON, HAS_TO_WAIT, CANT_GO_ON };

static enum outcome after_asking(struct pending *p, bool is_asked) {
  if (!is_asked) return CANT_GO_ON;
  if (!await_is_over(p)) return HAS_TO_WAIT;
  take_awaited(p);
  return GO_ON;
}

/* What is known, or in the cache, proves nothing: keys were rolled, or the clock has jumped. Servers are
 * asked for it anew, if nobody did so a moment ago, and the answer is judged anew, within the same budget. */
static enum outcome renew(struct pending *p, const struct verdict *v, uint64_t now_ms) {
  struct judged_answer *x = p->proof;
  struct question q;
  bool was_renewed = x->is_need_renewed && is_need(x, v);
  if (was_renewed || x->renewals >= PROVE_RENEWALS || !may_ask(p)) return CANT_GO_ON;

  x->renewals++;
  begin_anew(x);
  take_need(x, v);
  x->is_need_renewed = true;
  need_question(p, &q);
  if (may_be_outdated(p->forward, &q, now_ms))
    return after_asking(p, ask_for(p, &q, AWAIT_RENEWED_PROOF, now_ms));
  return v->state == DNSSEC_BOGUS ? GO_ON : CANT_GO_ON;
}

static enum outcome need(struct pending *p, const struct verdict *v, uint64_t now_ms) {
  struct judged_answer *x = p->proof;
  struct question q;
  if (!is_needed_again(x, v)) {
    if (!may_ask(p)) return CANT_GO_ON;
    /* The draft is at work meanwhile, and safe: what is asked ahead only sends questions, or fails when the
     * timers are next looked at; no other question's steps make an answer before this returns. */
    wish_for_keys(p->forward, v, now_ms);
    take_need(x, v);
    need_question(p, &q);
    return after_asking(p, ask_for(p, &q, AWAIT_PROOF, now_ms));
  }
  if (x->need_state == NEED_HERE) return judge_what_came(p) ? GO_ON : CANT_GO_ON;
  return x->need_state == NEED_JUDGED ? renew(p, v, now_ms) : CANT_GO_ON;
}

/* Why what is needed can't be had; as its own question said, where that is known. What was asked for in vain
 * waits for this answer itself; what was not would be a question too many. */
static enum err need_failure(const struct judged_answer *x, const struct verdict *v) {
  if (!is_needed_again(x, v)) return ERR_TOO_COSTLY;
  if (x->need_failed != ERR_NONE) return x->need_failed;
  return v->why == ERR_NONE ? ERR_NO_DNSKEY : v->why;
}

/* It can't be had, and it can be done without. */
static bool goes_without(struct pending *p, const struct verdict *v) {
  if (v->state != DNSSEC_NEEDS || !v->is_optional) return false;
  p->proof->at.goes_without_cuts = true;
  return true;
}

static void fail_need(const struct pending *p, struct verdict *v) {
  v->why = need_failure(p->proof, v);
  v->state = DNSSEC_BOGUS;
  if (!err_is_of_dnssec(v->why)) v->is_unsigned_denial = false; /* nobody knows whether it should be signed */
}

/* ---- the verdict ---- */

static void note_verdict(struct pending *p, const struct verdict *v, uint64_t now_ms) {
  struct forward *f = p->forward;
  struct counters *c = f->o.counters;
  switch (v->state) {
  case DNSSEC_SECURE: count(c, secure); break;
  case DNSSEC_INSECURE: count(c, insecure); break;
  default:
    if (!err_is_of_dnssec(v->why)) break; /* it is not known: nobody could be asked */
    count(c, bogus);
    if (v->why == ERR_TOO_COSTLY) count(c, too_costly);
    if (v->is_anchor_lost) count(c, anchor_lost);
    prove_log_note(f->o.proving.log, p, v, now_ms);
  }
}

/* One server's answer proves what others' lacked signatures for: from those no DNSSEC comes. */
static void note_servers(struct pending *p, uint64_t now_ms) {
  struct upstream *u = p->upstream;
  for (unsigned i = 0; i < u->count; i++) {
    if (p->evidence.unsigned_answer & 1u << i)
      ns_lacks(&u->servers[i], CAPABILITY_DNSSEC, WHY_DNSSEC_STRIPPED, now_ms);
  }
  if (p->server && p->source == ANSWER_OF_SERVER)
    capability_works(&p->server->capabilities[CAPABILITY_DNSSEC]);
}

static bool is_unsigned(const struct verdict *v) {
  return v->why == ERR_NO_RRSIG || v->why == ERR_NO_NSEC || v->is_unsigned_denial;
}

/* It is given to nobody. Another server's answer may be better, also where this one's could not be judged:
 * it may be this one alone that leads to what can't be had. */
static enum next refuse(struct pending *p, const struct verdict *v) {
  unsigned bit = p->server ? upstream_bit(p->upstream, p->server) : 0;
  if (is_unsigned(v)) p->evidence.unsigned_answer |= bit;
  pending_drop_draft(p);
  prove_drop(p);
  p->bogus++;
  if (err_is_of_dnssec(v->why)) p->bogus_why = v->why;
  if (p->bogus < PROVE_SERVERS && p->server) return steps_server_failed(p, p->server, v->why);
  p->last = v->why;
  p->step = STEP_FAIL;
  return MORE;
}

/* Its chain led to other servers, and since a reload does so no more: what is behind, those here know. */
static enum next ask_for_the_rest(struct pending *p, uint64_t now_ms) {
  pending_drop_draft(p);
  steps_start_anew(p, now_ms);
  p->step = STEP_PICK;
  return MORE;
}

/* The draft's, at the bottom. */
static bool was_led_away(const struct pending *p) {
  const struct judged_answer *x = p->proof;
  while (x && x->below) x = x->below;
  return x && x->is_led_away;
}

/* Made anew without what the question did not ask for. */
static enum next go_on(struct pending *p, const struct verdict *v, uint64_t now_ms) {
  struct forward *f = p->forward;
  struct scrub_border *border = forward_border(f);
  bool said_ad = f->answer.head.flags & ANSWER_AD, is_timeless = p->proof && p->proof->is_timeless;
  bool was_away = was_led_away(p);
  struct question whole = prove_question(p);
  size_t len = answer_message(&whole, &f->answer, f->out);
  prove_drop(p);

  enum err why = len ? scrub_reply(&p->question, f->out, len, border, &f->answer) : ERR_BAD_REPLY;
  if (why != ERR_NONE) {
    pending_drop_draft(p);
    return steps_server_failed(p, p->server, why);
  }

  bool is_away = border && border->target_len;
  if (was_away && !is_away) return ask_for_the_rest(p, now_ms);

  bool is_secure = v->state == DNSSEC_SECURE;
  bool is_all_proven = is_secure && !(v->has_unproven && question_flags(&p->question) & KEY_DO);
  bool says_ad = p->prove == PROVE_VALIDATE ? is_all_proven && !is_timeless : said_ad;
  if (says_ad) f->answer.head.flags |= ANSWER_AD;
  if (is_secure) {
    note_servers(p, now_ms);
    if (p->prove == PROVE_VALIDATE) answer_limit_ttl(&f->answer, v->ttl_s ? v->ttl_s : 1);
  }
  p->step = is_away ? STEP_FOLLOW : STEP_STORE;
  return MORE;
}

/* What zones say of each other is asked of all: a server that strips would deny it. */
static enum next conclude(struct pending *p, struct verdict *v, uint64_t now_ms) {
  bool passes = p->forward->o.policy.unsigned_denial == UNSIGNED_DENIAL_PASS && !is_of_zones(&p->question);
  if (v->state == DNSSEC_BOGUS && v->is_unsigned_denial && passes) v->state = DNSSEC_INSECURE;
  note_verdict(p, v, now_ms);
  if (v->state == DNSSEC_BOGUS && p->prove == PROVE_VALIDATE) return refuse(p, v);
  return go_on(p, v, now_ms);
}

/* ---- the step ---- */

/* Where the chain of aliases leads to other servers, these prove the chain: its last alias is what they
 * answer. */
static bool begin(struct pending *p, uint64_t now_ms) {
  const struct scrub_border *border = forward_border(p->forward);
  struct question q = prove_question(p);
  bool is_led_away = border && border->target_len;
  if (is_led_away) store_u16(q.key + q.name_len, TYPE_CNAME);
  if (!push(p, &q, now_ms)) return false;
  p->proof->is_led_away = is_led_away;
  return true;
}

/* Others are served first: timers that are due fire before sockets are read. */
static enum next later(struct pending *p, uint64_t now_ms) {
  pending_drop_tries(p);
  pending_resume_at(p, now_ms + 1);
  return WAIT;
}

static enum next wait_for_need(struct pending *p) {
  pending_drop_tries(p);
  return WAIT;
}

/* What is only to be logged keeps nobody waiting for long, nor until his patience is over. */
uint64_t prove_hurry_ms(const struct pending *p) {
  if (p->step != STEP_PROVE || p->prove != PROVE_LOG || !await_first(p)) return PENDING_OPEN;
  const struct waiter *first = pending_first(p);
  uint64_t due_ms = p->proof->since_ms + PROVE_LOG_PATIENCE_MS;
  return first && first->since_ms + p->patience_ms < due_ms ? first->since_ms + p->patience_ms : due_ms;
}

static enum next go_on_unjudged(struct pending *p, uint64_t now_ms) {
  await_drop(p);
  return go_on(p, &(struct verdict){.state = DNSSEC_INSECURE}, now_ms);
}

enum next prove_step(struct pending *p, const struct event *e) {
  if (!p->proof && !begin(p, e->now_ms)) {
    p->last = ERR_MEMORY;
    p->step = STEP_FAIL;
    return MORE;
  }
  if (await_first(p)) {
    if (await_is_over(p)) take_awaited(p);
    else return e->now_ms >= prove_hurry_ms(p) ? go_on_unjudged(p, e->now_ms) : WAIT;
  }

  for (unsigned spent = 0; spent < DNSSEC_COST_OF_A_TURN;) {
    struct verdict v = judge_top(p, e->now_ms, &spent);
    if (v.state == DNSSEC_LATER) return later(p, e->now_ms);
    enum outcome outcome = CANT_GO_ON;
    if (v.state == DNSSEC_NEEDS) outcome = need(p, &v, e->now_ms);
    if (v.state == DNSSEC_BOGUS && v.need_type) outcome = renew(p, &v, e->now_ms);
    if (outcome == HAS_TO_WAIT) return wait_for_need(p);
    if (outcome == GO_ON || goes_without(p, &v)) continue;
    if (v.state == DNSSEC_NEEDS) fail_need(p, &v);

    struct judged_answer *below = p->proof->below;
    if (!below) return conclude(p, &v, e->now_ms);
    below->need_failed = v.state == DNSSEC_BOGUS ? v.why : ERR_NONE;
    pop(p);
  }
  return later(p, e->now_ms);
}
