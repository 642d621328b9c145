/* test_build_random.c: what goes into an answer comes out of it, whatever goes in. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "kit/made.h"
#include "kit/rng.h"
#include "kit/seen.h"

static struct made made;
static struct msg given;
static struct seen want, s;
static uint8_t out[DNS_MSG_MAX];

static const char *random_name(struct rng *r) {
  static char name[4][300];
  static unsigned turn;
  static const char *const labels[] = {
      "a", "B", "xmpp", "example", "ORG", "_tcp", "a\\.b", "\\000", "very-long-label-of-some-36-characters"};
  char *n = name[turn++ % 4];
  n[0] = 0;
  for (uint64_t count = rng_below(r, 7); count > 0; count--) {
    strcat(n, labels[rng_below(r, sizeof labels / sizeof *labels)]);
    strcat(n, ".");
  }
  return *n ? n : ".";
}

static struct rdata random_rdata(struct rng *r, uint16_t type) {
  char text[40];
  switch (type) {
  case TYPE_A: snprintf(text, sizeof text, "192.0.2.%u", (unsigned)rng_below(r, 256)); return rd_a(text);
  case TYPE_AAAA:
    snprintf(text, sizeof text, "2001:db8::%x", (unsigned)rng_below(r, 65536));
    return rd_aaaa(text);
  case TYPE_MX: return rd_mx((uint16_t)rng_next(r), random_name(r));
  case TYPE_SRV: return rd_srv((uint16_t)rng_next(r), 1, 5222, random_name(r));
  case TYPE_SOA: return rd_soa(random_name(r), random_name(r), (uint32_t)rng_next(r));
  case TYPE_NS:
  case TYPE_CNAME:
  case TYPE_PTR:
  case TYPE_DNAME: return rd_name(random_name(r));
  default: return rd_fill((uint8_t)rng_next(r), rng_below(r, rng_below(r, 10) ? 60 : 1000));
  }
}

static const uint16_t types[] = {TYPE_A,   TYPE_AAAA,  TYPE_MX,  TYPE_SRV,   TYPE_SOA,   TYPE_NS,
                                 TYPE_PTR, TYPE_CNAME, TYPE_TXT, TYPE_DNAME, TYPE_RRSIG, 65280};

/* Random records, section by section, into `given`; now and then several of one RRset. */
static void random_records(struct rng *r, const char *asked) {
  unsigned records = (unsigned)rng_below(r, rng_below(r, 8) ? 20 : 400), per[3];
  for (int i = 0; i < 3; i++) per[i] = (unsigned)rng_below(r, records + 1) % (i ? 200 : 400);
  msg_answer(&given, asked, TYPE_ANY, 0);
  for (int section = 0; section < 3; section++) {
    char owner[300] = ".";
    uint16_t type = TYPE_A;
    for (unsigned i = 0; i < per[section] && given.len < DNS_MSG_MAX - 1300 && i < 190; i++) {
      if (rng_below(r, 3)) {
        strcpy(owner, rng_below(r, 2) ? asked : random_name(r));
        type = types[rng_below(r, sizeof types / sizeof *types)];
      }
      msg_record(&given, (enum section)section, owner, type, (uint32_t)rng_below(r, 100),
                 random_rdata(r, type));
    }
  }
}

/* Adds all records of `want` to a new answer; false when one is refused. */
static bool build_all(const char *asked) {
  unsigned i = 0, ends[] = {want.an, want.an + want.ns, want.an + want.ns + want.ar};
  made_start(&made, asked, TYPE_ANY, 0);
  for (int section = 0; section < 3; section++) {
    for (; i < ends[section]; i++) {
      if (!build_add(&made.build, (enum section)section, &want.records[i], want.records[i].ttl)) return false;
    }
  }
  return true;
}

static void see(const char *asked) {
  static struct asked client;
  struct answer_view v = answer_view(&made.answer);
  asked_plain(&client, asked, TYPE_ANY);
  size_t len = answer_write(&v, &client.query.query_opts, ANSWER_FRESH, 0, DNS_MSG_MAX, out);
  cr_assert(seen_read(&s, out, len), "%s", s.why);
}

/* The least TTL of the run of records of one RRset that record i is in. */
static uint32_t run_ttl(unsigned i) {
  unsigned section_from = i < want.an ? 0 : i < want.an + want.ns ? want.an : want.an + want.ns;
  unsigned section_end = i < want.an             ? want.an
                         : i < want.an + want.ns ? want.an + want.ns
                                                 : want.an + want.ns + want.ar;
  const struct record *r = want.records;
  uint32_t least = r[i].ttl;
#define SAME(k) (r[k].type == r[i].type && name_equal(r[k].owner, r[k].owner_len, r[i].owner, r[i].owner_len))
  if (r[i].type == TYPE_RRSIG) return least;
  for (unsigned k = i; k > section_from && SAME(k - 1); k--)
    least = r[k - 1].ttl < least ? r[k - 1].ttl : least;
  for (unsigned k = i + 1; k < section_end && SAME(k); k++) least = r[k].ttl < least ? r[k].ttl : least;
#undef SAME
  return least;
}

static void expect_the_same(int round) {
  cr_assert_eq(s.an, want.an);
  cr_assert_eq(s.ns, want.ns);
  cr_assert_eq(s.ar, want.ar);
  for (unsigned i = 0; i < s.an + s.ns + s.ar; i++) {
    cr_assert(same_record(&s.records[i], &want.records[i]), "round %d, record %u", round, i);
    cr_assert_eq(s.records[i].ttl, run_ttl(i), "round %d, record %u of type %u", round, i, s.records[i].type);
    cr_assert_eq(load_u32(made.answer.body + made.answer.ttl_at[i]), s.records[i].ttl);
  }
}

Test(build_random, records_are_read_again_as_they_were_added) {
  struct rng r = {13};
  unsigned refused = 0;
  size_t shorter = 0;

  for (int round = 0; round < 3000; round++) {
    char asked[300];
    strcpy(asked, random_name(&r));
    random_records(&r, asked);
    cr_assert(seen_read(&want, given.octets, given.len), "round %d: %s", round, want.why);
    if (!build_all(asked)) {
      refused++;
      continue;
    }
    see(asked);
    expect_the_same(round);
    size_t built = DNS_HEADER + want.question_len + made.answer.head.body_len;
    cr_assert_leq(built, given.len, "never longer than without compression");
    shorter += given.len - built;
  }

  cr_expect_eq(refused, 0);
  cr_expect_gt(shorter, 1000000);
}

/* Changes some octets of a message, most often where lengths, pointers and types stand. */
static void change(struct rng *r, uint8_t *msg, size_t len) {
  for (uint64_t n = 1 + rng_below(r, 4); n > 0; n--) {
    uint64_t v = rng_next(r), at = DNS_HEADER + rng_below(r, len - DNS_HEADER);
    static const uint8_t some[] = {0, 1, 3, 63, 64, 0xc0, 0xff, 12};
    msg[at] = (uint8_t)(v % 3 == 0 ? v >> 8 : v % 3 == 1 ? some[v >> 8 & 7] : msg[at] ^ (1u << (v >> 8 & 7)));
  }
}

/* Takes a message's records, whatever they are, into a new answer. Returns how many were taken, and keeps
 * those. */
static unsigned take(const uint8_t *msg, size_t len, const char *asked, struct record *kept, unsigned most) {
  struct wire w = wire_read(msg, len);
  unsigned taken = 0;
  w.at = DNS_HEADER;
  uint8_t name[NAME_MAX_LEN], target[NAME_MAX_LEN];
  name_read(&w, name);
  wire_u32(&w);
  made_start(&made, asked, TYPE_ANY, 0);
  while (taken < most && record_read(&w, &kept[taken])) {
    if (kept[taken].type == TYPE_OPT) continue; /* the kit would take it for one */
    record_target(&kept[taken], kept[taken].type == TYPE_SRV ? 6 : 0, target);
    if (build_add(&made.build, SECTION_ANSWER, &kept[taken], kept[taken].ttl)) taken++;
  }
  return taken;
}

Test(build_random, of_changed_messages_only_what_is_well_formed_is_taken) {
  static struct record kept[SEEN_MAX];
  struct rng r = {14};
  unsigned taken = 0, other = 0;

  for (int round = 0; round < 20000; round++) {
    char asked[300];
    strcpy(asked, random_name(&r));
    if (round % 20 == 0) random_records(&r, asked);
    cr_assert(seen_read(&want, given.octets, given.len));
    build_all(asked);
    see(asked); /* a message with pointers in it */
    size_t len = DNS_HEADER + s.question_len + made.answer.head.body_len;
    if (len > 4000 && round % 20) continue;
    if (rng_below(&r, 4) == 0) len -= 1 + rng_below(&r, 4);
    if (len <= DNS_HEADER) continue;
    uint8_t *msg = exact(out, len);
    change(&r, msg, len);
    unsigned n = take(msg, len, asked, kept, SEEN_MAX - 2);
    see(asked);
    cr_assert_eq(s.an, n);
    for (unsigned i = 0; i < n; i++)
      cr_assert(same_record(&s.records[i], &kept[i]), "round %d, record %u", round, i);
    taken += n;
    other += n != want.an + want.ns + want.ar;
    free(msg);
  }

  cr_expect_gt(taken, 10000);
  cr_expect_gt(other, 1000);
}
