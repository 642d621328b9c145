/* test_lookup.c: what is asked for a domain, and how the answers are put in order. */
#include "tool/lookup.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "tool/fake.h"

enum { XMPPS_CLIENT, XMPP_CLIENT, XMPPS_SERVER, XMPP_SERVER, JABBER }; /* the services' order */

#define C2S "_xmpp-client._tcp.d.lab"

static void expect_target(const struct service *s, size_t i, uint16_t priority, uint16_t weight,
                          const char *target) {
  char text[NAME_TEXT];
  cr_assert_lt(i, s->count);
  cr_expect_eq(s->srv[i].priority, priority);
  cr_expect_eq(s->srv[i].weight, weight);
  cr_expect_str_eq(name_format(s->srv[i].target, s->srv[i].target_len, text), target);
}

static void expect_address(const struct host *h, size_t i, const char *address) {
  char text[ADDRESS_TEXT];
  cr_assert(h && i < h->address_count);
  cr_expect_str_eq(lookup_address_text(&h->addresses[i], text), address);
}

Test(lookup, asks_services_and_domain_at_once_then_every_target_once) {
  struct fake *f = fake_new();
  fake_add(f, C2S, TYPE_SRV, 300, rd_srv(1, 0, 5222, "x.lab"));
  fake_add(f, "_xmpp-server._tcp.d.lab", TYPE_SRV, 300, rd_srv(1, 0, 5269, "X.lab"));
  fake_add(f, "_xmpp-server._tcp.d.lab", TYPE_SRV, 300, rd_srv(1, 0, 5269, "y.lab"));
  fake_add(f, "_xmpps-server._tcp.d.lab", TYPE_SRV, 300, rd_srv(1, 0, 5270, "D.lab"));
  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_BOTH, false);
  cr_expect_eq(f->rounds, 2);
  cr_expect_eq(f->asked[0], 4 + 2);
  cr_expect_eq(f->asked[1], 2 * 2, "x and y; the domain is known already");
  cr_expect_eq(l->services[XMPPS_SERVER].hosts[0], l->domain);
  lookup_free(l);
  free(f);
}

Test(lookup, asks_only_for_the_side_it_is_told) {
  struct fake *f = fake_new();
  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_C2S, false);
  cr_expect_eq(f->rounds, 1, "no target, no second round");
  cr_expect_eq(f->asked[0], 2 + 2);
  cr_expect_eq(l->services[XMPP_SERVER].state, SERVICE_UNASKED);
  lookup_free(l);
  l = fake_lookup(f, "d.lab", LOOKUP_S2S, true);
  cr_expect_eq(f->asked[1], 3 + 1 + 2, "two services, _jabber, _xmppconnect, the domain");
  lookup_free(l);
  free(f);
}

Test(lookup, puts_targets_in_order_with_their_addresses) {
  struct fake *f = fake_new();
  fake_add(f, C2S, TYPE_SRV, 18000, rd_srv(20, 0, 5222, "c.lab"));
  fake_add(f, C2S, TYPE_SRV, 900, rd_srv(5, 40, 5222, "b.lab"));
  fake_add(f, C2S, TYPE_SRV, 18000, rd_srv(5, 60, 5223, "a.lab"));
  fake_add(f, "a.lab", TYPE_AAAA, 60, rd_aaaa("2001:db8::1"));
  fake_add(f, "a.lab", TYPE_A, 30, rd_a("192.0.2.1"));
  fake_add(f, "b.lab", TYPE_A, 30, rd_a("192.0.2.2"));
  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_C2S, false);
  const struct service *s = &l->services[XMPP_CLIENT];
  cr_expect_eq(s->state, SERVICE_OFFERED);
  cr_expect_eq(s->ttl, 900, "the least");
  expect_target(s, 0, 5, 60, "a.lab.");
  expect_target(s, 1, 5, 40, "b.lab.");
  expect_target(s, 2, 20, 0, "c.lab.");
  expect_address(s->hosts[0], 0, "192.0.2.1");
  expect_address(s->hosts[0], 1, "2001:db8::1");
  cr_expect_eq(s->hosts[0]->addresses[1].ttl, 60);
  expect_address(s->hosts[1], 0, "192.0.2.2");
  cr_expect_eq(s->hosts[2]->address_count, 0);
  cr_expect_eq(l->services[XMPPS_CLIENT].state, SERVICE_ABSENT);
  lookup_free(l);
  free(f);
}

Test(lookup, tells_not_offered_from_absent_and_from_failed) {
  struct fake *f = fake_new();
  fake_add(f, "_xmpps-client._tcp.d.lab", TYPE_SRV, 300, rd_srv(0, 0, 0, "."));
  fake_add(f, C2S, TYPE_TXT, 300, rd_txt("NODATA for SRV"));
  fake_fail(f, "_xmpps-server._tcp.d.lab", TYPE_SRV, ASKED_TIMEOUT, 0);
  fake_fail(f, "_xmpp-server._tcp.d.lab", TYPE_SRV, ASKED_ANSWERED, RCODE_SERVFAIL);
  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_BOTH, false);
  cr_expect_eq(l->services[XMPPS_CLIENT].state, SERVICE_NOT_OFFERED);
  cr_expect_eq(l->services[XMPP_CLIENT].state, SERVICE_ABSENT);
  cr_expect_eq(l->services[XMPPS_SERVER].state, SERVICE_FAILED);
  cr_expect_eq(l->services[XMPP_SERVER].state, SERVICE_FAILED);
  cr_expect_eq(l->hosts->count, 1, "nothing is asked about the root");
  cr_expect(lookup_is_incomplete(l));
  cr_expect(!lookup_is_silent(l));
  lookup_free(l);
  free(f);
}

Test(lookup, drops_none_among_others_and_says_so) {
  struct fake *f = fake_new();
  fake_add(f, C2S, TYPE_SRV, 300, rd_srv(0, 0, 0, "."));
  fake_add(f, C2S, TYPE_SRV, 300, rd_srv(1, 0, 5222, "x.lab"));
  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_C2S, false);
  const struct service *s = &l->services[XMPP_CLIENT];
  cr_expect_eq(s->state, SERVICE_OFFERED);
  cr_expect_eq(s->count, 1);
  cr_expect(s->none_among_others);
  lookup_free(l);
  free(f);
}

Test(lookup, follows_a_cname_of_the_service_and_marks_one_of_a_target) {
  struct fake *f = fake_new();
  fake_add(f, C2S, TYPE_CNAME, 300, rd_name("_xmpp-client._tcp.hosting.lab"));
  fake_add(f, "_xmpp-client._tcp.hosting.lab", TYPE_SRV, 300, rd_srv(1, 0, 5222, "alias.lab"));
  fake_add(f, "alias.lab", TYPE_CNAME, 300, rd_name("middle.lab"));
  fake_add(f, "middle.lab", TYPE_CNAME, 300, rd_name("x.lab"));
  fake_add(f, "x.lab", TYPE_A, 300, rd_a("192.0.2.1"));
  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_C2S, false);
  const struct service *s = &l->services[XMPP_CLIENT];
  cr_assert_eq(s->state, SERVICE_OFFERED);
  cr_expect_eq(s->alias.links, 1);
  cr_expect_eq(s->hosts[0]->alias.links, 2);
  cr_expect(!s->hosts[0]->alias.endless);
  expect_address(s->hosts[0], 0, "192.0.2.1");
  lookup_free(l);
  free(f);
}

Test(lookup, ends_in_a_loop_of_cnames) {
  struct fake *f = fake_new();
  fake_add(f, "d.lab", TYPE_CNAME, 300, rd_name("e.lab"));
  fake_add(f, "e.lab", TYPE_CNAME, 300, rd_name("d.lab"));
  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_C2S, false);
  cr_expect_eq(l->domain->address_count, 0);
  cr_expect(l->domain->alias.endless);
  lookup_free(l);
  free(f);
}

Test(lookup, takes_a_truncated_answer_for_a_failure) {
  struct fake *f = fake_new();
  fake_add(f, C2S, TYPE_SRV, 300, rd_srv(1, 0, 5222, "x.lab"));
  fake_truncate(f, C2S);
  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_C2S, false);
  char word[PRINT_WORD];
  cr_expect_eq(l->services[XMPP_CLIENT].state, SERVICE_FAILED);
  cr_expect_str_eq(lookup_outcome_text(&l->services[XMPP_CLIENT].asked, word),
                   "truncated, and no answer over TCP");
  cr_expect(lookup_is_incomplete(l));
  lookup_free(l);
  free(f);
}

Test(lookup, knows_answers_that_have_expired) {
  struct fake *f = fake_new();
  fake_add(f, C2S, TYPE_SRV, 300, rd_srv(1, 0, 5222, "x.lab"));
  fake_add(f, "x.lab", TYPE_A, 300, rd_a("192.0.2.1"));
  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_C2S, false);
  cr_expect(!lookup_is_stale(&l->services[XMPP_CLIENT].asked));
  lookup_free(l);
  f->rounds = 0;
  f->ede = 3;
  l = fake_lookup(f, "d.lab", LOOKUP_C2S, false);
  cr_expect(lookup_is_stale(&l->services[XMPP_CLIENT].asked));
  cr_expect(lookup_is_stale(&l->domain->asked[1]));
  lookup_free(l);
  f->rounds = 0;
  f->ede = 22;
  l = fake_lookup(f, "d.lab", LOOKUP_C2S, false);
  cr_expect(!lookup_is_stale(&l->services[XMPP_CLIENT].asked));
  lookup_free(l);
  free(f);
}

Test(lookup, asks_for_the_targets_of_every_service_however_many_another_one_has) {
  struct fake *f = fake_new();
  for (int i = 0; i < LOOKUP_SRV_MAX + 1; i++) {
    char target[32];
    snprintf(target, sizeof target, "t%d.lab", i);
    fake_add(f, C2S, TYPE_SRV, 300, rd_srv((uint16_t)i, 0, 5222, target));
  }

  fake_add(f, "_xmpp-server._tcp.d.lab", TYPE_SRV, 300, rd_srv(1, 0, 5269, "x.lab"));
  fake_add(f, "x.lab", TYPE_A, 300, rd_a("192.0.2.1"));
  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_BOTH, false);
  const struct service *s = &l->services[XMPP_SERVER];
  cr_assert_not_null(s->hosts[0]);
  expect_address(s->hosts[0], 0, "192.0.2.1");
  cr_expect_null(l->services[XMPP_CLIENT].hosts[LOOKUP_HOSTS_MAX - 2], "it made room");
  lookup_free(l);
  free(f);
}

Test(lookup, knows_which_addresses_came_along) {
  struct fake *f = fake_new();
  fake_add(f, C2S, TYPE_SRV, 300, rd_srv(1, 0, 5222, "x.lab"));
  fake_add(f, "X.lab", TYPE_A, 300, rd_a("192.0.2.1"));
  fake_along(f);
  fake_add(f, "x.lab", TYPE_A, 300, rd_a("192.0.2.2"));
  fake_add(f, "x.lab", TYPE_AAAA, 300, rd_aaaa("2001:db8::1"));
  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_C2S, false);
  const struct service *s = &l->services[XMPP_CLIENT];
  const struct host *h = s->hosts[0];
  cr_assert_eq(h->address_count, 3);
  cr_expect(lookup_came_along(s, h, &h->addresses[0]));
  cr_expect(!lookup_came_along(s, h, &h->addresses[1]));
  cr_expect(!lookup_came_along(s, h, &h->addresses[2]));
  cr_expect(!lookup_came_along(&l->services[XMPP_SERVER], h, &h->addresses[0]), "never asked");
  lookup_free(l);
  free(f);
}

Test(lookup, counts_malformed_records_and_keeps_the_others) {
  struct fake *f = fake_new();
  fake_add(f, C2S, TYPE_SRV, 300, rd_octets("\0\1\0\0", 4));
  fake_add(f, C2S, TYPE_SRV, 300, rd_srv(1, 0, 5222, "x.lab"));
  fake_add(f, "_xmpps-client._tcp.d.lab", TYPE_SRV, 300, rd_octets("", 0));
  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_C2S, false);
  cr_expect_eq(l->services[XMPP_CLIENT].state, SERVICE_OFFERED);
  cr_expect_eq(l->services[XMPP_CLIENT].malformed, 1);
  cr_expect_eq(l->services[XMPPS_CLIENT].state, SERVICE_FAILED);
  lookup_free(l);
  free(f);
}

Test(lookup, ignores_records_of_other_names_in_an_answer) {
  struct fake *f = fake_new();
  fake_add(f, C2S, TYPE_SRV, 300, rd_srv(1, 0, 5222, "x.lab"));
  fake_add(f, "_xmpp-client._tcp.evil.lab", TYPE_SRV, 5, rd_srv(0, 0, 5222, "evil.lab"));
  fake_astray(f);
  fake_add(f, "evil.lab", TYPE_A, 300, rd_a("192.0.2.66"));
  fake_astray(f);
  fake_add(f, "x.lab", TYPE_A, 300, rd_a("192.0.2.1"));
  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_C2S, false);
  const struct service *s = &l->services[XMPP_CLIENT];
  cr_assert_eq(s->count, 1);
  cr_expect_eq(s->ttl, 300);
  cr_assert_eq(s->hosts[0]->address_count, 1);
  expect_address(s->hosts[0], 0, "192.0.2.1");
  cr_expect_eq(l->domain->address_count, 0);
  lookup_free(l);
  free(f);
}

Test(lookup, bounds_the_targets_it_asks_for) {
  struct fake *f = fake_new();
  for (int i = 0; i < LOOKUP_SRV_MAX + 1; i++) {
    char target[32];
    snprintf(target, sizeof target, "t%d.lab", i);
    fake_add(f, C2S, TYPE_SRV, 300, rd_srv((uint16_t)i, 0, 5222, target));
  }

  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_C2S, false);
  const struct service *s = &l->services[XMPP_CLIENT];
  cr_expect_eq(s->count, LOOKUP_SRV_MAX);
  cr_expect(s->too_many);
  cr_expect(l->hosts->too_many);
  cr_expect_eq(f->asked[1], 2 * (LOOKUP_HOSTS_MAX - 1), "the domain is one of them");
  cr_expect_not_null(s->hosts[LOOKUP_HOSTS_MAX - 2], "the first in order are the ones looked at");
  cr_expect_null(s->hosts[LOOKUP_HOSTS_MAX - 1]);
  lookup_free(l);
  free(f);
}

Test(lookup, bounds_the_addresses_of_a_host) {
  struct fake *f = fake_new();
  for (int i = 0; i < LOOKUP_ADDRESSES_MAX + 1; i++) fake_add(f, "d.lab", TYPE_A, 300, rd_a("192.0.2.1"));
  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_C2S, false);
  cr_expect_eq(l->domain->address_count, LOOKUP_ADDRESSES_MAX);
  lookup_free(l);
  free(f);
}

Test(lookup, takes_no_address_an_octet_short_or_long) {
  struct fake *f = fake_new();
  fake_add(f, "d.lab", TYPE_A, 300, rd_octets("\1\2\3\4\5", 5));
  fake_add(f, "d.lab", TYPE_A, 300, rd_octets("\1\2\3", 3));
  fake_add(f, "d.lab", TYPE_AAAA, 300, rd_fill(1, 15));
  fake_add(f, "d.lab", TYPE_AAAA, 300, rd_fill(1, 17));
  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_C2S, false);
  cr_expect_eq(l->domain->address_count, 0);
  lookup_free(l);
  free(f);
}

Test(lookup, passes_on_what_the_server_calls_secure) {
  struct fake *f = fake_new();
  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_C2S, false);
  cr_expect(!lookup_is_secure(&l->domain->asked[0]));
  lookup_free(l);
  f->secure = true;
  l = fake_lookup(f, "d.lab", LOOKUP_C2S, false);
  cr_expect(lookup_is_secure(&l->domain->asked[0]));
  lookup_free(l);
  free(f);
}
