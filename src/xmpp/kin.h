/* Which subdomains of an XMPP domain are asked for after it: who reaches D often goes on to conference.D,
 * upload.D or pubsub.D. When D comes back after its TTL, they are asked for together with it. What is learnt
 * is nothing but a reason to ask; no answer is ever made of it.
 *
 * A subdomain is learnt when a client asks for its SRV record within KIN_WINDOW_S of D's, for the same side
 * (clients' or servers' services). What the cache answers is not noted, but for the first use of an answer:
 * the time runs from D's last question that went to a server, or was the first one for an answer renewed or
 * asked for ahead.
 *
 * Each use makes it weigh more; each time that it is asked for ahead, less, which the next use makes good.
 * What weighs nothing is no longer renewed with D, only asked for when D comes back.
 *
 * Memory: KIN_RECENT places of 16 octets and KIN_DOMAINS of 184, 204 KB in all, once for the daemon, from the
 * first SRV question of an XMPP service on. However many domains and subdomains are made up, it is no more:
 * they take the places of those that nobody has asked for since they were learnt, then of those asked for
 * longest ago. */
#ifndef JIDNS_XMPP_KIN_H
#define JIDNS_XMPP_KIN_H
#include <pthread.h>

#include "cache/cache.h"
#include "xmpp/family.h"

enum {
  KIN_WINDOW_S = 300, /* after the domain */
  KIN_RECENT = 1024,  /* domains asked for lately */
  KIN_DOMAINS = 1024, /* that have any */
  KIN_WAYS = 4,       /* places where one may stand */
  KIN_EACH = 6,       /* subdomains of one */
  KIN_LABEL_MAX = 23, /* octets; those with a longer label are not learnt */
  KIN_WEIGHT_NEW = 3, /* so often it may be asked for ahead, and nobody wants it; */
  KIN_WEIGHT_MAX = 7  /* at most */
};

/* What was asked of a subdomain. */
enum { KIN_SRV = 1, KIN_SRV_TLS = 2, KIN_ADDRESSES = 4 };

struct kin_member {
  uint8_t label[1 + KIN_LABEL_MAX]; /* its length before it, in lower case; length 0: not in use */
  uint8_t asked;                    /* KIN_* */
  uint8_t weight;
  bool made; /* asked for ahead, and nobody has wanted it yet */
};

struct kin_domain {
  uint64_t hash;    /* of domain and side; 0: not in use */
  uint32_t asked_s; /* when it was asked for last */
  bool proven;      /* some of what was asked for ahead was used */
  struct kin_member members[KIN_EACH];
};

struct kin_recent {
  uint64_t hash;
  uint64_t asked_s;
};

struct kin_table {
  struct kin_recent recent[KIN_RECENT];
  struct kin_domain domains[KIN_DOMAINS];
};

/* What became of those that were asked for ahead: each is told once. */
struct kin_outcome {
  unsigned used, wasted;
};

/* Shared by all workers, as each may get any of a client's questions: any thread may call what is below. */
struct kin {
  pthread_mutex_t mutex;
  uint64_t seed;
  struct kin_table *table; /* NULL: nothing is learnt yet, or there was no memory */
};

/* seed: of questions' hashes, the cache's. */
void kin_init(struct kin *k, uint64_t seed);
void kin_close(struct kin *k);

/* A client asked for the service f: the domain is remembered, or learnt as a subdomain. If that had been
 * asked for ahead it is used; what it takes the place of is wasted. */
struct kin_outcome kin_note_service(struct kin *k, const struct family *f, uint64_t now_ms);

/* A client asked for an address of a name, in lower case: if that is a subdomain which was learnt, its
 * addresses belong to it. */
void kin_note_address(struct kin *k, const uint8_t *name, size_t len);

/* Copies the subdomains of f's domain, those of most use first. Returns how many. */
unsigned kin_list(struct kin *k, const struct family *f, struct kin_member out[KIN_EACH]);

/* A service of this one of them was asked for ahead: it weighs less. What was before is wasted if nobody has
 * wanted it since. */
struct kin_outcome kin_note_made(struct kin *k, const struct family *f, const struct kin_member *m);

/* Learns from what the cache holds after a restart: subdomains that somebody asked for, of domains that
 * somebody asked for. Takes its time; ends early when *stop (cache.h) becomes true. */
void kin_learn_cache(struct kin *k, struct cache *c, uint64_t now_ms, const bool *stop);
#endif
