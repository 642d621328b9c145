/* test_domain_way.c: where a domain is, as its SRV answers in the cache say. */
#include <criterion/criterion.h>

#include "daemon/domain_way.h"
#include "kit/made.h"

enum { FRESH_S = 1000, EXPIRED_S = 10, TICK = 100 };
enum flags { PLAIN, DO };

static struct cache *cache;
static struct domain_way_reader *reader;

static void fresh(void) {
  cache = cache_new(CACHE_SIZE_MIN, KIT_SEED);
  reader = domain_way_new(cache, KIT_SEED);
  cr_assert(cache && reader);
}

static void end(void) {
  domain_way_free(reader);
  cache_free(cache);
}

TestSuite(domain_way, .init = fresh, .fini = end);

/* Puts in what clients of this kind were answered; target NULL: that there is no such record. */
static void put(const char *service, enum flags flags, uint16_t priority, const char *target, uint32_t ttl) {
  static struct made m;
  uint8_t name[NAME_MAX_LEN];
  struct question q;
  made_start(&m, service, TYPE_SRV, target ? RCODE_NOERROR : RCODE_NXDOMAIN);
  if (target) made_add(&m, SECTION_ANSWER, service, TYPE_SRV, ttl, rd_srv(priority, 0, 5269, target));
  else made_add(&m, SECTION_AUTHORITY, "d.lab.", TYPE_SOA, ttl, rd_soa("ns.lab.", "host.lab.", ttl));
  made_done(&m, 0);
  question_make(&q, name, name_parse(service, name), TYPE_SRV, CLASS_IN, flags == DO ? KEY_DO : 0, KIT_SEED);
  cr_assert(cache_put(cache, &q, &m.answer, ORIGIN_QUERY, 0, 0));
}

static void expect(enum domain_way way, const char *target, bool is_stale) {
  uint8_t domain[NAME_MAX_LEN];
  size_t len = name_parse("d.lab.", domain);
  struct walk_way out;
  bool is = !is_stale;
  char text[NAME_TEXT];
  cr_assert_eq(domain_way_read(reader, domain, len, FAMILY_S2S, TICK, &out, &is), way);
  cr_expect_eq(is, is_stale);
  if (target) cr_expect_str_eq(name_format(out.target, out.target_len, text), target);
}

Test(domain_way, is_unknown_when_the_cache_has_nothing) { expect(DOMAIN_WAY_UNKNOWN, NULL, false); }

Test(domain_way, is_of_the_fresh_answer_whichever_clients_it_was_for) {
  put("_xmpp-server._tcp.d.lab.", PLAIN, 5, "old.lab.", EXPIRED_S);
  put("_xmpp-server._tcp.d.lab.", DO, 5, "new.lab.", FRESH_S);
  expect(DOMAIN_WAY_SRV, "new.lab.", false);
}

Test(domain_way, has_expired_when_no_answer_is_fresh) {
  put("_xmpp-server._tcp.d.lab.", DO, 5, "old.lab.", EXPIRED_S);
  expect(DOMAIN_WAY_SRV, "old.lab.", true);
}

Test(domain_way, is_as_fresh_as_the_answer_that_names_its_target) {
  put("_xmpps-server._tcp.d.lab.", PLAIN, 0, NULL, EXPIRED_S);
  put("_xmpp-server._tcp.d.lab.", PLAIN, 5, "new.lab.", FRESH_S);
  expect(DOMAIN_WAY_SRV, "new.lab.", false);
  put("_xmpps-server._tcp.d.lab.", PLAIN, 1, "first.lab.", EXPIRED_S);
  expect(DOMAIN_WAY_SRV, "first.lab.", true);
}

Test(domain_way, is_the_domain_itself_where_one_service_at_least_is_known_to_be_missing) {
  put("_xmpp-server._tcp.d.lab.", PLAIN, 0, NULL, EXPIRED_S);
  expect(DOMAIN_WAY_ADDRESSES, "d.lab.", true);
  put("_xmpps-server._tcp.d.lab.", PLAIN, 0, NULL, FRESH_S);
  expect(DOMAIN_WAY_ADDRESSES, "d.lab.", false);
}

Test(domain_way, is_none_where_a_service_says_so_and_the_other_lists_nothing) {
  put("_xmpps-server._tcp.d.lab.", PLAIN, 0, NULL, FRESH_S);
  put("_xmpp-server._tcp.d.lab.", PLAIN, 0, ".", EXPIRED_S);
  expect(DOMAIN_WAY_NONE, NULL, true);
}
