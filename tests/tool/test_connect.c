/* test_connect.c: what is said of connections, and what they make of the verdict. */
#include "tool/connect.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "tool/check.h"
#include "tool/fake.h"
#include "tool/idna.h"
#include "tool/link.h"
#include "tool/report.h"
#include "tool/rules_priv.h"

/* A domain with two addresses for clients, and its connections: IPv4 first. */
struct place {
  struct fake *fake;
  struct facts *facts;
  struct connections *all;
};

static struct place place_new(void) {
  struct place p = {.fake = fake_new()};
  struct typed_domain typed;

  fake_add(p.fake, "_xmpp-client._tcp.d.chat", TYPE_SRV, 3600, rd_srv(5, 1, 5222, "x.d.chat"));
  fake_add(p.fake, "_xmpp-server._tcp.d.chat", TYPE_SRV, 3600, rd_srv(5, 1, 5269, "x.d.chat"));
  fake_add(p.fake, "x.d.chat", TYPE_A, 3600, rd_a("9.9.1.1"));
  fake_add(p.fake, "x.d.chat", TYPE_AAAA, 3600, rd_aaaa("2a01::1"));
  fake_add(p.fake, "d.chat", TYPE_A, 3600, rd_a("9.9.1.1"));
  cr_assert_null(domain_read_jid("d.chat", &typed));
  p.facts = facts_new(&typed, LOOKUP_C2S, NULL, 0);
  facts_run(p.facts, fake_ask, p.fake);

  const struct host *h = p.facts->plans[0][0]->steps[0].host;
  p.facts->connections = p.all = calloc(1, sizeof *p.all);
  p.all->now_s = 1000000000;
  p.all->count = h->address_count;
  for (size_t i = 0; i < h->address_count; i++) {
    p.all->list[i] = (struct connection){.side = LOOKUP_C2S,
                                         .host = h,
                                         .port = 5222,
                                         .address = h->addresses[i],
                                         .phase = PHASE_DONE,
                                         .has_tls = true,
                                         .version = "TLSv1.3",
                                         .trust = TLS_TRUSTED,
                                         .has_certificate = true,
                                         .form = CERT_DNS,
                                         .until_s = p.all->now_s + 60 * 86400,
                                         .starttls_required = true,
                                         .stream = {.opened = true, .scram = true}};
  }

  return p;
}

static void fail(struct connection *n, enum connect_phase phase, enum connect_end end) {
  n->phase = phase;
  n->end = end;
  n->has_tls = phase == PHASE_FEATURES;
}

static const struct finding *find(const struct report *r, enum rule_id rule) {
  for (size_t i = 0; i < r->count; i++) {
    if (r->list[i].rule == rule) return &r->list[i];
  }
  return NULL;
}

static unsigned findings_of_connections(const struct report *r) {
  unsigned n = 0;
  for (size_t i = 0; i < r->count; i++) n += report_rules[r->list[i].rule].group == 'M';
  return n;
}

static void place_free(struct place *p, struct report *r) {
  report_free(r);
  facts_free(p->facts);
  free(p->fake);
}

Test(connect, good_connections_are_not_spoken_of) {
  struct place p = place_new();
  struct report *r = report_new(p.facts);
  cr_expect_eq(findings_of_connections(r), 0);
  cr_expect_eq(r->verdicts[0], VERDICT_YES);
  place_free(&p, r);
}

Test(connect, ipv6_that_leads_nowhere_is_told_once_and_as_such) {
  struct place p = place_new();
  fail(&p.all->list[1], PHASE_CONNECT, END_SILENT);
  struct report *r = report_new(p.facts);
  cr_assert_not_null(find(r, RULE_IPV6_DEAD));
  cr_expect_str_eq(find(r, RULE_IPV6_DEAD)->text,
                   "2a01::1 of x.d.chat lets nobody in (no answer in time), its IPv4 addresses do");
  cr_expect_eq(findings_of_connections(r), 1);
  cr_expect_eq(r->verdicts[0], VERDICT_PARTLY);
  place_free(&p, r);
}

Test(connect, where_this_host_has_no_ipv6_nothing_is_known_of_it) {
  struct place p = place_new();
  fail(&p.all->list[1], PHASE_CONNECT, END_NO_WAY);
  struct report *r = report_new(p.facts);
  cr_expect_null(find(r, RULE_IPV6_DEAD));
  cr_expect_eq(find(r, RULE_CONNECT_SKIPPED)->severity, SEVERITY_INFO);
  cr_expect_eq(r->verdicts[0], VERDICT_YES);
  place_free(&p, r);
}

Test(connect, nobody_let_in_is_the_verdict_no) {
  struct place p = place_new();
  for (size_t i = 0; i < 2; i++) fail(&p.all->list[i], PHASE_CONNECT, END_REFUSED);
  struct report *r = report_new(p.facts);
  cr_expect_eq(find(r, RULE_CONNECT_REFUSED)->severity, SEVERITY_ERROR);
  cr_expect_eq(r->verdicts[0], VERDICT_NO);
  place_free(&p, r);
}

Test(connect, a_way_that_was_not_tried_leaves_hope) {
  static const enum connect_end untried[] = {END_NO_WAY, END_NO_TIME, END_PRIVATE};
  for (size_t i = 0; i < 4; i++) {
    struct place p = place_new();
    fail(&p.all->list[0], PHASE_CONNECT, END_REFUSED);
    fail(&p.all->list[1], PHASE_CONNECT, i < 3 ? untried[i] : END_REFUSED);
    p.all->too_many = i == 3;
    struct report *r = report_new(p.facts);
    cr_expect_eq(r->verdicts[0], VERDICT_PARTLY, "%zu: %d", i, r->verdicts[0]);
    place_free(&p, r);
  }
}

Test(connect, a_certificate_for_somebody_else_lets_no_client_in_and_is_told_once) {
  struct place p = place_new();
  for (size_t i = 0; i < 2; i++) {
    p.all->list[i].form = CERT_NOT;
    snprintf(p.all->list[i].names, sizeof p.all->list[i].names, "x.d.chat");
  }
  struct report *r = report_new(p.facts);
  cr_expect_str_eq(find(r, RULE_CERT_WRONG_NAME)->text,
                   "x.d.chat has a certificate for somebody else, port 5222: x.d.chat");
  cr_expect_eq(findings_of_connections(r), 1);
  cr_expect_eq(r->verdicts[0], VERDICT_NO);
  place_free(&p, r);
}

Test(connect, dane_vouches_for_a_certificate_that_nobody_signed) {
  struct place p = place_new();
  for (size_t i = 0; i < 2; i++) {
    p.all->list[i].trust = TLS_SELF_SIGNED;
    p.all->list[i].tlsa_records = p.all->list[i].tlsa_fitting = 1;
    p.all->list[i].dane = true;
  }
  struct report *r = report_new(p.facts);
  cr_expect_eq(find(r, RULE_CERT_UNTRUSTED)->severity, SEVERITY_NOTICE);
  cr_expect_neq(r->verdicts[0], VERDICT_NO);
  place_free(&p, r);
}

Test(connect, a_record_that_fits_a_chain_which_is_not_good_by_it_is_a_mismatch) {
  struct place p = place_new();
  for (size_t i = 0; i < 2; i++) {
    p.all->list[i].tlsa_records = p.all->list[i].tlsa_fitting = 1;
    p.all->list[i].dane_fails = true;
  }
  struct report *r = report_new(p.facts);
  cr_expect_not_null(find(r, RULE_TLSA_MISMATCH));
  place_free(&p, r);
}

Test(connect, a_record_that_fits_does_not_vouch_by_itself) {
  struct place p = place_new();
  for (size_t i = 0; i < 2; i++) {
    p.all->list[i].trust = TLS_SELF_SIGNED;
    p.all->list[i].tlsa_records = p.all->list[i].tlsa_fitting = 1;
  }
  struct report *r = report_new(p.facts);
  cr_expect_eq(find(r, RULE_CERT_UNTRUSTED)->severity, SEVERITY_ERROR);
  cr_expect_eq(r->verdicts[0], VERDICT_NO);
  place_free(&p, r);
}

/* An end whose TLSA record is known; what is not signed is named. */
static bool is_secure_without(const char *insecure) {
  struct fake *f = fake_new();
  struct typed_domain typed;

  f->secure = true;
  snprintf(f->insecure, sizeof f->insecure, "%s", insecure);
  fake_add(f, "_xmpp-client._tcp.d.chat", TYPE_SRV, 3600, rd_srv(5, 1, 5222, "x.other"));
  fake_add(f, "x.other", TYPE_A, 3600, rd_a("9.9.1.1"));
  fake_add(f, "_5222._tcp.x.other", TYPE_TLSA, 3600, rd_txt("x"));
  cr_assert_null(domain_read_jid("d.chat", &typed));
  struct facts *facts = facts_new(&typed, LOOKUP_C2S, NULL, 0);
  facts_run(facts, fake_ask, f);

  const struct tlsa_question *q = facts->tlsa;
  while (q < facts->tlsa + facts->tlsa_count && (!q->host || q->port != 5222)) q++;
  cr_assert(q < facts->tlsa + facts->tlsa_count);
  bool secure = rules_is_secure_end(facts, q, LOOKUP_C2S, false);
  facts_free(facts);
  free(f);
  return secure;
}

Test(connect, dane_needs_srv_addresses_and_tlsa_signed) {
  cr_expect(is_secure_without(""));
  cr_expect_not(is_secure_without("d.chat."));
  cr_expect_not(is_secure_without("other."));
  cr_expect_not(is_secure_without("_tcp.x.other."));
}

Test(connect, ports_of_one_failure_stand_in_one_finding) {
  struct place p = place_new();
  p.all->list[1] = p.all->list[0];
  p.all->list[1].port = 5223;
  for (size_t i = 0; i < 2; i++) fail(&p.all->list[i], PHASE_TLS, END_TLS_FAILED);
  snprintf(p.all->list[0].why, sizeof p.all->list[0].why, "handshake failure");
  struct report *r = report_new(p.facts);
  cr_expect_str_eq(find(r, RULE_TLS_FAILED)->text,
                   "x.d.chat fails the TLS handshake, ports 5222, 5223: handshake failure");
  place_free(&p, r);
}

Test(connect, tls_that_fails_after_its_handshake_is_told_with_its_reason) {
  struct place p = place_new();
  char *said = NULL;
  size_t len;

  for (size_t i = 0; i < 2; i++) {
    fail(&p.all->list[i], PHASE_FEATURES, END_TLS_FAILED);
    snprintf(p.all->list[i].why, sizeof p.all->list[i].why, "certificate required");
  }

  struct report *r = report_new(p.facts);
  cr_assert_not_null(find(r, RULE_CONNECTION_CUT));
  cr_expect_not_null(strstr(find(r, RULE_CONNECTION_CUT)->text,
                            "TLS failed in the phase \"features\", certificate required"));
  cr_expect_eq(r->verdicts[0], VERDICT_NO);

  FILE *out = open_memstream(&said, &len);
  check_write_connections(p.facts, &(struct check_options){0}, out);
  fclose(out);
  cr_expect_not_null(strstr(said, "failed: certificate required"), "%s", said);
  free(said);
  place_free(&p, r);
}

Test(connect, an_xmpp_addr_may_be_written_as_people_do) {
  char *ascii;
  if (idna_to_ascii("b\xc3\xbc"
                    "cher.chat",
                    &ascii))
    cr_skip_test("built without libidn2");
  free(ascii);
  struct cert cert = {.count = 2,
                      .names = {{CERT_XMPP, "b\xc3\xbc"
                                            "cher.chat"},
                                {CERT_XMPP, "\xff\xfe.chat"}}};
  cr_expect_eq(connect_form_of(&cert, "xn--bcher-kva.chat", LOOKUP_C2S), CERT_XMPP);
  cr_expect_eq(connect_form_of(&cert, "bucher.chat", LOOKUP_C2S), CERT_NOT);
  cr_expect_str_eq(cert.names[1].text, "??.chat");
  cr_expect_eq(cert.names[1].form, CERT_NOT);
}

Test(connect, a_short_certificate_expires_soon_in_its_last_third) {
  for (int left_days = 1; left_days < 6; left_days++) {
    struct place p = place_new();
    for (size_t i = 0; i < 2; i++) {
      p.all->list[i].until_s = p.all->now_s + left_days * 86400;
      p.all->list[i].from_s = p.all->list[i].until_s - 6 * 86400;
    }
    struct report *r = report_new(p.facts);
    cr_expect_eq(find(r, RULE_CERT_EXPIRING) != NULL, left_days < 2, "%d", left_days);
    place_free(&p, r);
  }
}

Test(connect, several_ports_are_as_bad_as_the_worst_of_them) {
  struct place p = place_new();
  p.all->list[1] = p.all->list[0];
  p.all->list[1].port = 5223;
  for (size_t i = 0; i < 2; i++) {
    p.all->list[i].trust = TLS_DISTRUSTED;
    snprintf(p.all->list[i].why, sizeof p.all->list[i].why, "reason %zu", i);
  }
  p.all->list[0].dane = true;
  struct report *r = report_new(p.facts);
  cr_expect_eq(find(r, RULE_CERT_UNTRUSTED)->severity, SEVERITY_ERROR);
  cr_expect_str_eq(find(r, RULE_CERT_UNTRUSTED)->text,
                   "x.d.chat has a certificate that nobody trusts, ports 5222, 5223: reason 1");
  place_free(&p, r);
}

Test(connect, a_handshake_that_only_an_old_version_passes_is_told_as_such) {
  struct place p = place_new();
  for (size_t i = 0; i < 2; i++) {
    fail(&p.all->list[i], PHASE_TLS, END_TLS_FAILED);
    snprintf(p.all->list[i].version, sizeof p.all->list[i].version, "TLSv1.1");
  }
  struct report *r = report_new(p.facts);
  cr_assert(find(r, RULE_TLS_FAILED) && find(r, RULE_TLS_OLD));
  cr_expect_str_eq(find(r, RULE_TLS_OLD)->text, "x.d.chat uses an old version of TLS, port 5222: TLSv1.1");
  cr_expect_eq(r->verdicts[0], VERDICT_NO);
  place_free(&p, r);
}

/* One connection that is good but for this; index: which of the two. */
static const struct fault {
  enum rule_id rule;
  unsigned index;
  enum connect_phase phase;
  enum connect_end end;
  enum tls_trust trust;
  enum cert_form form;
  int until_days;
  unsigned tlsa_records;
  const char *version;
  bool optional, plain;
} faults[] = {
    {RULE_CONNECT_REFUSED, 0, PHASE_CONNECT, END_REFUSED, TLS_TRUSTED, CERT_DNS, 60, 0, "", false, false},
    {RULE_CONNECT_TIMEOUT, 0, PHASE_CONNECT, END_SILENT, TLS_TRUSTED, CERT_DNS, 60, 0, "", false, false},
    {RULE_IPV6_DEAD, 1, PHASE_CONNECT, END_REFUSED, TLS_TRUSTED, CERT_DNS, 60, 0, "", false, false},
    {RULE_IPV4_DEAD, 0, PHASE_CONNECT, END_REFUSED, TLS_TRUSTED, CERT_DNS, 60, 0, "", false, false},
    {RULE_CONNECTION_CUT, 0, PHASE_STREAM, END_CUT, TLS_TRUSTED, CERT_DNS, 60, 0, "", false, false},
    {RULE_NOT_XMPP, 0, PHASE_STREAM, END_NOT_XMPP, TLS_TRUSTED, CERT_DNS, 60, 0, "", false, false},
    {RULE_STARTTLS_ON_TLS_PORT, 0, PHASE_TLS, END_XML_FIRST, TLS_TRUSTED, CERT_DNS, 60, 0, "", false, false},
    {RULE_TLS_ON_STARTTLS_PORT, 0, PHASE_STREAM, END_TLS_FIRST, TLS_TRUSTED, CERT_DNS, 60, 0, "", false,
     false},
    {RULE_STARTTLS_MISSING, 0, PHASE_STARTTLS, END_NO_STARTTLS, TLS_TRUSTED, CERT_DNS, 60, 0, "", false,
     false},
    {RULE_TLS_FAILED, 0, PHASE_TLS, END_TLS_FAILED, TLS_TRUSTED, CERT_DNS, 60, 0, "", false, false},
    {RULE_HOST_UNKNOWN, 0, PHASE_STREAM, END_HOST_UNKNOWN, TLS_TRUSTED, CERT_DNS, 60, 0, "", false, false},
    {RULE_CONNECT_SKIPPED, 0, PHASE_CONNECT, END_PRIVATE, TLS_TRUSTED, CERT_DNS, 60, 0, "", false, false},
    {RULE_STARTTLS_OPTIONAL, 0, PHASE_DONE, END_GOOD, TLS_TRUSTED, CERT_DNS, 60, 0, "TLSv1.3", true, false},
    {RULE_TLS_OLD, 0, PHASE_DONE, END_GOOD, TLS_TRUSTED, CERT_DNS, 60, 0, "TLSv1.1", false, false},
    {RULE_CERT_WRONG_NAME, 0, PHASE_DONE, END_GOOD, TLS_TRUSTED, CERT_NOT, 60, 0, "TLSv1.3", false, false},
    {RULE_CERT_EXPIRED, 0, PHASE_DONE, END_GOOD, TLS_EXPIRED, CERT_DNS, -1, 0, "TLSv1.3", false, false},
    {RULE_CERT_EXPIRING, 0, PHASE_DONE, END_GOOD, TLS_TRUSTED, CERT_DNS, 13, 0, "TLSv1.3", false, false},
    {RULE_CERT_NOT_YET_VALID, 0, PHASE_DONE, END_GOOD, TLS_NOT_YET, CERT_DNS, 60, 0, "TLSv1.3", false, false},
    {RULE_CERT_INCOMPLETE, 0, PHASE_DONE, END_GOOD, TLS_INCOMPLETE, CERT_DNS, 60, 0, "TLSv1.3", false, false},
    {RULE_CERT_UNTRUSTED, 0, PHASE_DONE, END_GOOD, TLS_SELF_SIGNED, CERT_DNS, 60, 0, "TLSv1.3", false, false},
    {RULE_SASL_PLAIN_ONLY, 0, PHASE_DONE, END_GOOD, TLS_TRUSTED, CERT_DNS, 60, 0, "TLSv1.3", false, true},
    {RULE_TLSA_MISMATCH, 0, PHASE_DONE, END_GOOD, TLS_TRUSTED, CERT_DNS, 60, 1, "TLSv1.3", false, false},
};
enum { FAULTS = sizeof faults / sizeof *faults };

static void spoil(struct connections *all, const struct fault *f) {
  struct connection *n = &all->list[f->index];
  n->phase = f->phase;
  n->end = f->end;
  n->has_tls = f->phase == PHASE_DONE;
  n->trust = f->trust;
  n->form = f->form;
  n->until_s = all->now_s + f->until_days * 86400;
  n->tlsa_records = f->tlsa_records;
  snprintf(n->version, sizeof n->version, "%s", f->version);
  n->starttls_required = !f->optional;
  n->stream.plain = f->plain;
  n->stream.scram = !f->plain;
}

Test(connect, each_fault_has_its_code_and_no_other) {
  for (size_t i = 0; i < FAULTS; i++) {
    struct place p = place_new();
    /* Without the other family, a dead address is told as what it is. */
    if (faults[i].rule == RULE_CONNECT_REFUSED || faults[i].rule == RULE_CONNECT_TIMEOUT) p.all->count = 1;
    spoil(p.all, &faults[i]);
    struct report *r = report_new(p.facts);
    unsigned own = find(r, faults[i].rule) ? 1 : 0,
             all = findings_of_connections(r) + (faults[i].rule == RULE_TLSA_MISMATCH);
    cr_expect(own == 1 && all == 1, "%s: %u, %u", report_rules[faults[i].rule].code, own, all);
    place_free(&p, r);
  }
}

/* ---- faults of another shape ---- */

static void need_alpn(struct place *p) { p->all->list[0].needs_alpn = true; }
static void need_sni(struct place *p) { p->all->list[0].needs_sni = true; }

static void send_on(struct place *p) {
  fail(&p->all->list[0], PHASE_FEATURES, END_SEE_OTHER);
  snprintf(p->all->list[0].why, sizeof p->all->list[0].why, "y.d.chat:5222");
}

static void be_of_server(struct place *p) {
  p->all->count = 1;
  p->all->list[0].side = LOOKUP_S2S;
}

static void have_other_family(struct place *p) { p->all->list[1].digest[0] = 1; }

static void be_another_service(struct place *p) { fail(&p->all->list[1], PHASE_STREAM, END_HOST_UNKNOWN); }

static void have_other_target(struct place *p) {
  p->all->list[1] = p->all->list[0];
  p->all->list[1].address.bytes[3] = 2;
  p->all->list[1].stream.sasl2 = true;
}

static void issue(struct place *p) {
  struct connection *n = &p->all->list[0];
  n->is_for_domain_alone = true;
  snprintf(n->issuer, sizeof n->issuer, "Let's Encrypt");
  p->all->caa = (struct caa){.is_known = true, .at = "chat", .restricts = true};
}

/* A component at the domain's port, whose stream the server refuses. */
static void lack_component(struct place *p) {
  struct facts *f = p->facts;
  struct component *c = &f->components[f->component_count++];
  uint8_t name[NAME_MAX_LEN];
  size_t len = name_parse("conference.d.chat", name);
  *c = (struct component){.label = "conference",
                          .lookup = lookup_new(name, len, LOOKUP_BOTH, false, f->hosts)};
  struct connection *n = &p->all->of_components[p->all->component_count++];
  *n = p->all->list[0];
  n->component = c;
  n->side = LOOKUP_S2S;
  n->port = 5269;
  fail(n, PHASE_STREAM, END_HOST_UNKNOWN);
}

static const struct other_fault {
  void (*make)(struct place *p);
  enum rule_id rule;
  const char *text;
} others[] = {
    {need_alpn, RULE_ALPN_NEEDED, "x.d.chat speaks XMPP only with ALPN, port 5222"},
    {need_sni, RULE_SNI_NEEDED, "x.d.chat needs SNI to show the right certificate, port 5222"},
    {send_on, RULE_SEE_OTHER_HOST, "x.d.chat sends on to another host, port 5222: y.d.chat:5222"},
    {lack_component, RULE_COMPONENT_NOT_SERVED,
     "conference.d.chat: x.d.chat does not serve the component, port 5269"},
    {be_of_server, RULE_S2S_NO_AUTH, "x.d.chat lets no server prove who it is, port 5222"},
    {have_other_family, RULE_FAMILIES_UNLIKE,
     "x.d.chat has another certificate over IPv6 than over IPv4, port 5222"},
    {be_another_service, RULE_FAMILIES_UNLIKE,
     "x.d.chat has another service over IPv6 than over IPv4, port 5222"},
    {have_other_target, RULE_TARGETS_UNLIKE, "9.9.1.2 has other features than 9.9.1.1, port 5222"},
    {issue, RULE_CAA_FORBIDS,
     "CAA of chat does not allow Let's Encrypt, which issued the certificate of x.d.chat"},
};
enum { OTHERS = sizeof others / sizeof *others };

Test(connect, each_other_fault_has_its_code_and_words) {
  for (size_t i = 0; i < OTHERS; i++) {
    struct place p = place_new();
    others[i].make(&p);
    struct report *r = report_new(p.facts);
    const struct finding *x = find(r, others[i].rule);
    cr_assert_not_null(x, "%s", others[i].text);
    cr_expect_str_eq(x->text, others[i].text);
    place_free(&p, r);
  }
}

Test(connect, a_server_that_sends_on_leaves_hope) {
  struct place p = place_new();
  for (size_t i = 0; i < 2; i++) fail(&p.all->list[i], PHASE_FEATURES, END_SEE_OTHER);
  struct report *r = report_new(p.facts);
  cr_expect_neq(r->verdicts[0], VERDICT_NO);
  place_free(&p, r);
}

Test(connect, servers_can_prove_themselves_by_dialback_or_a_certificate) {
  for (int way = 0; way < 4; way++) {
    struct place p = place_new();
    struct connection *n = &p.all->list[0];
    be_of_server(&p);
    n->stream.dialback = way == 0;
    n->stream.declares_dialback = way == 1;
    n->stream.external = way == 2;
    n->asks_certificate = way == 3;
    struct report *r = report_new(p.facts);
    cr_expect_null(find(r, RULE_S2S_NO_AUTH), "%d", way);
    place_free(&p, r);
  }
}

Test(connect, mechanisms_in_another_order_are_the_same) {
  struct place p = place_new();
  snprintf(p.all->list[0].stream.mechanisms, STREAM_MECHANISMS, "PLAIN SCRAM-SHA-1 SCRAM-SHA-1-PLUS");
  snprintf(p.all->list[1].stream.mechanisms, STREAM_MECHANISMS, "SCRAM-SHA-1-PLUS PLAIN SCRAM-SHA-1");
  struct report *r = report_new(p.facts);
  cr_expect_null(find(r, RULE_FAMILIES_UNLIKE));
  place_free(&p, r);
}

Test(connect, caa_is_held_against_authorities_that_are_known_alone) {
  static const struct {
    const char *organisation, *allowed;
    bool restricts, forbids;
  } cases[] = {{"Let's Encrypt", "letsencrypt.org", true, false},
               {"Let's Encrypt", "LETSENCRYPT.ORG", true, false},
               {"Let's Encrypt", "digicert.com", true, true},
               {"Let's Encrypt", "", true, true},
               {"Let's Encrypt", "", false, false},
               {"Sectigo Limited", "comodoca.com", true, false},
               {"The test's own", "digicert.com", true, false},
               {"", "", true, false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct caa c = {.is_known = true, .restricts = cases[i].restricts, .count = *cases[i].allowed ? 1 : 0};
    snprintf(c.issuers[0], sizeof c.issuers[0], "%s", cases[i].allowed);
    cr_expect_eq(caa_forbids(&c, cases[i].organisation), cases[i].forbids, "%zu", i);
  }
}

static struct rdata rd_caa(const char *tag, const char *value) {
  struct rdata rd = {.len = 0};
  rd.octets[rd.len++] = 0;
  rd.octets[rd.len++] = (uint8_t)strlen(tag);
  memcpy(rd.octets + rd.len, tag, strlen(tag));
  rd.len += (uint16_t)strlen(tag);
  memcpy(rd.octets + rd.len, value, strlen(value));
  rd.len += (uint16_t)strlen(value);
  return rd;
}

Test(connect, caa_of_the_nearest_name_above_holds) {
  static const struct {
    const char *at, *tag, *value, *issuer;
    bool restricts;
  } cases[] = {{"d.chat", "issue", "letsencrypt.org; accounturi=x", "letsencrypt.org", true},
               {"chat", "ISSUE", " letsencrypt.org ", "letsencrypt.org", true},
               {"chat", "issue", ";", "", true},
               {"chat", "issuewild", ";", "", false},
               {"chat", "iodef", "mailto:a@b", "", false},
               {"other", "issue", ";", "", false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fake *f = fake_new();
    struct typed_domain typed;
    struct caa c;
    fake_add(f, "d.chat", TYPE_A, 3600, rd_a("9.9.1.1"));
    fake_add(f, cases[i].at, TYPE_OF_CAA, 3600, rd_caa(cases[i].tag, cases[i].value));
    cr_assert_null(domain_read_jid("d.chat", &typed));
    struct facts *facts = facts_new(&typed, LOOKUP_C2S, NULL, 0);
    facts_run(facts, fake_ask, f);
    caa_find(facts, fake_ask, f, &c);
    cr_expect(c.is_known && c.restricts == cases[i].restricts, "%zu", i);
    cr_expect_str_eq(c.at, strcmp(cases[i].at, "other") == 0 ? "" : cases[i].at);
    cr_expect_str_eq(c.count ? c.issuers[0] : "", cases[i].issuer);
    facts_free(facts);
    free(f);
  }
}

Test(connect, every_code_of_connections_has_a_fault_that_shows_it) {
  for (unsigned id = 0; id < RULE_COUNT; id++) {
    bool shown = report_rules[id].group == 'N' || !report_needs_connections((enum rule_id)id);
    for (size_t i = 0; i < FAULTS; i++) shown |= faults[i].rule == id;
    for (size_t i = 0; i < OTHERS; i++) shown |= others[i].rule == id;
    cr_expect(shown, "nothing shows %s", report_rules[id].code);
  }
}

Test(connect, a_firewall_that_answers_refuses_and_is_no_lack_of_a_route) {
  cr_expect_eq(link_result_of_waiting(EHOSTUNREACH), LINK_REFUSED);
  cr_expect_eq(link_result_of_waiting(EACCES), LINK_REFUSED);
  cr_expect_eq(link_result_of_waiting(EPERM), LINK_REFUSED);
  cr_expect_eq(link_result_of_waiting(ECONNREFUSED), LINK_REFUSED);
  cr_expect_eq(link_result_of_waiting(ENETUNREACH), LINK_NO_WAY);
  cr_expect_eq(link_result_of_waiting(0), LINK_DONE);
}

Test(connect, every_end_and_phase_has_words) {
  for (int e = END_GOOD; e <= END_SYSTEM; e++) cr_expect(*connect_end_text((enum connect_end)e));
  for (int p = PHASE_CONNECT; p <= PHASE_DONE; p++) cr_expect(*connect_phase_word((enum connect_phase)p));
}
