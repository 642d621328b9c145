/* judge_kit.c: one message being made, in one world. */
#include "dnssec/judge_kit.h"

struct world *world;
struct msg m;
const struct world_signed unsigned_ = {0};
const uint16_t types_host[] = {TYPE_A, TYPE_RRSIG, TYPE_NSEC, 0};
const uint16_t types_apex[] = {TYPE_NS, TYPE_SOA, TYPE_RRSIG, TYPE_NSEC, TYPE_DNSKEY, 0};
const uint16_t types_cut[] = {TYPE_NS, TYPE_RRSIG, TYPE_NSEC, 0};

static const char *asked;
static char asked_text[NAME_TEXT];
static uint16_t asked_type;

void judge_kit_begin(void) {
  world = world_new(ALGORITHM_ED25519);
  world_zone(world, "org", WORLD_SIGNED);
  world_zone(world, "example.org", WORLD_SIGNED);
  world_zone(world, "other.org", WORLD_SIGNED);
  world_zone(world, "sub.example.org", WORLD_SIGNED);
  world_zone(world, "insecure.org", WORLD_UNSIGNED);
  world_zone(world, "strange.org", WORLD_STRANGE);
  world_zone(world, "nokeys.org", WORLD_NO_KEYS);
}

void judge_kit_end(void) { world_free(world); }

void answer(const char *name, uint16_t type, unsigned rcode) {
  snprintf(asked_text, sizeof asked_text, "%s", name);
  asked = asked_text;
  asked_type = type;
  msg_answer(&m, name, type, rcode);
}

void a(const char *owner, struct world_signed s) {
  world_set(world, &m, SECTION_ANSWER, owner, TYPE_A, rd_a("192.0.2.1"), s);
}
void srv(const char *owner, struct world_signed s) {
  world_set(world, &m, SECTION_ANSWER, owner, TYPE_SRV, rd_srv(0, 0, 5222, "xmpp.example.org"), s);
}
void cname(const char *owner, const char *target, struct world_signed s) {
  world_set(world, &m, SECTION_ANSWER, owner, TYPE_CNAME, rd_name(target), s);
}
void dname(const char *owner, const char *target, struct world_signed s) {
  world_set(world, &m, SECTION_ANSWER, owner, TYPE_DNAME, rd_name(target), s);
}
void nothing_from(const char *owner, const char *next) {
  world_soa(world, &m, "example.org", by("example.org"));
  world_nsec(world, &m, owner, next, types_host, by("example.org"));
}

struct question question(const char *name, uint16_t type) {
  struct question q;
  uint8_t octets[NAME_MAX_LEN];
  size_t len = name_parse(name, octets);
  cr_assert(len);
  question_make(&q, octets, len, type, CLASS_IN, KEY_DO, 0);
  return q;
}

struct verdict judged(void) {
  return world_judge(world, asked, asked_type, &m);
}

void learn_zone(const char *zone) {
  static struct msg keys;
  uint8_t name[NAME_MAX_LEN];
  size_t len = name_parse(zone, name);
  world_answer(world, name, len, TYPE_DNSKEY, &keys);
  cr_assert_eq(world_judge(world, zone, TYPE_DNSKEY, &keys).state, DNSSEC_SECURE, "%s", zone);
}

enum zone_state known(const char *name) {
  uint8_t octets[NAME_MAX_LEN];
  const struct zone_known *k = trust_find(judge_trust(world->judge), octets, name_parse(name, octets),
                                          world->now.now_s);
  return k ? k->state : ZONE_UNKNOWN;
}
