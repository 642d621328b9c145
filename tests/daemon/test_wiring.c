/* test_wiring.c: every setting that is read reaches the module that it is for. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "daemon/tables.h"
#include "daemon/wiring.h"
#include "settings/settings_table.h"

/* Modules as a worker has them, but for sockets. */
struct modules {
  uv_loop_t loop;
  struct timers timers;
  struct counters counters;
  struct random random;
  struct xmpp_budget budget;
  struct tables_sets sets;
  struct wiring_tables *tables;
  struct wiring wiring;
};

static struct modules *modules_new(const struct settings *s) {
  struct modules *m = must_zalloc(sizeof *m);
  cr_assert(uv_loop_init(&m->loop) == 0);
  timers_init(&m->timers);
  m->sets = (struct tables_sets){.loop = &m->loop, .counters = &m->counters, .random = &m->random};
  list_init(&m->sets.list);
  m->tables = tables_new(&m->sets, NULL, s);
  struct wiring_parts parts = {.cache = cache_new(CACHE_SIZE_MIN, 1),
                               .seed = 1,
                               .timers = &m->timers,
                               .counters = &m->counters,
                               .random = &m->random,
                               .budget = &m->budget};
  cr_assert(m->tables && parts.cache && wiring_init(&m->wiring, &parts, m->tables, s));
  return m;
}

static void modules_reload(struct modules *m, const struct settings *s) {
  struct wiring_tables *old = m->tables;
  m->tables = tables_new(&m->sets, old, s);
  cr_assert(m->tables);
  wiring_set(&m->wiring, m->tables, s);
  tables_free(old);
}

static void modules_free(struct modules *m) {
  struct cache *cache = forward_options(m->wiring.forward)->cache;
  wiring_stop(&m->wiring);
  wiring_free(&m->wiring);
  tables_free(m->tables);
  uv_run(&m->loop, UV_RUN_DEFAULT);
  cr_expect(uv_loop_close(&m->loop) == 0);
  timers_close(&m->timers);
  cache_free(cache);
  free(m);
}

/* ---- what has arrived ---- */

static bool same(const void *a, const void *b, size_t size) { return memcmp(a, b, size) == 0; }

static bool has_forward(const struct modules *m, const struct settings *s) {
  struct forward_policy want = s->forward;
  wiring_rebind(s, &want.rebind);
  return same(&forward_options(m->wiring.forward)->policy, &want, sizeof want);
}

static bool has_serve(const struct modules *m, const struct settings *s) {
  const struct query_service *q = &m->wiring.serve;
  return same(&q->policy, &s->serve, sizeof s->serve) && q->log.every == s->serve.log_every &&
         (q->rotation_mask != 0) == s->serve.rotate;
}

static bool has_access(const struct modules *m, const struct settings *s) {
  return m->wiring.serve.access == m->tables->access &&
         same(access_policy(m->wiring.serve.access), &s->access, sizeof s->access);
}

static bool has_xmpp(const struct modules *m, const struct settings *s) {
  return same(xmpp_policy(m->wiring.xmpp), &s->xmpp, sizeof s->xmpp);
}

static bool is_set(const struct upstream *u, const struct settings *s, const struct settings_servers *set,
                   const struct settings_pins *pins) {
  bool good = u && u->count == set->count && u->policy == s->upstream_policy;
  for (unsigned i = 0; i < set->count && good; i++) {
    struct ns_address address;
    settings_server_address(set, i, pins, &address);
    good = ns_address_equal(&u->servers[i].address, &address);
  }
  return good;
}

static bool has_upstreams(const struct modules *m, const struct settings *s) {
  const struct routes *r = forward_options(m->wiring.forward)->routes;
  return r == &m->tables->routes && is_set(r->rest, s, &s->upstream, &s->pins);
}

static bool has_routes(const struct modules *m, const struct settings *s) {
  const struct routes *r = forward_options(m->wiring.forward)->routes;
  bool good = r->count == s->forward_count;
  for (unsigned i = 0; i < r->count && good; i++) {
    const struct settings_forward *f = &s->forwards[i];
    good = is_set(r->list[i].upstream, s, &f->servers, settings_forward_pins(s, f)) &&
           r->list[i].max_ttl_s == f->max_ttl_s && r->list[i].never_guessed == f->never_guessed &&
           r->list[i].is_shared == f->is_shared && r->list[i].is_proven == f->is_proven &&
           has_forward(m, s) &&
           name_equal(r->list[i].name, r->list[i].name_len, f->domain.octets, f->domain.len);
  }
  return good;
}

/* The parts of struct settings, and who has them. Those without `has` are read by the main thread from the
 * settings in force, each as a whole: there is nothing to hand on. A part that is not named here fails the
 * test of each row that is read into it. */
static const struct settings_part {
  const char *name;
  size_t at, size;
  bool (*has)(const struct modules *m, const struct settings *s);
} parts[] = {
#define PART(field, has)                                                                                     \
  { #field, offsetof(struct settings, field), sizeof((struct settings *)0)->field, has }
    PART(forward, has_forward),
    PART(serve, has_serve),
    PART(access, has_access),
    PART(xmpp, has_xmpp),
    PART(share, NULL),
    PART(upstream, has_upstreams),
    PART(pins, has_upstreams),
    PART(tls_ca, NULL),
    PART(anchors, NULL),
    PART(discover, has_upstreams),
    PART(upstream_tls, has_upstreams),
    PART(upstream_policy, has_upstreams),
    PART(forwards, has_routes),
    PART(forward_count, has_routes),
    PART(listen, NULL),
    PART(listen_scopes, NULL),
    PART(listen_count, NULL),
    PART(resolv_conf, NULL),
    PART(faults, NULL),
    PART(fault_count, NULL),
    PART(threads, NULL),
    PART(cache_size, NULL),
    PART(zones, NULL),
    PART(zone_files, NULL),
    PART(snapshot, NULL),
    PART(sandbox, NULL),
    PART(control, NULL),
    PART(metrics, NULL),
    PART(log, NULL),
    PART(tap, NULL),
};
enum { PARTS = sizeof parts / sizeof *parts };

/* ---- every row of the table ---- */

/* Values that one or the other setting takes: the first that changes something is what it is set to. */
static const char *const samples[] = {"on",
                                      "off",
                                      "refused",
                                      "validate",
                                      "pass",
                                      "upstream",
                                      "unix:/some/socket",
                                      "silence",
                                      "spread",
                                      "verified",
                                      "opportunistic",
                                      "reader",
                                      "redis://192.0.2.1:6379",
                                      "wait",
                                      "nsec",
                                      "all",
                                      "7",
                                      "600",
                                      "1200",
                                      "8M",
                                      "error",
                                      "json",
                                      "corp.example",
                                      "192.0.2.0/24",
                                      "192.0.2.7:53",
                                      "/some/thing",
                                      "some",
                                      "none",
                                      "errno",
                                      "kill",
                                      "10.1.2.3",
                                      "127.0.0.1:9153",
                                      "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="};

static void *element_of(struct settings *s, const struct settings_section *section) {
  if (!section || !section->title) return s;
  char *around = element_of(s, section->within);
  unsigned *count = (unsigned *)(void *)(around + section->count_at);
  *count = 1;
  return around + section->list_at;
}

/* What all rows are compared with: the defaults, an upstream, one of each titled section. */
static struct settings *start_settings(void) {
  struct settings *s = must_zalloc(sizeof *s);
  for (unsigned i = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    void *into = t->section ? element_of(s, t->section) : NULL;
    if (into && t->section->read_title && t->needed)
      cr_assert(t->section->read_title(into, "corp.example"), "%s", t->section->name);
    if (into && t->default_value) cr_assert(t->read(t, into, t->default_value), "%s", t->key);
  }

  s->listen_count = 0;
  return s;
}

static bool set_other(const struct setting *t, struct settings *s, const struct settings *before) {
  for (unsigned i = 0; i < sizeof samples / sizeof *samples; i++) {
    if (t->read(t, element_of(s, t->section), samples[i]) && !same(s, before, sizeof *s)) return true;
    *s = *before;
  }
  const char *rule = "name=*.lab servfail";
  return t->read(t, element_of(s, t->section), rule) && !same(s, before, sizeof *s);
}

/* Where the settings differ, the parts must have arrived; returns how many differ. */
static unsigned check_arrived(const struct setting *t, const struct modules *m, const struct settings *s,
                              const struct settings *before, const char *when) {
  static bool covered[sizeof(struct settings)];
  unsigned changed = 0;
  memset(covered, 0, sizeof covered);
  for (unsigned i = 0; i < PARTS; i++) {
    const struct settings_part *p = &parts[i];
    memset(covered + p->at, 1, p->size);
    if (same((const char *)s + p->at, (const char *)before + p->at, p->size)) continue;
    changed++;
    if (p->has) cr_expect(p->has(m, s), "%s: %s is read but not handed on, %s", t->key, p->name, when);
  }

  for (size_t i = 0; i < sizeof *s; i++) {
    if (((const char *)s)[i] != ((const char *)before)[i])
      cr_assert(covered[i], "%s: is read into a part of the settings that this test does not know", t->key);
  }
  return changed;
}

Test(wiring, every_policy_reaches_its_module) {
  struct settings *before = start_settings(), *s = must_zalloc(sizeof *s);
  struct modules *running = modules_new(before);
  unsigned rows = 0, handed = 0;

  for (unsigned i = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    if (!t->read || !t->section) continue;
    *s = *before;
    cr_assert(set_other(t, s, before), "%s: no sample is a value of it", t->key);

    struct modules *fresh = modules_new(s);
    handed += check_arrived(t, fresh, s, before, "at the start");
    modules_free(fresh);
    modules_reload(running, s);
    check_arrived(t, running, s, before, "by a reload");
    modules_reload(running, before);
    rows++;
  }

  cr_expect_gt(rows, 50);
  cr_expect_geq(handed, rows);
  modules_free(running);
  free(s);
  free(before);
}

Test(wiring, what_holds_until_a_restart_is_kept_by_a_reload_and_nothing_else_is) {
  struct settings *running = start_settings(), *s = must_zalloc(sizeof *s);
  char line[100];

  for (unsigned i = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    if (!t->read || !t->section || t->section->title) continue;
    *s = *running;
    cr_assert(set_other(t, s, running), "%s", t->key);

    char *said = NULL;
    size_t len;
    FILE *err = open_memstream(&said, &len);
    settings_keep_fixed(s, running, err);
    fclose(err);
    snprintf(line, sizeof line, "jidnsd: --%s: ", t->name);
    cr_expect_eq(same(s, running, sizeof *s), t->fixed, "%s", t->key);
    cr_expect_eq(strncmp(said, line, strlen(line)) == 0 && strchr(said, '\n') == said + len - 1, t->fixed,
                 "%s: %s", t->key, said);
    cr_expect(t->fixed || len == 0, "%s: %s", t->key, said);
    free(said);
  }

  free(s);
  free(running);
}
