/* daemon_gather.c: sums over what each worker knows of its servers. Exports daemon_gather, gathered_domain. */
#include "daemon_gather.h"

#include <string.h>

static void gather_server(struct server_sum *sum, unsigned route, const struct server *s) {
  sum->route = route;
  unsigned rto_ms = server_rto_ms(s);
  sum->addr = s->addr;
  sum->up += !s->down_until_ms;
  sum->known += s->srtt_x8_ms > 0;
  sum->srtt_ms_x8 += s->srtt_x8_ms;
  sum->asked += s->asked;
  sum->replies += s->replies;
  if (rto_ms > sum->rto_ms) sum->rto_ms = rto_ms;
  if (s->silent > sum->silent) sum->silent = s->silent;
  latency_sum(&sum->rtt, &s->rtt);
}

/* All workers have the same sets in the same order. */
static void gather(struct worker *w, void *arg) {
  struct gathered *g = arg;
  const struct routes *r = worker_routes(w);
  g->in_flight += worker_in_flight(w);
  g->server_count = 0;
  for (unsigned route = 0; route <= r->count; route++) {
    const struct upstream *u = route ? r->list[route - 1].upstream : r->rest;
    for (unsigned i = 0; i < u->count; i++) gather_server(&g->servers[g->server_count++], route, &u->servers[i]);
  }
}

void daemon_gather(struct daemon *d, struct gathered *g) {
  memset(g, 0, sizeof *g);
  daemon_each(d, gather, g);
}

const char *gathered_domain(const struct server_sum *s, const struct settings *settings, char text[NAME_TEXT]) {
  if (!s->route) return "";
  const struct settings_domain *domain = &settings->forwards[s->route - 1].domain;
  return name_format(domain->octets, domain->len, text);
}
