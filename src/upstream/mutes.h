/* Types of records that a server, or a box before it, leaves unanswered for every name while it answers
 * others: AAAA and HTTPS, mostly. Pure: no log, no clock.
 *
 * A type rests at a server when it left it unanswered for MUTE_DOMAINS names of different domains, whose
 * other records it does tell, and answered none of the type in between: a domain's own server that drops
 * them, as some load balancers do, is one domain. Any answer of the type ends that. When the rest is over,
 * one question tries. */
#ifndef JIDNS_UPSTREAM_MUTES_H
#define JIDNS_UPSTREAM_MUTES_H
#include "upstream/habits.h"

enum {
  MUTE_TYPES = 4, /* remembered of one server; the one noted longest ago makes room */
  MUTE_DOMAINS = 3,
  MUTE_REST_MS = 30000 /* at first: doubled each time up to HABIT_REST_MS */
};

struct mute {
  uint16_t type;   /* 0: not in use */
  uint8_t domains; /* that it was silent to */
  uint8_t in_vain; /* of them, those whose question nobody else answered either */
  uint64_t hashes[MUTE_DOMAINS];
  uint64_t noted_ms;
  struct habit habit;
};

/* Zero it to start. */
struct mutes {
  struct mute types[MUTE_TYPES];
};

/* It left a question of this type unanswered, for a name in the domain of this hash; in_vain: and so did all
 * others. True when the type is to rest from now on. */
bool mutes_note(struct mutes *m, uint16_t type, uint64_t domain, bool in_vain, uint64_t now_ms);

/* It answered a question of this type. True when that is news: the type rested. */
bool mutes_answered(struct mutes *m, uint16_t type);

/* May a question of this type be put to it? True once a rest is over for this one question. */
bool mutes_allow(struct mutes *m, uint16_t type, uint64_t now_ms);

/* The type's place, where it rests or is being retried; else NULL. */
const struct mute *mutes_find_resting(const struct mutes *m, uint16_t type);
#endif
