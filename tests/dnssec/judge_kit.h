/* Words for tests of verdicts: one message being made, in one world. */
#ifndef JIDNS_TESTS_JUDGE_KIT_H
#define JIDNS_TESTS_JUDGE_KIT_H
#include <criterion/criterion.h>
#include <stdio.h>

#include "dnssec/signer.h"

extern struct signer *world;
extern struct msg m;
extern const struct signer_way unsigned_;
extern const uint16_t types_host[], types_apex[], types_cut[];

/* The root, org, and below it example, other and example's sub, signed; insecure, strange and nokeys. */
void judge_kit_begin(void);
void judge_kit_end(void);

static inline struct signer_way by(const char *zone) { return (struct signer_way){.zone = zone}; }

/* Begins the message; what follows adds to it. */
void answer(const char *name, uint16_t type, unsigned rcode);
void a(const char *owner, struct signer_way s);
void srv(const char *owner, struct signer_way s);
void cname(const char *owner, const char *target, struct signer_way s);
void dname(const char *owner, const char *target, struct signer_way s);
/* example.org's SOA, and an NSEC of its that has a host's types. */
void nothing_from(const char *owner, const char *next);

struct question question(const char *name, uint16_t type);

/* Judges the message. */
struct verdict judged(void);
#define expect(is, because)                                                                                  \
  do {                                                                                                       \
    struct verdict v_ = judged();                                                                            \
    cr_expect_eq(v_.state, is, "state %d, %s", v_.state, err_word(v_.why));                                  \
    cr_expect_eq(v_.why, because, "state %d, %s", v_.state, err_word(v_.why));                               \
  } while (0)
#define expect_secure() expect(DNSSEC_SECURE, ERR_NONE)
#define expect_bogus(because) expect(DNSSEC_BOGUS, because)

/* Has its keys known, and those of all above. */
void learn_zone(const char *zone);
enum zone_state known(const char *name);
#endif
