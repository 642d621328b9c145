/* judge.c: how many answers are judged in a second, by one thread that knows the zone's keys, and how long
 * the worst ones take: `judge [ANSWERS]`. `make judge` runs it.
 *
 * Prints `warm RATE/s` for an SRV answer signed by P-256; then for each kind of dear answer of up to 64 KiB
 * `NAME octets OCTETS verdict WHY total MS turn MS`: in all, and the longest turn of the loop. The exit
 * status is 1 when one of them takes more than 5 ms, or fewer than 12,000 are judged. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/must.h"
#include "dnssec/signer.h"

enum { RATE_MIN = 12000, WORST_MS = 5, TURNS_MAX = 64, REPEATS = 7 };

static struct signer *world;
static struct msg m;
static const struct signer_way good = {.zone = "example.org"};

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static struct question question(const char *name, uint16_t type) {
  struct question q;
  uint8_t octets[NAME_MAX_LEN];
  question_make(&q, octets, name_parse(name, octets), type, CLASS_IN, KEY_DO, 0);
  return q;
}

static double rate(unsigned answers) {
  struct rdata rd = rd_srv(0, 0, 5222, "xmpp.example.org");
  struct question q = question("_xmpp-client._tcp.example.org", TYPE_SRV);
  msg_answer(&m, "_xmpp-client._tcp.example.org", TYPE_SRV, RCODE_NOERROR);
  signer_set(world, &m, SECTION_ANSWER, "_xmpp-client._tcp.example.org", TYPE_SRV, rd, good);
  must(signer_judge_octets(world, &q, m.octets, m.len).state == DNSSEC_SECURE);
  double from = now_ms();
  for (unsigned i = 0; i < answers; i++) {
    struct judgement at = {.budget = dnssec_budget()};
    must(judge(world->judge, &at, &q, m.octets, m.len, world->now).state == DNSSEC_SECURE);
  }
  return answers / (now_ms() - from) * 1e3;
}

/* ---- dear answers ---- */

static bool has_room(size_t octets) { return m.len + octets < DNS_MSG_MAX; }

static void set_of(unsigned type, unsigned records, unsigned octets, struct signer_way s) {
  static struct rdata rd[2048];
  must(records <= 2048);
  for (unsigned i = 0; i < records; i++) {
    rd[i] = rd_fill(0x5a, octets);
    store_u16(rd[i].octets, (uint16_t)((records - i) * 40503u));
  }
  signer_sets(world, &m, SECTION_ANSWER, "a.example.org", (uint16_t)type, rd, records, s);
}

/* As many good signatures as sets. */
static void many_good(void) {
  for (unsigned i = 0; i < RRSETS_MAX; i++) set_of(1000 + i, 1, 200, good);
}

/* Signatures that nearly hold, by keys whose tags collide. */
static void key_trap(void) {
  struct signer_way bad = good;
  bad.is_spoiled = true;
  for (unsigned i = 0; i < RRSETS_MAX; i++) {
    set_of(1000 + i, 1, 200, bad);
    bad.is_last = true;
    for (unsigned k = 1; k < DNSSEC_SIGNATURES_OF_A_SET && has_room(1000); k++) set_of(1000 + i, 1, 200, bad);
    bad.is_last = false;
    if (!has_room(1000)) return;
  }
}

/* Many signatures of many keys, no two of one tag: each is the one that its key could have made. */
static void many_keys(void) {
  struct signer_way bad = good;
  bad.is_spoiled = true;
  for (unsigned i = 0; i < RRSETS_MAX && has_room(1400); i++) {
    bad.is_last = false;
    for (unsigned k = 0; k < DNSSEC_SIGNATURES_OF_A_SET; k++, bad.is_last = true) {
      bad.tag = (uint16_t)(1 + k);
      set_of(1000 + i, 1, 100, bad);
    }
  }
}

/* Good ones by a key of 4096 bits with the longest exponent that is taken. */
static void big_exponent(void) {
  for (unsigned i = 0; i < RRSETS_MAX && has_room(2400); i++) {
    static struct rdata rd;
    rd = rd_fill(0x5a, 100);
    signer_set(world, &m, SECTION_ANSWER, "a.rsa.org", (uint16_t)(1000 + i), rd,
               (struct signer_way){.zone = "rsa.org"});
  }
}

/* Good ones on the dearest curve. */
static void big_curve(void) {
  for (unsigned i = 0; i < RRSETS_MAX; i++) {
    static struct rdata rd;
    rd = rd_fill(0x5a, 100);
    signer_set(world, &m, SECTION_ANSWER, "a.p384.org", (uint16_t)(1000 + i), rd,
               (struct signer_way){.zone = "p384.org"});
  }
}

static void many_records(void) { set_of(1000, 1600, 12, good); }

/* One after the other from all sets, so that each is looked for among all. */
static void scattered(void) {
  for (unsigned i = 0; i < 2047; i++) {
    char owner[32];
    snprintf(owner, sizeof owner, "%02u.example.org", i % RRSETS_MAX);
    msg_record(&m, SECTION_ANSWER, owner, 1000, 60, rd_octets(&i, sizeof i));
  }
}

/* Proofs of nothing that have to be read again and again. */
static void many_proofs(void) {
  static const uint16_t host[] = {TYPE_A, TYPE_RRSIG, TYPE_NSEC, 0};
  for (unsigned i = 0; i < RRSETS_MAX; i++) {
    char owner[64];
    snprintf(owner, sizeof owner, "n%u.%s.example.org", i, "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p");
    signer_nsec(world, &m, owner, "zz.example.org", host, good);
  }
}

/* Keys of a zone that are none, behind one that vouches for them all; and keys of one tag, each of which a DS
 * may mean. */
static void dnskeys(unsigned count, void (*spoil)(struct rdata *key, unsigned i)) {
  static struct rdata keys[2048];
  const struct signer_zone *zone = &world->zones[2];
  keys[0] = zone->key.dnskey;
  for (unsigned i = 1; i < count; i++) {
    keys[i] = zone->key.dnskey;
    spoil(&keys[i], i);
  }
  signer_sets(world, &m, SECTION_ANSWER, "example.org", TYPE_DNSKEY, keys, count, good);
}

static void spoil_point(struct rdata *key, unsigned i) { store_u16(key->octets + 8, (uint16_t)i); }
static void bad_points(void) { dnskeys(690, spoil_point); }

static void spoil_with_same_tag(struct rdata *key, unsigned i) {
  store_u16(key->octets + 8, (uint16_t)(load_u16(key->octets + 8) + i));
  store_u16(key->octets + 10, (uint16_t)(load_u16(key->octets + 10) - i));
}
static void one_tag(void) { dnskeys(690, spoil_with_same_tag); }

static const struct {
  const char *name;
  void (*make)(void);
  uint16_t type;
  const char *asked;
} dear[] = {{"many-good", many_good, TYPE_ANY, "a.example.org"},
            {"key-trap", key_trap, TYPE_ANY, "a.example.org"},
            {"many-keys", many_keys, TYPE_ANY, "a.example.org"},
            {"big-exponent", big_exponent, TYPE_ANY, "a.rsa.org"},
            {"big-curve", big_curve, TYPE_ANY, "a.p384.org"},
            {"bad-points", bad_points, TYPE_DNSKEY, "example.org"},
            {"one-tag", one_tag, TYPE_DNSKEY, "example.org"},
            {"many-records", many_records, TYPE_ANY, "a.example.org"},
            {"scattered", scattered, TYPE_ANY, "a.example.org"},
            {"many-proofs", many_proofs, TYPE_ANY, "a.example.org"}};

/* The quickest of some tries: what else the machine does is not the answer's. */
static void judge_once(const struct question *q, double *total, double *turn, struct verdict *v) {
  struct judgement at = {.budget = dnssec_budget()};
  *total = *turn = 0;
  for (unsigned i = 0; i < TURNS_MAX; i++) {
    double from = now_ms();
    *v = judge(world->judge, &at, q, m.octets, m.len, world->now);
    double took = now_ms() - from;
    *total += took;
    if (took > *turn) *turn = took;
    if (v->state != DNSSEC_LATER) return;
  }
}

static bool is_cheap_enough(unsigned i) {
  struct question q = question(dear[i].asked, dear[i].type);
  msg_answer(&m, dear[i].asked, dear[i].type, RCODE_NOERROR);
  dear[i].make();
  must(m.len <= DNS_MSG_MAX);

  double total = 1e9, turn = 0;
  struct verdict v = {0};
  for (unsigned k = 0; k < REPEATS; k++) {
    double total_k, turn_k;
    judge_once(&q, &total_k, &turn_k, &v);
    if (total_k >= total) continue;
    total = total_k;
    turn = turn_k;
  }
  static const char *const states[] = {"secure", "insecure", "bogus", "needs", "later"};
  printf("%s octets %zu %s %s total %.2f ms turn %.2f ms\n", dear[i].name, m.len, states[v.state],
         err_word(v.why), total, turn);
  return total <= WORST_MS;
}

/* Learns a zone's keys, and that no zone begins at the name in it. */
static void know(const char *zone, const char *name) {
  struct question q = question(name, TYPE_TXT);
  msg_answer(&m, name, TYPE_TXT, RCODE_NOERROR);
  signer_set(world, &m, SECTION_ANSWER, name, TYPE_TXT, rd_txt("warm"), (struct signer_way){.zone = zone});
  must(signer_judge_octets(world, &q, m.octets, m.len).state == DNSSEC_SECURE);
}

/* A zone with keys of different tags: bad signatures of many_keys name them. Keys that DS records mean by
 * their tag alone, as many as can be. */
static void know_collisions(void) {
  uint8_t name[NAME_MAX_LEN];
  size_t len = name_parse("example.org", name);
  const struct zone_known *found = trust_find(judge_trust(world->judge), name, len, world->now.now_s);
  must(found && found->keys.count == 1 && found->ds.count == 1);
  struct zone_ds ds = found->ds.ds[0];
  struct zone_keys keys = {.name_len = found->keys.name_len};
  memcpy(keys.name, found->keys.name, keys.name_len);

  const struct rdata *rd = &world->zones[2].key.dnskey;
  for (; keys.count <= DNSSEC_SIGNATURES_OF_A_SET; keys.count++) {
    uint16_t tag = keys.count ? (uint16_t)keys.count : keys_tag(rd->octets, rd->len);
    struct public_key *key = public_key_new(world->verifier, rd->octets[3], rd->octets + 4, rd->len - 4u);
    keys.keys[keys.count] = (struct zone_key){tag, DNSKEY_ZONE, rd->octets[3], key};
  }
  uint8_t host[NAME_MAX_LEN];
  size_t host_len = name_parse("a.example.org", host);
  trust_put(judge_trust(world->judge), host, host_len, world->now.now_s, TRUST_DAY_S)->state = ZONE_NO_CUT;
  struct zone_known *known = trust_put(judge_trust(world->judge), name, len, world->now.now_s, TRUST_DAY_S);
  known->state = ZONE_SECURE;
  known->keys = keys;
  for (; known->ds.count < ZONE_DS_MAX; known->ds.count++) {
    known->ds.ds[known->ds.count] = ds;
    known->ds.ds[known->ds.count].digest[0] ^= (uint8_t)(ZONE_DS_MAX - 1 - known->ds.count);
  }
}

int main(int argc, char **argv) {
  unsigned answers = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 20000;
  world = signer_new(ALGORITHM_ECDSAP256);
  signer_zone(world, "org", SIGNER_SIGNED);
  signer_zone(world, "example.org", SIGNER_SIGNED);
  signer_zone_by(world, "rsa.org", SIGNER_SIGNED, ALGORITHM_RSASHA256);
  signer_zone_by(world, "p384.org", SIGNER_SIGNED, ALGORITHM_ECDSAP384);
  double per_s = rate(answers);
  know("rsa.org", "a.rsa.org");
  know("p384.org", "a.p384.org");
  know_collisions();
  bool is_well = per_s >= RATE_MIN;
  printf("warm %.0f/s\n", per_s);
  for (unsigned i = 0; i < sizeof dear / sizeof *dear; i++) is_well &= is_cheap_enough(i);
  signer_free(world);
  return is_well ? EXIT_SUCCESS : EXIT_FAILURE;
}
