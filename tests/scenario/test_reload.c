/* test_reload.c: other servers, other options while questions are in flight: each is answered by whom it was
 * put to. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "scenario/kit.h"

static struct world *w;
static struct list sets;

/* The world's server 1 as a set of its own. */
static struct upstream *second_set(void) {
  list_init(&sets);
  struct upstream *u = upstream_new(&sets, UPSTREAM_FASTEST);
  script_server(&w->script, u, 1, "192.0.2.2");
  return u;
}

static void start(void) {
  w = world_new(&(struct world_options){.servers = 1});
  zone_add(&w->zone, "a.lab.", TYPE_A, 60, rd_a("192.0.2.9"));
  zone_add(&w->zone, "b.lab.", TYPE_A, 60, rd_a("192.0.2.9"));
  zone_add(&w->zone, "c.corp.lab.", TYPE_A, 60, rd_a("192.0.2.9"));
}

static int server_of(const char *name) { return (int)upstream_last(w, name, TYPE_A)->server; }

static void put_routes(struct routes *r) {
  struct forward_options o = *forward_options(w->wiring.forward);
  o.routes = r;
  forward_set_options(w->wiring.forward, &o);
}

TestSuite(reload, .init = start);

Test(reload, what_is_in_flight_is_answered_by_the_servers_it_was_put_to) {
  struct upstream *old = second_set();
  struct routes before = {.rest = old}, after = {.rest = &w->upstream};

  put_routes(&before);
  struct heard *h = client_ask(w, "a.lab.", TYPE_A, HOW_EDNS);
  put_routes(&after);
  upstream_release(old); /* by the settings; the question still holds it */
  cr_expect_not(list_empty(&sets));
  client_ask_and_wait(w, "b.lab.", TYPE_A, HOW_EDNS);
  client_wait(h);
  cr_expect(heard_truth(h));
  cr_expect_eq(server_of("a.lab."), 1);
  cr_expect_eq(server_of("b.lab."), 0);
  world_run_ms(w, LATE_MS);
  cr_expect(list_empty(&sets), "it is closed when the last question is over");
  world_free(w);
}

Test(reload, rfc7686_onion_is_asked_only_of_servers_set_for_it) {
  struct upstream *tor = second_set();
  struct routes r = {
      .rest = &w->upstream, .count = 1, .list = {{.upstream = tor, .name_len = 7, .name = "\5onion"}}};
  w->wiring.serve.policy.special_names = true;
  zone_add(&w->zone, "x.onion.", TYPE_A, 60, rd_a("192.0.2.9"));
  cr_expect_eq(heard_rcode(client_ask_and_wait(w, "x.onion.", TYPE_A, HOW_EDNS)), RCODE_NXDOMAIN);
  put_routes(&r);
  cr_expect(heard_truth(client_ask_and_wait(w, "x.onion.", TYPE_A, HOW_EDNS)));
  cr_expect_eq(server_of("x.onion."), 1);
  cr_expect_eq(heard_rcode(client_ask_and_wait(w, "x.invalid.", TYPE_A, HOW_EDNS)), RCODE_NXDOMAIN);
  cr_expect_eq(upstream_asked(w, "x.invalid.", TYPE_A), 0);
  upstream_release(tor);
  put_routes(&w->tables.routes);
  world_free(w);
}

Test(reload, a_domain_whose_servers_are_down_leaves_places_for_the_others) {
  struct upstream *corp = second_set();
  struct routes r = {
      .rest = &w->upstream, .count = 1, .list = {{.upstream = corp, .name_len = 10, .name = "\4corp\3lab"}}};

  put_routes(&r);
  world_server_fault(w, 1, FAULT_LOST);
  for (unsigned i = 0; i < FORWARD_PENDING + 2000; i++) {
    char name[32];
    snprintf(name, sizeof name, "n%u.corp.lab.", i);
    client_ask(w, name, TYPE_A, HOW_PLAIN);
    if (i % 10 == 0) world_run_ms(w, 1);
  }

  cr_expect_eq(forward_in_flight(w->wiring.forward), FORWARD_DOWN);
  cr_expect_gt(w->counters.rejected, 0);
  cr_expect(heard_truth(client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_EDNS)));
  world_run_ms(w, LATE_MS);
  upstream_release(corp);
  put_routes(&w->tables.routes);
  world_free(w);
}

Test(reload, a_domain_with_servers_of_its_own_is_asked_there_alone) {
  struct upstream *corp = second_set();
  struct routes r = {
      .rest = &w->upstream, .count = 1, .list = {{.upstream = corp, .name_len = 10, .name = "\4corp\3lab"}}};

  put_routes(&r);
  cr_expect(heard_truth(client_ask_and_wait(w, "c.corp.lab.", TYPE_A, HOW_EDNS)));
  cr_expect(heard_truth(client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_EDNS)));
  cr_expect_eq(server_of("c.corp.lab."), 1);
  cr_expect_eq(server_of("a.lab."), 0);
  world_server_fault(w, 1, FAULT_SERVFAIL);
  cr_expect_eq(heard_rcode(client_ask_and_wait(w, "d.corp.lab.", TYPE_A, HOW_EDNS)), RCODE_SERVFAIL,
               "never elsewhere");
  cr_expect_eq(server_of("d.corp.lab."), 1);
  upstream_release(corp);
  put_routes(&w->tables.routes);
  world_free(w);
}
