/* test_forgery.c: what replies must show besides their id, and how servers that can't show it are asked. */
#include <criterion/criterion.h>

#include "scenario/kit.h"

static struct world *w;

static void start(const struct world_options *o) {
  w = world_new(o);
  zone_add(&w->zone, "a-name-of-so-many-letters-that-chance-does-not-matter.lab", TYPE_A, 300,
           rd_a("192.0.2.1"));
  zone_add(&w->zone, "b-name-of-so-many-letters-that-chance-does-not-matter.lab", TYPE_A, 300,
           rd_a("192.0.2.2"));
  zone_add(&w->zone, "c-name-of-so-many-letters-that-chance-does-not-matter.lab", TYPE_A, 300,
           rd_a("192.0.2.3"));
}

static bool is_answered_right(const char *name) {
  struct heard *h = client_ask_and_wait(w, name, TYPE_A, HOW_EDNS);
  return heard_rcode(h) == RCODE_NOERROR && heard_truth(h);
}

/* ---- 0x20 ---- */

Test(forgery, questions_spelled_at_random_are_answered_when_the_reply_repeats_them) {
  start(&(struct world_options){.forward.case_random = true});
  cr_expect(is_answered_right("a-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect_eq(w->counters.upstream_tcp, 0);
  cr_expect_eq(w->counters.reply_wrong, 0);
  world_free(w);
}

Test(forgery, a_server_that_lowers_capitals_is_asked_over_tcp_once_and_then_in_lower_case) {
  start(&(struct world_options){.forward.case_random = true});
  w->script.lowers = true;
  cr_expect(is_answered_right("a-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect_eq(w->counters.upstream_tcp, 1);
  cr_expect_eq(w->counters.reply_wrong, 1);
  cr_expect(is_answered_right("b-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect_eq(w->counters.upstream_tcp, 1);
  cr_expect_eq(w->counters.reply_wrong, 1);
  world_run_ms(w, 601000); /* then it is tried again */
  cr_expect(is_answered_right("c-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect_eq(w->counters.upstream_tcp, 2);
  world_free(w);
}

Test(forgery, a_server_that_lowers_capitals_and_has_no_tcp_is_still_used) {
  start(&(struct world_options){.forward.case_random = true});
  w->script.lowers = w->script.no_tcp = true;
  cr_expect(is_answered_right("a-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect(is_answered_right("b-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  world_free(w);
}

/* ---- cookies ---- */

Test(forgery, rfc7873_a_server_is_shown_our_cookie_and_then_its_own_too) {
  start(&(struct world_options){.forward.cookies = true});
  w->script.cookie_len = 16;
  cr_expect(is_answered_right("a-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect_eq(
      upstream_last(w, "a-name-of-so-many-letters-that-chance-does-not-matter.lab.", TYPE_A)->cookie_len, 8);
  cr_expect(is_answered_right("b-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect_eq(
      upstream_last(w, "b-name-of-so-many-letters-that-chance-does-not-matter.lab.", TYPE_A)->cookie_len, 24);
  world_free(w);
}

Test(forgery, rfc7873_servers_without_cookies_are_asked_as_ever) {
  start(&(struct world_options){.forward.cookies = true});
  cr_expect(is_answered_right("a-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect(is_answered_right("b-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect_eq(
      upstream_last(w, "b-name-of-so-many-letters-that-chance-does-not-matter.lab.", TYPE_A)->cookie_len, 0,
      "none for five minutes, RFC 9018");
  cr_expect_eq(w->counters.upstream_udp, 2);
  world_run_ms(w, COOKIE_REST_MS);
  cr_expect(is_answered_right("c-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect_eq(
      upstream_last(w, "c-name-of-so-many-letters-that-chance-does-not-matter.lab.", TYPE_A)->cookie_len, 8);
  world_free(w);
}

#define A "a-name-of-so-many-letters-that-chance-does-not-matter.lab."
#define B "b-name-of-so-many-letters-that-chance-does-not-matter.lab."
#define C "c-name-of-so-many-letters-that-chance-does-not-matter.lab."

Test(forgery, rfc7873_another_client_cookie_is_not_believed_and_the_server_asked_at_once_without) {
  start(&(struct world_options){.forward.cookies = true});
  w->script.cookie_len = 16;
  w->script.cookie_forged = true;
  struct heard *h = client_ask_and_wait(w, A, TYPE_A, HOW_DO);
  cr_expect(heard_truth(h));
  cr_expect_eq(heard_wait_ms(h), 2 * WORLD_DELAY_MS);
  cr_expect_eq(w->counters.reply_wrong, 1);
  cr_expect_eq(upstream_last(w, A, TYPE_A)->cookie_len, 0);
  cr_expect(upstream_last(w, A, TYPE_A)->dnssec_ok, "with EDNS still");
  cr_expect_eq(heard_wait_ms(client_ask_and_wait(w, B, TYPE_A, HOW_DO)), WORLD_DELAY_MS, "it is remembered");
  cr_expect_eq(w->counters.upstream_tcp, 0);
  world_run_ms(w, CAPABILITY_REST_MS);
  w->script.cookie_forged = false;
  cr_expect(is_answered_right(C));
  cr_expect_eq(upstream_last(w, C, TYPE_A)->cookie_len, 8, "and tried again after a while");
  cr_expect_eq(w->upstream.servers[0].capabilities[CAPABILITY_COOKIES].state, CAPABILITY_WORKS);
  world_free(w);
}

Test(forgery, rfc7873_a_box_whose_cached_replies_alone_show_another_cookie_costs_one_round_trip) {
  start(&(struct world_options){.forward.cookies = true});
  w->script.cookie_len = 16;
  cr_expect(is_answered_right(A));
  w->script.cookie_forged = true;
  cr_expect_eq(heard_wait_ms(client_ask_and_wait(w, B, TYPE_A, HOW_DO)), 2 * WORLD_DELAY_MS);
  cr_expect_eq(heard_wait_ms(client_ask_and_wait(w, C, TYPE_A, HOW_DO)), WORLD_DELAY_MS);
  world_free(w);
}

Test(forgery, one_forged_cookie_alone_does_not_end_cookies) {
  start(&(struct world_options){.forward.cookies = true});
  w->script.cookie_len = 16;
  w->script.cookie_forged = true;
  client_ask(w, A, TYPE_A, HOW_EDNS);
  world_run_ms(w, WORLD_DELAY_MS);
  cr_expect_neq(w->upstream.servers[0].capabilities[CAPABILITY_COOKIES].state, CAPABILITY_RESTS,
                "nothing was answered without one");
  world_run_ms(w, PATIENCE_MS);
  world_free(w);
}

Test(forgery, a_server_that_fails_what_has_a_cookie_keeps_edns) {
  static const enum fault faults[] = {FAULT_FORMERR, FAULT_NOTIMP, FAULT_SERVFAIL, FAULT_REFUSED, FAULT_LOST};
  for (unsigned i = 0; i < 5; i++) {
    start(&(struct world_options){.forward.cookies = true});
    struct fault_rule rule = {.server = -1, .fault = faults[i], .with_cookie = true};
    script_rule(&w->script, &rule);
    const char *const names[] = {A, B, C};
    for (unsigned n = 0; n < 3; n++) {
      struct heard *h = client_ask_and_wait(w, names[n], TYPE_A, HOW_DO);
      cr_expect(heard_truth(h), "fault %u", faults[i]);
      cr_expect_leq(heard_wait_ms(h), RTO_UNKNOWN_MS + WORLD_DELAY_MS, "fault %u", faults[i]);
      cr_expect(upstream_last(w, names[n], TYPE_A)->dnssec_ok, "fault %u", faults[i]);
    }
    cr_expect_eq(upstream_asked(w, C, TYPE_A), 1, "fault %u: it is remembered", faults[i]);
    world_free(w);
  }
}

Test(forgery, a_server_whose_udp_is_mute_is_asked_over_tcp_first_and_udp_probed_beside) {
  start(&(struct world_options){.forward.cookies = true});
  struct fault_rule mute = {.server = -1, .fault = FAULT_LOST, .over_udp = true};
  script_rule(&w->script, &mute);
  cr_expect_leq(heard_wait_ms(client_ask_and_wait(w, A, TYPE_A, HOW_DO)),
                2 * RTO_UNKNOWN_MS + WORLD_DELAY_MS);
  cr_expect_eq(heard_wait_ms(client_ask_and_wait(w, B, TYPE_A, HOW_DO)), WORLD_DELAY_MS);
  cr_expect_not(upstream_is_failing(&w->upstream));
  world_heal(w);
  world_run_ms(w, UDP_REST_MS);
  cr_expect_eq(heard_wait_ms(client_ask_and_wait(w, C, TYPE_A, HOW_DO)), WORLD_DELAY_MS);
  world_run_ms(w, 2 * WORLD_DELAY_MS);
  cr_expect_eq(w->upstream.servers[0].capabilities[CAPABILITY_UDP].state, CAPABILITY_WORKS);
  world_free(w);
}

Test(forgery, a_server_whose_udp_port_is_closed_is_asked_over_tcp) {
  start(&(struct world_options){.forward.cookies = true});
  struct fault_rule closed = {.server = -1, .fault = FAULT_ICMP, .over_udp = true};
  script_rule(&w->script, &closed);
  cr_expect_eq(heard_wait_ms(client_ask_and_wait(w, A, TYPE_A, HOW_DO)), 2 * WORLD_DELAY_MS);
  cr_expect_eq(heard_wait_ms(client_ask_and_wait(w, B, TYPE_A, HOW_DO)), WORLD_DELAY_MS, "it is remembered");
  world_free(w);
}

Test(forgery, rfc7873_a_reply_without_the_cookie_it_gave_before_is_asked_for_without) {
  start(&(struct world_options){.forward.cookies = true});
  w->script.cookie_len = 8;
  cr_expect(is_answered_right("a-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  w->script.cookie_len = 0;
  cr_expect(is_answered_right("b-name-of-so-many-letters-that-chance-does-not-matter.lab."),
            "when it is asked without one");
  cr_expect_eq(w->counters.upstream_tcp, 0);
  cr_expect_eq(w->counters.reply_wrong, 1);
  cr_expect(is_answered_right("c-name-of-so-many-letters-that-chance-does-not-matter.lab."),
            "it has none any more");
  cr_expect_eq(w->counters.reply_wrong, 1);
  world_free(w);
}

Test(forgery, rfc7873_badcookie_is_asked_again_with_the_servers_cookie) {
  start(&(struct world_options){.forward.cookies = true});
  w->script.cookie_len = 16;
  w->script.bad_cookie = true;
  cr_expect(is_answered_right("a-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect_eq(upstream_asked(w, "a-name-of-so-many-letters-that-chance-does-not-matter.lab.", TYPE_A), 2);
  cr_expect_eq(w->counters.upstream_tcp, 0);
  cr_expect(is_answered_right("b-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect_eq(upstream_asked(w, "b-name-of-so-many-letters-that-chance-does-not-matter.lab.", TYPE_A), 1);
  world_free(w);
}

Test(forgery, a_server_that_likes_no_cookie_is_soon_asked_without) {
  start(&(struct world_options){.forward.cookies = true});
  w->script.cookie_len = 16;
  w->script.likes_no_cookie = true;
  cr_expect(is_answered_right("a-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect_eq(upstream_asked(w, "a-name-of-so-many-letters-that-chance-does-not-matter.lab.", TYPE_A), 3,
               "ours, the one it gave, none");
  cr_expect(is_answered_right("b-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect_eq(upstream_asked(w, "b-name-of-so-many-letters-that-chance-does-not-matter.lab.", TYPE_A), 1);
  cr_expect_eq(w->counters.upstream_tcp, 0);
  world_free(w);
}

/* ---- AD ---- */

static bool says_ad(const char *name, unsigned how) {
  return heard_seen(client_ask_and_wait(w, name, TYPE_A, how))->low & DNS_AD;
}

Test(forgery, rfc6840_ad_of_a_server_that_is_not_trusted_goes_to_nobody) {
  start(&(struct world_options){.forward.trust_ad = false});
  w->script.authentic = true;
  cr_expect_not(says_ad("a-name-of-so-many-letters-that-chance-does-not-matter.lab.", HOW_DO));
  cr_expect_not(says_ad("a-name-of-so-many-letters-that-chance-does-not-matter.lab.", HOW_DO),
                "from the cache");
  world_free(w);
}

Test(forgery, rfc6840_ad_of_a_trusted_server_goes_to_those_who_understand_it) {
  start(&(struct world_options){.forward.trust_ad = true});
  w->script.authentic = true;
  cr_expect(says_ad("a-name-of-so-many-letters-that-chance-does-not-matter.lab.", HOW_DO));
  cr_expect(says_ad("a-name-of-so-many-letters-that-chance-does-not-matter.lab.", HOW_DO), "from the cache");
  cr_expect_not(says_ad("a-name-of-so-many-letters-that-chance-does-not-matter.lab.", HOW_PLAIN),
                "neither DO nor AD in the query");
  w->script.authentic = false;
  cr_expect_not(says_ad("b-name-of-so-many-letters-that-chance-does-not-matter.lab.", HOW_DO),
                "the server did not say so");
  world_free(w);
}

/* ---- floods ---- */

Test(forgery, rfc5452_a_question_moves_to_tcp_when_somebody_floods_it_with_replies) {
  start(&(struct world_options){.forward.trust_ad = false});
  world_fault(w, "a-name-of-so-many-letters-that-chance-does-not-matter.lab.", TYPE_A, FAULT_FORGED);
  cr_expect(is_answered_right("a-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect_eq(w->counters.upstream_udp, 1);
  cr_expect_eq(w->counters.upstream_tcp, 1);
  world_free(w);
}
