/* test_route.c: which servers a name is asked of. */
#include <criterion/criterion.h>

#include "forward/route.h"
#include "kit/made.h"

static struct upstream rest, sets[4];
static struct routes routes = {.rest = &rest};

static void add(const char *domain) {
  uint8_t name[NAME_MAX_LEN];
  size_t len = name_parse(domain, name);
  cr_assert(len);
  struct route *r = &routes.list[routes.count];
  r->upstream = &sets[routes.count++];
  r->name_len = (uint8_t)len;
  memcpy(r->name, name, len);
}

static const struct upstream *find(const char *text) {
  uint8_t name[NAME_MAX_LEN];
  struct question q;
  question_make(&q, name, name_parse(text, name), TYPE_A, CLASS_IN, 0, KIT_SEED);
  return routes_find(&routes, &q);
}

Test(route, all_names_go_to_the_rest_when_no_domain_is_named) {
  cr_expect_eq(find("corp.example."), &rest);
  cr_expect_eq(find("."), &rest);
}

Test(route, a_domain_and_all_below_it_go_to_its_own_servers) {
  add("corp.example.");
  cr_expect_eq(find("corp.example."), &sets[0]);
  cr_expect_eq(find("CORP.Example."), &sets[0]);
  cr_expect_eq(find("_xmpp-server._tcp.corp.example."), &sets[0]);
  cr_expect_eq(find("example."), &rest);
  cr_expect_eq(find("other.example."), &rest);
}

Test(route, a_name_that_only_ends_like_the_domain_does_not) {
  add("corp.example.");
  cr_expect_eq(find("xcorp.example."), &rest);
  cr_expect_eq(find("x\\004corp.example."), &rest, "the octet before 'corp' is a label's, not its length");
}

Test(route, the_longest_domain_counts_whatever_their_order) {
  add("example.");
  add("a.corp.example.");
  add("corp.example.");
  cr_expect_eq(find("x.example."), &sets[0]);
  cr_expect_eq(find("b.corp.example."), &sets[2]);
  cr_expect_eq(find("x.a.corp.example."), &sets[1]);
}

static const struct upstream *find_ds(const char *text) {
  uint8_t name[NAME_MAX_LEN];
  struct question q;
  question_make(&q, name, name_parse(text, name), TYPE_DS, CLASS_IN, 0, KIT_SEED);
  return routes_find(&routes, &q);
}

Test(route, rfc4035_ds_of_a_domain_is_its_parents) {
  add("corp.example.");
  add("a.corp.example.");
  cr_expect_eq(find_ds("corp.example."), &rest);
  cr_expect_eq(find_ds("x.corp.example."), &sets[0]);
  cr_expect_eq(find_ds("a.corp.example."), &sets[0]);
  cr_expect_eq(find_ds("b.a.corp.example."), &sets[1]);
  cr_expect_eq(find_ds("."), &rest);
}

Test(route, the_root_can_have_servers_of_its_own) {
  add(".");
  cr_expect_eq(find("x.example."), &sets[0]);
}

Test(route, a_domain_may_have_a_max_ttl_of_its_own) {
  struct question q;
  add("docker.example.");
  add("corp.example.");
  routes.list[0].max_ttl_s = 5;
  question_of(&q, "web.docker.example", TYPE_A);
  cr_expect_eq(routes_max_ttl(&routes, &q, 3600), 5);
  question_of(&q, "web.corp.example", TYPE_A);
  cr_expect_eq(routes_max_ttl(&routes, &q, 3600), 3600, "0: as for all other names");
  question_of(&q, "example.org", TYPE_A);
  cr_expect_eq(routes_max_ttl(&routes, &q, 3600), 3600);
}
