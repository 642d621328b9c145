/* A rule for faults, as people write it: `name=*.lab type=SRV share=30% seed=7 delay=200-900 servfail`. Some
 * words say which questions it is for, when and how often, the others what becomes of the answers; doc/lab.md
 * explains each. */
#ifndef JIDNS_FAULTS_RULE_H
#define JIDNS_FAULTS_RULE_H
#include "base/prefix.h"
#include "dns/name.h"

enum {
  RULE_TYPES = 8,     /* of records that a rule names */
  RULE_ADDRESSES = 8, /* that it puts in place of others */
  RULE_TEXT = 4096,   /* octets that hold any rule_format with its NUL */
  RULE_WHY = 480,     /* and any complaint of rule_parse */
  RULE_SHARE = 10000, /* what shares are counted in */
  RULE_DELAY_MOST_MS = 60000
};

/* The words, in the order in which they are written back. */
enum rule_word {
  RULE_NAME,
  RULE_TYPE,
  RULE_CLIENT,
  RULE_TRANSPORT,
  RULE_FROM,
  RULE_UNTIL,
  RULE_FLAP,
  RULE_FIRST,
  RULE_PART, /* "share" */
  RULE_SEED,
  RULE_DELAY, /* the first that does something */
  RULE_DROP,
  RULE_SERVFAIL,
  RULE_REFUSED,
  RULE_NXDOMAIN,
  RULE_NODATA,
  RULE_TRUNCATE,
  RULE_TTL,
  RULE_NO_ADDITIONAL,
  RULE_SHUFFLE,
  RULE_REVERSE,
  RULE_LOSE_TARGET,
  RULE_TARGET,
  RULE_PORT,
  RULE_ADDRESS,
  RULE_STRIP,
  RULE_SIGNATURE,
  RULE_WRONG_DS,
  RULE_WRONG_ID,
  RULE_GARBAGE,
  RULE_CUT,
  RULE_CLOSE,
  RULE_WORDS
};
#define RULE_BIT(word) (1u << (word))

/* What DNSSEC adds to an answer, and what an answer is to lose of it. */
enum rule_strip { RULE_STRIP_ALL, RULE_STRIP_SIGNATURES, RULE_STRIP_PROOFS };
/* What becomes of its signatures. */
enum rule_signature { RULE_SIGNATURE_EXPIRED, RULE_SIGNATURE_EARLY, RULE_SIGNATURE_WRONG };

struct rule_name {
  uint8_t len; /* 0: there is none */
  uint8_t octets[NAME_MAX_LEN];
};

struct rule {
  uint32_t words;        /* RULE_BIT of those given; what belongs to one that is not is 0, but for the seed */
  struct rule_name name; /* a pattern, in lower case */
  uint16_t types[RULE_TYPES], type_count;
  struct prefix client;
  bool tcp;                   /* transport=tcp; else udp */
  uint32_t from_ms, until_ms; /* since the rule was set */
  uint32_t up_ms, down_ms;    /* in turn, since the rule was set: it is in force while down */
  uint32_t first;             /* so many answers are spoiled, and no more */
  uint32_t share;             /* of RULE_SHARE */
  uint64_t seed;              /* 1 unless given */
  uint32_t delay_ms, delay_most_ms;
  uint32_t ttl_s;
  struct rule_name lose; /* a pattern; none: one at random */
  struct rule_name target;
  uint16_t port;
  struct prefix addresses[RULE_ADDRESSES]; /* whole ones; those of a family in place of all of it */
  unsigned address_count;
  enum rule_strip strip;
  enum rule_signature signature;
  uint16_t cut;     /* octets that go out; 0: at random */
  bool garbage_all; /* header and question, too */
};

static inline bool rule_has(const struct rule *r, enum rule_word word) { return r->words & RULE_BIT(word); }

/* What a manual says of a word: what stands for its value ("" for none, in brackets if it may be left out)
 * and what the word means. */
struct rule_word_help {
  const char *word, *value, *help;
};
struct rule_word_help rule_word_help(enum rule_word word);

/* Reads a rule. False when it is none, and why in one line without a line feed: the word, and what would be
 * right. */
bool rule_parse(const char *text, struct rule *out, char why[RULE_WHY]);

/* The rule as text, which rule_parse reads as the same rule. */
const char *rule_format(const struct rule *r, char text[RULE_TEXT]);

/* Does the name (in lower case) have the pattern's labels? In a label `*` stands for any octets and `?` for
 * one; a first label that is nothing but `*` stands for one label or more. */
bool rule_name_matches(const struct rule_name *pattern, const uint8_t *name);
#endif
