/* What the judge's files share: one judgement under way. */
#ifndef JIDNS_DNSSEC_JUDGE_PRIV_H
#define JIDNS_DNSSEC_JUDGE_PRIV_H
#include "dnssec/judge.h"

struct judge {
  const struct verifier *verifier;
  const struct anchors *anchors; /* borrowed */
  struct trust *trust;
  struct canon_room *room;
  struct rrsets sets;
};

/* How far a set, or all of an answer, has come. */
enum set_state {
  SET_OPEN,
  SET_SECURE,
  SET_DENIED,   /* secure, made from a wildcard, and proven that no closer name is there */
  SET_INSECURE, /* nothing needs to prove it */
  SET_MADE,     /* a CNAME that follows from a DNAME: that one's signature counts */
  SET_FAILED,   /* its signature failed; it waits to be known as bogus or as insecure */
  SET_BOGUS,    /* see judging.why */
  SET_WAITS     /* see judging.verdict */
};

/* A call of judge(). */
struct judging {
  struct judge *judge;
  struct judgement *at;
  const struct question *q;
  struct dnssec_time now;
  unsigned cost_at_start;
  bool is_insecure; /* something that the answer rests on needs no proof */
  enum err why;     /* of what was found bogus last */
  struct verdict verdict;
};

/* ---- judge_zone.c: what is known of zones, and what has to be asked ---- */

/* What trust and anchors say of the zone at a name. Pointers hold until something is put into trust. */
struct zone_view {
  enum zone_state state;
  const struct zone_ds_set *ds;
  const struct zone_keys *keys;
};
struct zone_view judge_zone_view(const struct judging *w, struct proof_name zone);

/* The state of the deepest zone at or above the name of which something is known, unless that is where no
 * zone begins; *zone is its name. ZONE_UNKNOWN: no anchor lies above. */
enum zone_state judge_zone_deepest(const struct judging *w, struct proof_name name, struct proof_name *zone);

/* Is one of the anchors this zone's? What its parent says of it then is of no matter. */
bool judge_zone_is_anchored(const struct judging *w, struct proof_name zone);

/* Is the name such that nothing is to be proven, whatever the zones say: no anchor above, or a negative one?
 */
bool judge_zone_is_exempt(const struct judging *w, struct proof_name name);

/* Goes from zone to zone down to the name. SET_SECURE: it lies in a secure zone, *zone; SET_INSECURE;
 * SET_WAITS: a DS is needed first; SET_BOGUS: too many were. */
enum set_state judge_zone_walk(struct judging *w, struct proof_name name, struct proof_name *zone);

/* The part of a name above all its labels that begin with an underscore: where a zone is likely to begin. */
struct proof_name judge_zone_above_underscores(struct proof_name name);

/* Does a zone begin below the signer's, down to a set's owner? Then the parent's signature would do for what
 * is the child's. Only names are looked at that judge_wishes would wish for: each other one would cost a
 * question more. SET_WAITS: a DS is needed, if it can be had: zones whose servers deny without proofs exist.
 * SET_SECURE: there is nothing to ask. */
enum set_state judge_zone_between(struct judging *w, struct proof_name owner, uint16_t type,
                                  struct proof_name signer);

/* What was found does not agree with what is known: an RRset is signed by a key that is not among the zone's,
 * or its keys by one that no DS vouches for, or it would be as it should if a zone began there. The records
 * may be others by now: where the answer is BOGUS, it says so. */
void judge_zone_outdated(struct judging *w, struct proof_name zone, uint16_t type);

/* Ends the call: these records are needed. SET_WAITS; SET_INSECURE, SET_BOGUS: they can't be asked for. */
enum set_state judge_zone_need(struct judging *w, struct proof_name zone, uint16_t type);

/* ---- judge_set.c: one RRset ---- */

/* The zone that would delegate this name, for a question or a set of type DS; else the name itself. */
struct proof_name judge_set_side(struct proof_name name, bool is_parents);

/* Is the i-th set proven? For one of the answer, or a SOA: if not, is it in an insecure zone? A record that
 * only serves as a proof counts or it doesn't: SET_BOGUS then. */
enum set_state judge_set(struct judging *w, unsigned i, bool is_proof);

/* The zone by which a set was found good. */
struct proof_name judge_set_signer(const struct judging *w, unsigned i);

/* ---- judge_chain.c: where an answer leads ---- */

enum chain_end {
  CHAIN_GOES_ON,  /* there may be more links */
  CHAIN_ANSWER,   /* to records of the type */
  CHAIN_NOTHING,  /* to a name without any */
  CHAIN_TOO_LONG, /* to a DNAME that makes too long a name */
  CHAIN_RING,     /* back to a name that was there before */
  CHAIN_BROKEN    /* a link does not follow from the one before */
};
struct chain {
  enum chain_end end;
  int first; /* the set that is the first link, -1: none */
  uint16_t name_len;
  uint8_t name[NAME_MAX_LEN]; /* the last one's */
};
void judge_chain(const struct rrsets *s, const struct question *q, struct chain *out);

/* Is the i-th set, a CNAME without signature, made by a DNAME of the answer? *follows: as it should be. */
bool judge_chain_is_made(const struct rrsets *s, unsigned i, bool *follows);

/* ---- judge_denial.c: what the authority section proves ---- */

/* Proves the wildcards of the answer, and, when it leads to nothing, that there is nothing. */
enum set_state judge_denial(struct judging *w, const struct chain *c, unsigned rcode);

/* Puts into trust what a proven answer to a question for DS records says of the zone. */
void judge_denial_learn_alias(struct judging *w, const struct chain *c);

/* The least that the answer may be kept, so far. */
void judge_limit_ttl(struct judgement *at, uint32_t ttl_s);
uint32_t judge_set_ttl(const struct rrsets *s, const struct rrset *set);
#endif
