/* test_mistakes.c: each mistake is found where it is made, and only there. */
#include "tool/mistakes.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "tool/fake.h"

#define C2S "_xmpp-client._tcp.d.lab"

/* The mistakes' words in order, set apart by blanks, of a lookup for clients with all records. */
static void expect_words(struct fake *f, const char *expected) {
  struct mistakes m;
  char words[512] = "";
  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_C2S, true);
  mistakes_find(l, &m);
  for (size_t i = 0; i < m.count; i++) {
    if (i > 0) strcat(words, " ");
    strcat(words, m.list[i].word);
  }
  cr_expect_str_eq(words, expected, "got: %s", words);
  mistakes_free(&m);
  lookup_free(l);
  f->rounds = 0;
}

static void add_target(struct fake *f, uint16_t port, const char *target) {
  fake_add(f, C2S, TYPE_SRV, 300, rd_srv(1, 0, port, target));
}

Test(mistakes, are_none_in_a_right_setup) {
  struct fake *f = fake_new();
  add_target(f, 5222, "x.lab");
  fake_add(f, "x.lab", TYPE_A, 300, rd_a("192.0.2.1"));
  fake_add(f, "_xmpps-client._tcp.d.lab", TYPE_SRV, 300, rd_srv(0, 0, 0, "."));
  expect_words(f, "");
  free(f);
}

Test(mistakes, are_none_where_the_domain_has_an_address_only) {
  struct fake *f = fake_new();
  fake_add(f, "d.lab", TYPE_AAAA, 300, rd_aaaa("2001:db8::1"));
  expect_words(f, "");
  free(f);
}

Test(mistakes, name_a_target_that_is_a_cname) {
  struct fake *f = fake_new();
  add_target(f, 5222, "alias.lab");
  fake_add(f, "alias.lab", TYPE_CNAME, 300, rd_name("x.lab"));
  expect_words(f, "target-without-address target-alias");
  fake_add(f, "x.lab", TYPE_A, 300, rd_a("192.0.2.1"));
  expect_words(f, "target-alias");
  free(f);
}

Test(mistakes, name_a_target_that_reads_like_an_address) {
  struct fake *f = fake_new();
  add_target(f, 5222, "192.0.2.1");
  expect_words(f, "target-is-address");
  free(f);
}

Test(mistakes, name_a_target_without_address) {
  struct fake *f = fake_new();
  add_target(f, 5222, "gone.lab");
  expect_words(f, "target-missing");
  fake_add(f, "gone.lab", TYPE_TXT, 300, rd_txt("it is there"));
  expect_words(f, "target-without-address");
  free(f);
}

Test(mistakes, call_no_target_addressless_whose_question_failed) {
  struct fake *f = fake_new();
  add_target(f, 5222, "x.lab");
  fake_fail(f, "x.lab", TYPE_A, ASKED_TIMEOUT, 0);
  expect_words(f, "address-failed");
  fake_fail(f, "x.lab", TYPE_AAAA, ASKED_ANSWERED, RCODE_SERVFAIL);
  expect_words(f, "target-below-lame"); /* both, and the host is another domain's */
  free(f);
}

Test(mistakes, name_a_domain_with_nothing) {
  struct fake *f = fake_new();
  expect_words(f, "domain-missing");
  fake_add(f, "d.lab", TYPE_TXT, 300, rd_txt("it is there"));
  expect_words(f, "nothing");
  fake_fail(f, "d.lab", TYPE_A, ASKED_ANSWERED, RCODE_SERVFAIL);
  expect_words(f, "address-failed"); /* not known to have nothing */
  free(f);
}

static void expect_text(struct fake *f, const char *word, const char *expected) {
  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_C2S, false);
  struct mistakes m;
  const char *text = NULL;
  mistakes_find(l, &m);
  for (size_t i = 0; i < m.count && !text; i++)
    text = strcmp(m.list[i].word, word) == 0 ? m.list[i].text : NULL;
  cr_assert_not_null(text, "no %s", word);
  cr_expect_str_eq(text, expected, "got: %s", text);
  mistakes_free(&m);
  lookup_free(l);
  f->rounds = 0;
}

Test(mistakes, name_a_failed_srv_question_and_what_it_leads_to) {
  struct fake *f = fake_new();
  fake_fail(f, C2S, TYPE_SRV, ASKED_ANSWERED, RCODE_SERVFAIL);
  expect_text(f, "srv-failed",
              "The question for _xmpp-client._tcp failed (SERVFAIL), and d.lab itself has no address.");
  fake_add(f, "d.lab", TYPE_A, 300, rd_a("192.0.2.1"));
  expect_text(f, "srv-failed",
              "The question for _xmpp-client._tcp failed (SERVFAIL); programs go to d.lab itself.");
  fake_add(f, "_xmpps-client._tcp.d.lab", TYPE_SRV, 300, rd_srv(1, 0, 5223, "d.lab"));
  expect_text(f, "srv-failed",
              "The question for _xmpp-client._tcp failed (SERVFAIL); programs use _xmpps-client._tcp alone.");
  free(f);
}

Test(mistakes, call_garbage_unreadable_and_not_by_its_rcode) {
  struct fake *f = fake_new();
  fake_add(f, C2S, TYPE_SRV, 300, rd_octets("\1", 1));
  fake_add(f, "d.lab", TYPE_A, 300, rd_a("192.0.2.1"));
  expect_words(f, "srv-malformed");
  free(f);
}

Test(mistakes, name_an_answer_that_is_truncated_for_good) {
  struct fake *f = fake_new();
  add_target(f, 5222, "x.lab");
  fake_truncate(f, C2S);
  expect_words(f, "no-tcp"); /* that says why it failed */
  free(f);
}

Test(mistakes, name_aliases_without_end_and_without_srv) {
  struct fake *f = fake_new();
  add_target(f, 5222, "a.lab");
  fake_add(f, "a.lab", TYPE_CNAME, 300, rd_name("b.lab"));
  fake_add(f, "b.lab", TYPE_CNAME, 300, rd_name("a.lab"));
  expect_words(f, "target-without-address target-alias");
  fake_add(f, "_xmpps-client._tcp.d.lab", TYPE_CNAME, 300, rd_name("d.lab"));
  expect_words(f, "target-without-address srv-alias-without-srv target-alias");
  free(f);
}

Test(mistakes, name_localhost_as_a_target) {
  struct fake *f = fake_new();
  add_target(f, 5222, "localhost");
  fake_add(f, "localhost", TYPE_A, 300, rd_a("127.0.0.1"));
  expect_words(f, "target-localhost");
  free(f);
}

Test(mistakes, name_fields_of_a_refusal_that_should_be_0) {
  struct fake *f = fake_new();
  fake_add(f, C2S, TYPE_SRV, 300, rd_srv(5222, 0, 5, "."));
  expect_text(f, "none-with-values",
              "_xmpp-client._tcp: the target \".\" comes with priority 5222, weight 0, port 5.");
  free(f);
}

Test(mistakes, tell_of_expired_answers_once) {
  struct fake *f = fake_new();
  add_target(f, 5222, "x.lab");
  fake_add(f, "x.lab", TYPE_A, 300, rd_a("192.0.2.1"));
  f->ede = 3;
  expect_words(f, "answer-stale");
  free(f);
}

Test(mistakes, name_none_among_others_port_0_and_unreadable_records) {
  struct fake *f = fake_new();
  add_target(f, 0, ".");
  add_target(f, 0, "x.lab");
  fake_add(f, C2S, TYPE_SRV, 300, rd_octets("\1", 1));
  fake_add(f, "x.lab", TYPE_A, 300, rd_a("192.0.2.1"));
  expect_words(f, "srv-malformed port-zero none-among-others");
  free(f);
}

Test(mistakes, name_obsolete_records_when_all_are_asked_for) {
  struct fake *f = fake_new();
  fake_add(f, "d.lab", TYPE_A, 300, rd_a("192.0.2.1"));
  fake_add(f, "_xmppconnect.d.lab", TYPE_TXT, 300, rd_txt("_xmpp-client-xbosh=https://d.lab/"));
  expect_words(f, "obsolete-xmppconnect");
  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_C2S, false);
  struct mistakes m;
  mistakes_find(l, &m);
  cr_expect_eq(m.count, 0);
  lookup_free(l);
  f->rounds = 0;
  fake_add(f, "_jabber._tcp.d.lab", TYPE_SRV, 300, rd_srv(1, 0, 5269, "d.lab"));
  l = fake_lookup(f, "d.lab", LOOKUP_S2S, true);
  mistakes_find(l, &m);
  cr_assert_eq(m.count, 2);
  cr_expect_str_eq(m.list[0].word, "jabber-only");
  cr_expect_str_eq(m.list[1].word, "obsolete-jabber");
  mistakes_free(&m);
  lookup_free(l);
  free(f);
}

Test(mistakes, are_told_once_for_two_services) {
  struct fake *f = fake_new();
  add_target(f, 5222, "gone.lab");
  fake_add(f, "_xmpps-client._tcp.d.lab", TYPE_SRV, 300, rd_srv(1, 0, 5223, "gone.lab"));
  expect_words(f, "target-missing");
  free(f);
}

Test(mistakes, are_bounded) {
  struct fake *f = fake_new();
  struct mistakes m;
  for (int i = 0; i < LOOKUP_HOSTS_MAX + 5; i++) {
    char target[32];
    snprintf(target, sizeof target, "t%d.lab", i);
    add_target(f, 5222, target);
  }
  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_C2S, false);
  mistakes_find(l, &m);
  cr_expect_eq(m.count, MISTAKES_MAX);
  mistakes_free(&m);
  lookup_free(l);
  free(f);
}
