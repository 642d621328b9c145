/* test_zone_sections.c: zones and XMPP domains in short, as they are given. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "dns/name.h"
#include "settings/said.h"

static void expect_name(const uint8_t *name, uint8_t len, const char *expected) {
  char text[NAME_TEXT];
  cr_expect_str_eq(name_format(name, len, text), expected);
}

Test(settings_lab, zones_are_given_by_option_variable_and_section) {
  setenv("JIDNS_ZONE", "b.lab=b.zone", 1);
  const struct settings *s = said_right(
      "--zone .=root.zone --zone C.lab=/c.zone",
      "zone \"a.lab\" { file = a.zone overlay = on }\nzone c.lab { file = x }");
  cr_assert_eq(s->zones.zone_count, 4);
  static const char *const names[] = {"a.lab.", "c.lab.", "b.lab.", "."}, *const files[] = {
                                                                              "a.zone", "/c.zone", "b.zone",
                                                                              "root.zone"};
  for (unsigned i = 0; i < 4; i++) {
    expect_name(s->zones.zones[i].name, s->zones.zones[i].name_len, names[i]);
    cr_expect_str_eq(s->zones.zones[i].file, files[i]);
    cr_expect_eq(s->zones.zones[i].overlay, i == 0);
  }
}

Test(settings_lab, zones_need_a_name_and_a_file) {
  said_wrong("--zone a.lab", "--zone 'a.lab'", "should be");
  said_wrong("--zone a..lab=x", "--zone 'a..lab", "should be");
  said_wrong("--zone a.lab=", "--zone ", "a file's name");
  said_wrong_file("zone a.lab { overlay = on }", 1, "file", "");
  said_wrong_file("zone a.lab {\n file = x\n overlay = maybe }", 3, "overlay 'maybe'", "on or off");
}

Test(settings_lab, zones_of_one_name_stand_beside_each_other_for_different_clients) {
  const struct settings *s = said_right(
      "--zone a.lab=/new.zone",
      "zone a.lab { file = /all.zone }\nzone A.lab { file = /in.zone client = {10.0.0.0/8, fd00::/8} }\n"
      "xmpp a.lab. { client = 192.0.2.7 }");
  cr_assert(s->zones.zone_count == 2 && s->zones.domain_count == 1);
  cr_expect_str_eq(s->zones.zones[0].file, "/new.zone");
  cr_expect_eq(s->zones.zones[0].clients.count, 0);
  cr_expect_str_eq(s->zones.zones[1].file, "/in.zone");
  cr_expect_eq(s->zones.zones[1].clients.count, 2);
  cr_expect_eq(s->zones.domains[0].clients.list[0].bits, 32);
  said_wrong_file("zone a.lab { file = x client = 10.0.0.0/8 }\nzone a.lab { file = y client = 10.0.0.0/8 }",
                  2, "zone 'a.lab'", "is already set in line 1");
  said_wrong_file("zone a.lab { file = x\n client = 10.0.0.1/8 }", 2, "client '10.0.0.1/8'",
                  "an address or a prefix, such as 192.0.2.0/24, at most 8 times");
}

static const char domain[] =
    "xmpp \"Montague.lab\" {\n  host \"xmpp1\" { address = {10.0.0.5, fd00::5} client = 5222 server = "
    "5269 direct-tls-client = 5223 direct-tls-server = 5270\n"
    "    priority = 1 weight = 5 }\n  host xmpp2.far.example. { server = 0 }\n  conference = true\n  "
    "connect = \"x=y\" ttl = 5 }\n"
    "xmpp { prefetch = off }\nxmpp plain.lab { host plain.lab. { address = 10.0.0.6 } overlay = on }";

Test(settings_lab, domains_have_hosts_with_addresses_and_ports) {
  const struct settings *s = said_right("", domain);
  cr_assert_eq(s->zones.domain_count, 2);
  cr_expect(!s->xmpp.prefetch, "the section without a title is another");
  const struct zones_domain *d = &s->zones.domains[0];
  expect_name(d->name, d->name_len, "montague.lab.");
  cr_expect(d->host_count == 2 && d->conference && !d->overlay && d->ttl_s == 5 &&
            strcmp(d->connect, "x=y") == 0);
  const struct zones_host *h = &d->hosts[0];
  cr_expect(strcmp(h->name, "xmpp1") == 0 && h->address_count == 2 && !h->addresses[0].v6 &&
            h->addresses[1].v6);
  cr_expect(h->client == 5222 && h->server == 5269 && h->direct_tls_client == 5223 &&
            h->direct_tls_server == 5270);
  cr_expect(h->priority == 1 && h->weight == 5);
  h = &d->hosts[1];
  cr_expect(strcmp(h->name, "xmpp2.far.example.") == 0 && h->address_count == 0);
  cr_expect(h->client == 5222 && h->server == 0 && h->direct_tls_client == 0 && h->direct_tls_server == 0 &&
            h->weight == 0);
  d = &s->zones.domains[1];
  cr_expect(d->overlay && !d->conference && d->ttl_s == 300 && !*d->connect &&
            strcmp(d->hosts[0].name, "plain.lab.") == 0);
}

Test(settings_lab, what_is_wrong_with_a_host_is_said_with_its_line) {
  said_wrong_file("xmpp a.lab {\n host h {\n address = 10.0.0.0/8 } }", 3, "address '10.0.0.0/8'",
                  "an IPv4 or IPv6 address");
  said_wrong_file("xmpp a.lab {\n host h {\n client = 65536 } }", 3, "client '65536'", "0 to 65535");
  said_wrong_file("xmpp a.lab {\n host 'a b' { } }", 2, "a b", "a host's name");
  said_wrong_file("xmpp a.lab {\n host h { adress = 10.0.0.1 } }", 2, "adress", "address");
  said_wrong_file("xmpp . { }", 1, "'.'", "a domain");
  said_wrong_file("host h { }", 1, "host", "xmpp");
}
