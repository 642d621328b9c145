/* test_oom.c: memory runs out at each allocation that questions set off, once and for good: every client is
 * answered, no answer is wrong, and when there is memory again all is as before. */
#include <criterion/criterion.h>

#include "dns/ttl.h"
#include "oom/oom.h"
#include "scenario/kit.h"
#include "xmpp/revive.h"

static const char srv[] = "_xmpp-server._tcp.d.lab.", xmpps[] = "_xmpps-server._tcp.d.lab.";

static void fill(struct world *w) {
  zone_add(&w->zone, srv, TYPE_SRV, 20, rd_srv(0, 5, 5269, "x0.d.lab."));
  zone_add(&w->zone, srv, TYPE_SRV, 20, rd_srv(1, 5, 5269, "x1.d.lab."));
  zone_add(&w->zone, "_xmpp-server._tcp.e.lab.", TYPE_SRV, 20, rd_srv(0, 5, 5269, "x2.d.lab."));
  zone_add(&w->zone, "x2.d.lab.", TYPE_A, 10, rd_a("192.0.2.4"));
  zone_add(&w->zone, "x0.d.lab.", TYPE_A, 10, rd_a("192.0.2.1"));
  zone_add(&w->zone, "x1.d.lab.", TYPE_A, 10, rd_a("192.0.2.2"));
  zone_add(&w->zone, "d.lab.", TYPE_A, 10, rd_a("192.0.2.3"));
}

static void check(const struct heard *h, const char *what) {
  unsigned rcode = heard_rcode(h);
  cr_expect(rcode == RCODE_SERVFAIL || heard_truth(h), "%s: neither the truth nor SERVFAIL", what);
}

/* All that a resolver does with a domain: misses of both transports, followers, what is asked ahead, a wait
 * for addresses, renewal, a walk past the TTL, upstreams that fail. */
static void session(struct world *w) {
  struct heard *h[8];
  h[0] = client_ask(w, srv, TYPE_SRV, HOW_EDNS);
  h[1] = client_ask(w, srv, TYPE_SRV, HOW_TCP);
  h[2] = client_ask(w, xmpps, TYPE_SRV, HOW_DO);
  world_run_ms(w, 3000);
  h[3] = client_ask(w, "x0.d.lab.", TYPE_A, HOW_PLAIN);
  world_run_ms(w, 6000); /* past half its life: renewed */
  h[4] = client_ask(w, "x0.d.lab.", TYPE_A, HOW_PLAIN);
  world_run_ms(w, 20000);
  h[5] = client_ask(w, srv, TYPE_SRV, HOW_EDNS);
  world_run_ms(w, 3000);
  world_fault(w, "", 0, FAULT_LOST);
  h[6] = client_ask(w, "y.lab.", TYPE_A, HOW_EDNS);
  h[7] = client_ask(w, srv, TYPE_SRV, HOW_TCP);
  world_run_ms(w, 15000);
  for (unsigned i = 0; i < 8; i++) {
    cr_assert(is_answered(h[i]), "question %u was never answered", i);
    check(h[i], "in want of memory");
  }
}

/* An answer is held back for an address when the link goes, so that asking itself fails, and all that is
 * cached is flushed. */
static void held_session(struct world *w) {
  static const char held[] = "_xmpp-server._tcp.e.lab.";
  struct heard *h[3];

  world_late(w, "x2.d.lab.", TYPE_A, 200);
  h[0] = client_ask(w, held, TYPE_SRV, HOW_EDNS);
  h[1] = client_ask(w, held, TYPE_SRV, HOW_TCP);
  world_run_ms(w, WORLD_DELAY_MS + 10);
  cache_flush(w->cache, &(struct cache_which){0});
  world_heal(w);
  world_fault(w, "", 0, FAULT_CLOSED);
  h[2] = client_ask(w, srv, TYPE_SRV, HOW_EDNS);
  world_run_ms(w, 15000);
  for (unsigned i = 0; i < 3; i++) {
    cr_assert(is_answered(h[i]), "question %u was never answered", i);
    check(h[i], "while the link is down");
  }

  world_heal(w);
}

/* The nth allocation of the session fails. False: it has fewer. */
static bool run(unsigned nth, bool all, const struct world_options *o) {
  struct world *w = world_new(o);
  fill(w);
  oom_after(nth, all);
  held_session(w);
  session(w);
  bool met = oom_end();
  world_heal(w);
  world_run_ms(w, 40000); /* failures are remembered so long at most */
  struct heard *h = client_ask_and_wait(w, srv, TYPE_SRV, HOW_EDNS);
  cr_expect(heard_rcode(h) == RCODE_NOERROR && heard_truth(h), "allocation %u: nothing is as before", nth);
  world_free(w);
  return met;
}

static void at_each(bool all, const struct world_options *o) {
  unsigned nth = 1;
  while (run(nth, all, o)) nth++;
  cr_expect_gt(nth, 20, "%u: the session hardly allocates", nth);
}

static const struct world_options cached = {
    .servers = 2,
    .forward.max_stale_s = 86400,
    .xmpp = {.prefetch = true, .guess = true, .log_walks = true, .expand = XMPP_EXPAND_CACHED}};
static const struct world_options waiting = {
    .servers = 2, .xmpp.prefetch = true, .xmpp.expand = XMPP_EXPAND_WAIT, .forward.cookies = true};

Test(oom, one_allocation_that_fails_costs_no_more_than_its_own_question) { at_each(false, &cached); }
Test(oom, one_allocation_that_fails_while_answers_are_held_back_holds_nobody_up) { at_each(false, &waiting); }
Test(oom, no_memory_from_some_moment_on_is_survived_until_there_is_some) { at_each(true, &cached); }
Test(oom, no_memory_while_answers_are_held_back_is_survived) { at_each(true, &waiting); }

Test(oom, while_the_upstream_is_silent_nobody_waits_for_ever) {
  bool met = true;
  for (unsigned nth = 1; met; nth++) {
    struct world *w = world_new(&cached);
    world_fault(w, "", 0, FAULT_LOST);
    oom_after(nth, false);
    struct heard *h = client_ask(w, "a.lab.", TYPE_A, HOW_EDNS);
    world_run_ms(w, PATIENCE_MS);
    met = oom_end();
    cr_expect(is_answered(h), "allocation %u", nth);
    world_run_ms(w, LATE_MS);
    world_free(w);
  }
}

/* As after a restart: names in use are looked for in the cache, and asked again. */
Test(oom, what_was_in_use_before_a_start_is_renewed_or_left_alone) {
  static const char *const names[] = {"x0.d.lab.", "x1.d.lab.", "x2.d.lab."};
  bool met = true;
  unsigned nth = 1, renewed = 0;
  for (; met; nth++) {
    struct world *w = world_new(&cached);
    fill(w);
    for (unsigned i = 0; i < 9; i++) client_ask_and_wait(w, names[i % 3], TYPE_A, HOW_EDNS);
    world_run_ms(w, 60000);

    /* the snapshot was written when they still lived */
    oom_after(nth, false);
    struct revive_list *list = revive_gather(w->cache, 55, tick_of_ms(w->now_ms), w->wiring.serve.seed, NULL);
    if (list) xmpp_revive(w->wiring.xmpp, list, w->now_ms);
    world_run_ms(w, 60000);
    met = oom_end();
    renewed = (unsigned)w->counters.renewed_at_start;
    world_free(w);
  }
  cr_expect_eq(renewed, 3, "with all memory");
  cr_expect_gt(nth, 5);
}
