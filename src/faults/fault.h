/* Faults: answers spoiled by rule on their way to the client, and spoiled alike whenever the seed is the
 * same. Nothing in here holds, sends or stores: what the cache keeps is never spoiled. */
#ifndef JIDNS_FAULTS_FAULT_H
#define JIDNS_FAULTS_FAULT_H
#include "dns/answer.h"
#include "faults/rule.h"

enum { FAULTS_MAX = 64 }; /* rules in force at a time */

/* A rule in force. Its numbers are shared by all workers, so that its n-th answer fares alike however many
 * there are. */
struct fault_live {
  struct rule rule;
  unsigned number;           /* of the rule, never given again */
  uint64_t set_ms;           /* when it was set */
  bool persistent;           /* its owner's: it belongs to the settings */
  uint64_t matched, spoiled; /* answers it was for, and those of them that it spoiled; atomic */
};

/* The rules in force, in order: the first that is for a question, and wins its draw, decides. A set is never
 * changed; another takes its place, and shares the rules that stay. */
struct faults {
  unsigned count, last_number;
  struct fault_live *rules[FAULTS_MAX];
};

/* A set with one rule more, set now, than `old` (NULL: none). NULL when memory is out or there are
 * FAULTS_MAX. */
struct faults *faults_with(const struct faults *old, const struct rule *r, uint64_t now_ms);
/* A set in which these take the place of those of `old` that last: all, or NULL. They last, and are set now.
 */
struct faults *faults_with_persistent(const struct faults *old, const struct rule *const *rules, unsigned n,
                                      uint64_t now_ms);
/* A set without the rule of that number, without any for 0. NULL when memory is out. */
struct faults *faults_without(const struct faults *old, unsigned number);
/* Frees a set and the rules of it that `next` (NULL: none) does not have. Nobody may use it any more. */
void faults_free(struct faults *old, const struct faults *next);
bool faults_have(const struct faults *fs, const struct fault_live *f); /* fs NULL: no */

/* What is to become of one answer. */
struct fault_match {
  const struct fault_live *fault; /* borrowed from the set */
  uint64_t
      nth; /* among the answers it is for, from 0: all that chance decides follows from it and the seed */
};

/* Decides about the answer to q, once for each query. False: it goes out as it is. */
bool faults_match(const struct faults *fs, const struct question *q, const union addr *peer, bool tcp,
                  uint64_t now_ms, struct fault_match *out);

/* How many ms behind its question the answer is to go out at the earliest; 0: it is not held back. */
uint32_t fault_delay_ms(const struct fault_match *k);

/* Are there signatures that should be made anew once the answer is spoiled, for what it says then? */
bool fault_wants_signing(const struct fault_match *k);

struct fault_result {
  size_t len;  /* octets of the message; 0: there is none any more */
  size_t sent; /* so many of them are to go out */
  bool close;  /* and then the connection ends; only over TCP */
};

/* What fault_apply works with; large, one a thread. */
struct fault_scratch {
  struct answer answer;
  uint16_t places[ANSWER_RECORDS_MAX];
};

/* Spoils the answer to q, len octets at msg, and keeps it within `limit` octets, which there are room for. A
 * message that can't be taken apart stays whole. */
struct fault_result fault_apply(const struct fault_match *k, const struct question *q, bool tcp, uint8_t *msg,
                                size_t len, size_t limit, struct fault_scratch *scratch);
#endif
