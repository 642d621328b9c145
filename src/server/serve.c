/* serve.c: a client's packet, from its first octet to its answer or to the forwarder. Exports serve_query,
 * serve_question. */
#include "server/serve.h"

#include "base/log.h"
#include "dns/special.h"
#include "dns/ttl.h"
#include "forward/stale_log.h"
#include "server/serve_zones.h"

void serve_set_policy(struct query_service *s, const struct serve_policy *policy) {
  s->policy = *policy;
  s->rotation_mask = policy->rotate ? UINT32_MAX : 0;
  query_log_set(&s->log, policy->log_every);
  serve_watch(s);
}

void serve_watch(struct query_service *s) { s->is_watched = s->log.is_on || query_tap_is_on(&s->tap); }

/* Class CHAOS: who answers, and how it is. 0: that is not told, or not to that client. */
static __attribute__((noinline, cold)) size_t tell(struct query_service *s, const struct query *q,
                                                   const struct client *client, uint64_t now_ms,
                                                   uint8_t *out) {
  if (!chaos_asks_health(&q->query_opts)) return chaos_answer(&s->policy.chaos, &q->query_opts, out);
  if (!s->health || !access_is_here(&client->peer, &client->local)) return 0;
  return chaos_write(s->health(s->health_ctx, now_ms), &q->query_opts, out);
}

/* A packet that asks nothing that can be answered, but deserves an answer. */
static inline __attribute__((always_inline)) struct serve_result refuse(struct query_service *s,
                                                                        const struct query *q,
                                                                        const struct client *client,
                                                                        enum query_verdict verdict,
                                                                        uint64_t now_ms, uint8_t *out) {
  size_t told = verdict == QUERY_REFUSED ? tell(s, q, client, now_ms, out) : 0;
  if (told) return serve_result(s, SERVED_HIT, (int)told);

  int len = (int)query_refuse(&q->query_opts, verdict, out);
  if (verdict == QUERY_COOKIE) return serve_result(s, SERVED_HIT, len);
  if (verdict == QUERY_REFUSED) return serve_result(s, SERVED_REFUSED, len);
  return serve_result(s, SERVED_MALFORMED, len);
}

/* Nobody had asked for it before: it is here because it was prefetched or renewed. */
static void note_saved(struct query_service *s, const struct query *q, enum cache_origin origin,
                       uint64_t now_ms) {
  char text[QUESTION_TEXT];
  log_debug("server", "%s: %s: a round trip saved", question_format(&q->question, text),
            origin_is_prefetch(origin) ? "was prefetched" : "was renewed");
  count(s->counters, saved);
  if (origin == ORIGIN_PREFETCH_C2S) count(s->counters, prefetch_hit_c2s);
  else if (origin == ORIGIN_PREFETCH_S2S) count(s->counters, prefetch_hit_s2s);
  else count(s->counters, renewed_hit);
  forward_note_first_use(s->forward, &q->question, origin, now_ms);
}

static inline struct serve_result hit(struct query_service *s, const struct query *q,
                                      const struct cache_hit *found, enum served how, uint64_t now_ms,
                                      const uint8_t *out) {
  if (found->origin) note_saved(s, q, found->origin, now_ms);
  if (out[2] & DNS_TC) count(s->counters, truncated);
  return serve_result(s, how, (int)found->len);
}

/* Writes an expired answer that is not too old (RFC 8767); false if there is none. */
static bool write_stale(struct query_service *s, const struct query *q, const struct client *client,
                        const char *why, uint64_t now_ms, uint8_t *out, struct cache_hit *found) {
  size_t limit = client_limit(client, &q->query_opts);
  char text[QUESTION_TEXT];
  uint32_t max_stale_s = forward_options(s->forward)->policy.max_stale_s;
  if (!max_stale_s || !cache_get_stale(s->cache, q, tick_of_ms(now_ms), max_stale_s, limit, out, found))
    return false;
  log_debug("server", "%s: stale answer at once: %s", question_format(&q->question, text), why);
  const struct forward_options *o = forward_options(s->forward);
  stale_log_note(o->stale_log, o->routes, &q->question, why, now_ms);
  forward_note_told(s->forward, &q->question, &(struct forward_told){.how = TOLD_STALE}, now_ms);
  return true;
}

/* It can't wait for an upstream: a stale answer is better than none, which programs read as "no such
 * service"; but not where the new one is bogus. */
static struct serve_result reject(struct query_service *s, const struct query *q, const struct client *client,
                                  enum err why, uint64_t now_ms, uint8_t *out) {
  struct cache_hit found;
  if (err_is_of_dnssec(why) || !write_stale(s, q, client, err_text(why), now_ms, out, &found)) {
    forward_note_told(s->forward, &q->question, &(struct forward_told){.how = TOLD_FAILURE, .why = why},
                      now_ms);
    s->log.why = why;
    return serve_result(s, SERVED_REJECTED, (int)answer_fail(&q->query_opts, why, out));
  }
  if (out[2] & DNS_TC) count(s->counters, truncated);
  return serve_result(s, SERVED_STALE_INSTEAD, (int)found.len);
}

/* Nothing fresh is known: stale at once while all upstreams are down, else the question waits for them. */
static struct serve_result miss(struct query_service *s, const struct query *q, const struct client *client,
                                uint64_t now_ms, uint8_t *out) {
  size_t len = s->policy.special_names && forward_is_special(s->forward, &q->question)
                   ? special_answer(q, out)
                   : 0;
  if (len) return serve_result(s, SERVED_HIT, (int)len);

  /* it asks for what is here, RFC 1034 section 4.3.1; not for recursion */
  if (!(q->query_opts.opcode_rd & DNS_RD)) {
    len = answer_error(&q->query_opts, RCODE_REFUSED, EDE_NOT_AUTHORITATIVE, "", out);
    return serve_result(s, SERVED_REFUSED, (int)len);
  }

  struct cache_hit found = {
      .len = forward_denied(s->forward, q, now_ms, client_limit(client, &q->query_opts), out)};
  if (found.len) return hit(s, q, &found, SERVED_HIT, now_ms, out);

  if (forward_is_failing(s->forward, &q->question, now_ms) &&
      write_stale(s, q, client, "upstream is known to be failing", now_ms, out, &found)) {
    forward_renew(s->forward, &q->question, ORIGIN_QUERY, now_ms);
    return hit(s, q, &found, SERVED_STALE, now_ms, out);
  }

  enum err e = forward_ask(s->forward, q, client, now_ms);
  if (e == ERR_AGAIN) return serve_result(s, SERVED_IGNORED, 0); /* the answer to the first is one to both */
  if (e != ERR_NONE) return reject(s, q, client, e, now_ms, out);
  return serve_result(s, SERVED_MISS, SERVE_LATER);
}

/* The cookie it is to be answered with. True when the one it showed was good. Who asks for one alone is told
 * so (RFC 7873 section 5.4). */
static bool check_cookie(struct query_service *s, struct query_opts *m, const struct client *client,
                         uint64_t now_ms, enum query_verdict *verdict) {
  uint32_t now_s = (uint32_t)(now_ms / 1000) + s->cookie_epoch_s;
  bool showed = m->cookie_len > COOKIE_CLIENT;
  if (!s->policy.cookies) {
    m->cookie_len = 0;
    if (*verdict == QUERY_COOKIE) *verdict = QUERY_FORMERR;
    return false;
  }
  cookie_keys_roll(&s->cookie_keys, s->cookie_secret, now_s);
  bool good = cookie_exchange(m, &s->cookie_keys, &client->peer, now_s);
  if (*verdict == QUERY_COOKIE && showed && !good) *verdict = QUERY_BADCOOKIE;
  return good;
}

/* Octets of a datagram for that client: unless the settings say how many, no fragments on any path (RFC 9715
 * section 3.1), and what it takes within this machine. */
static uint16_t datagram_most(const struct query_service *s, const struct query_opts *m,
                              const struct client *client) {
  uint16_t most = s->policy.udp_size ? (uint16_t)s->policy.udp_size : DNS_UDP_OURS;
  bool fits = m->udp_size <= most || (!s->policy.udp_size && addr_is_loopback(&client->peer));
  return fits ? m->udp_size : most;
}

/* What the client's options are answered with. True when it has shown that its address is its own. */
static bool meet_options(struct query_service *s, struct query_opts *m, const struct client *client,
                         uint64_t now_ms, enum query_verdict *verdict) {
  if (transport_is_stream(client->transport)) {
    if (m->keepalive_wrong && *verdict == QUERY_OK) *verdict = QUERY_FORMERR;
    if (m->keepalive) m->idle_x100ms = (uint16_t)(s->idle_ms / 100);
  } else if (m->udp_size > DNS_UDP_PLAIN) {
    m->udp_size = datagram_most(s, m, client);
  }
  if (s->policy.udp_size) m->udp_ours = (uint16_t)s->policy.udp_size;
  bool good = m->cookie_len && check_cookie(s, m, client, now_ms, verdict);
  return good || transport_is_stream(client->transport);
}

/* It asked too often, or somebody did in its name, who would not see the answer: that is short, and says how
 * to prove itself. By a cookie (RFC 7873 section 5.2.3) where that takes no more octets than were sent, else
 * by TCP. */
static size_t require_cookie(const struct query *q, size_t sent, uint8_t *out) {
  size_t len = q->query_opts.cookie_len ? query_refuse(&q->query_opts, QUERY_BADCOOKIE, out) : 0;
  if (len && len <= sent) return len;
  len = answer_error_within(&q->query_opts, RCODE_NOERROR, EDE_NONE, "", sent, out);
  out[2] |= DNS_TC;
  return len;
}

/* It may not ask, or not so often. Unless its address is known to be its own and it may ask, it gets no more
 * octets than it sent. */
static struct serve_result deny(struct query_service *s, const struct query *q, enum access_verdict verdict,
                                bool proven, size_t sent, uint8_t *out) {
  if (verdict == ACCESS_DENIED) count(s->counters, denied);
  else count(s->counters, limited);
  if (access_is_silent(s->access)) return serve_result(s, SERVED_IGNORED, 0);

  size_t len;
  if (verdict == ACCESS_LIMITED && !proven) len = require_cookie(q, sent, out);
  else if (verdict == ACCESS_LIMITED)
    len = answer_error(&q->query_opts, RCODE_REFUSED, EDE_PROHIBITED, "too many queries", out);
  else len = answer_error_within(&q->query_opts, RCODE_REFUSED, EDE_PROHIBITED, "", sent, out);
  return serve_result(s, SERVED_REFUSED, (int)len);
}

/* A question that may be asked: a local zone has it, or the cache; else as miss says. */
static inline __attribute__((always_inline)) struct serve_result answer(struct query_service *s,
                                                                        const struct query *q,
                                                                        const struct client *client,
                                                                        uint64_t now_ms, uint8_t *out) {
  if (s->zones && zones_may_hold(s->zones, &q->question)) {
    struct serve_result local = serve_zones(s, q, client, now_ms, out);
    if (local.how != SERVED_ELSEWHERE) return local;
  }

  struct cache_hit found, again;
  uint32_t tick = tick_of_ms(now_ms);
  size_t limit = client_limit(client, &q->query_opts);
  enum cache_found state = cache_get(s->cache, q, tick, limit, out, &found);
  if (state == CACHE_FRESH) return hit(s, q, &found, SERVED_HIT, now_ms, out);
  if (state != CACHE_DUE) return miss(s, q, client, now_ms, out);

  /* Something about the entry is due; when that was done on the spot, the client gets the better answer. */
  if (forward_due(s->forward, &q->question, true, now_ms) &&
      cache_get(s->cache, q, tick, limit, out, &again) != CACHE_MISS && again.len) {
    found.len = again.len;
  }

  return hit(s, q, &found, SERVED_HIT, now_ms, out);
}

struct serve_result serve_question(struct query_service *s, const struct query *q,
                                   const struct client *client, uint64_t now_ms, uint8_t *out) {
  return answer(s, q, client, now_ms, out);
}

/* The same while fault rules are in force: they come between it and the client. */
static struct serve_result answer_faulty(struct query_service *s, const struct query *q,
                                         const struct client *client, uint64_t now_ms, uint8_t *out) {
  struct faulty_answer *faulty = fault_filter_begin(s->fault_filter, q, client,
                                                    client_limit(client, &q->query_opts), now_ms);
  if (!faulty) return serve_question(s, q, client, now_ms, out);

  struct serve_result made = serve_question(s, q, fault_filter_client(faulty), now_ms, out);
  made.len = fault_filter_end(faulty, made.len, out);
  return made;
}

/* A packet, from its first octet on: it is read, its options are met, its sender's right to ask is checked,
 * and then its question is answered. */
static inline __attribute__((always_inline)) struct serve_result answer_packet(struct query_service *s,
                                                                               const uint8_t *msg, size_t len,
                                                                               const struct client *client,
                                                                               uint64_t now_ms,
                                                                               uint8_t *out) {
  struct query q;
  count(s->counters, queries);
  if (transport_is_stream(client->transport)) count(s->counters, queries_tcp);
  enum query_verdict verdict = query_read(&q, msg, len, s->seed);
  if (verdict == QUERY_SILENT) return serve_result(s, SERVED_IGNORED, 0);

  bool proven = transport_is_stream(client->transport);
  if (q.query_opts.edns) {
    enum query_verdict met = verdict; /* whose address is taken, so that the other stays in a register */
    proven = meet_options(s, &q.query_opts, client, now_ms, &met);
    verdict = met;
  }

  if (s->access) {
    enum access_verdict may = access_check(s->access, &client->peer, &client->local, proven, now_ms);
    if (may != ACCESS_GRANTED) return deny(s, &q, may, proven, len, out);
  }

  if (verdict != QUERY_OK) return refuse(s, &q, client, verdict, now_ms, out);
  q.query_opts.rotation = (uint32_t)s->counters->queries & s->rotation_mask;
  if (s->on_question) s->on_question(s->on_question_ctx, &q.question);
  return s->fault_filter ? answer_faulty(s, &q, client, now_ms, out) : answer(s, &q, client, now_ms, out);
}

/* Queries are logged, watched, or told of by dnstap: a stand-in takes the client's place when this is one of
 * those, and the log or the tap, which is nearer to the client, sees what it gets. Out of the way of all
 * others. */
static __attribute__((noinline, cold)) int serve_watched(struct query_service *s, const uint8_t *msg,
                                                         size_t len, const struct client *client,
                                                         uint64_t now_ms, uint8_t *out) {
  struct tapped_query *tapped = query_tap_is_on(&s->tap) ? query_tap_begin(&s->tap, msg, len, client) : NULL;
  if (tapped) client = query_tap_client(tapped);
  struct logged_query *logged = s->log.is_on ? query_log_begin(&s->log, msg, len, client, now_ms) : NULL;
  if (logged) client = query_log_client(logged);

  uint64_t saved = s->counters->saved;
  struct serve_result made = answer_packet(s, msg, len, client, now_ms, out);
  if (logged) query_log_end(logged, made, s->counters->saved != saved, out);
  return tapped ? query_tap_end(&s->tap, tapped, made.len, out) : made.len;
}

/* The story of a query. Its packet is answered from what is at hand: a refusal, a local zone, the cache; or
 * its client waits in the forwarder until deliver is called. How it was answered is one value, made once by
 * serve_result: the counters and the query log follow from it. */
int serve_query(struct query_service *s, const uint8_t *msg, size_t len, const struct client *client,
                uint64_t now_ms, uint8_t *out) {
  if (s->is_watched) return serve_watched(s, msg, len, client, now_ms, out);
  return answer_packet(s, msg, len, client, now_ms, out).len;
}
