/* test_dane.c: TLSA records asked ahead: where an SRV answer is known to be secure, at the right name, and
 * not again and again where nobody has use for them. */
#include <criterion/criterion.h>

#include "scenario/kit.h"

enum { HOUR_MS = 3600000, TTL_S = 600 };

/* A world whose servers say AD, and are believed or not. */
static struct world *world_secure(bool trusted) {
  struct world *w = world_new(&(struct world_options){.xmpp.prefetch = true, .forward.trust_ad = trusted});
  w->script.authentic = true;
  zone_add(&w->zone, "_xmpps-server._tcp.d.lab.", TYPE_SRV, TTL_S, rd_srv(0, 5, 443, "tls.lab."));
  zone_add(&w->zone, "_xmpp-server._tcp.d.lab.", TYPE_SRV, TTL_S, rd_srv(0, 5, 5269, "x.lab."));
  zone_add(&w->zone, "tls.lab.", TYPE_A, TTL_S, rd_a("192.0.2.1"));
  zone_add(&w->zone, "x.lab.", TYPE_A, TTL_S, rd_a("192.0.2.2"));
  return w;
}

static void add_tlsa(struct world *w, const char *name) {
  uint8_t octets[3 + 32] = {3, 1, 1};
  zone_add(&w->zone, name, TYPE_TLSA, TTL_S, rd_octets(octets, sizeof octets));
}

/* Somebody asks for the domain's services and its targets every five minutes. */
static void use_for(struct world *w, uint64_t for_ms) {
  for (uint64_t end = w->now_ms + for_ms; w->now_ms < end; world_run_ms(w, 300000)) {
    client_ask_and_wait(w, "_xmpps-server._tcp.d.lab.", TYPE_SRV, HOW_DO);
    client_ask_and_wait(w, "_xmpp-server._tcp.d.lab.", TYPE_SRV, HOW_DO);
    client_ask_and_wait(w, "x.lab.", TYPE_A, HOW_DO);
  }
}

Test(dane, tlsa_is_asked_at_port_and_target_of_each_secure_srv_record) {
  struct world *w = world_secure(true);
  client_ask_and_wait(w, "_xmpps-server._tcp.d.lab.", TYPE_SRV, HOW_DO);
  world_run_ms(w, 1000);
  cr_expect_eq(upstream_asked(w, "_443._tcp.tls.lab.", TYPE_TLSA), 1);
  cr_expect_eq(upstream_asked(w, "_5269._tcp.x.lab.", TYPE_TLSA), 1);
  cr_expect_eq(upstream_asked(w, "", TYPE_TLSA), 2);
  world_free(w);
}

Test(dane, tlsa_is_there_when_a_program_asks_for_it) {
  struct world *w = world_secure(true);
  add_tlsa(w, "_443._tcp.tls.lab.");
  client_ask_and_wait(w, "_xmpps-server._tcp.d.lab.", TYPE_SRV, HOW_DO);
  world_run_ms(w, 1000);
  struct heard *h = client_ask(w, "_443._tcp.tls.lab.", TYPE_TLSA, HOW_DO);
  cr_expect(is_answered(h) && heard_truth(h), "from the cache");
  world_free(w);
}

/* Somebody here uses DANE, and the servers tell what is secure from what is not. */
Test(dane, tlsa_is_not_asked_where_srv_is_known_not_to_be_secure) {
  struct world *w = world_secure(true);
  zone_add_domain(&w->zone, 0, TTL_S);
  zone_add_domain(&w->zone, 5, TTL_S);
  client_ask_and_wait(w, "_5269._tcp.x.lab.", TYPE_TLSA, HOW_DO);
  w->script.authentic = false;
  client_ask_and_wait(w, "_xmpp-server._tcp.d0.lab.", TYPE_SRV, HOW_DO);
  world_run_ms(w, 1000);
  cr_expect_eq(upstream_asked(w, "_5269._tcp.xmpp.d0.lab.", TYPE_TLSA), 1, "they may not validate at all");

  w->script.authentic = true;
  client_ask_and_wait(w, "_xmpp-server._tcp.d.lab.", TYPE_SRV, HOW_DO);
  w->script.authentic = false;
  client_ask_and_wait(w, "_xmpp-server._tcp.d5.lab.", TYPE_SRV, HOW_DO);
  world_run_ms(w, 1000);
  cr_expect_eq(upstream_asked(w, "_5269._tcp.xmpp.d5.lab.", TYPE_TLSA), 0);
  world_free(w);
}

Test(dane, ad_that_nobody_trusts_sets_nothing_off) {
  struct world *w = world_secure(false);
  use_for(w, HOUR_MS);
  cr_expect_eq(upstream_asked(w, "", TYPE_TLSA), 0);
  world_free(w);
}

Test(dane, that_there_is_no_tlsa_is_asked_once_a_day_of_steady_use) {
  struct world *w = world_secure(true);
  use_for(w, 24 * HOUR_MS);
  cr_expect_geq(upstream_asked(w, "_xmpp-server._tcp.d.lab.", TYPE_SRV), 24, "in steady use");
  cr_expect_eq(upstream_asked(w, "_5269._tcp.x.lab.", TYPE_TLSA), 1);
  cr_expect_eq(upstream_asked(w, "_443._tcp.tls.lab.", TYPE_TLSA), 1);
  world_free(w);
}

Test(dane, tlsa_that_somebody_uses_is_kept_fresh) {
  struct world *w = world_secure(true);
  add_tlsa(w, "_5269._tcp.x.lab.");
  client_ask_and_wait(w, "_xmpp-server._tcp.d.lab.", TYPE_SRV, HOW_DO);
  world_run_ms(w, 1000);
  for (unsigned i = 0; i < 12; i++) {
    struct heard *h = client_ask_and_wait(w, "_5269._tcp.x.lab.", TYPE_TLSA, HOW_DO);
    cr_expect(heard_truth(h));
    use_for(w, HOUR_MS / 12);
  }
  cr_expect_geq(upstream_asked(w, "_5269._tcp.x.lab.", TYPE_TLSA), HOUR_MS / 1000 / TTL_S - 1);
  world_free(w);
}
