/* test_kin.c: subdomains that are asked for after a domain come with it when it comes back; how much that may
 * cost. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "scenario/walk.h"

static const char *const rooms[] = {"conference", "upload", "pubsub"};
enum { ROOMS = sizeof rooms / sizeof *rooms, TTL = 60 };

/* How a domain's subdomains are served. */
enum style { SHARE_THE_HOST, OWN_HOSTS, NO_SRV, STYLES };

static void add_room(struct world *w, const char *room, const char *domain, enum style style) {
  char name[80], host[80];
  snprintf(name, sizeof name, "_xmpp-server._tcp.%s.%s", room, domain);
  snprintf(host, sizeof host, style == SHARE_THE_HOST ? "srv.%s%s" : "%s.%s",
           style == SHARE_THE_HOST ? "" : room, domain);
  if (style != NO_SRV) zone_add(&w->zone, name, TYPE_SRV, TTL, rd_srv(0, 5, 5269, host));
  if (style == SHARE_THE_HOST) return;
  zone_add(&w->zone, host, TYPE_A, TTL, rd_a("192.0.2.77"));
}

/* One domain with a host of its own, and its subdomains. */
static struct world *world_of(enum style style, enum xmpp_expand expand) {
  struct world *w = world_new(&(struct world_options){.xmpp.prefetch = true, .xmpp.expand = expand});
  w->zone.negative_ttl = TTL;
  zone_add(&w->zone, "_xmpp-server._tcp.d.lab.", TYPE_SRV, TTL, rd_srv(0, 5, 5269, "srv.d.lab."));
  zone_add(&w->zone, "srv.d.lab.", TYPE_A, TTL, rd_a("192.0.2.7"));
  zone_add(&w->zone, "d.lab.", TYPE_A, TTL, rd_a("192.0.2.8"));
  for (unsigned i = 0; i < ROOMS; i++) add_room(w, rooms[i], "d.lab.", style);
  return w;
}

/* Each that was made is used, wasted, or may yet be wanted. */
static void finish(struct world *w) {
  unsigned open = 0;
  for (unsigned i = 0; w->kin.table && i < KIN_DOMAINS; i++) {
    for (unsigned k = 0; k < KIN_EACH; k++) open += w->kin.table->domains[i].members[k].made;
  }
  cr_expect_eq(w->counters.kin_made, w->counters.kin_used + w->counters.kin_wasted + open,
               "made %lu, used %lu, wasted %lu, open %u", (unsigned long)w->counters.kin_made,
               (unsigned long)w->counters.kin_used, (unsigned long)w->counters.kin_wasted, open);
  world_free(w);
}

/* With what such a program asks besides, so many fit into sixteen questions. */
static unsigned fitting(const struct program *p, enum style style) {
  bool asks_more = p->traits & PROGRAM_TLSA || strcmp(p->name, "openfire") == 0;
  return asks_more && style != SHARE_THE_HOST ? 2 : ROOMS;
}

/* Walks to the domain and on to `n` of its subdomains; returns how long all that took. */
static uint64_t visit(struct world *w, const struct program *p, unsigned n) {
  struct walk walk;
  char name[64];
  uint64_t begun_ms = w->now_ms;
  program_walk(p, w, "d.lab.", &walk);
  cr_expect_gt(walk.hosts.count, 0u);
  for (unsigned i = 0; i < n; i++) {
    snprintf(name, sizeof name, "%s.d.lab.", rooms[i]);
    program_walk(p, w, name, &walk);
    cr_expect_gt(walk.hosts.count, 0u);
  }
  return w->now_ms - begun_ms;
}

static struct heard *ask_service(struct world *w, const char *domain) {
  char name[400];
  snprintf(name, sizeof name, "_xmpp-server._tcp.%s", domain);
  return client_ask(w, name, TYPE_SRV, HOW_PLAIN);
}

Test(kin, a_second_visit_to_a_domain_and_its_rooms_waits_for_one_round_trip_in_all) {
  for (unsigned id = 0; id < PROGRAM_COUNT; id++) {
    if (!programs[id].server) continue;
    for (unsigned i = 0; i < STYLES * 2; i++) {
      enum style style = (enum style)(i / 2);
      unsigned n = fitting(&programs[id], style);
      struct world *w = world_of(style, i % 2 ? XMPP_EXPAND_CACHED : XMPP_EXPAND_OFF);
      uint64_t first_ms = visit(w, &programs[id], n);
      cr_expect_geq(first_ms, (1 + n) * WORLD_DELAY_MS, "the first visit waits for each");
      for (unsigned again = 0; again < 3; again++) {
        world_run_ms(w, (TTL + 30) * 1000);
        uint64_t ms = visit(w, &programs[id], n);
        cr_expect_leq(ms, WORLD_DELAY_MS + 1, "%s, style %u, visit %u: %lu ms after %lu", programs[id].name,
                      style, 2 + again, (unsigned long)ms, (unsigned long)first_ms);
      }
      cr_expect_geq(w->counters.kin_used, n);
      cr_expect_eq(w->counters.kin_wasted, 0);
      finish(w);
    }
  }
}

Test(kin, without_prefetch_each_waits) {
  struct world *w = world_of(SHARE_THE_HOST, XMPP_EXPAND_OFF);
  xmpp_set_policy(w->wiring.xmpp, &(struct xmpp_policy){0});
  visit(w, program_of("prosody"), ROOMS);
  world_run_ms(w, (TTL + 30) * 1000);
  cr_expect_geq(visit(w, program_of("prosody"), ROOMS), (1 + ROOMS) * WORLD_DELAY_MS);
  cr_expect_null(w->kin.table, "no memory either");
  finish(w);
}

Test(kin, rooms_are_renewed_with_a_domain_in_use) {
  struct world *w = world_of(SHARE_THE_HOST, XMPP_EXPAND_CACHED);
  visit(w, program_of("prosody"), ROOMS);
  /* the domain alone is in use, for three TTLs; then the rooms are wanted again */
  for (unsigned i = 0; i < 3 * TTL; i += 5) {
    world_run_ms(w, 5000);
    visit(w, program_of("prosody"), 0);
  }
  uint64_t ms = visit(w, program_of("prosody"), ROOMS);
  cr_expect_eq(ms, 0, "%lu ms", (unsigned long)ms);
  finish(w);
}

/* Visits the domain every so often, a room every so often, for three hours; returns how many of those visits
 * to the room waited, but the first. */
static unsigned waits_for_room(struct world *w, unsigned domain_s, unsigned room_s) {
  const struct program *p = program_of("prosody");
  unsigned waits = 0;
  struct walk walk;
  for (unsigned s = 0; s < 3 * 3600; s += domain_s) {
    program_walk(p, w, "d.lab.", &walk);
    uint64_t begun_ms = w->now_ms;
    if (s % room_s == 0) program_walk(p, w, "conference.d.lab.", &walk);
    waits += s > 0 && w->now_ms > begun_ms;
    world_run_ms(w, domain_s * 1000);
  }
  return waits;
}

static void add_pair(struct world *w, uint32_t domain_ttl, uint32_t room_ttl, uint32_t negative_ttl) {
  zone_clear(&w->zone);
  w->zone.negative_ttl = negative_ttl;
  zone_add(&w->zone, "_xmpp-server._tcp.d.lab.", TYPE_SRV, domain_ttl, rd_srv(0, 5, 5269, "srv.d.lab."));
  zone_add(&w->zone, "srv.d.lab.", TYPE_A, domain_ttl, rd_a("192.0.2.7"));
  zone_add(&w->zone, "_xmpp-server._tcp.conference.d.lab.", TYPE_SRV, room_ttl,
           rd_srv(0, 5, 5269, "muc.d.lab."));
  zone_add(&w->zone, "muc.d.lab.", TYPE_A, domain_ttl, rd_a("192.0.2.8"));
}

/* Its uses are hits that nobody notes. */
Test(kin, a_room_whose_services_outlive_its_hosts_addresses_is_not_taken_for_useless) {
  for (unsigned i = 0; i < 4; i++) {
    struct world *w = world_of(SHARE_THE_HOST, i % 2 ? XMPP_EXPAND_CACHED : XMPP_EXPAND_OFF);
    add_pair(w, TTL, 3600, i / 2 ? 3600 : TTL);
    unsigned waits = waits_for_room(w, 10, 200);
    cr_expect_leq(waits, 1, "row %u: %u", i, waits);
    finish(w);
  }
}

/* Who comes a little after the TTL each time is the first to use what was renewed. */
Test(kin, rooms_are_renewed_with_a_domain_that_is_used_just_after_each_renewal) {
  for (unsigned i = 0; i < 2; i++) {
    struct world *w = world_of(SHARE_THE_HOST, i ? XMPP_EXPAND_CACHED : XMPP_EXPAND_OFF);
    add_pair(w, 300, 300, 300);
    visit(w, program_of("prosody"), 1);
    world_run_ms(w, 200000);
    visit(w, program_of("prosody"), 1);
    world_run_ms(w, 110000);
    unsigned waits = waits_for_room(w, 310, 620);
    cr_expect_leq(waits, 1, "expand %u: %u", i, waits);
    finish(w);
  }
}

Test(kin, rooms_that_nobody_wants_any_more_are_not_renewed) {
  struct world *w = world_of(OWN_HOSTS, XMPP_EXPAND_CACHED);
  visit(w, program_of("prosody"), ROOMS);
  for (unsigned i = 0; i < 3600; i += 5) {
    world_run_ms(w, 5000);
    visit(w, program_of("prosody"), 0);
  }
  unsigned before = upstream_asked(w, "_xmpp-server._tcp.conference.d.lab.", TYPE_SRV);
  cr_expect_eq(before, 1 + KIN_WEIGHT_NEW, "%u", before);
  cr_expect_eq(w->counters.kin_made, ROOMS * KIN_WEIGHT_NEW);

  /* they come with a domain that comes back */
  world_run_ms(w, 3600000);
  cr_expect_leq(visit(w, program_of("prosody"), ROOMS), WORLD_DELAY_MS + 1);
  finish(w);
}

Test(kin, what_was_of_no_use_once_is_not_asked_for_with_a_domain_that_comes_back) {
  struct world *w = world_of(SHARE_THE_HOST, XMPP_EXPAND_CACHED);
  visit(w, program_of("prosody"), ROOMS);
  for (unsigned i = 0; i < 5; i++) {
    world_run_ms(w, (TTL + 30) * 1000);
    visit(w, program_of("prosody"), 0);
  }
  cr_expect_eq(upstream_asked(w, "_xmpp-server._tcp.conference.d.lab.", TYPE_SRV), 2);
  finish(w);
}

Test(kin, a_subdomain_that_is_asked_for_long_after_its_domain_is_not_learnt) {
  struct world *w = world_of(SHARE_THE_HOST, XMPP_EXPAND_CACHED);
  visit(w, program_of("prosody"), 0);
  world_run_ms(w, (KIN_WINDOW_S + 2) * 1000);
  client_wait(ask_service(w, "conference.d.lab."));
  world_run_ms(w, 2 * KIN_WINDOW_S * 1000);
  visit(w, program_of("prosody"), 0);
  cr_expect_eq(w->counters.kin_made, 0);
  finish(w);
}

/* Clients' services teach nothing about servers' ones. */
Test(kin, each_side_has_its_own) {
  struct world *w = world_of(SHARE_THE_HOST, XMPP_EXPAND_CACHED);
  client_ask_and_wait(w, "_xmpp-client._tcp.d.lab.", TYPE_SRV, HOW_PLAIN);
  client_wait(ask_service(w, "conference.d.lab."));
  world_run_ms(w, 2 * TTL * 1000);
  client_ask_and_wait(w, "_xmpp-client._tcp.d.lab.", TYPE_SRV, HOW_PLAIN);
  client_wait(ask_service(w, "d.lab."));
  cr_expect_eq(w->counters.kin_made, 0);
  finish(w);
}

/* ---- bounds ---- */

/* Without those that were sent again. */
static unsigned asked_since(const struct world *w, unsigned from) {
  unsigned n = 0;
  for (unsigned i = from; i < w->script.asked_count; i++) {
    const struct upstream_question *u = &w->script.asked[i];
    unsigned k = from;
    while (k < i && (strcmp(w->script.asked[k].name, u->name) != 0 || w->script.asked[k].type != u->type))
      k++;
    n += k == i;
  }
  return n;
}

/* A domain whose rooms each name many hosts elsewhere, others each time, slowly. */
static void add_hostile_rooms(struct world *w, unsigned rooms_count, unsigned life) {
  char name[80], host[80];
  zone_clear(&w->zone);
  zone_add(&w->zone, "_xmpp-server._tcp.d.lab.", TYPE_SRV, TTL, rd_srv(0, 5, 5269, "srv.d.lab."));
  for (unsigned i = 0; i < rooms_count; i++) {
    snprintf(name, sizeof name, "_xmpp-server._tcp.r%u.d.lab.", i);
    for (unsigned k = 0; k < 20; k++) {
      snprintf(host, sizeof host, "h%u.v%u.victim%u.lab.", k, life, i);
      zone_add(&w->zone, name, TYPE_SRV, TTL, rd_srv(0, 5, 5269, host));
    }
    world_late(w, name, TYPE_SRV, 300 + 700 * (i % 3));
  }
}

Test(kin, a_hostile_domain_costs_sixteen_questions_for_one_of_a_client_at_most) {
  for (unsigned expand = 0; expand < 3; expand++) {
    struct world *w = world_new(
        &(struct world_options){.xmpp.prefetch = true, .xmpp.expand = (enum xmpp_expand)expand});
    add_hostile_rooms(w, 40, 0);
    client_wait(ask_service(w, "d.lab."));
    for (unsigned i = 0; i < 40; i++) {
      char room[32];
      snprintf(room, sizeof room, "r%u.d.lab.", i);
      client_wait(ask_service(w, room));
      world_run_ms(w, 1500);
    }
    for (unsigned life = 1; life <= 5; life++) {
      world_run_ms(w, 2 * TTL * 1000);
      add_hostile_rooms(w, 40, life);
      unsigned before = w->script.asked_count;
      client_wait(ask_service(w, "d.lab."));
      world_run_ms(w, 20000);
      cr_expect_leq(asked_since(w, before), 16, "expand %u, life %u: %u", expand, life,
                    asked_since(w, before));
    }
    finish(w);
  }
}

/* Everything that came up to an hour after one question, late answers and renewals too. */
Test(kin, a_hostile_domain_in_use_costs_sixteen_questions_for_each_of_a_client_at_most) {
  struct world *w = world_new(
      &(struct world_options){.xmpp.prefetch = true, .xmpp.expand = XMPP_EXPAND_CACHED});
  add_hostile_rooms(w, 6, 0);
  unsigned asked = 0;
  for (unsigned i = 0; i < 600; i++) {
    char room[32];
    snprintf(room, sizeof room, "r%u.d.lab.", i % 6);
    ask_service(w, i % 100 < 6 ? room : "d.lab.");
    asked++;
    world_run_ms(w, 7000);
    if (i % 50 == 0) add_hostile_rooms(w, 6, i);
  }
  world_run_ms(w, 3600000);
  cr_expect_leq(w->script.asked_count, 16 * asked, "%u for %u", w->script.asked_count, asked);
  finish(w);
}

Test(kin, a_client_that_makes_up_names_finds_six_a_domain_and_a_thousand_domains_learnt_at_most) {
  struct world *w = world_new(&(struct world_options){.xmpp.prefetch = true});
  w->zone.negative_ttl = TTL;
  for (unsigned i = 0; i < 3000; i++) {
    char name[64];
    snprintf(name, sizeof name, "d%u.lab.", i);
    ask_service(w, name);
    for (unsigned k = 0; k < 8; k++) {
      snprintf(name, sizeof name, "r%u.d%u.lab.", k, i);
      ask_service(w, name);
    }
    world_run_ms(w, 20);
  }
  world_run_ms(w, 20000);

  /* none of it was of use: a domain comes back with six of them, once */
  world_run_ms(w, 2 * TTL * 1000);
  unsigned before = w->script.asked_count;
  client_wait(ask_service(w, "d2999.lab."));
  world_run_ms(w, 20000);
  cr_expect_leq(w->script.asked_count - before, 16, "%u", w->script.asked_count - before);
  cr_expect_eq(w->counters.kin_made, KIN_EACH);
  finish(w);
}

/* Those in use stay while others are made up. */
Test(kin, what_has_been_of_use_outlives_a_flood_of_made_up_names) {
  struct world *w = world_of(SHARE_THE_HOST, XMPP_EXPAND_CACHED);
  visit(w, program_of("prosody"), ROOMS);
  world_run_ms(w, 2 * TTL * 1000);
  visit(w, program_of("prosody"), ROOMS);
  for (unsigned i = 0; i < 5000; i++) {
    char name[64];
    snprintf(name, sizeof name, "f%u.lab.", i);
    ask_service(w, name);
    snprintf(name, sizeof name, "conference.f%u.lab.", i);
    ask_service(w, name);
    world_run_ms(w, 20);
  }
  world_run_ms(w, 2 * TTL * 1000);
  uint64_t made = w->counters.kin_made;
  visit(w, program_of("prosody"), ROOMS);
  cr_expect_eq(w->counters.kin_made - made, ROOMS);
  finish(w);
}

Test(kin, a_long_label_is_not_learnt_and_a_name_of_255_octets_is) {
  struct world *w = world_new(&(struct world_options){.xmpp.prefetch = true});
  char domain[260], room[300];
  w->zone.negative_ttl = TTL;
  client_wait(ask_service(w, "d.lab."));
  client_wait(ask_service(w, "abcdefghijklmnopqrstuvwx.d.lab."));
  /* 226 octets, with 29 before them for the room's service */
  int len = snprintf(domain, sizeof domain, "d.aaaaaa.");
  while (len < 225) len += snprintf(domain + len, sizeof domain - (size_t)len, "aaaaaaaa.");
  snprintf(room, sizeof room, "conference.%s", domain);
  client_wait(ask_service(w, domain));
  client_wait(ask_service(w, room));
  world_run_ms(w, 400000);

  client_wait(ask_service(w, "d.lab."));
  client_wait(ask_service(w, domain));
  world_run_ms(w, 20000);
  cr_expect_eq(w->counters.kin_made, 1);
  const char *last = w->script.asked[w->script.asked_count - 1].name;
  cr_expect_eq(strncmp(last, "_xmpp-server._tcp.conference.d.aaaaaa.", 38), 0, "%s", last);
  finish(w);
}
