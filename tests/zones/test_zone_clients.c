/* test_zone_clients.c: zones for some clients only. */
#include <criterion/criterion.h>

#include "zones/zone_kit.h"

static void add_clients(struct zones_clients *c, const char *text) {
  cr_assert(prefix_parse(text, &c->list[c->count++]));
}

/* A zone that holds one address at its own name, for clients from there; NULL: for everybody. */
static void add_zone(struct zones_policy *o, const char *name, const char *address, const char *clients) {
  char text[100];
  snprintf(text, sizeof text, "@ 60 A %s\nonly-%s 60 A %s\n", address, clients ? "some" : "all", address);
  zones_option_zone(o, name, text, false);
  if (clients) add_clients(&o->zones[o->zone_count - 1].clients, clients);
}

/* What a client at that address and port is told of the name's A records. */
static const char *told(const struct zones *l, const char *peer, uint16_t port, const char *name) {
  static struct asked a;
  union addr addr;
  cr_assert(addr_parse(peer, 1, &addr));
  if (addr.any.sa_family == AF_INET) addr.v4.sin_port = htons(port);
  else addr.v6.sin6_port = htons(port);
  asked_plain(&a, name, TYPE_A);
  cr_assert(zones_may_hold(l, &a.query.question));
  return zones_say_set(zones_for(l, &a.query.question, &addr), name, TYPE_A);
}

static struct zones *two_horizons(void) {
  struct zones_policy *o = zones_options_new();
  add_zone(o, "zone.lab", "192.0.2.1", NULL);
  add_zone(o, "zone.lab.", "10.0.0.1", "10.0.0.0/8");
  add_clients(&o->zones[1].clients, "fd00::/8");
  return zones_made(o);
}

#define SOME "NOERROR | an zone.lab. 60 A 10.0.0.1"
#define ALL "NOERROR | an zone.lab. 60 A 192.0.2.1"

Test(zone_clients, each_client_is_answered_from_the_zone_for_its_network) {
  struct zones *l = two_horizons();
  cr_expect_str_eq(told(l, "10.1.2.3", 4000, "zone.lab"), SOME);
  cr_expect_str_eq(told(l, "::ffff:10.1.2.3", 4000, "zone.lab"), SOME);
  cr_expect_str_eq(told(l, "fd00::1", 4000, "zone.lab"), SOME);
  cr_expect_str_eq(told(l, "11.1.2.3", 4000, "zone.lab"), ALL);
  cr_expect_str_eq(told(l, "2001:db8::1", 4000, "zone.lab"), ALL);
  cr_expect(strncmp(told(l, "10.1.2.3", 4000, "only-all.zone.lab"), "NXDOMAIN", 8) == 0);
  cr_expect(strncmp(told(l, "11.1.2.3", 4000, "only-some.zone.lab"), "NXDOMAIN", 8) == 0);
  zones_free(l);
}

Test(zone_clients, what_jidnsd_asks_for_all_clients_comes_from_the_zones_for_everybody) {
  struct zones *l = two_horizons();
  cr_expect_str_eq(told(l, "10.1.2.3", 0, "zone.lab"), ALL);
  zones_free(l);
}

Test(zone_clients, others_are_not_answered_where_no_zone_is_for_everybody) {
  struct zones_policy *o = zones_options_new();
  add_zone(o, "zone.lab", "10.0.0.1", "10.0.0.0/8");
  struct zones *l = zones_made(o);
  cr_expect_str_eq(told(l, "10.1.2.3", 4000, "zone.lab"), SOME);
  cr_expect_str_eq(told(l, "11.1.2.3", 4000, "zone.lab"), "elsewhere");
  zones_free(l);
}

Test(zone_clients, the_zone_nearest_to_the_name_answers_whoever_it_is_for) {
  struct zones_policy *o = zones_options_new();
  add_zone(o, "zone.lab", "10.0.0.1", "10.0.0.0/8");
  add_zone(o, "deep.zone.lab", "192.0.2.2", NULL);
  add_zone(o, "deeper.deep.zone.lab", "10.0.0.3", "10.1.0.0/16");
  struct zones *l = zones_made(o);
  cr_expect_str_eq(told(l, "10.1.2.3", 4000, "deep.zone.lab"), "NOERROR | an deep.zone.lab. 60 A 192.0.2.2");
  cr_expect_str_eq(told(l, "10.1.2.3", 4000, "deeper.deep.zone.lab"),
                   "NOERROR | an deeper.deep.zone.lab. 60 A 10.0.0.3");
  cr_expect(strncmp(told(l, "10.2.2.3", 4000, "deeper.deep.zone.lab"), "NXDOMAIN", 8) == 0);
  zones_free(l);
}

Test(zone_clients, of_two_zones_of_one_name_the_first_that_is_for_the_client_answers) {
  struct zones_policy *o = zones_options_new();
  add_zone(o, "zone.lab", "10.0.0.1", "10.1.0.0/16");
  add_zone(o, "zone.lab.", "192.0.2.1", "10.0.0.0/8");
  struct zones *l = zones_made(o);
  cr_expect_str_eq(told(l, "10.1.2.3", 4000, "zone.lab"), SOME);
  cr_expect_str_eq(told(l, "10.2.2.3", 4000, "zone.lab"), ALL);
  zones_free(l);
}

Test(zone_clients, the_same_zone_twice_for_the_same_clients_is_refused) {
  struct zones_policy *o = zones_options_new();
  add_zone(o, "zone.lab", "10.0.0.1", "10.0.0.0/8");
  add_zone(o, "zone.lab.", "10.0.0.2", "10.0.0.0/8");
  zones_refused(o, "the zone zone.lab. is given twice");
}
