/* replay.c: a day of an XMPP server's contacts, in virtual time: `replay [CONTACTS [SEED]]`. Contacts come by
 * chance, more by day than by night, with 5,000 domains of the shapes and TTLs of the wild (bench/wild.h),
 * the n-th of them 1/n times as often as the first (Zipf). The resolver is the daemon's own wiring; its
 * upstream is a cache 40 ms away, in which others keep popular names fresh, so that TTLs arrive partly spent.
 *
 * Prints a line for each rule and hour: rule, hour, contacts, those that waited, ms waited in all, upstream
 * questions. contrib/dev/day-picture draws that. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/must.h"
#include "bench/wild.h"
#include "daemon/wiring.h"
#include "forward/stale_log.h"
#include "tool/programs.h"
#include "upstream/upstream.h"

enum { DOMAINS = 5000, CONTACTS = 20000, DELAY_MS = 40, START_MS = 1000000, HOUR_MS = 3600000, HOURS = 24 };
enum { CACHED = 1 << 16, SEED = 0x7ea };

/* What is on; one row more is one line more in the picture. */
static const struct replayed {
  const char *name;
  struct xmpp_policy xmpp;
} rules[] = {
    {"nothing", {.prefetch = false}},
    {"prefetch", {.prefetch = true, .expand = XMPP_EXPAND_CACHED}},
    {"prefetch and guess", {.prefetch = true, .guess = true, .expand = XMPP_EXPAND_CACHED}},
};

/* ---- the upstream: a cache that answers after DELAY_MS ---- */

struct reply {
  struct reply *next;
  uint64_t due_ms;
  struct exchange *exchange; /* NULL: nobody waits for it any more */
  size_t len;
  uint8_t octets[DNS_UDP_MAX];
};

struct cached {
  uint64_t hash, until_s;
};

struct day {
  uint64_t now_ms;
  struct channel udp, tcp;
  struct reply *first, *last;
  struct cached cached[CACHED];
  uint16_t next_id;
  unsigned asked;
  struct counters counters;
  struct latency waited;
  struct cache *cache;
  struct timers timers;
  struct random random;
  struct upstream upstream;
  struct wiring_tables tables;
  struct xmpp_budget budget;
  struct guesses guesses;
  struct stale_log stale_log;
  struct wiring wiring;
  uint8_t out[DNS_MSG_MAX];
};

static struct day *the_day; /* of the rule that is replayed */

/* What is left of the TTL in the upstream's cache; when it was fetched first is chance. */
static uint32_t ttl_left(struct day *d, const struct question *q, const char *name) {
  struct cached *c = &d->cached[q->hash % CACHED];
  uint64_t now_s = d->now_ms / 1000;
  uint32_t ttl_s = wild_ttl(WILD_REAL, name, question_type(q));
  if (c->hash != q->hash)
    *c = (struct cached){.hash = q->hash, .until_s = now_s + 1 + wild_mix(q->hash) % ttl_s};
  else if (c->until_s <= now_s) c->until_s = now_s + ttl_s;
  return (uint32_t)(c->until_s - now_s);
}

static enum err on_ask(struct channel *channel, struct exchange *x, const uint8_t *query, size_t len,
                       uint64_t now_ms) {
  static struct msg m;
  struct day *d = the_day;
  char name[NAME_TEXT];
  struct reply *r = must_zalloc(sizeof *r);
  (void)channel;
  (void)query;
  (void)len;
  x->id = d->next_id++;
  msg_start(&m, (uint16_t)((DNS_QR | DNS_RD) << 8 | DNS_RA));
  store_u16(m.octets, x->id);
  msg_put(&m, x->question->key, x->question->name_len + 4u);
  msg_set_count(&m, 0, 1);
  name_format(x->question->key, x->question->name_len, name);
  wild_answer(WILD_REAL, &m, name, question_type(x->question), ttl_left(d, x->question, name));
  msg_opt(&m, DNS_UDP_OURS, 0, false, NULL, 0);
  must(m.len <= sizeof r->octets);
  *r = (struct reply){.due_ms = now_ms + DELAY_MS, .exchange = x, .len = m.len};
  memcpy(r->octets, m.octets, m.len);
  x->waits_on = r;
  d->asked++;
  if (d->last) d->last->next = r;
  else d->first = r;
  d->last = r;
  return ERR_NONE;
}

static void on_drop(struct channel *channel, struct exchange *x) {
  struct reply *r = x->waits_on;
  (void)channel;
  if (r) r->exchange = NULL;
}

static void on_flush(struct channel *channel, uint64_t now_ms) {
  (void)channel;
  (void)now_ms;
}

static void on_close(struct channel *channel) { (void)channel; }

static void deliver_first(struct day *d) {
  struct reply *r = d->first;
  d->first = r->next;
  if (!d->first) d->last = NULL;
  if (r->exchange) {
    r->exchange->waits_on = NULL;
    r->exchange->channel = NULL;
    r->exchange->done(r->exchange, ERR_NONE, r->octets, r->len, d->now_ms);
  }
  free(r);
}

/* ---- time ---- */

/* The next event that is due by end_ms; false: there is none. */
static bool step(struct day *d, uint64_t end_ms) {
  uint64_t reply_ms = d->first ? d->first->due_ms : UINT64_MAX, timer_ms = timers_next_ms(&d->timers);
  uint64_t next_ms = reply_ms < timer_ms ? reply_ms : timer_ms;
  if (next_ms > end_ms) return false;
  if (next_ms > d->now_ms) d->now_ms = next_ms;
  if (reply_ms <= timer_ms) deliver_first(d);
  else timers_run(&d->timers, d->now_ms);
  upstream_flush(&d->upstream, d->now_ms);
  return true;
}

static void run_until(struct day *d, uint64_t end_ms) {
  while (step(d, end_ms)) {
  }
  if (end_ms > d->now_ms) d->now_ms = end_ms;
}

/* ---- a contact ---- */

struct heard {
  bool answered;
  size_t len;
  uint8_t msg[DNS_UDP_MAX];
};

static void take(struct heard *h, const uint8_t *msg, size_t len) {
  must(len <= sizeof h->msg);
  memcpy(h->msg, msg, len);
  h->len = len;
  h->answered = true;
}

static void on_deliver(const struct client *c, const uint8_t *msg, size_t len) { take(c->owner, msg, len); }

static void ask(struct day *d, const struct program *p, const struct walker_question *q, struct heard *h) {
  static struct msg m;
  static uint16_t id;
  struct client c = {.deliver = on_deliver, .owner = h, .transport = TRANSPORT_UDP};
  must(addr_parse("127.0.0.1", 53, &c.peer));
  msg_start(&m, DNS_RD << 8);
  store_u16(m.octets, id++);
  msg_put(&m, q->name, q->name_len);
  msg_put_u16(&m, q->type);
  msg_put_u16(&m, CLASS_IN);
  msg_set_count(&m, 0, 1);
  msg_opt(&m, 1232, 0, p->dnssec_ok, NULL, 0);
  int n = serve_query(&d->wiring.serve, m.octets, m.len, &c, d->now_ms, d->out);
  if (n != SERVE_LATER) take(h, d->out, (size_t)n);
  upstream_flush(&d->upstream, d->now_ms);
}

static void walk(struct day *d, const struct program *p, unsigned num) {
  static struct heard heard[WALKER_QUESTIONS];
  char text[NAME_TEXT];
  uint8_t name[NAME_MAX_LEN];
  struct walker w;
  snprintf(text, sizeof text, "d%u.lab.", num);
  walker_start(&w, p, name, name_parse(text, name));
  while (walker_next(&w)) {
    for (unsigned i = 0; i < w.count; i++) heard[i].answered = false;
    for (unsigned i = 0; i < w.count; i++) ask(d, p, &w.questions[i], &heard[i]);
    for (unsigned i = 0; i < w.count; i++) {
      while (!heard[i].answered) must(step(d, UINT64_MAX - 1));
    }
    struct walker_question batch[WALKER_QUESTIONS];
    unsigned count = w.count;
    memcpy(batch, w.questions, sizeof batch);
    for (unsigned i = 0; i < count; i++) walker_take(&w, &batch[i], heard[i].msg, heard[i].len);
  }
}

/* ---- the day ---- */

struct contact {
  uint64_t at_ms;
  unsigned domain;
};

static int compare(const void *a, const void *b) {
  const struct contact *x = a, *y = b;
  return (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);
}

static double chance(uint64_t *state) { return (double)(wild_mix((*state)++) >> 11) / (double)(1ull << 53); }

static unsigned zipf(const double *sums, double at) {
  unsigned low = 0, high = DOMAINS - 1;
  while (low < high) {
    unsigned middle = (low + high) / 2;
    if (sums[middle] < at * sums[DOMAINS - 1]) low = middle + 1;
    else high = middle;
  }
  return low;
}

/* The same for all rules. By night a third as many as at noon. */
static struct contact *plan(unsigned contacts, uint64_t number) {
  static double sums[DOMAINS];
  uint64_t seed = wild_mix(number);
  struct contact *list = calloc(contacts, sizeof *list);
  must(list);
  for (unsigned i = 0; i < DOMAINS; i++) sums[i] = (i ? sums[i - 1] : 0) + 1.0 / (i + 1);
  for (unsigned i = 0; i < contacts;) {
    double hour = chance(&seed) * HOURS, busy = (2 - cos(hour / HOURS * 2 * M_PI)) / 3;
    if (chance(&seed) > busy) continue;
    list[i++] = (struct contact){.at_ms = START_MS + (uint64_t)(hour * HOUR_MS),
                                 .domain = zipf(sums, chance(&seed))};
  }
  qsort(list, contacts, sizeof *list, compare);
  return list;
}

static struct day *day_new(const struct replayed *rule) {
  static const struct channel_ops ops = {
      .ask = on_ask, .drop = on_drop, .flush = on_flush, .close = on_close};
  struct day *d = must_zalloc(sizeof *d);
  struct settings *s = must_zalloc(sizeof *s);
  struct ns_address a = {.transport = TRANSPORT_UDP};
  struct channel *channels[TRANSPORTS] = {[TRANSPORT_UDP] = &d->udp, [TRANSPORT_TCP] = &d->tcp};

  the_day = d;
  d->now_ms = START_MS;
  d->udp.ops = d->tcp.ops = &ops;
  stale_log_init(&d->stale_log);
  guess_init(&d->guesses, SEED);
  timers_init(&d->timers);
  upstream_init(&d->upstream, UPSTREAM_FASTEST);
  must(addr_parse("192.0.2.1", 53, &a.addr) && upstream_add(&d->upstream, &a, channels));
  d->tables.routes.rest = &d->upstream;
  d->cache = cache_new(64u << 20, SEED);
  must(d->cache);

  struct wiring_parts parts = {.cache = d->cache,
                               .seed = SEED,
                               .timers = &d->timers,
                               .counters = &d->counters,
                               .waited = &d->waited,
                               .random = &d->random,
                               .stale_log = &d->stale_log,
                               .guesses = &d->guesses,
                               .budget = &d->budget};
  s->forward.max_stale_s = 86400;
  s->xmpp = rule->xmpp;
  must(wiring_init(&d->wiring, &parts, &d->tables, s));
  free(s);
  return d;
}

static void day_free(struct day *d) {
  wiring_stop(&d->wiring);
  wiring_free(&d->wiring);
  while (d->first) deliver_first(d);
  upstream_close(&d->upstream);
  cache_free(d->cache);
  timers_close(&d->timers);
  free(d);
}

static void replay(const struct replayed *rule, const struct contact *list, unsigned contacts) {
  struct day *d = day_new(rule);
  unsigned i = 0;
  for (unsigned hour = 0; hour < HOURS; hour++) {
    uint64_t end_ms = START_MS + (uint64_t)(hour + 1) * HOUR_MS, waited_ms = 0;
    unsigned first = i, waits = 0, before = d->asked;
    for (; i < contacts && list[i].at_ms < end_ms; i++) {
      run_until(d, list[i].at_ms);
      uint64_t begun_ms = d->now_ms;
      walk(d, &programs[PROGRAM_PROSODY], list[i].domain);
      waited_ms += d->now_ms - begun_ms;
      waits += d->now_ms > begun_ms;
    }
    run_until(d, end_ms);
    printf("%s,%u,%u,%u,%lu,%u\n", rule->name, hour, i - first, waits, (unsigned long)waited_ms,
           d->asked - before);
  }
  fprintf(stderr, "%s: %lu guesses, %lu of them used, %lu wasted\n", rule->name,
          (unsigned long)d->counters.guess_made, (unsigned long)d->counters.guess_used,
          (unsigned long)d->counters.guess_wasted);
  day_free(d);
}

int main(int argc, char **argv) {
  unsigned contacts = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : CONTACTS;
  struct contact *list = plan(contacts, argc > 2 ? strtoul(argv[2], NULL, 10) : 1);
  puts("rule,hour,contacts,waited,ms,questions");
  for (unsigned i = 0; i < sizeof rules / sizeof *rules; i++) replay(&rules[i], list, contacts);
  free(list);
  return 0;
}
