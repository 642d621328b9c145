/* test_renew.c: names in use are asked again just after they ran out, while what the cache has is given out,
 * so that nobody waits; others are not. */
#include <criterion/criterion.h>

#include "dns/ttl.h"
#include "scenario/kit.h"

static struct world *world_with(uint32_t ttl, bool prefetch) {
  struct world *w = world_new(&(struct world_options){.xmpp.prefetch = prefetch});
  zone_add(&w->zone, "a.lab.", TYPE_A, ttl, rd_a("192.0.2.9"));
  w->zone.negative_ttl = ttl;
  return w;
}

/* Asks every `ms` for `seconds`; the first may wait. Returns how many others did. */
static unsigned use(struct world *w, const char *name, uint16_t type, unsigned ms, unsigned seconds) {
  unsigned waited = 0;
  client_ask_and_wait(w, name, type, HOW_PLAIN);
  for (unsigned at = 0; at < seconds * 1000; at += ms) {
    world_run_ms(w, ms);
    waited += heard_wait_ms(client_ask_and_wait(w, name, type, HOW_PLAIN)) > 0;
  }
  return waited;
}

Test(renew, a_name_in_use_makes_nobody_wait_and_is_asked_once_per_ttl) {
  static const uint32_t ttls[] = {2, 3, 5, 20, 60, 300};
  for (unsigned i = 0; i < sizeof ttls / sizeof *ttls; i++) {
    struct world *w = world_with(ttls[i], true);
    cr_expect_eq(use(w, "a.lab.", TYPE_A, 200, 10 * ttls[i]), 0, "TTL %u", ttls[i]);
    unsigned most = 11;
    cr_expect_leq(upstream_asked(w, "", 0), most, "TTL %u: %u", ttls[i], upstream_asked(w, "", 0));
    world_free(w);
  }
}

Test(renew, negative_answers_in_use_are_renewed_too) {
  struct world *w = world_with(60, true);
  cr_expect_eq(use(w, "no.lab.", TYPE_AAAA, 500, 600), 0, "NXDOMAIN");
  cr_expect_eq(use(w, "a.lab.", TYPE_AAAA, 500, 600), 0, "NODATA");
  world_free(w);
}

Test(renew, an_address_behind_an_alias_is_renewed_when_its_first_link_runs_out) {
  struct world *w = world_with(60, true);
  zone_add(&w->zone, "alias.lab.", TYPE_CNAME, 20, rd_name("a.lab."));
  cr_expect_eq(use(w, "alias.lab.", TYPE_A, 500, 600), 0);
  cr_expect_leq(upstream_asked(w, "", 0), 34, "%u", upstream_asked(w, "", 0));
  world_free(w);
}

/* Prosody and ejabberd ask for it first, and mostly it is not there: as NXDOMAIN or, beside other records, as
 * NODATA. */
Test(renew, the_service_that_is_not_there_is_renewed_as_what_it_was) {
  for (unsigned exists = 0; exists < 2; exists++) {
    struct world *w = world_new(
        &(struct world_options){.xmpp.prefetch = true, .xmpp.expand = XMPP_EXPAND_CACHED});
    zone_add_domain(&w->zone, 1, 60);
    w->zone.negative_ttl = 60;
    if (exists) zone_add(&w->zone, "_xmpps-server._tcp.d1.lab.", TYPE_TXT, 60, rd_txt("x"));
    cr_expect_eq(use(w, "_xmpps-server._tcp.d1.lab.", TYPE_SRV, 1000, 600), 0);
    struct heard *h = client_ask(w, "_xmpps-server._tcp.d1.lab.", TYPE_SRV, HOW_PLAIN);
    cr_expect_eq(heard_rcode(h), exists ? RCODE_NOERROR : RCODE_NXDOMAIN);
    cr_expect(heard_truth(h));
    cr_expect_leq(upstream_asked(w, "_xmpps-server._tcp.d1.lab.", TYPE_SRV), 12);
    world_free(w);
  }
}

Test(renew, ends_when_nobody_asks_any_more) {
  struct world *w = world_with(60, true);
  zone_add_domain(&w->zone, 1, 60);
  use(w, "_xmpp-server._tcp.d1.lab.", TYPE_SRV, 1000, 300);
  use(w, "h0.d1.lab.", TYPE_A, 1000, 300);
  use(w, "_xmpps-server._tcp.d1.lab.", TYPE_SRV, 1000, 300);
  unsigned before = upstream_asked(w, "", 0);
  uint64_t saved = w->counters.renewed_hit;
  cr_expect_geq(saved, 12, "three names, each used after each of four renewals or more: %lu",
                (unsigned long)saved);
  world_run_ms(w, 3600000);
  cr_expect_leq(upstream_asked(w, "", 0) - before, 3, "each once more at most");
  world_free(w);
}

Test(renew, without_asking_ahead_somebody_waits_once_per_ttl) {
  struct world *w = world_with(60, false);
  cr_expect_geq(use(w, "a.lab.", TYPE_A, 500, 600), 9);
  world_free(w);
}

Test(renew, a_name_used_in_the_first_half_of_its_life_only_is_not_renewed) {
  struct world *w = world_with(60, true);
  use(w, "a.lab.", TYPE_A, 1000, 29);
  world_run_ms(w, 600000);
  cr_expect_eq(upstream_asked(w, "", 0), 1);
  world_free(w);
}

Test(renew, one_use_in_the_second_half_is_worth_one_renewal) {
  struct world *w = world_with(60, true);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_run_ms(w, 35000);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_run_ms(w, 600000);
  cr_expect_eq(upstream_asked(w, "", 0), 2);
  cr_expect_eq(w->counters.renewed, 1);
  world_free(w);
}

/* Between 1.1 and 1.3 s: an upstream that counts whole seconds has let go of it, and there is time for its
 * answer. */
Test(renew, comes_just_after_the_end) {
  static const uint32_t ttls[] = {2, 5, 60, 300, 3600, 86400};
  for (unsigned i = 0; i < sizeof ttls / sizeof *ttls; i++) {
    struct world *w = world_with(ttls[i], true);
    client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
    uint64_t end_ms = w->now_ms + ttls[i] * 1000;
    world_run_ms(w, ttls[i] * 600);
    client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
    world_run_ms(w, ttls[i] * 1000 + 2000);
    uint64_t late = upstream_last_ms(w, "a.lab.", TYPE_A) - end_ms;
    cr_expect(late >= 1100 && late <= 1300, "TTL %u: %lu ms", ttls[i], (unsigned long)late);
    world_free(w);
  }
}

/* Nearly every upstream is a cache: asked early it brings what is left, asked in its last second TTL 0. */
Test(renew, in_front_of_a_cache_costs_one_question_per_ttl_of_the_authority) {
  static const uint32_t ttls[] = {2, 5, 30, 60, 300, 3600, 86400};
  static const char *const names[] = {"a.lab.", "no.lab."};
  for (unsigned i = 0; i < 2 * sizeof ttls / sizeof *ttls; i++) {
    uint32_t ttl = ttls[i / 2], turns = ttl > 300 ? 3 : 20;
    if (i % 2 && ttl > TTL_NEGATIVE_MAX) continue; /* it is kept for less than the server keeps it */
    struct world *w = world_with(ttl, true);
    w->script.caches = true;
    world_run_ms(w, 730); /* no whole second */
    unsigned waited = use(w, names[i % 2], TYPE_A, ttl > 300 ? 10000 : 200, turns * ttl);
    cr_expect_eq(waited, 0, "TTL %u, %s: %u", ttl, names[i % 2], waited);
    cr_expect_leq(upstream_asked(w, "", 0), turns + 1, "TTL %u, %s: %u", ttl, names[i % 2],
                  upstream_asked(w, "", 0));
    cr_expect_eq(w->script.fetched, upstream_asked(w, "", 0), "each brought a whole TTL");
    world_free(w);
  }
}

/* All that goes with a domain in use, addresses in its SRV answers that nobody asks for by name among them.
 */
Test(renew, in_front_of_a_cache_addresses_that_go_with_an_srv_cost_one_question_per_ttl) {
  struct world *w = world_new(
      &(struct world_options){.xmpp.prefetch = true, .xmpp.expand = XMPP_EXPAND_CACHED});
  zone_add(&w->zone, "_xmpp-server._tcp.d.lab.", TYPE_SRV, 3600, rd_srv(5, 0, 5269, "h.d.lab."));
  zone_add(&w->zone, "h.d.lab.", TYPE_A, 30, rd_a("192.0.2.1"));
  zone_add(&w->zone, "h.d.lab.", TYPE_AAAA, 60, rd_aaaa("2001:db8::1"));
  w->script.caches = true;
  client_ask_and_wait(w, "_xmpp-server._tcp.d.lab.", TYPE_SRV, HOW_EDNS);
  world_run_ms(w, 100);
  for (unsigned ms = 0; ms < 1800000; ms += 200) {
    struct heard *h = client_ask(w, "_xmpp-server._tcp.d.lab.", TYPE_SRV, HOW_EDNS);
    cr_assert(is_answered(h), "after %u ms", ms);
    cr_assert_eq(heard_count(h, SECTION_ADDITIONAL), 2, "after %u ms", ms);
    world_run_ms(w, 200);
  }

  cr_expect_leq(upstream_asked(w, "h.d.lab.", TYPE_A), 61, "%u", upstream_asked(w, "h.d.lab.", TYPE_A));
  cr_expect_leq(upstream_asked(w, "h.d.lab.", TYPE_AAAA), 31, "%u", upstream_asked(w, "h.d.lab.", TYPE_AAAA));
  world_free(w);
}

/* A server that is slow or lost its way: what is past its end by more than 2 s goes out no more. */
Test(renew, nothing_goes_out_as_fresh_more_than_two_seconds_past_its_end) {
  struct world *w = world_with(10, true);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  uint64_t end_ms = w->now_ms + 10000;
  world_run_ms(w, 6000);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_fault(w, "", 0, FAULT_LOST);
  world_run_ms(w, end_ms - w->now_ms + 1800);
  struct heard *h = client_ask(w, "a.lab.", TYPE_A, HOW_EDNS);
  cr_assert(is_answered(h));
  cr_expect_eq(heard_ttl(h, SECTION_ANSWER, "a.lab.", TYPE_A), 1);
  cr_expect_eq(heard_ede(h), -1);
  world_run_ms(w, 300);
  cr_expect_not(is_answered(client_ask(w, "a.lab.", TYPE_A, HOW_EDNS)));
  world_run_ms(w, LATE_MS + PATIENCE_MS);
  world_free(w);
}

Test(renew, a_ttl_of_one_second_is_too_short) {
  struct world *w = world_with(1, true);
  for (unsigned i = 0; i < 10; i++) {
    client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
    world_run_ms(w, 700);
    client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
    world_run_ms(w, 10000);
  }
  cr_expect_eq(upstream_asked(w, "", 0), 10);
  world_free(w);
}

Test(renew, signed_and_plain_answers_are_renewed_each_for_its_own_users) {
  struct world *w = world_with(60, true);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_DO);
  world_run_ms(w, 40000);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_DO);
  world_run_ms(w, 600000);
  cr_expect_eq(upstream_asked(w, "", 0), 3);
  cr_expect(upstream_last(w, "a.lab.", TYPE_A)->dnssec_ok);
  world_free(w);
}

/* The expired answer stands in until it is asked for once more. */
Test(renew, that_fails_once_makes_nobody_wait) {
  static const uint32_t ttls[] = {60, 300, 3600};
  for (unsigned i = 0; i < sizeof ttls / sizeof *ttls; i++) {
    struct world *w = world_new(&(struct world_options){.xmpp.prefetch = true, .forward.max_stale_s = 86400});
    zone_add(&w->zone, "a.lab.", TYPE_A, ttls[i], rd_a("192.0.2.9"));
    client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
    world_fault_once(w, "", 0, FAULT_SERVFAIL);
    cr_expect_leq(use(w, "a.lab.", TYPE_A, 500, 2 * ttls[i]), 1, "TTL %u", ttls[i]);
    cr_expect_leq(upstream_asked(w, "", 0), 5, "TTL %u: %u", ttls[i], upstream_asked(w, "", 0));
    for (unsigned k = 0; k < w->heard_count; k++) cr_assert(heard_truth(w->heard[k]));
    world_free(w);
  }
}

Test(renew, that_fails_leaves_the_answer_until_its_end) {
  struct world *w = world_with(60, true);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_run_ms(w, 40000);
  world_fault(w, "", 0, FAULT_SERVFAIL);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_run_ms(w, 19000);
  struct heard *h = client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_assert(is_answered(h));
  cr_expect(heard_truth(h));
  world_run_ms(w, 2000);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_free(w);
}

/* All that a program asks for before it connects, again and again: after the first time nobody waits for
 * anything. */
Test(renew, a_family_in_use_with_addresses_in_its_srv_makes_nobody_wait) {
  for (unsigned expand = XMPP_EXPAND_OFF; expand <= XMPP_EXPAND_WAIT; expand++) {
    struct world *w = world_new(
        &(struct world_options){.xmpp.prefetch = true, .xmpp.expand = (enum xmpp_expand)expand});
    static const char *const hosts[] = {"h0.d1.lab.", "h1.d1.lab."};
    zone_add_domain(&w->zone, 1, 60);
    unsigned waited = 0;
    for (unsigned s = 0; s < 1800; s += 5) {
      struct heard *h = client_ask_and_wait(w, "_xmpp-server._tcp.d1.lab.", TYPE_SRV, HOW_EDNS);
      waited += s > 0 && heard_wait_ms(h) > 0;
      if (expand && s > 0) cr_expect_eq(heard_count(h, SECTION_ADDITIONAL), 4, "after %u s", s);
      for (unsigned i = 0; i < 2; i++) {
        waited += heard_wait_ms(client_ask_and_wait(w, hosts[i], TYPE_A, HOW_EDNS)) > 0 && s > 0;
        waited += heard_wait_ms(client_ask_and_wait(w, hosts[i], TYPE_AAAA, HOW_EDNS)) > 0 && s > 0;
      }
      world_run_ms(w, 5000);
    }
    cr_expect_eq(waited, 0);
    cr_expect_leq(upstream_asked(w, "_xmpp-server._tcp.d1.lab.", TYPE_SRV), 36);
    cr_expect_leq(upstream_asked(w, "h0.d1.lab.", TYPE_A), 36);
    world_free(w);
  }
}
