/* test_zone.c: what a zone answers, name by name and type by type. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "zones/zone_kit.h"

#define SOA "zone.lab. 30 SOA ns.zone.lab. host.zone.lab. 1 7200 600 86400 30"

static struct zones *lab;

static void expect_how(const char *name, uint16_t type, unsigned how, const char *expected) {
  const char *is = zones_say(lab, name, type, how);
  cr_expect_str_eq(is, expected, "%s %u: %s\n   instead of %s", name, type, is, expected);
}

static void expect(const char *name, uint16_t type, const char *expected) {
  expect_how(name, type, 0, expected);
}

static void done(void) { zones_free(lab); }

TestSuite(zone, .fini = done);

Test(zone, gives_what_a_name_has_and_says_no_to_the_rest) {
  lab = zones_of("a A 192.0.2.1\na A 192.0.2.2\na TXT x\nXmpp.Zone.Lab. 5 AAAA 2001:db8::1\n");
  expect("a.zone.lab", TYPE_A, "NOERROR | an a.zone.lab. 3600 A 192.0.2.1 | an a.zone.lab. 3600 A 192.0.2.2");
  expect("A.ZONE.lab", TYPE_TXT, "NOERROR | an A.ZONE.lab. 3600 TXT \"x\"");
  expect("xmpp.zone.lab", TYPE_AAAA, "NOERROR | an xmpp.zone.lab. 5 AAAA 2001:db8::1");
  expect("a.zone.lab", TYPE_SRV, "NOERROR | ns " SOA);
  expect("a.zone.lab", TYPE_DS, "NOERROR | ns " SOA);
  expect("b.zone.lab", TYPE_A, "NXDOMAIN | ns " SOA);
  expect("a.b.c.d.zone.lab", TYPE_A, "NXDOMAIN | ns " SOA);
  expect("x.a.zone.lab", TYPE_A, "NXDOMAIN | ns " SOA);
  expect("zone.lab", TYPE_SOA,
         "NOERROR | an zone.lab. 60 SOA ns.zone.lab. host.zone.lab. 1 7200 600 86400 30");
  expect("zone.lab", TYPE_A, "NOERROR | ns " SOA);
  cr_expect_str_empty(zones_said());
}

Test(zone, names_of_no_zone_are_not_its_business) {
  lab = zones_of("a A 192.0.2.1\n");
  static const char *const names[] = {"lab",    ".",         "azone.lab",   "zone.lab.example",
                                      "a.zone", "other.lab", "a.a.a.a.a.a", "one.lab"};
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) expect(names[i], TYPE_A, "elsewhere");
}

Test(zone, other_classes_are_not_its_business) {
  struct asked a;
  static struct zones_alias alias;
  uint8_t out[DNS_UDP_PLAIN];
  lab = zones_of("a A 192.0.2.1\n");
  msg_query(&a.msg, "a.zone.lab", TYPE_A);
  store_u16(a.msg.octets + a.msg.len - 2, 255);
  asked_again(&a);
  cr_expect_eq(zones_answer(lab, &a.query, sizeof out, out, &alias), ZONES_ELSEWHERE);
}

Test(zone, a_name_above_another_exists_without_records) {
  lab = zones_of("_xmpp-server._tcp.im SRV 0 0 5269 .\n");
  expect("_tcp.im.zone.lab", TYPE_SRV, "NOERROR | ns " SOA);
  expect("im.zone.lab", TYPE_A, "NOERROR | ns " SOA);
  expect("_udp.im.zone.lab", TYPE_SRV, "NXDOMAIN | ns " SOA);
  expect("_xmpp-server._tcp.im.zone.lab", TYPE_SRV,
         "NOERROR | an _xmpp-server._tcp.im.zone.lab. 3600 SRV 0 0 5269 .");
}

Test(zone, negative_answers_last_as_long_as_the_lesser_of_soa_ttl_and_minimum) {
  struct zones_policy *o = zones_options_new();
  zones_option_file(o, "a.lab", "@ 10 SOA ns host 1 2 3 4 20\n");
  zones_option_file(o, "b.lab", "@ 20 SOA ns host 1 2 3 4 10\n");
  lab = zones_made(o);
  expect("x.a.lab", TYPE_A, "NXDOMAIN | ns a.lab. 10 SOA ns.a.lab. host.a.lab. 1 2 3 4 20");
  expect("b.lab", TYPE_A, "NOERROR | ns b.lab. 10 SOA ns.b.lab. host.b.lab. 1 2 3 4 10");
  expect("b.lab", TYPE_SOA, "NOERROR | an b.lab. 20 SOA ns.b.lab. host.b.lab. 1 2 3 4 10");
}

Test(zone, wildcards_stand_for_names_that_do_not_exist) { /* the zone of RFC 4592 section 2.2.1 */
  lab = zones_of("*.example 5 TXT \"this is a wildcard\"\n*.example 5 MX 10 "
                 "host1.example.zone.lab.\nsub.*.example 5 TXT \"not a "
                 "wildcard\"\n"
                 "host1.example 5 A 192.0.2.1\n_ssh._tcp.host1.example 5 SRV 0 0 22 "
                 "host1.example\n_ssh._tcp.host2.example 5 SRV 0 "
                 "0 22 host1.example\n");
  expect("host3.example.zone.lab", TYPE_MX,
         "NOERROR | an host3.example.zone.lab. 5 MX 10 host1.example.zone.lab.");
  expect("host3.example.zone.lab", TYPE_A, "NOERROR | ns " SOA);
  expect("foo.bar.example.zone.lab", TYPE_TXT,
         "NOERROR | an foo.bar.example.zone.lab. 5 TXT \"this is a wildcard\"");
  expect("host1.example.zone.lab", TYPE_MX, "NOERROR | ns " SOA);
  expect("sub.*.example.zone.lab", TYPE_MX, "NOERROR | ns " SOA);
  expect("_telnet._tcp.host1.example.zone.lab", TYPE_SRV, "NXDOMAIN | ns " SOA);
  expect("ghost.*.example.zone.lab", TYPE_MX, "NXDOMAIN | ns " SOA);
  expect("*.example.zone.lab", TYPE_TXT, "NOERROR | an *.example.zone.lab. 5 TXT \"this is a wildcard\"");
}

Test(zone, aliases_are_followed_inside_the_zones) {
  struct zones_policy *o = zones_options_new();
  zones_option_zone(o, "zone.lab", "a 5 CNAME b\nb 6 CNAME c.other.lab.\nd CNAME none\n", false);
  zones_option_zone(o, "other.lab", "c 7 A 192.0.2.1\nc AAAA 2001:db8::1\n", false);
  lab = zones_made(o);
  expect("a.zone.lab", TYPE_A,
         "NOERROR | an a.zone.lab. 5 CNAME b.zone.lab. | an b.zone.lab. 6 CNAME c.other.lab. | an "
         "c.other.lab. 7 A 192.0.2.1");
  expect("b.zone.lab", TYPE_AAAA,
         "NOERROR | an b.zone.lab. 6 CNAME c.other.lab. | an c.other.lab. 3600 AAAA 2001:db8::1");
  expect("b.zone.lab", TYPE_SRV,
         "NOERROR | an b.zone.lab. 6 CNAME c.other.lab. | ns other.lab. 30 SOA ns.other.lab. host.other.lab. "
         "1 7200 600 86400 30");
  expect("d.zone.lab", TYPE_A, "NXDOMAIN | an d.zone.lab. 3600 CNAME none.zone.lab. | ns " SOA);
  expect("a.zone.lab", TYPE_CNAME, "NOERROR | an a.zone.lab. 5 CNAME b.zone.lab.");
}

Test(zone, wildcards_may_be_aliases_and_what_aliases_lead_to) {
  lab = zones_of("*.w 5 CNAME h\nh 6 A 192.0.2.1\na 7 CNAME x.v\n*.v 8 A 192.0.2.2\n");
  expect("x.w.zone.lab", TYPE_A,
         "NOERROR | an x.w.zone.lab. 5 CNAME h.zone.lab. | an h.zone.lab. 6 A 192.0.2.1");
  expect("x.w.zone.lab", TYPE_TXT, "NOERROR | an x.w.zone.lab. 5 CNAME h.zone.lab. | ns " SOA);
  expect("a.zone.lab", TYPE_A,
         "NOERROR | an a.zone.lab. 7 CNAME x.v.zone.lab. | an x.v.zone.lab. 8 A 192.0.2.2");
  expect("a.zone.lab", TYPE_MX, "NOERROR | an a.zone.lab. 7 CNAME x.v.zone.lab. | ns " SOA);
}

Test(zone, aliases_that_lead_out_say_where) {
  lab = zones_of("a 5 CNAME b\nb 6 CNAME Host.Example.\n*.w 7 CNAME far.example.\n");
  expect("a.zone.lab", TYPE_A,
         "alias host.example. | an a.zone.lab. 5 CNAME b.zone.lab. | an b.zone.lab. 6 CNAME Host.Example.");
  expect("x.w.zone.lab", TYPE_A, "alias far.example. | an x.w.zone.lab. 7 CNAME far.example.");
  expect("b.zone.lab", TYPE_CNAME, "NOERROR | an b.zone.lab. 6 CNAME Host.Example.");
  expect("b.zone.lab", TYPE_ANY, "NOERROR | an b.zone.lab. 6 CNAME Host.Example.");
}

Test(zone, aliases_that_go_round_are_told_and_end) {
  lab = zones_of("a 5 CNAME b\nb 6 CNAME a\nc 7 CNAME c\n");
  expect("a.zone.lab", TYPE_A,
         "NOERROR | an a.zone.lab. 5 CNAME b.zone.lab. | an b.zone.lab. 6 CNAME a.zone.lab.");
  expect("c.zone.lab", TYPE_A, "NOERROR | an c.zone.lab. 7 CNAME c.zone.lab.");
  cr_expect(strstr(zones_said(), "warning: ") && strstr(zones_said(), "leads back to itself"), "%s",
            zones_said());
}

Test(zone, names_below_a_dname_are_renamed) {
  lab = zones_of("old 5 DNAME new\nnew A 192.0.2.9\na.new 6 A 192.0.2.1\nold TXT here\nalias CNAME a.old\n");
  expect("a.old.zone.lab", TYPE_A,
         "alias a.new.zone.lab. | an old.zone.lab. 5 DNAME new.zone.lab. | an a.old.zone.lab. 5 CNAME "
         "a.new.zone.lab.");
  expect("x.Y.old.zone.lab", TYPE_A,
         "alias x.y.new.zone.lab. | an old.zone.lab. 5 DNAME new.zone.lab. | an x.y.old.zone.lab. 5 CNAME "
         "x.y.new.zone.lab.");
  expect("old.zone.lab", TYPE_TXT, "NOERROR | an old.zone.lab. 3600 TXT \"here\"");
  expect("old.zone.lab", TYPE_A, "NOERROR | ns " SOA);
  expect("old.zone.lab", TYPE_DNAME, "NOERROR | an old.zone.lab. 5 DNAME new.zone.lab.");
  expect("a.old.zone.lab", TYPE_CNAME,
         "NOERROR | an old.zone.lab. 5 DNAME new.zone.lab. | an a.old.zone.lab. 5 CNAME a.new.zone.lab.");
  expect("alias.zone.lab", TYPE_A, "alias a.old.zone.lab. | an alias.zone.lab. 3600 CNAME a.old.zone.lab.");
}

Test(zone, a_name_that_a_dname_would_make_too_long_is_told_so) {
  char text[600], name[300], label[64];
  memset(label, 'x', 63);
  label[63] = 0;
  snprintf(text, sizeof text, "o 5 DNAME %s.%s.%s\n", label, label, label);
  snprintf(name, sizeof name, "%s.o.zone.lab", label);
  lab = zones_of(text);
  cr_expect(strncmp(zones_say(lab, name, TYPE_A, 0), "YXDOMAIN | an o.zone.lab. 5 DNAME ", 34) == 0, "%s",
            zones_say(lab, name, TYPE_A, 0));
}

Test(zone, what_is_delegated_is_not_its_business_but_for_ds) {
  lab = zones_of("sub NS ns.sub\nsub NS ns2\nsub 5 DS 1 13 2 "
                 "00000000000000000000000000000000000000000000000000000000000000aa\n"
                 "ns.sub A 192.0.2.53\nns2 A 192.0.2.54\nns2 AAAA 2001:db8::54\nin.sub TXT x\ndark NS "
                 "ns.far.example.\nc CNAME x.sub\n");
  expect("sub.zone.lab", TYPE_NS, "elsewhere");
  expect("sub.zone.lab", TYPE_ANY, "elsewhere");
  expect("a.b.sub.zone.lab", TYPE_A, "elsewhere");
  expect("ns.sub.zone.lab", TYPE_A, "elsewhere");
  expect("in.sub.zone.lab", TYPE_TXT, "elsewhere");
  expect("sub.zone.lab", TYPE_DS,
         "NOERROR | an sub.zone.lab. 5 DS 1 13 2 "
         "00000000000000000000000000000000000000000000000000000000000000aa");
  expect("dark.zone.lab", TYPE_DS, "NOERROR | ns " SOA);
  expect("c.zone.lab", TYPE_A, "alias x.sub.zone.lab. | an c.zone.lab. 3600 CNAME x.sub.zone.lab.");
  const struct zones_delegation *d = zones_delegation(lab, 0);
  char where[ADDR_TEXT];
  cr_assert(d && !zones_delegation(lab, 1));
  cr_assert_eq(d->server_count, 3);
  cr_expect_str_eq(addr_format(&d->servers[0], where), "192.0.2.53:53");
  cr_expect_str_eq(addr_format(&d->servers[1], where), "192.0.2.54:53");
  cr_expect_str_eq(addr_format(&d->servers[2], where), "[2001:db8::54]:53");
  cr_expect_arr_eq(d->name, "\3sub\4zone\3lab", 14);
}

Test(zone, a_zone_below_another_answers_for_its_own_names) {
  struct zones_policy *o = zones_options_new();
  zones_option_zone(o, "zone.lab", "sub NS ns.sub\nns.sub A 192.0.2.1\nb.sub A 192.0.2.2\n", false);
  zones_option_zone(o, "sub.zone.lab", "a A 192.0.2.3\n", false);
  lab = zones_made(o);
  expect("a.sub.zone.lab", TYPE_A, "NOERROR | an a.sub.zone.lab. 3600 A 192.0.2.3");
  expect("b.sub.zone.lab", TYPE_A,
         "NXDOMAIN | ns sub.zone.lab. 30 SOA ns.sub.zone.lab. host.sub.zone.lab. 1 7200 600 86400 30");
  expect("b.zone.lab", TYPE_A, "NXDOMAIN | ns " SOA);
}

Test(zone, ds_is_answered_by_the_zone_above) {
  struct zones_policy *o = zones_options_new();
#define DS "1 13 2 00000000000000000000000000000000000000000000000000000000000000aa"
  zones_option_zone(o, "zone.lab", "a 5 DS " DS "\nx.a 5 DS " DS "\n", false);
  zones_option_zone(o, "a.zone.lab", "x TXT x\n", false);
  zones_option_zone(o, "b.zone.lab", "", false);
  lab = zones_made(o);
  expect("a.zone.lab", TYPE_DS, "NOERROR | an a.zone.lab. 5 DS " DS);
  expect("b.zone.lab", TYPE_DS, "NOERROR | ns " SOA);
  expect("x.a.zone.lab", TYPE_DS,
         "NOERROR | ns a.zone.lab. 30 SOA ns.a.zone.lab. host.a.zone.lab. 1 7200 600 86400 30");
  expect("zone.lab", TYPE_DS, "elsewhere"); /* who has the zone above says that there is none */
}

Test(zone, the_root_can_be_a_zone) {
  struct zones_policy *o = zones_options_new();
  zones_option_zone(o, ".", "a A 192.0.2.1\n", false);
  lab = zones_made(o);
  expect("a", TYPE_A, "NOERROR | an a. 3600 A 192.0.2.1");
  expect("x.y", TYPE_A, "NXDOMAIN | ns . 30 SOA ns. host. 1 7200 600 86400 30");
  expect(".", TYPE_NS, "NOERROR | ns . 30 SOA ns. host. 1 7200 600 86400 30");
}

Test(zone, reverse_zones_have_pointers) {
  struct zones_policy *o = zones_options_new();
  zones_option_zone(o, "2.0.192.in-addr.arpa", "1 PTR xmpp.zone.lab.\n", false);
  lab = zones_made(o);
  expect("1.2.0.192.in-addr.arpa", TYPE_PTR, "NOERROR | an 1.2.0.192.in-addr.arpa. 3600 PTR xmpp.zone.lab.");
}

Test(zone, any_gives_one_rrset) { /* RFC 8482 */
  lab = zones_of("a TXT x\na A 192.0.2.1\na A 192.0.2.2\nx.e A 192.0.2.3\n");
  expect("a.zone.lab", TYPE_ANY,
         "NOERROR | an a.zone.lab. 3600 A 192.0.2.1 | an a.zone.lab. 3600 A 192.0.2.2");
  expect("e.zone.lab", TYPE_ANY, "NOERROR | ns " SOA);
  expect("b.zone.lab", TYPE_ANY, "NXDOMAIN | ns " SOA);
}

Test(zone, an_overlay_answers_only_what_it_says) {
  struct zones_policy *o = zones_options_new();
  zones_option_zone(o, "example.org",
                    "www A 192.0.2.1\na CNAME www\n*.w A 192.0.2.2\nsub NS ns.sub\nns.sub A 192.0.2.3\n",
                    true);
  lab = zones_made(o);
  expect("www.example.org", TYPE_A, "NOERROR | an www.example.org. 3600 A 192.0.2.1");
  expect("www.example.org", TYPE_AAAA, "elsewhere");
  expect("example.org", TYPE_SOA, "elsewhere");
  expect("example.org", TYPE_ANY, "elsewhere");
  expect("other.example.org", TYPE_A, "elsewhere");
  expect("w.example.org", TYPE_A, "elsewhere");
  expect("x.w.example.org", TYPE_A, "NOERROR | an x.w.example.org. 3600 A 192.0.2.2");
  expect("x.w.example.org", TYPE_TXT, "elsewhere");
  expect("a.example.org", TYPE_A,
         "NOERROR | an a.example.org. 3600 CNAME www.example.org. | an www.example.org. 3600 A 192.0.2.1");
  expect("a.example.org", TYPE_TXT, "alias www.example.org. | an a.example.org. 3600 CNAME www.example.org.");
  expect("sub.example.org", TYPE_NS, "NOERROR | an sub.example.org. 3600 NS ns.sub.example.org.");
  expect("ns.sub.example.org", TYPE_A, "NOERROR | an ns.sub.example.org. 3600 A 192.0.2.3");
}

Test(zone, signatures_go_to_those_who_ask_for_them) {
#define SIG(type) #type " 13 3 60 20300101000000 20200101000000 1 zone.lab. AAAA"
  lab = zones_of("@ 60 RRSIG " SIG(SOA) "\na 60 A 192.0.2.1\na 60 RRSIG " SIG(
      A) "\na 60 TXT x\nc 60 CNAME a\nc 60 RRSIG " SIG(CNAME) "\n");
  expect("a.zone.lab", TYPE_A, "NOERROR | an a.zone.lab. 60 A 192.0.2.1");
  expect_how("a.zone.lab", TYPE_A, LAB_DO,
             "NOERROR | an a.zone.lab. 60 A 192.0.2.1 | an a.zone.lab. 60 RRSIG " SIG(A));
  expect_how("a.zone.lab", TYPE_TXT, LAB_DO, "NOERROR | an a.zone.lab. 60 TXT \"x\"");
  expect_how("c.zone.lab", TYPE_A, LAB_DO,
             "NOERROR | an c.zone.lab. 60 CNAME a.zone.lab. | an c.zone.lab. 60 RRSIG " SIG(
                 CNAME) " | an a.zone.lab. 60 A 192.0.2.1 | an a.zone.lab. 60 RRSIG " SIG(A));
  expect_how("b.zone.lab", TYPE_A, LAB_DO, "NXDOMAIN | ns " SOA " | ns zone.lab. 30 RRSIG " SIG(SOA));
  expect("b.zone.lab", TYPE_A, "NXDOMAIN | ns " SOA);
  expect("a.zone.lab", TYPE_RRSIG, "NOERROR | an a.zone.lab. 60 RRSIG " SIG(A));
}

Test(zone, an_rrset_too_large_for_a_datagram_is_cut_to_its_heaviest_and_whole_over_tcp) {
  char text[8000], cut[4000] = "NOERROR tc", *p = text;
  for (unsigned i = 0; i < 60; i++)
    p += sprintf(p, "_xmpp-server._tcp 60 SRV 0 %u 5269 host%u\nhost%u A 192.0.2.%u\n", i, i, i, i);
  lab = zones_of(text);
  p = cut + strlen(cut);
  for (unsigned i = 59; i >= 47; i--) {
    p += sprintf(p, " | an _xmpp-server._tcp.zone.lab. 60 SRV 0 %u 5269 host%u.zone.lab.", i, i);
  }

  expect("_xmpp-server._tcp.zone.lab", TYPE_SRV, cut);
  const char *says = zones_say(lab, "_xmpp-server._tcp.zone.lab", TYPE_SRV, LAB_TCP);
  unsigned srv = 0, a = 0;
  for (const char *at = says; (at = strstr(at, " SRV ")); at++) srv++;
  for (const char *at = says; (at = strstr(at, "| ar host")); at++) a++;
  cr_expect_eq(srv, 60);
  cr_expect_eq(a, 32);
}

Test(zone, a_hundred_thousand_records_load_in_no_time, .timeout = 30) {
  char *text = malloc(6000000), *p = text;
  for (unsigned i = 0; i < 25000; i++) {
    p += sprintf(
        p,
        "d%u A 192.0.2.1\n_xmpp-client._tcp.d%u SRV 0 5 5222 d%u\n_xmpp-server._tcp.d%u SRV 0 5 5269 "
        "d%u\n_xmppconnect.d%u TXT x\n",
        i, i, i, i, i, i);
  }

  lab = zones_of(text);
  free(text);
  expect("_xmpp-server._tcp.d24999.zone.lab", TYPE_SRV,
         "NOERROR | an _xmpp-server._tcp.d24999.zone.lab. 3600 SRV 0 5 5269 d24999.zone.lab. | ar "
         "d24999.zone.lab. 3600 A "
         "192.0.2.1");
  expect("d25000.zone.lab", TYPE_A, "NXDOMAIN | ns " SOA);
}
