/* fallback.c: how a server is asked, and how once more, with less, when it can't cope: from EDNS with a
 * cookie down to plain DNS, and from UDP to TCP. Exports fallback_*. */
#include "forward/fallback.h"

#include "dns/edns.h"
#include "forward/forward_priv.h"

static unsigned number_of(const struct pending *p, const struct nameserver *s) {
  return (unsigned)(s - p->upstream->servers);
}

static bool wants_dnssec(const struct pending *p) {
  return p->prove != PROVE_OFF || question_flags(&p->question) & KEY_DO;
}

/* Without EDNS there is no DNSSEC: a server that can is not asked so for those who want it. */
static bool may_go_without_edns(const struct pending *p, const struct nameserver *s) {
  return !s->speaks_edns || !wants_dnssec(p);
}

/* ---- before it is asked ---- */

enum { WAY_TRIES = 2 }; /* of a question over a server's encrypted way, before it is asked in plain */

/* Bits of servers that no DNSSEC comes from. */
static unsigned without_dnssec(const struct upstream *u, uint64_t now_ms) {
  unsigned bits = 0;
  for (unsigned i = 0; i < u->count; i++) {
    const struct nameserver *s = &u->servers[i];
    const struct capability *dnssec = &s->capabilities[CAPABILITY_DNSSEC];
    if (!ns_has_way(s) && capability_is_resting(&s->capabilities[CAPABILITY_EDNS])) bits |= 1u << i;
    if (capability_is_resting(dnssec) && !capability_is_due(dnssec, now_ms)) bits |= 1u << i;
  }
  return bits;
}

struct nameserver *fallback_pick(const struct pending *p, unsigned out, uint64_t now_ms) {
  struct upstream *u = p->upstream;
  unsigned unfit = wants_dnssec(p) ? without_dnssec(u, now_ms) : 0;
  struct nameserver *s = unfit ? upstream_pick(u, out | unfit) : NULL;
  return s && !s->down_until_ms ? s : upstream_pick(u, out);
}

static unsigned times_asked(const struct pending *p, const struct nameserver *s, enum transport over) {
  return p->asked_over[over][number_of(p, s)];
}

enum transport fallback_transport(const struct pending *p, const struct nameserver *s) {
  unsigned udp = times_asked(p, s, TRANSPORT_UDP), tcp = times_asked(p, s, TRANSPORT_TCP);
  const struct capability *h = &s->capabilities[CAPABILITY_UDP];
  if (ns_is_encrypted(s)) return s->address.transport; /* and nothing else */
  if (ns_has_way(s) && times_asked(p, s, s->way.transport) < WAY_TRIES) return s->way.transport;
  if (tcp >= FORWARD_EACH) return TRANSPORT_UDP;
  if (udp >= FORWARD_EACH) return TRANSPORT_TCP;

  bool tcp_is_next = capability_is_resting(h) ? tcp <= udp
                                              : udp >= tcp + (h->state == CAPABILITY_DOUBTED ? 1 : 2);
  return tcp_is_next ? TRANSPORT_TCP : TRANSPORT_UDP;
}

/* The n-th over UDP: a second one goes without a cookie unless the server is known to like it; a third one
 * without EDNS if nothing says that it knows that. */
static enum extras extras_of(const struct pending *p, const struct try *t, unsigned nth) {
  struct nameserver *s = t->server;
  enum extras most = t->extras;
  bool shy = s->capabilities[CAPABILITY_COOKIES].state != CAPABILITY_WORKS;
  if (transport_is_stream(t->transport)) return most;
  if (most == EXTRAS_COOKIE && nth >= (shy && p->cookie_state == COOKIE_FIRST ? 2 : 3)) most = EXTRAS_EDNS;
  if (nth >= FORWARD_EACH && !s->speaks_edns && !(p->evidence.cookie & upstream_bit(p->upstream, s)))
    most = EXTRAS_NONE;
  return most;
}

/* An answer without EDNS proves nothing: what has to be proven is asked with it each time, though the server
 * did not understand it lately, unless it leaves such questions unanswered. */
static bool edns_is_of_use(const struct pending *p, struct nameserver *s, uint64_t now_ms) {
  struct capability *edns = &s->capabilities[CAPABILITY_EDNS];
  if (capability_allows(edns, now_ms)) return true;
  return p->prove == PROVE_VALIDATE && edns->why != WHY_EDNS_DROPPED;
}

void fallback_prepare(const struct pending *p, struct try *t, unsigned nth, uint64_t now_ms) {
  const struct forward_options *o = &p->forward->o;
  struct nameserver *s = t->server;

  t->extras = extras_of(p, t, nth);
  if (t->extras && !fallback_is_way(s, t->transport) && !edns_is_of_use(p, s, now_ms))
    t->extras = EXTRAS_NONE;
  bool over_udp = !transport_is_stream(t->transport);
  bool mixes_case = o->policy.case_random && over_udp &&
                    capability_allows(&s->capabilities[CAPABILITY_0X20], now_ms);
  bool has_cookie = o->policy.cookies && over_udp && t->extras == EXTRAS_COOKIE;
  struct server_cookie *cookie = has_cookie ? ns_cookie(s, now_ms) : NULL;
  t->x.query_opts = (struct exchange_opts){.edns = t->extras,
                                           .dnssec_ok = p->prove != PROVE_OFF,
                                           .ad = o->policy.trust_ad,
                                           .transport = t->transport,
                                           .udp_size = (uint16_t)o->policy.udp_size,
                                           .cookie = cookie,
                                           .case_seed = mixes_case ? random_u64(o->random) | 1 : 0};
  t->x.rto_ms = ns_rto_ms(s);
  t->x.connects = false;
  if (cookie) memcpy(t->x.query_opts.shown, cookie->client, COOKIE_CLIENT);
}

uint32_t fallback_wait_ms(const struct pending *p, const struct nameserver *s) {
  unsigned round = p->asked / p->upstream->count; /* each server's first try gets its plain RTO */
  /* what it can do is to be found out in time */
  bool is_unknown = !ns_is_encrypted(s) && s->capabilities[CAPABILITY_UDP].state == CAPABILITY_UNTRIED;
  if (is_unknown && p->upstream->count == 1) {
    return p->asked < 2 ? RTO_UNKNOWN_MS : RTO_MAX_MS;
  }

  uint32_t wait_ms = ns_rto_ms(s);
  if (round > 0) wait_ms *= 2;
  if (round > 1) wait_ms *= 2;
  if (p->transport == TRANSPORT_TCP) wait_ms *= 2; /* to connect takes a round trip of its own */
  return wait_ms;
}

/* ---- it can't cope ---- */

/* The same server is asked again, with less. */
static bool again(struct pending *p, const struct try *t, enum extras extras, enum transport over) {
  p->server = t->server;
  p->extras = extras;
  p->transport = over;
  p->tcp_why = TCP_BY_CHOICE;
  p->step = STEP_ASK;
  return true;
}

void fallback_no_cookie(struct pending *p, const struct try *t) {
  p->evidence.cookie |= upstream_bit(p->upstream, t->server);
  p->evidence.cookie_why = WHY_COOKIE_FOREIGN;
  again(p, t, EXTRAS_EDNS, TRANSPORT_UDP);
}

/* RFC 7873 section 5.3: once more with the cookie it gave. Who does not like that either, or was shown none,
 * is asked without, or over TCP. */
void fallback_bad_cookie(struct pending *p, const struct try *t) {
  bool once_more = p->cookie_state == COOKIE_FIRST;
  p->cookie_state = COOKIE_RENEWED;
  if (!t->x.query_opts.cookie || once_more) {
    again(p, t, EXTRAS_COOKIE, t->x.query_opts.cookie ? TRANSPORT_UDP : TRANSPORT_TCP);
    p->tcp_why = TCP_REQUIRED;
    return;
  }
  p->evidence.cookie |= upstream_bit(p->upstream, t->server);
  p->evidence.cookie_why = WHY_COOKIE_REFUSED;
  again(p, t, EXTRAS_EDNS, TRANSPORT_UDP);
}

/* It gave a cookie of its own beside ours, so it knows what it does. */
static bool has_server_cookie(const uint8_t *msg, size_t len) {
  size_t n = 0;
  return edns_option(msg, len, OPT_COOKIE, &n) && n > COOKIE_CLIENT;
}

static bool is_misunderstood(unsigned rcode) {
  return rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP || rcode == RCODE_BADVERS;
}

/* May another server than s, known to be up, yet answer this question? */
static bool is_left(const struct pending *p, const struct nameserver *s, const struct nameserver *other) {
  return other != s && !other->down_until_ms && !(p->failed & upstream_bit(p->upstream, other));
}

static bool another_is_up(const struct pending *p, const struct nameserver *s) {
  for (unsigned i = 0; i < p->upstream->count; i++) {
    if (is_left(p, s, &p->upstream->servers[i])) return true;
  }
  return false;
}

/* One that was seen to speak EDNS, and that is not even in doubt. */
static bool another_speaks_edns(const struct pending *p, const struct nameserver *s) {
  for (unsigned i = 0; i < p->upstream->count; i++) {
    const struct nameserver *other = &p->upstream->servers[i];
    if (is_left(p, s, other) && other->speaks_edns && !other->timeouts) return true;
  }
  return false;
}

bool fallback_after_rcode(struct pending *p, const struct try *t, unsigned rcode, const uint8_t *msg,
                          size_t len) {
  const struct nameserver *s = t->server;
  unsigned bit = upstream_bit(p->upstream, s);
  bool misunderstood = is_misunderstood(rcode), has_opt = edns_is_in(msg, len);

  if (transport_is_encrypted(t->transport)) return false; /* who speaks that knows EDNS */
  if (t->extras == EXTRAS_NONE || (!misunderstood && rcode != RCODE_SERVFAIL && rcode != RCODE_REFUSED))
    return false;

  if (t->x.query_opts.cookie && rcode != RCODE_BADVERS) {
    if (has_server_cookie(msg, len)) return false;
    p->evidence.cookie |= bit;
    p->evidence.cookie_why = WHY_COOKIE_REFUSED;
    return again(p, t, EXTRAS_EDNS, TRANSPORT_UDP);
  }

  /* A failure that has OPT, or comes from who speaks EDNS, is no complaint about EDNS (RFC 6891
   * sections 6.1.1, 7). */
  bool speaks = has_opt || s->speaks_edns;
  if (!misunderstood && speaks) return false;
  if (misunderstood) p->evidence.edns |= bit;
  else p->evidence.edns_silently |= bit;
  if (speaks && rcode != RCODE_BADVERS && t->transport == TRANSPORT_UDP && !times_asked(p, s, TRANSPORT_TCP))
    return again(p, t, EXTRAS_EDNS, TRANSPORT_TCP);
  if (wants_dnssec(p) && another_speaks_edns(p, s)) return false;
  /* At last without, also for those who want DNSSEC when it says so over both transports and shows no OPT. */
  return (!has_opt || may_go_without_edns(p, s)) && again(p, t, EXTRAS_NONE, TRANSPORT_UDP);
}

bool fallback_transport_failed(struct pending *p, const struct try *t, enum err why) {
  struct nameserver *s = t->server;
  unsigned bit = upstream_bit(p->upstream, s);

  if (ns_is_encrypted(s)) return false; /* never in plain */
  if (why == ERR_UNREACHABLE && t->transport == TRANSPORT_UDP) {
    struct capability *udp = &s->capabilities[CAPABILITY_UDP];
    p->evidence.closed |= bit;
    if (udp->state == CAPABILITY_WORKS) { /* a server that is restarted: its TCP port is closed as well */
      capability_doubts(udp, p->started_ms, p->started_ms);
      return false;
    }
    return !times_asked(p, s, TRANSPORT_TCP) && !another_is_up(p, s) && again(p, t, p->extras, TRANSPORT_TCP);
  }

  if (why != ERR_TCP || t->tcp_why != TCP_BY_CHOICE) return false;
  p->asked_over[TRANSPORT_TCP][number_of(p, s)] = FORWARD_EACH; /* no more of that */
  if (p->evidence.edns & bit) return may_go_without_edns(p, s) && again(p, t, EXTRAS_NONE, TRANSPORT_UDP);
  if (p->evidence.closed & bit) return false;
  if (!times_asked(p, s, TRANSPORT_UDP)) return again(p, t, EXTRAS_COOKIE, TRANSPORT_UDP);
  p->step = STEP_PICK; /* UDP may yet answer */
  if (s->capabilities[CAPABILITY_UDP].state == CAPABILITY_UNTRIED) p->next_try_ms = 0;
  return true;
}

bool fallback_is_way(const struct nameserver *s, enum transport over) {
  return !ns_is_encrypted(s) && transport_is_encrypted(over);
}

bool fallback_leaves_way(struct pending *p, struct nameserver *s, enum transport over, enum err why,
                         uint64_t sent_ms, uint64_t now_ms) {
  if (!fallback_is_way(s, over)) return false;
  ns_way_failed(s, why, sent_ms, now_ms);
  bool has_followed = ns_has_way(s) && sent_ms < s->way.since_ms;
  p->asked_over[over][number_of(p, s)] = has_followed ? WAY_TRIES - 1 : WAY_TRIES;
  p->server = s;
  p->extras = EXTRAS_COOKIE;
  p->transport = fallback_transport(p, s);
  p->tcp_why = TCP_BY_CHOICE;
  p->step = STEP_ASK;
  return true;
}

/* ---- it answered ---- */

/* Tries of p at s over UDP that go without a reply, of those with at least these extras. */
static unsigned silent_tries(const struct pending *p, const struct nameserver *s, enum extras least) {
  unsigned n = 0;
  for (unsigned i = 0; i < FORWARD_TRIES; i++) {
    const struct try *t = &p->tries[i];
    if (!t->x.channel || t->server != s || transport_is_stream(t->transport) || !t->timed_out) continue;
    n += least == EXTRAS_COOKIE ? t->x.query_opts.cookie != NULL : t->extras >= least;
  }
  return n;
}

static void doubt_capability(const struct pending *p, struct nameserver *s, enum capability_kind of,
                             enum capability_why why, uint64_t now_ms) {
  if (capability_doubts(&s->capabilities[of], p->started_ms, now_ms)) ns_lacks(s, of, why, now_ms);
}

static void learn_cookies(const struct pending *p, const struct try *t, uint64_t now_ms) {
  struct nameserver *s = t->server;
  if (transport_is_stream(t->transport) || t->extras == EXTRAS_NONE) return;
  if (t->x.query_opts.cookie) {
    if (s->cookie.server_len) capability_works(&s->capabilities[CAPABILITY_COOKIES]);
  } else if (p->evidence.cookie & upstream_bit(p->upstream, s)) {
    ns_lacks(s, CAPABILITY_COOKIES, p->evidence.cookie_why, now_ms);
  } else if (silent_tries(p, s, EXTRAS_COOKIE)) {
    doubt_capability(p, s, CAPABILITY_COOKIES, WHY_COOKIE_DROPPED, now_ms);
  }
}

static void learn_edns(const struct pending *p, const struct try *t, bool has_opt, uint64_t now_ms) {
  struct nameserver *s = t->server;
  unsigned bit = upstream_bit(p->upstream, s);
  if (t->extras && has_opt) {
    s->speaks_edns = true;
    capability_works(&s->capabilities[CAPABILITY_EDNS]);
  }
  if (t->extras && !has_opt && !s->speaks_edns)
    doubt_capability(p, s, CAPABILITY_EDNS, WHY_EDNS_PASSED_OVER, now_ms);
  if (t->extras || (capability_is_resting(&s->capabilities[CAPABILITY_EDNS]) &&
                    s->capabilities[CAPABILITY_EDNS].state == CAPABILITY_RESTS))
    return;
  if (p->evidence.edns & bit && !s->speaks_edns) ns_lacks(s, CAPABILITY_EDNS, WHY_EDNS_REFUSED, now_ms);
  else if ((p->evidence.edns | p->evidence.edns_silently) & bit)
    doubt_capability(p, s, CAPABILITY_EDNS, WHY_EDNS_REFUSED, now_ms);
  else if (silent_tries(p, s, EXTRAS_EDNS)) doubt_capability(p, s, CAPABILITY_EDNS, WHY_EDNS_DROPPED, now_ms);
}

/* Servers that failed what had EDNS, and were not asked without as this one could answer it. */
static void learn_edns_of_others(const struct pending *p, const struct try *t, uint64_t now_ms) {
  for (unsigned i = 0; i < p->upstream->count; i++) {
    struct nameserver *s = &p->upstream->servers[i];
    bool failed_edns = (p->evidence.edns | p->evidence.edns_silently) & p->failed & 1u << i;
    if (s != t->server && failed_edns && !s->speaks_edns)
      doubt_capability(p, s, CAPABILITY_EDNS, WHY_EDNS_REFUSED, now_ms);
  }
}

static void learn_udp(const struct pending *p, const struct try *t, uint64_t now_ms) {
  struct nameserver *s = t->server;
  if (t->transport == TRANSPORT_UDP) capability_works(&s->capabilities[CAPABILITY_UDP]);
  else if (p->evidence.closed & upstream_bit(p->upstream, s))
    ns_lacks(s, CAPABILITY_UDP, WHY_UDP_CLOSED, now_ms);
  else if (t->extras && p->evidence.edns & upstream_bit(p->upstream, s))
    ns_lacks(s, CAPABILITY_UDP, WHY_UDP_EDNS, now_ms);
  else if (t->tcp_why == TCP_BY_CHOICE && s->capabilities[CAPABILITY_UDP].state == CAPABILITY_UNTRIED &&
           silent_tries(p, s, EXTRAS_NONE) > 1)
    ns_lacks(s, CAPABILITY_UDP, WHY_UDP_SILENT, now_ms);
  else if (t->tcp_why == TCP_BY_CHOICE && silent_tries(p, s, EXTRAS_NONE))
    doubt_capability(p, s, CAPABILITY_UDP, WHY_UDP_SILENT, now_ms);
}

void fallback_learn(const struct pending *p, const struct try *t, bool has_opt, uint64_t now_ms) {
  if (transport_is_encrypted(t->transport)) return; /* it says nothing of what it can do in plain */
  learn_cookies(p, t, now_ms);
  learn_edns(p, t, has_opt, now_ms);
  if (wants_dnssec(p)) learn_edns_of_others(p, t, now_ms);
  learn_udp(p, t, now_ms);
}

bool fallback_lacks_dnssec(const struct pending *p, const struct try *t, bool has_opt) {
  if (has_opt || !wants_dnssec(p) || transport_is_encrypted(t->transport)) return false;
  return !t->server->speaks_edns && another_speaks_edns(p, t->server);
}
