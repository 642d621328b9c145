/* Walks: what one host asks on its way to one XMPP domain, from the first SRV question to silence, put
 * together. A walk begins with an SRV question of a family (family.h); to it belong that family's other
 * questions from the same address, and those for the addresses of the domain and of its targets. It is over
 * when nothing of it has been asked or answered for WALK_SILENCE_MS.
 *
 * One thread at a time, whose clocks may differ a little; WALKS_OPEN walks of about 2 KiB each. When all
 * places are taken the oldest walk ends early. */
#ifndef JIDNS_XMPP_WALKS_H
#define JIDNS_XMPP_WALKS_H
#include "base/addr.h"
#include "base/err.h"
#include "xmpp/family.h"

enum {
  WALKS_OPEN = 128,
  WALK_TARGETS = 4, /* of a domain that lists more, the first are known */
  WALK_SILENCE_MS = 1000,
  WALK_LONGEST_MS = 15000 /* who asks on and on is told of this often */
};

/* Where a walk has led. */
enum walk_end {
  WALK_REACHED,    /* the host was given an address: of a target, or without SRV of the domain */
  WALK_NO_SERVICE, /* the domain says that there is none: the target is "." */
  WALK_NO_ADDRESS, /* what was asked for has no address */
  WALK_FAILED,     /* an answer was SERVFAIL, and there was no other way */
  WALK_NOT_TRIED,  /* the host asked for no address, and was given none */
  WALK_ENDS
};

struct walk_way {
  bool by_srv;        /* else the domain's own addresses */
  bool direct_tls;    /* of an SRV: _xmpps-* */
  uint16_t priority;  /* of an SRV */
  uint16_t port;      /* without SRV the usual one */
  uint8_t target_len; /* 0: none */
  uint8_t target[NAME_MAX_LEN];
};

/* A walk that is over. */
struct walked {
  union addr client; /* its port says nothing */
  enum family_role role;
  enum walk_end end;
  struct walk_way way;             /* of WALK_REACHED, and the last one tried of WALK_NO_ADDRESS */
  uint64_t began_ms;               /* its first question */
  uint32_t reached_after_ms;       /* of WALK_REACHED: until the first address */
  uint32_t answers, waited;        /* all; those that came later than at once */
  uint32_t saved;                  /* those that did not, as they were prefetched or renewed */
  uint32_t stale, failed;          /* expired ones; SERVFAIL */
  enum err why;                    /* the last failure: why, if that is known, */
  struct question failed_question; /* and of what; name_len 0: none */
  uint8_t domain_len;
  uint8_t domain[NAME_MAX_LEN]; /* in lower case */
};

/* An answer to a question that walks_asked has seen. */
struct walk_answer {
  uint32_t token;
  const struct question *question;
  const uint8_t *msg; /* NULL: there was none */
  size_t len;
  bool waited, stale, saved;
  enum err why; /* of a SERVFAIL that jidnsd made; else ERR_NONE */
};

struct walks;

/* serial: borrowed, zero at first, and the same for all walks that are made one after the other, so that an
 * answer to a question of the ones before is not taken for one of these. ended: told of each walk that is
 * over, from within the calls below. NULL when memory is out. */
struct walks *walks_new(uint64_t seed, uint32_t *serial,
                        void (*ended)(void *ctx, const struct walked *w, uint64_t now_ms), void *ctx);
void walks_free(
    struct walks *ws); /* ends those that are open, as of the last time it heard; NULL is allowed */

/* Ends those that are over; to be called some times a second. False when none is left. */
bool walks_sweep(struct walks *ws, uint64_t now_ms);

/* Those that are open. */
unsigned walks_count(const struct walks *ws);

/* May q belong to a walk, while so many are open? For others walks_asked need not be called. */
bool walks_may_have(const struct question *q, unsigned open);

/* A client asks q. Returns what walks_answered wants to know; 0: it belongs to no walk. */
uint32_t walks_asked(struct walks *ws, const union addr *client, const struct question *q, uint64_t now_ms);
void walks_answered(struct walks *ws, const struct walk_answer *a, uint64_t now_ms);

/* "server at ::1 reached example.org in 43 ms: 2 of 5 answers waited for; ...": one line, whatever the names
 * are. */
enum { WALK_TEXT = 4096 };
const char *walks_format(const struct walked *w, char text[WALK_TEXT]);

/* "_xmpps-client", "no SRV": the way's; "reached", "no-service": the end's word. */
const char *walks_service_text(const struct walk_way *way, enum family_role role);
const char *walks_end_word(enum walk_end end);
/* Why, but for the name that it is about: a part of sentences. why: of WALK_FAILED. */
const char *walks_why_text(enum walk_end end, enum err why);
/* Why a walk that has not reached its domain has not, as a sentence; at most NAME_TEXT + 200 octets. */
enum { WALK_WHY = NAME_TEXT + 200 };
const char *walks_why_format(const struct walked *w, char text[WALK_WHY]);
/* A name as people write it: without the final dot. */
const char *walks_name_format(const uint8_t *name, size_t len, char text[NAME_TEXT]);
#endif
