/* test_zone_srv.c: SRV answers of zones, with their targets' addresses. */
#include <criterion/criterion.h>

#include "zones/zone_kit.h"

static struct zones *lab;

static void expect(const char *name, uint16_t type, const char *expected) {
  const char *is = zones_say(lab, name, type, 0);
  cr_expect_str_eq(is, expected, "%s: %s\n   instead of %s", name, is, expected);
}

static struct zones *lab_expanding(enum zones_expand expand, const char *text) {
  struct zones_policy *o = zones_options_new();
  zones_option_zone(o, "zone.lab", text, false);
  return zones_made_with(o, expand);
}

static void done(void) { zones_free(lab); }

TestSuite(zone_srv, .fini = done);

Test(zone_srv, addresses_come_in_the_order_in_which_targets_are_tried) {
  lab = zones_of(
      "_xmpp-client._tcp 9 SRV 20 0 5222 c\n_xmpp-client._tcp 9 SRV 5 1 5222 b\n_xmpp-client._tcp 9 "
      "SRV 5 9 5222 a\n"
      "a 1 AAAA 2001:db8::1\na 2 A 192.0.2.1\nb 3 A 192.0.2.2\nc 4 A 192.0.2.3\n");
  expect("_xmpp-client._tcp.zone.lab", TYPE_SRV,
         "NOERROR | an _xmpp-client._tcp.zone.lab. 9 SRV 20 0 5222 c.zone.lab. | an "
         "_xmpp-client._tcp.zone.lab. 9 SRV 5 1 5222 "
         "b.zone.lab."
         " | an _xmpp-client._tcp.zone.lab. 9 SRV 5 9 5222 a.zone.lab. | ar a.zone.lab. 2 A 192.0.2.1 | ar "
         "a.zone.lab. 1 AAAA "
         "2001:db8::1"
         " | ar b.zone.lab. 3 A 192.0.2.2 | ar c.zone.lab. 4 A 192.0.2.3");
}

Test(zone_srv, addresses_are_added_as_the_settings_say) {
  static const char text[] = "_xmpp-client._tcp SRV 0 0 5222 a\n_ldap._tcp SRV 0 0 389 a\na A 192.0.2.1\n";
#define XMPP "NOERROR | an _xmpp-client._tcp.zone.lab. 3600 SRV 0 0 5222 a.zone.lab."
#define LDAP "NOERROR | an _ldap._tcp.zone.lab. 3600 SRV 0 0 389 a.zone.lab."
#define A " | ar a.zone.lab. 3600 A 192.0.2.1"
  lab = lab_expanding(ZONES_EXPAND_OFF, text);
  expect("_xmpp-client._tcp.zone.lab", TYPE_SRV, XMPP);
  zones_free(lab);
  lab = lab_expanding(ZONES_EXPAND_XMPP, text);
  expect("_xmpp-client._tcp.zone.lab", TYPE_SRV, XMPP A);
  expect("_ldap._tcp.zone.lab", TYPE_SRV, LDAP);
  zones_free(lab);
  lab = lab_expanding(ZONES_EXPAND_ALL, text);
  expect("_ldap._tcp.zone.lab", TYPE_SRV, LDAP A);
}

Test(zone_srv, targets_elsewhere_aliases_and_none_have_no_addresses) {
  lab = zones_of("_xmpp-client._tcp SRV 0 0 5222 xmpp.example.\n_xmpp-server._tcp SRV 0 0 5269 "
                 ".\n_xmpps-server._tcp SRV 0 0 5270 c\n"
                 "c CNAME a\na A 192.0.2.1\n");
  expect("_xmpp-client._tcp.zone.lab", TYPE_SRV,
         "NOERROR | an _xmpp-client._tcp.zone.lab. 3600 SRV 0 0 5222 xmpp.example.");
  expect("_xmpp-server._tcp.zone.lab", TYPE_SRV,
         "NOERROR | an _xmpp-server._tcp.zone.lab. 3600 SRV 0 0 5269 .");
  expect("_xmpps-server._tcp.zone.lab", TYPE_SRV,
         "NOERROR | an _xmpps-server._tcp.zone.lab. 3600 SRV 0 0 5270 c.zone.lab.");
}

Test(zone_srv, targets_may_lie_in_another_zone_or_be_covered_by_a_wildcard) {
  struct zones_policy *o = zones_options_new();
  zones_option_zone(o, "zone.lab", "_xmpp-client._tcp SRV 0 0 5222 a.hosts.lab.\n", false);
  zones_option_zone(o, "hosts.lab", "* A 192.0.2.1\n", false);
  lab = zones_made(o);
  expect("_xmpp-client._tcp.zone.lab", TYPE_SRV,
         "NOERROR | an _xmpp-client._tcp.zone.lab. 3600 SRV 0 0 5222 a.hosts.lab. | ar a.hosts.lab. 3600 A "
         "192.0.2.1");
  cr_expect_str_empty(zones_said());
}

Test(zone_srv, an_alias_to_srv_has_them_too) {
  lab = zones_of("_xmpp-client._tcp CNAME s\ns SRV 0 0 5222 a\na A 192.0.2.1\n");
  expect("_xmpp-client._tcp.zone.lab", TYPE_SRV,
         "NOERROR | an _xmpp-client._tcp.zone.lab. 3600 CNAME s.zone.lab. | an s.zone.lab. 3600 SRV 0 0 5222 "
         "a.zone.lab."
         " | ar a.zone.lab. 3600 A 192.0.2.1");
}

/* ---- the shorthand ---- */

static void add_address(struct zones_host *h, const char *text) {
  cr_assert(prefix_parse(text, &h->addresses[h->address_count++]));
}

static struct zones_domain *add_domain(struct zones_policy *o, const char *name) {
  struct zones_domain *d = &o->domains[o->domain_count++];
  uint8_t octets[NAME_MAX_LEN];
  *d = (struct zones_domain){.name_len = (uint8_t)name_parse(name, octets), .ttl_s = 300};
  memcpy(d->name, octets, d->name_len);
  return d;
}

static struct zones_policy *montague(void) {
  struct zones_policy *o = zones_options_new();
  struct zones_domain *d = add_domain(o, "montague.lab");
  d->host_count = 2;
  d->hosts[0] = (struct zones_host){
      .name = "xmpp1", .client = 5222, .server = 5269, .direct_tls_client = 5223, .weight = 5};
  d->hosts[1] = (struct zones_host){.name = "xmpp2.far.example.", .server = 5270, .priority = 10};
  add_address(&d->hosts[0], "10.0.0.5");
  add_address(&d->hosts[0], "fd00::5");
  add_address(&d->hosts[1], "10.0.0.6");
  return o;
}

Test(zone_srv, a_domain_in_short_has_the_records_of_its_hosts) {
  lab = zones_made(montague());
#define HOST " | ar xmpp1.montague.lab. 300 A 10.0.0.5 | ar xmpp1.montague.lab. 300 AAAA fd00::5"
#define DENIED " | ns montague.lab. 300 SOA montague.lab. hostmaster.montague.lab. 1 3600 600 86400 300"
  expect("_xmpp-client._tcp.montague.lab", TYPE_SRV,
         "NOERROR | an _xmpp-client._tcp.montague.lab. 300 SRV 0 5 5222 xmpp1.montague.lab." HOST);
  expect("_xmpps-client._tcp.montague.lab", TYPE_SRV,
         "NOERROR | an _xmpps-client._tcp.montague.lab. 300 SRV 0 5 5223 xmpp1.montague.lab." HOST);
  expect("_xmpp-server._tcp.montague.lab", TYPE_SRV,
         "NOERROR | an _xmpp-server._tcp.montague.lab. 300 SRV 0 5 5269 xmpp1.montague.lab."
         " | an _xmpp-server._tcp.montague.lab. 300 SRV 10 0 5270 xmpp2.far.example." HOST);
  expect("xmpp1.montague.lab", TYPE_AAAA, "NOERROR | an xmpp1.montague.lab. 300 AAAA fd00::5");
  expect("_xmpps-server._tcp.montague.lab", TYPE_SRV, "NXDOMAIN" DENIED);
  expect("_xmpp-server._tcp.conference.montague.lab", TYPE_SRV, "NXDOMAIN" DENIED);
  expect("_xmppconnect.montague.lab", TYPE_TXT, "NXDOMAIN" DENIED);
  expect("xmpp2.far.example", TYPE_A, "elsewhere");
  cr_expect_str_empty(zones_said());
}

Test(zone_srv, a_domain_in_short_may_have_a_conference_and_a_connect_text) {
  struct zones_policy *o = montague();
  o->domains[0].conference = true;
  strcpy(o->domains[0].connect, "_xmpp-client-xbosh=https://montague.lab/bosh");
  lab = zones_made(o);
  expect("_xmpp-server._tcp.conference.montague.lab", TYPE_SRV,
         "NOERROR | an _xmpp-server._tcp.conference.montague.lab. 300 SRV 0 5 5269 xmpp1.montague.lab."
         " | an _xmpp-server._tcp.conference.montague.lab. 300 SRV 10 0 5270 xmpp2.far.example." HOST);
  expect("_xmpp-client._tcp.conference.montague.lab", TYPE_SRV, "NXDOMAIN" DENIED);
  expect("_xmppconnect.montague.lab", TYPE_TXT,
         "NOERROR | an _xmppconnect.montague.lab. 300 TXT \"_xmpp-client-xbosh=https://montague.lab/bosh\"");
}

Test(zone_srv, a_domain_in_short_may_be_an_overlay) {
  struct zones_policy *o = montague();
  o->domains[0].overlay = true;
  lab = zones_made(o);
  expect("_xmpp-client._tcp.montague.lab", TYPE_SRV,
         "NOERROR | an _xmpp-client._tcp.montague.lab. 300 SRV 0 5 5222 xmpp1.montague.lab." HOST);
  expect("montague.lab", TYPE_SOA, "elsewhere");
  expect("www.montague.lab", TYPE_A, "elsewhere");
}

Test(zone_srv, a_host_may_be_the_domain_itself) {
  struct zones_policy *o = zones_options_new();
  struct zones_domain *d = add_domain(o, "montague.lab");
  d->host_count = 1;
  d->hosts[0] = (struct zones_host){.name = "montague.lab.", .client = 5222, .server = 5269};
  add_address(&d->hosts[0], "10.0.0.5");
  lab = zones_made(o);
  expect("montague.lab", TYPE_A, "NOERROR | an montague.lab. 300 A 10.0.0.5");
}

Test(zone_srv, names_that_would_be_too_long_are_refused) {
  struct zones_policy *o = zones_options_new();
  char name[256];
  for (unsigned i = 0; i < 124; i++) memcpy(name + 2 * i, "x.", 3);
  struct zones_domain *d = add_domain(o, name);
  d->host_count = 1;
  d->hosts[0] = (struct zones_host){.name = "xmpp1", .client = 5222};
  zones_refused(o, "is too long a name");
}
