/* serve.c: a client's packet, from its first octet to its answer or to the forwarder. Exports serve_query,
 * serve_question. */
#include "server/serve.h"

#include "base/log.h"
#include "dns/special.h"
#include "dns/ttl.h"
#include "server/serve_zones.h"

static int refuse(struct query_service *s, const struct query *q, enum query_verdict verdict, uint8_t *out) {
  size_t told = verdict == QUERY_REFUSED && s->chaos ? chaos_answer(s->chaos, &q->query_opts, out) : 0;
  if (told) {
    count(s->counters, hit);
    return (int)told;
  }
  if (verdict == QUERY_SILENT) count(s->counters, ignored);
  else if (verdict == QUERY_COOKIE) count(s->counters, hit);
  else if (verdict == QUERY_REFUSED) count(s->counters, refused);
  else count(s->counters, malformed);
  return (int)query_refuse(&q->query_opts, verdict, out);
}

/* Nobody had asked for it before: it is here because it was fetched ahead or renewed. */
static void note_saved(struct query_service *s, const struct query *q, enum cache_origin how) {
  char text[QUESTION_TEXT];
  log_debug("server", "%s: %s: a round trip saved", question_format(&q->question, text),
            origin_is_prefetch(how) ? "was fetched ahead" : "was renewed");
  count(s->counters, saved);
  if (how == ORIGIN_PREFETCH_C2S) count(s->counters, ahead_hit_client);
  else if (how == ORIGIN_PREFETCH_S2S) count(s->counters, ahead_hit_server);
  else count(s->counters, renewed_hit);
}

static int answered(struct query_service *s, const struct query *q, const struct cache_hit *hit,
                    const uint8_t *out) {
  count(s->counters, hit);
  if (hit->origin) note_saved(s, q, hit->origin);
  if (out[2] & DNS_TC) count(s->counters, truncated);
  return (int)hit->len;
}

/* An expired answer that is not too old (RFC 8767); 0 if there is none. */
static int give_stale(struct query_service *s, const struct query *q, const struct client *client,
                      const char *why, uint64_t now_ms, uint8_t *out, struct cache_hit *hit) {
  size_t limit = client_limit(client, &q->query_opts);
  char text[QUESTION_TEXT];
  if (!s->max_stale_s || !cache_get_stale(s->cache, q, tick_of_ms(now_ms), s->max_stale_s, limit, out, hit))
    return 0;
  log_debug("server", "%s: stale answer at once: %s", question_format(&q->question, text), why);
  count(s->counters, stale);
  return (int)hit->len;
}

/* It can't wait for an upstream: a stale answer is better than none, which programs read as "no such
 * service". */
static int reject(struct query_service *s, const struct query *q, const struct client *client, enum err why,
                  uint64_t now_ms, uint8_t *out) {
  struct cache_hit hit;
  count(s->counters, turned_away);
  int len = give_stale(s, q, client, err_text(why), now_ms, out, &hit);
  if (len > 0) {
    count(s->counters, answered);
    if (out[2] & DNS_TC) count(s->counters, truncated);
    return len;
  }
  count(s->counters, failed);
  return (int)answer_fail(&q->query_opts, why, out);
}

/* Nothing fresh is known: stale at once while all upstreams are down, else the question waits for them. */
static int miss(struct query_service *s, const struct query *q, const struct client *client, uint64_t now_ms,
                uint8_t *out) {
  struct cache_hit hit = {
      .len = s->special && forward_is_special(s->forward, &q->question) ? special_answer(q, out) : 0};
  if (hit.len) return answered(s, q, &hit, out);

  /* it asks for what is here, RFC 1034 section 4.3.1; not for recursion */
  if (!(q->query_opts.opcode_rd & DNS_RD)) {
    count(s->counters, refused);
    return (int)answer_error(&q->query_opts, RCODE_REFUSED, EDE_NOT_AUTHORITATIVE, "", out);
  }

  hit = (struct cache_hit){
      .len = forward_denied(s->forward, q, now_ms, client_limit(client, &q->query_opts), out)};
  if (hit.len) return answered(s, q, &hit, out);
  if (forward_is_failing(s->forward, &q->question, now_ms) &&
      give_stale(s, q, client, "upstream is known to be failing", now_ms, out, &hit)) {
    forward_renew(s->forward, &q->question, ORIGIN_QUERY, now_ms);
    return answered(s, q, &hit, out);
  }

  enum err e = forward_ask(s->forward, q, client, now_ms);
  if (e == ERR_AGAIN) { /* the answer to the first is one to both */
    count(s->counters, ignored);
    return 0;
  }

  count(s->counters, miss);
  return e == ERR_NONE ? SERVE_LATER : reject(s, q, client, e, now_ms, out);
}

/* The cookie it is to be answered with. True when the one it showed was good. Who asks for one alone is told
 * so (RFC 7873 section 5.4). */
static bool check_cookie(struct query_service *s, struct query_opts *m, const struct client *client,
                         uint64_t now_ms, enum query_verdict *verdict) {
  uint32_t now_s = (uint32_t)(now_ms / 1000) + s->cookie_epoch_s;
  bool showed = m->cookie_len > COOKIE_CLIENT;
  if (!s->cookies) {
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
  uint16_t most = s->udp_size ? s->udp_size : DNS_UDP_OURS;
  bool fits = m->udp_size <= most || (!s->udp_size && addr_is_loopback(&client->peer));
  return fits ? m->udp_size : most;
}

/* What the client's options are answered with. True when it has shown that its address is its own. */
static bool meet_options(struct query_service *s, struct query_opts *m, const struct client *client,
                         uint64_t now_ms, enum query_verdict *verdict) {
  if (client->transport != TRANSPORT_UDP) {
    if (m->keepalive_wrong && *verdict == QUERY_OK) *verdict = QUERY_FORMERR;
    if (m->keepalive) m->idle_x100ms = (uint16_t)(s->idle_ms / 100);
  } else if (m->udp_size > DNS_UDP_PLAIN) {
    m->udp_size = datagram_most(s, m, client);
  }
  if (s->udp_size) m->udp_ours = s->udp_size;
  bool good = m->cookie_len && check_cookie(s, m, client, now_ms, verdict);
  return good || client->transport != TRANSPORT_UDP;
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
static int deny(struct query_service *s, const struct query *q, enum access_verdict verdict, bool proven,
                size_t sent, uint8_t *out) {
  if (verdict == ACCESS_DENIED) count(s->counters, denied);
  else count(s->counters, limited);
  if (s->silent) {
    count(s->counters, ignored);
    return 0;
  }
  count(s->counters, refused);
  if (verdict == ACCESS_LIMITED && !proven) return (int)require_cookie(q, sent, out);
  if (verdict == ACCESS_LIMITED)
    return (int)answer_error(&q->query_opts, RCODE_REFUSED, EDE_PROHIBITED, "too many queries", out);
  return (int)answer_error_within(&q->query_opts, RCODE_REFUSED, EDE_PROHIBITED, "", sent, out);
}

/* A zone of the lab has it, or the cache; else as miss says. */
static inline __attribute__((always_inline)) int give(struct query_service *s, const struct query *q,
                                                      const struct client *client, uint64_t now_ms,
                                                      uint8_t *out) {
  struct cache_hit hit;
  if (s->lab && zones_may_hold(s->lab, &q->question)) {
    int len = serve_zones(s, q, client, now_ms, out);
    if (len != SERVE_ELSEWHERE) return len;
  }
  uint32_t tick = tick_of_ms(now_ms);
  size_t limit = client_limit(client, &q->query_opts);
  enum cache_found found = cache_get(s->cache, q, tick, limit, out, &hit);
  if (found == CACHE_FRESH) return answered(s, q, &hit, out);
  if (found == CACHE_DUE) {
    struct cache_hit again;
    if (forward_due(s->forward, &q->question, true, now_ms) &&
        cache_get(s->cache, q, tick, limit, out, &again) != CACHE_MISS && again.len) {
      hit.len = again.len;
    }
    return answered(s, q, &hit, out);
  }
  return miss(s, q, client, now_ms, out);
}

int serve_question(struct query_service *s, const struct query *q, const struct client *client,
                   uint64_t now_ms, uint8_t *out) {
  return give(s, q, client, now_ms, out);
}

/* The same while faults are in force: they come between it and the client. */
static int give_spoiled(struct query_service *s, const struct query *q, const struct client *client,
                        uint64_t now_ms, uint8_t *out) {
  struct faulty_answer *p = fault_filter_begin(s->fault_filter, q, client,
                                               client_limit(client, &q->query_opts), now_ms);
  if (!p) return serve_question(s, q, client, now_ms, out);
  return fault_filter_end(p, serve_question(s, q, fault_filter_client(p), now_ms, out), out);
}

/* Queries are logged: serves one and notes what came of it. */
static __attribute__((noinline, cold)) int serve_noted(struct query_service *s, const uint8_t *msg,
                                                       size_t len, const struct client *client,
                                                       uint64_t now_ms, uint8_t *out) {
  struct logged_query *n = query_log_begin(&s->log, s->counters, msg, len, client, now_ms);
  uint32_t every = s->log.every;
  s->log.every = 0; /* once is enough */
  int made = serve_query(s, msg, len, n ? query_log_client(n) : client, now_ms, out);
  s->log.every = every;
  return n ? query_log_end(n, made, out) : made;
}

int serve_query(struct query_service *s, const uint8_t *msg, size_t len, const struct client *client,
                uint64_t now_ms, uint8_t *out) {
  struct query q;
  if (s->log.every) return serve_noted(s, msg, len, client, now_ms, out);
  count(s->counters, queries);
  if (client->transport != TRANSPORT_UDP) count(s->counters, queries_tcp);
  enum query_verdict verdict = query_read(&q, msg, len, s->seed);
  if (verdict == QUERY_SILENT) return refuse(s, &q, verdict, out);
  bool proven = client->transport != TRANSPORT_UDP;
  if (q.query_opts.edns) {
    enum query_verdict met = verdict; /* whose address is taken, so that the other stays in a register */
    proven = meet_options(s, &q.query_opts, client, now_ms, &met);
    verdict = met;
  }

  if (s->access) {
    enum access_verdict may = access_check(s->access, &client->peer, &client->local, proven, now_ms);
    if (may != ACCESS_GRANTED) return deny(s, &q, may, proven, len, out);
  }

  if (verdict != QUERY_OK) return refuse(s, &q, verdict, out);
  q.query_opts.turn = (uint32_t)s->counters->queries & s->turn_mask;
  if (s->seen) s->seen(s->seen_ctx, &q.question);
  return s->fault_filter ? give_spoiled(s, &q, client, now_ms, out) : give(s, &q, client, now_ms, out);
}
