/* probe.c: is that server back, is it still there? Exports probe_start, probes_*. */
#include "forward/probe.h"

#include <stdlib.h>

#include "base/must.h"
#include "dns/edns.h"
#include "forward/forward_priv.h"

static void end(struct probe *p) {
  struct forward *f = p->forward;
  channel_drop(&p->x);
  timers_stop(f->o.timers, &p->timer);
  timers_release(f->o.timers);
  list_remove(&p->link);
  f->probes.count--;
  p->server->probed = false;
  upstream_release(p->upstream);
  p->magic = 0;
  free(p);
}

/* One that is asked over TCP because its UDP does not work is none the worse for it. */
static void probe_failed(struct probe *p, enum capability_why why, uint64_t now_ms) {
  struct nameserver *s = p->server;
  if (ns_is_encrypted(s)) ns_left_unanswered(s, p->question.hash, p->sent_ms, now_ms);
  else if (capability_is_resting(&s->capabilities[CAPABILITY_UDP])) ns_lacks(s, CAPABILITY_UDP, why, now_ms);
  else if (why == WHY_UDP_CLOSED) ns_refused(s, now_ms);
  else ns_left_unanswered(s, p->question.hash, p->sent_ms, now_ms);
}

static void done(struct exchange *x, enum err outcome, const uint8_t *msg, size_t len, uint64_t now_ms) {
  struct probe *p = container(x, struct probe, x);
  must(p->magic == PROBE_MAGIC);
  if (outcome == ERR_NONE) {
    unsigned rcode = edns_rcode(msg, len);
    bool refused_edns = rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP || rcode == RCODE_BADVERS;
    if (x->connects) ns_answers(p->server, now_ms);
    else ns_replied(p->server, now_ms - p->sent_ms, now_ms);
    if (!refused_edns) capability_works(&p->server->capabilities[CAPABILITY_UDP]);
  }
  if (ns_is_encrypted(p->server)) ns_failed(p->server, outcome, now_ms);
  else if (outcome == ERR_UNREACHABLE) probe_failed(p, WHY_UDP_CLOSED, now_ms);
  end(p);
}

static void due(struct timer *timer, uint64_t now_ms) {
  struct probe *p = container(timer, struct probe, timer);
  must(p->magic == PROBE_MAGIC);
  probe_failed(p, WHY_UDP_SILENT, now_ms);
  end(p);
}

void probes_init(struct probes *ps) {
  list_init(&ps->open);
  ps->count = 0;
}

void probe_start(struct forward *f, struct upstream *u, struct nameserver *s, const struct question *q,
                 uint64_t now_ms) {
  if (f->probes.count == PROBES_MAX || !timers_promise(f->o.timers)) return;
  struct probe *p = calloc(1, sizeof *p);
  if (!p) {
    timers_release(f->o.timers);
    return;
  }

  *p = (struct probe){.magic = PROBE_MAGIC,
                      .forward = f,
                      .upstream = upstream_hold(u),
                      .server = s,
                      .question = *q,
                      .x = {.question = &p->question,
                            .done = done,
                            .query_opts = {.edns = !capability_is_resting(&s->capabilities[CAPABILITY_EDNS]),
                                           .transport = s->address.transport},
                            .rto_ms = ns_rto_ms(s)},
                      .timer = {.fire = due},
                      .sent_ms = now_ms};
  list_init(&p->x.link);
  list_append(&f->probes.open, &p->link);
  f->probes.count++;
  s->probed = true;
  s->asked++;
  uint8_t msg[EXCHANGE_QUERY_MAX];
  size_t len = exchange_write(&p->question, &p->x.query_opts, msg);
  enum err e = channel_ask(s->channels[s->address.transport], &p->x, msg, len, now_ms);
  uint32_t wait_ms = 2 * ns_rto_ms(s), most_ms = ns_rto_max_ms(s);
  if (p->x.connects) most_ms *= 2;
  timers_set(f->o.timers, &p->timer, now_ms + (wait_ms < most_ms ? wait_ms : most_ms));
  if (ns_is_encrypted(s)) ns_failed(s, e, now_ms);
  else if (e == ERR_UNREACHABLE) probe_failed(p, WHY_UDP_CLOSED, now_ms);
  if (e != ERR_NONE) end(p);
}

void probes_stop(struct forward *f) {
  list_each(node, &f->probes.open) end(container(node, struct probe, link));
}
