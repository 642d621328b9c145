/* test_plan.c: where a program connects, told as a sentence. */
#include "tool/plan.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "tool/fake.h"
#include "tool/findings.h"

#define XMPPS "_xmpps-client._tcp.d.lab"
#define XMPP "_xmpp-client._tcp.d.lab"

static void expect_plan(struct fake *f, bool direct_tls, enum plan_end end, const char *expected) {
  static struct plan p;
  char *text = NULL;
  size_t len;
  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_C2S, false);
  plan_make(l, LOOKUP_C2S, direct_tls, &p);
  FILE *out = open_memstream(&text, &len);
  plan_write(&p, out);
  fclose(out);
  cr_expect_eq(p.end, end);
  cr_expect_str_eq(text, expected, "got: %s", text);
  free(text);
  lookup_free(l);
  f->rounds = 0;
}

static void add_host(struct fake *f, const char *name) { fake_add(f, name, TYPE_A, 300, rd_a("192.0.2.1")); }

Test(plan, goes_to_the_one_target) {
  struct fake *f = fake_new();
  fake_add(f, XMPP, TYPE_SRV, 300, rd_srv(5, 0, 5223, "x.lab"));
  add_host(f, "x.lab");
  expect_plan(f, true, PLAN_CONNECTS, "connects to x.lab port 5223 (STARTTLS)");
  free(f);
}

Test(plan, takes_both_sets_as_one_where_direct_tls_is_known) {
  struct fake *f = fake_new();
  fake_add(f, XMPP, TYPE_SRV, 300, rd_srv(10, 0, 5222, "a.lab"));
  fake_add(f, XMPPS, TYPE_SRV, 300, rd_srv(5, 0, 443, "b.lab"));
  fake_add(f, XMPPS, TYPE_SRV, 300, rd_srv(20, 0, 5223, "a.lab"));
  add_host(f, "a.lab");
  add_host(f, "b.lab");
  expect_plan(f, true, PLAN_CONNECTS,
              "connects to b.lab port 443 (direct TLS) first; falls back to a.lab port 5222 (STARTTLS), "
              "then to a.lab port 5223 (direct TLS)");
  expect_plan(f, false, PLAN_CONNECTS, "connects to a.lab port 5222 (STARTTLS)");
  free(f);
}

Test(plan, chooses_by_weight_inside_a_priority) {
  struct fake *f = fake_new();
  fake_add(f, XMPP, TYPE_SRV, 300, rd_srv(5, 40, 5222, "b.lab"));
  fake_add(f, XMPP, TYPE_SRV, 300, rd_srv(5, 60, 5222, "a.lab"));
  fake_add(f, XMPP, TYPE_SRV, 300, rd_srv(6, 0, 5222, "c.lab"));
  add_host(f, "a.lab");
  add_host(f, "b.lab");
  add_host(f, "c.lab");
  expect_plan(
      f, true, PLAN_CONNECTS,
      "connects to one of a.lab port 5222 (STARTTLS, weight 60) and b.lab port 5222 (STARTTLS, weight 40) "
      "first; falls back to c.lab port 5222 (STARTTLS)");
  free(f);
}

Test(plan, passes_over_targets_without_address) {
  struct fake *f = fake_new();
  fake_add(f, XMPP, TYPE_SRV, 300, rd_srv(1, 0, 5222, "gone.lab"));
  fake_add(f, XMPP, TYPE_SRV, 300, rd_srv(2, 0, 5222, "x.lab"));
  add_host(f, "x.lab");
  add_host(f, "d.lab");
  expect_plan(f, true, PLAN_CONNECTS, "connects to x.lab port 5222 (STARTTLS)");
  free(f);
}

Test(plan, passes_over_port_0) {
  struct fake *f = fake_new();
  fake_add(f, XMPP, TYPE_SRV, 300, rd_srv(1, 0, 0, "x.lab"));
  add_host(f, "x.lab");
  expect_plan(f, true, PLAN_NO_ADDRESS, "finds nothing to connect to");
  free(f);
}

Test(plan, names_targets_that_were_not_asked_for) {
  static struct plan p;
  struct fake *f = fake_new();
  fake_add(f, XMPP, TYPE_SRV, 300, rd_srv(1, 0, 5222, "x.lab"));
  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_C2S, false);
  l->services[1].hosts[0] = NULL;
  plan_make(l, LOOKUP_C2S, true, &p);
  char host[NAME_TEXT];
  cr_assert_eq(p.count, 1);
  cr_expect_eq(p.end, PLAN_CONNECTS, "not asked is not \"no address\"");
  cr_expect_str_eq(plan_step_host(&p.steps[0], host), "x.lab");
  lookup_free(l);
  free(f);
}

Test(plan, does_not_go_to_the_domain_when_targets_have_no_address) {
  struct fake *f = fake_new();
  fake_add(f, XMPP, TYPE_SRV, 300, rd_srv(1, 0, 5222, "gone.lab"));
  add_host(f, "d.lab");
  expect_plan(f, true, PLAN_NO_ADDRESS, "finds nothing to connect to");
  free(f);
}

Test(plan, goes_to_the_domain_itself_without_srv) {
  struct fake *f = fake_new();
  add_host(f, "d.lab");
  expect_plan(f, true, PLAN_CONNECTS,
              "connects to d.lab port 5222 (STARTTLS), the domain itself, because there is no SRV record");
  free(f);
}

Test(plan, has_nowhere_to_go_without_srv_and_address) {
  struct fake *f = fake_new();
  expect_plan(f, true, PLAN_NO_ADDRESS, "finds nothing to connect to");
  free(f);
}

Test(plan, stays_away_where_the_service_is_not_offered) {
  struct fake *f = fake_new();
  fake_add(f, XMPP, TYPE_SRV, 300, rd_srv(0, 0, 0, "."));
  add_host(f, "d.lab");
  expect_plan(f, true, PLAN_NOT_OFFERED, "connects nowhere: the service is not offered");
  expect_plan(f, false, PLAN_NOT_OFFERED, "connects nowhere: the service is not offered");
  free(f);
}

/* "." for direct TLS: look at the other set, but do not fall back to the domain. */
Test(plan, looks_at_starttls_when_direct_tls_is_not_offered) {
  struct fake *f = fake_new();
  fake_add(f, XMPPS, TYPE_SRV, 300, rd_srv(0, 0, 0, "."));
  add_host(f, "d.lab");
  expect_plan(f, true, PLAN_NOT_OFFERED, "connects nowhere: the service is not offered");
  expect_plan(f, false, PLAN_CONNECTS,
              "connects to d.lab port 5222 (STARTTLS), the domain itself, because there is no SRV record");
  fake_add(f, XMPP, TYPE_SRV, 300, rd_srv(1, 0, 5222, "d.lab"));
  expect_plan(f, true, PLAN_CONNECTS, "connects to d.lab port 5222 (STARTTLS)");
  free(f);
}

Test(plan, says_that_a_failure_leads_to_the_domain) {
  struct fake *f = fake_new();
  add_host(f, "d.lab");
  fake_fail(f, XMPP, TYPE_SRV, ASKED_ANSWERED, RCODE_SERVFAIL);
  expect_plan(f, true, PLAN_CONNECTS,
              "connects to d.lab port 5222 (STARTTLS), the domain itself, because the SRV question failed");
  free(f);
}

Test(plan, uses_the_port_of_servers_between_servers) {
  static struct plan p;
  struct fake *f = fake_new();
  add_host(f, "d.lab");
  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_S2S, false);
  plan_make(l, LOOKUP_S2S, true, &p);
  cr_assert_eq(p.count, 1);
  cr_expect_eq(p.steps[0].port, 5269);
  lookup_free(l);
  free(f);
}

Test(plan, never_uses_an_obsolete_service) {
  static struct plan p;
  struct fake *f = fake_new();
  fake_add(f, "_jabber._tcp.d.lab", TYPE_SRV, 300, rd_srv(1, 0, 5269, "x.lab"));
  add_host(f, "x.lab");
  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_S2S, true);
  plan_make(l, LOOKUP_S2S, true, &p);
  cr_expect_eq(p.end, PLAN_NO_ADDRESS);
  lookup_free(l);
  free(f);
}

Test(plan, of_openfire_goes_by_jabber_when_nothing_else_is_there) {
  static struct plan p;
  struct fake *f = fake_new();
  fake_add(f, "_jabber._tcp.d.lab", TYPE_SRV, 300, rd_srv(1, 0, 5269, "x.lab"));
  add_host(f, "x.lab");
  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_S2S, true);
  cr_assert(plan_make_obsolete(l, &p));
  cr_expect_eq(p.steps[0].port, 5269);
  lookup_free(l);
  f->rounds = 0;
  fake_add(f, "_xmpp-server._tcp.d.lab", TYPE_SRV, 300, rd_srv(1, 0, 5269, "x.lab"));
  l = fake_lookup(f, "d.lab", LOOKUP_S2S, true);
  cr_expect(!plan_make_obsolete(l, &p));
  lookup_free(l);
  free(f);
}

Test(plan, names_a_few_of_many) {
  static struct plan p;
  struct fake *f = fake_new();
  char *text = NULL;
  size_t len;

  for (uint16_t i = 0; i < 100; i++) {
    char target[32];
    snprintf(target, sizeof target, "t%u.lab", i);
    fake_add(f, XMPP, TYPE_SRV, 300, rd_srv(i / 10, i, 5222, target));
    add_host(f, target);
  }

  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_C2S, false);
  plan_make(l, LOOKUP_C2S, true, &p);
  FILE *out = open_memstream(&text, &len);
  plan_write(&p, out);
  fclose(out);
  cr_expect_eq(p.count, 100);
  cr_expect_lt(len, 1500);
  cr_expect_not_null(strstr(text, " and 6 more first; falls back to one of t19.lab"), "%s", text);
  cr_expect_not_null(strstr(text, ", then to 50 more"), "%s", text);
  free(text);
  lookup_free(l);
  free(f);
}

static bool connects(struct fake *f, enum lookup_side sides) {
  struct lookup *l = fake_lookup(f, "d.lab", sides, false);
  struct findings *all = findings_new(l);
  bool result = all->connects;
  findings_free(all);
  lookup_free(l);
  f->rounds = 0;
  return result;
}

Test(findings, connect_when_one_side_does) {
  struct fake *f = fake_new();
  fake_add(f, XMPP, TYPE_SRV, 300, rd_srv(1, 0, 5222, "x.lab"));
  add_host(f, "x.lab");
  cr_expect(connects(f, LOOKUP_BOTH));
  cr_expect(connects(f, LOOKUP_C2S));
  cr_expect(!connects(f, LOOKUP_S2S));
  free(f);
}

Test(findings, count_nobody_but_oneself_as_nothing_found) {
  struct fake *f = fake_new();
  fake_add(f, XMPP, TYPE_SRV, 300, rd_srv(1, 0, 5222, "localhost"));
  fake_add(f, "localhost", TYPE_A, 300, rd_a("127.0.0.1"));
  fake_add(f, "localhost", TYPE_AAAA, 300, rd_aaaa("::1"));
  cr_expect(!connects(f, LOOKUP_C2S));
  fake_add(f, "localhost", TYPE_A, 300, rd_a("192.0.2.1"));
  cr_expect(connects(f, LOOKUP_C2S));
  free(f);
}

Test(plan, goes_to_localhost_whatever_the_dns_says_of_it) {
  struct fake *f = fake_new();
  struct plan p;
  fake_add(f, XMPP, TYPE_SRV, 300, rd_srv(1, 0, 5222, "localhost"));
  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_C2S, false);
  plan_make(l, LOOKUP_C2S, false, &p);
  cr_expect(p.end == PLAN_CONNECTS && p.count == 1);
  cr_expect(!plan_leads_out(&p), "but nobody else is reached there");
  lookup_free(l);
  free(f);
}

Test(findings, count_no_guess_after_a_failure_as_found) {
  struct fake *f = fake_new();
  add_host(f, "d.lab");
  cr_expect(connects(f, LOOKUP_C2S));
  fake_fail(f, XMPP, TYPE_SRV, ASKED_TIMEOUT, 0);
  cr_expect(!connects(f, LOOKUP_C2S));
  free(f);
}
