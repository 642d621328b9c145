/* packet.c: fuzz target: a client's packet through serve_query, over a cache with answers of every kind in
 * it.
 *
 * Input: an octet of how (see below), an octet of who and when, the packet. */
#include <stdlib.h>

#include "fuzz/fuzz.h"
#include "fuzz/resolver.h"

enum {
  HOW_TCP = 1,
  HOW_NO_COOKIES = 2,
  HOW_SILENT = 4,
  HOW_NO_STALE = 8,
  HOW_FAILING = 16,
  HOW_CHAOS = 32,
  HOW_CUT = 64
};

struct state {
  struct resolver *resolvers[2]; /* the second one with HOW_CUT */
  struct access *access[2];      /* the second one answers strangers with silence */
  struct chaos chaos;
  union addr peers[4], local;
  unsigned delivered;
  bool tcp;
  const uint8_t *query;
  size_t query_len;
  struct seen seen;
};

static struct state *start(void) {
  static struct access_policy options;
  struct state *s = must_zalloc(sizeof *s);
  must(prefix_parse("192.0.2.0/24", &options.allow[0]) && prefix_parse("2001:db8::/32", &options.allow[1]));
  options.allow_count = 2;
  for (unsigned silent = 0; silent < 2; silent++) {
    options.silent = silent;
    must((s->access[silent] = access_new(&options)));
  }
  strcpy(s->chaos.version, "jidns");
  strcpy(s->chaos.identity, "fuzz");
  must(addr_parse("127.0.0.1", 1, &s->peers[0]) && addr_parse("192.0.2.7", 1, &s->peers[1]) &&
       addr_parse("2001:db8::7", 1, &s->peers[2]) && addr_parse("198.51.100.1", 1, &s->peers[3]) &&
       addr_parse("192.0.2.1", 53, &s->local));
  return s;
}

static struct resolver *resolver_of(struct state *s, bool cut) {
  struct resolver **r = &s->resolvers[cut];
  const struct resolver_options o = {.nxdomain_cut = cut,
                                     .xmpp = {.expand = cut ? XMPP_EXPAND_WAIT : XMPP_EXPAND_CACHED,
                                              .expand_all = true,
                                              .prefetch = true,
                                              .guess = true}};
  if (*r) return *r;
  *r = resolver_new(&o);
  warm_up((*r)->cache);
  return *r;
}

/* What a query may have left behind in the XMPP module, or in the cache of a worn entry, makes a later one's
 * fate hang on it: only then all is made anew, which takes as long as many queries. */
static void forget(struct state *s, bool cut, uint16_t type, bool missed, bool later) {
  struct resolver *r = s->resolvers[cut];
  bool touched = ((type == TYPE_SRV || type == TYPE_TLSA) && (missed || later)) ||
                 timers_next_ms(&r->timers) != UINT64_MAX;
  r->next_id = MSG_ID;
  r->question_count = 0;
  if (!touched) return;
  resolver_free(r);
  s->resolvers[cut] = NULL;
}

static void deliver(const struct client *c, const uint8_t *msg, size_t len) {
  struct state *s = c->owner;
  s->delivered++;
  check_answer(s->query, s->query_len, s->tcp, msg, len, &s->seen);
  must(!s->tcp || !(msg[2] & DNS_TC));
}

static void check_sums(const struct counters *c) {
  must(c->queries == c->hit + c->miss + c->malformed + c->refused + c->ignored);
  must(c->miss == c->answered + c->failed && c->miss == c->leader + c->follower + c->rejected);
}

/* Silence is for what is no query, and for who may not ask if it was set so. */
static void check_silence(const struct state *s, bool denied) {
  must(s->query_len < DNS_HEADER || s->query[2] & DNS_QR || denied);
}

static void ask(struct state *s, struct resolver *r, uint8_t who, uint64_t now_ms) {
  static uint8_t datagram[DNS_UDP_MAX], frame[DNS_MSG_MAX]; /* exactly what serve_query asks for */
  struct client client = {.deliver = deliver,
                          .owner = s,
                          .peer = s->peers[who & 3],
                          .local = s->local,
                          .transport = s->tcp ? TRANSPORT_TCP : TRANSPORT_UDP};
  uint8_t *out = s->tcp ? frame : datagram;
  int n = serve_query(&r->serve, s->query, s->query_len, &client, now_ms, out);

  if (n > 0) {
    check_answer(s->query, s->query_len, s->tcp, out, (size_t)n, &s->seen);
    must(!s->tcp || !(out[2] & DNS_TC));
  } else if (n == 0) {
    check_silence(s, access_is_silent(r->serve.access) && (who & 3) == 3);
  }

  resolver_refuse_all(r, now_ms);
  while (n == SERVE_LATER && !s->delivered) timers_run(&r->timers, timers_next_ms(&r->timers));
  must(s->delivered == (n == SERVE_LATER));
  must(forward_in_flight(r->forward) == 0);
  check_sums(&r->counters);
}

static void set_stale(struct resolver *r, uint32_t max_stale_s) {
  struct forward_options o = *forward_options(r->forward);
  if (o.policy.max_stale_s == max_stale_s) return;
  o.policy.max_stale_s = max_stale_s;
  forward_set_options(r->forward, &o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const uint32_t later_ms[] = {0, 2500, 400000, 2 * RESOLVER_STALE_S * 1000u};
  static struct state *s;

  if (!s) s = start();
  struct wire in = feed(data, size);
  uint8_t how = feed_u8(&in), who = feed_u8(&in);
  uint64_t now_ms = RESOLVER_START_MS + later_ms[who >> 2 & 3];
  bool cut = how & HOW_CUT;
  struct resolver *r = resolver_of(s, cut);
  uint8_t *query = exact(in.msg + in.at, feed_left(&in));
  s->delivered = 0;
  s->tcp = how & HOW_TCP;
  s->query = query;
  s->query_len = feed_left(&in);
  r->counters = (struct counters){0};
  r->serve.access = s->access[(how & HOW_SILENT) != 0];
  r->serve.policy.cookies = !(how & HOW_NO_COOKIES);
  r->serve.policy.chaos = how & HOW_CHAOS ? s->chaos : (struct chaos){.version = ""};
  set_stale(r, how & HOW_NO_STALE ? 0 : RESOLVER_STALE_S);
  if (how & HOW_FAILING) r->upstream.servers[0].down_until_ms = now_ms + DOWN_MAX_MS;
  ask(s, r, who, now_ms);
  r->upstream.servers[0].down_until_ms = 0;
  struct query q;
  uint16_t type = query_read(&q, query, s->query_len, KIT_SEED) == QUERY_OK ? question_type(&q.question) : 0;
  forget(s, cut, type, s->delivered, now_ms != RESOLVER_START_MS);
  free(query);
  return 0;
}
