/* fault_filter.c: answers spoiled and held back between serve_query and the client. Exports
 * fault_filter_*. */
#include "server/fault_filter.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/must.h"
#include "server/client_wrap.h"

enum { FAULTY_MAGIC = 0x4641554c };

struct fault_filter {
  const struct faults *faults;
  const struct zones *zones;
  struct timers *timers;
  struct counters *counters;
  struct list open; /* struct faulty_answer */
  unsigned held;
  size_t octets;
  bool stopping;
  struct fault_scratch scratch;
  uint8_t out[DNS_MSG_MAX];
};

struct faulty_answer {
  struct client_wrap wrap;
  struct list link;
  struct fault_filter *owner;
  struct fault_match match; /* its fault is NULL once the rule is no more in force */
  struct timer timer;       /* until the answer goes out */
  uint64_t asked_ms;
  size_t limit;
  struct fault_result result;
  uint8_t *msg; /* held; NULL while there is no answer */
  struct question question;
};

struct fault_filter *fault_filter_new(struct timers *timers, struct counters *counters) {
  /* not zeroed: most of it is not touched as long as there are no faults */
  struct fault_filter *s = malloc(sizeof *s);
  if (!s) return NULL;
  s->faults = NULL;
  s->zones = NULL;
  s->timers = timers;
  s->counters = counters;
  list_init(&s->open);
  s->held = 0;
  s->octets = 0;
  s->stopping = false;
  return s;
}

void fault_filter_free(struct fault_filter *s) {
  if (!s) return;
  must(s->held == 0);
  free(s);
}

unsigned fault_filter_held(const struct fault_filter *s) { return s->held; }

/* ---- one answer ---- */

static void end(struct faulty_answer *p) {
  struct fault_filter *s = p->owner;
  timers_stop(s->timers, &p->timer);
  timers_release(s->timers);
  list_remove(&p->link);
  s->held--;
  if (p->msg) s->octets -= p->result.len;
  free(p->msg);
  p->wrap.magic = 0;
  free(p);
}

/* Sends what came of it; msg NULL when that is nothing. The client's deliver must not be under way. */
static void let_go(struct faulty_answer *p, const uint8_t *msg) {
  const struct client *c = &p->wrap.client;
  const struct fault_result *r = &p->result;
  if (r->close && c->cut) c->cut(c, msg, r->len, r->sent);
  else c->deliver(c, msg, r->sent);
  end(p);
}

static void on_due(struct timer *t, uint64_t now_ms) {
  struct faulty_answer *p = container(t, struct faulty_answer, timer);
  (void)now_ms;
  must(p->wrap.magic == FAULTY_MAGIC);
  let_go(p, p->msg);
}

/* Keeps a copy until due_ms. False: there is no room for it. */
static bool hold(struct faulty_answer *p, const uint8_t *msg, uint64_t due_ms) {
  struct fault_filter *s = p->owner;
  size_t len = p->result.len;
  if (s->stopping) return false;
  p->msg = s->octets + len <= FAULT_FILTER_OCTETS ? malloc(len + 1) : NULL;
  if (!p->msg) {
    count(s->counters, fault_missed);
    return false;
  }
  timers_set(s->timers, &p->timer, due_ms);
  if (len) memcpy(p->msg, msg, len);
  s->octets += len;
  return true;
}

/* By the worst that the rule does. */
static void count_fault(struct counters *c, const struct rule *r) {
  static const uint32_t broken = RULE_BIT(RULE_WRONG_ID) | RULE_BIT(RULE_GARBAGE) | RULE_BIT(RULE_CUT) |
                                 RULE_BIT(RULE_CLOSE);
  static const uint32_t failed = RULE_BIT(RULE_SERVFAIL) | RULE_BIT(RULE_REFUSED) | RULE_BIT(RULE_NXDOMAIN) |
                                 RULE_BIT(RULE_NODATA) | RULE_BIT(RULE_TRUNCATE);
  count(c, fault);
  if (rule_has(r, RULE_DELAY)) count(c, fault_delayed);
  if (rule_has(r, RULE_DROP)) count(c, fault_dropped);
  else if (r->words & broken) count(c, fault_broken);
  else if (r->words & failed) count(c, fault_failed);
  else if (r->words & ~(RULE_BIT(RULE_DELAY + 1) - 1)) count(c, fault_altered);
}

/* Spoils len octets at msg, which have room for p->limit. */
static void apply(struct faulty_answer *p, uint8_t *msg, size_t len) {
  struct fault_filter *s = p->owner;
  p->result = fault_apply(&p->match, &p->question, transport_is_stream(p->wrap.client.transport), msg, len,
                          p->limit, &s->scratch);
  if (fault_wants_signing(&p->match)) zones_sign_again(s->zones, msg, p->result.len);
  count_fault(s->counters, &p->match.fault->rule);
}

static uint64_t due_of(const struct faulty_answer *p) { return p->asked_ms + fault_delay_ms(&p->match); }

/* The forwarder's answer. Silence stays silence. */
static void deliver(const struct client *stand_in, const uint8_t *msg, size_t len) {
  struct client_wrap *wrap = client_wrap_of(stand_in, FAULTY_MAGIC);
  struct faulty_answer *p = container(wrap, struct faulty_answer, wrap);
  struct fault_filter *s = p->owner;
  p->result = (struct fault_result){.len = len, .sent = len};
  if (p->match.fault && len && !broken(len > sizeof s->out)) {
    memcpy(s->out, msg, len);
    apply(p, s->out, len);
    msg = s->out;
    if (rule_has(&p->match.fault->rule, RULE_DELAY) && p->result.sent + p->result.close > 0 &&
        hold(p, msg, due_of(p)))
      return;
  }
  let_go(p, msg);
}

/* ---- for serve_query ---- */

struct faulty_answer *fault_filter_begin(struct fault_filter *s, const struct query *q,
                                         const struct client *client, size_t limit, uint64_t now_ms) {
  struct fault_match k;
  if (!faults_match(s->faults, &q->question, &client->peer, transport_is_stream(client->transport), now_ms,
                    &k))
    return NULL;
  struct faulty_answer *p = s->held < FAULT_FILTER_HELD ? malloc(sizeof *p) : NULL;
  if (!p || !timers_promise(s->timers)) {
    free(p);
    count(s->counters, fault_missed);
    return NULL;
  }

  *p = (struct faulty_answer){.owner = s,
                              .match = k,
                              .timer = {.fire = on_due},
                              .asked_ms = now_ms,
                              .limit = limit,
                              .question = q->question};
  client_wrap_init(&p->wrap, client, FAULTY_MAGIC, deliver);
  list_append(&s->open, &p->link);
  s->held++;
  return p;
}

const struct client *fault_filter_client(const struct faulty_answer *p) { return &p->wrap.stand_in; }

int fault_filter_end(struct faulty_answer *p, int len, uint8_t *out) {
  if (len == SERVE_LATER) return SERVE_LATER;
  if (len > 0) apply(p, out, (size_t)len);
  const struct fault_result r = p->result;
  bool late = rule_has(&p->match.fault->rule, RULE_DELAY) && r.sent > 0;
  /* a connection is not closed from within its query */
  if ((late || r.close) && hold(p, out, due_of(p))) return SERVE_LATER;
  end(p);
  return (int)r.sent;
}

/* ---- all of them ---- */

void fault_filter_set_zones(struct fault_filter *s, const struct zones *zones) { s->zones = zones; }

void fault_filter_set(struct fault_filter *s, const struct faults *faults) {
  s->faults = faults;
  list_each(node, &s->open) {
    struct faulty_answer *p = container(node, struct faulty_answer, link);
    if (!p->match.fault || faults_have(faults, p->match.fault)) continue;
    p->match.fault = NULL;
    if (p->msg) let_go(p, p->msg);
  }
}

void fault_filter_stop(struct fault_filter *s) {
  s->stopping = true;
  list_each(node, &s->open) {
    struct faulty_answer *p = container(node, struct faulty_answer, link);
    if (p->msg) let_go(p, p->msg);
  }
}
