/* warm.c: a cache with answers of every kind in it. Exports warm_up, warm_questions, warm_count. */
#include <stdio.h>

#include "base/must.h"
#include "dns/ttl.h"
#include "forward/denial.h"
#include "fuzz/resolver.h"

static const char longest[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
                              "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb."
                              "ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc."
                              "ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd.";

const struct warm warm_questions[] = {
    {"a.", TYPE_A, 0},
    {"a.", TYPE_AAAA, 0},
    {"a.", TYPE_A, KEY_DO},
    {"a.", TYPE_A, KEY_CD},
    {"b.", TYPE_A, 0},
    {"c.", TYPE_TXT, 0},
    {"d.", TYPE_A, 0},
    {"e.", TYPE_A, 0},
    {"f.", TYPE_A, 0},
    {"g.", TYPE_A, 0},
    {"h.", 65280, 0},
    {"i.", TYPE_A, 0},
    {"j.", TYPE_A, 0},
    {".", TYPE_NS, 0},
    {longest, TYPE_A, 0},
    {"_xmpp-client._tcp.a.", TYPE_SRV, 0},
    {"_xmpp-server._tcp.a.", TYPE_SRV, 0},
    {"_xmpps-server._tcp.a.", TYPE_SRV, 0},
};
const unsigned warm_count = sizeof warm_questions / sizeof *warm_questions;

/* What there is to put in, made once: build_add takes longer than cache_put. */
static struct ready {
  struct question question;
  struct answer *answer;
  enum cache_origin how;
  uint32_t refresh_at;
  bool denied; /* is noted as such, too */
} ready[32];
static unsigned ready_count;

static struct made made;

static void start(const char *name, uint16_t type, uint8_t rcode) { made_start(&made, name, type, rcode); }

static void add(enum section section, const char *owner, uint16_t type, uint32_t ttl, struct rdata rd) {
  made_add(&made, section, owner, type, ttl, rd);
}

/* attend_s: from then on it is worn; 0: never. */
static void put(uint8_t key_flags, uint32_t attend_s, enum cache_origin how) {
  uint32_t stored_at = tick_of_ms(RESOLVER_START_MS);
  must(ready_count < sizeof ready / sizeof *ready);
  struct ready *r = &ready[ready_count++];
  made_done(&made, stored_at);
  if (key_flags & KEY_DO) made.answer.head.flags = ANSWER_AD;
  question_make(&r->question, made.question.key, made.question.name_len, question_type(&made.question),
                CLASS_IN, key_flags, KIT_SEED);
  r->answer = must_alloc(sizeof *r->answer);
  memcpy(r->answer, &made.answer, sizeof *r->answer);
  r->how = how;
  r->refresh_at = attend_s ? stored_at + ticks_of_ttl(attend_s) : 0;
  r->denied = made.answer.head.rcode == RCODE_NXDOMAIN;
}

static void addresses(void) {
  static const uint8_t rrsig[40] = {0, TYPE_A, 8,    1, 0, 0, 1, 44, 0x70, 0,
                                    0, 0,      0x60, 0, 0, 0, 0, 42, 1,    'a'};
  made_a(&made, "a.", 300, 1, 0);
  put(0, 0, ORIGIN_QUERY);
  put(KEY_CD, 0, ORIGIN_QUERY);
  add(SECTION_ANSWER, "a.", TYPE_RRSIG, 300, rd_octets(rrsig, sizeof rrsig));
  put(KEY_DO, 0, ORIGIN_QUERY);
  start("a.", TYPE_AAAA, RCODE_NOERROR);
  add(SECTION_ANSWER, "a.", TYPE_AAAA, 300, rd_aaaa("2001:db8::1"));
  put(0, 0, ORIGIN_QUERY);
  made_a(&made, "b.", 3600, 60, 0); /* more than fits into 512 octets, less than into 1232 */
  put(0, 0, ORIGIN_QUERY);
  made_a(&made, "d.", 3600, 500, 0); /* more than fits into any datagram */
  put(0, 0, ORIGIN_QUERY);
  made_a(&made, "i.", 3, 2, 0); /* over soon */
  put(0, 0, ORIGIN_QUERY);
  made_a(&made, "j.", 600, 2, 0); /* worn soon, fetched ahead */
  put(0, 1, ORIGIN_PREFETCH_S2S);
  made_a(&made, longest, 86400, 1, 0);
  put(0, 0, ORIGIN_QUERY);
}

static void negatives(void) {
  start("e.", TYPE_A, RCODE_NXDOMAIN);
  add(SECTION_AUTHORITY, "e.", TYPE_SOA, 300, rd_soa("ns.e.", "host.e.", 60));
  put(0, 0, ORIGIN_QUERY);
  start("f.", TYPE_A, RCODE_NOERROR);
  add(SECTION_AUTHORITY, "f.", TYPE_SOA, 300, rd_soa("ns.f.", "host.f.", 60));
  put(0, 0, ORIGIN_QUERY);
}

static void others(void) {
  char text[251];
  start("c.", TYPE_TXT, RCODE_NOERROR);
  memset(text, 't', sizeof text - 1);
  text[sizeof text - 1] = 0;
  for (unsigned i = 0; i < 10; i++) {
    text[0] = (char)('0' + i);
    add(SECTION_ANSWER, "c.", TYPE_TXT, 3600, rd_txt(text));
  }

  put(0, 0, ORIGIN_QUERY);
  start("g.", TYPE_A, RCODE_NOERROR);
  add(SECTION_ANSWER, "g.", TYPE_CNAME, 300, rd_name("www.g."));
  add(SECTION_ANSWER, "www.g.", TYPE_CNAME, 200, rd_name("host.g."));
  add(SECTION_ANSWER, "host.g.", TYPE_A, 100, rd_a("192.0.2.7"));
  put(0, 0, ORIGIN_QUERY);
  start("h.", 65280, RCODE_NOERROR);
  add(SECTION_ANSWER, "h.", 65280, 300, rd_octets("\xc0\x0c", 2));
  put(0, 0, ORIGIN_QUERY);
  start(".", TYPE_NS, RCODE_NOERROR);
  add(SECTION_ANSWER, ".", TYPE_NS, 86400, rd_name("ns."));
  put(0, 0, ORIGIN_QUERY);
}

/* SRV answers with their targets' addresses; some of those run out first. */
static void services(void) {
  static const char *const names[] = {"_xmpp-client._tcp.a.", "_xmpp-server._tcp.a."};
  for (unsigned i = 0; i < 2; i++) {
    start(names[i], TYPE_SRV, RCODE_NOERROR);
    add(SECTION_ANSWER, names[i], TYPE_SRV, 300, rd_srv(5, 1, 5222, "a."));
    add(SECTION_ANSWER, names[i], TYPE_SRV, 300, rd_srv(5, 2, 5222, "x.a."));
    add(SECTION_ADDITIONAL, "a.", TYPE_A, 300, rd_a("192.0.2.1"));
    add(SECTION_ADDITIONAL, "a.", TYPE_AAAA, 300, rd_aaaa("2001:db8::1"));
    add(SECTION_ADDITIONAL, "x.a.", TYPE_A, 4, rd_a("192.0.2.2"));
    for (unsigned k = 0; k < 20 * i; k++)
      add(SECTION_ADDITIONAL, "x.a.", TYPE_AAAA, 4, rd_aaaa("2001:db8::2"));
    put(0, i, ORIGIN_QUERY);
  }

  start("_xmpps-server._tcp.a.", TYPE_SRV, RCODE_NXDOMAIN);
  add(SECTION_AUTHORITY, "a.", TYPE_SOA, 300, rd_soa("ns.a.", "host.a.", 30));
  put(0, 0, ORIGIN_PREFETCH_S2S);
}

void warm_up(struct cache *cache) {
  if (!ready_count) {
    addresses();
    negatives();
    others();
    services();
  }
  for (unsigned i = 0; i < ready_count; i++) {
    const struct ready *r = &ready[i];
    must(cache_put(cache, &r->question, r->answer, r->how, r->refresh_at, 0));
    if (r->denied) denial_note(cache, &r->question, r->answer, KIT_SEED);
  }
}
