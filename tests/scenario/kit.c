/* kit.c: a resolver in virtual time. Exports world_*, upstream_*, client_*. */
#include "scenario/kit.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"

enum { SEED = 0x7ea };

/* ---- the world ---- */

/* Its modules get their policies as a worker's get theirs. */
static void wire(struct world *w, const struct world_options *o) {
  struct wiring_parts parts = {.cache = w->cache,
                               .seed = SEED,
                               .timers = &w->timers,
                               .counters = &w->counters,
                               .waited = &w->waited,
                               .random = &w->random,
                               .stale_log = &w->stale_log,
                               .walk_watch = &w->walk_watch,
                               .guesses = &w->guesses,
                               .budget = o->budget ? o->budget : &w->budget,
                               .kin = &w->kin};
  if (o->engine) {
    engine_line_open(&w->line, o->engine, &o->fleet, &w->timers, &w->counters);
    parts.fleet = share_fleet(w->line.share);
  }
  struct settings *s = must_zalloc(sizeof *s);
  s->forward = o->forward;
  s->serve = o->serve;
  s->xmpp = o->xmpp;
  cr_assert(wiring_init(&w->wiring, &parts, &w->tables, s));
  free(s);
}

struct world *world_new(const struct world_options *o) {
  struct world *w = must_zalloc(sizeof *w);
  unsigned servers = o->no_server ? 0 : o->servers ? o->servers : 1;

  w->now_ms = WORLD_START_MS;
  stale_log_init(&w->stale_log);
  guess_init(&w->guesses, SEED);
  kin_init(&w->kin, SEED);
  walk_watch_init(&w->walk_watch, SEED);
  zone_init(&w->zone);
  timers_init(&w->timers);
  upstream_init(&w->upstream, o->order);
  w->tables.routes.rest = &w->upstream;
  w->tables.proving = o->proving;
  script_init(&w->script, &w->zone, &w->counters, o->delay_ms ? o->delay_ms : WORLD_DELAY_MS);
  for (unsigned i = 0; i < servers; i++) {
    char text[ADDR_TEXT];
    snprintf(text, sizeof text, "192.0.2.%u:53", 1 + i);
    if (o->encrypted & 1u << i) script_server_tls(&w->script, &w->upstream, i, text);
    else script_server(&w->script, &w->upstream, i, text);
  }

  w->cache = cache_new(CACHE_SIZE_MIN, SEED);
  cr_assert(w->cache);
  wire(w, o);
  if (o->engine) engine_line_up(&w->line, w->now_ms);
  return w;
}

static void check_sums(const struct counters *c) {
  cr_expect_eq(c->queries + c->followed, c->hit + c->zone + c->miss + c->malformed + c->refused + c->ignored,
               "queries");
  cr_expect_eq(c->miss, c->answered + c->failed, "miss = %lu, answered + failed = %lu + %lu",
               (unsigned long)c->miss, (unsigned long)c->answered, (unsigned long)c->failed);
  cr_expect_eq(c->miss, c->leader + c->follower + c->rejected, "miss = leader + follower + turned away");
  cr_expect_eq(c->background, c->prefetch_c2s + c->prefetch_s2s + c->renewed + c->refreshed + c->proof_ahead,
               "ahead");
  cr_expect_eq(c->saved, c->prefetch_hit_c2s + c->prefetch_hit_s2s + c->renewed_hit, "saved");
  cr_expect_leq(c->prefetch_joined_c2s + c->prefetch_hit_c2s, c->prefetch_c2s, "of use to clients");
  cr_expect_leq(c->prefetch_joined_s2s + c->prefetch_hit_s2s, c->prefetch_s2s, "of use to servers");
  cr_expect_leq(c->renewed_hit, c->renewed, "renewed, of use");
}

void world_free(struct world *w) {
  wiring_stop(&w->wiring);
  cr_expect_eq(fault_filter_held(w->wiring.fault_filter), 0, "answers held after stop");
  cr_expect_eq(forward_in_flight(w->wiring.forward), 0, "questions in flight after stop");
  cr_expect_eq(w->script.under_way, 0, "exchanges under way after stop");
  for (unsigned i = 0; i < w->heard_count; i++)
    cr_expect(is_answered(w->heard[i]) || w->heard[i]->dropped, "client %u was never answered", i);
  engine_line_close(&w->line, w->now_ms);
  wiring_free(&w->wiring);
  walk_watch_close(&w->walk_watch);
  faults_free(w->faults, NULL);
  cr_expect_eq(timers_next_ms(&w->timers), UINT64_MAX, "a timer is left");
  upstream_close(&w->upstream);
  check_sums(&w->counters);
  kin_close(&w->kin);
  cache_free(w->cache);
  timers_close(&w->timers);
  script_close(&w->script);
  zone_close(&w->zone);
  for (unsigned i = 0; i < w->heard_count; i++) {
    free(w->heard[i]->query);
    free(w->heard[i]->msg);
    free(w->heard[i]);
  }

  free(w->heard);
  free(w);
}

/* One step to the next event not after `end_ms`; false when there is none. */
static bool step(struct world *w, uint64_t end_ms) {
  uint64_t reply_ms = script_next_ms(&w->script), timer_ms = timers_next_ms(&w->timers);
  uint64_t engine_ms = engine_line_next_ms(&w->line);
  uint64_t next_ms = reply_ms < timer_ms ? reply_ms : timer_ms;
  if (engine_ms < next_ms) next_ms = engine_ms;
  if (next_ms > end_ms) return false;
  if (next_ms > w->now_ms) w->now_ms = next_ms;
  if (engine_ms <= w->now_ms) engine_line_deliver(&w->line, w->now_ms);
  else if (reply_ms <= timer_ms) script_deliver(&w->script, w->now_ms);
  else timers_run(&w->timers, w->now_ms);
  upstream_flush(&w->upstream, w->now_ms);
  return true;
}

void world_run_ms(struct world *w, uint64_t ms) {
  uint64_t end_ms = w->now_ms + ms;
  while (step(w, end_ms)) {
  }
  w->now_ms = end_ms;
}

void world_run_all_ms(struct world *const *worlds, unsigned n, uint64_t ms) {
  for (uint64_t at = 0; at < ms; at++) {
    for (unsigned i = 0; i < n; i++) world_run_ms(worlds[i], 1);
  }
}

/* ---- faults and what reached the upstream ---- */

static void add_rule(struct world *w, const char *name, struct fault_rule rule) {
  must(strlen(name) < sizeof rule.name);
  strcpy(rule.name, name);
  script_rule(&w->script, &rule);
}

void world_fault(struct world *w, const char *name, uint16_t type, enum fault fault) {
  add_rule(w, name, (struct fault_rule){.type = type, .server = -1, .fault = fault});
}

void world_fault_once(struct world *w, const char *name, uint16_t type, enum fault fault) {
  add_rule(w, name, (struct fault_rule){.type = type, .server = -1, .fault = fault, .times = 1});
}

void world_late(struct world *w, const char *name, uint16_t type, uint32_t late_ms) {
  add_rule(w, name, (struct fault_rule){.type = type, .server = -1, .fault = FAULT_LATE, .late_ms = late_ms});
}

void world_server_late(struct world *w, int server, uint32_t late_ms) {
  add_rule(w, "", (struct fault_rule){.server = server, .fault = FAULT_LATE, .late_ms = late_ms});
}

void world_server_fault(struct world *w, int server, enum fault fault) {
  add_rule(w, "", (struct fault_rule){.server = server, .fault = fault});
}

void world_reply(struct world *w, const char *name, uint16_t type, const struct msg *reply) {
  struct msg *made = must_alloc(sizeof *made);
  memcpy(made, reply, sizeof *made);
  add_rule(w, name, (struct fault_rule){.type = type, .server = -1, .fault = FAULT_MADE, .made = made});
  free(made);
}

void world_heal(struct world *w) { script_heal(&w->script); }

static void use_faults(struct world *w, struct faults *faults) {
  cr_assert_not_null(faults);
  wiring_set_faults(&w->wiring, faults);
  faults_free(w->faults, faults);
  w->faults = faults;
}

void world_rule(struct world *w, const char *text) {
  struct rule rule;
  char why[RULE_WHY];
  cr_assert(rule_parse(text, &rule, why), "%s: %s", text, why);
  use_faults(w, faults_with(w->faults, &rule, w->now_ms));
}

void world_clear_rules(struct world *w) { use_faults(w, faults_without(w->faults, 0)); }

const struct upstream_question *upstream_last(const struct world *w, const char *name, uint16_t type) {
  for (unsigned i = w->script.asked_count; i-- > 0;) {
    const struct upstream_question *u = &w->script.asked[i];
    if ((!*name || strcmp(u->name, name) == 0) && (!type || u->type == type)) return u;
  }
  return NULL;
}

uint64_t upstream_last_ms(const struct world *w, const char *name, uint16_t type) {
  const struct upstream_question *u = upstream_last(w, name, type);
  return u ? u->at_ms : 0;
}

unsigned upstream_asked(const struct world *w, const char *name, uint16_t type) {
  unsigned n = 0;
  for (unsigned i = 0; i < w->script.asked_count; i++) {
    const struct upstream_question *u = &w->script.asked[i];
    n += (!*name || strcmp(u->name, name) == 0) && (!type || u->type == type);
  }
  return n;
}

/* ---- clients ---- */

static void check_form(const struct heard *h) {
  const struct seen *s = heard_seen(h);
  bool edns = h->how & (HOW_EDNS | HOW_DO | HOW_BIG);

  cr_expect_eq(s->id, load_u16(h->query), "the id");
  cr_expect(s->high & DNS_QR && s->low & DNS_RA && !(s->high & DNS_OPCODE), "flags %02x%02x", s->high,
            s->low);
  if (!h->world->wiring.serve.zones) cr_expect(!(s->high & DNS_AA), "AA without a zone");
  cr_expect_eq(!!(s->high & DNS_RD), !(h->how & HOW_NO_RD), "RD as asked");
  cr_expect_eq(!!(s->low & DNS_CD), !!(h->how & HOW_CD), "CD as asked");
  cr_assert_eq(s->question_len, h->name_len + 4u, "the question");
  cr_expect_arr_eq(s->question, h->query + DNS_HEADER, s->question_len, "the question octet for octet");
  cr_expect_leq(h->len, h->limit, "%zu octets where %zu are taken", h->len, h->limit);
  cr_expect_eq(s->edns, edns, "OPT as asked");
  cr_expect_eq(s->dnssec_ok, !!(h->how & HOW_DO), "DO as asked");
  if (s->high & DNS_TC) cr_expect(s->ar == 0 && !(s->low & DNS_AD), "additional records, or AD, beside TC");
  for (unsigned i = 0; i < s->an + s->ns + s->ar; i++) cr_expect_leq(s->records[i].ttl, 7 * 86400, "a TTL");
}

static void take_answer(struct heard *h, const uint8_t *msg, size_t len) {
  cr_assert(!is_answered(h) && !h->dropped, "answered twice");
  h->dropped = len == 0;
  if (h->dropped) {
    cr_assert(h->world->faults, "silence");
    return;
  }
  h->msg = exact(msg, len);
  h->len = len;
  h->answered_ms = h->world->now_ms;
  if (!(h->how & HOW_RAW)) check_form(h);
}

static void deliver(const struct client *c, const uint8_t *msg, size_t len) {
  take_answer(c->owner, msg, len);
}

static void cut(const struct client *c, const uint8_t *msg, size_t len, size_t sent) {
  struct heard *h = c->owner;
  cr_assert(h->how & HOW_TCP && sent <= len);
  h->closed = true;
  take_answer(h, msg, sent);
}

static void make_query(struct heard *h, const uint8_t *name, size_t len, uint16_t id) {
  static struct msg m;
  uint16_t size = h->how & HOW_BIG ? 4096 : h->how & (HOW_EDNS | HOW_DO) ? 1232 : 0;
  msg_start(&m, h->how & HOW_NO_RD ? 0 : DNS_RD << 8);
  store_u16(m.octets, id);
  if (h->how & HOW_CD) m.octets[3] |= DNS_CD;
  if (h->how & HOW_AD) m.octets[3] |= DNS_AD;
  msg_put(&m, name, len);
  msg_put_u16(&m, h->type);
  msg_put_u16(&m, CLASS_IN);
  msg_set_count(&m, 0, 1);
  if (size) msg_opt(&m, size, 0, h->how & HOW_DO, NULL, 0);
  h->query = exact(m.octets, m.len);
  h->query_len = m.len;
  h->limit = h->how & HOW_TCP ? DNS_MSG_MAX : size ? size : DNS_UDP_PLAIN;
}

struct heard *client_ask_octets(struct world *w, const uint8_t *name, size_t len, uint16_t type,
                                unsigned how) {
  struct heard *h = must_zalloc(sizeof *h);
  *h = (struct heard){.world = w, .type = type, .how = how, .name_len = (uint8_t)len, .asked_ms = w->now_ms};
  memcpy(h->name, name, len);
  if (w->heard_count == w->heard_room) {
    w->heard_room = w->heard_room ? w->heard_room * 2 : 64;
    w->heard = realloc(w->heard, w->heard_room * sizeof *w->heard);
    must(w->heard);
  }

  w->heard[w->heard_count++] = h;
  make_query(h, name, len, (uint16_t)(w->heard_count * 7919));
  struct client c = {.deliver = deliver,
                     .cut = how & HOW_TCP ? cut : NULL,
                     .owner = h,
                     .transport = how & HOW_TCP ? TRANSPORT_TCP : TRANSPORT_UDP};
  must(addr_parse("127.0.0.1", 53, &c.peer));
  int n = serve_query(&w->wiring.serve, h->query, h->query_len, &c, w->now_ms, w->out);
  if (n != SERVE_LATER) take_answer(h, w->out, (size_t)n);
  memset(h->query + DNS_HEADER, 'x', len); /* the transport's buffer is used again */
  memcpy(h->query + DNS_HEADER, name, len);
  return h;
}

struct heard *client_ask(struct world *w, const char *name, uint16_t type, unsigned how) {
  uint8_t octets[NAME_MAX_LEN];
  size_t len = name_parse(name, octets);
  must(len > 0);
  return client_ask_octets(w, octets, len, type, how);
}

void client_wait(struct heard *h) {
  uint64_t end_ms = h->world->now_ms + 10000;
  while (!is_answered(h)) cr_assert(step(h->world, end_ms), "a client waits for ever");
}

struct heard *client_ask_and_wait(struct world *w, const char *name, uint16_t type, unsigned how) {
  struct heard *h = client_ask(w, name, type, how);
  client_wait(h);
  return h;
}
