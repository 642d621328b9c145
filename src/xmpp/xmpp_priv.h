/* Inside the module: what its files share. */
#ifndef JIDNS_XMPP_XMPP_PRIV_H
#define JIDNS_XMPP_XMPP_PRIV_H
#include "dns/build.h"
#include "xmpp/domains.h"
#include "xmpp/family.h"
#include "xmpp/xmpp.h"

enum { EXPAND_WAIT_MS = 400 };
enum {
  SET_OFF_MAX = 16
}; /* upstream questions that one question of a client costs at most: it, and what is asked for its sake */
enum { KNOWN_TARGETS = 4096, DOMAINS = 4096, HELD_MAX = 64, RENEWALS_MAX = 20000, RENEWAL_BUCKETS = 4096 };

/* What may still be asked for the sake of those who asked for a domain's SRV. A client's question fills it,
 * once a second at most; nothing else does, so that answers which come late and name ever more targets find
 * it empty. Domains that meet in one place share. */
struct allowance {
  uint32_t since_ms; /* when it was filled; the low 32 bits */
  uint8_t left;      /* questions */
  bool logged;       /* the log heard that it is empty */
  uint16_t of;       /* not 0: until it is filled the allowance in place of - 1 is drawn upon instead */
};

/* Hashes of questions: the first `open` have no answer yet, those up to `count` are over. */
struct awaited_addresses {
  unsigned open, count;
  uint64_t hashes[2 * FAMILY_TARGETS];
};

/* An SRV answer that waits for addresses (XMPP_EXPAND_WAIT). */
struct held_answer {
  struct question question;
  struct awaited_addresses awaited;
};

struct renewal;

struct xmpp {
  struct xmpp_policy o;
  struct forward *forward;
  struct cache *cache; /* borrowed from forward's options */
  struct timers *timers;
  struct counters *counters;
  uint64_t seed;
  struct xmpp_budget *budget;    /* all workers' */
  struct guesses *guesses;       /* the same; NULL: nothing is guessed */
  struct kin *kin;               /* the same; NULL: none is learnt */
  uint64_t tlsa_until_ms[4];     /* by DO and CD: until then somebody uses DANE */
  uint64_t jabber_until_ms[4];   /* by DO and CD: until then somebody looks for _jabber._tcp */
  bool hears_ad[4];              /* by DO and CD: servers say of some SRV answers that they are secure */
  uint32_t known[KNOWN_TARGETS]; /* hashes of names that were SRV targets lately, and of which family (enum
                                    known) */
  struct allowance allowances[DOMAINS]; /* by hash of the domain */
  struct held_answer *held;
  unsigned held_count;
  struct domains *domains;   /* NULL: no client was told of any */
  struct renewal **renewals; /* by question hash */
  unsigned renewal_count;
  struct revival *revival; /* NULL: nothing is to be asked that was in use before the start */
  struct srv targets[FAMILY_TARGETS];
  uint8_t message[DNS_MSG_MAX];   /* scratch of family_targets and record reading */
  struct answer old, found, made; /* scratch of expansion */
  uint64_t added[UINT8_MAX];      /* hashes of made's additional RRsets, one a record */
};

/* allowance.c: what one domain's clients may set off. */
struct allowance *allowance_of(struct xmpp *x,
                               const struct question *srv); /* of the domain that has this service */
/* a client asks for it, or was given it */
void allowance_fill(struct xmpp *x, const struct question *srv, uint64_t now_ms);
/* Until a client asks for its domain's services, what is asked for the sake of `srv` comes out of the
 * allowance of the domain for whose sake `srv` itself was asked. */
void allowance_draw_on(struct xmpp *x, const struct question *srv, const struct allowance *lender);
/* Takes q, asked for the sake of `of`, from the allowance and from the daemon's budget. False, and counted,
 * when there is nothing left. `allowance` NULL: q is asked as the other half of a pair. */
bool allowance_take(struct xmpp *x, struct allowance *allowance, const struct question *q,
                    const struct question *of, uint64_t now_ms);

/* prefetch.c: prefetches. */

/* Why something is prefetched: what it is of the question that set it off, and from whose allowance. */
struct cause {
  const struct question *of;
  struct allowance *allowance;
  const char *what;
  enum family_role role;
};

/* False when there was no reason or no room to ask. */
bool prefetch_question(struct xmpp *x, const struct question *q, const struct cause *cause, uint64_t now_ms);
/* The targets of what the cache has, or had, of this service. */
void prefetch_remembered(struct xmpp *x, const struct question *q, uint64_t now_ms);
void prefetch_on_miss(struct xmpp *x, const struct question *q, uint64_t now_ms);
void prefetch_on_done(struct xmpp *x, const struct question *q, const struct answer *a, uint64_t now_ms);
void prefetch_on_failure(struct xmpp *x, const struct question *q);
/* What programs look for where this service is missing: its domain's own addresses and the old name. */
void prefetch_fallback(struct xmpp *x, const struct question *q, uint64_t now_ms);
/* For an answer about to be stored that has more targets than may be asked for now: the tick from which its
 * use is to be told, as the others are asked for then. Else 0. */
uint32_t prefetch_refresh_at(struct xmpp *x, const struct question *q, const struct answer *a);
/* A client got a, an SRV answer: asks for what is lacking of its targets. True when something still is, for
 * want of room. */
bool prefetch_used(struct xmpp *x, const struct question *q, const struct answer *a, uint64_t now_ms);
/* Asks for a target's address that an SRV answer is to carry, also when nobody ever asks for it by name.
 * False when it is not under way. */
bool prefetch_wanted(struct xmpp *x, const struct question *q, const struct question *of, uint64_t now_ms);

/* kin_fetch.c: a domain's subdomains go with it (kin.h). */
void kin_fetch_on_miss(struct xmpp *x, const struct question *q, uint64_t now_ms);
/* q is in use: so are they, and they are renewed. */
void kin_fetch_in_use(struct xmpp *x, const struct question *q, uint64_t now_ms);
/* A client is the first to get what had been asked ahead. */
void kin_fetch_used(struct xmpp *x, const struct question *q, uint64_t now_ms);

/* What one expansion of an answer came to. */
struct expansion {
  unsigned added;
  bool is_authentic; /* the SRV answer: then its addresses must be, too, or they are left out */
  bool renewing;     /* an address has expired and is being renewed */
  bool postponed;    /* more may be asked only when a client uses it again */
  uint64_t lacking;  /* bits 2 i and 2 i + 1: the cache has no answer to A and AAAA of target i */
};

/* expand.c: SRV answers with addresses. */
void expand_before_store(struct xmpp *x, const struct question *q, struct answer *a, uint32_t *refresh_at,
                         size_t *spare, uint64_t now_ms);
/* `used`: by a client's new question; else those get it who have been waiting for it. */
bool expand_on_due(struct xmpp *x, const struct question *q, bool used, uint64_t now_ms);
bool expand_is_wanted(const struct xmpp *x, const struct question *q); /* is q's answer to carry addresses? */
/* Makes x->made: the answer's own records, then its targets' addresses in the order in which programs try
 * them. False when there are no targets. */
bool expand_make(struct xmpp *x, const struct question *q, const struct answer *a, bool used, uint64_t now_ms,
                 struct expansion *out);
/* Asks for what `of` lacks. Adds what is under way to what is awaited; what is over was of no use, so that it
 * is not asked once more. */
void expand_ask_lacking(struct xmpp *x, const struct expansion *out, const struct question *of,
                        uint64_t now_ms, struct awaited_addresses *a);

/* expand_wait.c: they are held back for those addresses. Returns for how long, in ms. */
uint32_t expand_on_done(struct xmpp *x, const struct question *q, const struct answer *a,
                        enum forward_waiters waiters, uint64_t now_ms);
void expand_wait_end(struct xmpp *x, const struct question *q); /* q's answer goes out now */

/* renew.c: names in steady use are asked again before they expire. */
uint32_t renew_refresh_at(
    const struct answer *a); /* the tick from which a use of this answer says "in use" */
void renew_used(struct xmpp *x, const struct question *q, uint64_t now_ms);
/* q was renewed, and a client has used it since. */
void renew_steady(struct xmpp *x, const struct question *q, uint64_t now_ms);
/* q, an address, goes with another answer in use: it is renewed, too. True when it was not under way already.
 */
bool renew_wanted(struct xmpp *x, const struct question *q, uint64_t now_ms);
void renew_close(struct xmpp *x);

/* revive.c: after a restart. */
void revive_close(struct xmpp *x);
#endif
