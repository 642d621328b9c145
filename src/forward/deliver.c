/* deliver.c: what becomes of those who wait for a question. Exports deliver_*. */
#include <stdlib.h>

#include "base/log.h"
#include "dns/ttl.h"
#include "forward/forward_priv.h"
#include "forward/scrub.h"
#include "forward/stale_log.h"

static void deliver(struct forward *f, struct waiter *w, size_t len) {
  if (f->out[2] & DNS_TC) count(f->o.counters, truncated);
  struct client client = w->client;
  pending_leave(w);
  client.deliver(&client, f->out, len);
}

/* An answer, which the client has waited for until now. */
static void count_answered(struct forward *f, const struct pending *p, const struct waiter *w,
                           uint64_t now_ms) {
  uint64_t waited_ms = now_ms - w->since_ms;
  count(f->o.counters, answered);
  if (f->o.waited) latency_note(f->o.waited, waited_ms);
  forward_note_told(
      f, &p->question,
      &(struct forward_told){.how = w->client.stale ? TOLD_STALE : TOLD_ANSWER, .waited_ms = waited_ms},
      now_ms);
}

void deliver_answer(struct forward *f, const struct pending *p, struct waiter *w, const struct answer_view *v,
                    uint64_t now_ms) {
  enum answer_age age = p->flaws & FLAW_STALE ? ANSWER_STALE : ANSWER_FRESH;
  w->client.stale = p->flaws & FLAW_STALE;
  count_answered(f, p, w, now_ms);
  if (p->flaws & FLAW_STALE) count(f->o.counters, stale);
  size_t len = answer_write(v, &w->query_opts, age, tick_of_ms(now_ms),
                            client_limit(&w->client, &w->query_opts), f->out);
  if (p->flaws & FLAW_CUT) f->out[2] |= DNS_TC;
  deliver(f, w, len);
}

bool deliver_cached(struct forward *f, const struct pending *p, struct waiter *w, uint32_t max_stale_s,
                    uint64_t now_ms) {
  struct query q = {.question = p->question, .query_opts = w->query_opts};
  struct cache_hit hit;
  if (!cache_get_stale(f->o.cache, &q, tick_of_ms(now_ms), max_stale_s,
                       client_limit(&w->client, &w->query_opts), f->out, &hit))
    return false;
  count_answered(f, p, w, now_ms);
  deliver(f, w, hit.len);
  return true;
}

bool deliver_stale(struct forward *f, const struct pending *p, struct waiter *w, uint64_t now_ms) {
  char text[QUESTION_TEXT];
  w->client.stale = true;
  if (!f->o.policy.max_stale_s || !deliver_cached(f, p, w, f->o.policy.max_stale_s, now_ms))
    return w->client.stale = false;
  const char *why = p->step == STEP_FAIL ? err_text(p->last) : "upstream is slow";
  log_debug("forward", "%s: stale answer: %s", question_format(&p->question, text), why);
  stale_log_note(f->o.stale_log, f->o.routes, &p->question, why, now_ms);
  count(f->o.counters, stale);
  return true;
}

bool deliver_partial(struct forward *f, const struct pending *p, struct waiter *w, uint64_t now_ms) {
  char text[QUESTION_TEXT];
  if (!p->partial || scrub_part(&p->question, p->partial->octets, p->partial->len, forward_border(f),
                                &f->answer) != ERR_NONE)
    return false;
  log_debug("forward", "%s: the part that came over UDP, as TCP fails", question_format(&p->question, text));
  f->answer.head.stored_at = p->partial->tick;
  struct answer_view v = answer_view(&f->answer);
  size_t limit = client_limit(&w->client, &w->query_opts);
  size_t len = answer_write(&v, &w->query_opts, ANSWER_FRESH, tick_of_ms(now_ms), limit, f->out);
  f->out[2] |= DNS_TC;
  count(f->o.counters, partial);
  count_answered(f, p, w, now_ms);
  deliver(f, w, len);
  return true;
}

void deliver_failure(struct forward *f, const struct pending *p, struct waiter *w, enum err why,
                     uint64_t now_ms) {
  char text[QUESTION_TEXT];
  log_debug("forward", "%s: SERVFAIL (%s): %s", question_format(&p->question, text), err_word(why),
            err_text(why));
  count(f->o.counters, failed);
  forward_note_told(
      f, &p->question,
      &(struct forward_told){.how = TOLD_FAILURE, .why = why, .waited_ms = now_ms - w->since_ms}, now_ms);
  w->client.why = (uint8_t)why;
  deliver(f, w, answer_fail(&w->query_opts, why, f->out));
}
