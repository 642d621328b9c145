/* test_guess.c: which hosts are guessed, from what, and what ends it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "kit/made.h"
#include "xmpp/guess.h"

static struct guesses g;

static void start(void) { guess_init(&g, KIT_SEED); }

static void name_of(struct srv *s, const char *name) {
  *s = (struct srv){.port = 5269};
  s->target_len = (uint8_t)name_parse(name, s->target);
  cr_assert(s->target_len > 0);
}

/* A family whose domain lives as long as the question. */
static struct family family_named(struct question *q, const char *domain) {
  char name[300];
  struct family f;
  snprintf(name, sizeof name, "_xmpp-server._tcp.%s", domain);
  question_of(q, name, TYPE_SRV);
  cr_assert(family_of(q, &f));
  return f;
}

/* Somebody asks for the domain, what is guessed is asked for, and the SRV answer names `target` (NULL: none).
 * Returns how many hosts were guessed. */
static struct srv guessed[GUESS_MAX];
static struct guess_outcome outcome, lost;
static unsigned contact(const char *domain, const char *target) {
  struct question q;
  struct family f = family_named(&q, domain);
  struct srv s;
  unsigned n = guess_begin(&g, &f, guessed, &lost);
  for (unsigned i = 0; i < n; i++) cr_expect(guess_asked(&g, &f, &guessed[i], 2));
  if (target) name_of(&s, target);
  outcome = guess_answered(&g, &f, &s, target != NULL);
  return n;
}

static unsigned next;

/* n other domains, of which `share` per cent have LABEL.D, the others a host of their own. */
static unsigned learn(unsigned n, unsigned share, const char *label) {
  unsigned made = 0;
  for (unsigned i = 0; i < n; i++, next++) {
    char domain[64], target[96];
    snprintf(domain, sizeof domain, "d%u.lab.", next);
    if (next * share % 100 < share) snprintf(target, sizeof target, "%s.%s", label, domain);
    else snprintf(target, sizeof target, "own%u.%s", next, domain);
    made += contact(domain, target);
  }
  return made;
}

static void expect_guess(unsigned i, const char *name) {
  struct srv want;
  name_of(&want, name);
  cr_expect(name_equal(guessed[i].target, guessed[i].target_len, want.target, want.target_len), "guess %u",
            i);
}

Test(guess, a_label_that_a_quarter_of_the_domains_has_is_guessed, .init = start) {
  learn(200, 25, "xmpp");
  cr_assert_eq(contact("new.example.", "XMPP.New.example."), 1);
  expect_guess(0, "xmpp.new.example.");
  cr_expect(outcome.used == 1 && outcome.wasted == 0);
}

Test(guess, a_label_that_one_in_twenty_has_is_not, .init = start) { cr_expect_eq(learn(400, 5, "xmpp"), 0); }

Test(guess, nothing_is_guessed_before_some_domains_are_known, .init = start) {
  cr_expect_eq(learn(GUESS_AFTER, 100, "xmpp"), 0);
  learn(3, 100, "xmpp");
  cr_expect_eq(contact("new.example.", NULL), 1);
}

Test(guess, a_host_that_serves_many_domains_is_guessed_whole, .init = start) {
  for (unsigned i = 0; i < 40; i++) {
    char domain[64];
    snprintf(domain, sizeof domain, "d%u.lab.", i);
    contact(domain, "Host.Hoster.example.");
  }
  cr_assert_eq(contact("new.example.", NULL), 1);
  expect_guess(0, "host.hoster.example.");
  cr_expect(outcome.used == 0 && outcome.wasted == 1);
}

Test(guess, what_lies_deeper_and_the_domain_itself_teach_nothing, .init = start) {
  for (unsigned i = 0; i < 100; i++) {
    char domain[64], target[96];
    snprintf(domain, sizeof domain, "d%u.lab.", i);
    snprintf(target, sizeof target, "%s%s", i % 2 ? "" : "a.b.", domain);
    cr_assert_eq(contact(domain, target), 0);
  }
}

Test(guess, two_hosts_at_most_are_guessed_for_one_domain, .init = start) {
  static const char *const labels[] = {"xmpp", "jabber", "chat", "im"};
  unsigned most = 0;
  for (unsigned i = 0; i < 400; i++) {
    char domain[64], target[96];
    snprintf(domain, sizeof domain, "d%u.lab.", i);
    snprintf(target, sizeof target, "%s.%s", labels[i % 4], domain);
    unsigned n = contact(domain, target);
    if (n > most) most = n;
  }
  cr_expect_eq(most, 2);
}

Test(guess, names_made_up_below_one_domain_count_once, .init = start) {
  learn(100, 25, "xmpp");
  for (unsigned i = 0; i < 5000; i++) {
    char domain[64], target[96];
    struct question q;
    struct srv s;
    snprintf(domain, sizeof domain, "n%u.evil.example.", i);
    snprintf(target, sizeof target, "evil.%s", domain);
    struct family f = family_named(&q, domain);
    name_of(&s, target);
    guess_answered(&g, &f, &s, 1);
  }
  cr_assert_eq(contact("new.example.", NULL), 1);
  expect_guess(0, "xmpp.new.example.");
}

Test(guess, domains_that_do_not_exist_end_it_and_it_comes_back_when_it_would_pay, .init = start) {
  learn(200, 25, "xmpp");
  unsigned made = 0;
  for (unsigned i = 0; i < 3000; i++) {
    char domain[64];
    snprintf(domain, sizeof domain, "n%u.evil.example.", i);
    made += contact(domain, NULL);
  }
  cr_expect_leq(made, 150, "%u", made);
  cr_expect_eq(contact("n.evil.example.", NULL), 0);
  learn(100, 25, "xmpp");
  cr_expect_eq(contact("new.example.", NULL), 1);
}

Test(guess, a_label_fades_when_domains_stop_having_it, .init = start) {
  learn(200, 100, "old");
  learn(400, 100, "xmpp");
  cr_assert_eq(contact("new.example.", NULL), 1);
  expect_guess(0, "xmpp.new.example.");
}

/* Whatever the world is like. */
Test(guess, no_more_is_wasted_than_two_questions_a_contact, .init = start) {
  static const char *const labels[] = {"xmpp", "jabber", "chat", "im"};
  for (unsigned kind = 0; kind < 3; kind++) {
    unsigned wasted = 0;
    start();
    for (unsigned i = 0; i < 1000; i++) {
      char domain[64], target[96];
      snprintf(domain, sizeof domain, "d%u.lab.", i);
      unsigned which = kind == 0 ? i % 4 : kind == 1 ? i / 200 % 4 : i % 7 % 4;
      snprintf(target, sizeof target, "%s.%s", labels[which], domain);
      contact(domain, target);
      wasted += outcome.wasted;
    }
    cr_expect_leq(2 * wasted, 2000, "kind %u: %u", kind, wasted);
    cr_expect_gt(wasted, 0);
  }
}

Test(guess, a_host_that_cost_no_question_leaves_the_credit_as_it_was, .init = start) {
  learn(200, 100, "xmpp");
  struct question q;
  struct family f = family_named(&q, "new.example.");
  g.credit = 2;
  cr_assert_eq(guess_begin(&g, &f, guessed, &lost), 1);
  cr_expect(guess_asked(&g, &f, &guessed[0], 0));
  cr_expect_eq(g.credit, 2 + GUESS_SPEND);
  cr_expect_eq(guess_failed(&g, &f).wasted, 0, "nothing was made");
}

/* As when several workers begin before any has asked. */
Test(guess, contacts_begun_at_once_share_the_credit, .init = start) {
  learn(200, 100, "xmpp");
  unsigned hosts = 0;
  enum { CONTACTS = 40 };
  g.credit = GUESS_SAVED_MOST;
  g.candidates[1] = g.candidates[0]; /* two hosts for each */
  g.candidates[1].name[1] = 'y';
  for (unsigned i = 0; i < CONTACTS; i++) {
    char domain[64];
    struct question q;
    snprintf(domain, sizeof domain, "n%u.example.", i);
    struct family f = family_named(&q, domain);
    hosts += guess_begin(&g, &f, guessed, &lost);
  }
  cr_expect_leq(2 * hosts, GUESS_SAVED_MOST + GUESS_SPEND * CONTACTS, "%u", hosts);
  cr_expect_geq(hosts, CONTACTS);
}

Test(guess, one_contact_is_guessed_for_once_while_its_answer_is_awaited, .init = start) {
  learn(200, 100, "xmpp");
  struct question q;
  struct family f = family_named(&q, "new.example.");
  cr_expect_eq(guess_begin(&g, &f, guessed, &lost), 1);
  cr_expect_eq(guess_begin(&g, &f, guessed, &lost), 0);
  guess_failed(&g, &f);
  cr_expect_eq(guess_begin(&g, &f, guessed, &lost), 1);
}

Test(guess, a_failed_question_wastes_its_guesses_and_teaches_nothing, .init = start) {
  learn(200, 100, "xmpp");
  struct question q;
  struct family f = family_named(&q, "new.example.");
  uint32_t domains = g.domains, contacts = g.contacts;
  cr_assert_eq(guess_begin(&g, &f, guessed, &lost), 1);
  cr_assert(guess_asked(&g, &f, &guessed[0], 2));
  outcome = guess_failed(&g, &f);
  cr_expect(outcome.used == 0 && outcome.wasted == 1);
  cr_expect_eq(guess_failed(&g, &f).wasted, 0, "each is told once");
  cr_expect(g.domains == domains && g.contacts == contacts);
}

Test(guess, contacts_whose_answer_never_comes_are_given_up_and_each_guess_is_told_once, .init = start) {
  unsigned made = 0, told = 0;
  learn(200, 100, "xmpp");
  for (unsigned i = 0; i < 4000; i++) {
    char domain[64];
    struct question q;
    snprintf(domain, sizeof domain, "n%u.example.", i);
    struct family f = family_named(&q, domain);
    unsigned n = guess_begin(&g, &f, guessed, &lost);
    for (unsigned k = 0; k < n; k++) made += guess_asked(&g, &f, &guessed[k], 2);
    told += lost.wasted;
  }
  for (unsigned i = 0; i < GUESS_OPEN; i++) told += g.open[i].count;
  cr_expect_gt(made, 1000);
  cr_expect_eq(told, made);
}

Test(guess, a_name_that_would_be_too_long_is_not_guessed, .init = start) {
  char domain[256];
  learn(200, 100, "xmpp");
  memset(domain, 'a', 251);
  for (unsigned i = 50; i < 251; i += 50) domain[i] = '.';
  strcpy(domain + 230, ".");
  struct srv own;
  name_of(&own, domain);
  cr_assert_gt(own.target_len + 5, 230);
  strcpy(domain + 230, "aaaa.");
  cr_expect_eq(contact(domain, NULL), 1, "it fits");
  static uint8_t longest[NAME_MAX_LEN];
  memset(longest, 'a', sizeof longest);
  for (unsigned i = 0; i < 192; i += 64) longest[i] = 63;
  longest[192] = NAME_MAX_LEN - 192 - 2;
  longest[NAME_MAX_LEN - 1] = 0;
  struct family f = {.role = FAMILY_S2S, .domain = longest, .domain_len = NAME_MAX_LEN};
  cr_expect_eq(guess_begin(&g, &f, guessed, &lost), 0);
}

Test(guess, takes_no_more_memory_than_32_kib) { cr_expect_leq(sizeof(struct guesses), 32 << 10); }
