/* test_known_answers.c: verdicts on answers that BIND signed and served (answers.inc, made by make_answers):
 * each algorithm, each type whose RDATA has names, NSEC, NSEC3 and opt-out. Nothing of it was made by the
 * code that judges. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "dnssec/judge.h"
#include "dnssec/known.h"
#include "kit/msg.h"

enum { SECURE = DNSSEC_SECURE, INSECURE = DNSSEC_INSECURE };
enum { CLOCK = 1800000000, MESSAGE_MOST = 4096 };

static const struct known_answer {
  const char *name;
  uint16_t type;
  enum dnssec_state state;
  const char *base64;
} answers[] = {
#define ANCHOR(flags, protocol, algorithm, base64)
#define ANSWER(name, type, state, base64) {name, type, (enum dnssec_state)state, base64},
#include "dnssec/answers.inc"
#undef ANCHOR
#undef ANSWER
};
enum { ANSWERS = sizeof answers / sizeof *answers };

static const struct {
  uint8_t head[4];
  const char *base64;
} anchor = {
#define ANCHOR(flags, protocol, algorithm, base64) {flags >> 8, flags & 0xff, protocol, algorithm}, base64
#define ANSWER(name, type, state, base64)
#include "dnssec/answers.inc"
#undef ANCHOR
#undef ANSWER
};

static struct verifier *verifier;
static struct anchors anchors;
static struct judge *judge_;

static void begin(void) {
  uint8_t rdata[1024];
  memcpy(rdata, anchor.head, sizeof anchor.head);
  size_t len = sizeof anchor.head + known_octets(anchor.base64, rdata + sizeof anchor.head);
  struct record r = {
      .msg = rdata, .msg_len = len, .type = TYPE_DNSKEY, .klass = CLASS_IN, .rdlen = (uint16_t)len};
  r.owner_len = (uint16_t)name_parse("example", r.owner);
  cr_assert(verifier = verifier_new(stderr));
  cr_assert(anchors_add(&anchors, verifier, &r));
  cr_assert(judge_ = judge_new(verifier, &anchors));
}

static void end(void) {
  judge_free(judge_);
  verifier_free(verifier);
}

TestSuite(known_answers, .init = begin, .fini = end);

static struct question question(const char *name, uint16_t type) {
  struct question q;
  uint8_t octets[NAME_MAX_LEN];
  size_t len = name_parse(name, octets);
  cr_assert(len, "%s", name);
  question_make(&q, octets, len, type, CLASS_IN, KEY_DO, 0);
  return q;
}

static struct verdict judged_as(const struct known_answer *a, const uint8_t *octets, size_t len);

static const struct known_answer *answer_to(const char *text, uint16_t type) {
  for (unsigned i = 0; i < ANSWERS; i++)
    if (answers[i].type == type && strcmp(answers[i].name, text) == 0) return &answers[i];
  return NULL;
}

/* Judges what is needed first; false: answers.inc has not got it. Of DS records it has those of zones:
 * elsewhere none begins. */
static bool get(const struct verdict *needs) {
  char text[NAME_TEXT];
  uint8_t octets[MESSAGE_MOST];
  name_format(needs->need, needs->need_len, text);
  text[strlen(text) - 1] = 0;
  const struct known_answer *a = answer_to(text, needs->need_type);
  if (!a && needs->need_type == TYPE_DS) {
    trust_put(judge_trust(judge_), needs->need, needs->need_len, 1000, 3600)->state = ZONE_NO_CUT;
    return true;
  }
  if (!a) return false;
  judged_as(a, octets, known_octets(a->base64, octets));
  return true;
}

static struct verdict judged_as(const struct known_answer *a, const uint8_t *octets, size_t len) {
  struct judgement at = {.budget = dnssec_budget()};
  struct question q = question(a->name, a->type);
  uint8_t *copy = exact(octets, len);
  struct verdict v = {0};
  for (unsigned turns = 0; turns < 30; turns++) {
    v = judge(judge_, &at, &q, copy, len, (struct dnssec_time){1000, CLOCK});
    if (v.state == DNSSEC_NEEDS && !get(&v)) v.state = DNSSEC_BOGUS;
    if (v.state != DNSSEC_NEEDS && v.state != DNSSEC_LATER) break;
  }
  free(copy);
  return v;
}

#define expect_of(a, octets, len, is)                                                                        \
  do {                                                                                                       \
    struct verdict v_ = judged_as(a, octets, len);                                                           \
    cr_expect_eq(v_.state, is, "%s %u: state %d, %s", (a)->name, (a)->type, v_.state, err_word(v_.why));     \
  } while (0)

Test(known_answers, are_judged_as_another_implementation_meant_them) {
  uint8_t octets[MESSAGE_MOST];
  for (unsigned i = 0; i < ANSWERS; i++) {
    const struct known_answer *a = &answers[i];
    expect_of(a, octets, known_octets(a->base64, octets), a->state);
  }
}

Test(known_answers, have_expired_or_are_not_valid_yet_by_other_clocks) {
  const struct known_answer *a = answer_to("example", TYPE_DNSKEY);
  struct question q = question(a->name, a->type);
  uint8_t octets[MESSAGE_MOST];
  size_t len = known_octets(a->base64, octets);
  struct judgement at = {.budget = dnssec_budget()};
  cr_expect_eq(judge(judge_, &at, &q, octets, len, (struct dnssec_time){1000, 1700000000}).why,
               ERR_SIGNATURE_EARLY);
  at = (struct judgement){.budget = dnssec_budget()};
  cr_expect_eq(judge(judge_, &at, &q, octets, len, (struct dnssec_time){1000, 3500000000}).why,
               ERR_SIGNATURE_EXPIRED);
}

/* ---- what may change on the way, and what may not ---- */

/* The places of the answer section's records. */
static struct rrsets sets;
static bool read_sets(const uint8_t *octets, size_t len) {
  return rrsets_read(&sets, octets, len) == ERR_NONE;
}

Test(known_answers, stay_secure_as_their_ttls_run_down) {
  uint8_t octets[MESSAGE_MOST];
  for (unsigned i = 0; i < ANSWERS; i++) {
    const struct known_answer *a = &answers[i];
    size_t len = known_octets(a->base64, octets);
    cr_assert(read_sets(octets, len));
    for (unsigned k = 0; k < sets.record_count; k++)
      store_u32(octets + sets.records[k].rdata_at - 6, sets.records[k].ttl - 7);
    expect_of(a, octets, len, a->state);
  }
}

Test(known_answers, are_kept_no_longer_than_the_signer_said) {
  uint8_t octets[MESSAGE_MOST];
  const struct known_answer *a = answer_to("host.p256.example", TYPE_A);
  size_t len = known_octets(a->base64, octets);
  cr_assert(read_sets(octets, len));
  for (unsigned k = 0; k < sets.record_count; k++) store_u32(octets + sets.records[k].rdata_at - 6, 86400);
  struct verdict v = judged_as(a, octets, len);
  cr_expect_eq(v.state, DNSSEC_SECURE);
  cr_expect_eq(v.ttl_s, 3600);
}

/* All names of the answer point to the question's. */
Test(known_answers, stay_secure_in_upper_case) {
  uint8_t octets[MESSAGE_MOST];
  for (unsigned i = 0; i < ANSWERS; i++) {
    const struct known_answer *a = &answers[i];
    size_t len = known_octets(a->base64, octets);
    for (uint8_t *c = octets + DNS_HEADER; *c; c += 1 + *c)
      for (unsigned k = 1; k <= *c; k++)
        if (c[k] >= 'a' && c[k] <= 'z') c[k] = (uint8_t)(c[k] - 32);
    expect_of(a, octets, len, a->state);
  }
}

enum { OPT_OCTETS = 11 };

Test(known_answers, stay_secure_when_a_record_comes_twice) {
  uint8_t octets[MESSAGE_MOST];
  unsigned tried = 0;
  for (unsigned i = 0; i < ANSWERS; i++) {
    const struct known_answer *a = &answers[i];
    size_t len = known_octets(a->base64, octets);
    unsigned count = load_u16(octets + 6);
    if (!count || load_u16(octets + 8) || load_u16(octets + 10) != 1) continue;

    /* An alias that comes twice is refused, whatever it says. */
    cr_assert(read_sets(octets, len));
    if (sets.sets[0].type == TYPE_CNAME || sets.sets[0].type == TYPE_DNAME) continue;

    /* The first record once more, at the end of the answer: its names point backwards all the same. */
    size_t start = DNS_HEADER + question(a->name, a->type).name_len + 4u;
    size_t record = sets.records[0].rdata_at + sets.records[0].rdlen - start, at = len - OPT_OCTETS;
    memmove(octets + at + record, octets + at, OPT_OCTETS);
    memcpy(octets + at, octets + start, record);
    store_u16(octets + 6, (uint16_t)(count + 1));
    expect_of(a, octets, len + record, a->state);
    tried++;
  }
  cr_expect_geq(tried, 50);
}

Test(known_answers, are_secure_in_no_other_octet_of_their_records) {
  uint8_t octets[MESSAGE_MOST];
  unsigned tried = 0;
  for (unsigned i = 0; i < ANSWERS; i++) {
    const struct known_answer *a = &answers[i];
    size_t len = known_octets(a->base64, octets);
    cr_assert(read_sets(octets, len));
    struct rrsets as_they_were = sets;
    for (unsigned set = 0; set < as_they_were.count; set++) {
      const struct rrset *s = &as_they_were.sets[set];
      for (unsigned k = 0; s->section == SECTION_ANSWER && k < s->count; k++) {
        const struct rrset_record *r = &as_they_were.records[s->first + k];
        for (unsigned at = r->rdata_at; at < r->rdata_at + r->rdlen; at++) {
          octets[at] ^= 1;
          struct verdict v = judged_as(a, octets, len);
          cr_expect_neq(v.state, DNSSEC_SECURE, "%s %u octet %u", a->name, a->type, at);
          octets[at] ^= 1;
          tried++;
        }
      }
    }
  }
  cr_expect_geq(tried, 2000);
}
