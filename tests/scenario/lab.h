/* A world whose upstream signs what it answers, and which proves that. Zones are added to its signer. */
#ifndef JIDNS_SCENARIO_LAB_H
#define JIDNS_SCENARIO_LAB_H
#include "dnssec/signer.h"
#include "forward/prove_log.h"
#include "scenario/kit.h"

struct lab {
  struct world *world;
  struct signer *signer;
  struct judge *judge;
  struct prove_log log;
  uint32_t life_s;      /* of signatures; 0: SIGNER_LIFE */
  int32_t skew_s;       /* of the clock that signatures are judged by */
  int32_t signs_skew_s; /* of the one that they are made by */
  bool clock_is_wrong;  /* it is not to be trusted */
  uint64_t judged_ms;   /* when it was last asked for the time, as each look at an answer does, */
  unsigned judged,
      judged_most;     /* and how often in that millisecond; at most in one since a test cleared it */
  const char *expired; /* a zone whose records' signatures, but for keys', ended long ago; NULL: none's */
};

/* With zones "." and "lab.", where the kit's records lie. What options say of proving is put in; answers are
 * validated unless they say forward.prove. */
struct lab *lab_new(struct world_options options);
void lab_free(struct lab *l); /* the world, too */

/* From now on as a reload would have it. A judge made anew knows nothing of zones. */
void lab_set_prove(struct lab *l, enum prove_mode mode);
void lab_renew_judge(struct lab *l);

bool heard_ad(const struct heard *h);

/* What the upstream was asked, of DS and DNSKEY and else. */
unsigned lab_asked_of_zones(const struct lab *l);
#endif
