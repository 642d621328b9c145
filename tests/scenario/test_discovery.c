/* test_discovery.c: encrypted ways to plain servers: when they are asked for, proven, used, left and used
 * again, in virtual time. */
#include <criterion/criterion.h>

#include "forward/discovery.h"
#include "scenario/kit.h"

#define ASKED "_dns.resolver.arpa."

/* Added to a server's number, the script's for its second way, and for TLS that it has not told of. */
enum { GUESSED = 8, SECOND = 16 };

static const char offer[] = "\0\1\3dns\3lab\0\0\1\0\4\3dot";

static struct discovery discovery;
static unsigned opened;

static struct channel *open_way(void *ctx, const struct ns_address *way) {
  struct world *w = ctx;
  opened++;
  cr_expect(transport_is_encrypted(way->transport) && !*way->expect.name && !way->expect.pin_count);
  unsigned more = way->expect.proof == TLS_PROOF_NONE ? GUESSED : addr_port(&way->addr) == 8853 ? SECOND : 0;
  for (unsigned i = 0; i < w->upstream.count; i++) {
    if (addr_equal(&way->expect.addr, &w->upstream.servers[i].address.addr))
      return script_way(&w->script, i + more);
  }
  cr_assert_fail("the certificate has to be for no server's address");
  return NULL;
}

static void tell(struct world *w, uint32_t ttl_s) {
  zone_remove(&w->zone, ASKED, TYPE_SVCB);
  zone_add(&w->zone, ASKED, TYPE_SVCB, ttl_s, rd_octets(offer, sizeof offer - 1));
}

/* Ways to all servers are looked for; this is no test of a context, so any pointer will do. */
static struct world *world_with(unsigned servers, unsigned ways) {
  static char trust;
  struct world *w = world_new(
      &(struct world_options){.servers = servers, .order = UPSTREAM_ORDER, .forward = {.cookies = true}});
  opened = 0;
  for (unsigned i = 0; i < servers; i++) {
    w->upstream.servers[i].address.trust = (struct tls_context *)&trust;
    w->upstream.servers[i].address.ways = ways;
  }
  for (unsigned i = 0; i < 40; i++) {
    char name[16];
    snprintf(name, sizeof name, "n%u.lab.", i);
    zone_add(&w->zone, name, TYPE_A, 3600, rd_a("192.0.2.9"));
  }
  discovery_init(&discovery, &w->timers, &w->counters, open_way, w);
  return w;
}

static struct world *world_of(unsigned servers) { return world_with(servers, NS_WAYS_TOLD); }

static void begin(struct world *w) { discovery_use(&discovery, &w->tables.routes, w->now_ms); }

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

/* ---- the next way ---- */

static const char second[] = "\0\2\3dns\3lab\0\0\1\0\4\3dot\0\3\0\2\x22\x95"; /* port 8853 */

static void tell_two(struct world *w, uint32_t ttl_s) {
  tell(w, ttl_s);
  zone_add(&w->zone, ASKED, TYPE_SVCB, ttl_s, rd_octets(second, sizeof second - 1));
}

static void fail(struct world *w, int server, enum fault fault) {
  script_rule(&w->script, &(struct fault_rule){.server = server, .fault = fault, .over_tls = true});
}

Test(discovery, the_next_way_is_tried_when_the_best_is_not_proven) {
  struct world *w = world_of(1);
  tell_two(w, 300);
  fail(w, 0, FAULT_CERTIFICATE);
  begin(w);
  world_run_ms(w, 5 * WORLD_DELAY_MS);
  cr_expect_eq(asked_over(w, 0), TRANSPORT_TLS);
  cr_expect_eq(upstream_last(w, "n0.lab.", TYPE_A)->server, SECOND);
  end(w);
}

Test(discovery, the_next_way_is_tried_when_the_best_is_silent) {
  struct world *w = world_of(1);
  tell_two(w, 300);
  fail(w, 0, FAULT_LOST);
  begin(w);
  for (unsigned i = 0; i < 5; i++) {
    struct heard *h = client_ask(w, "n0.lab.", TYPE_A, HOW_PLAIN);
    world_run_ms(w, 1000);
    cr_expect(is_answered(h) && heard_wait_ms(h) <= WORLD_DELAY_MS, "nobody waits for that");
  }
  cr_expect_eq(asked_over(w, 1), TRANSPORT_TLS);
  cr_expect_eq(upstream_last(w, "n1.lab.", TYPE_A)->server, SECOND);
  end(w);
}

Test(discovery, when_no_way_is_proven_all_rest_and_are_tried_in_turn) {
  struct world *w = world_of(1);
  tell_two(w, 3600);
  fail_way(w, FAULT_CERTIFICATE);
  fail(w, SECOND, FAULT_CERTIFICATE);
  begin(w);
  world_run_ms(w, 300000);
  cr_expect(told(w, TRANSPORT_TLS) > 12 && told(w, TRANSPORT_TLS) < 26, "%u", told(w, TRANSPORT_TLS));
  cr_expect_eq(opened, 2);
  cr_expect_eq(asked_over(w, 0), TRANSPORT_UDP);
  end(w);
}

Test(discovery, the_best_way_is_used_once_it_is_good_and_no_question_goes_in_plain_for_that) {
  struct world *w = world_of(1);
  tell_two(w, 60);
  fail(w, 0, FAULT_LOST);
  begin(w);
  world_run_ms(w, 5000);
  cr_expect_eq(asked_over(w, 0), TRANSPORT_TLS);
  world_heal(w);
  world_run_ms(w, 61000);
  cr_expect_eq(asked_over(w, 1), TRANSPORT_TLS);
  cr_expect_eq(upstream_last(w, "n1.lab.", TYPE_A)->server, 0);
  end(w);
}

/* For so long another name is asked for every 10 ms; how many of these went to the server in plain. None may
 * wait longer than a round trip. */
static unsigned plain_while_asked(struct world *w, unsigned for_ms) {
  static unsigned names;
  unsigned plain = 0, from = w->script.asked_count, first = w->heard_count;
  for (unsigned i = 0; i < for_ms / 10; i++) {
    char name[20];
    snprintf(name, sizeof name, "often%u.lab.", names++);
    zone_add(&w->zone, name, TYPE_A, 3600, rd_a("192.0.2.9"));
    client_ask(w, name, TYPE_A, HOW_PLAIN);
    world_run_ms(w, 10);
  }
  world_run_ms(w, WORLD_DELAY_MS);
  for (unsigned i = from; i < w->script.asked_count; i++) {
    const struct upstream_question *u = &w->script.asked[i];
    plain += u->over != TRANSPORT_TLS && u->type == TYPE_A;
  }
  for (unsigned i = first; i < w->heard_count; i++)
    cr_expect(heard_truth(w->heard[i]) && heard_wait_ms(w->heard[i]) <= WORLD_DELAY_MS, "%u", i - first);
  return plain;
}

static unsigned proofs(const struct world *w, unsigned server) {
  unsigned n = 0;
  for (unsigned i = 0; i < w->script.asked_count; i++) {
    const struct upstream_question *u = &w->script.asked[i];
    n += u->type == TYPE_SVCB && u->over == TRANSPORT_TLS && u->server == server;
  }
  return n;
}

/* The best way is taken for useless, and the second is in use. */
static struct world *world_on_second(enum fault fault) {
  struct world *w = world_of(1);
  tell_two(w, 30);
  fail(w, 0, fault);
  begin(w);
  world_run_ms(w, 4000);
  cr_expect_eq(asked_over(w, 0), TRANSPORT_TLS);
  cr_expect_eq(upstream_last(w, "n0.lab.", TYPE_A)->server, SECOND);
  return w;
}

static void expect_second_stays(enum fault fault) {
  struct world *w = world_on_second(fault);
  unsigned before = proofs(w, 0);
  cr_expect_eq(plain_while_asked(w, 60000), 0);
  cr_expect(proofs(w, 0) > before, "the best way was tried meanwhile");
  cr_expect_eq(proofs(w, SECOND), 1, "the second was always in use");
  cr_expect_eq(w->counters.downgrades, 0);
  end(w);
}

Test(discovery, a_way_in_use_stays_so_while_a_better_one_answers_with_an_error) {
  expect_second_stays(FAULT_HTTP);
}

Test(discovery, a_way_in_use_stays_so_while_a_better_one_is_silent) { expect_second_stays(FAULT_LOST); }

Test(discovery, a_way_in_use_stays_so_while_a_better_one_can_not_be_reached) {
  expect_second_stays(FAULT_CLOSED);
}

Test(discovery, a_way_in_use_stays_so_until_a_better_one_is_proven_and_what_waits_there_is_answered) {
  struct world *w = world_on_second(FAULT_HTTP);
  world_heal(w);
  cr_expect_eq(plain_while_asked(w, 60000), 0);
  asked_over(w, 1);
  cr_expect_eq(upstream_last(w, "n1.lab.", TYPE_A)->server, 0);
  cr_expect(opened == 2 || opened == 3, "%u", opened);
  cr_expect_null(w->upstream.servers[0].way.left, "what was left is closed");
  cr_expect_eq(w->counters.downgrades, 0);
  end(w);
}

Test(discovery, a_better_way_that_fails_is_tried_less_and_less) {
  struct world *w = world_on_second(FAULT_HTTP);
  unsigned before = proofs(w, 0);
  world_run_ms(w, 7200000);
  unsigned n = proofs(w, 0) - before;
  cr_expect(n > 5 && n < 12, "%u", n);
  cr_expect_eq(proofs(w, SECOND), 1);
  end(w);
}

/* That what waits on the way that was left fails says nothing of the new one. */
Test(discovery, what_fails_on_the_way_that_was_left_is_asked_over_the_new_one) {
  struct world *w = world_on_second(FAULT_HTTP);
  world_heal(w);
  script_rule(&w->script, &(struct fault_rule){.server = SECOND,
                                               .name = "n5.lab.",
                                               .fault = FAULT_BROKEN,
                                               .over_tls = true,
                                               .late_ms = 2 * WORLD_DELAY_MS});
  unsigned before = proofs(w, 0);
  while (proofs(w, 0) == before) world_run_ms(w, 1);
  struct heard *h = client_ask(w, "n5.lab.", TYPE_A, HOW_PLAIN);
  cr_expect_eq(upstream_last(w, "n5.lab.", TYPE_A)->server, SECOND, "the new one is not proven yet");
  world_run_ms(w, WORLD_DELAY_MS);
  cr_expect_not_null(w->upstream.servers[0].way.left);
  world_run_ms(w, 3 * WORLD_DELAY_MS);
  cr_expect(heard_truth(h));
  const struct upstream_question *u = upstream_last(w, "n5.lab.", TYPE_A);
  cr_expect(u->over == TRANSPORT_TLS && u->server == 0);
  cr_expect(w->counters.downgrades == 0 && w->upstream.servers[0].way.state == WAY_PROVEN);
  cr_expect_null(w->upstream.servers[0].way.left);
  end(w);
}

Test(discovery, of_ways_that_are_as_good_the_one_in_use_stays) {
  struct world *w = world_of(1);
  static const char other[] = "\0\1\3dns\3lab\0\0\1\0\4\3dot\0\3\0\2\x22\x95"; /* port 8853 */
  tell(w, 30);
  zone_add(&w->zone, ASKED, TYPE_SVCB, 30, rd_octets(other, sizeof other - 1));
  begin(w);
  world_run_ms(w, 1000);
  for (unsigned turn = 0; turn < 6; turn++) {
    zone_remove(&w->zone, ASKED, TYPE_SVCB);
    for (unsigned i = 0; i < 2; i++) {
      bool is_other = (turn + i) % 2 == 0;
      zone_add(&w->zone, ASKED, TYPE_SVCB, 30,
               is_other ? rd_octets(other, sizeof other - 1) : rd_octets(offer, sizeof offer - 1));
    }
    world_run_ms(w, 31000);
  }
  cr_expect_eq(told(w, TRANSPORT_TLS), 1);
  end(w);
}

/* ---- TLS that nobody told of ---- */

static unsigned guessed(const struct world *w) {
  unsigned n = 0;
  for (unsigned i = 0; i < w->script.asked_count; i++)
    n += w->script.asked[i].type == TYPE_SOA && w->script.asked[i].over == TRANSPORT_TLS;
  return n;
}

static struct world *opportunist(unsigned servers) {
  struct world *w = world_with(servers, NS_WAYS_UNPROVEN);
  zone_add(&w->zone, ".", TYPE_SOA, 3600, rd_soa("a.lab.", "a.lab.", 60));
  return w;
}

Test(opportunistic, questions_go_over_tls_once_it_has_answered_one_and_none_waits_for_that) {
  struct world *w = opportunist(1);
  begin(w);
  struct heard *h = client_ask_and_wait(w, "n0.lab.", TYPE_A, HOW_PLAIN);
  cr_expect(heard_truth(h) && heard_wait_ms(h) == WORLD_DELAY_MS);
  cr_expect_eq(upstream_last(w, "n0.lab.", TYPE_A)->over, TRANSPORT_UDP);
  world_run_ms(w, WORLD_DELAY_MS);
  cr_expect_eq(asked_over(w, 1), TRANSPORT_TLS);
  cr_expect_eq(w->upstream.servers[0].way.proof, TLS_PROOF_NONE);
  cr_expect(told(w, TRANSPORT_UDP) == 0 && guessed(w) == 1);
  end(w);
}

Test(opportunistic, a_server_that_can_not_resolve_what_it_is_asked_is_asked_over_tls_all_the_same) {
  struct world *w = opportunist(1);
  script_rule(&w->script, &(struct fault_rule){.server = -1, .type = TYPE_SOA, .fault = FAULT_SERVFAIL});
  begin(w);
  world_run_ms(w, 3 * WORLD_DELAY_MS);
  cr_expect_eq(asked_over(w, 0), TRANSPORT_TLS);
  cr_expect_eq(guessed(w), 1);
  end(w);
}

Test(opportunistic, tls_that_fails_at_what_is_answered_in_plain_is_not_used) {
  struct world *w = opportunist(1);
  script_rule(&w->script, &(struct fault_rule){.server = GUESSED, .fault = FAULT_REFUSED, .over_tls = true});
  begin(w);
  for (unsigned i = 0; i < 20; i++) {
    world_run_ms(w, 3000);
    cr_expect_eq(asked_over(w, i), TRANSPORT_UDP);
  }
  cr_expect(guessed(w) > 2 && guessed(w) < 10, "%u", guessed(w));
  end(w);
}

Test(opportunistic, tls_that_fails_while_nothing_comes_in_plain_is_not_used) {
  struct world *w = opportunist(1);
  script_rule(&w->script, &(struct fault_rule){.server = GUESSED, .fault = FAULT_SERVFAIL, .over_tls = true});
  script_rule(&w->script, &(struct fault_rule){.server = 0, .type = TYPE_SOA, .fault = FAULT_LOST});
  begin(w);
  world_run_ms(w, 5000);
  cr_expect_eq(asked_over(w, 0), TRANSPORT_UDP);
  cr_expect(guessed(w) > 1, "%u", guessed(w));
  end(w);
}

Test(opportunistic, a_server_without_tls_is_tried_less_and_less_and_never_waited_for) {
  struct world *w = opportunist(1);
  fail(w, GUESSED, FAULT_CLOSED);
  begin(w);
  for (unsigned i = 0; i < 36; i++) {
    struct heard *h = client_ask_and_wait(w, i % 2 ? "n1.lab." : "n2.lab.", TYPE_A, HOW_PLAIN);
    cr_expect_leq(heard_wait_ms(h), WORLD_DELAY_MS);
    world_run_ms(w, 100000);
  }
  cr_expect(guessed(w) > 8 && guessed(w) < 20, "%u", guessed(w));
  cr_expect_eq(w->counters.downgrades, 0);
  cr_expect_eq(w->upstream.servers[0].way.state, WAY_UNPROVEN);
  end(w);
}

Test(opportunistic, tls_that_is_silent_keeps_nobody) {
  struct world *w = opportunist(1);
  fail(w, GUESSED, FAULT_LOST);
  begin(w);
  for (unsigned i = 0; i < 30; i++) {
    char name[16];
    snprintf(name, sizeof name, "n%u.lab.", i);
    struct heard *h = client_ask_and_wait(w, name, TYPE_A, HOW_PLAIN);
    cr_expect(heard_truth(h) && heard_wait_ms(h) == WORLD_DELAY_MS);
    world_run_ms(w, 700);
  }
  end(w);
}

Test(opportunistic, tls_that_dies_later_costs_no_answer_is_counted_and_used_again) {
  struct world *w = opportunist(1);
  begin(w);
  world_run_ms(w, 1000);
  cr_expect_eq(asked_over(w, 0), TRANSPORT_TLS);
  fail(w, GUESSED, FAULT_BROKEN);
  struct heard *h = client_ask_and_wait(w, "n1.lab.", TYPE_A, HOW_PLAIN);
  cr_expect(heard_truth(h) && heard_wait_ms(h) == WORLD_DELAY_MS);
  cr_expect_eq(asked_over(w, 2), TRANSPORT_UDP);
  cr_expect_eq(w->counters.downgrades, 1);
  world_heal(w);
  world_run_ms(w, 2 * DISCOVERY_REST_MS);
  cr_expect_eq(asked_over(w, 3), TRANSPORT_TLS);
  end(w);
}

/* It answers the probe and fails at the first question behind it, each time. */
Test(opportunistic, tls_that_comes_and_goes_is_tried_less_and_less) {
  struct world *w = opportunist(1);
  script_rule(&w->script, &(struct fault_rule){
                              .server = GUESSED, .name = "n1.lab.", .fault = FAULT_BROKEN, .over_tls = true});
  zone_remove(&w->zone, "n1.lab.", TYPE_A);
  zone_add(&w->zone, "n1.lab.", TYPE_A, 1, rd_a("192.0.2.9"));
  begin(w);
  for (unsigned i = 0; i < 600; i++) {
    world_run_ms(w, 1000);
    cr_expect(heard_truth(client_ask_and_wait(w, "n1.lab.", TYPE_A, HOW_PLAIN)));
  }
  cr_expect(guessed(w) > 8 && guessed(w) < 20, "%u", guessed(w));
  cr_expect_eq(w->counters.downgrades, guessed(w));
  end(w);
}

Test(opportunistic, a_way_that_is_told_of_and_proven_comes_first) {
  struct world *w = world_with(1, NS_WAYS_TOLD | NS_WAYS_UNPROVEN);
  tell(w, 300);
  begin(w);
  world_run_ms(w, 1000);
  cr_expect_eq(asked_over(w, 0), TRANSPORT_TLS);
  cr_expect(w->upstream.servers[0].way.proof == TLS_PROOF_NEEDED && guessed(w) == 0);
  end(w);
}

Test(opportunistic, it_comes_behind_a_way_that_fails_to_prove_itself_and_that_is_used_when_it_does) {
  struct world *w = world_with(1, NS_WAYS_TOLD | NS_WAYS_UNPROVEN);
  zone_add(&w->zone, ".", TYPE_SOA, 3600, rd_soa("a.lab.", "a.lab.", 60));
  tell(w, 60);
  fail_way(w, FAULT_CERTIFICATE);
  begin(w);
  world_run_ms(w, 1000);
  asked_over(w, 0);
  cr_expect_eq(upstream_last(w, "n0.lab.", TYPE_A)->server, GUESSED);
  world_heal(w);
  world_run_ms(w, 62000);
  asked_over(w, 1);
  cr_expect_eq(upstream_last(w, "n1.lab.", TYPE_A)->server, 0);
  cr_expect_eq(w->upstream.servers[0].way.proof, TLS_PROOF_NEEDED);
  end(w);
}

Test(opportunistic, a_server_that_says_nothing_of_ways_is_tried_all_the_same) {
  struct world *w = world_with(1, NS_WAYS_TOLD | NS_WAYS_UNPROVEN);
  zone_add(&w->zone, ".", TYPE_SOA, 3600, rd_soa("a.lab.", "a.lab.", 60));
  script_rule(&w->script, &(struct fault_rule){.server = 0, .type = TYPE_SVCB, .fault = FAULT_LOST});
  begin(w);
  world_run_ms(w, 5000);
  cr_expect_eq(asked_over(w, 0), TRANSPORT_TLS);
  end(w);
}

Test(opportunistic, encrypted_servers_are_left_as_they_are) {
  struct world *w = world_new(&(struct world_options){.servers = 2, .encrypted = 1, .order = UPSTREAM_ORDER});
  static char trust;
  for (unsigned i = 0; i < 2; i++) {
    w->upstream.servers[i].address.trust = (struct tls_context *)&trust;
    w->upstream.servers[i].address.ways = NS_WAYS_UNPROVEN;
  }
  opened = 0;
  discovery_init(&discovery, &w->timers, &w->counters, open_way, w);
  begin(w);
  world_run_ms(w, 5000);
  cr_expect_eq(opened, 1);
  cr_expect(w->upstream.servers[0].way.state == WAY_NONE && w->upstream.servers[1].way.state != WAY_NONE);
  end(w);
}

Test(opportunistic, a_domains_own_servers_are_asked_about_that_domain) {
  struct world *w = opportunist(1);
  struct list all;
  list_init(&all);
  struct upstream *u = upstream_new(&all, UPSTREAM_ORDER);
  script_server(&w->script, u, 0, "192.0.2.77");
  u->servers[0].address = w->upstream.servers[0].address;
  struct routes routes = {.rest = u, .count = 1, .list[0] = {.upstream = u, .name = "\3lab", .name_len = 5}};
  discovery_use(&discovery, &routes, w->now_ms);
  world_run_ms(w, 1000);
  cr_expect(upstream_asked(w, "lab.", TYPE_SOA) == 1 && upstream_asked(w, ".", TYPE_SOA) == 0);
  discovery_stop(&discovery);
  upstream_release(u);
  world_free(w);
}
