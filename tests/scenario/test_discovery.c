/* test_discovery.c: encrypted ways to plain servers: when they are asked for, proven, used, left and used
 * again, in virtual time. */
#include <criterion/criterion.h>

#include "forward/discovery.h"
#include "scenario/kit.h"

#define ASKED "_dns.resolver.arpa."

static const char offer[] = "\0\1\3dns\3lab\0\0\1\0\4\3dot";

static struct discovery discovery;
static unsigned opened;

static struct channel *open_way(void *ctx, const struct ns_address *way) {
  struct world *w = ctx;
  opened++;
  cr_expect(transport_is_encrypted(way->transport) && !*way->expect.name && !way->expect.pin_count);
  for (unsigned i = 0; i < w->upstream.count; i++) {
    if (addr_equal(&way->expect.addr, &w->upstream.servers[i].address.addr)) return script_way(&w->script, i);
  }
  cr_assert_fail("the certificate has to be for no server's address");
  return NULL;
}

static void tell(struct world *w, uint32_t ttl_s) {
  zone_remove(&w->zone, ASKED, TYPE_SVCB);
  zone_add(&w->zone, ASKED, TYPE_SVCB, ttl_s, rd_octets(offer, sizeof offer - 1));
}

/* Ways to all servers are looked for; this is no test of a context, so any pointer will do. */
static struct world *world_of(unsigned servers) {
  static char trust;
  struct world *w = world_new(
      &(struct world_options){.servers = servers, .order = UPSTREAM_ORDER, .forward = {.cookies = true}});
  opened = 0;
  for (unsigned i = 0; i < servers; i++) w->upstream.servers[i].address.trust = (struct tls_context *)&trust;
  for (unsigned i = 0; i < 40; i++) {
    char name[16];
    snprintf(name, sizeof name, "n%u.lab.", i);
    zone_add(&w->zone, name, TYPE_A, 3600, rd_a("192.0.2.9"));
  }
  discovery_init(&discovery, &w->timers, open_way, w);
  return w;
}

static void begin(struct world *w) { discovery_use(&discovery, &w->upstream, w->now_ms); }

static void end(struct world *w) {
  discovery_stop(&discovery);
  world_free(w);
}

/* Asks for the n-th name, which must be answered rightly; returns over what it was asked at last. */
static enum transport asked_over(struct world *w, unsigned n) {
  char name[16];
  snprintf(name, sizeof name, "n%u.lab.", n);
  cr_expect(heard_truth(client_ask_and_wait(w, name, TYPE_A, HOW_PLAIN)), "%s", name);
  return upstream_last(w, name, TYPE_A)->over;
}

static unsigned told(const struct world *w, enum transport over) {
  unsigned n = 0;
  for (unsigned i = 0; i < w->script.asked_count; i++)
    n += w->script.asked[i].type == TYPE_SVCB && w->script.asked[i].over == over;
  return n;
}

static void fail_way(struct world *w, enum fault fault) {
  script_rule(&w->script, &(struct fault_rule){.server = 0, .fault = fault, .over_tls = true});
}

Test(discovery, questions_go_over_the_way_once_it_has_answered_one) {
  struct world *w = world_of(1);
  tell(w, 300);
  begin(w);
  cr_expect_eq(asked_over(w, 0), TRANSPORT_UDP, "it does not wait for that");
  world_run_ms(w, 3 * WORLD_DELAY_MS);
  cr_expect(told(w, TRANSPORT_UDP) == 1 && told(w, TRANSPORT_TLS) == 1);
  cr_expect_eq(asked_over(w, 1), TRANSPORT_TLS);
  const struct upstream_question *u = upstream_last(w, "n1.lab.", TYPE_A);
  cr_expect(!u->cookie_len && u->options_len > 60, "padded, and without a cookie");
  end(w);
}

Test(discovery, a_way_that_is_not_proven_carries_no_question_and_is_tried_less_and_less) {
  struct world *w = world_of(1);
  tell(w, 3600);
  fail_way(w, FAULT_CERTIFICATE);
  begin(w);
  for (unsigned i = 0; i < 20; i++) {
    world_run_ms(w, 15000);
    cr_expect_eq(asked_over(w, i), TRANSPORT_UDP);
  }
  cr_expect(told(w, TRANSPORT_TLS) > 5 && told(w, TRANSPORT_TLS) < 13, "%u", told(w, TRANSPORT_TLS));
  cr_expect(w->counters.upstream_tls == told(w, TRANSPORT_TLS));
  end(w);
}

Test(discovery, a_question_whose_way_fails_is_answered_in_plain_at_once) {
  struct world *w = world_of(1);
  tell(w, 300);
  begin(w);
  world_run_ms(w, 1000);
  cr_expect_eq(asked_over(w, 0), TRANSPORT_TLS);
  fail_way(w, FAULT_CERTIFICATE);
  struct heard *h = client_ask_and_wait(w, "n1.lab.", TYPE_A, HOW_PLAIN);
  cr_expect(heard_truth(h) && heard_wait_ms(h) == 2 * WORLD_DELAY_MS);
  cr_expect_eq(asked_over(w, 2), TRANSPORT_UDP);
  world_heal(w);
  world_run_ms(w, 2 * DISCOVERY_REST_MS);
  cr_expect_eq(asked_over(w, 3), TRANSPORT_TLS, "it is good again");
  end(w);
}

Test(discovery, one_slow_name_does_not_lose_the_way_but_three_silences_do) {
  struct world *w = world_of(1);
  tell(w, 300);
  begin(w);
  world_run_ms(w, 1000);
  asked_over(w, 0);
  world_late(w, "n1.lab.", TYPE_A, 600);
  client_ask_and_wait(w, "n1.lab.", TYPE_A, HOW_PLAIN);
  cr_expect_eq(asked_over(w, 2), TRANSPORT_TLS);

  fail_way(w, FAULT_LOST);
  for (unsigned i = 3; i < 6; i++) cr_expect_eq(asked_over(w, i), TRANSPORT_UDP);
  struct heard *h = client_ask_and_wait(w, "n6.lab.", TYPE_A, HOW_PLAIN);
  cr_expect(heard_truth(h) && heard_wait_ms(h) == WORLD_DELAY_MS, "nobody waits for it any more");
  cr_expect_not(w->upstream.servers[0].down_until_ms);
  end(w);
}

Test(discovery, it_is_asked_again_when_the_ttl_is_over_but_not_before_half_a_minute) {
  struct world *w = world_of(1);
  tell(w, 1);
  begin(w);
  world_run_ms(w, 29000);
  cr_expect_eq(told(w, TRANSPORT_UDP), 1);
  world_run_ms(w, 2000);
  cr_expect_eq(told(w, TRANSPORT_UDP), 2);
  cr_expect_eq(opened, 1, "the same way stays as it is");

  zone_remove(&w->zone, ASKED, TYPE_SVCB);
  world_run_ms(w, 31000);
  cr_expect_eq(told(w, TRANSPORT_UDP), 3);
  cr_expect_eq(asked_over(w, 0), TRANSPORT_UDP, "it tells of none any more");
  world_run_ms(w, 600000);
  cr_expect_eq(told(w, TRANSPORT_UDP), 3);
  end(w);
}

Test(discovery, a_server_that_fails_at_the_question_keeps_its_way) {
  struct world *w = world_of(1);
  tell(w, 30);
  begin(w);
  world_run_ms(w, 1000);
  script_rule(&w->script, &(struct fault_rule){.server = 0, .type = TYPE_SVCB, .fault = FAULT_SERVFAIL});
  world_run_ms(w, 60000);
  cr_expect_eq(asked_over(w, 0), TRANSPORT_TLS);
  end(w);
}

Test(discovery, a_silent_server_is_asked_three_times_and_then_rarely) {
  struct world *w = world_of(1);
  script_rule(&w->script, &(struct fault_rule){.server = 0, .type = TYPE_SVCB, .fault = FAULT_LOST});
  begin(w);
  world_run_ms(w, 20000);
  cr_expect_eq(told(w, TRANSPORT_UDP), 3);
  world_run_ms(w, 3600000);
  cr_expect(told(w, TRANSPORT_UDP) > 6 && told(w, TRANSPORT_UDP) < 30, "%u", told(w, TRANSPORT_UDP));
  cr_expect_eq(asked_over(w, 0), TRANSPORT_UDP);
  end(w);
}

Test(discovery, of_two_servers_each_goes_its_own_way) {
  struct world *w = world_of(2);
  tell(w, 300);
  fail_way(w, FAULT_CERTIFICATE);
  begin(w);
  world_run_ms(w, 200);
  cr_expect_eq(asked_over(w, 0), TRANSPORT_UDP);
  cr_expect_eq(upstream_last(w, "n0.lab.", TYPE_A)->server, 0, "the order is as before");
  cr_expect(w->upstream.servers[1].way.state == WAY_PROVEN &&
            w->upstream.servers[0].way.state == WAY_UNPROVEN);
  end(w);
}
