/* test_use.c: names in use, asked for at random times through an upstream that is a cache which others use,
 * too: of a hundred questions ninety-nine wait for nothing, whatever the TTL. */
#include <criterion/criterion.h>
#include <math.h>

#include "dns/ttl.h"
#include "scenario/kit.h"

static const struct {
  const char *name;
  uint16_t type;
} names[] = {{"_xmpp-server._tcp.d.lab.", TYPE_SRV},
             {"_xmpps-server._tcp.d.lab.", TYPE_SRV}, /* is not there */
             {"h.lab.", TYPE_A},
             {"h.lab.", TYPE_AAAA}, /* nor is this */
             {"alone.lab.", TYPE_A}};
enum { NAMES = sizeof names / sizeof *names };

static struct world *world_of(uint32_t ttl, enum xmpp_expand expand) {
  struct world *w = world_new(&(struct world_options){.xmpp.prefetch = true, .xmpp.expand = expand});
  w->zone.negative_ttl = ttl;
  zone_add(&w->zone, names[0].name, TYPE_SRV, ttl, rd_srv(0, 5, 5269, "h.lab."));
  zone_add(&w->zone, "h.lab.", TYPE_A, ttl, rd_a("192.0.2.1"));
  zone_add(&w->zone, "alone.lab.", TYPE_A, ttl, rd_a("192.0.2.2"));
  w->script.caches = true;
  world_run_ms(w, 730); /* no whole second */
  return w;
}

/* From 0 to 1, without 0; the same in every run. */
static double some(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return ((double)(*state >> 40) + 1) / (1 << 24);
}

/* Others have asked the upstream meanwhile, so that its copies end at any time. */
static void others_ask(struct world *w, uint32_t ttl, uint64_t *state) {
  for (unsigned i = 0; i < SCRIPT_CACHED; i++) {
    struct script_cached *c = &w->script.cached[i];
    uint64_t now_s = w->now_ms / 1000;
    if (c->hash && c->until_s < now_s && some(state) < 0.5) c->until_s = now_s + ttl;
  }
}

/* Asks at random times, `per_ttl` times a TTL on average for each name, for `lives` TTLs. Returns how many of
 * a thousand questions waited; the first of each name do not count. */
static double waits(uint32_t ttl, unsigned per_ttl, unsigned lives, enum xmpp_expand expand) {
  struct world *w = world_of(ttl, expand);
  uint64_t state = ttl, end_ms = w->now_ms + (uint64_t)ttl * lives * 1000;
  unsigned asked = 0, waited = 0;
  double mean_ms = ttl * 1000.0 / per_ttl / NAMES;
  for (unsigned i = 0; i < NAMES; i++) client_ask_and_wait(w, names[i].name, names[i].type, HOW_PLAIN);
  while (w->now_ms < end_ms) {
    world_run_ms(w, (uint64_t)(-log(some(&state)) * mean_ms));
    others_ask(w, ttl, &state);
    unsigned i = (unsigned)(some(&state) * NAMES) % NAMES;
    waited += heard_wait_ms(client_ask_and_wait(w, names[i].name, names[i].type, HOW_PLAIN)) > 0;
    asked++;
  }
  world_free(w);
  return 1000.0 * waited / asked;
}

/* A negative answer is kept for less than a day, so that it has less use in its time. */
static uint32_t longest(uint32_t ttl) { return ttl > TTL_NEGATIVE_MAX ? TTL_NEGATIVE_MAX : ttl; }

Test(use, of_a_hundred_questions_ninety_nine_wait_for_nothing) {
  static const uint32_t ttls[] = {30, 60, 300, 900, 3600, 10800, 86400};
  for (unsigned i = 0; i < sizeof ttls / sizeof *ttls; i++) {
    for (unsigned expand = XMPP_EXPAND_OFF; expand <= XMPP_EXPAND_CACHED; expand++) {
      unsigned per_ttl = 4 * ttls[i] / longest(ttls[i]);
      double share = waits(ttls[i], per_ttl, 100, (enum xmpp_expand)expand);
      cr_expect_leq(share, 10, "TTL %u, asked for %u times in it, expand %u: %.1f of 1000", ttls[i], per_ttl,
                    expand, share);
    }
  }
}

/* Asked for often, hardly anybody ever does. */
Test(use, of_a_thousand_questions_for_busy_names_one_waits_at_most) {
  static const uint32_t ttls[] = {30, 300, 10800};
  for (unsigned i = 0; i < sizeof ttls / sizeof *ttls; i++) {
    double share = waits(ttls[i], 12, 100, XMPP_EXPAND_CACHED);
    cr_expect_leq(share, 1, "TTL %u: %.1f of 1000", ttls[i], share);
  }
}
