/* test_lookup_dane.c: TLSA of each endpoint of a lookup, what follows, and how it is said. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "tool/fake.h"
#include "tool/lookup_dane.h"
#include "tool/show.h"

enum { TTL = 300 };

static struct rdata tlsa(uint8_t usage, uint8_t selector, uint8_t matching, size_t len) {
  uint8_t octets[3 + 64] = {usage, selector, matching, 0xab, 0xcd};
  return rd_octets(octets, 3 + len);
}

/* Servers go to x.lab, by direct TLS at port 443 and by STARTTLS; clients to the domain itself. All is
 * secure.
 */
static struct fake *usual(void) {
  struct fake *f = fake_new();
  f->secure = true;
  fake_add(f, "_xmpps-server._tcp.d.lab", TYPE_SRV, TTL, rd_srv(0, 5, 443, "x.lab"));
  fake_add(f, "_xmpp-server._tcp.d.lab", TYPE_SRV, TTL, rd_srv(5, 5, 5269, "x.lab"));
  fake_add(f, "x.lab", TYPE_A, TTL, rd_a("192.0.2.1"));
  fake_add(f, "x.lab", TYPE_AAAA, TTL, rd_aaaa("2001:db8::1"));
  fake_add(f, "d.lab", TYPE_A, TTL, rd_a("192.0.2.2"));
  return f;
}

struct run {
  struct fake *fake;
  struct lookup *lookup;
  struct lookup_dane *dane;
};

static struct run run(struct fake *f, enum lookup_side sides) {
  struct run r = {.fake = f, .lookup = fake_lookup(f, "d.lab", sides, false)};
  r.dane = lookup_dane_new(r.lookup, fake_ask, f);
  return r;
}

static void end(struct run *r) {
  lookup_dane_free(r->dane);
  lookup_free(r->lookup);
  free(r->fake);
}

/* The state of the first endpoint at that port, DANE_STATES when there is none. */
static enum dane_state state_at(const struct run *r, uint16_t port) {
  for (size_t i = 0; i < r->dane->end_count; i++) {
    if (r->dane->ends[i].port == port) return r->dane->ends[i].verdict.state;
  }
  return DANE_STATES;
}

static void expect_state(struct fake *f, enum dane_state want) {
  struct run r = run(f, LOOKUP_S2S);
  enum dane_state got = state_at(&r, 5269);
  cr_expect_eq(got, want, "%s instead of %s", dane_state_word(got), dane_state_word(want));
  end(&r);
}

/* The text, to be freed. */
static char *shown(struct run *r) {
  char *text = NULL;
  size_t len;
  FILE *out = open_memstream(&text, &len);
  lookup_dane_show(r->dane, NULL, out);
  fclose(out);
  return text;
}

static void expect_in(const char *text, const char *part) {
  cr_expect_not_null(strstr(text, part), "\"%s\" is not in\n%s", part, text);
}

Test(lookup_dane, asks_at_port_and_target_of_each_record_in_one_round_trip) {
  struct fake *f = usual();
  fake_add(f, "_443._tcp.x.lab", TYPE_TLSA, TTL, tlsa(3, 1, 1, 32));
  struct run r = run(f, LOOKUP_BOTH);
  cr_expect_eq(r.dane->end_count, 3, "443, 5269, and clients at the domain itself");
  cr_expect_eq(state_at(&r, 443), DANE_USABLE);
  cr_expect_eq(state_at(&r, 5269), DANE_NO_TLSA);
  cr_expect_eq(state_at(&r, 5222), DANE_NO_TLSA);
  cr_expect_eq(f->rounds, 3, "two of the lookup, one more");
  cr_expect_eq(f->asked[2], 3 + 1, "and the root's SOA");
  cr_expect(lookup_dane_is_usable(r.dane) && !lookup_dane_is_incomplete(r.dane));
  end(&r);
}

Test(lookup_dane, an_endpoint_of_both_services_is_asked_for_once) {
  struct fake *f = usual();
  fake_add(f, "_xmpp-server._tcp.d.lab", TYPE_SRV, TTL, rd_srv(9, 5, 443, "x.lab"));
  struct run r = run(f, LOOKUP_S2S);
  cr_expect_eq(r.dane->end_count, 3);
  cr_expect_eq(r.dane->tlsa_count, 2);
  end(&r);
}

Test(lookup_dane, each_answer_on_the_way_has_to_be_secure) {
  static const struct {
    const char *insecure;
    enum dane_state state;
  } rows[] = {{"", DANE_USABLE},
              {"_xmpp-server._tcp.d.lab.", DANE_SRV_INSECURE},
              {"x.lab.", DANE_ADDRESSES_INSECURE},
              {"_5269._tcp.x.lab.", DANE_TLSA_INSECURE}};
  for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct fake *f = usual();
    fake_add(f, "_5269._tcp.x.lab", TYPE_TLSA, TTL, tlsa(3, 1, 1, 32));
    strcpy(f->insecure, rows[i].insecure);
    expect_state(f, rows[i].state);
  }
}

Test(lookup_dane, tells_bogus_from_failed_by_a_question_with_cd) {
  struct fake *f = usual();
  fake_fail(f, "_5269._tcp.x.lab", TYPE_TLSA, ASKED_ANSWERED, RCODE_SERVFAIL);
  expect_state(f, DANE_TLSA_FAILED);

  f = usual();
  fake_fail(f, "_5269._tcp.x.lab", TYPE_TLSA, ASKED_ANSWERED, RCODE_SERVFAIL);
  f->failures[0].checked = true;
  expect_state(f, DANE_TLSA_BOGUS);

  f = usual();
  fake_fail(f, "_5269._tcp.x.lab", TYPE_TLSA, ASKED_ANSWERED, RCODE_SERVFAIL);
  f->ede = 7; /* signature expired */
  expect_state(f, DANE_TLSA_BOGUS);

  f = usual();
  fake_fail(f, "_5269._tcp.x.lab", TYPE_TLSA, ASKED_TIMEOUT, 0);
  struct run r = run(f, LOOKUP_S2S);
  cr_expect_eq(state_at(&r, 5269), DANE_TLSA_FAILED);
  cr_expect(lookup_dane_is_incomplete(r.dane) && !lookup_dane_is_usable(r.dane));
  end(&r);
}

Test(lookup_dane, a_failed_service_leads_nobody_who_does_dane_to_the_domain) {
  struct fake *f = fake_new();
  f->secure = true;
  fake_add(f, "d.lab", TYPE_A, TTL, rd_a("192.0.2.2"));
  fake_fail(f, "_xmpp-server._tcp.d.lab", TYPE_SRV, ASKED_ANSWERED, RCODE_SERVFAIL);
  expect_state(f, DANE_SRV_FAILED);

  f = fake_new(); /* nor is it silence where the domain has no address */
  fake_add(f, "d.lab", TYPE_TXT, TTL, rd_txt("here"));
  fake_fail(f, "_xmpp-server._tcp.d.lab", TYPE_SRV, ASKED_ANSWERED, RCODE_SERVFAIL);
  expect_state(f, DANE_SRV_FAILED);
}

Test(lookup_dane, without_srv_the_domain_itself_is_looked_at) {
  struct fake *f = fake_new();
  f->secure = true;
  fake_add(f, "d.lab", TYPE_A, TTL, rd_a("192.0.2.2"));
  fake_add(f, "_5269._tcp.d.lab", TYPE_TLSA, TTL, tlsa(3, 1, 1, 32));
  expect_state(f, DANE_USABLE);
}

Test(lookup_dane, a_domain_without_srv_and_address_is_no_endpoint) {
  struct fake *f = fake_new();
  f->secure = true;
  fake_add(f, "_xmpp-server._tcp.d.lab", TYPE_SRV, TTL, rd_srv(0, 5, 5269, "gone.lab"));
  struct run r = run(f, LOOKUP_BOTH);
  char *text = shown(&r);
  cr_expect_eq(r.dane->end_count, 1, "that of servers");
  expect_in(text, "      no way there: the target has no address\n");
  free(text);
  end(&r);
}

Test(lookup_dane, where_nothing_is_offered_there_is_no_endpoint) {
  struct fake *f = fake_new();
  f->secure = true;
  fake_add(f, "_xmpp-server._tcp.d.lab", TYPE_SRV, TTL, rd_srv(0, 0, 0, "."));
  struct run r = run(f, LOOKUP_S2S);
  char *text = shown(&r);
  cr_expect_eq(r.dane->end_count, 0);
  cr_expect_not(lookup_dane_is_usable(r.dane));
  expect_in(text, "There is no endpoint to look at.");
  free(text);
  end(&r);
}

Test(lookup_dane, more_endpoints_than_are_looked_at_are_counted_out) {
  struct fake *f = fake_new();
  f->secure = true;
  for (unsigned i = 0; i <= LOOKUP_ENDS_MAX; i++)
    fake_add(f, "_xmpp-server._tcp.d.lab", TYPE_SRV, TTL, rd_srv(0, 0, (uint16_t)(1000 + i), "x.lab"));
  fake_add(f, "x.lab", TYPE_A, TTL, rd_a("192.0.2.1"));
  struct run r = run(f, LOOKUP_S2S);
  char *text = shown(&r);
  cr_expect_eq(r.dane->end_count, LOOKUP_ENDS_MAX);
  expect_in(text, "There are more endpoints than 64");
  free(text);
  end(&r);
}

Test(lookup_dane, more_records_than_are_looked_at_do_no_harm) {
  struct fake *f = usual();
  for (unsigned i = 0; i < LOOKUP_TLSA_MAX + 8; i++)
    fake_add(f, "_5269._tcp.x.lab", TYPE_TLSA, TTL, tlsa(3, 1, 1, 32));
  expect_state(f, DANE_USABLE);
}

Test(lookup_dane, says_what_can_be_used_and_which_names_count) {
  struct fake *f = usual();
  fake_add(f, "_443._tcp.x.lab", TYPE_TLSA, TTL, tlsa(3, 1, 1, 32));
  fake_add(f, "_5269._tcp.x.lab", TYPE_TLSA, TTL, tlsa(2, 0, 1, 32));
  struct run r = run(f, LOOKUP_S2S);
  char *text = shown(&r);
  expect_in(text, "\nDANE\n"
                  "  s2s: x.lab port 443 (direct TLS), _xmpps-server._tcp\n"
                  "      DANE: the certificate must fit a TLSA record\n"
                  "      SRV secure, A secure, AAAA secure, TLSA secure\n"
                  "      TLSA 3 1 1 abcd000000000000...\n"
                  "      names in the certificate do not matter: the key is enough (usage 3)\n");
  expect_in(text, "      TLSA 2 0 1 abcd000000000000...\n"
                  "      it must name one of: x.lab, d.lab, _xmpp-server.d.lab (SRV-ID)\n");
  expect_in(text, "  s2s, prosody-dane: verifies by TLSA at x.lab port 443, x.lab port 5269\n");
  expect_in(text, "  s2s, prosody, prosody-netdns, ejabberd,");
  free(text);
  end(&r);
}

Test(lookup_dane, says_why_it_cannot_be_done) {
  struct fake *f = usual();
  fake_add(f, "_5269._tcp.x.lab", TYPE_TLSA, TTL, tlsa(4, 1, 1, 32));
  fake_add(f, "_443._tcp.x.lab", TYPE_TLSA, TTL, tlsa(3, 1, 1, 31));
  struct run r = run(f, LOOKUP_S2S);
  char *text = shown(&r);
  expect_in(text, "      no DANE, an authority has to vouch: no TLSA record can be used\n");
  expect_in(text, "      TLSA 4 1 1 abcd000000000000...: of no use, its usage is above 3\n");
  expect_in(text, ": of no use, its digest has the wrong");
  free(text);
  end(&r);
}

Test(lookup_dane, says_who_goes_where_he_should_not) {
  struct fake *f = usual();
  fake_fail(f, "_443._tcp.x.lab", TYPE_TLSA, ASKED_ANSWERED, RCODE_SERVFAIL);
  fake_add(f, "_xmpp-server._tcp.d.lab", TYPE_SRV, TTL, rd_srv(9, 5, 5270, "y.lab"));
  struct run r = run(f, LOOKUP_S2S);
  char *text = shown(&r);
  expect_in(text, "      must not connect, says DANE: the question for TLSA failed\n");
  expect_in(text, "  s2s, prosody-dane: goes as without DANE to x.lab port 5269; goes as without\n"
                  "      DANE, though it should not, to x.lab port 443; does not go to y.lab port\n"
                  "      5270\n");
  free(text);
  end(&r);
}

Test(lookup_dane, says_that_the_server_does_not_validate) {
  struct fake *f = usual();
  f->secure = false;
  struct run r = run(f, LOOKUP_S2S);
  char *text = shown(&r);
  expect_in(text, "  The server calls nothing secure, not even the root:");
  free(text);
  end(&r);
}

static char *json_of(struct fake *f) {
  struct run r = run(f, LOOKUP_S2S);
  struct findings *all = findings_new(r.lookup);
  struct ask_options o = {.dnssec = true};
  char *text = NULL;
  size_t len;
  FILE *out = open_memstream(&text, &len);
  addr_parse("127.0.0.1", 53, &o.server);
  all->dane = r.dane;
  if (show_has_json()) cr_expect(show_lookup_json(all, &o, out));
  fclose(out);
  findings_free(all);
  end(&r);
  return text;
}

Test(lookup_dane, json_has_all_of_it) {
  if (!show_has_json()) return;
  struct fake *f = usual();
  fake_add(f, "_443._tcp.x.lab", TYPE_TLSA, TTL, tlsa(3, 1, 1, 32));
  fake_add(f, "_5269._tcp.x.lab", TYPE_TLSA, TTL, tlsa(0, 7, 1, 32));
  fake_add(f, "_5269._tcp.x.lab", TYPE_TLSA, TTL, rd_octets("\3", 1));
  char *text = json_of(f);
  expect_in(text, "\"usable\": true,\n    \"validated\": true");
  expect_in(text, "\"name\": \"_443._tcp.x.lab\"");
  expect_in(text, "\"state\": \"usable\"");
  expect_in(text, "\"use\": \"verify\"");
  expect_in(text, "\"names_matter\": false");
  expect_in(text, "\"state\": \"tlsa-unusable\"");
  expect_in(text, "\"why\": \"its selector is above 1\"");
  expect_in(text, "\"why\": \"it is too short to say anything\"");
  expect_in(text, "\"name\": \"_xmpp-server.d.lab\"");
  expect_in(text, "\"name\": \"prosody-dane\",\n        \"side\": \"s2s\",\n        \"does_dane\": true");
  free(text);
}
