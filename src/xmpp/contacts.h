/* XMPP domains lately contacted: what became of the walks to each (walks.h). Counted while somebody looks;
 * one thread at a time. The domains whose walks ended last stay: CONTACTS_MAX places of about 900 octets
 * each. */
#ifndef JIDNS_XMPP_CONTACTS_H
#define JIDNS_XMPP_CONTACTS_H
#include "xmpp/walks.h"

enum { CONTACTS_MAX = 128 };

/* The last walk of one role. */
struct contact_walk {
  uint64_t ended_ms; /* 0: there was none */
  enum walk_end end;
  struct walk_way way; /* of the last one that has reached the domain; target_len 0: none has */
};

/* All counts are since the domain was taken in. */
struct contact {
  uint64_t last_ms; /* when its last walk ended */
  uint32_t walks, reached;
  uint64_t first_sum_ms;                  /* of those: until the first address, in all */
  uint32_t first_ms;                      /* and of the last one */
  uint64_t answers, waited, saved, stale; /* as in struct walked */
  struct contact_walk by_role[2];         /* by enum family_role */
  uint64_t failed_ms;                     /* when the last one ended that has not reached it; 0: none */
  enum family_role failed_role;           /* whose that was, */
  enum walk_end failed_end;               /* how it ended, */
  enum err why;                           /* and why, of WALK_FAILED */
  uint16_t failed_type;                   /* of which question */
  uint8_t domain_len;                     /* 0: not in use */
  uint8_t domain[NAME_MAX_LEN];           /* in lower case */
};

/* Zero one to start. */
struct contacts {
  struct contact list[CONTACTS_MAX];
};

void contacts_note(struct contacts *c, const struct walked *w, uint64_t now_ms);

/* The domain's, NULL if it has no place. */
const struct contact *contacts_find(const struct contacts *c, const uint8_t *domain, size_t len);

/* The last first; those not in use last. */
void contacts_sort(struct contacts *c);

/* What its last failure was, in a few words: "server failure: no upstream answered in time". */
enum { CONTACT_WHY = 200 };
const char *contact_why_format(const struct contact *c, char text[CONTACT_WHY]);
#endif
