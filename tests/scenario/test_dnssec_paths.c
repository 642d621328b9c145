/* test_dnssec_paths.c: answers that lead to other servers, names that nobody wants proven, and what others of
 * jidnsd's parts make of answers that are. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "scenario/lab.h"

#define SRV_A "_xmpp-client._tcp.a.lab."
#define SRV_U "_xmpp-client._tcp.u.lab."

enum { CORP = 1 }; /* a server */

static struct lab *l;
static struct world *w;
static struct list sets;
static struct routes routes;

static void begin(struct world_options o) {
  l = lab_new(o);
  w = l->world;
  signer_zone(l->signer, "a.lab.", SIGNER_SIGNED);
  signer_zone(l->signer, "u.lab.", SIGNER_UNSIGNED);
  zone_add(&w->zone, SRV_A, TYPE_SRV, 600, rd_srv(0, 0, 5222, "xmpp.a.lab."));
  zone_add(&w->zone, SRV_A, TYPE_SRV, 600, rd_srv(1, 0, 5222, "xmpp.u.lab."));
  zone_add(&w->zone, "xmpp.a.lab.", TYPE_A, 600, rd_a("192.0.2.9"));
  zone_add(&w->zone, SRV_U, TYPE_SRV, 600, rd_srv(0, 0, 5222, "xmpp.a.lab."));
  zone_add(&w->zone, SRV_U, TYPE_SRV, 600, rd_srv(1, 0, 5222, "xmpp.u.lab."));
  zone_add(&w->zone, "xmpp.u.lab.", TYPE_A, 600, rd_a("192.0.2.8"));
}

static struct heard *ask(const char *name, uint16_t type, unsigned how) {
  return client_ask_and_wait(w, name, type, how);
}

static void expect(const struct heard *h, unsigned rcode, bool ad) {
  cr_expect_eq(heard_rcode(h), rcode, "RCODE %u, EDE %d", heard_rcode(h), heard_ede(h));
  cr_expect_eq(heard_ad(h), ad, "AD is %u", heard_ad(h));
}

/* ---- servers of their own ---- */

static void use_routes(const struct routes *r) {
  struct forward_options o = *forward_options(w->wiring.forward);
  o.routes = r;
  forward_set_options(w->wiring.forward, &o);
  forward_reroute(w->wiring.forward, w->now_ms);
}

/* corp.lab. and all below it have a server of their own. */
static void begin_corp(enum signer_zone_kind kind, bool is_proven) {
  begin((struct world_options){.forward.nxdomain_cut = true});
  signer_zone(l->signer, "corp.lab.", kind);
  zone_add(&w->zone, "in.corp.lab.", TYPE_A, 20, rd_a("10.0.0.9"));
  zone_add(&w->zone, "in.a.lab.", TYPE_CNAME, 20, rd_name("in.corp.lab."));
  list_init(&sets);
  struct upstream *corp = upstream_new(&sets, UPSTREAM_FASTEST);
  script_server(&w->script, corp, CORP, "192.0.2.2");
  routes = (struct routes){
      .rest = &w->upstream,
      .count = 1,
      .list = {{.upstream = corp, .is_proven = is_proven, .name_len = 10, .name = "\4corp\3lab"}}};
  use_routes(&routes);
}

static void end_corp(void) {
  world_run_ms(w, LATE_MS);
  use_routes(&w->tables.routes);
  upstream_release(routes.list[0].upstream);
  lab_free(l);
}

static int server_of(const char *name, uint16_t type) {
  const struct upstream_question *u = upstream_last(w, name, type);
  return u ? (int)u->server : -1;
}

Test(dnssec_paths, a_domain_with_servers_of_its_own_is_not_proven_unless_its_section_says_so) {
  begin_corp(SIGNER_SIGNED, false);
  world_fault(w, "in.corp.lab.", TYPE_A, FAULT_SPOILED);
  expect(ask("in.corp.lab.", TYPE_A, HOW_DO), RCODE_NOERROR, false);
  expect(ask("no.corp.lab.", TYPE_A, HOW_DO), RCODE_NXDOMAIN, false);
  cr_expect_eq(upstream_asked(w, "corp.lab.", 0), 0);
  end_corp();
}

Test(dnssec_paths, rfc4035_3_1_4_1_ds_of_a_domain_with_servers_of_its_own_is_the_parents) {
  begin_corp(SIGNER_SIGNED, true);
  expect(ask("in.corp.lab.", TYPE_A, HOW_DO), RCODE_NOERROR, true);
  expect(ask("no.corp.lab.", TYPE_A, HOW_DO), RCODE_NXDOMAIN, true);
  cr_expect_eq(server_of("corp.lab.", TYPE_DS), 0);
  cr_expect_eq(server_of("corp.lab.", TYPE_DNSKEY), CORP);
  cr_expect_eq(server_of("lab.", TYPE_DNSKEY), 0);
  expect(ask("corp.lab.", TYPE_DS, HOW_DO), RCODE_NOERROR, true);
  world_fault(w, "x.corp.lab.", TYPE_A, FAULT_SPOILED);
  expect(ask("x.corp.lab.", TYPE_A, HOW_DO), RCODE_SERVFAIL, false);
  end_corp();
}

Test(dnssec_paths, an_unsigned_domain_that_is_to_be_proven_needs_a_parent_that_says_so) {
  begin_corp(SIGNER_UNSIGNED, true);
  expect(ask("in.corp.lab.", TYPE_A, HOW_DO), RCODE_NOERROR, false);
  end_corp();
}

Test(dnssec_paths, what_the_parent_says_of_ds_denies_nothing_in_the_domain) {
  begin_corp(SIGNER_SIGNED, true);
  world_fault(w, "corp.lab.", TYPE_DS, FAULT_NXDOMAIN);
  cr_expect_eq(heard_rcode(ask("corp.lab.", TYPE_DS, HOW_CD)), RCODE_NXDOMAIN);
  expect(ask("in.corp.lab.", TYPE_A, HOW_CD), RCODE_NOERROR, false);
  end_corp();
}

Test(dnssec_paths, an_alias_from_servers_to_servers_is_authentic_when_both_ends_are) {
  static const struct {
    enum signer_zone_kind kind;
    bool is_proven, ad;
  } cases[] = {{SIGNER_SIGNED, true, true}, {SIGNER_SIGNED, false, false}, {SIGNER_UNSIGNED, true, false}};
  for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
    begin_corp(cases[i].kind, cases[i].is_proven);
    struct heard *h = ask("in.a.lab.", TYPE_A, HOW_DO);
    expect(h, RCODE_NOERROR, cases[i].ad);
    cr_expect(heard_has(h, SECTION_ANSWER, "in.corp.lab.", TYPE_A, rd_a("10.0.0.9")));
    end_corp();
  }
}

Test(dnssec_paths, an_alias_whose_servers_go_while_it_is_proven_is_asked_anew) {
  begin_corp(SIGNER_SIGNED, true);
  script_rule(&w->script,
              &(struct fault_rule){
                  .name = "a.lab.", .type = TYPE_DNSKEY, .server = -1, .fault = FAULT_LATE, .late_ms = 1000});
  struct heard *h = client_ask(w, "in.a.lab.", TYPE_A, HOW_DO);
  world_run_ms(w, 100);
  cr_expect_not(is_answered(h));
  use_routes(&w->tables.routes);
  client_wait(h);
  expect(h, RCODE_NOERROR, true);
  cr_expect(heard_has(h, SECTION_ANSWER, "in.corp.lab.", TYPE_A, rd_a("10.0.0.9")));
  end_corp();
}

Test(dnssec_paths, an_alias_from_servers_to_servers_that_is_bogus_at_either_end_is_refused) {
  static const char *const names[] = {"in.a.lab.", "in.corp.lab."};
  for (unsigned i = 0; i < 2; i++) {
    begin_corp(SIGNER_SIGNED, true);
    world_fault(w, names[i], TYPE_A, FAULT_SPOILED);
    struct heard *h = ask("in.a.lab.", TYPE_A, HOW_EDNS);
    expect(h, RCODE_SERVFAIL, false);
    cr_expect_eq(heard_ede(h), 6, "EDE %d", heard_ede(h));
    end_corp();
  }
}

/* ---- nobody wants it proven ---- */

Test(dnssec_paths, rfc7646_below_a_negative_trust_anchor_nothing_is_proven) {
  uint8_t name[NAME_MAX_LEN];
  begin((struct world_options){0});
  cr_assert(anchors_add_negative(&l->signer->anchors, name, name_parse("a.lab.", name)));
  world_fault(w, SRV_A, TYPE_SRV, FAULT_SPOILED);
  world_fault(w, "xmpp.a.lab.", 0, FAULT_STRIPPED);
  expect(ask(SRV_A, TYPE_SRV, HOW_DO), RCODE_NOERROR, false);
  expect(ask("xmpp.a.lab.", TYPE_A, HOW_DO), RCODE_NOERROR, false);
  expect(ask("xmpp.a.lab.", TYPE_AAAA, HOW_DO), RCODE_NOERROR, false);
  cr_expect_eq(upstream_asked(w, "a.lab.", 0), 0);
  expect(ask("no.lab.", TYPE_A, HOW_DO), RCODE_NXDOMAIN, true);
  lab_free(l);
}

Test(dnssec_paths, rfc6303_names_of_private_networks_are_what_the_servers_say) {
  static const char *const names[] = {"9.0.0.10.in-addr.arpa.", "1.16.172.in-addr.arpa.", "nas.home.arpa."};
  begin((struct world_options){0});
  for (unsigned i = 0; i < 3; i++) {
    world_fault(w, names[i], TYPE_PTR, FAULT_STRIPPED);
    zone_add(&w->zone, names[i], TYPE_PTR, 600, rd_name("nas.lab."));
    expect(ask(names[i], TYPE_PTR, HOW_DO), RCODE_NOERROR, false);
  }
  cr_expect_eq(lab_asked_of_zones(l), 0);
  lab_free(l);
}

Test(dnssec_paths, special_names_are_answered_without_any_server) {
  begin((struct world_options){.serve.special_names = true});
  expect(ask("x.invalid.", TYPE_A, HOW_DO), RCODE_NXDOMAIN, false);
  expect(ask("localhost.", TYPE_A, HOW_DO), RCODE_NOERROR, false);
  cr_expect_eq(w->script.asked_count, 0);
  lab_free(l);
}

/* ---- others' part ---- */

Test(dnssec_paths, the_addresses_of_a_proven_srv_answer_are_as_proven) {
  static const unsigned hows[] = {HOW_AD, HOW_DO};
  begin((struct world_options){.xmpp = {.prefetch = true, .expand = XMPP_EXPAND_CACHED}});
  for (unsigned k = 0; k < 2; k++) {
    unsigned how = hows[k];
    ask(SRV_A, TYPE_SRV, how);
    world_run_ms(w, 1000);
    struct heard *h = ask(SRV_A, TYPE_SRV, how);
    expect(h, RCODE_NOERROR, true);
    cr_expect(heard_has(h, SECTION_ADDITIONAL, "xmpp.a.lab.", TYPE_A, rd_a("192.0.2.9")));
    cr_expect_not(heard_has(h, SECTION_ADDITIONAL, "xmpp.u.lab.", TYPE_A, rd_a("192.0.2.8")));
    unsigned asked = upstream_asked(w, "xmpp.u.lab.", TYPE_A);
    for (unsigned i = 0; i < 5; i++) {
      world_run_ms(w, 2000);
      ask(SRV_A, TYPE_SRV, how);
    }
    cr_expect_eq(upstream_asked(w, "xmpp.u.lab.", TYPE_A), asked, "it is not asked for again and again");

    ask(SRV_U, TYPE_SRV, how);
    world_run_ms(w, 1000);
    h = ask(SRV_U, TYPE_SRV, how);
    expect(h, RCODE_NOERROR, false);
    cr_expect(heard_has(h, SECTION_ADDITIONAL, "xmpp.a.lab.", TYPE_A, rd_a("192.0.2.9")));
    cr_expect(heard_has(h, SECTION_ADDITIONAL, "xmpp.u.lab.", TYPE_A, rd_a("192.0.2.8")));
  }
  lab_free(l);
}

Test(dnssec_paths, what_is_prefetched_is_proven_too) {
  begin((struct world_options){.xmpp.prefetch = true});
  world_fault(w, "xmpp.a.lab.", TYPE_A, FAULT_SPOILED);
  ask(SRV_A, TYPE_SRV, HOW_PLAIN);
  world_run_ms(w, 1000);
  cr_expect_eq(upstream_asked(w, "xmpp.a.lab.", TYPE_A), 1);
  expect(ask("xmpp.a.lab.", TYPE_A, HOW_EDNS), RCODE_SERVFAIL, false);
  cr_expect_eq(heard_wait_ms(ask("xmpp.u.lab.", TYPE_A, HOW_EDNS)), 0);
  lab_free(l);
}

Test(dnssec_paths, proven_answers_are_neither_asked_of_a_fleet_nor_put_there) {
  static const enum prove_mode modes[] = {PROVE_LOG, PROVE_VALIDATE};
  for (unsigned i = 0; i < 2; i++) {
    struct engine_script *e = engine_script_new();
    begin((struct world_options){.engine = e, .forward.prove = modes[i]});
    world_run_ms(w, 1);
    ask(SRV_A, TYPE_SRV, HOW_PLAIN);
    world_fault(w, "xmpp.a.lab.", TYPE_A, FAULT_SPOILED);
    ask("xmpp.a.lab.", TYPE_A, HOW_PLAIN);
    ask("no.lab.", TYPE_A, HOW_PLAIN);
    world_run_ms(w, 1000);
    cr_expect_eq(e->gets + e->sets, 0);
    lab_free(l);
    engine_script_free(e);
  }
}

/* ---- what takes long ---- */

/* A denial with many proofs, each by its own signature. */
static void make_costly(struct msg *m, unsigned proofs) {
  static const uint16_t types[] = {TYPE_A, TYPE_RRSIG, TYPE_NSEC, 0};
  struct signer_way way = {.zone = "a.lab."};
  msg_answer(m, "no.a.lab.", TYPE_A, RCODE_NXDOMAIN);
  signer_soa(l->signer, m, "a.lab.", way);
  for (unsigned i = 0; i < proofs; i++) {
    char owner[32], next[32];
    snprintf(owner, sizeof owner, "h%02u.a.lab.", i);
    snprintf(next, sizeof next, "h%02u.a.lab.", i + 1);
    signer_nsec(l->signer, m, owner, next, types, way);
  }
  static const uint16_t apex[] = {TYPE_NS, TYPE_SOA, TYPE_RRSIG, TYPE_NSEC, TYPE_DNSKEY, 0};
  signer_nsec(l->signer, m, "a.lab.", "h00.a.lab.", apex, way);
  signer_nsec(l->signer, m, "h99.a.lab.", "a.lab.", apex, way);
}

Test(dnssec_paths, a_costly_judgement_lets_others_have_their_turns) {
  static struct msg m;
  begin((struct world_options){0});
  ask(SRV_A, TYPE_SRV, HOW_PLAIN);
  make_costly(&m, 22);
  world_reply(w, "no.a.lab.", TYPE_A, &m);
  struct heard *h = client_ask(w, "no.a.lab.", TYPE_A, HOW_EDNS | HOW_TCP);
  unsigned turns = 0;
  world_run_ms(w, WORLD_DELAY_MS);
  for (; !is_answered(h); turns++) {
    struct heard *hit = client_ask(w, SRV_A, TYPE_SRV, HOW_PLAIN);
    cr_assert(is_answered(hit));
    cr_assert_leq(turns, 10);
    world_run_ms(w, 1);
  }
  cr_expect_geq(turns, 1);
  expect(h, RCODE_NXDOMAIN, false);
  cr_expect_geq(w->counters.secure, 2);
  lab_free(l);
}

Test(dnssec_paths, what_would_take_too_long_is_refused_and_counted) {
  static struct msg m;
  begin((struct world_options){0});
  ask(SRV_A, TYPE_SRV, HOW_PLAIN);
  make_costly(&m, 90);
  world_reply(w, "no.a.lab.", TYPE_A, &m);
  struct heard *h = ask("no.a.lab.", TYPE_A, HOW_EDNS);
  expect(h, RCODE_SERVFAIL, false);
  cr_expect_eq(w->counters.too_costly, 1);
  cr_expect_leq(heard_wait_ms(h), WORLD_DELAY_MS + 10);
  lab_free(l);
}
