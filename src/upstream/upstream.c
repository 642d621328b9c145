/* upstream.c: a set of servers, their smoothed RTT and health. Exports upstream_*, server_*. */
#include "upstream/upstream.h"

#include "base/log.h"
#include "base/random.h"

bool upstream_add(struct upstream *u, const union addr *addr, struct carrier *udp, struct carrier *tcp) {
  if (u->count == UPSTREAM_SERVERS) return false;
  u->servers[u->count++] = (struct server){.addr = *addr, .udp = udp, .tcp = tcp};
  return true;
}

void upstream_close(struct upstream *u) {
  for (unsigned i = 0; i < u->count; i++) {
    u->servers[i].udp->ops->close(u->servers[i].udp);
    u->servers[i].tcp->ops->close(u->servers[i].tcp);
  }
  u->count = 0;
}

void upstream_flush(struct upstream *u, uint64_t now_ms) {
  for (unsigned i = 0; i < u->count; i++) {
    u->servers[i].udp->ops->flush(u->servers[i].udp, now_ms);
    u->servers[i].tcp->ops->flush(u->servers[i].tcp, now_ms);
  }
}

static bool better(const struct server *a, const struct server *b) {
  bool a_down = a->down_until_ms != 0, b_down = b->down_until_ms != 0;
  if (a_down != b_down) return b_down;
  if (a_down) return a->down_until_ms < b->down_until_ms;
  return a->srtt_x8_ms < b->srtt_x8_ms;
}

struct server *upstream_pick(struct upstream *u, unsigned tried) {
  struct server *best = NULL;
  for (unsigned i = 0; i < u->count; i++) {
    struct server *s = &u->servers[i];
    if (!(tried & 1u << i) && (!best || better(s, best))) best = s;
  }
  return best;
}

struct server *upstream_probe(struct upstream *u, uint64_t now_ms) {
  for (unsigned i = 0; i < u->count; i++) {
    struct server *s = &u->servers[i];
    if (!s->down_until_ms || s->down_until_ms > now_ms) continue;
    s->down_until_ms = now_ms + s->down_for_ms; /* one question each time */
    return s;
  }
  return NULL;
}

bool upstream_is_failing(const struct upstream *u) {
  for (unsigned i = 0; i < u->count; i++) {
    if (!u->servers[i].down_until_ms) return false;
  }
  return true;
}

uint32_t server_rto_ms(const struct server *s) {
  if (!s->srtt_x8_ms) return RTO_UNKNOWN_MS;
  uint32_t spread = s->rttvar_x4_ms < RTO_LEAST_MS ? RTO_LEAST_MS : s->rttvar_x4_ms; /* 4 * RTTVAR, RFC 6298 section 2 */
  uint32_t rto = s->srtt_x8_ms / 8 + spread;
  return rto < RTO_MOST_MS ? rto : RTO_MOST_MS;
}

void server_replied(struct server *s, uint64_t rtt_ms, uint64_t now_ms) {
  uint32_t rtt = rtt_ms > 10000 ? 10000 : (uint32_t)rtt_ms;
  char text[ADDR_TEXT];
  if (!s->srtt_x8_ms) {
    s->srtt_x8_ms = rtt * 8 + 1;
    s->rttvar_x4_ms = rtt * 2;
  } else {
    uint32_t srtt = s->srtt_x8_ms / 8, apart = srtt > rtt ? srtt - rtt : rtt - srtt;
    s->rttvar_x4_ms = s->rttvar_x4_ms - s->rttvar_x4_ms / 4 + apart;
    s->srtt_x8_ms = s->srtt_x8_ms - s->srtt_x8_ms / 8 + rtt + (s->srtt_x8_ms < 8);
  }
  if (s->down_until_ms) log_info("upstream", "%s answers again", addr_format(&s->addr, text));
  s->silent = 0;
  s->heard_ms = now_ms;
  s->down_until_ms = 0;
  s->down_for_ms = 0;
}

static void go_down(struct server *s, const char *why, uint64_t now_ms) {
  char text[ADDR_TEXT];
  if (!s->down_until_ms) log_warn("upstream", "%s is down: %s", addr_format(&s->addr, text), why);
  s->down_for_ms = s->down_for_ms ? s->down_for_ms * 2 : DOWN_FIRST_MS;
  if (s->down_for_ms > DOWN_MOST_MS) s->down_for_ms = DOWN_MOST_MS;
  s->down_until_ms = now_ms + s->down_for_ms;
}

void server_was_silent(struct server *s, uint64_t now_ms) {
  bool lately = s->heard_ms && now_ms - s->heard_ms < DOWN_SILENT_MS;
  if (++s->silent >= DOWN_AFTER && !lately) go_down(s, "no replies", now_ms);
}

struct server_cookie *server_cookie(struct server *s, uint64_t now_ms) {
  struct server_cookie *c = &s->cookie;
  if (c->unanswered) *c = (struct server_cookie){.rest_ms = now_ms + COOKIE_REST_MS};
  if (now_ms < c->rest_ms) return NULL;
  if (now_ms >= c->renew_ms) {
    *c = (struct server_cookie){.renew_ms = now_ms + COOKIE_RENEW_MS};
    random_octets(c->client, sizeof c->client);
  }
  return c;
}

void server_refused(struct server *s, uint64_t now_ms) { go_down(s, "port closed or network unreachable", now_ms); }
