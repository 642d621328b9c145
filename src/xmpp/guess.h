/* Guesses which hosts a domain's SRV records will name, from those that other domains' lately named: of real
 * XMPP domains one in four has its servers at xmpp.DOMAIN, and where one hoster serves most of an operator's
 * contacts, its host is a good guess, too. A guess is nothing but a reason to ask for a host's addresses
 * while the SRV question is still under way; no answer is ever made of one.
 *
 * What is learnt: the label that stands between a domain and its best target, or the target's whole name
 * where it lies elsewhere, and the share of recent domains that had it. It fades as others come. A host is
 * guessed when its share is large enough twice over: of the domains that were learnt from, where those with
 * their last two labels in common count once for a while (whoever owns one domain and makes up names below it
 * teaches no more than its one), and of the contacts that guesses were made for, where each counts (whoever
 * asks for what does not exist ends the guessing, until it would pay again). And it is paid for: wasted
 * guesses cost no more than GUESS_SPEND a contact on average, whatever happens. */
#ifndef JIDNS_XMPP_GUESS_H
#define JIDNS_XMPP_GUESS_H
#include <pthread.h>

#include "cache/cache.h"
#include "xmpp/family.h"

enum {
  GUESS_SHARE = 10,      /* per cent of the domains that must have a host before it is guessed */
  GUESS_AFTER = 16,      /* domains' weight, before anything is: about as many domains */
  GUESS_MEMORY = 128,    /* domains: after so many one counts a little more than a third */
  GUESS_CANDIDATES = 32, /* that are counted at a time */
  GUESS_MAX = 2,         /* hosts guessed for one domain */
  GUESS_SPEND = 2,       /* wasted upstream questions a contact, on average */
  GUESS_SAVED_MOST = 8,  /* such questions that contacts which wasted less leave to later ones */
  GUESS_RECENT = 64,     /* domains that do not count again */
  GUESS_OPEN = 256       /* contacts whose SRV answer is awaited; one more takes another's place */
};

/* A host that may be guessed, and how often it would have been right; weights fade. */
struct guess_candidate {
  uint32_t of_domains, of_contacts;
  bool below;                 /* its name is but the label before the domain */
  uint8_t len;                /* 0: not in use */
  uint8_t name[NAME_MAX_LEN]; /* in lower case */
};

/* Somebody waits for a domain's SRV records. */
struct guess_contact {
  uint64_t id;               /* hash of domain and role; 0: none */
  uint64_t hosts[GUESS_MAX]; /* hashes of what was asked for, */
  uint8_t asked[GUESS_MAX];  /* with so many questions */
  uint8_t count;
};

/* Shared by all workers of the daemon: any thread may call what is below. */
struct guesses {
  pthread_mutex_t mutex;
  uint64_t seed;
  uint32_t domains, contacts; /* the weight of all */
  uint32_t credit;            /* questions that may be wasted now */
  struct guess_candidate candidates[GUESS_CANDIDATES];
  uint64_t recent[GUESS_RECENT]; /* hashes; the oldest is overwritten first */
  unsigned next_recent;
  struct guess_contact open[GUESS_OPEN]; /* by id */
};

/* What became of guesses: each host that was asked for is told once. */
struct guess_outcome {
  unsigned used, wasted;
};

/* seed: of hashes, not to be guessed from outside. */
void guess_init(struct guesses *g, uint64_t seed);

/* Somebody waits for the SRV records of a domain about which nothing is known. Fills `out` with the hosts to
 * ask for, as targets without a port, the likeliest first, and returns how many: none while another waits for
 * the same. *lost: what is given up to remember this contact. */
unsigned guess_begin(struct guesses *g, const struct family *f, struct srv out[GUESS_MAX],
                     struct guess_outcome *lost);

/* One of these hosts was asked for, with so many questions: to be told of each, also of none, as what was put
 * aside for it is given back. False: the contact is forgotten already. */
bool guess_asked(struct guesses *g, const struct family *f, const struct srv *host, unsigned questions);

/* The SRV question has the n targets for its answer; or it failed, which teaches nothing. */
struct guess_outcome guess_answered(struct guesses *g, const struct family *f, const struct srv *targets,
                                    unsigned n);
struct guess_outcome guess_failed(struct guesses *g, const struct family *f);

/* Learns from all that the cache has, after a restart. Takes its time; ends early when *stop (cache.h)
 * becomes true. */
void guess_learn_cache(struct guesses *g, struct cache *c, const bool *stop);
#endif
