/* upstream.c: a set of servers, their smoothed RTT and health. Exports upstream_*, server_*. */
#include "upstream/upstream.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/must.h"
#include "base/random.h"
#include "dns/type.h"

enum { FORGET = 64 }; /* a server twice as slow is tried again after some 45 questions */

void upstream_init(struct upstream *u, enum upstream_policy policy) {
  *u = (struct upstream){.users = 1, .policy = policy};
  list_init(&u->link);
}

struct upstream *upstream_new(struct list *all, enum upstream_policy policy) {
  struct upstream *u = malloc(sizeof *u);
  if (!u) return NULL;
  upstream_init(u, policy);
  list_append(all, &u->link);
  return u;
}

struct upstream *upstream_hold(struct upstream *u) {
  u->users++;
  return u;
}

void upstream_release(struct upstream *u) {
  if (!u) return;
  must(u->users > 0);
  if (--u->users) return;
  upstream_close(u);
  list_remove(&u->link);
  free(u);
}

bool upstream_add(struct upstream *u, const union addr *addr, struct channel *udp, struct channel *tcp) {
  if (u->count == UPSTREAM_SERVERS) return false;
  u->servers[u->count++] = (struct nameserver){.addr = *addr, .udp = udp, .tcp = tcp};
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

void upstream_inherit(struct upstream *to, const struct upstream *from) {
  for (unsigned i = 0; i < to->count; i++) {
    for (unsigned k = 0; k < from->count; k++) {
      struct nameserver *s = &to->servers[i];
      struct channel *udp = s->udp, *tcp = s->tcp;
      if (!addr_equal(&s->addr, &from->servers[k].addr)) continue;
      *s = from->servers[k];
      s->udp = udp;
      s->tcp = tcp;
      s->probed = false;
    }
  }
}

enum standing { IS_UP, IS_IN_DOUBT, IS_DOWN };

static enum standing standing_of(const struct nameserver *s) {
  return s->down_until_ms ? IS_DOWN : s->silent ? IS_IN_DOUBT : IS_UP;
}

/* Of two servers the one that stands earlier is `b`. */
static bool better(const struct upstream *u, const struct nameserver *a, const struct nameserver *b) {
  enum standing at = standing_of(a), bt = standing_of(b);
  if (at != bt) return at < bt;
  if (at == IS_DOWN) return a->down_until_ms < b->down_until_ms;
  return u->policy == UPSTREAM_FASTEST && a->srtt_x8_ms < b->srtt_x8_ms;
}

/* Who is not asked seems faster with each question that others get, until it is tried again: once slow is not
 * slow for ever. */
static void forget_a_little(struct upstream *u, const struct nameserver *asked) {
  for (unsigned i = 0; i < u->count; i++) {
    struct nameserver *s = &u->servers[i];
    if (s != asked && !s->down_until_ms && s->srtt_x8_ms > 8) s->srtt_x8_ms -= s->srtt_x8_ms / FORGET + 1;
  }
}

struct nameserver *upstream_pick(struct upstream *u, unsigned tried) {
  struct nameserver *best = NULL;
  unsigned first = u->policy == UPSTREAM_SPREAD ? u->turn : 0;
  for (unsigned i = 0; i < u->count; i++) {
    struct nameserver *s = &u->servers[(first + i) % u->count];
    if (!(tried & upstream_bit(u, s)) && (!best || better(u, s, best))) best = s;
  }
  if (best && u->policy == UPSTREAM_SPREAD) u->turn = (unsigned)(best - u->servers) + 1;
  if (best && u->policy == UPSTREAM_FASTEST) forget_a_little(u, best);
  return best;
}

bool upstream_may_hedge(const struct upstream *u, const struct nameserver *asked) {
  if (u->hedges < HEDGE_PRICE) return false;
  for (unsigned i = 0; i < u->count; i++) {
    if (&u->servers[i] != asked && !u->servers[i].down_until_ms) return true;
  }
  return false;
}

void upstream_note_asked(struct upstream *u) {
  if (u->hedges < HEDGE_PRICE * HEDGE_SAVED) u->hedges++;
}

void upstream_note_hedged(struct upstream *u) {
  u->hedges -= u->hedges < HEDGE_PRICE ? u->hedges : HEDGE_PRICE;
}

uint32_t ns_late_ms(const struct nameserver *s) {
  uint32_t late = s->srtt_x8_ms / 8 + s->rttvar_x4_ms / 2 + HEDGE_LEAST_MS, rto = ns_rto_ms(s);
  return s->srtt_x8_ms && late < rto ? late : rto;
}

struct nameserver *upstream_probe(struct upstream *u, uint64_t now_ms) {
  for (unsigned i = 0; i < u->count; i++) {
    struct nameserver *s = &u->servers[i];
    enum standing is = standing_of(s);
    if (s->probed || is == IS_UP || s->down_until_ms > now_ms) continue;
    if (is == IS_DOWN) s->down_until_ms = now_ms + s->down_for_ms; /* one question each time */
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

uint32_t ns_rto_max_ms(const struct nameserver *s) {
  uint32_t srtt = s->srtt_x8_ms / 8, far = srtt + srtt / 4;
  if (far < RTO_MOST_MS) return RTO_MOST_MS;
  return far < RTO_FAR_MS ? far : RTO_FAR_MS;
}

uint32_t ns_rto_ms(const struct nameserver *s) {
  if (!s->srtt_x8_ms) return RTO_UNKNOWN_MS;
  /* 4 * RTTVAR, RFC 6298 section 2 */
  uint32_t spread = s->rttvar_x4_ms < RTO_LEAST_MS ? RTO_LEAST_MS : s->rttvar_x4_ms;
  uint32_t rto = s->srtt_x8_ms / 8 + spread, most = ns_rto_max_ms(s);
  return rto < most ? rto : most;
}

void ns_answers(struct nameserver *s, uint64_t now_ms) {
  char text[ADDR_TEXT];
  if (s->down_until_ms) log_info("upstream", "%s answers again", addr_format(&s->addr, text));
  s->replies++;
  s->silent = 0;
  s->heard_ms = now_ms;
  s->down_until_ms = 0;
  s->down_for_ms = 0;
}

void ns_replied(struct nameserver *s, uint64_t rtt_ms, uint64_t now_ms) {
  ns_answers(s, now_ms);
  latency_note(&s->rtt, rtt_ms);
  uint32_t rtt = rtt_ms > 10000 ? 10000 : (uint32_t)rtt_ms;
  if (!s->srtt_x8_ms) {
    s->srtt_x8_ms = rtt * 8 + 1;
    s->rttvar_x4_ms = rtt * 2;
  } else {
    uint32_t srtt = s->srtt_x8_ms / 8, apart = srtt > rtt ? srtt - rtt : rtt - srtt;
    s->rttvar_x4_ms = s->rttvar_x4_ms - s->rttvar_x4_ms / 4 + apart;
    s->srtt_x8_ms = s->srtt_x8_ms - s->srtt_x8_ms / 8 + rtt + (s->srtt_x8_ms < 8);
  }
}

static void go_down(struct nameserver *s, const char *why, uint64_t now_ms) {
  char text[ADDR_TEXT];
  if (!s->down_until_ms) log_warn("upstream", "%s is down: %s", addr_format(&s->addr, text), why);
  s->down_for_ms = s->down_for_ms ? s->down_for_ms * 2 : DOWN_FIRST_MS;
  if (s->down_for_ms > DOWN_MOST_MS) s->down_for_ms = DOWN_MOST_MS;
  s->down_until_ms = now_ms + s->down_for_ms;
}

void ns_was_silent(struct nameserver *s, uint64_t now_ms) {
  bool lately = s->heard_ms && now_ms - s->heard_ms < DOWN_SILENT_MS;
  if (++s->silent >= DOWN_AFTER && !lately) go_down(s, "no replies", now_ms);
}

static uint32_t rest_first_ms(enum habit_why why) {
  switch (why) {
  case WHY_COOKIE_UNKNOWN: return COOKIE_REST_MS;
  case WHY_UDP_MUTE:
  case WHY_UDP_EDNS:
  case WHY_UDP_CLOSED: return UDP_REST_MS;
  default: return HABIT_REST_MS;
  }
}

/* Of many servers this is so, and nothing comes of it: the log has no word of it. */
static bool is_harmless(enum habit_why why) {
  return why == WHY_NONE || why == WHY_COOKIE_UNKNOWN || why == WHY_CAPITALS;
}

void ns_lacks(struct nameserver *s, enum habit_of of, enum habit_why why, uint64_t now_ms) {
  char text[ADDR_TEXT];
  uint32_t most_ms = why == WHY_COOKIE_UNKNOWN ? COOKIE_REST_MS : HABIT_REST_MS;
  habit_rests(&s->habits[of], why, rest_first_ms(why), most_ms, now_ms);
  if (of == HABIT_COOKIES) s->cookie = (struct server_cookie){0};
  if (of == HABIT_EDNS) s->speaks_edns = false;
  if (s->told & 1u << why || is_harmless(why)) return;
  s->told |= 1u << why;
  log_warn("upstream", "%s %s", addr_format(&s->addr, text), habit_why_text(why));
}

void ns_left_unanswered(struct nameserver *s, uint64_t hash, uint64_t sent_ms, uint64_t now_ms) {
  bool counted = s->silent && s->silent_to == hash && !s->down_until_ms;
  if (s->heard_ms > sent_ms || counted) return;
  s->silent_to = hash;
  ns_was_silent(s, now_ms);
}

void ns_left_type(struct nameserver *s, uint16_t type, uint64_t domain, bool in_vain, uint64_t now_ms) {
  char where[ADDR_TEXT], word[TYPE_TEXT];
  if (!mutes_note(&s->mutes, type, domain, in_vain, now_ms)) return;
  log_warn("upstream", "%s answers no question for %s: asking it only now and then",
           addr_format(&s->addr, where), type_format(type, word));
}

void ns_answered_type(struct nameserver *s, uint16_t type) {
  char where[ADDR_TEXT], word[TYPE_TEXT];
  if (!mutes_answered(&s->mutes, type)) return;
  log_info("upstream", "%s answers questions for %s again", addr_format(&s->addr, where),
           type_format(type, word));
}

unsigned upstream_resting(struct upstream *u, uint16_t type, uint64_t now_ms) {
  unsigned resting = 0;
  bool sure = true;
  for (unsigned i = 0; i < u->count; i++) {
    struct nameserver *s = &u->servers[i];
    const struct mute *mute = mutes_find_resting(&s->mutes, type);
    if (!mute || mutes_allow(&s->mutes, type, now_ms)) continue;
    resting |= 1u << i;
    sure &= mute->in_vain >= MUTE_DOMAINS;
  }
  return resting == (1u << u->count) - 1 && !sure ? 0 : resting;
}

void upstream_forget_mutes(struct upstream *u) {
  for (unsigned i = 0; i < u->count; i++) u->servers[i].mutes = (struct mutes){0};
}

bool upstream_is_mute_to(const struct upstream *u, uint16_t type) {
  for (unsigned i = 0; i < u->count; i++) {
    if (!mutes_find_resting(&u->servers[i].mutes, type)) return false;
  }
  return u->count > 0;
}

struct server_cookie *ns_cookie(struct nameserver *s, uint64_t now_ms) {
  struct server_cookie *c = &s->cookie;
  if (c->unanswered) ns_lacks(s, HABIT_COOKIES, WHY_COOKIE_UNKNOWN, now_ms);
  if (!habit_allows(&s->habits[HABIT_COOKIES], now_ms)) return NULL;
  if (now_ms >= c->renew_ms) {
    *c = (struct server_cookie){.renew_ms = now_ms + COOKIE_RENEW_MS};
    random_octets(c->client, sizeof c->client);
  }
  return c;
}

void ns_refused(struct nameserver *s, uint64_t now_ms) {
  go_down(s, "port closed or network unreachable", now_ms);
}
