/* connect.c: goes to a domain's targets, several at once. Exports connect_open, connect_close, connect_all.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/must.h"
#include "tool/check.h"
#include "tool/connect_priv.h"
#include "tool/rules_priv.h"

struct connector *connect_open(const struct connect_options *o, FILE *err) {
  struct connector *c = must_zalloc(sizeof *c);
  c->options = *o;
  c->tls = tls_context_new(o->ca_path, err);
  if (c->tls) c->xml = stream_library_new(err);
  if (c->xml) return c;
  connect_close(c);
  return NULL;
}

void connect_close(struct connector *c) {
  if (!c) return;
  tls_context_free(c->tls);
  stream_library_free(c->xml);
  free(c);
}

/* ---- which there are ---- */

static bool is_same(const struct connection *a, const struct connection *b) {
  return a->side == b->side && a->direct_tls == b->direct_tls && a->port == b->port &&
         a->address.family == b->address.family && memcmp(a->address.bytes, b->address.bytes, 16) == 0;
}

static bool is_there(const struct connections *all, const struct connection *n) {
  for (size_t i = 0; i < all->count; i++) {
    if (is_same(&all->list[i], n) && all->list[i].host == n->host) return true;
  }
  return false;
}

static struct connection way_of(enum lookup_side side, const struct plan_step *s, size_t address) {
  return (struct connection){.side = side,
                             .direct_tls = s->direct_tls,
                             .host = s->host,
                             .port = s->port,
                             .address = s->host->addresses[address]};
}

static void add_step(struct connections *all, enum lookup_side side, const struct plan_step *s) {
  for (size_t i = 0; s->host && i < s->host->address_count; i++) {
    struct connection n = way_of(side, s, i);
    if (is_there(all, &n)) continue;
    if (all->count == CONNECT_MAX) all->too_many = true;
    else all->list[all->count++] = n;
  }
}

/* A program with direct TLS has every step of one without it, unless there is no SRV record at all. */
static void list_ways(struct connections *all, const struct facts *f) {
  for (enum lookup_side side = LOOKUP_C2S; side <= LOOKUP_S2S; side++) {
    for (int tls = 1; tls >= 0; tls--) {
      const struct plan *p = f->plans[facts_side_index(side)][tls];
      for (size_t i = 0; p && i < p->count; i++) add_step(all, side, &p->steps[i]);
    }
  }
}

/* What failed for the domain fails for the component, and was told. */
static bool is_dead_end(const struct connections *all, const struct connection *n) {
  for (size_t i = 0; i < all->count; i++) {
    const struct connection *x = &all->list[i];
    if (is_same(x, n)) return !x->has_tls && x->end != END_HOST_UNKNOWN;
  }
  return false;
}

static void add_component_step(struct connections *all, const struct component *c,
                               const struct plan_step *s) {
  for (size_t i = 0; s->host && i < s->host->address_count; i++) {
    struct connection n = way_of(LOOKUP_S2S, s, i);
    n.component = c;
    if (is_dead_end(all, &n)) continue;
    if (all->component_count == CONNECT_COMPONENTS_MAX) all->too_many = true;
    else all->of_components[all->component_count++] = n;
  }
}

/* A usual name with an address alone may be a web site's; those for rooms are XMPP's own. */
static bool is_meant(const struct facts *f, const struct component *c) {
  bool is_rooms = strcmp(c->label, "conference") == 0 || strcmp(c->label, "muc") == 0;
  return c->plan && (c->wanted || (!rules_is_wildcard(f, c->lookup) &&
                                   (is_rooms || facts_has_targets(c->lookup, LOOKUP_S2S))));
}

/* Once it is known what became of the domain's own. */
static void list_component_ways(struct connections *all, const struct facts *f) {
  for (size_t i = 0; i < f->component_count; i++) {
    const struct component *c = &f->components[i];
    for (size_t k = 0; is_meant(f, c) && k < c->plan->count; k++)
      add_component_step(all, c, &c->plan->steps[k]);
  }
}

/* ---- several at once ---- */

/* Threads that take the next connection of the list as soon as they are through with one. */
struct crew {
  const struct connector *c;
  const struct facts *facts;
  struct connection *list;
  size_t count;
  unsigned until_ms; /* when the whole is over */
  atomic_size_t next;
  pthread_t threads[CONNECT_AT_ONCE];
  size_t thread_count;
};

static void *work(void *context) {
  struct crew *crew = context;
  for (;;) {
    size_t i = atomic_fetch_add(&crew->next, 1);
    if (i >= crew->count) return NULL;
    connect_try(crew->c, crew->facts, crew->until_ms, &crew->list[i]);
  }
}

static void start_crew(struct crew *crew, struct connection *list, size_t count) {
  crew->list = list;
  crew->count = count;
  crew->next = crew->thread_count = 0;
  while (crew->thread_count < CONNECT_AT_ONCE && crew->thread_count < count &&
         pthread_create(&crew->threads[crew->thread_count], NULL, work, crew) == 0)
    crew->thread_count++;
}

/* Where there was no thread to be had, the caller's does it. */
static void finish_crew(struct crew *crew) {
  if (crew->thread_count == 0) (void)work(crew);
  for (size_t i = 0; i < crew->thread_count; i++) pthread_join(crew->threads[i], NULL);
}

/* Web clients begin there. */
static void fetch_host_meta(const struct crew *crew, struct connections *all) {
  const struct connect_options *o = &crew->c->options;
  const struct web web = {.tls = crew->c->tls,
                          .xml = crew->c->xml,
                          .allow_private = o->allow_private,
                          .phase_ms = o->phase_ms,
                          .until_ms = crew->until_ms,
                          .ask = o->ask,
                          .ask_context = o->ask_context};
  if (crew->facts->domain->sides & LOOKUP_C2S) web_fetch(&web, crew->facts, &all->web);
}

static bool has_known_issuer(const struct connections *all) {
  for (size_t i = 0; i < all->count; i++) {
    if (all->list[i].is_for_domain_alone && caa_name_of(all->list[i].issuer)) return true;
  }
  return false;
}

struct connections *connect_all(struct connector *c, const struct facts *f) {
  struct connections *all = must_zalloc(sizeof *all);
  struct crew crew = {.c = c, .facts = f, .until_ms = check_now_ms() + CONNECT_WHOLE_MS};

  all->now_s = (int64_t)time(NULL);
  list_ways(all, f);
  start_crew(&crew, all->list, all->count);
  fetch_host_meta(&crew, all); /* here, as questions are asked in this thread alone */
  finish_crew(&crew);

  list_component_ways(all, f);
  start_crew(&crew, all->of_components, all->component_count);
  finish_crew(&crew);
  if (has_known_issuer(all) && (int)(crew.until_ms - check_now_ms()) > 0)
    caa_find(f, c->options.ask, c->options.ask_context, &all->caa);
  return all;
}
