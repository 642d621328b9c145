/* test_forgery.c: what replies must show besides their id, and how servers that can't show it are asked. */
#include <criterion/criterion.h>

#include "scenario/kit.h"

static struct world *w;

static void start(const struct world_options *o) {
  w = world_new(o);
  zone_add(&w->zone, "a-name-of-so-many-letters-that-chance-does-not-matter.lab", TYPE_A, 300, rd_a("192.0.2.1"));
  zone_add(&w->zone, "b-name-of-so-many-letters-that-chance-does-not-matter.lab", TYPE_A, 300, rd_a("192.0.2.2"));
  zone_add(&w->zone, "c-name-of-so-many-letters-that-chance-does-not-matter.lab", TYPE_A, 300, rd_a("192.0.2.3"));
}

static bool is_answered_right(const char *name) {
  struct heard *h = client_ask_and_wait(w, name, TYPE_A, HOW_EDNS);
  return heard_rcode(h) == RCODE_NOERROR && heard_truth(h);
}

/* ---- 0x20 ---- */

Test(forgery, questions_spelled_at_random_are_answered_when_the_reply_repeats_them) {
  start(&(struct world_options){.case_random = true});
  cr_expect(is_answered_right("a-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect_eq(w->counters.asked_tcp, 0);
  cr_expect_eq(w->counters.reply_wrong, 0);
  world_free(w);
}

Test(forgery, a_server_that_lowers_capitals_is_asked_over_tcp_once_and_then_in_lower_case) {
  start(&(struct world_options){.case_random = true});
  w->script.lowers = true;
  cr_expect(is_answered_right("a-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect_eq(w->counters.asked_tcp, 1);
  cr_expect_eq(w->counters.reply_wrong, 1);
  cr_expect(is_answered_right("b-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect_eq(w->counters.asked_tcp, 1);
  cr_expect_eq(w->counters.reply_wrong, 1);
  world_run_ms(w, 601000); /* then it is tried again */
  cr_expect(is_answered_right("c-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect_eq(w->counters.asked_tcp, 2);
  world_free(w);
}

Test(forgery, a_server_that_lowers_capitals_and_has_no_tcp_is_still_used) {
  start(&(struct world_options){.case_random = true});
  w->script.lowers = w->script.no_tcp = true;
  cr_expect(is_answered_right("a-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect(is_answered_right("b-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  world_free(w);
}

/* ---- cookies ---- */

Test(forgery, rfc7873_a_server_is_shown_our_cookie_and_then_its_own_too) {
  start(&(struct world_options){.cookies = true});
  w->script.cookie_len = 16;
  cr_expect(is_answered_right("a-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect_eq(upstream_last(w, "a-name-of-so-many-letters-that-chance-does-not-matter.lab.", TYPE_A)->cookie_len, 8);
  cr_expect(is_answered_right("b-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect_eq(upstream_last(w, "b-name-of-so-many-letters-that-chance-does-not-matter.lab.", TYPE_A)->cookie_len, 24);
  world_free(w);
}

Test(forgery, rfc7873_servers_without_cookies_are_asked_as_ever) {
  start(&(struct world_options){.cookies = true});
  cr_expect(is_answered_right("a-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect(is_answered_right("b-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect_eq(upstream_last(w, "b-name-of-so-many-letters-that-chance-does-not-matter.lab.", TYPE_A)->cookie_len, 0, "none for five minutes, RFC 9018");
  cr_expect_eq(w->counters.asked_udp, 2);
  world_run_ms(w, COOKIE_REST_MS);
  cr_expect(is_answered_right("c-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect_eq(upstream_last(w, "c-name-of-so-many-letters-that-chance-does-not-matter.lab.", TYPE_A)->cookie_len, 8);
  world_free(w);
}

Test(forgery, rfc7873_a_reply_with_another_client_cookie_is_as_if_it_had_not_come) {
  start(&(struct world_options){.cookies = true});
  w->script.cookie_len = 16;
  w->script.cookie_forged = true;
  struct heard *h = client_ask_and_wait(w, "a-name-of-so-many-letters-that-chance-does-not-matter.lab.", TYPE_A, HOW_EDNS);
  cr_expect_eq(heard_rcode(h), RCODE_SERVFAIL);
  cr_expect_gt(w->counters.reply_wrong, 2);
  world_free(w);
}

Test(forgery, rfc7873_a_reply_without_the_cookie_it_gave_before_counts_over_tcp_only) {
  start(&(struct world_options){.cookies = true});
  w->script.cookie_len = 8;
  cr_expect(is_answered_right("a-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  w->script.cookie_len = 0;
  cr_expect(is_answered_right("b-name-of-so-many-letters-that-chance-does-not-matter.lab."), "over TCP, after three in vain");
  cr_expect_eq(w->counters.asked_tcp, 1);
  cr_expect_eq(w->counters.reply_wrong, 3);
  cr_expect(is_answered_right("c-name-of-so-many-letters-that-chance-does-not-matter.lab."), "it has none any more");
  cr_expect_eq(w->counters.asked_tcp, 1);
  world_free(w);
}

Test(forgery, rfc7873_badcookie_is_asked_again_with_the_servers_cookie) {
  start(&(struct world_options){.cookies = true});
  w->script.cookie_len = 16;
  w->script.bad_cookie = true;
  cr_expect(is_answered_right("a-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect_eq(upstream_asked(w, "a-name-of-so-many-letters-that-chance-does-not-matter.lab.", TYPE_A), 2);
  cr_expect_eq(w->counters.asked_tcp, 0);
  cr_expect(is_answered_right("b-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect_eq(upstream_asked(w, "b-name-of-so-many-letters-that-chance-does-not-matter.lab.", TYPE_A), 1);
  world_free(w);
}

/* ---- AD ---- */

static bool says_ad(const char *name, unsigned how) {
  return heard_seen(client_ask_and_wait(w, name, TYPE_A, how))->low & DNS_AD;
}

Test(forgery, rfc6840_ad_of_a_server_that_is_not_trusted_goes_to_nobody) {
  start(&(struct world_options){.trust_ad = false});
  w->script.authentic = true;
  cr_expect_not(says_ad("a-name-of-so-many-letters-that-chance-does-not-matter.lab.", HOW_DO));
  cr_expect_not(says_ad("a-name-of-so-many-letters-that-chance-does-not-matter.lab.", HOW_DO), "from the cache");
  world_free(w);
}

Test(forgery, rfc6840_ad_of_a_trusted_server_goes_to_those_who_understand_it) {
  start(&(struct world_options){.trust_ad = true});
  w->script.authentic = true;
  cr_expect(says_ad("a-name-of-so-many-letters-that-chance-does-not-matter.lab.", HOW_DO));
  cr_expect(says_ad("a-name-of-so-many-letters-that-chance-does-not-matter.lab.", HOW_DO), "from the cache");
  cr_expect_not(says_ad("a-name-of-so-many-letters-that-chance-does-not-matter.lab.", HOW_PLAIN), "neither DO nor AD in the query");
  w->script.authentic = false;
  cr_expect_not(says_ad("b-name-of-so-many-letters-that-chance-does-not-matter.lab.", HOW_DO), "the server did not say so");
  world_free(w);
}

/* ---- floods ---- */

Test(forgery, rfc5452_a_question_moves_to_tcp_when_somebody_floods_it_with_replies) {
  start(&(struct world_options){.trust_ad = false});
  world_fault(w, "a-name-of-so-many-letters-that-chance-does-not-matter.lab.", TYPE_A, FAULT_FORGED);
  cr_expect(is_answered_right("a-name-of-so-many-letters-that-chance-does-not-matter.lab."));
  cr_expect_eq(w->counters.asked_udp, 1);
  cr_expect_eq(w->counters.asked_tcp, 1);
  world_free(w);
}
