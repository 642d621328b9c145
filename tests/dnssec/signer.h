/* A small signed world in memory: zones with keys, whose DS and DNSKEY records are made when they are asked
 * for, and answers whose sets are signed as a test says. Who validates is driven as forward/ would do it. */
#ifndef JIDNS_TESTS_SIGNER_H
#define JIDNS_TESTS_SIGNER_H
#include "dnssec/judge.h"
#include "kit/msg.h"

enum { SIGNER_MESSAGES = 8, SIGNER_LABELS_MAX = 127 };
enum { SIGNER_NOW = 1790000000, SIGNER_TTL = 3600, SIGNER_LIFE = 7 * 86400 };

enum signer_zone_kind {
  SIGNER_SIGNED,
  SIGNER_UNSIGNED, /* no DS; a signed parent proves it */
  SIGNER_STRANGE,  /* its DS is of an algorithm that nobody knows */
  SIGNER_NO_KEYS   /* its DNSKEY set is signed by nobody */
};

struct signer_key {
  void *key; /* OpenSSL's; NULL: there is none */
  uint8_t algorithm;
  struct rdata dnskey;
};

struct signer_zone {
  enum signer_zone_kind kind;
  uint16_t name_len;
  uint8_t name[NAME_MAX_LEN];
  char text[NAME_TEXT];
  unsigned rolls;         /* keys that it has had */
  struct signer_key key;  /* its DS is this one's; it signs all, but for what ... */
  struct signer_key data; /* ... signs all but the DNSKEY records, if there is one */
};

struct signer {
  struct verifier *verifier;
  struct canon_room *room;
  struct anchors anchors;
  struct judge *judge;
  struct dnssec_time now;
  uint32_t signs_s; /* when signatures are made: SIGNER_NOW, unless a test says so */
  unsigned zone_count, zone_room, message_count;
  struct signer_zone *zones;
  struct signer_message {
    uint16_t type, name_len;
    uint8_t name[NAME_MAX_LEN];
    struct msg msg;
  } messages[SIGNER_MESSAGES]; /* answers that are other than what zones say */
  unsigned needs, laters;      /* of the last signer_judge, all in all */
  struct judgement last;       /* the judgement of the last message of a test's own */
};

/* With the root, signed by ALGORITHM_ED25519 (whose signatures are always the same) or ALGORITHM_ECDSAP256,
 * as all its zones, and its key as trust anchor. */
struct signer *signer_new(uint8_t algorithm);
void signer_free(struct signer *w);

/* From the top down. */
void signer_zone(struct signer *w, const char *name, enum signer_zone_kind kind);
/* By another algorithm than the root's: one of these, ALGORITHM_ECDSAP384, or ALGORITHM_RSASHA256 as dear
 * as it is known here. */
void signer_zone_by(struct signer *w, const char *name, enum signer_zone_kind kind, uint8_t algorithm);

/* The zone gets another key in place of the one that its DS is of; or another one that signs data alone. */
void signer_roll(struct signer *w, const char *name);
void signer_roll_data_key(struct signer *w, const char *name);

/* The zone that a name's records of that type are in. */
const struct signer_zone *signer_zone_of(struct signer *w, const uint8_t *name, size_t len, uint16_t type);

/* Makes the zone's key a trust anchor. */
void signer_anchor(struct signer *w, const char *name);

/* How a set is signed: by a zone's key, unless zone is NULL. What is 0 is as it should be. */
struct signer_way {
  const char *zone;
  const char *by;    /* the zone whose key signs, if not the one that the RRSIG names */
  const char *owner; /* what is signed instead: a wildcard */
  unsigned labels;   /* of the RRSIG; SIGNER_NO_LABELS: 0 */
  uint32_t ttl_s;
  int32_t begins, expires;  /* from now, in s */
  uint16_t tag;             /* another key's */
  uint8_t algorithm;        /* another one */
  bool is_spoiled, is_last; /* a bit is wrong; the RRSIG comes alone: the records are there */
};
enum { SIGNER_NO_LABELS = 0xffff };

void signer_sets(struct signer *w, struct msg *m, enum section section, const char *owner, uint16_t type,
                 const struct rdata *rd, unsigned count, struct signer_way by);
static inline void signer_set(struct signer *w, struct msg *m, enum section section, const char *owner,
                              uint16_t type, struct rdata rd, struct signer_way by) {
  signer_sets(w, m, section, owner, type, &rd, 1, by);
}
/* An NSEC of the authority section; types end with 0. */
void signer_nsec(struct signer *w, struct msg *m, const char *owner, const char *next, const uint16_t *types,
                 struct signer_way by);
void signer_soa(struct signer *w, struct msg *m, const char *zone, struct signer_way by);

/* The RDATA of a zone's DS, as its parent has it. */
struct rdata signer_ds(struct signer *w, const char *zone);

/* Makes what the zones say to a question for DS or DNSKEY records, unless a message stands for it. */
void signer_answer(struct signer *w, const uint8_t *name, size_t len, uint16_t type, struct msg *m);
void signer_answer_is(struct signer *w, const char *name, uint16_t type, const struct msg *m);

/* Judges an answer; whatever that needs is answered and judged. Where an answer comes to nothing, so does
 * what waits for it. */
struct verdict signer_judge(struct signer *w, const char *name, uint16_t type, const struct msg *m);
struct verdict signer_judge_octets(struct signer *w, const struct question *q, const uint8_t *msg,
                                   size_t len);
#endif
