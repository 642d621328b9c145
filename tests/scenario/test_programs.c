/* test_programs.c: how long each XMPP program waits for DNS before its first connect, in upstream round
 * trips, and what that costs the upstream. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "scenario/walk.h"

enum { TTL = 60, DANE = PROGRAM_PROSODY_DANE };

/* A row for each program, a column for each kind of domain (scenario/zone.h). SRV, then addresses: two trips;
 * one where the addresses are the domain's own, which were asked for with the SRV. What else stands here:
 * - DANE: the name of a TLSA record is known with the SRV only, so the same trip as the addresses, and once
 *   more for a domain without SRV; from the second domain on it is asked ahead, see below.
 * - Openfire asks for _jabber when there is no SRV.
 * - libpurple's TXT is never asked ahead. */
static const struct row {
  unsigned trips[KINDS];
  unsigned asked[KINDS]; /* upstream questions */
} cold[PROGRAMS] = {
    {{2, 2, 1, 1, 2}, {6, 8, 5, 4, 6}},  /* prosody */
    {{2, 2, 2, 2, 2}, {7, 10, 6, 5, 7}}, /* with DANE */
    {{2, 2, 1, 1, 2}, {6, 8, 5, 4, 6}},  /* with net/dns.lua */
    {{2, 2, 1, 1, 2}, {6, 8, 5, 4, 6}},  /* ejabberd */
    {{2, 2, 1, 1, 2}, {6, 8, 5, 4, 6}},  /* mongooseim */
    {{2, 2, 2, 1, 2}, {6, 8, 5, 4, 6}},  /* openfire */
    {{2, 2, 1, 1, 2}, {6, 8, 5, 4, 6}},  /* metronome */
    {{2, 2, 1, 1, 2}, {6, 8, 4, 4, 6}},  /* conversations */
    {{2, 2, 1, 1, 2}, {6, 8, 4, 4, 6}},  /* smack */
    {{2, 2, 1, 1, 2}, {6, 8, 4, 4, 6}},  /* dino */
    {{2, 2, 1, 1, 2}, {6, 8, 4, 4, 6}},  /* gajim */
    {{2, 2, 1, 1, 2}, {6, 8, 4, 4, 6}},  /* slixmpp */
    {{2, 2, 1, 1, 2}, {6, 8, 4, 4, 6}},  /* libstrophe */
    {{2, 2, 1, 1, 2}, {6, 8, 4, 4, 6}},  /* profanity */
    {{2, 2, 1, 1, 2}, {6, 8, 4, 4, 6}},  /* gloox */
    {{3, 3, 2, 2, 3}, {7, 9, 5, 5, 7}},  /* libpurple */
};

static struct world *world_of(const struct world_options *o) {
  struct world *w = world_new(o);
  for (unsigned kind = 0; kind < 2 * KINDS; kind++) zone_add_domain(&w->zone, kind, TTL);
  w->zone.negative_ttl = TTL;
  return w;
}

/* Walks, checks that every answer was right, and returns the wait in round trips. */
static unsigned walk(struct world *w, const struct program *p, unsigned num) {
  struct walk k;
  char domain[32];
  snprintf(domain, sizeof domain, "d%u.lab.", num);
  uint64_t start_ms = w->now_ms;
  program_walk(p, w, domain, &k);
  for (unsigned i = 0; i < k.count; i++)
    cr_expect(heard_truth(k.asked[i]), "%s, %s, answer %u", p->name, domain, i);
  uint64_t waited_ms = w->now_ms - start_ms;
  cr_expect_eq(waited_ms % WORLD_DELAY_MS, 0);
  return (unsigned)(waited_ms / WORLD_DELAY_MS);
}

Test(programs, wait_two_round_trips_at_most_for_an_unknown_domain) {
  for (unsigned i = 0; i < PROGRAMS; i++) {
    for (unsigned kind = 0; kind < KINDS; kind++) {
      struct world *w = world_of(&(struct world_options){.xmpp.prefetch = true});
      unsigned trips = walk(w, &programs[i], kind);
      world_run_ms(w, 2000);
      cr_expect_eq(trips, cold[i].trips[kind], "%s, kind %u: %u trips", programs[i].name, kind, trips);
      cr_expect_eq(w->script.asked_count, cold[i].asked[kind], "%s, kind %u: %u questions", programs[i].name,
                   kind, w->script.asked_count);
      world_free(w);
    }
  }
}

Test(programs, do_not_wait_longer_for_addresses_put_into_srv_answers) {
  for (unsigned i = 0; i < PROGRAMS; i++) {
    for (unsigned kind = 0; kind < KINDS; kind++) {
      for (unsigned expand = XMPP_EXPAND_CACHED; expand <= XMPP_EXPAND_WAIT; expand++) {
        struct world *w = world_of(
            &(struct world_options){.xmpp.prefetch = true, .xmpp.expand = (enum xmpp_expand)expand});
        unsigned trips = walk(w, &programs[i], kind);
        /* An SRV held for its addresses lets a first TLSA question out one trip later. */
        unsigned most = cold[i].trips[kind] + (i == DANE && expand == XMPP_EXPAND_WAIT);
        cr_expect_leq(trips, most, "%s, kind %u, expand %u: %u trips", programs[i].name, kind, expand, trips);
        world_run_ms(w, 2000);
        world_free(w);
      }
    }
  }
}

Test(programs, wait_for_nothing_the_second_time) {
  for (unsigned i = 0; i < PROGRAMS; i++) {
    for (unsigned kind = 0; kind < KINDS; kind++) {
      struct world *w = world_of(&(struct world_options){.xmpp.prefetch = true});
      walk(w, &programs[i], kind);
      world_run_ms(w, 10000);
      unsigned before = w->script.asked_count;
      cr_expect_eq(walk(w, &programs[i], kind), 0, "%s, kind %u", programs[i].name, kind);
      cr_expect_eq(w->script.asked_count, before, "%s, kind %u", programs[i].name, kind);
      world_free(w);
    }
  }
}

/* Everything ran out; that it was there and used tells what to ask for. */
Test(programs, wait_one_round_trip_after_everything_ran_out) {
  for (unsigned i = 0; i < PROGRAMS; i++) {
    bool is_libpurple = i == PROGRAM_LIBPURPLE; /* its TXT is not asked ahead */
    for (unsigned kind = 0; kind < KINDS; kind++) {
      struct world *w = world_of(&(struct world_options){.xmpp.prefetch = true});
      walk(w, &programs[i], kind);
      for (unsigned visit = 1; visit <= 2; visit++) {
        world_run_ms(w, 2 * TTL * 1000);
        unsigned before = w->script.asked_count, trips = walk(w, &programs[i], kind);
        cr_expect_eq(trips, is_libpurple ? 2 : 1, "%s, kind %u, visit %u: %u trips", programs[i].name, kind,
                     visit, trips);
        world_run_ms(w, 2000);
        cr_expect_leq(w->script.asked_count - before, cold[i].asked[kind], "%s, kind %u", programs[i].name,
                      kind);
      }
      world_free(w);
    }
  }
}

/* The usual TTLs: hours for SRV, minutes for the rest. Smack also asks for the domain's own addresses,
 * after the target's. */
Test(programs, wait_one_round_trip_when_all_but_the_srv_ran_out) {
  for (unsigned i = 0; i < PROGRAMS; i++) {
    bool is_smack = strcmp(programs[i].name, "smack") == 0,
         is_libpurple = strcmp(programs[i].name, "libpurple") == 0;
    for (unsigned kind = 0; kind < KINDS; kind++) {
      struct world *w = world_of(
          &(struct world_options){.xmpp.prefetch = true, .xmpp.expand = XMPP_EXPAND_CACHED});
      for (unsigned k = 0; k < w->zone.count; k++) {
        if (w->zone.records[k].type == TYPE_SRV) w->zone.records[k].ttl = 18000;
      }
      walk(w, &programs[i], kind);
      for (unsigned visit = 1; visit <= 3; visit++) {
        world_run_ms(w, 2 * TTL * 1000);
        unsigned trips = walk(w, &programs[i], kind), most = 1 + (is_smack || is_libpurple);
        cr_expect_leq(trips, most, "%s, kind %u, visit %u: %u trips", programs[i].name, kind, visit, trips);
      }
      world_free(w);
    }
  }
}

/* In use all the time: what a server does that delivers a message now and then. */
Test(programs, that_come_back_within_half_the_ttl_never_wait_again) {
  for (unsigned i = 0; i < PROGRAMS; i++) {
    for (unsigned kind = 0; kind < KINDS; kind++) {
      struct world *w = world_of(&(struct world_options){.xmpp.prefetch = true});
      walk(w, &programs[i], kind);
      for (unsigned visit = 0; visit < 20; visit++) {
        world_run_ms(w, TTL * 400);
        cr_expect_eq(walk(w, &programs[i], kind), 0, "%s, kind %u, visit %u", programs[i].name, kind, visit);
      }
      world_free(w);
    }
  }
}

Test(programs, that_use_dane_wait_no_longer_than_others_from_the_second_domain_on) {
  static const unsigned trips[KINDS] = {2, 2, 1, 1, 2};
  for (unsigned kind = 0; kind < KINDS; kind++) {
    struct world *w = world_of(&(struct world_options){.xmpp.prefetch = true});
    walk(w, &programs[DANE], kind);
    world_run_ms(w, 1000);
    unsigned got = walk(w, &programs[DANE], kind + KINDS);
    cr_expect_eq(got, trips[kind], "kind %u: %u trips", kind, got);
    world_run_ms(w, 1000);
    world_free(w);
  }
}

Test(programs, of_two_kinds_on_one_host_share_nothing_wrong) {
  for (unsigned kind = 0; kind < KINDS; kind++) {
    struct world *w = world_of(
        &(struct world_options){.xmpp.prefetch = true, .xmpp.expand = XMPP_EXPAND_CACHED});
    w->zone.is_signed = true;
    for (unsigned round = 0; round < 3; round++) {
      for (unsigned i = 0; i < PROGRAMS; i++) walk(w, &programs[i], kind);
      world_run_ms(w, round * 35000);
    }
    world_free(w);
  }
}
