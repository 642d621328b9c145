/* test_dnssec_chaos.c: servers fail and lie at random, keys are rolled, clocks stop, by seed: each answer is
 * true or SERVFAIL, and when all is well again all is proven. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "kit/rng.h"
#include "scenario/lab.h"

enum { DOMAINS = 10 };

static const enum fault faults[] = {FAULT_SPOILED, FAULT_STRIPPED, FAULT_EXPIRED,   FAULT_NXDOMAIN,
                                    FAULT_CNAME,   FAULT_DOT,      FAULT_EMPTY,     FAULT_LOST,
                                    FAULT_LATE,    FAULT_SERVFAIL, FAULT_TRUNCATED, FAULT_GARBLED,
                                    FAULT_FORMERR, FAULT_REFUSED,  FAULT_NO_EDNS,   FAULT_WRONG_QUESTION};

static const char *const prefixes[] = {"_xmpp-server._tcp.",
                                       "_xmpps-server._tcp.",
                                       "_xmpp-client._tcp.",
                                       "",
                                       "xmpp.",
                                       "h0.",
                                       "_jabber._tcp.",
                                       "no."};
static const uint16_t types[] = {TYPE_SRV, TYPE_SRV, TYPE_SRV, TYPE_A, TYPE_AAAA, TYPE_A, TYPE_SRV, TYPE_A};

static void make_trouble(struct lab *l, struct rng *r, unsigned servers) {
  static const uint16_t of_types[] = {0, 0, TYPE_DS, TYPE_DNSKEY, TYPE_SRV};
  world_heal(l->world);
  for (unsigned i = (unsigned)rng_below(r, 5); i > 0; i--) {
    struct fault_rule rule = {.server = (int)rng_below(r, servers + 1) - 1,
                              .fault = faults[rng_below(r, sizeof faults / sizeof *faults)],
                              .skip = (unsigned)rng_below(r, 5),
                              .times = (unsigned)rng_below(r, 20),
                              .late_ms = (uint32_t)rng_below(r, 4000),
                              .type = of_types[rng_below(r, sizeof of_types / sizeof *of_types)]};
    script_rule(&l->world->script, &rule);
  }
}

static void change_something(struct lab *l, struct rng *r) {
  char name[16];
  snprintf(name, sizeof name, "d%u.lab.", (unsigned)rng_below(r, DOMAINS));
  switch (rng_below(r, 12)) {
  case 0: signer_roll(l->signer, name); break;
  case 1: signer_roll_data_key(l->signer, name); break;
  case 2: signer_roll(l->signer, "lab."); break;
  case 3: forward_forget_zones(l->world->wiring.forward); break;
  case 4: lab_renew_judge(l); break;
  case 5: l->clock_is_wrong = !l->clock_is_wrong; break;
  default: break;
  }
}

static struct heard *ask_anything(struct lab *l, struct rng *r) {
  static const unsigned hows[] = {HOW_PLAIN, HOW_AD, HOW_DO, HOW_TCP, HOW_TCP | HOW_DO};
  unsigned i = (unsigned)rng_below(r, sizeof prefixes / sizeof *prefixes);
  char name[64];
  snprintf(name, sizeof name, "%sd%u.lab.", prefixes[i], (unsigned)rng_below(r, DOMAINS));
  return client_ask(l->world, name, types[i], hows[rng_below(r, sizeof hows / sizeof *hows)]);
}

static void expect_all_proven(struct lab *l, uint64_t seed) {
  for (unsigned d = 0; d < DOMAINS; d++) {
    for (unsigned i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
      char name[64];
      snprintf(name, sizeof name, "%sd%u.lab.", prefixes[i], d);
      struct heard *h = client_ask_and_wait(l->world, name, types[i], HOW_TCP | HOW_DO);
      cr_expect(heard_truth(h) && heard_ad(h), "seed %lu: %s: RCODE %u, EDE %d", (unsigned long)seed, name,
                heard_rcode(h), heard_ede(h));
    }
  }
}

static void run_seed(uint64_t seed) {
  struct rng r = {seed};
  unsigned servers = 1 + (unsigned)rng_below(&r, 3);
  struct lab *l = lab_new((struct world_options){.servers = servers,
                                                 .xmpp.prefetch = rng_below(&r, 4) > 0,
                                                 .forward.max_stale_s = rng_below(&r, 2) ? 86400 : 0,
                                                 .xmpp.expand = (enum xmpp_expand)rng_below(&r, 3),
                                                 .forward.nxdomain_cut = rng_below(&r, 3) == 0});
  struct world *w = l->world;
  for (unsigned i = 0; i < DOMAINS; i++) {
    char name[16];
    snprintf(name, sizeof name, "d%u.lab.", i);
    zone_add_domain(&w->zone, i, 1 + (uint32_t)rng_below(&r, 60));
    signer_zone(l->signer, name, SIGNER_SIGNED);
  }

  for (unsigned i = 0; i < 150; i++) {
    if (i % 10 == 0) make_trouble(l, &r, servers);
    change_something(l, &r);
    ask_anything(l, &r);
    world_run_ms(w, rng_below(&r, 5) ? rng_below(&r, 100) : rng_below(&r, 20000));
  }
  world_heal(w);
  world_run_ms(w, PATIENCE_MS);
  for (unsigned i = 0; i < w->heard_count; i++) {
    const struct heard *h = w->heard[i];
    cr_assert(is_answered(h), "seed %lu: question %u", (unsigned long)seed, i);
    cr_expect_leq(heard_wait_ms(h), PATIENCE_MS);
    cr_expect(heard_rcode(h) == RCODE_SERVFAIL || heard_is_tc(h) || heard_truth(h),
              "seed %lu: question %u: a lie", (unsigned long)seed, i);
  }
  l->clock_is_wrong = false;
  world_run_ms(w, 1200000);
  expect_all_proven(l, seed);
  lab_free(l);
}

#ifdef __SANITIZE_ADDRESS__ /* several times slower: the plain program has more */
enum { SEEDS = 8 };
#else
enum { SEEDS = 25 };
#endif

Test(dnssec_chaos, no_lie_goes_out_and_all_is_proven_when_all_is_well) {
  for (uint64_t seed = 1; seed <= SEEDS; seed++) run_seed(seed);
}
