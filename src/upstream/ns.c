/* ns.c: one server's smoothed RTT, its health and what is known of it. Exports ns_*. */
#include "upstream/ns.h"

#include <string.h>

#include "base/log.h"
#include "base/random.h"
#include "dns/type.h"

bool ns_address_equal(const struct ns_address *a, const struct ns_address *b) {
  return a->transport == b->transport && addr_equal(&a->addr, &b->addr) && a->trust == b->trust &&
         a->ways == b->ways && strcmp(a->path, b->path) == 0 && tls_expect_equal(&a->expect, &b->expect);
}

/* ---- its channels ---- */

void ns_close(struct nameserver *s) {
  for (unsigned i = 0; i < TRANSPORTS; i++) {
    if (s->channels[i]) s->channels[i]->ops->close(s->channels[i]);
    s->channels[i] = NULL;
  }
  if (s->way.left) s->way.left->ops->close(s->way.left);
  s->way.left = NULL;
}

static void flush_left(struct ns_way *way, uint64_t now_ms) {
  way->left->ops->flush(way->left, now_ms);
  if (way->left->ops->facts(way->left)->waiting) return;
  way->left->ops->close(way->left);
  way->left = NULL;
}

void ns_flush(struct nameserver *s, uint64_t now_ms) {
  for (unsigned i = 0; i < TRANSPORTS; i++) {
    if (s->channels[i]) s->channels[i]->ops->flush(s->channels[i], now_ms);
  }
  if (s->way.tried) s->way.tried->ops->flush(s->way.tried, now_ms);
  if (s->way.left) flush_left(&s->way, now_ms);
}

void ns_inherit(struct nameserver *s, const struct nameserver *known) {
  struct channel *own[TRANSPORTS];
  struct ns_way way = s->way;
  memcpy(own, s->channels, sizeof own);
  *s = *known;
  s->way = way;
  memcpy(s->channels, own, sizeof own);
  s->probed = false;
}

/* ---- how long it takes ---- */

uint32_t ns_late_ms(const struct nameserver *s) {
  uint32_t late = s->srtt_x8_ms / 8 + s->rttvar_x4_ms / 2 + HEDGE_MIN_MS, rto = ns_rto_ms(s);
  return s->srtt_x8_ms && late < rto ? late : rto;
}

uint32_t ns_connect_ms(const struct nameserver *s) {
  return s->srtt_x8_ms ? 2 * (s->srtt_x8_ms / 8) : RTO_UNKNOWN_MS;
}

uint32_t ns_rto_max_ms(const struct nameserver *s) {
  uint32_t srtt = s->srtt_x8_ms / 8, far = srtt + srtt / 4;
  if (far < RTO_MAX_MS) return RTO_MAX_MS;
  return far < RTO_FAR_MAX_MS ? far : RTO_FAR_MAX_MS;
}

uint32_t ns_rto_ms(const struct nameserver *s) {
  if (!s->srtt_x8_ms) return RTO_UNKNOWN_MS;
  /* 4 * RTTVAR, RFC 6298 section 2 */
  uint32_t spread = s->rttvar_x4_ms < RTO_SPREAD_MIN_MS ? RTO_SPREAD_MIN_MS : s->rttvar_x4_ms;
  uint32_t rto = s->srtt_x8_ms / 8 + spread, most = ns_rto_max_ms(s);
  return rto < most ? rto : most;
}

/* ---- is it there? ---- */

void ns_answers(struct nameserver *s, uint64_t now_ms) {
  char text[ADDR_TEXT];
  if (s->down_until_ms) log_info("upstream", "%s answers again", addr_format(&s->address.addr, text));
  s->replies++;
  s->timeouts = 0;
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
  if (!s->down_until_ms) log_warn("upstream", "%s is down: %s", addr_format(&s->address.addr, text), why);
  s->down_for_ms = s->down_for_ms ? s->down_for_ms * 2 : DOWN_FIRST_MS;
  if (s->down_for_ms > DOWN_MAX_MS) s->down_for_ms = DOWN_MAX_MS;
  s->down_until_ms = now_ms + s->down_for_ms;
}

void ns_refused(struct nameserver *s, uint64_t now_ms) {
  go_down(s, "port closed or network unreachable", now_ms);
}

void ns_failed(struct nameserver *s, enum err why, uint64_t now_ms) {
  /* the channel has said why */
  if (err_is_of_connection(why)) go_down(s, "no connection to it can be made", now_ms);
}

void ns_was_silent(struct nameserver *s, uint64_t now_ms) {
  bool lately = s->heard_ms && now_ms - s->heard_ms < DOWN_SILENT_MS;
  if (++s->timeouts >= DOWN_AFTER && !lately) go_down(s, "no replies", now_ms);
}

/* ---- its encrypted way ---- */

static void lose_way(struct nameserver *s, const char *why, uint64_t now_ms) {
  char text[ADDR_TEXT];
  if (s->way.state != WAY_PROVEN) return;
  s->way.state = WAY_UNPROVEN;
  log_warn("upstream", "%s: not asked over %s any more, but in plain: %s",
           addr_format(&s->address.addr, text), transport_text(s->way.transport), why);
  if (s->way.lost) s->way.lost(&s->way, now_ms);
}

void ns_way_replied(struct nameserver *s) { s->way.silent = 0; }

void ns_way_failed(struct nameserver *s, enum err why, uint64_t sent_ms, uint64_t now_ms) {
  bool is_ours = why == ERR_NONE || why == ERR_MEMORY || why == ERR_OVERLOAD || why == ERR_STOPPING;
  if (!is_ours && sent_ms >= s->way.since_ms) lose_way(s, err_text(why), now_ms);
}

void ns_way_was_silent(struct nameserver *s, uint64_t sent_ms, uint64_t now_ms) {
  if (sent_ms < s->way.since_ms) return;
  if (++s->way.silent >= WAY_LOST_AFTER) lose_way(s, "no replies", now_ms);
}

/* ---- what it can do ---- */

static uint32_t rest_first_ms(enum capability_why why) {
  switch (why) {
  case WHY_COOKIE_UNKNOWN: return COOKIE_REST_MS;
  case WHY_UDP_SILENT:
  case WHY_UDP_EDNS:
  case WHY_UDP_CLOSED: return UDP_REST_MS;
  default: return CAPABILITY_REST_MS;
  }
}

/* Of many servers this is so, and nothing comes of it: the log has no word of it. */
static bool is_harmless(enum capability_why why) {
  return why == WHY_NONE || why == WHY_COOKIE_UNKNOWN || why == WHY_0X20;
}

void ns_lacks(struct nameserver *s, enum capability_kind of, enum capability_why why, uint64_t now_ms) {
  char text[ADDR_TEXT];
  uint32_t most_ms = why == WHY_COOKIE_UNKNOWN ? COOKIE_REST_MS : CAPABILITY_REST_MS;
  capability_rests(&s->capabilities[of], why, rest_first_ms(why), most_ms, now_ms);
  if (of == CAPABILITY_COOKIES) s->cookie = (struct server_cookie){0};
  if (of == CAPABILITY_EDNS) s->speaks_edns = false;
  if (s->logged & 1u << why || is_harmless(why)) return;
  s->logged |= 1u << why;
  log_warn("upstream", "%s %s", addr_format(&s->address.addr, text), capability_why_text(why));
}

void ns_left_unanswered(struct nameserver *s, uint64_t hash, uint64_t sent_ms, uint64_t now_ms) {
  bool counted = s->timeouts && s->timeout_hash == hash && !s->down_until_ms;
  if (s->heard_ms > sent_ms || counted) return;
  s->timeout_hash = hash;
  ns_was_silent(s, now_ms);
}

void ns_left_type(struct nameserver *s, uint16_t type, uint64_t domain, bool in_vain, uint64_t now_ms) {
  char where[ADDR_TEXT], word[TYPE_TEXT];
  if (!unanswered_note(&s->unanswered, type, domain, in_vain, now_ms)) return;
  log_warn("upstream", "%s answers no question for %s: asking it only now and then",
           addr_format(&s->address.addr, where), type_format(type, word));
}

void ns_answered_type(struct nameserver *s, uint16_t type) {
  char where[ADDR_TEXT], word[TYPE_TEXT];
  if (!unanswered_end(&s->unanswered, type)) return;
  log_info("upstream", "%s answers questions for %s again", addr_format(&s->address.addr, where),
           type_format(type, word));
}

struct server_cookie *ns_cookie(struct nameserver *s, uint64_t now_ms) {
  struct server_cookie *c = &s->cookie;
  if (c->unanswered) ns_lacks(s, CAPABILITY_COOKIES, WHY_COOKIE_UNKNOWN, now_ms);
  if (!capability_allows(&s->capabilities[CAPABILITY_COOKIES], now_ms)) return NULL;
  if (now_ms >= c->renew_ms) {
    *c = (struct server_cookie){.renew_ms = now_ms + COOKIE_RENEW_MS};
    random_octets(c->client, sizeof c->client);
  }
  return c;
}
