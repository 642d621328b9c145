/* resolver.c: a resolver without sockets for fuzzing. Exports resolver_*, check_answer. */
#include "fuzz/resolver.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/must.h"
#include "dns/ttl.h"

/* ---- its server ---- */

static enum err on_ask(struct channel *channel, struct exchange *x, const uint8_t *msg, size_t len,
                       uint64_t now_ms) {
  struct resolver_channel *c = container(channel, struct resolver_channel, channel);
  (void)now_ms;
  must(len >= DNS_HEADER + 5 && len <= EXCHANGE_QUERY_MAX && !(msg[2] & DNS_QR));
  struct resolver *r = c->resolver;
  if (r->link_is_down) return x->query_opts.transport == TRANSPORT_TCP ? ERR_TCP : ERR_UNREACHABLE;
  x->id = r->next_id++;
  list_append(&r->asked, &x->link);
  if (r->question_count < RESOLVER_QUESTIONS) r->questions[r->question_count++] = *x->question;
  return ERR_NONE;
}

static void on_drop(struct channel *channel, struct exchange *x) {
  (void)channel;
  list_remove(&x->link);
}

static void on_flush(struct channel *channel, uint64_t now_ms) {
  (void)channel;
  (void)now_ms;
}

static void on_close(struct channel *channel) { (void)channel; }

static const struct channel_ops channel_ops = {
    .ask = on_ask, .drop = on_drop, .flush = on_flush, .close = on_close};

struct exchange *resolver_first(const struct resolver *r) {
  return list_empty(&r->asked) ? NULL : container(r->asked.next, struct exchange, link);
}

static void end(struct exchange *x, enum err outcome, const uint8_t *msg, size_t len, uint64_t now_ms) {
  list_remove(&x->link);
  x->channel = NULL;
  x->done(x, outcome, msg, len, now_ms);
}

void resolver_reply(struct resolver *r, const uint8_t *msg, size_t len, uint64_t now_ms) {
  struct exchange *x = resolver_first(r);
  enum reply_worth worth = x ? exchange_judge(x, msg, len) : REPLY_WRONG;
  if (worth == REPLY_RIGHT) end(x, ERR_NONE, msg, len, now_ms);
  else if (worth == REPLY_CASE_MISMATCH && x->query_opts.transport == TRANSPORT_UDP)
    end(x, ERR_CASE_MISMATCH, NULL, 0, now_ms);
  else if (worth == REPLY_NO_COOKIE) end(x, ERR_COOKIE, NULL, 0, now_ms);
}

void resolver_refuse(struct resolver *r, uint64_t now_ms) {
  struct exchange *x = resolver_first(r);
  if (x) end(x, x->query_opts.transport == TRANSPORT_TCP ? ERR_TCP : ERR_UNREACHABLE, NULL, 0, now_ms);
}

void resolver_refuse_all(struct resolver *r, uint64_t now_ms) {
  while (resolver_first(r)) resolver_refuse(r, now_ms);
  if (r->upstream.count) r->upstream.servers[0].down_until_ms = r->upstream.servers[0].down_for_ms = 0;
}

/* ---- life ---- */

struct resolver *resolver_new(const struct resolver_options *o) {
  struct resolver *r = must_zalloc(sizeof *r);
  struct ns_address address = {.transport = TRANSPORT_UDP};

  list_init(&r->asked);
  upstream_init(&r->upstream, UPSTREAM_FASTEST);
  r->routes.rest = &r->upstream;
  log_set_level(LOG_ERROR);
  timers_init(&r->timers);
  r->next_id = MSG_ID;
  r->udp = r->tcp = (struct resolver_channel){{.ops = &channel_ops}, r};
  must(addr_parse("192.0.2.53", 53, &address.addr));
  struct channel *channels[TRANSPORTS] = {&r->udp.channel, &r->tcp.channel};
  must(upstream_add(&r->upstream, &address, channels));
  memset(r->random.pool, 0x5a, sizeof r->random.pool);
  r->random.left = sizeof r->random.pool;
  r->cache = cache_new(CACHE_SIZE_MIN, KIT_SEED);
  struct forward_options fo = {.cache = r->cache,
                               .routes = &r->routes,
                               .timers = &r->timers,
                               .counters = &r->counters,
                               .seed = KIT_SEED,
                               .random = &r->random,
                               .policy = {.max_stale_s = RESOLVER_STALE_S,
                                          .nxdomain_cut = o->nxdomain_cut,
                                          .trust_ad = o->trust_ad,
                                          .cookies = o->cookies,
                                          .case_random = o->case_random}};
  guess_init(&r->guesses, KIT_SEED);
  r->forward = forward_new(&fo);
  r->xmpp = xmpp_new(r->forward, &o->xmpp, &r->budget, &r->guesses);
  must(r->cache && r->forward && r->xmpp);
  r->serve = (struct query_service){.cache = r->cache,
                                    .forward = r->forward,
                                    .counters = &r->counters,
                                    .seed = KIT_SEED,
                                    .policy.cookies = true,
                                    .idle_ms = 10000};
  return r;
}

void resolver_free(struct resolver *r) {
  const struct counters *c = &r->counters;
  forward_stop(r->forward);
  must(forward_in_flight(r->forward) == 0 && list_empty(&r->asked));
  xmpp_free(r->xmpp);
  forward_free(r->forward);
  must(timers_next_ms(&r->timers) == UINT64_MAX);
  must(c->queries == c->hit + c->miss + c->malformed + c->refused + c->ignored);
  must(c->miss == c->answered + c->failed && c->miss == c->leader + c->follower + c->rejected);
  upstream_close(&r->upstream);
  cache_free(r->cache);
  timers_close(&r->timers);
  free(r);
}

/* ---- what an answer owes ---- */

/* What the client takes, RFC 6891 section 6.2.3. */
static size_t limit_of(const struct query_opts *m, bool tcp) {
  if (tcp) return DNS_MSG_MAX;
  return !m->edns ? DNS_UDP_PLAIN : m->udp_size < DNS_UDP_MAX ? m->udp_size : DNS_UDP_MAX;
}

/* The cookie is the client's own, with one of ours behind it. */
static void check_options(const struct seen *s, const struct query_opts *m, bool tcp) {
  struct wire w = wire_read(s->options, s->options_len);
  while (w.at < w.len) {
    uint16_t code = wire_u16(&w), len = wire_u16(&w);
    const uint8_t *octets = wire_bytes(&w, len);
    must(octets);
    if (code == OPT_COOKIE) must(m->cookie_len && len == 24 && memcmp(octets, m->cookie, 8) == 0);
    else if (code == OPT_KEEPALIVE) must(tcp && m->keepalive && len == 2);
    else must(code == OPT_EDE);
  }
}

void check_answer(const uint8_t *query, size_t query_len, bool tcp, const uint8_t *msg, size_t len,
                  struct seen *s) {
  struct query q;
  enum query_verdict verdict = query_read(&q, query, query_len, KIT_SEED);
  const struct query_opts *m = &q.query_opts;

  must(verdict != QUERY_SILENT);
  must(len >= DNS_HEADER && len <= limit_of(m, tcp));
  must(load_u16(msg) == load_u16(query));
  must((msg[2] & ~DNS_TC) == (DNS_QR | (query[2] & (DNS_OPCODE | DNS_RD))));
  must((msg[3] & (DNS_RA | DNS_Z | DNS_CD)) == (DNS_RA | (query[3] & DNS_CD)));
  must(seen_read(s, msg, len));
  must(s->question || verdict != QUERY_OK);
  if (s->question) {
    must(DNS_HEADER + s->question_len <= query_len);
    must(memcmp(s->question, query + DNS_HEADER, s->question_len) == 0);
  }

  must(s->edns == m->edns && s->dnssec_ok == (m->edns && m->dnssec_ok));
  must(!s->edns || s->udp_size == DNS_UDP_OURS);
  if (s->edns) check_options(s, m, tcp);
  if (msg[2] & DNS_TC) must(s->ar == 0 && !(msg[3] & DNS_AD));
  if (msg[3] & DNS_AD) must(m->dnssec_ok || m->ad);
  for (unsigned i = 0; i < s->an + s->ns + s->ar; i++) must(s->records[i].ttl <= TTL_MAX);
}
