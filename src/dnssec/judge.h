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
  unsigned questions;     /* asked so far */
  unsigned counted;       /* RRsets that ttl_s was made from; 0: it says nothing yet */
  bool goes_without_cuts; /* an optional need could not be had: none is asked for again */
  uint32_t ttl_s;
  uint8_t denial, denial_zone_len; /* what was found to be proven of the name at the end, and by whom */
  struct outdated {                /* what may have changed since it was learnt; type 0: nothing */
    uint16_t type, zone_len;
    uint8_t zone[NAME_MAX_LEN];
  } outdated;
  struct judged_set {
    uint8_t state;     /* judge's own */
    uint8_t why;       /* its signature failed, or it was found bogus: an enum err */
    uint8_t labels;    /* of the signature that was found good */
    uint8_t signer_at; /* where in the owner the signer's name begins */
  } sets[RRSETS_MAX];
};

struct verdict {
  enum dnssec_state state;
  enum err why;            /* BOGUS: ERR_BOGUS, ERR_NO_RRSIG, ERR_NO_NSEC, ...; NEEDS: if that can't be had */
  uint32_t ttl_s;          /* SECURE: it may be kept for no longer */
  bool has_unproven;       /* SECURE: of the authority section something is not, which proves nothing here */
  bool is_unsigned_denial; /* BOGUS: it says that there is nothing, and has no record that could prove it */
  bool is_anchor_lost;     /* BOGUS: keys of a trust anchor's zone, none of which it vouches for */
  bool is_signed_by_it;    /* NEEDS, a DS: if there is one, the zone's DNSKEY is needed next */
  bool is_optional;        /* NEEDS: if that can't be had, judge goes on without: see goes_without_cuts */
  uint16_t need_type;      /* NEEDS: TYPE_DS or TYPE_DNSKEY; BOGUS, unless 0: what is known of these may be
                            * out of date: a key signed that they do not have, or a zone may have begun */
  uint16_t need_len;
  uint8_t need[NAME_MAX_LEN]; /* ... of this name, in lower case */
};

/* msg: the answer to q as a message, with the signatures and proofs that came (answer_message). SECURE only
 * if every RRset of the answer section is, and of the authority section what the answer rests on. A DS or
 * DNSKEY answer that is proven, or a proven want of one, is known to judge_trust from then on. At most
 * DNSSEC_COST_OF_A_TURN is spent in a call, and what one RRset more takes.
 *
 * NEEDS: what it needs is asked for, judged as an answer of its own, and judge called again. When it then
 * needs the same: that could not be had, and the answer is BOGUS (or fails as that question failed); but
 * where is_optional, goes_without_cuts is set, and judge called once more. Answers to questions for DS and
 * DNSKEY records never need one whose name is longer, so that no two wait for each other: where an alias
 * leads to such a name, they are INSECURE. */
struct verdict judge(struct judge *j, struct judgement *at, const struct question *q, const uint8_t *msg,
                     size_t len, struct dnssec_time now);

/* The zones above q's name whose DS and DNSKEY records are not known and will be needed to prove an answer to
 * it, deepest last, at most `most`: to be asked for in the same turn as q. Names that begin with an
 * underscore, or lie below one that does, are hosts', not zones'; so are names of more than two labels that
 * have addresses or are aliases. Of those that are wished for, judge does not believe a zone above before it
 * knows, or can't get to know, whether they are zones. Nothing below a zone that is known as insecure.
 * Returns how many. */
enum { JUDGE_WISHES_MAX = 9 /* of four zones, and the root's DNSKEY */ };
struct judge_wish {
  uint16_t type, len;
  uint8_t name[NAME_MAX_LEN];
};
unsigned judge_wishes(struct judge *j, const struct question *q, struct dnssec_time now,
                      struct judge_wish *out, unsigned most);
#endif
