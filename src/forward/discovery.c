/* discovery.c: encrypted ways to plain servers are asked for, proven and looked after. Exports discovery_*.
 *
 * A server that is to tell of ways is asked for SVCB of _dns.resolver.arpa. One way after the other, the best
 * first, is put a question; when that is answered others go over it. Until then they go where they went
 * before: in plain, or over a way that is not as good. A way that fails is left at once (fallback.c), and all
 * are tried anew after a while. */
#include "forward/discovery.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/must.h"
#include "dns/edns.h"
#include "dns/record.h"

enum { QUEST_MAGIC = 0x44445221 };

enum quest_step {
  QUEST_RESTS,
  QUEST_ASKS,    /* the server, in plain */
  QUEST_PROVES,  /* a way */
  QUEST_COMPARES /* the failure that came over it with what the server says in plain */
};

/* What is done for one server. */
struct quest {
  uint32_t magic;
  struct list link; /* discovery's */
  struct discovery *discovery;
  struct upstream *upstream; /* held */
  struct nameserver *server;
  bool is_wanted; /* its server is among those that are used */
  enum quest_step step;
  struct question question;
  struct exchange x;
  struct timer timer;
  uint64_t ask_ms, prove_ms; /* when that is next; UINT64_MAX: not at all */
  uint64_t proven_ms;        /* when a way was last; 0: never */
  uint64_t better_ms;        /* better ways than the one in use may be tried from then on */
  uint32_t silent_s, rest_ms, better_rest_ms;
  unsigned silent; /* times in a row that no answer came in plain */
  unsigned tried;  /* the way that is put to the proof, */
  unsigned rcode;  /* ... and the failure that it brought */
  unsigned next;   /* the way that is to be tried */
  enum err why;    /* how the last one failed */
  bool said;       /* the log has it that there is none */
  struct ways ways;
  uint8_t domain_len, domain[NAME_MAX_LEN]; /* that the server is asked about */
};

static struct quest *quest_of(struct exchange *x) {
  struct quest *q = container(x, struct quest, x);
  must(q->magic == QUEST_MAGIC);
  return q;
}

static const char *where(const struct quest *q, char text[ADDR_TEXT]) {
  return addr_format(&q->server->address.addr, text);
}

static bool is_told(const struct quest *q) { return q->server->address.ways & NS_WAYS_TOLD; }

static void rest(struct quest *q) {
  q->step = QUEST_RESTS;
  q->server->way.tried = NULL;
  timers_set(q->discovery->timers, &q->timer, q->ask_ms < q->prove_ms ? q->ask_ms : q->prove_ms);
}

/* All ways are tried again, the best first: each time later, unless one was good for long. */
static void try_later(struct quest *q, uint64_t now_ms) {
  bool is_guess = !q->proven_ms && (!q->ways.count || q->ways.list[0].proof == TLS_PROOF_NONE);
  uint32_t most_ms = is_guess ? DISCOVERY_GUESS_MAX_MS : DISCOVERY_REST_MAX_MS;
  q->next = 0;
  q->prove_ms = now_ms + q->rest_ms;
  q->rest_ms = q->rest_ms > most_ms / 2 ? most_ms : 2 * q->rest_ms;
}

static void lost(struct ns_way *way, uint64_t now_ms) {
  struct quest *q = way->keeper;
  must(q->magic == QUEST_MAGIC);
  count(q->discovery->counters, downgrades);
  if (now_ms - q->proven_ms >= DISCOVERY_GOOD_MS) q->rest_ms = DISCOVERY_REST_MS;
  try_later(q, now_ms);
  q->said = true;
  if (q->step == QUEST_RESTS) rest(q);
}

/* ---- what is asked ---- */

static void done(struct exchange *x, enum err outcome, const uint8_t *msg, size_t len, uint64_t now_ms);

static void make_question(struct quest *q, enum tls_proof proof) {
  static const uint8_t name[] = "\4_dns\10resolver\4arpa";
  if (proof == TLS_PROOF_NEEDED) question_make(&q->question, name, sizeof name, TYPE_SVCB, CLASS_IN, 0, 0);
  else question_make(&q->question, q->domain, q->domain_len, TYPE_SOA, CLASS_IN, 0, 0);
}

static void put(struct quest *q, enum tls_proof proof, struct channel *c, enum transport over,
                uint32_t wait_ms, uint64_t now_ms) {
  struct nameserver *s = q->server;
  bool has_edns = transport_is_encrypted(over) || !capability_is_resting(&s->capabilities[CAPABILITY_EDNS]);
  make_question(q, proof);
  q->x = (struct exchange){.question = &q->question,
                           .done = done,
                           .query_opts = {.edns = has_edns, .transport = over},
                           .rto_ms = ns_rto_ms(s)};
  list_init(&q->x.link);
  uint8_t msg[EXCHANGE_QUERY_MAX];
  size_t len = exchange_write(&q->question, &q->x.query_opts, msg);
  timers_set(q->discovery->timers, &q->timer, now_ms + wait_ms);
  /* a failure is a silence: its time goes by */
  q->why = channel_ask(c, &q->x, msg, len, now_ms);
  if (q->why == ERR_NONE) q->why = ERR_TIMEOUT;
}

static enum transport plain_of(const struct quest *q) {
  const struct capability *udp = &q->server->capabilities[CAPABILITY_UDP];
  return capability_is_resting(udp) ? TRANSPORT_TCP : TRANSPORT_UDP;
}

static void ask_over(struct quest *q, enum transport over, uint64_t now_ms) {
  q->step = QUEST_ASKS;
  put(q, TLS_PROOF_NEEDED, q->server->channels[over], over, DISCOVERY_WAIT_MS, now_ms);
}

/* A server that can't resolve the name that it is asked for fails at it over any way: one that brings the
 * same failure as in plain works. Where it does not, clients are better off in plain. */
static void compare(struct quest *q, unsigned rcode, uint64_t now_ms) {
  enum transport over = plain_of(q);
  q->step = QUEST_COMPARES;
  q->rcode = rcode;
  put(q, q->ways.list[q->tried].proof, q->server->channels[over], over, DISCOVERY_WAIT_MS, now_ms);
}

/* ---- ways are tried ---- */

static void say_unproven(struct quest *q) {
  char text[ADDR_TEXT];
  if (q->said) return;
  q->said = true;
  if (q->ways.list[0].proof == TLS_PROOF_NONE)
    log_info("upstream", "%s: no TLS there: %s; asked in plain", where(q, text), err_text(q->why));
  else
    log_warn("upstream", "%s: the encrypted way that it tells of can't be used; asked in plain",
             where(q, text));
}

/* A way that is in use stays so meanwhile; where none is, the one that is tried is shown. */
static void prove(struct quest *q, struct channel *c, uint64_t now_ms) {
  const struct way *way = &q->ways.list[q->tried];
  if (!ns_has_way(q->server)) (void)ways_install(&q->ways, q->tried, WAY_UNPROVEN, now_ms);
  q->step = QUEST_PROVES;
  q->server->way.tried = c;
  put(q, way->proof, c, way->at.transport, DISCOVERY_PROOF_MS, now_ms);
}

/* The better ways have failed. */
static void leave_as_it_is(struct quest *q, uint64_t now_ms) {
  q->prove_ms = UINT64_MAX;
  q->better_ms = now_ms + q->better_rest_ms;
  bool is_most = q->better_rest_ms > DISCOVERY_BETTER_MAX_MS / 2;
  q->better_rest_ms = is_most ? DISCOVERY_BETTER_MAX_MS : 2 * q->better_rest_ms;
}

/* The next way, until one is good; or none are left. */
static void try_next(struct quest *q, uint64_t now_ms) {
  bool has_way = ns_has_way(q->server);
  while (q->next < (has_way ? q->ways.used : q->ways.count)) {
    q->tried = q->next++;
    struct channel *c = ways_try(&q->ways, q->tried);
    if (!c) continue;
    prove(q, c, now_ms);
    return;
  }

  if (has_way) {
    leave_as_it_is(q, now_ms);
  } else {
    say_unproven(q);
    try_later(q, now_ms);
  }
  rest(q);
}

/* Questions go over it from now on, unless others still wait on one that had the same place before the last:
 * it has to wait, too, then. */
static void proven(struct quest *q, uint64_t now_ms) {
  char from[ADDR_TEXT], to[ADDR_TEXT];
  struct ns_way *way = &q->server->way;
  if (!ways_install(&q->ways, q->tried, WAY_PROVEN, now_ms)) {
    q->next = q->tried;
    q->prove_ms = now_ms + DISCOVERY_REST_MS;
    return;
  }

  log_info("upstream", "%s: asked over %s at %s from now on%s", where(q, from),
           transport_text(way->transport), addr_format(&way->addr, to),
           way->proof == TLS_PROOF_NONE ? ", without proof of who answers there" : "");
  way->lost = lost;
  way->keeper = q;
  q->said = false;
  q->proven_ms = now_ms;
  q->prove_ms = UINT64_MAX;
}

/* ---- what the server tells ---- */

/* The least TTL of the answer, within bounds. */
static uint32_t answer_ttl_s(const uint8_t *msg, size_t len) {
  struct wire w = record_start(msg, len);
  struct record r;
  uint32_t ttl_s = DISCOVERY_MOST_S;
  unsigned answers = load_u16(msg + 6);
  for (unsigned i = 0; i < answers && i < DISCOVER_RECORDS && record_read(&w, &r); i++) {
    if (r.ttl < ttl_s) ttl_s = r.ttl;
  }
  return ttl_s < DISCOVERY_LEAST_S ? DISCOVERY_LEAST_S : ttl_s;
}

static void say_none(struct quest *q) {
  char text[ADDR_TEXT];
  if (!q->said)
    log_info("upstream", "%s tells of no encrypted way that can be used: asked in plain", where(q, text));
  q->said = true;
}

/* The way in use stays; but if there are better ones they are tried once more, unless they have just failed.
 */
static void use_ways(struct quest *q, const struct discover_way *told, unsigned n, uint64_t now_ms) {
  bool had_way = ns_has_way(q->server);
  bool has_news = ways_set(&q->ways, told, n), has_way = ns_has_way(q->server);
  if (has_news) {
    q->rest_ms = DISCOVERY_REST_MS;
    q->better_rest_ms = DISCOVERY_BETTER_MS;
    q->better_ms = now_ms;
  }

  bool is_best = has_way && q->ways.used == 0;
  bool may_try = has_way ? now_ms >= q->better_ms : has_news || had_way;
  if (!q->ways.count) say_none(q);
  if (!q->ways.count || is_best) {
    q->prove_ms = UINT64_MAX;
  } else if (may_try) {
    q->next = 0;
    q->prove_ms = now_ms;
  }
}

static void answered(struct quest *q, const uint8_t *msg, size_t len, uint64_t now_ms) {
  struct discover_way told[DISCOVER_WAYS];
  unsigned n = edns_rcode(msg, len) == RCODE_NOERROR ? discover_read(msg, len, &q->server->address.addr, told)
                                                     : 0;
  q->silent = 0;
  q->silent_s = DISCOVERY_LEAST_S;
  q->ask_ms = now_ms + 1000ULL * (n ? answer_ttl_s(msg, len) : DISCOVERY_MOST_S);
  use_ways(q, told, n, now_ms);
}

/* One lost datagram says nothing; who never answers is asked less and less. */
static void unanswered(struct quest *q, uint64_t now_ms) {
  if (++q->silent < DISCOVERY_TRIES) {
    q->ask_ms = now_ms;
    return;
  }
  q->silent = 0;
  q->ask_ms = now_ms + 1000ULL * q->silent_s;
  q->silent_s = q->silent_s > DISCOVERY_MOST_S / 2 ? DISCOVERY_MOST_S : 2 * q->silent_s;
  /* nothing else is tried before it has had its say */
  bool may_guess = q->server->address.ways & NS_WAYS_UNPROVEN;
  if (may_guess && !q->ways.count) use_ways(q, NULL, 0, now_ms);
}

/* False: it is not over yet. */
static bool proof_answered(struct quest *q, enum err outcome, unsigned rcode, uint64_t now_ms) {
  bool is_guess = q->ways.list[q->tried].proof == TLS_PROOF_NONE;
  if (outcome == ERR_NONE && is_guess && rcode != RCODE_NOERROR && rcode != RCODE_NXDOMAIN) {
    compare(q, rcode, now_ms);
    return false;
  }

  q->why = outcome == ERR_NONE ? ERR_RCODE : outcome;
  if (outcome == ERR_NONE && (is_guess || rcode == RCODE_NOERROR)) proven(q, now_ms);
  return true;
}

static void done(struct exchange *x, enum err outcome, const uint8_t *msg, size_t len, uint64_t now_ms) {
  struct quest *q = quest_of(x);
  unsigned rcode = outcome == ERR_NONE ? edns_rcode(msg, len) : RCODE_SERVFAIL;
  bool is_good = rcode != RCODE_SERVFAIL;
  if (q->step == QUEST_PROVES) {
    if (!proof_answered(q, outcome, rcode, now_ms)) return;
  } else if (q->step == QUEST_COMPARES) {
    q->why = ERR_RCODE;
    if (outcome == ERR_NONE && rcode == q->rcode) proven(q, now_ms);
  } else if (is_good && msg[2] & DNS_TC && x->query_opts.transport == TRANSPORT_UDP) {
    ask_over(q, TRANSPORT_TCP, now_ms);
    return;
  } else if (is_good) {
    answered(q, msg, len, now_ms);
  } else {
    return; /* the rest of its time goes by, so that a closed port is not asked in a loop */
  }
  rest(q);
}

static void due(struct timer *timer, uint64_t now_ms) {
  struct quest *q = container(timer, struct quest, timer);
  must(q->magic == QUEST_MAGIC);
  enum quest_step was = q->step;
  channel_drop(&q->x);
  q->server->way.tried = NULL;
  if (was == QUEST_ASKS) unanswered(q, now_ms);
  if (was == QUEST_COMPARES) q->why = ERR_RCODE;
  if (q->prove_ms <= now_ms) try_next(q, now_ms);
  else if (q->ask_ms <= now_ms) ask_over(q, plain_of(q), now_ms);
  else rest(q);
}

/* ---- its life ---- */

static struct quest *quest_new(struct discovery *d, struct upstream *u, struct nameserver *s,
                               uint64_t now_ms) {
  if (!timers_promise(d->timers)) return NULL;
  struct quest *q = calloc(1, sizeof *q);
  if (!q) {
    timers_release(d->timers);
    return NULL;
  }

  *q = (struct quest){.magic = QUEST_MAGIC,
                      .discovery = d,
                      .upstream = upstream_hold(u),
                      .server = s,
                      .timer = {.fire = due},
                      .ask_ms = UINT64_MAX,
                      .prove_ms = UINT64_MAX,
                      .silent_s = DISCOVERY_LEAST_S,
                      .rest_ms = DISCOVERY_REST_MS,
                      .better_rest_ms = DISCOVERY_BETTER_MS};
  list_append(&d->quests, &q->link);
  ways_init(&q->ways, s, d->open, d->ctx);
  if (is_told(q)) q->ask_ms = now_ms;
  else use_ways(q, NULL, 0, now_ms);
  rest(q);
  return q;
}

/* The channel of a way in use stays until the set is closed; nothing new goes over it. */
static void quest_free(struct quest *q) {
  channel_drop(&q->x);
  timers_stop(q->discovery->timers, &q->timer);
  timers_release(q->discovery->timers);
  ways_free(&q->ways);
  q->server->way.lost = NULL;
  q->server->way.tried = NULL;
  list_remove(&q->link);
  upstream_release(q->upstream);
  q->magic = 0;
  free(q);
}

void discovery_init(struct discovery *d, struct timers *timers, struct counters *counters, ways_open *open,
                    void *ctx) {
  *d = (struct discovery){.timers = timers, .counters = counters, .open = open, .ctx = ctx};
  list_init(&d->quests);
}

void discovery_stop(struct discovery *d) {
  while (!list_empty(&d->quests)) quest_free(container(d->quests.next, struct quest, link));
}

static struct quest *find_quest(const struct discovery *d, const struct nameserver *s) {
  list_each(node, &d->quests) {
    struct quest *q = container(node, struct quest, link);
    if (q->server == s) return q;
  }
  return NULL;
}

static void use_set(struct discovery *d, struct upstream *u, const uint8_t *domain, uint8_t len,
                    uint64_t now_ms) {
  for (unsigned i = 0; i < u->count; i++) {
    struct nameserver *s = &u->servers[i];
    if (!s->address.trust || !s->address.ways || ns_is_encrypted(s)) continue;
    struct quest *q = find_quest(d, s);
    if (!q) q = quest_new(d, u, s, now_ms);
    if (!q) continue; /* memory is out: the server is asked in plain */
    q->is_wanted = true;
    q->domain_len = len;
    memcpy(q->domain, domain, len);
  }
}

void discovery_use(struct discovery *d, const struct routes *r, uint64_t now_ms) {
  list_each(node, &d->quests) container(node, struct quest, link)->is_wanted = false;
  use_set(d, r->rest, (const uint8_t *)"", 1, now_ms);
  for (unsigned i = 0; i < r->count; i++)
    use_set(d, r->list[i].upstream, r->list[i].name, r->list[i].name_len, now_ms);

  list_each(node, &d->quests) {
    struct quest *q = container(node, struct quest, link);
    if (!q->is_wanted) quest_free(q);
  }
}
