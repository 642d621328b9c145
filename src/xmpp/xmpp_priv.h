/* Inside the room: what its files share. */
#ifndef JIDNS_XMPP_XMPP_PRIV_H
#define JIDNS_XMPP_XMPP_PRIV_H
#include "dns/build.h"
#include "xmpp/family.h"
#include "xmpp/xmpp.h"

enum { EXPAND_WAIT_MS = 400, XMPP_SERVER_PORT = 5269 };
enum { AHEAD_PER_S = 5000, ADDRESSES_PER_S = 2 * FAMILY_TARGETS }; /* asked ahead a second, at most: questions; for one
                                                                    * domain's targets */
enum { KNOWN_TARGETS = 4096, DOMAINS = 1024, HELD_MOST = 64, RENEWALS_MOST = 20000, RENEWAL_BUCKETS = 4096 };

/* How many addresses of one domain's targets were asked ahead within a second; domains that meet in one place share. */
struct domain_bound {
  uint32_t second, addresses;
};

/* An SRV answer that waits for addresses (XMPP_EXPAND_WAIT). */
struct held {
  struct question question;
  uint64_t until_ms;
  unsigned missing; /* hashes of the address questions still open */
  uint64_t hashes[2 * FAMILY_TARGETS];
};

struct renewal;

struct xmpp {
  struct xmpp_options o;
  struct forward *forward;
  struct cache *cache;       /* borrowed from forward's options */
  struct timers *timers;
  struct counters *counters;
  uint64_t seed;
  uint64_t bucket_ms;        /* token bucket of what is asked ahead: when it was last filled */
  unsigned tokens;
  uint64_t tlsa_until_ms[4];     /* by DO and CD: until then somebody uses DANE */
  uint64_t jabber_until_ms[4];   /* by DO and CD: until then somebody looks for _jabber._tcp */
  uint32_t known[KNOWN_TARGETS]; /* hashes of names that were SRV targets lately, and of which family (enum known) */
  struct domain_bound domains[DOMAINS]; /* by hash */
  struct held *held;
  unsigned held_count;
  struct renewal **renewals; /* by question hash */
  unsigned renewal_count;
  struct srv targets[FAMILY_TARGETS];
  uint8_t message[DNS_MSG_MAX];      /* scratch of family_targets and record reading */
  struct answer old, found, made;    /* scratch of expansion */
  uint64_t added[UINT8_MAX];         /* hashes of made's additional RRsets, one a record */
};

/* prefetch.c: asks ahead. */
void prefetch_asked(struct xmpp *x, const struct question *q, uint64_t now_ms);
void prefetch_settled(struct xmpp *x, const struct question *q, const struct answer *a, uint64_t now_ms);
/* Asks for a target's address that an SRV answer is to carry, also when nobody ever asks for it by name. False when it is
 * not under way. */
bool prefetch_wanted(struct xmpp *x, const struct question *q, const struct question *of, uint64_t now_ms);

/* expand.c: SRV answers with addresses. */
void expand_amend(struct xmpp *x, const struct question *q, struct answer *a, uint32_t *attend, size_t *spare,
                  uint64_t now_ms);
/* `ahead`: nobody waits for it, so there is nobody to hold. */
uint32_t expand_settled(struct xmpp *x, const struct question *q, const struct answer *a, bool ahead, uint64_t now_ms);
bool expand_worn(struct xmpp *x, const struct question *q, uint64_t now_ms);

/* renew.c: names in steady use are asked again before they expire. */
uint32_t renew_attend(const struct answer *a); /* the tick from which a use of this answer says "in use" */
void renew_used(struct xmpp *x, const struct question *q, uint64_t now_ms);
/* q, an address, goes with another answer in use: it is renewed, too. True when it was not under way already. */
bool renew_wanted(struct xmpp *x, const struct question *q, uint64_t now_ms);
void renew_close(struct xmpp *x);
#endif
