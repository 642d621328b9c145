/* test_kin.c: which subdomains are learnt, kept and forgotten. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "kit/made.h"
#include "xmpp/kin.h"

enum { NOW_MS = 1000000, LATER_MS = NOW_MS + 1000 };

static struct kin kin;
static struct question q;
static struct kin_member list[KIN_EACH];

static void setup(void) { kin_init(&kin, KIT_SEED); }
static void teardown(void) { kin_close(&kin); }
TestSuite(kin, .init = setup, .fini = teardown);

/* "_xmpp-server" "conference.d.lab." */
static struct family family(const char *service, const char *domain) {
  char name[NAME_TEXT];
  struct family f;
  snprintf(name, sizeof name, "%s._tcp.%s", service, domain);
  question_of(&q, name, TYPE_SRV);
  cr_assert(family_of(&q, &f));
  return f;
}

static struct kin_outcome outcome;

/* True when it had been made. */
static bool asks(const char *domain, uint64_t now_ms) {
  struct family f = family("_xmpp-server", domain);
  outcome = kin_note_service(&kin, &f, now_ms);
  return outcome.used;
}

static unsigned count_of(const char *domain) {
  struct family f = family("_xmpp-server", domain);
  return kin_list(&kin, &f, list);
}

/* True when it had been made before, and nobody wanted it. */
static bool make(const char *domain, unsigned i) {
  struct family f = family("_xmpp-server", domain);
  outcome = kin_note_made(&kin, &f, &list[i]);
  return outcome.wasted;
}

Test(kin, a_subdomain_asked_for_after_its_domain_is_learnt_with_what_was_asked) {
  asks("d.lab.", NOW_MS);
  asks("Conference.D.lab.", LATER_MS);
  cr_assert_eq(count_of("d.lab."), 1);
  cr_expect_eq(list[0].label[0], 10);
  cr_expect_eq(memcmp(list[0].label + 1, "conference", 10), 0);
  cr_expect_eq(list[0].asked, KIN_SRV);

  struct family f = family("_xmpps-server", "conference.d.lab.");
  kin_note_service(&kin, &f, LATER_MS);
  kin_note_address(&kin, f.domain, f.domain_len);
  cr_assert_eq(count_of("d.lab."), 1);
  cr_expect_eq(list[0].asked, KIN_SRV | KIN_SRV_TLS | KIN_ADDRESSES);
}

Test(kin, an_address_alone_teaches_nothing) {
  asks("d.lab.", NOW_MS);
  struct family f = family("_xmpp-server", "www.d.lab.");
  kin_note_address(&kin, f.domain, f.domain_len);
  cr_expect_eq(count_of("d.lab."), 0);
}

Test(kin, nothing_is_learnt_of_an_unknown_domain_the_root_or_too_late) {
  asks("conference.d.lab.", NOW_MS);
  asks("org.", NOW_MS);
  asks("e.lab.", NOW_MS);
  asks("conference.e.lab.", NOW_MS + KIN_WINDOW_S * 1000 + 1000);
  cr_expect_eq(count_of("d.lab."), 0);
  cr_expect_eq(count_of("e.lab."), 0);
}

Test(kin, use_makes_it_weigh_more_and_waste_less) {
  asks("d.lab.", NOW_MS);
  asks("a.d.lab.", NOW_MS);
  asks("b.d.lab.", NOW_MS);
  for (unsigned i = 0; i < 3; i++) {
    cr_assert_eq(count_of("d.lab."), 2);
    cr_expect_not(make("d.lab.", 0));
    cr_expect(asks("a.d.lab.", LATER_MS));
    cr_expect_not(asks("a.d.lab.", LATER_MS), "it counts once");
  }
  cr_assert_eq(count_of("d.lab."), 2);
  cr_expect_eq(list[0].label[1], 'a', "the most used first");
  cr_expect_eq(list[0].weight, KIN_WEIGHT_NEW + 3);

  cr_expect_not(make("d.lab.", 1));
  for (unsigned i = 0; i < KIN_WEIGHT_NEW; i++) cr_expect(make("d.lab.", 1));
  cr_assert_eq(count_of("d.lab."), 2, "b is known still");
  cr_expect_eq(list[1].weight, 0);
  cr_expect(asks("b.d.lab.", LATER_MS));
  count_of("d.lab.");
  cr_expect_eq(list[1].weight, KIN_WEIGHT_NEW);
}

Test(kin, what_loses_its_place_is_told_as_wasted) {
  char name[32];
  asks("d.lab.", NOW_MS);
  asks("r0.d.lab.", NOW_MS);
  count_of("d.lab.");
  make("d.lab.", 0);
  struct kin_member gone = list[0];
  for (unsigned i = 1; i <= KIN_EACH; i++) {
    snprintf(name, sizeof name, "r%u.d.lab.", i);
    asks(name, NOW_MS);
    cr_expect_eq(outcome.wasted, i == KIN_EACH, "%u", i);
  }

  struct family f = family("_xmpp-server", "d.lab.");
  cr_expect_eq(kin_note_made(&kin, &f, &gone).wasted, 1, "it is not known any more");
  count_of("d.lab.");
  for (unsigned i = 0; i < KIN_EACH; i++) make("d.lab.", i);
  unsigned wasted = 0;
  for (unsigned i = 0; i < 64 * KIN_DOMAINS && !wasted; i++) {
    snprintf(name, sizeof name, "f%u.lab.", i);
    asks(name, NOW_MS + 1000);
    snprintf(name, sizeof name, "r.f%u.lab.", i);
    asks(name, NOW_MS + 1000);
    wasted += outcome.wasted;
  }
  cr_expect_eq(wasted, KIN_EACH, "its domain's place was taken");
}

Test(kin, the_seventh_takes_the_place_of_the_one_that_weighs_least) {
  char name[32];
  asks("d.lab.", NOW_MS);
  for (unsigned i = 0; i < KIN_EACH; i++) {
    snprintf(name, sizeof name, "r%u.d.lab.", i);
    asks(name, NOW_MS);
  }
  count_of("d.lab.");
  make("d.lab.", 3);
  make("d.lab.", 3);
  asks("new.d.lab.", NOW_MS);
  cr_expect_eq(count_of("d.lab."), KIN_EACH);
  for (unsigned i = 0; i < KIN_EACH; i++) cr_expect_neq(list[i].label[2], '3');
}

static void put_srv(struct cache *c, const char *name, enum cache_origin how) {
  static struct made made;
  made_start(&made, name, TYPE_SRV, RCODE_NOERROR);
  made_add(&made, SECTION_ANSWER, name, TYPE_SRV, 60, rd_srv(0, 1, 5269, "h.lab."));
  made_done(&made, 1000);
  cr_assert(cache_put(c, &made.question, &made.answer, how, 0, 0));
}

Test(kin, after_a_restart_it_learns_from_what_the_cache_was_asked) {
  struct cache *c = cache_new(CACHE_SIZE_MIN, KIT_SEED);
  put_srv(c, "_xmpp-server._tcp.d.lab.", ORIGIN_QUERY);
  put_srv(c, "_xmpp-server._tcp.conference.d.lab.", ORIGIN_QUERY);
  put_srv(c, "_xmpps-server._tcp.conference.d.lab.", ORIGIN_RENEWED);
  put_srv(c, "_xmpp-server._tcp.unused.d.lab.", ORIGIN_PREFETCH_S2S);
  put_srv(c, "_xmpp-server._tcp.e.lab.", ORIGIN_PREFETCH_S2S);
  put_srv(c, "_xmpp-server._tcp.conference.e.lab.", ORIGIN_QUERY);
  bool stop = true;
  kin_learn_cache(&kin, c, 200000, &stop);
  cr_expect_eq(count_of("d.lab."), 0, "jidnsd stops");
  stop = false;
  kin_learn_cache(&kin, c, 200000, &stop);
  cr_assert_eq(count_of("d.lab."), 1);
  cr_expect_eq(list[0].label[1], 'c');
  cr_expect_eq(list[0].asked, KIN_SRV | KIN_SRV_TLS);
  cr_expect_eq(count_of("e.lab."), 0);
  cr_expect_eq(count_of("lab."), 0);
  cache_free(c);
}
