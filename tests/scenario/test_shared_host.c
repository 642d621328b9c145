/* test_shared_host.c: domains whose servers are one host share what is known of it. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "scenario/kit.h"

#define HOST "h.hosting.lab."

static struct world *world_hosted(unsigned domains) {
  static const char *const services[] = {"client", "server"};
  struct world *w = world_new(&(struct world_options){.xmpp.prefetch = true});
  for (unsigned i = 0; i < domains * 2; i++) {
    char name[96];
    snprintf(name, sizeof name, "_xmpp-%s._tcp.c%u.lab.", services[i % 2], i / 2);
    zone_add(&w->zone, name, TYPE_SRV, 30, rd_srv(0, 5, 5269, HOST));
  }
  zone_add(&w->zone, HOST, TYPE_A, 300, rd_a("192.0.2.1"));
  zone_add(&w->zone, HOST, TYPE_AAAA, 300, rd_aaaa("2001:db8::1"));
  return w;
}

static struct heard *ask_domain(struct world *w, const char *service, unsigned i) {
  char name[96];
  snprintf(name, sizeof name, "_xmpp-%s._tcp.c%u.lab.", service, i);
  return client_ask(w, name, TYPE_SRV, HOW_EDNS);
}

Test(shared_host, is_asked_for_once_by_domains_that_are_contacted_together) {
  struct world *w = world_hosted(50);
  for (unsigned i = 0; i < 50; i++) {
    ask_domain(w, i % 2 ? "client" : "server", i);
    world_run_ms(w, 1);
  }
  world_run_ms(w, 1000);
  cr_expect(upstream_asked(w, HOST, TYPE_A) == 1 && upstream_asked(w, HOST, TYPE_AAAA) == 1);
  cr_expect(is_answered(client_ask(w, HOST, TYPE_A, HOW_EDNS)));
  world_free(w);
}

/* The slow answer is under way while others are asked for. */
Test(shared_host, is_asked_for_once_while_its_answer_is_late) {
  struct world *w = world_hosted(20);
  world_late(w, HOST, 0, 90);
  for (unsigned i = 0; i < 20; i++) {
    client_wait(ask_domain(w, "server", i));
    if (i == 0) cr_expect_eq(upstream_asked(w, HOST, TYPE_A), 1);
  }
  struct heard *a = client_ask(w, HOST, TYPE_A, HOW_EDNS);
  client_wait(a);
  cr_expect_eq(upstream_asked(w, HOST, TYPE_A), 1);
  world_run_ms(w, 1000);
  world_free(w);
}

Test(shared_host, is_not_asked_for_again_while_its_addresses_last) {
  struct world *w = world_hosted(100);
  for (unsigned i = 0; i < 100; i++) {
    ask_domain(w, "server", i);
    world_run_ms(w, 2000); /* 200 s of 300 */
  }
  cr_expect(upstream_asked(w, HOST, TYPE_A) == 1 && upstream_asked(w, HOST, TYPE_AAAA) == 1);
  world_free(w);
}

/* 240 contacts in two minutes with a host whose servers fail. */
Test(shared_host, that_fails_is_left_alone_by_prefetches_for_ever_longer) {
  static const enum fault faults[] = {FAULT_SERVFAIL, FAULT_REFUSED, FAULT_GARBLED};
  for (unsigned k = 0; k < sizeof faults / sizeof *faults; k++) {
    struct world *w = world_hosted(240);
    world_fault(w, HOST, 0, faults[k]);
    for (unsigned i = 0; i < 240; i++) {
      ask_domain(w, "server", i);
      world_run_ms(w, 500);
    }
    unsigned asked = upstream_asked(w, HOST, TYPE_A);
    cr_expect_leq(asked, 12, "fault %u: %u", k, asked);
    cr_expect_geq(asked, 3, "fault %u: %u", k, asked);
    world_run_ms(w, 5000);
    world_free(w);
  }
}

Test(shared_host, that_failed_is_there_for_all_once_a_client_gets_its_address) {
  struct world *w = world_hosted(4);
  world_fault(w, HOST, 0, FAULT_SERVFAIL);
  client_wait(ask_domain(w, "server", 0));
  world_run_ms(w, 2000);
  unsigned before = upstream_asked(w, HOST, TYPE_A);
  client_wait(ask_domain(w, "server", 1));
  world_run_ms(w, 500);
  cr_expect_eq(upstream_asked(w, HOST, TYPE_A), before, "prefetches wait on");

  world_heal(w);
  cr_expect(heard_truth(client_ask_and_wait(w, HOST, TYPE_A, HOW_EDNS)), "clients do not");
  client_wait(ask_domain(w, "server", 2));
  cr_expect(is_answered(client_ask(w, HOST, TYPE_A, HOW_EDNS)));
  world_run_ms(w, 5000);
  world_free(w);
}

/* That no server was reached says nothing about the host. */
Test(shared_host, is_asked_for_again_soon_after_an_outage) {
  struct world *w = world_hosted(4);
  world_fault(w, "", 0, FAULT_ICMP);
  client_wait(ask_domain(w, "server", 0));
  world_run_ms(w, 3000);
  world_heal(w);
  world_run_ms(w, 3000);
  struct heard *srv = ask_domain(w, "server", 1);
  client_wait(srv);
  world_run_ms(w, WORLD_DELAY_MS);
  cr_expect(heard_truth(srv));
  cr_expect(is_answered(client_ask(w, HOST, TYPE_A, HOW_EDNS)));
  world_run_ms(w, 5000);
  world_free(w);
}
