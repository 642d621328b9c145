/* What all of dnssec/ shares: verdicts, the numbers of DNSSEC, and what a judgement may cost. Pure: octets,
 * time and a budget in, a verdict out; no clock, no socket, no libuv. */
#ifndef JIDNS_DNSSEC_DNSSEC_H
#define JIDNS_DNSSEC_DNSSEC_H
#include "base/err.h"
#include "crypto/verify.h"
#include "dns/record.h"

enum { DNSKEY_ZONE = 0x0100, DNSKEY_REVOKED = 0x0080, DNSKEY_SEP = 0x0001, DNSKEY_PROTOCOL = 3 };

/* Algorithms that are known, if the library is allowed to verify them (verifier_knows). */
enum {
  ALGORITHM_RSASHA256 = 8,
  ALGORITHM_RSASHA512 = 10,
  ALGORITHM_ECDSAP256 = 13,
  ALGORITHM_ECDSAP384 = 14,
  ALGORITHM_ED25519 = 15,
  ALGORITHM_ED448 = 16
};

/* Bounds against who wants to keep this thread busy (CVE-2023-50387, CVE-2023-50868). */
enum {
  DNSSEC_KEYS_OF_A_TAG = 4,       /* tried for one signature, and for one DS */
  DNSSEC_SIGNATURES_OF_A_SET = 8, /* looked at */
  DNSSEC_COST = 72,               /* of an answer's verifications, in units of public_key_cost: 4 ms; of
                                     P-384, the dearest, there can be eight in less than 5 ms: as many as four
                                     aliases to a name that NSEC3 denies take */
  DNSSEC_RECORDS_OF_A_COST = 256, /* are put in order in about the time of a unit */
  DNSSEC_OCTETS_OF_A_COST = 8192, /* are written and hashed in about that time */
  DNSSEC_COST_OF_A_TURN = 16,     /* of them in one go: then others are served first */
  DNSSEC_FAILURES = 4,            /* signatures of an answer that may be verified in vain, by all keys of
                                     their tag: one of each set where one of two signers is broken */
  DNSSEC_NSEC3_ITERATIONS = 50,   /* a zone with more is treated as insecure (RFC 9276 section 3.2) */
  DNSSEC_NSEC3_SALT = 64,         /* octets */
  DNSSEC_NSEC3_DIGESTS = 16 * (DNSSEC_NSEC3_ITERATIONS + 1), /* made for an answer: those of 16 names,
                                     or of more that have fewer iterations */
  DNSSEC_QUESTIONS = 40 /* for DS and DNSKEY records that one answer may lead to */
};

/* What an answer may yet cost; counted down over all of its judgement, however often that is interrupted. */
struct dnssec_budget {
  unsigned cost, failures, digests;
};
static inline struct dnssec_budget dnssec_budget(void) {
  return (struct dnssec_budget){DNSSEC_COST, DNSSEC_FAILURES, DNSSEC_NSEC3_DIGESTS};
}

/* Two clocks: what is kept grows old by one that never jumps (the loop's, in seconds), and signatures are
 * judged by the time of day. */
struct dnssec_time {
  uint64_t now_s;
  uint32_t clock_s; /* seconds since 1970; 0: the clock is not to be trusted, times are not judged */
};

enum dnssec_state {
  DNSSEC_SECURE,   /* proven from a trust anchor on */
  DNSSEC_INSECURE, /* it is proven that there is nothing to prove it by; or nobody wants it proven */
  DNSSEC_BOGUS,    /* it should be proven, and is not */
  DNSSEC_NEEDS,    /* a DS or DNSKEY RRset is needed first */
  DNSSEC_LATER     /* the turn's budget is used up: to be called again */
};
#endif
