/* test_trust.c: what is known of zones, how long, and what has to make room. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "dnssec/anchors.h"
#include "dnssec/trust.h"

static struct verifier *verifier;
static struct anchors anchors;
static struct trust *trust;

enum { NOW = 1000 };

static void begin(void) {
  verifier = verifier_new(stderr);
  anchors_built_in(&anchors);
  trust = trust_new(verifier, &anchors);
  cr_assert(verifier && trust);
}
static void end(void) {
  trust_free(trust);
  verifier_free(verifier);
}
TestSuite(trust, .init = begin, .fini = end);

static void put(const char *name, enum zone_state state, uint32_t ttl_s) {
  uint8_t octets[NAME_MAX_LEN];
  trust_put(trust, octets, name_parse(name, octets), NOW, ttl_s)->state = state;
}
static enum zone_state at(const char *name, uint64_t now_s) {
  uint8_t octets[NAME_MAX_LEN];
  const struct zone_known *k = trust_find(trust, octets, name_parse(name, octets), now_s);
  return k ? k->state : ZONE_UNKNOWN;
}
static void put_many(const char *prefix, const char *suffix, unsigned count) {
  char name[64];
  for (unsigned i = 0; i < count; i++) {
    snprintf(name, sizeof name, "%s%u%s", prefix, i, suffix);
    put(name, ZONE_INSECURE, 3600);
  }
}

Test(trust, knows_what_was_put_in_whatever_its_spelling) {
  cr_expect_eq(at("example.org", NOW), ZONE_UNKNOWN);
  put("Example.org", ZONE_NO_CUT, 60);
  cr_expect_eq(at("eXample.org", NOW), ZONE_NO_CUT);
  put("example.org", ZONE_INSECURE, 60);
  cr_expect_eq(at("example.org", NOW), ZONE_INSECURE);
  cr_expect_eq(at("org", NOW), ZONE_UNKNOWN);
}

Test(trust, forgets_when_the_ttl_runs_out_and_after_a_day) {
  put("a.org", ZONE_INSECURE, 60);
  put("b.org", ZONE_INSECURE, 1000000);
  put("c.org", ZONE_INSECURE, 0);
  cr_expect_eq(at("a.org", NOW + 59), ZONE_INSECURE);
  cr_expect_eq(at("a.org", NOW + 60), ZONE_UNKNOWN);
  cr_expect_eq(at("b.org", NOW + TRUST_DAY_S - 1), ZONE_INSECURE);
  cr_expect_eq(at("b.org", NOW + TRUST_DAY_S), ZONE_UNKNOWN);
  cr_expect_eq(at("c.org", NOW), ZONE_INSECURE, "who waits for it must find it");
  cr_expect_eq(at("c.org", NOW + TRUST_LEAST_S), ZONE_UNKNOWN);
}

Test(trust, makes_room_of_what_was_not_used_for_the_longest_time) {
  put_many("z", ".org", TRUST_ZONES);
  cr_expect_eq(at("z0.org", NOW), ZONE_INSECURE);
  put("new.org", ZONE_INSECURE, 60);
  cr_expect_eq(at("z0.org", NOW), ZONE_INSECURE);
  cr_expect_eq(at("z1.org", NOW), ZONE_UNKNOWN);
  cr_expect_eq(at("z2.org", NOW), ZONE_INSECURE);
}

Test(trust, the_root_and_top_level_domains_stay) {
  put(".", ZONE_SECURE, 3600);
  put("org", ZONE_SECURE, 3600);
  put_many("z", ".org", 3 * TRUST_ZONES);
  cr_expect_eq(at(".", NOW), ZONE_SECURE);
  cr_expect_eq(at("org", NOW), ZONE_SECURE);
}

Test(trust, top_level_domains_make_room_for_each_other_when_they_are_many) {
  put(".", ZONE_SECURE, 3600);
  put("z.example.org", ZONE_NO_CUT, 3600);
  put_many("tld", "", 3 * TRUST_ZONES);
  cr_expect_eq(at(".", NOW), ZONE_SECURE);
  cr_expect_eq(at("z.example.org", NOW), ZONE_NO_CUT);
  cr_expect_eq(at("tld0", NOW), ZONE_UNKNOWN);
  put_many("z", ".org", TRUST_ZONES);
  cr_expect_eq(at("tld767", NOW), ZONE_INSECURE);
}

Test(trust, flush_forgets_a_name_and_what_is_below) {
  put("org", ZONE_INSECURE, 60);
  put("example.org", ZONE_INSECURE, 60);
  put("a.example.org", ZONE_INSECURE, 60);
  put("anexample.org", ZONE_INSECURE, 60);
  uint8_t name[NAME_MAX_LEN];
  trust_flush(trust, name, name_parse("Example.org", name));
  cr_expect_eq(at("example.org", NOW), ZONE_UNKNOWN);
  cr_expect_eq(at("a.example.org", NOW), ZONE_UNKNOWN);
  cr_expect_eq(at("anexample.org", NOW), ZONE_INSECURE);
  cr_expect_eq(at("org", NOW), ZONE_INSECURE);
}
