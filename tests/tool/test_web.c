/* test_web.c: what is said of host-meta documents. */
#include "tool/web.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "tool/connect.h"
#include "tool/fake.h"
#include "tool/report.h"

#define WEBSOCKET "urn:xmpp:alt-connections:websocket"

/* A domain with direct TLS at 5223 and two good documents. */
struct place {
  struct fake *fake;
  struct facts *facts;
  struct web_document *xml, *json;
};

static struct place place_new(void) {
  struct place p = {.fake = fake_new()};
  struct typed_domain typed;

  fake_add(p.fake, "_xmpps-client._tcp.d.chat", TYPE_SRV, 3600, rd_srv(5, 1, 5223, "x.d.chat"));
  fake_add(p.fake, "x.d.chat", TYPE_A, 3600, rd_a("9.9.1.1"));
  cr_assert_null(domain_read_jid("d.chat", &typed));
  p.facts = facts_new(&typed, LOOKUP_C2S, NULL, 0);
  facts_run(p.facts, fake_ask, p.fake);

  struct connections *all = p.facts->connections = calloc(1, sizeof *all);
  all->web.is_tried = true;
  for (enum host_meta_form form = HOST_META_XML; form < HOST_META_FORMS; form++) {
    struct web_document *d = &all->web.documents[form];
    *d = (struct web_document){.form = form, .status = 200, .is_proven = true, .is_shared = true};
    cr_assert_not_null(host_meta_add(&d->meta, WEBSOCKET, "wss://d.chat/ws"));
  }
  p.xml = &all->web.documents[HOST_META_XML];
  p.json = &all->web.documents[HOST_META_JSON];
  return p;
}

static void place_free(struct place *p) {
  facts_free(p->facts);
  free(p->fake);
}

static void lack(struct place *p) {
  p->xml->end = p->json->end = WEB_STATUS;
  p->xml->status = p->json->status = 404;
}

static void lack_json(struct place *p) { p->json->end = WEB_SILENT; }
static void name_nothing(struct place *p) { p->xml->meta.count = p->json->meta.count = 0; }
static void be_not_tried(struct place *p) { p->xml->end = p->json->end = WEB_PRIVATE; }
static void be_plain(struct place *p) { p->xml->is_plain = true; }
static void share_nothing(struct place *p) { p->json->is_shared = false; }

static void be_unreadable(struct place *p) {
  p->xml->end = WEB_UNREADABLE;
  p->xml->speaks_of_xmpp = true;
}

static void be_unproven(struct place *p) {
  p->xml->is_proven = false;
  snprintf(p->xml->unproven, sizeof p->xml->unproven, "it is not for the host");
}

static void link_without_tls(struct place *p) {
  (void)host_meta_add(&p->xml->meta, WEBSOCKET, "ws://d.chat/ws");
  (void)host_meta_add(&p->json->meta, WEBSOCKET, "ws://d.chat/ws");
}

static void link_otherwise(struct place *p) {
  (void)host_meta_add(&p->json->meta, WEBSOCKET, "wss://x.chat/");
}

static void name_other_port(struct place *p) {
  host_meta_add(&p->json->meta, "urn:xmpp:alt-connections:tls", NULL)->port = 443;
}

static void name_other_address(struct place *p) {
  struct host_meta_link *l = host_meta_add(&p->json->meta, "urn:xmpp:alt-connections:tls", NULL);
  l->port = 5223;
  l->ip_count = 1;
  l->ips[0] = (struct address){.family = AF_INET, .bytes = {9, 9, 1, 2}};
}

static const struct fault {
  void (*make)(struct place *p);
  enum rule_id rule;
  const char *text;
} faults[] = {
    {lack, RULE_HOST_META_MISSING, "d.chat has no host-meta: HTTP status 404"},
    {lack_json, RULE_HOST_META_MISSING, "d.chat has host-meta, but no host-meta.json: no answer in time"},
    {name_nothing, RULE_HOST_META_MISSING, "The host-meta of d.chat names no way to connect"},
    {be_not_tried, RULE_CONNECT_SKIPPED,
     "host-meta of d.chat was not looked at: not tried: not an address of the public Internet"},
    {be_unreadable, RULE_HOST_META_UNREADABLE, "host-meta of d.chat is no XRD"},
    {be_plain, RULE_HOST_META_INSECURE, "host-meta of d.chat comes over http:// alone"},
    {be_unproven, RULE_HOST_META_INSECURE,
     "host-meta of d.chat comes with a certificate that browsers refuse: it is not for the host"},
    {link_without_tls, RULE_HOST_META_INSECURE, "host-meta of d.chat links to ws://d.chat/ws without TLS"},
    {share_nothing, RULE_HOST_META_CORS, "Pages of other sites may not read host-meta.json of d.chat"},
    {link_otherwise, RULE_HOST_META_UNLIKE,
     "host-meta.json of d.chat links to wss://x.chat/, host-meta does not"},
    {name_other_port, RULE_HOST_META_UNLIKE,
     "host-meta.json of d.chat names port 443 for direct TLS, _xmpps-client._tcp does not"},
    {name_other_address, RULE_HOST_META_UNLIKE,
     "host-meta.json of d.chat names 9.9.1.2 port 5223, _xmpps-client._tcp leads elsewhere"},
};
enum { FAULTS = sizeof faults / sizeof *faults };

/* Findings about host-meta; with that rule and text; the first other one is printed. */
static unsigned count(const struct report *r, const struct fault *f, unsigned *told) {
  unsigned all = 0;
  *told = 0;
  for (size_t i = 0; i < r->count; i++) {
    const struct finding *x = &r->list[i];
    if (report_rules[x->rule].group != 'N' && !strstr(x->text, "host-meta")) continue;
    all++;
    *told += f && x->rule == f->rule && strcmp(x->text, f->text) == 0;
  }
  return all;
}

Test(web, good_documents_are_not_spoken_of) {
  struct place p = place_new();
  struct report *r = report_new(p.facts);
  unsigned told;
  cr_expect_eq(count(r, NULL, &told), 0);
  report_free(r);
  place_free(&p);
}

Test(web, each_fault_has_its_code_and_words) {
  for (size_t i = 0; i < FAULTS; i++) {
    struct place p = place_new();
    unsigned told;
    faults[i].make(&p);
    struct report *r = report_new(p.facts);
    cr_expect_geq(count(r, &faults[i], &told), 1);
    cr_expect_eq(told, 1, "%s", faults[i].text);
    report_free(r);
    place_free(&p);
  }
}

Test(web, every_code_of_host_meta_has_a_fault_that_shows_it) {
  for (unsigned id = 0; id < RULE_COUNT; id++) {
    bool shown = report_rules[id].group != 'N';
    for (size_t i = 0; i < FAULTS; i++) shown |= faults[i].rule == id;
    cr_expect(shown, "nothing shows %s", report_rules[id].code);
  }
}

Test(web, every_end_has_words) {
  for (int e = WEB_GOOD; e <= WEB_SYSTEM; e++) cr_expect(*web_end_text((enum web_end)e));
}
