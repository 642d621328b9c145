/* test_fleet.c: members of a fleet that share what they know, by a cache in an engine that may fail in every
 * way. */
#include <criterion/criterion.h>

#include "scenario/kit.h"

static struct world *member(struct engine_script *e) {
  struct world *w = world_new(&(struct world_options){.engine = e});
  zone_add(&w->zone, "a.lab.", TYPE_A, 60, rd_a("192.0.2.9"));
  zone_add(&w->zone, "b.lab.", TYPE_A, 5, rd_a("192.0.2.9"));
  world_run_ms(w, 1); /* it is told the time */
  return w;
}

/* Both at the same time of the world. */
static void at_the_same_time(struct world *a, struct world *b) {
  struct world *early = a->now_ms < b->now_ms ? a : b, *late = early == a ? b : a;
  world_run_ms(early, late->now_ms - early->now_ms);
}

static uint64_t wait_of(struct world *w, const char *name, uint16_t type, unsigned how) {
  return heard_wait_ms(client_ask_and_wait(w, name, type, how));
}

Test(fleet, what_one_member_has_asked_another_need_not) {
  struct engine_script *e = engine_script_new();
  struct world *a = member(e), *b = member(e);
  cr_expect_eq(wait_of(a, "a.lab.", TYPE_A, HOW_PLAIN), WORLD_DELAY_MS, "the engine takes no time here");
  world_run_ms(a, 10);
  at_the_same_time(a, b);
  struct heard *h = client_ask_and_wait(b, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_expect_eq(heard_wait_ms(h), 0);
  cr_expect(heard_has(h, SECTION_ANSWER, "a.lab.", TYPE_A, rd_a("192.0.2.9")));
  cr_expect_eq(upstream_asked(b, "", 0), 0);
  cr_expect_eq(b->counters.shared_found, 1);
  cr_expect_eq(a->counters.shared_stored, 1);
  cr_expect_eq(b->counters.shared_stored, 0, "what comes from there is not put there again");
  world_free(a);
  world_free(b);
  engine_script_free(e);
}

Test(fleet, negative_answers_are_shared_too) {
  struct engine_script *e = engine_script_new();
  struct world *a = member(e), *b = member(e);
  client_ask_and_wait(a, "no.lab.", TYPE_A, HOW_PLAIN);
  client_ask_and_wait(a, "a.lab.", TYPE_AAAA, HOW_PLAIN);
  at_the_same_time(a, b);
  cr_expect_eq(heard_rcode(client_ask_and_wait(b, "no.lab.", TYPE_A, HOW_PLAIN)), RCODE_NXDOMAIN);
  cr_expect_eq(heard_rcode(client_ask_and_wait(b, "a.lab.", TYPE_AAAA, HOW_PLAIN)), RCODE_NOERROR);
  cr_expect_eq(upstream_asked(b, "", 0), 0);
  world_free(a);
  world_free(b);
  engine_script_free(e);
}

Test(fleet, no_ttl_grows_on_its_way) {
  struct engine_script *e = engine_script_new();
  for (unsigned no_time = 0; no_time < 2; no_time++) {
    e->no_time = no_time;
    for (unsigned age_ms = 0; age_ms < 57000; age_ms += 6333) {
      struct world *a = member(e), *b = member(e);
      client_ask_and_wait(a, "a.lab.", TYPE_A, HOW_PLAIN);
      world_run_ms(a, age_ms);
      at_the_same_time(a, b);
      struct heard *h = client_ask_and_wait(b, "a.lab.", TYPE_A, HOW_PLAIN);
      uint32_t ttl = heard_ttl(h, SECTION_ANSWER, "a.lab.", TYPE_A);
      cr_expect(ttl * 1000 + age_ms <= 60000 && ttl * 1000 + age_ms > 58900, "%u after %u ms", ttl, age_ms);
      world_free(a);
      world_free(b);
      memset(e->keys, 0, ENGINE_KEYS * sizeof *e->keys);
    }
  }
  engine_script_free(e);
}

Test(fleet, an_engine_that_is_late_costs_a_miss_two_ms_and_may_still_answer_first) {
  struct engine_script *e = engine_script_new();
  struct world *a = member(e), *b = member(e);
  client_ask_and_wait(a, "a.lab.", TYPE_A, HOW_PLAIN);
  at_the_same_time(a, b);
  e->late_ms = 20;
  cr_expect_eq(wait_of(b, "a.lab.", TYPE_A, HOW_PLAIN), 20, "the first good answer wins");
  cr_expect_eq(b->counters.shared_late, 1);
  cr_expect_eq(upstream_asked(b, "a.lab.", TYPE_A), 1, "as well");
  e->late_ms = 2000;
  cr_expect_leq(wait_of(b, "c.lab.", TYPE_A, HOW_PLAIN), SHARE_WAIT_MAX_MS + WORLD_DELAY_MS);
  world_free(a);
  world_free(b);
  engine_script_free(e);
}

/* One miss each 100 ms. Returns how many of them waited for more than a server takes. */
static unsigned held_up(struct world *w, unsigned from, unsigned count) {
  unsigned n = 0;
  for (unsigned i = from; i < from + count; i++) {
    char name[16];
    snprintf(name, sizeof name, "n%u.lab.", i);
    n += wait_of(w, name, TYPE_A, HOW_PLAIN) > WORLD_DELAY_MS;
    world_run_ms(w, 100);
  }
  return n;
}

Test(fleet, an_engine_that_is_always_slow_costs_nothing_and_is_used_again_when_it_is_fast) {
  struct engine_script *e = engine_script_new();
  struct world *w = member(e);
  e->late_ms = 50;
  cr_expect_leq(held_up(w, 0, 20), 8);
  cr_expect_eq(held_up(w, 20, 100), 0);
  e->late_ms = 1;
  held_up(w, 120, 60);
  uint64_t asked = w->counters.shared_asked;
  held_up(w, 180, 10);
  cr_expect_eq(w->counters.shared_asked, asked + 10);
  world_free(w);
  engine_script_free(e);
}

Test(fleet, an_engine_that_is_silent_away_or_talks_rubbish_fails_nobody) {
  for (unsigned how = 0; how < 4; how++) {
    struct engine_script *e = engine_script_new();
    struct world *w = member(e);
    e->silent = how == 0;
    e->away = how == 1;
    e->read_error = how == 2 ? "NOAUTH Authentication required." : NULL;
    e->write_error = how == 3 ? "OOM command not allowed when used memory > 'maxmemory'." : NULL;
    cr_expect_leq(wait_of(w, "a.lab.", TYPE_A, HOW_PLAIN), SHARE_WAIT_MIN_MS + WORLD_DELAY_MS, "%u", how);
    cr_expect_eq(w->counters.failed, 0);
    cr_expect_eq(e->refusals, how == 2);
    cr_expect_eq(e->praises, how == 3, "only what answers a miss is of use: %u", how);
    cr_expect_eq(wait_of(w, "a.lab.", TYPE_A, HOW_PLAIN), 0, "a hit is a hit");
    if (how == 3) cr_expect_str_eq(share_write_trouble(w->line.share), e->write_error);
    world_free(w);
    engine_script_free(e);
  }
}

/* Whoever is at the engine without the secret. */
Test(fleet, spoilt_entries_are_refused_counted_and_asked_for_upstream) {
  struct engine_script *e = engine_script_new();
  struct world *a = member(e), *b = member(e);
  client_ask_and_wait(a, "a.lab.", TYPE_A, HOW_PLAIN);
  at_the_same_time(a, b);
  struct engine_key *k = engine_script_find(e, "a.lab.", TYPE_A, a->now_ms);
  cr_assert_not_null(k);
  k->value[20] ^= 1;
  cr_expect_eq(wait_of(b, "a.lab.", TYPE_A, HOW_PLAIN), WORLD_DELAY_MS);
  cr_expect_eq(b->counters.shared_refused, 1);
  cr_expect_eq(b->counters.shared_found, 0);
  world_free(a);
  world_free(b);
  engine_script_free(e);
}

Test(fleet, an_old_entry_that_is_put_in_again_is_refused) {
  struct engine_script *e = engine_script_new();
  struct world *a = member(e), *b = member(e);
  client_ask_and_wait(a, "a.lab.", TYPE_A, HOW_PLAIN);
  struct engine_key old = *engine_script_find(e, "a.lab.", TYPE_A, a->now_ms);
  world_run_ms(a, 600000);
  at_the_same_time(a, b);
  old.end_ms = (uint64_t)e->clock_ms + b->now_ms + 59000;
  e->keys[7] = old;
  client_ask_and_wait(b, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_expect_eq(b->counters.shared_refused, 1);
  cr_expect_eq(upstream_asked(b, "a.lab.", TYPE_A), 1);
  world_free(a);
  world_free(b);
  engine_script_free(e);
}

Test(fleet, members_with_another_secret_or_namespace_do_not_meet) {
  struct engine_script *e = engine_script_new();
  struct world *a = member(e);
  client_ask_and_wait(a, "a.lab.", TYPE_A, HOW_PLAIN);
  struct engine_manner manners[] = {{.secret = 'x'}, {.space = "another"}};
  for (unsigned i = 0; i < 2; i++) {
    struct world *b = world_new(&(struct world_options){.engine = e, .fleet = manners[i]});
    zone_add(&b->zone, "a.lab.", TYPE_A, 60, rd_a("192.0.2.9"));
    at_the_same_time(a, b);
    client_ask_and_wait(b, "a.lab.", TYPE_A, HOW_PLAIN);
    cr_expect_eq(b->counters.shared_found, 0);
    cr_expect_eq(b->counters.shared_refused, i == 0);
    world_free(b);
  }
  world_free(a);
  engine_script_free(e);
}

Test(fleet, a_reader_takes_and_never_gives) {
  struct engine_script *e = engine_script_new();
  struct world *a = member(e);
  struct world *b = world_new(&(struct world_options){.engine = e, .fleet.is_reader = true});
  zone_add(&b->zone, "only.lab.", TYPE_A, 60, rd_a("192.0.2.9"));
  client_ask_and_wait(a, "a.lab.", TYPE_A, HOW_PLAIN);
  at_the_same_time(a, b);
  unsigned sets = e->sets;
  cr_expect_eq(wait_of(b, "a.lab.", TYPE_A, HOW_PLAIN), 0);
  cr_expect_eq(wait_of(b, "only.lab.", TYPE_A, HOW_PLAIN), WORLD_DELAY_MS);
  cr_expect_eq(e->sets, sets);
  cr_expect_null(engine_script_find(e, "only.lab.", TYPE_A, b->now_ms));
  world_free(a);
  world_free(b);
  engine_script_free(e);
}

Test(fleet, is_not_given_what_is_short_lived_unchecked_special_or_failed) {
  struct engine_script *e = engine_script_new();
  struct world *w = member(e);
  client_ask_and_wait(w, "b.lab.", TYPE_A, HOW_PLAIN);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_EDNS | HOW_CD);
  world_fault(w, "f.lab.", 0, FAULT_SERVFAIL);
  client_ask_and_wait(w, "f.lab.", TYPE_A, HOW_PLAIN);
  client_ask_and_wait(w, "localhost.", TYPE_A, HOW_PLAIN);
  client_ask_and_wait(w, "x.onion.", TYPE_A, HOW_PLAIN);
  cr_expect_eq(w->counters.shared_stored, 0);
  cr_expect_eq(e->sets, 0);
  world_free(w);
  engine_script_free(e);
}

Test(fleet, routes_are_shared_only_if_they_say_so_and_with_those_who_have_them) {
  struct engine_script *e = engine_script_new();
  static const uint8_t lab[] = "\3lab";
  for (unsigned shared = 0; shared < 2; shared++) {
    struct world *a = member(e), *b = member(e);
    a->tables.routes.count = 1;
    a->tables.routes.list[0] = (struct route){
        .upstream = &a->upstream, .is_shared = shared, .name_len = sizeof lab};
    memcpy(a->tables.routes.list[0].name, lab, sizeof lab);
    client_ask_and_wait(a, "a.lab.", TYPE_A, HOW_PLAIN);
    cr_expect_eq(engine_script_find(e, "a.lab.", TYPE_A, a->now_ms) != NULL, shared);
    at_the_same_time(a, b);
    cr_expect_eq(wait_of(b, "a.lab.", TYPE_A, HOW_PLAIN), WORLD_DELAY_MS, "it has no such route");
    a->tables.routes.count = 0;
    world_free(a);
    world_free(b);
    memset(e->keys, 0, ENGINE_KEYS * sizeof *e->keys);
  }
  engine_script_free(e);
}

/* A question is in flight when a reload gives its name servers that are not shared. */
static void reroute(struct world *w, struct routes *r) {
  struct forward_options o = *forward_options(w->wiring.forward);
  o.routes = r;
  forward_set_options(w->wiring.forward, &o);
  forward_reroute(w->wiring.forward, w->now_ms);
}

static struct routes private_to(struct world *w, struct upstream *u) {
  return (struct routes){
      .rest = &w->upstream, .count = 1, .list = {{.upstream = u, .name_len = 5, .name = "\3lab"}}};
}

Test(fleet, a_private_answer_to_a_question_from_before_a_reload_stays_private) {
  struct engine_script *e = engine_script_new();
  struct world *w = member(e);
  struct list sets;
  list_init(&sets);
  struct upstream *u = upstream_new(&sets, UPSTREAM_FASTEST);
  struct routes corp = private_to(w, u);
  script_server(&w->script, u, 1, "192.0.2.2");
  world_server_fault(w, 0, FAULT_LOST);
  struct heard *h = client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_run_ms(w, 10);
  reroute(w, &corp);
  client_wait(h);
  cr_expect(heard_truth(h));
  cr_expect_eq(upstream_last(w, "a.lab.", TYPE_A)->server, 1);
  world_run_ms(w, 10);
  cr_expect_eq(e->sets, 0);
  cr_expect_eq(w->counters.shared_stored, 0);
  upstream_release(u);
  reroute(w, &w->tables.routes);
  world_free(w);
  engine_script_free(e);
}

Test(fleet, what_the_fleet_knew_of_a_name_is_not_taken_once_it_is_private) {
  struct engine_script *e = engine_script_new();
  struct world *a = member(e), *b = member(e);
  struct routes corp = private_to(b, &b->upstream);
  client_ask_and_wait(a, "a.lab.", TYPE_A, HOW_PLAIN);
  at_the_same_time(a, b);
  e->late_ms = 10;
  struct heard *h = client_ask(b, "a.lab.", TYPE_A, HOW_PLAIN);
  world_run_ms(b, 6);
  reroute(b, &corp);
  client_wait(h);
  cr_expect_eq(b->counters.shared_found, 0);
  cr_expect_eq(upstream_asked(b, "a.lab.", TYPE_A), 1);
  world_run_ms(b, 100);
  reroute(b, &b->tables.routes);
  world_free(a);
  world_free(b);
  engine_script_free(e);
}

enum { MEMBERS = 20 };

static unsigned asked_of_all(struct world *const *all, const char *name) {
  unsigned n = 0;
  for (unsigned i = 0; i < MEMBERS; i++) n += upstream_asked(all[i], name, 0);
  return n;
}

Test(fleet, of_twenty_members_that_miss_a_name_at_once_one_asks) {
  struct engine_script *e = engine_script_new();
  struct world *all[MEMBERS];
  struct heard *heard[MEMBERS];
  for (unsigned i = 0; i < MEMBERS; i++) all[i] = member(e);
  for (unsigned i = 0; i < MEMBERS; i++) heard[i] = client_ask(all[i], "a.lab.", TYPE_A, HOW_PLAIN);
  world_run_all_ms(all, MEMBERS, 200);
  cr_expect_eq(asked_of_all(all, "a.lab."), 1);
  for (unsigned i = 0; i < MEMBERS; i++) {
    cr_expect_leq(heard_wait_ms(heard[i]), 2 * WORLD_DELAY_MS, "%u", (unsigned)heard_wait_ms(heard[i]));
    world_free(all[i]);
  }
  engine_script_free(e);
}

Test(fleet, what_can_not_be_shared_is_waited_for_once) {
  struct engine_script *e = engine_script_new();
  struct world *all[MEMBERS];
  struct heard *heard[MEMBERS];
  for (unsigned i = 0; i < MEMBERS; i++) all[i] = member(e);
  for (unsigned i = 0; i < MEMBERS; i++) heard[i] = client_ask(all[i], "b.lab.", TYPE_A, HOW_PLAIN);
  world_run_all_ms(all, MEMBERS, 300);
  for (unsigned i = 0; i < MEMBERS; i++) {
    cr_expect_leq(heard_wait_ms(heard[i]), 3 * WORLD_DELAY_MS, "%u", (unsigned)heard_wait_ms(heard[i]));
    world_free(all[i]);
  }
  engine_script_free(e);
}

Test(fleet, a_member_that_dies_with_a_lease_holds_others_up_for_a_moment) {
  struct engine_script *e = engine_script_new();
  struct world *a = member(e), *b = member(e);
  world_fault(a, "", 0, FAULT_LOST);
  struct heard *lost = client_ask(a, "a.lab.", TYPE_A, HOW_PLAIN);
  world_run_ms(a, 1);
  at_the_same_time(a, b);
  cr_expect_leq(wait_of(b, "a.lab.", TYPE_A, HOW_PLAIN), FLEET_AWAIT_MS + WORLD_DELAY_MS + 1);
  cr_expect_eq(b->counters.failed, 0);
  world_run_ms(a, PATIENCE_MS);
  cr_expect(is_answered(lost));
  world_free(a);
  world_free(b);
  engine_script_free(e);
}

Test(fleet, answers_that_never_come_in_time_are_not_waited_for_for_long) {
  struct engine_script *e = engine_script_new();
  struct world *a = member(e), *b = member(e);
  world_fault(a, "", 0, FAULT_LOST);
  for (unsigned i = 0; i < 6; i++) {
    char name[16];
    snprintf(name, sizeof name, "n%u.lab.", i);
    client_ask(a, name, TYPE_A, HOW_PLAIN);
    world_run_ms(a, 1);
    at_the_same_time(a, b);
    uint64_t ms = wait_of(b, name, TYPE_A, HOW_PLAIN);
    if (i < SHARE_VAIN_MAX) cr_expect_gt(ms, FLEET_AWAIT_MS / 2, "%u: %u", i, (unsigned)ms);
    else cr_expect_leq(ms, SHARE_WAIT_MAX_MS + WORLD_DELAY_MS, "%u: %u", i, (unsigned)ms);
    at_the_same_time(a, b);
  }
  world_run_ms(a, PATIENCE_MS);
  world_free(a);
  world_free(b);
  engine_script_free(e);
}

Test(fleet, a_client_that_joins_an_awaited_renewal_waits_as_for_any_other_lease) {
  struct engine_script *e = engine_script_new();
  struct world *w = world_new(&(struct world_options){.engine = e, .xmpp.prefetch = true});
  zone_add(&w->zone, "a.lab.", TYPE_A, 60, rd_a("192.0.2.9"));
  world_run_ms(w, 1);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_run_ms(w, 10);
  memset(e->keys, 0, ENGINE_KEYS * sizeof *e->keys);
  e->holds_leases = true;
  for (unsigned ms = 0; ms < 70000 && !w->counters.renewed; ms += 50) {
    if (ms < 58000 && ms % 500 == 0) client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN);
    world_run_ms(w, 50);
  }
  cr_assert_eq(w->counters.renewed, 1);

  cache_flush(w->cache, &(struct cache_which){0});
  uint64_t ms = wait_of(w, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_expect(ms > 100 && ms <= FLEET_AWAIT_MS + WORLD_DELAY_MS, "%u", (unsigned)ms);
  world_free(w);
  engine_script_free(e);
}

Test(fleet, of_twenty_members_in_steady_use_hardly_more_than_one_asks_a_ttl) {
  enum { SECONDS = 620, PERIODS = SECONDS / 60 };
  struct engine_script *e = engine_script_new();
  struct world *all[MEMBERS];
  for (unsigned i = 0; i < MEMBERS; i++) {
    all[i] = world_new(&(struct world_options){.engine = e, .xmpp.prefetch = true});
    zone_add(&all[i]->zone, "a.lab.", TYPE_A, 60, rd_a("192.0.2.9"));
    world_run_ms(all[i], 1);
  }
  unsigned waited = 0;
  for (unsigned s = 0; s < SECONDS; s++) {
    for (unsigned i = 0; i < MEMBERS; i++)
      if ((s + i) % 4 == 0) client_ask(all[i], "a.lab.", TYPE_A, HOW_PLAIN);
    world_run_all_ms(all, MEMBERS, 1000);
  }
  for (unsigned i = 0; i < MEMBERS; i++) waited += (unsigned)all[i]->counters.miss;
  cr_expect_leq(asked_of_all(all, "a.lab."), PERIODS * 3 / 2, "%u questions in %d TTLs",
                asked_of_all(all, "a.lab."), PERIODS);
  cr_expect_leq(waited, 2 * MEMBERS, "%u", waited);
  for (unsigned i = 0; i < MEMBERS; i++) world_free(all[i]);
  engine_script_free(e);
}

Test(fleet, a_new_member_walks_a_known_domain_without_a_server) {
  struct engine_script *e = engine_script_new();
  struct world *all[2];
  for (unsigned i = 0; i < 2; i++) {
    all[i] = world_new(
        &(struct world_options){.engine = e, .xmpp.prefetch = true, .xmpp.expand = XMPP_EXPAND_CACHED});
    zone_add_domain(&all[i]->zone, 1, 300);
    world_run_ms(all[i], 1);
  }
  for (unsigned i = 0; i < 2; i++) {
    client_ask_and_wait(all[i], "_xmpp-client._tcp.d1.lab.", TYPE_SRV, HOW_PLAIN);
    world_run_ms(all[i], 500);
    if (i == 0) at_the_same_time(all[0], all[1]);
  }
  cr_expect_gt(upstream_asked(all[0], "", 0), 1, "families are asked ahead");
  cr_expect_eq(upstream_asked(all[1], "", 0), 0, "%u", upstream_asked(all[1], "", 0));
  for (unsigned i = 0; i < 2; i++) world_free(all[i]);
  engine_script_free(e);
}

Test(fleet, that_the_engine_takes_no_answers_is_said_until_it_takes_one) {
  struct engine_script *e = engine_script_new();
  struct world *w = member(e);
  e->write_error = "OOM command not allowed when used memory > 'maxmemory'.";
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_run_ms(w, 10 * SHARE_WRITE_REST_MS);
  cr_expect_str_eq(share_write_trouble(w->line.share), e->write_error);
  e->write_error = NULL;
  client_ask_and_wait(w, "a.lab.", TYPE_AAAA, HOW_PLAIN);
  world_run_ms(w, 10);
  cr_expect_str_eq(share_write_trouble(w->line.share), "");
  world_free(w);
  engine_script_free(e);
}

Test(fleet, a_flush_takes_all_types_of_a_name) {
  struct engine_script *e = engine_script_new();
  struct world *w = member(e);
  static const uint8_t name[] = "\1a\3lab";
  uint64_t view = 0;
  static const uint16_t types[] = {TYPE_A, TYPE_SRV, TYPE_TLSA, TYPE_HTTPS, 39, 44, 61, 257, 260};
  enum { COUNT = sizeof types / sizeof *types };
  for (unsigned i = 0; i < COUNT; i++)
    client_ask_and_wait(w, "a.lab.", types[i], i % 2 ? HOW_EDNS | HOW_DO : HOW_PLAIN);
  cr_expect_eq(engine_script_entries(e), COUNT);
  cr_expect(share_flush(w->line.share, name, sizeof name, &view, 1, w->now_ms));
  cr_expect_eq(engine_script_entries(e), 0);
  world_run_ms(w, 1);
  world_free(w);
  engine_script_free(e);
}
