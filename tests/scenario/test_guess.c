/* test_guess.c: hosts that are asked for because other domains have such ones. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cache/snapshot.h"
#include "dns/ttl.h"
#include "scenario/walk.h"
#include "zones/zone_kit.h"

enum { LEARNT = 200, COST_MOST = 16 };

static struct world *world_guessing(void) {
  return world_new(&(struct world_options){.xmpp.prefetch = true, .xmpp.guess = true});
}

static void add_domain(struct world *w, const char *domain, const char *target) {
  static const char *const services[] = {"client", "server"};
  for (unsigned i = 0; i < 2; i++) {
    char name[96];
    snprintf(name, sizeof name, "_xmpp-%s._tcp.%s", services[i], domain);
    zone_add(&w->zone, name, TYPE_SRV, 60, rd_srv(0, 5, i ? 5269 : 5222, target));
  }
  zone_add(&w->zone, target, TYPE_A, 60, rd_a("192.0.2.7"));
  zone_add(&w->zone, target, TYPE_AAAA, 60, rd_aaaa("2001:db8::7"));
}

static struct heard *ask_server(struct world *w, const char *domain) {
  char name[96];
  snprintf(name, sizeof name, "_xmpp-server._tcp.%s", domain);
  return client_ask(w, name, TYPE_SRV, HOW_EDNS);
}

/* Domains of which all have LABEL.D, contacted one after the other. */
static void learn(struct world *w, unsigned n, const char *label) {
  static unsigned number;
  for (unsigned i = 0; i < n; i++) {
    char domain[32], target[64];
    snprintf(domain, sizeof domain, "l%u.lab.", number++);
    snprintf(target, sizeof target, "%s.%s", label, domain);
    add_domain(w, domain, target);
    client_wait(ask_server(w, domain));
    world_run_ms(w, 1000);
    zone_clear(&w->zone);
  }
}

static unsigned trips(struct world *w, unsigned program, const char *domain) {
  struct walk k;
  uint64_t start_ms = w->now_ms;
  program_walk(&programs[program], w, domain, &k);
  for (unsigned i = 0; i < k.count; i++) cr_expect(heard_truth(k.asked[i]), "answer %u", i);
  return (unsigned)((w->now_ms - start_ms) / WORLD_DELAY_MS);
}

Test(guess, the_addresses_of_a_likely_host_are_asked_for_beside_the_srv) {
  struct world *w = world_guessing();
  learn(w, 50, "xmpp");
  add_domain(w, "new.lab.", "xmpp.new.lab.");
  uint64_t start_ms = w->now_ms;
  ask_server(w, "new.lab.");
  world_run_ms(w, 1000);
  cr_expect_eq(upstream_last_ms(w, "xmpp.new.lab.", TYPE_A), start_ms);
  cr_expect_eq(upstream_last_ms(w, "xmpp.new.lab.", TYPE_AAAA), start_ms);
  cr_expect_eq(upstream_asked(w, "xmpp.new.lab.", 0), 2, "nothing twice");
  cr_expect(w->counters.guess_made > 0 && w->counters.guess_made == w->counters.guess_used);
  world_free(w);
}

Test(guess, programs_wait_for_one_round_trip_where_it_is_right) {
  static const unsigned walkers[] = {PROGRAM_PROSODY, PROGRAM_EJABBERD, PROGRAM_SMACK, PROGRAM_DINO};
  for (unsigned i = 0; i < sizeof walkers / sizeof *walkers; i++) {
    struct world *w = world_guessing();
    learn(w, 50, "xmpp");
    learn(w, 4, "own");
    add_domain(w, "new.lab.", "xmpp.new.lab.");
    add_domain(w, "other.lab.", "own.other.lab.");
    cr_expect_eq(trips(w, walkers[i], "new.lab."), 1, "%s", programs[walkers[i]].name);
    cr_expect_eq(trips(w, walkers[i], "other.lab."), 2, "%s", programs[walkers[i]].name);
    world_run_ms(w, 1000);
    cr_expect_eq(w->counters.guess_made, w->counters.guess_used + w->counters.guess_wasted);
    world_free(w);
  }
}

Test(guess, nothing_is_guessed_or_learnt_when_it_is_off_or_prefetching_is) {
  for (unsigned i = 0; i < 2; i++) {
    struct world *w = world_new(&(struct world_options){.xmpp.prefetch = i == 0, .xmpp.guess = i == 1});
    learn(w, 50, "xmpp");
    ask_server(w, "new.lab.");
    world_run_ms(w, 5000);
    cr_expect_eq(upstream_asked(w, "xmpp.new.lab.", 0), 0);
    cr_expect(w->counters.guess_made == 0 && w->guesses.domains == 0);
    world_free(w);
  }
}

Test(guess, is_no_answer_to_anybody) {
  struct world *w = world_new(
      &(struct world_options){.xmpp.prefetch = true, .xmpp.guess = true, .xmpp.expand = XMPP_EXPAND_WAIT});
  learn(w, 50, "xmpp");
  add_domain(w, "new.lab.", "own.new.lab.");
  zone_add(&w->zone, "xmpp.new.lab.", TYPE_A, 60, rd_a("192.0.2.66"));
  for (unsigned visit = 0; visit < 2; visit++) {
    struct heard *h = ask_server(w, "new.lab.");
    client_wait(h);
    cr_expect(heard_truth(h));
    cr_expect_not(heard_has(h, SECTION_ADDITIONAL, "xmpp.new.lab.", TYPE_A, rd_a("192.0.2.66")));
    cr_expect(heard_has(h, SECTION_ADDITIONAL, "own.new.lab.", TYPE_A, rd_a("192.0.2.7")));
  }
  world_free(w);
}

Test(guess, a_domain_whose_targets_are_remembered_is_not_guessed_for) {
  struct world *w = world_guessing();
  add_domain(w, "old.lab.", "own.old.lab.");
  cr_expect_eq(trips(w, PROGRAM_PROSODY, "old.lab."), 2);
  struct zone kept = w->zone;
  zone_init(&w->zone);
  learn(w, 50, "xmpp"); /* the TTL is 60 s */
  world_run_ms(w, 120000);
  zone_close(&w->zone);
  w->zone = kept;
  uint64_t made = w->counters.guess_made;
  cr_expect_eq(trips(w, PROGRAM_PROSODY, "old.lab."), 1);
  cr_expect_eq(w->counters.guess_made, made);
  world_free(w);
}

Test(guess, the_servers_of_a_domain_that_says_no_see_none) {
  struct world *w = world_guessing();
  struct route *r = &w->tables.routes.list[0];
  learn(w, 50, "xmpp");
  *r = (struct route){.upstream = upstream_hold(&w->upstream), .never_guessed = true};
  r->name_len = (uint8_t)name_parse("corp.lab.", r->name);
  w->tables.routes.count = 1;
  uint64_t made = w->counters.guess_made;
  ask_server(w, "corp.lab.");
  ask_server(w, "a.corp.lab.");
  world_run_ms(w, 5000);
  cr_expect_eq(upstream_asked(w, "xmpp.corp.lab.", 0) + upstream_asked(w, "xmpp.a.corp.lab.", 0), 0);
  cr_expect_eq(w->counters.guess_made, made);

  r->never_guessed = false;
  ask_server(w, "b.corp.lab.");
  world_run_ms(w, 5000);
  cr_expect_eq(upstream_asked(w, "xmpp.b.corp.lab.", 0), 2);
  w->tables.routes.count = 0;
  upstream_release(r->upstream);
  world_free(w);
}

Test(guess, a_guess_that_leads_into_a_domain_that_says_no_is_not_made) {
  struct world *w = world_guessing();
  struct route *r = &w->tables.routes.list[0];
  learn(w, 50, "xmpp");
  *r = (struct route){.upstream = upstream_hold(&w->upstream), .never_guessed = true};
  r->name_len = (uint8_t)name_parse("xmpp.new.lab.", r->name);
  w->tables.routes.count = 1;
  ask_server(w, "new.lab.");
  world_run_ms(w, 5000);
  cr_expect_eq(upstream_asked(w, "xmpp.new.lab.", 0), 0);
  w->tables.routes.count = 0;
  upstream_release(r->upstream);
  world_free(w);
}

Test(guess, hosts_in_local_zones_are_not_asked_for_anywhere) {
  struct world *w = world_guessing();
  learn(w, 50, "xmpp");
  struct zones *local = zones_of("a A 192.0.2.1\n"); /* zone.lab. */
  wiring_set_zones(&w->wiring, local);
  uint64_t made = w->counters.guess_made;
  cr_expect(is_answered(ask_server(w, "zone.lab.")));
  world_run_ms(w, 5000);
  cr_expect_eq(upstream_asked(w, "xmpp.zone.lab.", 0), 0);
  cr_expect_eq(w->counters.guess_made, made);
  world_free(w);
  zones_free(local);
}

/* ---- bounds ---- */

static unsigned asked_since(const struct world *w, unsigned from) { return w->script.asked_count - from; }

Test(guess, a_question_costs_sixteen_upstream_ones_at_most_with_guesses_too) {
  struct world *w = world_guessing();
  for (unsigned i = 0; i < 40; i++) {
    learn(w, 1, "xmpp");
    learn(w, 1, "jabber");
  }
  for (unsigned i = 0; i < 30; i++) {
    char target[32];
    snprintf(target, sizeof target, "h%u.d.lab.", i);
    zone_add(&w->zone, "_xmpp-server._tcp.d.lab.", TYPE_SRV, 60, rd_srv((uint16_t)i, 1, 5269, target));
  }
  unsigned before = w->script.asked_count;
  client_ask(w, "_xmpp-server._tcp.d.lab.", TYPE_SRV, HOW_TCP);
  world_run_ms(w, 20000);
  cr_expect_gt(upstream_asked(w, "xmpp.d.lab.", 0) + upstream_asked(w, "jabber.d.lab.", 0), 0);
  cr_expect_eq(asked_since(w, before), COST_MOST, "%u", asked_since(w, before));
  world_free(w);
}

/* Somebody asks for names that do not exist, of a domain whose owner answers as it likes. */
Test(guess, a_client_that_asks_for_made_up_domains_gets_few_guesses_made) {
  struct world *w = world_guessing();
  learn(w, LEARNT, "xmpp");
  unsigned before = w->script.asked_count;
  uint64_t made = w->counters.guess_made;
  enum { QUESTIONS = 2000 };
  for (unsigned i = 0; i < QUESTIONS; i++) {
    char domain[48];
    snprintf(domain, sizeof domain, "n%u.evil.lab.", i);
    client_wait(ask_server(w, domain));
    world_run_ms(w, 10);
  }
  made = w->counters.guess_made - made;
  cr_expect_leq(made, 400, "%lu guesses", (unsigned long)made);
  /* SRV, sibling, A and AAAA of the domain, _jabber: without guesses it is five */
  cr_expect_leq(asked_since(w, before), QUESTIONS * 5 + 2 * made);
  world_free(w);
}

Test(guess, one_that_does_so_without_end_costs_two_more_questions_each_at_most) {
  struct world *w = world_guessing();
  unsigned wasted = 0;
  for (unsigned round = 0; round < 5; round++) {
    learn(w, 60, "xmpp");
    uint64_t before = w->counters.guess_wasted;
    for (unsigned i = 0; i < 50; i++) {
      char domain[48];
      snprintf(domain, sizeof domain, "n%u-%u.evil.lab.", round, i);
      client_wait(ask_server(w, domain));
      world_run_ms(w, 10);
    }
    wasted += (unsigned)(w->counters.guess_wasted - before);
  }
  cr_expect_gt(wasted, 0);
  cr_expect_leq(2 * wasted, 2 * 5 * 50);
  world_free(w);
}

Test(guess, a_hostile_domain_teaches_nothing_that_is_asked_of_others) {
  struct world *w = world_guessing();
  learn(w, 100, "xmpp");
  for (unsigned i = 0; i < 1000; i++) {
    char domain[48];
    snprintf(domain, sizeof domain, "n%u.evil.lab.", i);
    add_domain(w, domain, "victim.elsewhere.lab.");
    client_wait(ask_server(w, domain));
    world_run_ms(w, 100);
    zone_clear(&w->zone);
  }
  world_run_ms(w, 120000);
  unsigned before = upstream_asked(w, "victim.elsewhere.lab.", 0);
  for (unsigned i = 0; i < 20; i++) {
    char domain[48];
    snprintf(domain, sizeof domain, "good%u.lab.", i);
    ask_server(w, domain);
  }
  world_run_ms(w, 1000);
  cr_expect_eq(upstream_asked(w, "victim.elsewhere.lab.", 0), before);
  world_free(w);
}

/* A second begins with its first question: two of them can meet in any one. */
Test(guess, five_thousand_a_second_are_prefetched_at_most_with_guesses_too) {
  struct world *w = world_guessing();
  learn(w, LEARNT, "xmpp");
  uint64_t before = w->counters.background, made = w->counters.guess_made;
  for (unsigned i = 0; i < 4000; i++) {
    char domain[48];
    snprintf(domain, sizeof domain, "n%u.lab.", i);
    ask_server(w, domain);
    if (i % 4 == 3) world_run_ms(w, 1);
  }
  world_run_ms(w, 10);
  cr_expect_gt(w->counters.guess_made, made);
  cr_expect_leq(w->counters.background - before, 2 * BUDGET_PER_S);
  cr_expect_gt(w->counters.prefetch_dropped, 0);
  world_run_ms(w, 5000);
  cr_expect_leq(w->counters.guess_used + w->counters.guess_wasted, w->counters.guess_made);
  world_free(w);
}

/* Many domains agree on a host that is somebody else's, and their TTLs are short. */
Test(guess, a_host_elsewhere_is_asked_for_no_oftener_than_the_bounds_for_others_zones_say) {
  struct world *w = world_guessing();
  for (unsigned i = 0; i < 100; i++) {
    char domain[48];
    snprintf(domain, sizeof domain, "e%u.lab.", i);
    add_domain(w, domain, "victim.elsewhere.lab.");
    client_wait(ask_server(w, domain));
    world_run_ms(w, 1000);
    zone_clear(&w->zone);
  }
  world_run_ms(w, 120000);
  unsigned before = upstream_asked(w, "victim.elsewhere.lab.", 0);
  for (unsigned i = 0; i < 500; i++) {
    char domain[48];
    snprintf(domain, sizeof domain, "f%u.lab.", i);
    ask_server(w, domain);
    world_run_ms(w, 1);
  }
  world_run_ms(w, 1000);
  cr_expect_leq(upstream_asked(w, "victim.elsewhere.lab.", 0) - before, 2, "once, and then it is known");
  world_free(w);
}

Test(guess, what_fails_is_counted_as_wasted) {
  struct world *w = world_guessing();
  learn(w, 50, "xmpp");
  world_fault(w, "", 0, FAULT_SERVFAIL);
  ask_server(w, "new.lab.");
  world_run_ms(w, 20000);
  cr_expect_eq(w->counters.guess_wasted, 1);
  cr_expect_eq(w->counters.guess_made, w->counters.guess_used + w->counters.guess_wasted);
  world_free(w);
}

/* ---- over a restart ---- */

Test(guess, is_known_again_from_the_answers_in_the_snapshot) {
  char path[] = "/tmp/guess-XXXXXX";
  int fd = mkstemp(path);
  struct snapshot_report report;
  struct world *w = world_guessing();
  cr_assert(fd >= 0 && unlink(path) == 0 && close(fd) == 0);
  learn(w, LEARNT, "xmpp");
  struct snapshot_now now = {.wall_ms = 1700000000000, .tick = tick_of_ms(w->now_ms)};
  cr_assert_eq(snapshot_write(w->cache, path, &now, NULL, &report), SNAPSHOT_GOOD, "%s", report.why);
  world_free(w);

  w = world_guessing();
  now.tick = tick_of_ms(w->now_ms);
  cr_assert(cache_restore_begin(w->cache, NULL, NULL));
  cr_assert_eq(snapshot_load(w->cache, path, &now, 86400, NULL, &report), SNAPSHOT_GOOD, "%s", report.why);
  cache_restore_end(w->cache);
  guess_learn_cache(&w->guesses, w->cache, NULL);
  add_domain(w, "new.lab.", "xmpp.new.lab.");
  cr_expect_eq(trips(w, PROGRAM_PROSODY, "new.lab."), 1);
  cr_expect_eq(w->counters.guess_used, 1);
  world_free(w);
  unlink(path);
}
