/* test_flood.c: a flood of random names below a domain, as attackers send through resolvers, pushes out
 * nothing in use. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "scenario/kit.h"

enum { HOT = 200 };

static const char *hot_name(unsigned i) {
  static char name[32];
  snprintf(name, sizeof name, "hot%u.lab.", i);
  return name;
}

/* The i-th random name; what is in flight is answered after every tenth. */
static void flood(struct world *w, const char *prefix, uint16_t type, unsigned i) {
  char name[80];
  snprintf(name, sizeof name, "%sx%08x.victim.lab.", prefix, i * 2654435761u);
  client_ask(w, name, type, HOW_PLAIN);
  if (i % 10 == 9) world_run_ms(w, WORLD_DELAY_MS + 1);
}

/* Hot names come into a cache that the flood has filled already: nothing but their use can keep them. */
static struct world *hot_world(const struct world_options *o, const char *prefix, uint16_t type) {
  struct world *w = world_new(o);
  struct cache_stats stats = {0};
  for (unsigned i = 0; i < HOT; i++) zone_add(&w->zone, hot_name(i), TYPE_A, 86400, rd_a("192.0.2.7"));
  for (unsigned i = 0; i < 100000 && !stats.evicted; i++) {
    flood(w, prefix, type, 1000000 + i);
    cache_stats(w->cache, &stats);
  }
  cr_assert_gt(stats.evicted, 0);
  world_run_ms(w, 1000);
  for (unsigned use = 0; use < 3; use++) {
    for (unsigned i = 0; i < HOT; i++) client_ask_and_wait(w, hot_name(i), TYPE_A, HOW_PLAIN);
  }
  return w;
}

/* Hot names are asked for all the while: each of their clients must find its answer there. */
static void expect_hot_names_stay(struct world *w, const char *prefix, uint16_t type, unsigned n) {
  struct cache_stats stats;
  unsigned waited = 0;
  for (unsigned i = 0; i < n; i++) {
    flood(w, prefix, type, i);
    waited += !is_answered(client_ask(w, hot_name(i % HOT), TYPE_A, HOW_PLAIN));
  }
  world_run_ms(w, 1000);
  cache_stats(w->cache, &stats);
  cr_expect_eq(waited, 0, "%u clients of hot names had to wait", waited);
  cr_expect_geq(stats.evicted, n, "each pushed out another: %lu left", (unsigned long)stats.evicted);
  cr_expect_leq(stats.octets, stats.limit + stats.limit / 3);
  world_free(w);
}

Test(flood, names_that_do_not_exist_push_out_nothing_in_use) {
  expect_hot_names_stay(hot_world(&(struct world_options){0}, "", TYPE_A), "", TYPE_A, 10000);
}

Test(flood, neither_do_services_that_do_not_exist_and_all_that_is_asked_ahead_for_them) {
  struct world *w = hot_world(
      &(struct world_options){.xmpp.prefetch = true, .xmpp.expand = XMPP_EXPAND_CACHED}, "_xmpp-server._tcp.",
      TYPE_SRV);
  expect_hot_names_stay(w, "_xmpp-server._tcp.", TYPE_SRV, 4000);
}
