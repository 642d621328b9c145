/* discovery.c: encrypted ways to plain servers are asked for, proven and looked after. Exports discovery_*.
 *
 * A server is asked for SVCB of _dns.resolver.arpa. The best way in its answer gets a channel, and the same
 * question: only when that is answered, by who has a certificate for the plain server's address, do others go
 * over it. A way that fails is left at once (fallback.c), and proven anew after a while. */
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
  QUEST_ASKS,  /* the server, in plain */
  QUEST_PROVES /* its way */
};

/* What is done for one server. */
struct quest {
  uint32_t magic;
  struct discovery *discovery;
  struct nameserver *server;
  enum quest_step step;
  struct question question;
  struct exchange x;
  struct timer timer;
  uint64_t ask_ms, prove_ms; /* when that is next; UINT64_MAX: not at all */
  uint32_t silent_s, rest_ms;
  unsigned silent;         /* times in a row that no answer came in plain */
  struct discover_way way; /* that the server's channel is of, if its way.state says that there is one */
  bool said;               /* the log has it that there is none */
};

static struct quest *quest_of(struct exchange *x) {
  struct quest *q = container(x, struct quest, x);
  must(q->magic == QUEST_MAGIC);
  return q;
}

static const char *where(const struct quest *q, char text[ADDR_TEXT]) {
  return addr_format(&q->server->address.addr, text);
}

static void rest(struct quest *q) {
  q->step = QUEST_RESTS;
  timers_set(q->discovery->timers, &q->timer, q->ask_ms < q->prove_ms ? q->ask_ms : q->prove_ms);
}

/* ---- the way's channel ---- */

/* Also one that an earlier quest left. False: questions are under way over it. */
static bool close_way(struct quest *q) {
  q->server->way.state = WAY_NONE;
  for (unsigned over = 0; over < TRANSPORTS; over++) {
    struct channel *c = q->server->channels[over];
    if (!c || !transport_is_encrypted(over)) continue;
    if (c->ops->facts && c->ops->facts(c)->waiting) return false;
    c->ops->close(c);
    q->server->channels[over] = NULL;
  }
  return true;
}

static bool is_same_way(const struct discover_way *a, const struct discover_way *b) {
  return a->transport == b->transport && addr_equal(&a->addr, &b->addr) && strcmp(a->path, b->path) == 0;
}

/* Its certificate has to be for the plain server's address, whatever it says of itself. */
static struct channel *open_way(const struct quest *q, const struct discover_way *way) {
  struct ns_address address = {
      .addr = way->addr, .transport = way->transport, .trust = q->server->address.trust};
  address.expect.addr = q->server->address.addr;
  snprintf(address.path, sizeof address.path, "%s", way->path);
  return q->discovery->open(q->discovery->ctx, &address);
}

static void lost(struct ns_way *way, uint64_t now_ms) {
  struct quest *q = way->keeper;
  must(q->magic == QUEST_MAGIC);
  q->prove_ms = now_ms + q->rest_ms;
  q->said = true;
  if (q->step == QUEST_RESTS) rest(q);
}

/* The first that can be used here is the way from now on; one that is in use already stays as it is. */
static bool take_way(struct quest *q, const struct discover_way *ways, unsigned n, uint64_t now_ms) {
  struct nameserver *s = q->server;
  for (unsigned i = 0; i < n; i++) {
    if (s->way.state != WAY_NONE && is_same_way(&ways[i], &q->way)) return true;
    struct channel *c = open_way(q, &ways[i]);
    if (!c) continue;
    if (!close_way(q)) {
      c->ops->close(c);
      q->ask_ms = now_ms + DISCOVERY_REST_MS; /* they will be over then */
      return true;
    }
    q->way = ways[i];
    q->rest_ms = DISCOVERY_REST_MS;
    q->prove_ms = now_ms;
    s->channels[q->way.transport] = c;
    s->way = (struct ns_way){
        .state = WAY_UNPROVEN, .transport = q->way.transport, .addr = q->way.addr, .lost = lost, .keeper = q};
    return true;
  }
  return false;
}

/* ---- what is asked ---- */

static void done(struct exchange *x, enum err outcome, const uint8_t *msg, size_t len, uint64_t now_ms);

static void put(struct quest *q, enum quest_step step, enum transport over, uint64_t now_ms) {
  struct nameserver *s = q->server;
  bool has_edns = transport_is_encrypted(over) || !capability_is_resting(&s->capabilities[CAPABILITY_EDNS]);
  q->x = (struct exchange){.question = &q->question,
                           .done = done,
                           .query_opts = {.edns = has_edns, .transport = over},
                           .rto_ms = ns_rto_ms(s)};
  list_init(&q->x.link);
  q->step = step;
  uint8_t msg[EXCHANGE_QUERY_MAX];
  size_t len = exchange_write(&q->question, &q->x.query_opts, msg);
  uint32_t wait_ms = step == QUEST_PROVES ? DISCOVERY_PROOF_MS : DISCOVERY_WAIT_MS;
  timers_set(q->discovery->timers, &q->timer, now_ms + wait_ms);
  /* a failure is a silence: its time goes by */
  (void)channel_ask(s->channels[over], &q->x, msg, len, now_ms);
}

static void ask(struct quest *q, uint64_t now_ms) {
  const struct capability *udp = &q->server->capabilities[CAPABILITY_UDP];
  put(q, QUEST_ASKS, capability_is_resting(udp) ? TRANSPORT_TCP : TRANSPORT_UDP, now_ms);
}

/* ---- what comes of it ---- */

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

static void answered(struct quest *q, const uint8_t *msg, size_t len, uint64_t now_ms) {
  struct discover_way ways[DISCOVER_WAYS];
  unsigned n = edns_rcode(msg, len) == RCODE_NOERROR ? discover_read(msg, len, &q->server->address.addr, ways)
                                                     : 0;
  q->silent = 0;
  q->silent_s = DISCOVERY_LEAST_S;
  if (ns_has_way(q->server)) q->rest_ms = DISCOVERY_REST_MS; /* it has been good for a while */
  q->ask_ms = now_ms + 1000ULL * (n ? answer_ttl_s(msg, len) : DISCOVERY_MOST_S);
  if (take_way(q, ways, n, now_ms)) return;
  close_way(q);
  q->prove_ms = UINT64_MAX;
  say_none(q);
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
}

static void proven(struct quest *q) {
  char from[ADDR_TEXT], to[ADDR_TEXT];
  struct ns_way *way = &q->server->way;
  log_info("upstream", "%s: asked over %s at %s from now on", where(q, from), transport_text(way->transport),
           addr_format(&way->addr, to));
  way->state = WAY_PROVEN;
  way->silent = 0;
  q->said = false;
  q->prove_ms = UINT64_MAX;
}

static void unproven(struct quest *q, uint64_t now_ms) {
  char text[ADDR_TEXT];
  if (!q->said)
    log_warn("upstream", "%s: the encrypted way that it tells of can't be used; asked in plain",
             where(q, text));
  q->said = true;
  q->prove_ms = now_ms + q->rest_ms;
  q->rest_ms = q->rest_ms > DISCOVERY_REST_MAX_MS / 2 ? DISCOVERY_REST_MAX_MS : 2 * q->rest_ms;
}

static void done(struct exchange *x, enum err outcome, const uint8_t *msg, size_t len, uint64_t now_ms) {
  struct quest *q = quest_of(x);
  unsigned rcode = outcome == ERR_NONE ? edns_rcode(msg, len) : RCODE_SERVFAIL;
  bool is_good = rcode != RCODE_SERVFAIL;
  if (q->step == QUEST_PROVES) {
    if (rcode == RCODE_NOERROR) proven(q);
    else unproven(q, now_ms);
  } else if (is_good && msg[2] & DNS_TC && x->query_opts.transport == TRANSPORT_UDP) {
    put(q, QUEST_ASKS, TRANSPORT_TCP, now_ms);
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
  if (was == QUEST_ASKS) unanswered(q, now_ms);
  if (was == QUEST_PROVES) unproven(q, now_ms);
  if (q->prove_ms <= now_ms) put(q, QUEST_PROVES, q->server->way.transport, now_ms);
  else if (q->ask_ms <= now_ms) ask(q, now_ms);
  else rest(q);
}

/* ---- its life ---- */

static struct quest *quest_new(struct discovery *d, struct nameserver *s, uint64_t now_ms) {
  static const uint8_t name[] = "\4_dns\10resolver\4arpa";
  if (!timers_promise(d->timers)) return NULL;
  struct quest *q = calloc(1, sizeof *q);
  if (!q) {
    timers_release(d->timers);
    return NULL;
  }

  *q = (struct quest){.magic = QUEST_MAGIC,
                      .discovery = d,
                      .server = s,
                      .timer = {.fire = due},
                      .ask_ms = now_ms,
                      .prove_ms = UINT64_MAX,
                      .silent_s = DISCOVERY_LEAST_S,
                      .rest_ms = DISCOVERY_REST_MS};
  question_make(&q->question, name, sizeof name, TYPE_SVCB, CLASS_IN, 0, 0);
  rest(q);
  return q;
}

/* The channel stays until the set is closed; nothing new goes over it. */
static void quest_free(struct quest *q) {
  if (!q) return;
  channel_drop(&q->x);
  timers_stop(q->discovery->timers, &q->timer);
  timers_release(q->discovery->timers);
  q->server->way.state = WAY_NONE;
  q->server->way.lost = NULL;
  q->magic = 0;
  free(q);
}

void discovery_init(struct discovery *d, struct timers *timers, discovery_open *open, void *ctx) {
  *d = (struct discovery){.timers = timers, .open = open, .ctx = ctx};
}

void discovery_stop(struct discovery *d) {
  for (unsigned i = 0; i < UPSTREAM_SERVERS; i++) {
    quest_free(d->quests[i]);
    d->quests[i] = NULL;
  }
  upstream_release(d->upstream);
  d->upstream = NULL;
}

void discovery_use(struct discovery *d, struct upstream *u, uint64_t now_ms) {
  if (u && u == d->upstream) return;
  discovery_stop(d);
  bool wants = false;
  for (unsigned i = 0; u && i < u->count; i++) {
    struct nameserver *s = &u->servers[i];
    if (!s->address.trust || ns_is_encrypted(s)) continue;
    d->quests[i] = quest_new(d, s, now_ms);
    wants = true;
  }
  if (wants) d->upstream = upstream_hold(u);
}
