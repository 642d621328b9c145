/* test_renew.c: names in use are asked again shortly before they run out, so that nobody waits; others are
 * not. */
#include <criterion/criterion.h>

#include "scenario/kit.h"

static struct world *world_with(uint32_t ttl, bool prefetch) {
  struct world *w = world_new(&(struct world_options){.prefetch = prefetch});
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
    unsigned most = ttls[i] == 2   ? 20
                    : ttls[i] == 3 ? 16
                                   : 13; /* the shorter the life, the more of it is the lead */
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

/* Prosody and ejabberd ask for it first, and mostly it is not there: as NXDOMAIN or, beside other records, as NODATA. */
Test(renew, the_service_that_is_not_there_is_renewed_as_what_it_was) {
  for (unsigned exists = 0; exists < 2; exists++) {
    struct world *w = world_new(&(struct world_options){.prefetch = true, .expand = XMPP_EXPAND_CACHED});
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
  cr_expect_geq(saved, 12, "three names, each used after each of four renewals or more: %lu", saved);
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

Test(renew, comes_a_tenth_of_the_ttl_before_its_end_and_10_s_at_most) {
  static const struct {
    uint32_t ttl, lead_ms;
  } rows[] = {{60, 6000}, {300, 10000}, {3600, 10000}, {86400, 10000}, {5, 1000}};
  for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct world *w = world_with(rows[i].ttl, true);
    client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
    uint64_t end_ms = w->now_ms + rows[i].ttl * 1000;
    world_run_ms(w, rows[i].ttl * 600);
    client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
    world_run_ms(w, rows[i].ttl * 1000);
    uint64_t lead = end_ms - upstream_last_ms(w, "a.lab.", TYPE_A);
    cr_expect(lead >= rows[i].lead_ms && lead <= rows[i].lead_ms + 100, "TTL %u: %lu ms", rows[i].ttl, lead);
    world_free(w);
  }
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

Test(renew, that_fails_once_is_tried_again_before_the_end) {
  static const uint32_t ttls[] = {60, 300, 3600};
  for (unsigned i = 0; i < sizeof ttls / sizeof *ttls; i++) {
    struct world *w = world_with(ttls[i], true);
    client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
    world_fault_once(w, "", 0, FAULT_SERVFAIL);
    cr_expect_eq(use(w, "a.lab.", TYPE_A, 500, 2 * ttls[i]), 0, "TTL %u", ttls[i]);
    cr_expect_leq(upstream_asked(w, "", 0), 5, "TTL %u: %u", ttls[i], upstream_asked(w, "", 0));
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
    struct world *w =
        world_new(&(struct world_options){.prefetch = true, .expand = (enum xmpp_expand)expand});
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
