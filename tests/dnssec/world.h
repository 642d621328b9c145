/* A small signed world in memory: zones with keys, whose DS and DNSKEY records are made when they are asked
 * for, and answers whose sets are signed as a test says. Who validates is driven as forward/ would do it. */
#ifndef JIDNS_TESTS_WORLD_H
#define JIDNS_TESTS_WORLD_H
#include "dnssec/judge.h"
#include "kit/msg.h"

enum { WORLD_ZONES = 16, WORLD_MESSAGES = 8, WORLD_LABELS_MAX = 127 };
enum { WORLD_NOW = 1790000000, WORLD_TTL = 3600, WORLD_LIFE = 7 * 86400 };

enum world_zone_kind {
  WORLD_SIGNED,
  WORLD_UNSIGNED, /* no DS; a signed parent proves it */
  WORLD_STRANGE,  /* its DS is of an algorithm that nobody knows */
  WORLD_NO_KEYS   /* its DNSKEY set is signed by nobody */
};

struct world_zone {
  enum world_zone_kind kind;
  uint16_t name_len;
  uint8_t name[NAME_MAX_LEN];
  char text[NAME_TEXT];
  void *key; /* OpenSSL's */
  uint8_t algorithm;
  struct rdata dnskey;
};

struct world {
  struct verifier *verifier;
  struct canon_room *room;
  struct anchors anchors;
  struct judge *judge;
  struct dnssec_time now;
  unsigned zone_count, message_count;
  struct world_zone zones[WORLD_ZONES];
  struct world_message {
    uint16_t type, name_len;
    uint8_t name[NAME_MAX_LEN];
    struct msg msg;
  } messages[WORLD_MESSAGES]; /* answers that are other than what zones say */
  unsigned needs, laters;     /* of the last world_judge, all in all */
  struct judgement last;      /* the judgement of the last message of a test's own */
};

/* With the root, signed by ALGORITHM_ED25519 (whose signatures are always the same) or ALGORITHM_ECDSAP256,
 * as all its zones, and its key as trust anchor. */
struct world *world_new(uint8_t algorithm);
void world_free(struct world *w);

/* From the top down. */
void world_zone(struct world *w, const char *name, enum world_zone_kind kind);

/* Makes the zone's key a trust anchor. */
void world_anchor(struct world *w, const char *name);

/* How a set is signed: by a zone's key, unless zone is NULL. What is 0 is as it should be. */
struct world_signed {
  const char *zone;
  const char *by;           /* the zone whose key signs, if not the one that the RRSIG names */
  const char *owner;        /* what is signed instead: a wildcard */
  unsigned labels;          /* of the RRSIG; WORLD_NO_LABELS: 0 */
  int32_t begins, expires;  /* from now, in s */
  uint16_t tag;             /* another key's */
  uint8_t algorithm;        /* another one */
  bool is_spoiled, is_last; /* a bit is wrong; the RRSIG comes alone: the records are there */
};
enum { WORLD_NO_LABELS = 0xffff };

void world_sets(struct world *w, struct msg *m, enum section section, const char *owner, uint16_t type,
                const struct rdata *rd, unsigned count, struct world_signed by);
static inline void world_set(struct world *w, struct msg *m, enum section section, const char *owner,
                             uint16_t type, struct rdata rd, struct world_signed by) {
  world_sets(w, m, section, owner, type, &rd, 1, by);
}
/* An NSEC of the authority section; types end with 0. */
void world_nsec(struct world *w, struct msg *m, const char *owner, const char *next, const uint16_t *types,
                struct world_signed by);
void world_soa(struct world *w, struct msg *m, const char *zone, struct world_signed by);

/* The RDATA of a zone's DS, as its parent has it. */
struct rdata world_ds(struct world *w, const char *zone);

/* Makes what the zones say to a question for DS or DNSKEY records, unless a message stands for it. */
void world_answer(struct world *w, const uint8_t *name, size_t len, uint16_t type, struct msg *m);
void world_answer_is(struct world *w, const char *name, uint16_t type, const struct msg *m);

/* Judges an answer; whatever that needs is answered and judged. Where an answer comes to nothing, so does
 * what waits for it. */
struct verdict world_judge(struct world *w, const char *name, uint16_t type, const struct msg *m);
struct verdict world_judge_octets(struct world *w, const struct question *q, const uint8_t *msg, size_t len);
#endif
