/* test_oom_dnssec.c: memory runs out at each allocation that proving answers sets off: nobody waits for ever,
 * nothing unproven goes out, and when there is memory again all is as before. */
#include <criterion/criterion.h>

#include "oom/oom.h"
#include "scenario/lab.h"

static const char srv[] = "_xmpp-server._tcp.a.lab.";

static struct lab *begin(void) {
  struct lab *l = lab_new((struct world_options){
      .servers = 2, .order = UPSTREAM_ORDER, .xmpp = {.prefetch = true, .expand = XMPP_EXPAND_CACHED}});
  struct zone *z = &l->world->zone;
  signer_zone(l->signer, "a.lab.", SIGNER_SIGNED);
  signer_zone(l->signer, "u.lab.", SIGNER_UNSIGNED);
  zone_add(z, srv, TYPE_SRV, 600, rd_srv(0, 5, 5269, "x.a.lab."));
  zone_add(z, "x.a.lab.", TYPE_A, 600, rd_a("192.0.2.1"));
  zone_add(z, "y.a.lab.", TYPE_A, 600, rd_a("192.0.2.2"));
  zone_add(z, "x.u.lab.", TYPE_A, 600, rd_a("192.0.2.3"));
  return l;
}

static void check(const struct heard *h, unsigned nth) {
  cr_assert(is_answered(h), "allocation %u: it was never answered", nth);
  cr_expect(heard_rcode(h) == RCODE_SERVFAIL || heard_truth(h),
            "allocation %u: neither the truth nor SERVFAIL", nth);
}

/* Cold zones, a bogus server, a denial, keys that are rolled, and what is known forgotten while the cache has
 * it. */
static void session(struct lab *l, unsigned nth) {
  struct world *w = l->world;
  struct heard *h[5];
  world_server_fault(w, 0, FAULT_SPOILED);
  h[0] = client_ask(w, srv, TYPE_SRV, HOW_TCP);
  h[1] = client_ask(w, "no.a.lab.", TYPE_A, HOW_TCP | HOW_DO);
  world_run_ms(w, 20000);
  world_heal(w);
  signer_roll(l->signer, "a.lab.");
  h[2] = client_ask(w, "y.a.lab.", TYPE_A, HOW_TCP);
  world_run_ms(w, 3000);
  forward_forget_zones(w->wiring.forward);
  h[3] = client_ask(w, "x.u.lab.", TYPE_A, HOW_TCP);
  h[4] = client_ask(w, "x.a.lab.", TYPE_AAAA, HOW_TCP);
  world_run_ms(w, 15000);
  for (unsigned i = 0; i < 5; i++) check(h[i], nth);
}

static bool run(unsigned nth, bool all) {
  struct lab *l = begin();
  oom_after(nth, all);
  session(l, nth);
  bool met = oom_end();
  world_run_ms(l->world, 40000); /* failures are remembered so long at most */
  struct heard *h = client_ask_and_wait(l->world, srv, TYPE_SRV, HOW_AD);
  cr_expect(heard_truth(h) && heard_ad(h), "allocation %u: nothing is as before", nth);
  lab_free(l);
  return met;
}

static void at_each(bool all) {
  unsigned nth = 1;
  while (run(nth, all)) nth++;
  cr_expect_gt(nth, 20, "%u: the session hardly allocates", nth);
}

Test(oom_dnssec, one_allocation_that_fails_leaves_proofs_to_the_others) { at_each(false); }
Test(oom_dnssec, no_memory_from_some_moment_on_lets_nothing_unproven_out) { at_each(true); }
