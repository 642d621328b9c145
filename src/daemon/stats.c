/* stats.c: sums over what each worker knows of its servers. Exports stats_gather, stats_state,
 * stats_domain. */
#include "daemon/stats.h"

#include <string.h>

#include "base/clock.h"

static void gather_capability(struct capability_stats *sum, const struct capability *h, uint64_t now_ms) {
  if (!capability_is_resting(h)) return;
  uint64_t retry_ms = capability_is_due(h, now_ms) ? 0 : h->until_ms - now_ms;
  if (!sum->workers++ || retry_ms < sum->retry_ms) {
    sum->why = h->why;
    sum->retry_ms = retry_ms;
  }
}

/* What one worker has seen holds for all; one that was refused before one that was not. */
static void gather_facts(struct ns_stats *sum, const struct nameserver *s) {
  struct channel *c = s->channels[s->way.state == WAY_NONE ? s->address.transport : s->way.transport];
  if (s->way.state >= sum->way.state) {
    sum->way = s->way;
    sum->transport = ns_has_way(s) ? s->way.transport : s->address.transport;
  }
  if (!c || !c->ops->facts) return;
  const struct channel_facts *f = c->ops->facts(c);
  struct channel_facts all = sum->facts;
  bool is_first = !all.handshakes && all.failed == ERR_NONE;
  if (is_first || f->failed != ERR_NONE) sum->facts = *f;
  sum->facts.handshakes = all.handshakes + f->handshakes;
  sum->facts.resumed = all.resumed + f->resumed;
  sum->facts.open = all.open + f->open;
  sum->facts.status = all.status ? all.status : f->status;
}

static void gather_server(struct ns_stats *sum, unsigned route, const struct nameserver *s) {
  sum->route = route;
  unsigned rto_ms = ns_rto_ms(s);
  sum->addr = s->address.addr;
  sum->up += !s->down_until_ms;
  sum->known += s->srtt_x8_ms > 0;
  sum->srtt_ms_x8 += s->srtt_x8_ms;
  sum->asked += s->asked;
  sum->replies += s->replies;
  if (rto_ms > sum->rto_ms) sum->rto_ms = rto_ms;
  if (s->timeouts > sum->silent) sum->silent = s->timeouts;
  latency_sum(&sum->rtt, &s->rtt);
  gather_facts(sum, s);
  for (unsigned of = 0; of < CAPABILITIES; of++)
    gather_capability(&sum->capabilities[of], &s->capabilities[of], clock_ms());
}

/* All workers have the same sets in the same order. */
static void gather(struct worker *w, void *arg) {
  struct stats *g = arg;
  const struct routes *r = worker_routes(w);
  g->in_flight += worker_in_flight(w);
  g->server_count = 0;
  for (unsigned route = 0; route <= r->count; route++) {
    const struct upstream *u = route ? r->list[route - 1].upstream : r->rest;
    for (unsigned i = 0; i < u->count; i++)
      gather_server(&g->servers[g->server_count++], route, &u->servers[i]);
  }
}

const char *stats_state(const struct ns_stats *s) {
  return !s->asked ? "not asked yet" : s->up ? "up" : "down";
}

void stats_gather(struct daemon *d, struct stats *g) {
  memset(g, 0, sizeof *g);
  workers_each(&d->workers, gather, g);
}

const char *stats_domain(const struct ns_stats *s, const struct settings *settings, char text[NAME_TEXT]) {
  if (!s->route) return "";
  const struct settings_domain *domain = &settings->forwards[s->route - 1].domain;
  return name_format(domain->octets, domain->len, text);
}
