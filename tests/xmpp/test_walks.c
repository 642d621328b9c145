/* test_walks.c: what a host asks on its way to an XMPP domain, put together. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit/made.h"
#include "kit/msg.h"
#include "xmpp/walks.h"

enum { T = 1000000 };

static struct walks *ws;
static uint32_t serial;
static unsigned ended;
static struct walked last;
static char text[WALK_TEXT];

static void on_ended(void *ctx, const struct walked *w, uint64_t now_ms) {
  (void)ctx;
  cr_expect_geq(now_ms, w->began_ms);
  last = *w;
  ended++;
  walks_format(w, text);
}

static void fresh(void) {
  ended = 0;
  ws = walks_new(7, &serial, on_ended, NULL);
  cr_assert_not_null(ws);
}

static void end(void) { walks_free(ws); }

TestSuite(walks, .init = fresh, .fini = end);

static union addr host(const char *address, uint16_t port) {
  union addr a;
  cr_assert(addr_parse(address, port, &a));
  return a;
}

static uint32_t ask(const char *from, const char *name, uint16_t type, uint64_t at_ms) {
  struct question q;
  union addr a = host(from, (uint16_t)(40000 + at_ms % 1000));
  question_of(&q, name, type);
  return walks_asked(ws, &a, &q, at_ms);
}

static void answer(uint32_t token, const char *name, uint16_t type, const struct msg *m, bool waited,
                   uint64_t at_ms) {
  struct question q;
  question_of(&q, name, type);
  walks_answered(ws,
                 &(struct walk_answer){
                     .token = token, .question = &q, .msg = m->octets, .len = m->len, .waited = waited},
                 at_ms);
}

static void fail(uint32_t token, const char *name, uint16_t type, enum err why, uint64_t at_ms) {
  struct question q;
  static struct msg m;
  msg_answer(&m, name, type, RCODE_SERVFAIL);
  question_of(&q, name, type);
  walks_answered(
      ws,
      &(struct walk_answer){
          .token = token, .question = &q, .msg = m.octets, .len = m.len, .waited = true, .why = why},
      at_ms);
}

/* An SRV answer of one target; address: of the target, beside it; NULL: none. */
static void answer_srv(uint32_t token, const char *name, struct rdata srv, const char *target,
                       const char *address, uint64_t at_ms) {
  static struct msg m;
  msg_answer(&m, name, TYPE_SRV, RCODE_NOERROR);
  msg_record(&m, SECTION_ANSWER, name, TYPE_SRV, 300, srv);
  if (address) msg_record(&m, SECTION_ADDITIONAL, target, TYPE_A, 300, rd_a(address));
  answer(token, name, TYPE_SRV, &m, true, at_ms);
}

static void answer_nothing(uint32_t token, const char *name, uint16_t type, uint64_t at_ms) {
  static struct msg m;
  msg_answer(&m, name, type, RCODE_NXDOMAIN);
  answer(token, name, type, &m, true, at_ms);
}

static void answer_a(uint32_t token, const char *name, bool waited, uint64_t at_ms) {
  static struct msg m;
  msg_answer(&m, name, TYPE_A, RCODE_NOERROR);
  msg_record(&m, SECTION_ANSWER, name, TYPE_A, 300, rd_a("192.0.2.1"));
  answer(token, name, TYPE_A, &m, waited, at_ms);
}

static void silence(uint64_t from_ms) {
  for (uint64_t t = from_ms; t <= from_ms + WALK_SILENCE_MS + 500; t += 50) walks_sweep(ws, t);
}

Test(walks, say_whom_a_host_reached_by_which_way_and_after_how_long) {
  uint32_t s = ask("::1", "_xmpps-server._tcp.Example.org", TYPE_SRV, T),
           p = ask("::1", "_xmpp-server._tcp.example.org", TYPE_SRV, T);
  cr_assert(s && s == p);
  answer_nothing(s, "_xmpps-server._tcp.example.org", TYPE_SRV, T + 41);
  answer_srv(p, "_xmpp-server._tcp.example.org", rd_srv(5, 0, 5269, "xmpp.example.org"), NULL, NULL, T + 43);
  uint32_t a = ask("::1", "XMPP.example.org", TYPE_A, T + 44);
  cr_assert_eq(a, s);
  answer_a(a, "xmpp.example.org", false, T + 45);
  silence(T + 45);
  cr_assert_eq(ended, 1u);
  cr_expect_str_eq(text, "server at ::1 reached example.org in 45 ms: 2 of 3 answers waited for; "
                         "xmpp.example.org:5269 by _xmpp-server");
  cr_expect_eq(last.way.priority, 5);
}

Test(walks, count_an_address_that_comes_with_the_srv_answer) {
  uint32_t s = ask("192.0.2.7", "_xmpps-client._tcp.example.org", TYPE_SRV, T);
  answer_srv(s, "_xmpps-client._tcp.example.org", rd_srv(0, 0, 443, "x.example.org"), "x.example.org",
             "192.0.2.1", T + 40);
  silence(T + 40);
  cr_expect_str_eq(text, "client at 192.0.2.7 reached example.org in 40 ms: 1 of 1 answer waited for; "
                         "x.example.org:443 by _xmpps-client");
}

Test(walks, fall_back_to_the_domains_addresses_where_it_lists_no_target) {
  uint32_t s = ask("::1", "_xmpp-client._tcp.example.org", TYPE_SRV, T);
  uint32_t a = ask("::1", "example.org", TYPE_A, T + 1);
  cr_assert_eq(a, s);
  answer_a(a, "example.org", true, T + 30);
  answer_nothing(s, "_xmpp-client._tcp.example.org", TYPE_SRV, T + 40);
  silence(T + 40);
  cr_expect_str_eq(text, "client at ::1 reached example.org in 30 ms: 2 of 2 answers waited for; "
                         "example.org:5222 by no SRV");
}

Test(walks, are_not_led_by_the_domains_addresses_where_it_lists_targets) {
  uint32_t s = ask("::1", "_xmpp-client._tcp.example.org", TYPE_SRV, T),
           a = ask("::1", "example.org", TYPE_A, T + 1);
  answer_a(a, "example.org", true, T + 30);
  answer_srv(s, "_xmpp-client._tcp.example.org", rd_srv(0, 0, 5222, "x.example.org"), NULL, NULL, T + 40);
  uint32_t x = ask("::1", "x.example.org", TYPE_AAAA, T + 41);
  answer_nothing(x, "x.example.org", TYPE_AAAA, T + 80);
  silence(T + 80);
  cr_expect_str_eq(text, "client at ::1 did not reach example.org: x.example.org has no address; "
                         "3 of 3 answers waited for");
}

/* Asked for beside the SRV record, before that said that they are a target's. */
Test(walks, are_led_by_the_domains_addresses_where_it_lists_itself) {
  uint32_t s = ask("::1", "_xmpp-client._tcp.example.org", TYPE_SRV, T),
           a = ask("::1", "example.org", TYPE_A, T + 1);
  answer_a(a, "example.org", true, T + 30);
  answer_srv(s, "_xmpp-client._tcp.example.org", rd_srv(5, 0, 5223, "Example.org"), NULL, NULL, T + 40);
  silence(T + 40);
  cr_expect_str_eq(text, "client at ::1 reached example.org in 30 ms: 2 of 2 answers waited for; "
                         "Example.org:5223 by _xmpp-client");
}

Test(walks, say_that_a_domain_which_lists_itself_has_no_address) {
  uint32_t s = ask("::1", "_xmpp-client._tcp.example.org", TYPE_SRV, T),
           a = ask("::1", "example.org", TYPE_A, T + 1);
  answer_nothing(a, "example.org", TYPE_A, T + 30);
  answer_srv(s, "_xmpp-client._tcp.example.org", rd_srv(5, 0, 5222, "example.org"), NULL, NULL, T + 40);
  silence(T + 40);
  cr_expect_str_eq(text, "client at ::1 did not reach example.org: example.org has no address; "
                         "2 of 2 answers waited for");
}

Test(walks, name_the_target_whose_address_a_host_asked_for_though_others_come_after_it) {
  uint32_t s = ask("::1", "_xmpp-client._tcp.example.org", TYPE_SRV, T),
           p = ask("::1", "_xmpps-client._tcp.example.org", TYPE_SRV, T),
           a = ask("::1", "example.org", TYPE_A, T + 1);
  answer_srv(s, "_xmpp-client._tcp.example.org", rd_srv(5, 0, 5222, "example.org"), NULL, NULL, T + 40);
  answer_a(a, "example.org", true, T + 41);
  answer_srv(p, "_xmpps-client._tcp.example.org", rd_srv(1, 0, 443, "other.lab"), NULL, NULL, T + 45);
  silence(T + 45);
  cr_expect_str_eq(text, "client at ::1 reached example.org in 41 ms: 3 of 3 answers waited for; "
                         "example.org:5222 by _xmpp-client");
}

Test(walks, say_what_failed_and_why) {
  uint32_t s = ask("::1", "_xmpp-server._tcp.example.org", TYPE_SRV, T);
  walks_sweep(ws, T + 1500); /* it still waits: the walk goes on */
  cr_expect_eq(ended, 0u);
  fail(s, "_xmpp-server._tcp.example.org", TYPE_SRV, ERR_TIMEOUT, T + 2500);
  silence(T + 2500);
  cr_expect_str_eq(text, "server at ::1 did not reach example.org: _xmpp-server._tcp.example.org. SRV: no "
                         "upstream answered in time; 1 of 1 answer waited for, 1 failed");
}

Test(walks, say_that_a_domain_has_no_such_service) {
  uint32_t s = ask("::1", "_xmpp-server._tcp.example.org", TYPE_SRV, T);
  answer_srv(s, "_xmpp-server._tcp.example.org", rd_srv(0, 0, 0, "."), NULL, NULL, T + 40);
  silence(T + 40);
  cr_expect_str_eq(text,
                   "server at ::1 did not reach example.org: its SRV record says \".\": no such service "
                   "here; 1 of 1 answer waited for");
}

Test(walks, are_told_apart_by_host_role_and_domain) {
  uint32_t tokens[] = {ask("::1", "_xmpp-server._tcp.example.org", TYPE_SRV, T),
                       ask("::2", "_xmpp-server._tcp.example.org", TYPE_SRV, T),
                       ask("::1", "_xmpp-client._tcp.example.org", TYPE_SRV, T),
                       ask("::1", "_xmpp-server._tcp.example.net", TYPE_SRV, T)};
  for (unsigned i = 0; i < 4; i++) {
    for (unsigned j = 0; j < i; j++) cr_expect_neq(tokens[i], tokens[j]);
  }
  cr_expect_eq(ask("::3", "example.org", TYPE_A, T), 0u);
  cr_expect_eq(ask("::1", "elsewhere.example.org", TYPE_A, T), 0u);
  cr_expect_eq(ask("::1", "_sip._tcp.example.org", TYPE_SRV, T), 0u);
}

Test(walks, bear_clocks_that_differ_a_little) {
  uint32_t s = ask("::1", "_xmpp-server._tcp.example.org", TYPE_SRV, T);
  answer_srv(s, "_xmpp-server._tcp.example.org", rd_srv(0, 0, 5269, "x.lab"), "x.lab", "192.0.2.1", T - 2);
  cr_expect(walks_sweep(ws, T - 5));
  silence(T);
  cr_expect_eq(ended, 1u);
  cr_expect_eq(last.reached_after_ms, 0u);
}

Test(walks, end_by_silence_and_begin_anew) {
  uint32_t s = ask("::1", "_xmpp-server._tcp.example.org", TYPE_SRV, T);
  answer_nothing(s, "_xmpp-server._tcp.example.org", TYPE_SRV, T + 40);
  silence(T + 40);
  cr_expect_eq(ended, 1u);
  uint32_t again = ask("::1", "_xmpp-server._tcp.example.org", TYPE_SRV, T + 5000);
  cr_expect_neq(again, s);
  answer_nothing(s, "_xmpp-server._tcp.example.org", TYPE_SRV, T + 5001); /* late, of the first */
  answer_nothing(again, "_xmpp-server._tcp.example.org", TYPE_SRV, T + 5040);
  silence(T + 5040);
  cr_expect_eq(ended, 2u);
  cr_expect_eq(last.answers, 1u);
}

Test(walks, made_anew_do_not_hear_answers_to_the_ones_before) {
  uint32_t old = ask("::1", "_xmpp-client._tcp.old.lab", TYPE_SRV, T);
  walks_free(ws);
  fresh();
  uint32_t s = ask("::1", "_xmpp-client._tcp.new.lab", TYPE_SRV, T + 100);
  answer_srv(old, "_xmpp-client._tcp.old.lab", rd_srv(0, 0, 5222, "x.old.lab"), NULL, NULL, T + 130);
  answer_nothing(s, "_xmpp-client._tcp.new.lab", TYPE_SRV, T + 140);
  silence(T + 140);
  cr_assert_eq(ended, 1u);
  cr_expect_eq(last.answers, 1u);
}

Test(walks, of_a_host_that_never_falls_silent_are_told_of_all_the_same) {
  for (uint64_t t = T; t < T + 2 * WALK_LONGEST_MS + 2000; t += 100) {
    uint32_t s = ask("::1", "_xmpp-server._tcp.example.org", TYPE_SRV, t);
    answer_nothing(s, "_xmpp-server._tcp.example.org", TYPE_SRV, t + 40);
    walks_sweep(ws, t + 50);
  }
  cr_expect_eq(ended, 2u);
}

Test(walks, take_no_more_places_than_there_are_and_the_oldest_makes_room) {
  char name[100];
  for (unsigned i = 0; i < 10 * WALKS_OPEN; i++) {
    snprintf(name, sizeof name, "_xmpp-server._tcp.d%u.lab", i);
    answer_nothing(ask("::1", name, TYPE_SRV, T + i), name, TYPE_SRV, T + i);
  }
  cr_expect_eq(ended, 9u * WALKS_OPEN);
  cr_expect_str_eq(text, "server at ::1 did not reach d1151.lab: it asked for services only, not for an "
                         "address; 1 of 1 answer waited for");
}

Test(walks, show_hostile_names_on_one_readable_line) {
  const char *name = "_xmpp-server._tcp.a\\010b\\027\\200.lab";
  answer_nothing(ask("::1", name, TYPE_SRV, T), name, TYPE_SRV, T);
  silence(T);
  for (const char *p = text; *p; p++) cr_assert(*p >= ' ' && *p < 127, "%s", text);
  cr_expect(strstr(text, "a\\010b\\027\\200.lab") != NULL, "%s", text);
}

Test(walks, read_answers_that_are_cut_anywhere) {
  static struct msg m;
  const char *name = "_xmpp-server._tcp.example.org";
  msg_answer(&m, name, TYPE_SRV, RCODE_NOERROR);
  for (unsigned i = 0; i < 12; i++) {
    char target[40];
    snprintf(target, sizeof target, "t%u.lab", i);
    msg_record(&m, SECTION_ANSWER, name, TYPE_SRV, 300, rd_srv((uint16_t)(20 - i), 0, 5269, target));
  }
  msg_record(&m, SECTION_ADDITIONAL, "t11.lab", TYPE_A, 300, rd_a("192.0.2.1"));
  for (size_t len = 0; len <= m.len; len++) {
    uint8_t *cut = exact(m.octets, len);
    struct question q;
    question_of(&q, name, TYPE_SRV);
    walks_answered(
        ws,
        &(struct walk_answer){
            .token = ask("::1", name, TYPE_SRV, T), .question = &q, .msg = len ? cut : NULL, .len = len},
        T);
    free(cut);
  }
  silence(T);
  cr_expect_eq(ended, 1u);
}
