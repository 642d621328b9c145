/* test_authority.c: which servers a zone has, by itself and by its parent, and what each is asked. */
#include "tool/authority.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "tool/facts.h"
#include "tool/fake.h"

/* The resolver, and servers by address: what each of them says. */
struct world {
  struct fake *resolver, *parent, *one;
  unsigned to_parent, to_one, to_others;
};

static bool is_at(const struct asked *a, const char *address) {
  char text[ADDR_TEXT];
  addr_format(a->server, text);
  return strncmp(text, address, strlen(address)) == 0;
}

static void ask(void *context, struct asked *const *list, size_t n) {
  struct world *w = context;
  for (size_t i = 0; i < n; i++) {
    struct asked *one = list[i];
    struct fake *f = w->resolver;
    if (one->server && is_at(one, "9.9.3.1:")) f = w->parent, w->to_parent++;
    else if (one->server && is_at(one, "9.9.4.1:")) f = w->one, w->to_one++;
    else if (one->server) {
      one->outcome = ASKED_TIMEOUT;
      w->to_others++;
      continue;
    }
    f->rounds = 0;
    fake_ask(f, &one, 1);
  }
}

static void add_zone(struct fake *f, const char *zone, const char *server) {
  fake_add(f, zone, TYPE_SOA, 300, rd_soa(server, "admin", 300));
  fake_add(f, zone, TYPE_NS, 300, rd_name(server));
}

static void world_start(struct world *w) {
  *w = (struct world){.resolver = fake_new(), .parent = fake_new(), .one = fake_new()};
  add_zone(w->resolver, "d.chat", "ns1.d.chat");
  add_zone(w->resolver, "chat", "ns.chat");
  fake_add(w->resolver, "ns1.d.chat", TYPE_A, 300, rd_a("9.9.4.1"));
  fake_add(w->resolver, "ns.chat", TYPE_A, 300, rd_a("9.9.3.1"));
  fake_add(w->resolver, "_xmpp-client._tcp.d.chat", TYPE_SRV, 300, rd_srv(1, 0, 5222, "d.chat"));
  fake_add(w->resolver, "d.chat", TYPE_A, 300, rd_a("9.9.8.8"));

  fake_add(w->parent, "d.chat", TYPE_NS, 300, rd_name("ns1.d.chat"));
  w->one->authoritative = true;
  add_zone(w->one, "d.chat", "ns1.d.chat");
}

static struct facts *look(struct world *w, const char *domain, bool allow_private) {
  struct typed_domain typed;
  cr_assert_null(domain_read_jid(domain, &typed));
  struct facts *f = facts_new(&typed, LOOKUP_BOTH, NULL, 0);
  facts_want_authority(f, allow_private);
  facts_run(f, ask, w);
  return f;
}

static void world_end(struct world *w, struct facts *f) {
  facts_free(f);
  free(w->resolver);
  free(w->parent);
  free(w->one);
}

Test(authority, asks_the_parent_and_each_server_of_the_zone) {
  struct world w;
  world_start(&w);
  struct facts *f = look(&w, "d.chat", false);
  const struct authority *a = f->authority;
  cr_assert_eq(a->server_count, 1);
  cr_expect_eq(a->parent_count, 1);
  cr_expect(authority_is_good(&a->servers[0]));
  cr_expect_not_null(authority_referral(a));
  cr_expect_eq(w.to_parent, 1);
  cr_expect_geq(w.to_one, 2 + PROBE_COUNT + LOOKUP_SERVICES);
  cr_expect_eq(w.to_others, 0);
  world_end(&w, f);
}

Test(authority, a_server_that_only_the_parent_lists_is_asked_as_well) {
  struct world w;
  world_start(&w);
  fake_add(w.parent, "d.chat", TYPE_NS, 300, rd_name("ns2.d.chat"));
  fake_add(w.resolver, "ns2.d.chat", TYPE_A, 300, rd_a("9.9.4.2"));
  struct facts *f = look(&w, "d.chat", false);
  cr_assert_eq(f->authority->server_count, 2);
  cr_expect_null(authority_answer(&f->authority->servers[1]));
  cr_expect_eq(w.to_others, 3, "over UDP, over TCP, and without EDNS: no more of one that is silent");
  world_end(&w, f);
}

Test(authority, private_and_local_addresses_are_asked_only_where_that_is_allowed) {
  static const char *const inside[] = {"10.0.0.1", "127.0.0.1", "169.254.169.254", "192.168.1.1",
                                       "100.64.0.1"};
  for (unsigned allow = 0; allow < 2; allow++) {
    struct world w;
    world_start(&w);
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++)
      fake_add(w.resolver, "ns1.d.chat", TYPE_A, 300, rd_a(inside[i]));
    struct facts *f = look(&w, "d.chat", allow);
    cr_expect_eq(f->authority->server_count, allow ? 6 : 1);
    cr_expect_eq(w.to_others > 0, allow);
    world_end(&w, f);
  }
}

Test(authority, one_address_of_many_names_is_one_server) {
  struct world w;
  world_start(&w);
  for (unsigned i = 0; i < 40; i++) {
    char name[32];
    snprintf(name, sizeof name, "n%u.d.chat", i);
    fake_add(w.resolver, "d.chat", TYPE_NS, 300, rd_name(name));
    fake_add(w.resolver, name, TYPE_A, 300, rd_a("9.9.4.1"));
  }
  struct facts *f = look(&w, "d.chat", false);
  cr_expect_eq(f->authority->name_count, AUTHORITY_NAMES_MAX);
  cr_expect_eq(f->authority->server_count, 1);
  world_end(&w, f);
}

Test(authority, very_many_servers_are_asked_up_to_a_bound) {
  struct world w;
  world_start(&w);
  for (unsigned i = 1; i < 60; i++) {
    char address[32];
    snprintf(address, sizeof address, "9.9.5.%u", i);
    fake_add(w.resolver, "ns1.d.chat", TYPE_A, 300, rd_a(address));
  }
  struct facts *f = look(&w, "d.chat", false);
  cr_expect_leq(f->authority->server_count, AUTHORITY_SERVERS_MAX);
  world_end(&w, f);
}

static void count_name(void *context, const uint8_t *name, size_t len) {
  (void)name, (void)len;
  ++*(unsigned *)context;
}

Test(authority, name_servers_of_other_zones_in_an_answer_are_not_the_zones) {
  struct world w;
  unsigned n = 0;
  world_start(&w);
  fake_add(w.resolver, "evil.chat", TYPE_NS, 300, rd_name("ns.evil.chat"));
  fake_astray(w.resolver);
  struct facts *f = look(&w, "d.chat", false);
  cr_expect_eq(authority_each_ns(f->authority, &f->authority->ns, count_name, &n), 1);
  cr_expect_eq(n, 1);
  world_end(&w, f);
}
