/* test_zone_check.c: what is refused, and what is warned of, with file and line. */
#include <criterion/criterion.h>

#include "zones/zone_kit.h"

/* Zone "zone.lab" whose file says `text` from line 2 on. */
static void refused(const char *text, const char *words) {
  struct zones_policy *o = zones_options_new();
  zones_option_zone(o, "zone.lab", text, false);
  zones_refused(o, words);
}

static void warned(const char *text, const char *words) {
  zones_free(zones_of(text));
  cr_expect(strncmp(zones_said(), "jidnsd: warning: ", 17) == 0 && strstr(zones_said(), words),
            "'%s' instead of '%s'", zones_said(), words);
}

static void silent(const char *text) {
  zones_free(zones_of(text));
  cr_expect_str_empty(zones_said(), "'%s': %s", text, zones_said());
}

Test(zone_check, records_outside_the_zone_are_refused) {
  refused("a A 192.0.2.1\nzone.example. A 192.0.2.1\n",
          "zone.lab.zone:3: zone.example. lies outside the zone zone.lab.");
  refused("xzone.lab. A 192.0.2.1\n", "zone.lab.zone:2: xzone.lab. lies outside");
}

Test(zone_check, a_zone_has_one_soa_at_its_own_name) {
  struct zones_policy *o = zones_options_new();
  zones_option_file(o, "zone.lab", "a A 192.0.2.1\n");
  zones_refused(o, "zone.lab.zone: the zone zone.lab. has no SOA");
  refused("@ SOA ns host 2 7200 600 86400 30\n", "zone.lab.zone:2: zone.lab. SOA: the zone has one already");
  refused("a SOA ns host 2 7200 600 86400 30\n",
          "zone.lab.zone:2: a.zone.lab. SOA: belongs to the zone's own name");
  silent("@ 60 SOA ns host 1 7200 600 86400 30\n"); /* the same twice */
}

Test(zone_check, a_cname_stands_alone) {
  refused("a CNAME b\na TXT x\n", "zone.lab.zone:3: a.zone.lab. has a CNAME");
  refused("a A 192.0.2.1\na CNAME b\n", "zone.lab.zone:2: a.zone.lab. has a CNAME");
  refused("@ CNAME b\n", "zone.lab. has a CNAME");
  refused("a CNAME b\na CNAME c\n", "zone.lab.zone:3: a.zone.lab. has two CNAME");
  refused("a DNAME b\na DNAME c\n", "zone.lab.zone:3: a.zone.lab. has two DNAME");
  refused("a CNAME b\na DNAME c\n", "zone.lab.zone:3: a.zone.lab. has a CNAME");
  silent("a CNAME b\na CNAME b\nb A 192.0.2.1\na RRSIG CNAME 13 3 60 20300101000000 20200101000000 1 "
         "zone.lab. AAAA\n");
}

Test(zone_check, srv_targets_should_be_names_with_addresses) {
  warned("a SRV 0 0 1 c\nc CNAME h\nh A 192.0.2.1\n",
         "zone.lab.zone:2: a.zone.lab. SRV: its target c.zone.lab. is an alias");
  warned("\na SRV 0 0 1 10.0.0.1\n",
         "zone.lab.zone:3: a.zone.lab. SRV: its target 10.0.0.1.zone.lab. has no address");
  warned("a SRV 0 0 1 b\nb TXT x\n", "has no address");
  silent("a SRV 0 0 1 .\na SRV 0 0 1 far.example.\na SRV 0 0 1 b\na SRV 0 0 1 c.w\nb AAAA 2001:db8::1\n*.w A "
         "192.0.2.1\n");
}

Test(zone_check, records_of_one_type_have_one_ttl) {
  warned("a 5 A 192.0.2.1\na 3 A 192.0.2.2\n",
         "zone.lab.zone:2: a.zone.lab. has records of one type that differ in their time to live; 3 is used");
  struct zones *l = zones_of("a 5 A 192.0.2.1\na 3 A 192.0.2.2\n");
  cr_expect_str_eq(zones_say(l, "a.zone.lab", TYPE_A, 0),
                   "NOERROR | an a.zone.lab. 3 A 192.0.2.1 | an a.zone.lab. 3 A 192.0.2.2");
  zones_free(l);
}

Test(zone_check, a_record_twice_counts_once) {
  struct zones *l = zones_of("a A 192.0.2.1\nA A 192.0.2.1\n");
  cr_expect_str_eq(zones_say(l, "a.zone.lab", TYPE_A, 0), "NOERROR | an a.zone.lab. 3600 A 192.0.2.1");
  zones_free(l);
}

Test(zone_check, more_signatures_of_the_soa_than_a_denial_holds_are_refused) {
  static char text[40000];
  char *p = text;
  for (unsigned i = 0; i < 300; i++)
    p += sprintf(p, "@ RRSIG SOA 8 2 60 20300101000000 20200101000000 %u @ AAAA\n", i);
  refused(text, "zone.lab.zone:1: zone.lab. has more records of one type than fit into a message");
}

Test(zone_check, more_records_of_a_name_than_a_message_holds_are_refused) {
  static char text[400000];
  char *p = text;
  for (unsigned i = 0; i < 300; i++) p += sprintf(p, "a TXT \"%0240u\"\n", i);
  refused(text, "zone.lab.zone:2: a.zone.lab. has more records of one type than fit into a message");
}

Test(zone_check, what_the_file_itself_has_wrong_is_said) {
  refused("a A 192.0.2\n", "zone.lab.zone:2: 'a A 192.0.2': ");
}

Test(zone_check, a_zone_is_given_once) {
  struct zones_policy *o = zones_options_new();
  zones_option_zone(o, "zone.lab", "", false);
  zones_option_zone(o, "zone.lab", "", false);
  zones_refused(o, "the zone zone.lab. is given twice");
}

Test(zone_check, no_zones_make_no_lab) {
  struct zones *l = (struct zones *)(void *)zones_options_new();
  cr_expect(zones_load(zones_options_new(), ZONES_EXPAND_OFF, NULL, NULL, &l, stderr));
  cr_expect_null(l);
  zones_free(NULL);
}
