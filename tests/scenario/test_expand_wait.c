/* test_expand_wait.c: SRV answers held back until their targets' addresses are there, for 400 ms at most. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "dns/build.h"
#include "dns/ttl.h"
#include "scenario/kit.h"

#define SRV "_xmpp-server._tcp.d.lab."
enum { HOLD_MS = 400 }; /* as doc/xmpp.md says */

static struct world *world_waiting(bool prefetch) {
  struct world *w = world_new(
      &(struct world_options){.xmpp.prefetch = prefetch, .xmpp.expand = XMPP_EXPAND_WAIT});
  zone_add(&w->zone, SRV, TYPE_SRV, 3600, rd_srv(10, 1, 5269, "a.d.lab."));
  zone_add(&w->zone, SRV, TYPE_SRV, 3600, rd_srv(20, 1, 5269, "b.d.lab."));
  zone_add(&w->zone, "a.d.lab.", TYPE_A, 60, rd_a("192.0.2.1"));
  zone_add(&w->zone, "a.d.lab.", TYPE_AAAA, 60, rd_aaaa("2001:db8::1"));
  zone_add(&w->zone, "b.d.lab.", TYPE_A, 60, rd_a("192.0.2.2"));
  zone_add(&w->zone, "b.d.lab.", TYPE_AAAA, 60, rd_aaaa("2001:db8::2"));
  return w;
}

Test(expand_wait, the_first_answer_has_all_addresses_after_one_more_round_trip) {
  for (unsigned prefetch = 0; prefetch < 2; prefetch++) {
    struct world *w = world_waiting(prefetch);
    struct heard *h = client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS);
    cr_expect_eq(heard_wait_ms(h), 2 * WORLD_DELAY_MS);
    cr_expect_eq(heard_count(h, SECTION_ADDITIONAL), 4);
    cr_expect(heard_truth(h));
    world_run_ms(w, 1000);
    world_free(w);
  }
}

Test(expand_wait, it_goes_out_as_soon_as_the_last_address_is_there) {
  struct world *w = world_waiting(true);
  world_late(w, "b.d.lab.", TYPE_AAAA, 130);
  struct heard *h = client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS);
  cr_expect_eq(heard_wait_ms(h), WORLD_DELAY_MS + 130);
  cr_expect_eq(heard_count(h, SECTION_ADDITIONAL), 4);
  world_free(w);
}

Test(expand_wait, that_an_address_does_not_exist_is_enough) {
  static const enum fault faults[] = {FAULT_NXDOMAIN, FAULT_SERVFAIL, FAULT_EMPTY, FAULT_REFUSED,
                                      FAULT_GARBLED};
  for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++) {
    struct world *w = world_waiting(true);
    world_fault(w, "b.d.lab.", 0, faults[i]);
    struct heard *h = client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS);
    cr_expect_eq(heard_wait_ms(h), 2 * WORLD_DELAY_MS, "fault %u", faults[i]);
    cr_expect_eq(heard_count(h, SECTION_ADDITIONAL), 2, "fault %u", faults[i]);
    world_free(w);
  }
}

Test(expand_wait, a_target_that_is_an_alias_is_waited_for_too) {
  for (unsigned prefetch = 0; prefetch < 2; prefetch++) {
    struct world *w = world_waiting(prefetch);
    zone_remove(&w->zone, "b.d.lab.", 0);
    zone_add(&w->zone, "b.d.lab.", TYPE_CNAME, 60, rd_name("host.else.lab."));
    zone_add(&w->zone, "host.else.lab.", TYPE_A, 60, rd_a("192.0.2.9"));
    struct heard *h = client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS);
    cr_expect_eq(heard_wait_ms(h), 3 * WORLD_DELAY_MS);
    cr_expect(heard_has(h, SECTION_ADDITIONAL, "b.d.lab.", TYPE_CNAME, rd_name("host.else.lab.")));
    cr_expect(heard_has(h, SECTION_ADDITIONAL, "host.else.lab.", TYPE_A, rd_a("192.0.2.9")));
    world_run_ms(w, 1000);
    world_free(w);
  }
}

Test(expand_wait, it_goes_out_after_400_ms_with_what_has_come) {
  struct world *w = world_waiting(true);
  world_fault(w, "b.d.lab.", TYPE_AAAA, FAULT_LOST);
  struct heard *h = client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS);
  cr_expect_eq(heard_wait_ms(h), WORLD_DELAY_MS + HOLD_MS);
  cr_expect(heard_truth(h));
  cr_expect_eq(heard_count(h, SECTION_ADDITIONAL), 3, "%u", heard_count(h, SECTION_ADDITIONAL));
  world_run_ms(w, 20000);
  world_free(w);
}

Test(expand_wait, it_is_not_held_beyond_the_clients_patience) {
  struct world *w = world_waiting(true);
  world_late(w, SRV, TYPE_SRV, PATIENCE_MS - 100);
  world_fault(w, "b.d.lab.", TYPE_AAAA, FAULT_LOST);
  struct heard *h = client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS);
  cr_expect_eq(heard_wait_ms(h), PATIENCE_MS);
  cr_expect(heard_truth(h));
  world_free(w);
}

Test(expand_wait, who_joins_while_it_is_held_gets_it_too) {
  struct world *w = world_waiting(true);
  struct heard *first = client_ask(w, SRV, TYPE_SRV, HOW_EDNS);
  world_run_ms(w, WORLD_DELAY_MS + 10);
  cr_expect_not(is_answered(first));
  struct heard *second = client_ask(w, SRV, TYPE_SRV, HOW_PLAIN);
  world_run_ms(w, WORLD_DELAY_MS - 10);
  cr_expect_eq(heard_count(first, SECTION_ADDITIONAL), 4);
  cr_expect(is_answered(second) && heard_truth(second));
  world_free(w);
}

Test(expand_wait, a_hit_is_never_held) {
  struct world *w = world_waiting(true);
  client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS);
  world_fault(w, "", 0, FAULT_LOST);
  for (unsigned s = 0; s < 120; s++) {
    world_run_ms(w, 1000);
    cr_assert(is_answered(client_ask(w, SRV, TYPE_SRV, HOW_EDNS)), "after %u s", s);
  }
  world_run_ms(w, 20000);
  world_free(w);
}

/* What was fetched for the additional section was used there, though no client ever asked for it by name. */
Test(expand_wait, it_waits_again_for_addresses_that_ran_out_with_it) {
  for (unsigned prefetch = 0; prefetch < 2; prefetch++) {
    struct world *w = world_waiting(prefetch);
    client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS);
    world_run_ms(w, 3700000);
    struct heard *h = client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS);
    cr_expect_eq(heard_count(h, SECTION_ADDITIONAL), 4);
    cr_expect_leq(heard_wait_ms(h), 2 * WORLD_DELAY_MS, "%lu ms", (unsigned long)heard_wait_ms(h));
    world_run_ms(w, 1000);
    world_free(w);
  }
}

Test(expand_wait, one_that_may_not_be_kept_is_not_held) {
  struct world *w = world_waiting(true);
  zone_add(&w->zone, SRV, TYPE_SRV, 0, rd_srv(30, 1, 5269, "a.d.lab."));
  cr_expect_eq(heard_wait_ms(client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS)), WORLD_DELAY_MS);
  world_run_ms(w, 1000);
  world_free(w);
}

Test(expand_wait, a_thousand_at_once_are_all_answered_in_time) {
  struct world *w = world_waiting(false);
  world_fault(w, "", TYPE_A, FAULT_LOST);
  world_fault(w, "", TYPE_AAAA, FAULT_LOST);
  for (unsigned i = 0; i < 1000; i++) {
    char name[48], target[32];
    snprintf(name, sizeof name, "_xmpp-client._tcp.n%u.lab.", i);
    snprintf(target, sizeof target, "t%u.lab.", i);
    zone_add(&w->zone, name, TYPE_SRV, 60, rd_srv(1, 1, 5222, target));
    client_ask(w, name, TYPE_SRV, HOW_PLAIN);
  }

  world_run_ms(w, WORLD_DELAY_MS + HOLD_MS);
  for (unsigned i = 0; i < 1000; i++)
    cr_assert(is_answered(w->heard[i]) && heard_truth(w->heard[i]), "client %u", i);
  world_run_ms(w, 20000);
  world_free(w);
}

Test(expand_wait, answers_that_share_a_target_are_all_let_go_by_it) {
  struct world *w = world_waiting(true);
  for (unsigned i = 0; i < 20; i++) {
    char name[48];
    snprintf(name, sizeof name, "_xmpp-client._tcp.n%u.lab.", i);
    zone_add(&w->zone, name, TYPE_SRV, 60, rd_srv(1, 1, 5222, "a.d.lab."));
    client_ask(w, name, TYPE_SRV, HOW_PLAIN);
  }
  world_run_ms(w, 2 * WORLD_DELAY_MS);
  for (unsigned i = 0; i < 20; i++)
    cr_assert_eq(heard_count(w->heard[i], SECTION_ADDITIONAL), 2, "client %u", i);
  world_run_ms(w, 1000);
  world_free(w);
}

Test(expand_wait, no_client_waits_when_nothing_more_may_be_asked) {
  struct world *w = world_waiting(true);
  char name[48];
  world_fault(w, "", TYPE_TXT, FAULT_LOST);
  for (unsigned i = 0; i < FORWARD_PENDING / 2; i++) { /* no room is left for what nobody waits for */
    snprintf(name, sizeof name, "n%u.lab.", i);
    client_ask(w, name, TYPE_TXT, HOW_PLAIN);
  }
  struct heard *h = client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS);
  cr_expect_eq(heard_wait_ms(h), WORLD_DELAY_MS);
  world_free(w);
}

/* More answers than the cache can hold, numbered from `first`; short ones, so that no gap is left. */
enum { FLOOD = 20000 };

static void flood(struct world *w, unsigned first) {
  static struct answer a;
  struct record r = {.type = TYPE_TXT, .klass = CLASS_IN, .owner_len = 1};
  static const uint8_t text[1] = {0};

  r.msg = text;
  r.msg_len = r.rdlen = sizeof text;
  for (unsigned i = first; i < first + FLOOD; i++) {
    char name[32];
    uint8_t octets[NAME_MAX_LEN];
    struct question q;
    struct build b;
    snprintf(name, sizeof name, "flood%u.lab.", i);
    question_make(&q, octets, name_parse(name, octets), TYPE_TXT, CLASS_IN, 0, w->wiring.serve.seed);
    build_start(&b, &a, &q, RCODE_NOERROR);
    r.owner_len = q.name_len;
    memcpy(r.owner, q.key, q.name_len);
    cr_assert(build_add(&b, SECTION_ANSWER, &r, 60));
    a.head.stored_at = tick_of_ms(w->now_ms);
    a.ttl_s = 60;
    cache_put(w->cache, &q, &a, ORIGIN_QUERY, 0, 0);
  }
}

Test(expand_wait, one_that_is_pushed_out_meanwhile_is_asked_for_again) {
  struct world *w = world_waiting(true);
  world_late(w, "b.d.lab.", TYPE_AAAA, 300);
  flood(w, 0); /* so that there is no room but at others' cost */
  struct heard *h = client_ask(w, SRV, TYPE_SRV, HOW_EDNS);
  world_run_ms(w, WORLD_DELAY_MS + 10);
  cr_assert_not(is_answered(h));
  flood(w, FLOOD);
  client_wait(h);
  cr_expect(heard_truth(h), "not SERVFAIL: the upstream had answered");
  world_free(w);
}

/* A link that flaps while somebody flushes: what was held is gone from the cache, and asking for it again
 * fails at once, in the midst of settling the address that all of them waited for. */
Test(expand_wait, answers_let_go_together_that_fail_at_once_are_each_told_once) {
  enum { HELD = 40 };
  static const enum fault faults[] = {FAULT_CLOSED, FAULT_ICMP, FAULT_SERVFAIL, FAULT_LOST};
  for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++) {
    struct world *w = world_waiting(true);
    uint8_t lab[NAME_MAX_LEN];
    char name[48];
    world_late(w, "a.d.lab.", TYPE_AAAA, 200);
    for (unsigned k = 0; k < HELD; k++) {
      snprintf(name, sizeof name, "_xmpp-client._tcp.n%u.lab.", k);
      zone_add(&w->zone, name, TYPE_SRV, 60, rd_srv(10, 1, 5222, "a.d.lab."));
      client_ask(w, name, TYPE_SRV, HOW_EDNS);
    }
    world_run_ms(w, WORLD_DELAY_MS + 10);
    cr_assert_not(is_answered(w->heard[0]), "it is held");
    cache_flush(w->cache,
                &(struct cache_which){.name = lab, .name_len = name_parse("lab.", lab), .below = true});
    world_heal(w);
    world_fault(w, "", 0, faults[i]);
    world_run_ms(w, HOLD_MS + PATIENCE_MS);
    for (unsigned k = 0; k < HELD; k++)
      cr_assert(is_answered(w->heard[k]), "fault %u, client %u", faults[i], k);
    world_heal(w);
    world_run_ms(w, LATE_MS);
    for (unsigned k = 0; k < HELD; k++) {
      snprintf(name, sizeof name, "_xmpp-client._tcp.n%u.lab.", k);
      cr_expect_eq(heard_count(client_ask_and_wait(w, name, TYPE_SRV, HOW_EDNS), SECTION_ANSWER), 1);
    }
    world_run_ms(w, LATE_MS);
    world_free(w);
  }
}
