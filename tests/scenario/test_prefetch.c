/* test_prefetch.c: what is asked ahead of an XMPP program, when, and what never is. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "scenario/kit.h"

static struct world *world_ahead(unsigned first, unsigned last, uint32_t ttl) {
  struct world *w = world_new(&(struct world_options){.xmpp.prefetch = true});
  w->zone.negative_ttl = ttl;
  for (unsigned i = first; i <= last; i++) zone_add_domain(&w->zone, i, ttl);
  return w;
}

static const char *type_word(uint16_t type) {
  switch (type) {
  case TYPE_A: return "A";
  case TYPE_AAAA: return "AAAA";
  case TYPE_SRV: return "SRV";
  case TYPE_TLSA: return "TLSA";
  default: return "other";
  }
}

static int compare_lines(const void *a, const void *b) { return strcmp(a, b); }

typedef char line[96];

/* Everything that reached the upstream from its `from`-th question on, one "+ms name TYPE" each, must be
 * these, in any order. */
static void expect_asked(const struct world *w, unsigned from, uint64_t since_ms, const line *want,
                         unsigned n) {
  static line seen[256];
  static line sorted[256];
  unsigned count = 0;

  for (unsigned i = from; i < w->script.asked_count && count < 256; i++) {
    const struct upstream_question *u = &w->script.asked[i];
    snprintf(seen[count++], sizeof *seen, "+%lu %s %s", (unsigned long)(u->at_ms - since_ms), u->name,
             type_word(u->type));
  }

  memcpy(sorted, want, n * sizeof *want);
  qsort(seen, count, sizeof *seen, compare_lines);
  qsort(sorted, n, sizeof *sorted, compare_lines);
  cr_expect_eq(count, n, "%u questions, %u expected", count, n);
  for (unsigned i = 0; i < count || i < n; i++) {
    const char *a = i < count ? seen[i] : "nothing", *b = i < n ? sorted[i] : "nothing";
    cr_expect_str_eq(a, b, "asked %s, expected %s", a, b);
  }
}
#define EXPECT_ASKED(w, from, since_ms, ...)                                                                 \
  expect_asked(w, from, since_ms, (const line[]){__VA_ARGS__},                                               \
               sizeof((const line[]){__VA_ARGS__}) / sizeof(line))

Test(prefetch, a_server_srv_is_followed_by_its_family_at_once_and_by_its_targets_with_the_answer) {
  struct world *w = world_ahead(1, 1, 60);
  client_ask(w, "_xmpp-server._tcp.d1.lab.", TYPE_SRV, HOW_PLAIN);
  world_run_ms(w, 5000);
  EXPECT_ASKED(w, 0, WORLD_START_MS, "+0 _xmpp-server._tcp.d1.lab. SRV", "+0 _xmpps-server._tcp.d1.lab. SRV",
               "+0 d1.lab. A", "+0 d1.lab. AAAA", "+40 h0.d1.lab. A", "+40 h0.d1.lab. AAAA",
               "+40 h1.d1.lab. A", "+40 h1.d1.lab. AAAA");
  cr_expect_eq(w->counters.background, 7);
  world_free(w);
}

Test(prefetch, a_direct_tls_server_srv_does_the_same) {
  struct world *w = world_ahead(4, 4, 60);
  client_ask(w, "_xmpps-server._tcp.d4.lab.", TYPE_SRV, HOW_PLAIN);
  world_run_ms(w, 5000);
  EXPECT_ASKED(w, 0, WORLD_START_MS, "+0 _xmpp-server._tcp.d4.lab. SRV", "+0 _xmpps-server._tcp.d4.lab. SRV",
               "+0 d4.lab. A", "+0 d4.lab. AAAA", "+40 xmpp.d4.lab. A", "+40 xmpp.d4.lab. AAAA");
  world_free(w);
}

Test(prefetch, a_client_srv_asks_for_the_clients_family_only) {
  static const char *const names[] = {"_xmpp-client._tcp.d0.lab.", "_xmpps-client._tcp.d0.lab."};
  for (unsigned i = 0; i < 2; i++) {
    struct world *w = world_ahead(0, 0, 60);
    client_ask(w, names[i], TYPE_SRV, HOW_PLAIN);
    world_run_ms(w, 5000);
    EXPECT_ASKED(w, 0, WORLD_START_MS, "+0 _xmpp-client._tcp.d0.lab. SRV",
                 "+0 _xmpps-client._tcp.d0.lab. SRV", "+0 d0.lab. A", "+0 d0.lab. AAAA", "+40 xmpp.d0.lab. A",
                 "+40 xmpp.d0.lab. AAAA");
    world_free(w);
  }
}

Test(prefetch, the_old_jabber_service_is_asked_when_neither_server_srv_exists) {
  struct world *w = world_ahead(2, 2, 60);
  client_ask(w, "_xmpp-server._tcp.d2.lab.", TYPE_SRV, HOW_PLAIN);
  world_run_ms(w, 5000);
  EXPECT_ASKED(w, 0, WORLD_START_MS, "+0 _xmpp-server._tcp.d2.lab. SRV", "+0 _xmpps-server._tcp.d2.lab. SRV",
               "+0 d2.lab. A", "+0 d2.lab. AAAA", "+40 _jabber._tcp.d2.lab. SRV");
  world_free(w);
}

Test(prefetch, the_old_jabber_service_is_not_asked_for_clients) {
  struct world *w = world_ahead(2, 2, 60);
  client_ask(w, "_xmpp-client._tcp.d2.lab.", TYPE_SRV, HOW_PLAIN);
  world_run_ms(w, 5000);
  cr_expect_eq(upstream_asked(w, "_jabber._tcp.d2.lab.", 0), 0);
  world_free(w);
}

Test(prefetch, carries_the_flags_of_the_question_that_set_it_off) {
  struct world *w = world_ahead(0, 0, 60);
  client_ask(w, "_xmpp-server._tcp.d0.lab.", TYPE_SRV, HOW_DO | HOW_CD);
  world_run_ms(w, 5000);
  cr_expect_eq(w->script.asked_count, 6);
  for (unsigned i = 0; i < w->script.asked_count; i++) {
    cr_expect(w->script.asked[i].dnssec_ok && w->script.asked[i].cd, "%s", w->script.asked[i].name);
  }
  cr_expect(is_answered(client_ask(w, "xmpp.d0.lab.", TYPE_A, HOW_DO | HOW_CD)));
  cr_expect_not(is_answered(client_ask(w, "xmpp.d0.lab.", TYPE_A, HOW_PLAIN)));
  world_free(w);
}

Test(prefetch, a_spelling_with_capitals_is_the_same_family) {
  struct world *w = world_ahead(0, 0, 60);
  client_ask(w, "_XMPP-Server._TCP.D0.Lab.", TYPE_SRV, HOW_PLAIN);
  world_run_ms(w, 5000);
  cr_expect_eq(w->script.asked_count, 6);
  cr_expect_eq(upstream_asked(w, "xmpp.d0.lab.", TYPE_AAAA), 1);
  world_free(w);
}

Test(prefetch, what_the_cache_has_or_is_in_flight_is_not_asked_again) {
  struct world *w = world_ahead(0, 0, 60);
  client_ask(w, "d0.lab.", TYPE_A, HOW_PLAIN);
  world_run_ms(w, 1000);
  client_ask(w, "_xmpp-server._tcp.d0.lab.", TYPE_SRV, HOW_PLAIN);
  client_ask(w, "_xmpps-server._tcp.d0.lab.", TYPE_SRV, HOW_PLAIN);
  client_ask(w, "_xmpp-client._tcp.d0.lab.", TYPE_SRV, HOW_PLAIN);
  client_ask(w, "d0.lab.", TYPE_AAAA, HOW_PLAIN);
  world_run_ms(w, 5000);
  for (unsigned i = 0; i < w->script.asked_count; i++) {
    const struct upstream_question *u = &w->script.asked[i];
    cr_expect_eq(upstream_asked(w, u->name, u->type), 1, "%s %u", u->name, u->type);
  }
  cr_expect_eq(w->script.asked_count, 8);
  world_free(w);
}

Test(prefetch, is_off_when_switched_off_and_for_other_services) {
  static const struct {
    bool on;
    const char *name;
    uint16_t type;
  } rows[] = {{false, "_xmpp-server._tcp.d0.lab.", TYPE_SRV},
              {true, "_sip._tcp.d0.lab.", TYPE_SRV},
              {true, "_xmpp-server._udp.d0.lab.", TYPE_SRV},
              {true, "_xmpp-server._tcp.d0.lab.", TYPE_TXT},
              {true, "_xmpp-servers._tcp.d0.lab.", TYPE_SRV},
              {true, "x._xmpp-server._tcp.d0.lab.", TYPE_SRV},
              {true, "d0.lab.", TYPE_A},
              {true, "_xmppconnect.d0.lab.", TYPE_TXT}};
  for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct world *w = world_new(&(struct world_options){.xmpp.prefetch = rows[i].on});
    zone_add_domain(&w->zone, 0, 60);
    client_ask_and_wait(w, rows[i].name, rows[i].type, HOW_PLAIN);
    world_run_ms(w, 5000);
    cr_expect_eq(w->script.asked_count, 1, "row %u", i);
    world_free(w);
  }
}

Test(prefetch, never_asks_for_the_target_that_is_none) {
  struct world *w = world_ahead(1, 0, 60);
  zone_add(&w->zone, "_xmpp-server._tcp.lab.", TYPE_SRV, 60, rd_srv(0, 0, 0, "."));
  zone_add(&w->zone, "_xmpps-server._tcp.lab.", TYPE_SRV, 60, rd_srv(0, 0, 0, "."));
  client_ask(w, "_xmpp-server._tcp.lab.", TYPE_SRV, HOW_PLAIN);
  world_run_ms(w, 5000);
  cr_expect_eq(upstream_asked(w, ".", 0), 0);
  world_free(w);
}

/* The service of the root, and of a domain so long that its sibling's name would be too long: nothing is
 * made up for them. */
Test(prefetch, never_asks_for_the_root_instead_of_a_name_that_cannot_be) {
  struct world *w = world_ahead(1, 0, 60);
  client_ask(w, "_xmpp-server._tcp.", TYPE_SRV, HOW_PLAIN);
  world_run_ms(w, 5000);
  cr_expect_eq(upstream_asked(w, ".", 0), 0, "the root is no XMPP domain");
  world_free(w);
  w = world_ahead(1, 0, 60);
  uint8_t name[NAME_MAX_LEN] = "\014_xmpp-server\004_tcp";
  size_t at = 18;
  while (at < NAME_MAX_LEN - 1) {
    size_t label = NAME_MAX_LEN - 2 - at < 63 ? NAME_MAX_LEN - 2 - at : 63;
    name[at] = (uint8_t)label;
    memset(name + at + 1, 'x', label);
    at += 1 + label;
  }

  name[at++] = 0;
  cr_assert_eq(at, NAME_MAX_LEN);
  client_ask_octets(w, name, at, TYPE_SRV, HOW_PLAIN);
  world_run_ms(w, 5000);
  cr_expect_eq(upstream_asked(w, ".", 0), 0, "its sibling has no name");
  world_free(w);
}

Test(prefetch, an_address_of_a_known_target_is_followed_by_its_other_one) {
  struct world *w = world_ahead(0, 0, 60);
  client_ask_and_wait(w, "_xmpp-server._tcp.d0.lab.", TYPE_SRV, HOW_PLAIN);
  client_ask_and_wait(w, "xmpp.d0.lab.", TYPE_A, HOW_PLAIN);
  world_run_ms(w, 70000); /* all of it is gone, but that xmpp.d0.lab. is a target is known */
  unsigned before = w->script.asked_count;
  uint64_t now_ms = w->now_ms;
  client_ask(w, "xmpp.d0.lab.", TYPE_AAAA, HOW_PLAIN);
  world_run_ms(w, 5000);
  EXPECT_ASKED(w, before, now_ms, "+0 xmpp.d0.lab. AAAA", "+0 xmpp.d0.lab. A");
  world_free(w);
}

Test(prefetch, so_is_an_address_of_the_domain_itself) {
  struct world *w = world_ahead(0, 0, 60);
  client_ask_and_wait(w, "_xmpp-client._tcp.d0.lab.", TYPE_SRV, HOW_PLAIN);
  client_ask_and_wait(w, "d0.lab.", TYPE_A, HOW_PLAIN);
  client_ask_and_wait(w, "d0.lab.", TYPE_AAAA, HOW_PLAIN);
  world_run_ms(w, 70000);
  unsigned before = w->script.asked_count;
  uint64_t now_ms = w->now_ms;
  client_ask(w, "d0.lab.", TYPE_A, HOW_PLAIN);
  world_run_ms(w, 5000);
  EXPECT_ASKED(w, before, now_ms, "+0 d0.lab. A", "+0 d0.lab. AAAA");
  world_free(w);
}

Test(prefetch, an_address_of_any_other_name_is_not) {
  struct world *w = world_ahead(0, 0, 60);
  client_ask_and_wait(w, "xmpp.d0.lab.", TYPE_A, HOW_PLAIN);
  world_run_ms(w, 5000);
  cr_expect_eq(w->script.asked_count, 1);
  world_free(w);
}

/* A program's whole walk: both SRVs, two targets' addresses, the domain's. */
static void use_all_of_d1(struct world *w) {
  static const char *const hosts[] = {"h0.d1.lab.", "h1.d1.lab.", "d1.lab."};
  client_ask_and_wait(w, "_xmpps-server._tcp.d1.lab.", TYPE_SRV, HOW_PLAIN);
  client_ask_and_wait(w, "_xmpp-server._tcp.d1.lab.", TYPE_SRV, HOW_PLAIN);
  for (unsigned i = 0; i < 3; i++) {
    client_ask_and_wait(w, hosts[i], TYPE_A, HOW_PLAIN);
    client_ask_and_wait(w, hosts[i], TYPE_AAAA, HOW_PLAIN);
  }
}

Test(prefetch, after_expiry_everything_that_was_used_is_asked_at_once) {
  struct world *w = world_ahead(1, 1, 60);
  for (unsigned visit = 0; visit < 3; visit++) {
    unsigned before = w->script.asked_count;
    uint64_t now_ms = w->now_ms;
    use_all_of_d1(w);
    cr_expect_eq(w->now_ms - now_ms, visit ? WORLD_DELAY_MS : 2 * WORLD_DELAY_MS, "visit %u", visit);
    world_run_ms(w, 20000);
    if (visit > 0) {
      EXPECT_ASKED(w, before, now_ms, "+0 _xmpp-server._tcp.d1.lab. SRV", "+0 _xmpps-server._tcp.d1.lab. SRV",
                   "+0 d1.lab. A", "+0 d1.lab. AAAA", "+0 h0.d1.lab. A", "+0 h0.d1.lab. AAAA",
                   "+0 h1.d1.lab. A", "+0 h1.d1.lab. AAAA");
    }
    world_run_ms(w, 50000);
  }

  world_free(w);
}

Test(prefetch, what_nobody_used_is_not_fetched_again) {
  struct world *w = world_ahead(1, 1, 60);
  client_ask_and_wait(w, "_xmpp-server._tcp.d1.lab.", TYPE_SRV, HOW_PLAIN);
  client_ask_and_wait(w, "h0.d1.lab.", TYPE_A, HOW_PLAIN);
  world_run_ms(w, 70000);
  unsigned before = w->script.asked_count;
  uint64_t now_ms = w->now_ms;
  client_ask(w, "_xmpp-server._tcp.d1.lab.", TYPE_SRV, HOW_PLAIN);
  world_run_ms(w, 5000);
  EXPECT_ASKED(w, before, now_ms, "+0 _xmpp-server._tcp.d1.lab. SRV", "+0 h0.d1.lab. A");
  world_free(w);
}

/* Renewed because it was in use, then not asked for during one TTL: it is still what the program asks
 * next. */
Test(prefetch, what_was_used_and_renewed_is_fetched_again) {
  struct world *w = world_ahead(1, 1, 60);
  use_all_of_d1(w);
  world_run_ms(w, 40000);
  use_all_of_d1(w); /* in use: asked again before the TTL ends */
  world_run_ms(w, 200000);
  uint64_t now_ms = w->now_ms;
  use_all_of_d1(w);
  cr_expect_eq(w->now_ms - now_ms, WORLD_DELAY_MS);
  world_free(w);
}

Test(prefetch, an_expired_hint_is_never_told_as_an_answer) {
  struct world *w = world_ahead(1, 1, 60);
  client_ask_and_wait(w, "_xmpp-server._tcp.d1.lab.", TYPE_SRV, HOW_PLAIN);
  world_run_ms(w, 70000);
  zone_remove(&w->zone, "_xmpp-server._tcp.d1.lab.", 0);
  zone_add(&w->zone, "_xmpp-server._tcp.d1.lab.", TYPE_SRV, 60, rd_srv(1, 1, 5269, "new.lab."));
  zone_add(&w->zone, "new.lab.", TYPE_A, 60, rd_a("192.0.2.77"));
  struct heard *h = client_ask_and_wait(w, "_xmpp-server._tcp.d1.lab.", TYPE_SRV, HOW_PLAIN);
  cr_expect(heard_truth(h));
  cr_expect_eq(upstream_asked(w, "new.lab.", TYPE_A), 1);
  world_run_ms(w, 100);
  world_free(w);
}

Test(prefetch, tlsa_is_asked_only_where_somebody_here_asks_for_it) {
  struct world *w = world_ahead(0, 10, 60);
  client_ask_and_wait(w, "_xmpp-server._tcp.d0.lab.", TYPE_SRV, HOW_DO);
  world_run_ms(w, 1000);
  cr_expect_eq(upstream_asked(w, "", TYPE_TLSA), 0);
  client_ask_and_wait(w, "_5269._tcp.xmpp.d0.lab.", TYPE_TLSA, HOW_DO);
  client_ask_and_wait(w, "_xmpp-server._tcp.d5.lab.", TYPE_SRV, HOW_DO);
  world_run_ms(w, 1000);
  cr_expect_eq(upstream_asked(w, "_5269._tcp.xmpp.d5.lab.", TYPE_TLSA), 1);
  client_ask_and_wait(w, "_xmpp-server._tcp.d10.lab.", TYPE_SRV, HOW_PLAIN);
  world_run_ms(w, 1000);
  cr_expect_eq(upstream_asked(w, "_5269._tcp.xmpp.d10.lab.", TYPE_TLSA), 0, "without DO nobody asked");
  world_free(w);
}

/* RFC 7673 section 3.1: without a secure SRV answer there is no use for TLSA, with one there may be. */
Test(prefetch, tlsa_is_asked_for_a_secure_srv_answer) {
  for (unsigned trusted = 0; trusted < 2; trusted++) {
    struct world *w = world_new(&(struct world_options){.xmpp.prefetch = true, .forward.trust_ad = trusted});
    zone_add_domain(&w->zone, 0, 60);
    w->script.authentic = true;
    client_ask_and_wait(w, "_xmpp-server._tcp.d0.lab.", TYPE_SRV, HOW_DO);
    client_ask_and_wait(w, "_xmpp-client._tcp.d0.lab.", TYPE_SRV, HOW_DO);
    world_run_ms(w, 1000);
    cr_expect_eq(upstream_asked(w, "_5269._tcp.xmpp.d0.lab.", TYPE_TLSA), trusted);
    cr_expect_eq(upstream_asked(w, "", TYPE_TLSA), trusted, "clients have no use for it");
    world_free(w);
  }
}

Test(prefetch, is_counted_for_the_family_it_is_done_for) {
  struct world *w = world_ahead(0, 1, 60);
  struct cache_stats stats;

  client_ask_and_wait(w, "_xmpp-client._tcp.d0.lab.", TYPE_SRV, HOW_PLAIN);
  client_ask_and_wait(w, "_xmpp-server._tcp.d1.lab.", TYPE_SRV, HOW_PLAIN);
  world_run_ms(w, 100);
  cr_expect_eq(w->counters.prefetch_trigger_c2s, 1);
  cr_expect_eq(w->counters.prefetch_trigger_s2s, 1);
  cr_expect_eq(w->counters.prefetch_c2s, 5);
  cr_expect_eq(w->counters.prefetch_s2s, 7);
  for (unsigned again = 0; again < 2; again++) { /* used is used once */
    client_ask(w, "xmpp.d0.lab.", TYPE_A, HOW_PLAIN);
    client_ask(w, "h0.d1.lab.", TYPE_A, HOW_PLAIN);
    client_ask(w, "h1.d1.lab.", TYPE_A, HOW_PLAIN);
  }

  cr_expect_eq(w->counters.prefetch_hit_c2s, 1);
  cr_expect_eq(w->counters.prefetch_hit_s2s, 2);
  cr_expect_eq(w->counters.saved, 3);
  world_run_ms(w, 70000);
  client_ask_and_wait(w, "d1.lab.", TYPE_AAAA, HOW_PLAIN); /* asked again, so the first was in vain */
  cache_stats(w->cache, &stats);
  cr_expect_eq(stats.unused[ORIGIN_PREFETCH_S2S], 1);
  cr_expect_eq(stats.unused[ORIGIN_PREFETCH_C2S], 0);
  world_free(w);
}

Test(prefetch, what_was_fetched_is_there_for_the_program) {
  struct world *w = world_ahead(0, 0, 60);
  client_ask_and_wait(w, "_xmpp-client._tcp.d0.lab.", TYPE_SRV, HOW_PLAIN);
  struct heard *joined = client_ask(w, "xmpp.d0.lab.", TYPE_AAAA, HOW_PLAIN);
  cr_expect_not(is_answered(joined));
  world_run_ms(w, WORLD_DELAY_MS);
  cr_expect(heard_truth(joined));
  struct heard *hit = client_ask(w, "xmpp.d0.lab.", TYPE_A, HOW_PLAIN);
  cr_expect(is_answered(hit) && heard_truth(hit));
  cr_expect_eq(w->counters.prefetch_joined_c2s, 1);
  cr_expect_eq(w->counters.prefetch_hit_c2s, 1);
  cr_expect_eq(w->script.asked_count, 6);
  world_free(w);
}

Test(prefetch, that_fails_harms_nobody) {
  static const enum fault faults[] = {FAULT_LOST, FAULT_SERVFAIL, FAULT_GARBLED, FAULT_CLOSED,
                                      FAULT_NXDOMAIN};
  for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++) {
    struct world *w = world_ahead(0, 0, 60);
    world_fault(w, "d0.lab.", 0, faults[i]);
    world_fault(w, "_xmpps-server._tcp.d0.lab.", 0, faults[i]);
    struct heard *h = client_ask_and_wait(w, "_xmpp-server._tcp.d0.lab.", TYPE_SRV, HOW_PLAIN);
    cr_expect(heard_truth(h), "fault %u", faults[i]);
    cr_expect_eq(heard_wait_ms(h), WORLD_DELAY_MS);
    world_run_ms(w, 15000);
    cr_expect_eq(forward_in_flight(w->wiring.forward), 0);
    world_free(w);
  }
}
