/* test_chaos.c: programs come and go while the upstream fails at random, by seed: each answer is true or
 * SERVFAIL, everyone is answered in time, and at the end all is quiet. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "kit/rng.h"
#include "scenario/walk.h"

static const enum fault honest[] = {FAULT_LOST,      FAULT_LATE,    FAULT_SERVFAIL, FAULT_REFUSED,
                                    FAULT_TRUNCATED, FAULT_GARBAGE, FAULT_GARBLED,  FAULT_WRONG_QUESTION,
                                    FAULT_WRONG_ID,  FAULT_ICMP,    FAULT_CLOSED,   FAULT_FORMERR,
                                    FAULT_NOTIMP,    FAULT_REFERRAL};

static void make_trouble(struct world *w, struct rng *r, unsigned servers) {
  world_heal(w);
  for (unsigned i = (unsigned)rng_below(r, 6); i > 0; i--) {
    struct fault_rule rule = {.server = (int)rng_below(r, servers + 1) - 1,
                              .fault = honest[rng_below(r, sizeof honest / sizeof *honest)],
                              .skip = (unsigned)rng_below(r, 5),
                              .times = (unsigned)rng_below(r, 20),
                              .late_ms = (uint32_t)rng_below(r, 4000),
                              .type = rng_below(r, 3) ? 0 : TYPE_SRV};
    script_rule(&w->script, &rule);
  }
}

static struct heard *ask_anything(struct world *w, struct rng *r) {
  static const char *const prefixes[] = {"_xmpp-server._tcp.",
                                         "_xmpps-server._tcp.",
                                         "_xmpp-client._tcp.",
                                         "_xmpps-client._tcp.",
                                         "",
                                         "xmpp.",
                                         "h0.",
                                         "h1.",
                                         "_5269._tcp.xmpp.",
                                         "_jabber._tcp.",
                                         "_xmppconnect."};
  static const uint16_t types[] = {TYPE_SRV, TYPE_SRV,  TYPE_SRV,  TYPE_SRV, TYPE_A,  TYPE_AAAA,
                                   TYPE_A,   TYPE_AAAA, TYPE_TLSA, TYPE_SRV, TYPE_TXT};
  static const unsigned hows[] = {HOW_PLAIN, HOW_EDNS,        HOW_DO,          HOW_TCP,
                                  HOW_BIG,   HOW_DO | HOW_CD, HOW_TCP | HOW_DO};
  unsigned i = (unsigned)rng_below(r, sizeof prefixes / sizeof *prefixes);
  char name[64];
  snprintf(name, sizeof name, "%sd%u.lab.", prefixes[i], (unsigned)rng_below(r, 10));
  return client_ask(w, name, types[i], hows[rng_below(r, sizeof hows / sizeof *hows)]);
}

static void run_seed(uint64_t seed) {
  struct rng r = {seed};
  unsigned servers = 1 + (unsigned)rng_below(&r, 3);
  struct world *w = world_new(&(struct world_options){.servers = servers,
                                                      .xmpp.prefetch = rng_below(&r, 4) > 0,
                                                      .forward.max_stale_s = rng_below(&r, 2) ? 86400 : 0,
                                                      .xmpp.expand = (enum xmpp_expand)rng_below(&r, 3),
                                                      .xmpp.expand_all = rng_below(&r, 2),
                                                      .forward.nxdomain_cut = rng_below(&r, 3) == 0});
  uint32_t ttl = 1 + (uint32_t)rng_below(&r, 20);

  for (unsigned i = 0; i < 10; i++) zone_add_domain(&w->zone, i, ttl);
  w->zone.negative_ttl = ttl;
  for (unsigned turn = 0; turn < 400; turn++) {
    if (turn % 20 == 0) make_trouble(w, &r, servers);
    for (uint64_t n = rng_below(&r, 4); n > 0; n--) ask_anything(w, &r);
    world_run_ms(w, rng_below(&r, 10) ? rng_below(&r, 100) : rng_below(&r, 5000));
  }

  world_heal(w);
  world_run_ms(w, PATIENCE_MS);
  for (unsigned i = 0; i < w->heard_count; i++) {
    const struct heard *h = w->heard[i];
    cr_assert(is_answered(h), "seed %lu, client %u: silence", (unsigned long)seed, i);
    cr_expect_leq(heard_wait_ms(h), PATIENCE_MS, "seed %lu, client %u", (unsigned long)seed, i);
    cr_expect(heard_rcode(h) == RCODE_SERVFAIL || heard_is_tc(h) || heard_truth(h),
              "seed %lu, client %u: a wrong answer", (unsigned long)seed, i);
  }

  world_run_ms(w, 2 * LATE_MS);
  cr_expect_eq(forward_in_flight(w->wiring.forward), 0, "seed %lu", (unsigned long)seed);
  world_free(w);
}

#ifdef __SANITIZE_ADDRESS__ /* several times slower: the plain program has more */
enum { SEEDS = 60 };
#else
enum { SEEDS = 200 };
#endif

Test(chaos, ends_in_true_answers_or_servfail_and_in_silence_never, .timeout = 250) {
  for (uint64_t seed = 1; seed <= SEEDS; seed++) run_seed(seed);
}
