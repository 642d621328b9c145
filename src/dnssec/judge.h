/* Is an answer proven? The judgement of one answer, which may wait in between for DS and DNSKEY records:
 * whoever drives it asks for what it needs, gives it what came, and calls it again with the same octets. */
#ifndef JIDNS_DNSSEC_JUDGE_H
#define JIDNS_DNSSEC_JUDGE_H
#include "dns/question.h"
#include "dnssec/anchors.h"
#include "dnssec/denial_proof.h"
#include "dnssec/trust.h"

/* A thread's: the library, work space, zones. */
struct judge;
struct judge *judge_new(const struct verifier *v, const struct anchors *anchors); /* NULL: no memory */
void judge_free(struct judge *j);
struct trust *judge_trust(struct judge *j);

/* What one answer's judgement keeps while it waits: numbers alone, nothing that points anywhere. Zero it, and
 * set the budget, to begin. */
struct judgement {
  struct dnssec_budget budget;
  uint64_t good[2];   /* bits of the answer's RRsets whose signatures were found good (RRSETS_MAX) */
  unsigned questions; /* asked so far */
};

struct verdict {
  enum dnssec_state state;
  enum err why;            /* BOGUS: ERR_BOGUS, ERR_NO_RRSIG, ERR_NO_NSEC, ... */
  uint32_t ttl_s;          /* SECURE: it may be kept for no longer */
  bool is_unsigned_denial; /* BOGUS: it says that there is nothing, and has no record that could prove it */
  uint16_t need_type;      /* NEEDS: TYPE_DS or TYPE_DNSKEY */
  uint16_t need_len;
  uint8_t need[NAME_MAX_LEN]; /* ... of this name, in lower case */
};

/* msg: the answer to q as a message, with the signatures and proofs that came (answer_message). now_s:
 * seconds since 1970, 0: the clock is not to be trusted, times are not judged. SECURE only if every RRset of
 * the answer section is, and of the authority section what the answer rests on. A DS or DNSKEY answer that is
 * proven, or a proven want of one, is known to judge_trust from then on. At most DNSSEC_COST_OF_A_TURN is
 * spent in a call.
 *
 * NEEDS: what it needs is asked for, judged as an answer of its own, and judge called again. When it then
 * needs the same: that could not be had. */
struct verdict judge(struct judge *j, struct judgement *at, const struct question *q, const uint8_t *msg,
                     size_t len, uint64_t now_s);

/* The zones above q's name whose DS and DNSKEY records are not known and will be needed to prove an answer to
 * it, deepest last, at most `most`: to be asked for in the same turn as q. Names that begin with an
 * underscore are hosts', not zones'. Returns how many. */
struct judge_wish {
  uint16_t type, len;
  uint8_t name[NAME_MAX_LEN];
};
unsigned judge_wishes(struct judge *j, const struct question *q, uint64_t now_s, struct judge_wish *out,
                      unsigned most);
#endif
