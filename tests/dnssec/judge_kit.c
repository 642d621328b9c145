/* judge_kit.c: one message being made, in one world. */
#include "dnssec/judge_kit.h"

struct signer *world;
struct msg m;
const struct signer_way unsigned_ = {0};
const uint16_t types_host[] = {TYPE_A, TYPE_RRSIG, TYPE_NSEC, 0};
const uint16_t types_apex[] = {TYPE_NS, TYPE_SOA, TYPE_RRSIG, TYPE_NSEC, TYPE_DNSKEY, 0};
const uint16_t types_cut[] = {TYPE_NS, TYPE_RRSIG, TYPE_NSEC, 0};

static const char *asked;
static char asked_text[NAME_TEXT];
static uint16_t asked_type;

void judge_kit_begin(void) {
  world = signer_new(ALGORITHM_ED25519);
  signer_zone(world, "org", SIGNER_SIGNED);
  signer_zone(world, "example.org", SIGNER_SIGNED);
  signer_zone(world, "other.org", SIGNER_SIGNED);
  signer_zone(world, "sub.example.org", SIGNER_SIGNED);
  signer_zone(world, "insecure.org", SIGNER_UNSIGNED);
  signer_zone(world, "strange.org", SIGNER_STRANGE);
  signer_zone(world, "nokeys.org", SIGNER_NO_KEYS);
}

void judge_kit_end(void) { signer_free(world); }

void answer(const char *name, uint16_t type, unsigned rcode) {
  snprintf(asked_text, sizeof asked_text, "%s", name);
  asked = asked_text;
  asked_type = type;
  msg_answer(&m, name, type, rcode);
}

void a(const char *owner, struct signer_way s) {
  signer_set(world, &m, SECTION_ANSWER, owner, TYPE_A, rd_a("192.0.2.1"), s);
}
void srv(const char *owner, struct signer_way s) {
  signer_set(world, &m, SECTION_ANSWER, owner, TYPE_SRV, rd_srv(0, 0, 5222, "xmpp.example.org"), s);
}
void cname(const char *owner, const char *target, struct signer_way s) {
  signer_set(world, &m, SECTION_ANSWER, owner, TYPE_CNAME, rd_name(target), s);
}
void dname(const char *owner, const char *target, struct signer_way s) {
  signer_set(world, &m, SECTION_ANSWER, owner, TYPE_DNAME, rd_name(target), s);
}
void nothing_from(const char *owner, const char *next) {
  signer_soa(world, &m, "example.org", by("example.org"));
  signer_nsec(world, &m, owner, next, types_host, by("example.org"));
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
  return signer_judge(world, asked, asked_type, &m);
}

void learn_zone(const char *zone) {
  static struct msg keys;
  uint8_t name[NAME_MAX_LEN];
  size_t len = name_parse(zone, name);
  signer_answer(world, name, len, TYPE_DNSKEY, &keys);
  cr_assert_eq(signer_judge(world, zone, TYPE_DNSKEY, &keys).state, DNSSEC_SECURE, "%s", zone);
}

enum zone_state known(const char *name) {
  uint8_t octets[NAME_MAX_LEN];
  const struct zone_known *k = trust_find(judge_trust(world->judge), octets, name_parse(name, octets),
                                          world->now.now_s);
  return k ? k->state : ZONE_UNKNOWN;
}
