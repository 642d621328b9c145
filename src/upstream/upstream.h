/* The set of servers to ask, and which of them is next. */
#ifndef JIDNS_UPSTREAM_UPSTREAM_H
#define JIDNS_UPSTREAM_UPSTREAM_H
#include "base/list.h"
#include "upstream/ns.h"

enum { UPSTREAM_SERVERS = 8 };

enum {
  HEDGE_PRICE = 20, /* questions for one that is asked of a second server early: 5 % more at most */
  HEDGE_SAVED = 10  /* such that may be saved up for a bad moment */
};

enum upstream_policy {
  UPSTREAM_FASTEST, /* the one with the least smoothed RTT */
  UPSTREAM_ORDER,   /* the first of the list */
  UPSTREAM_SPREAD   /* in turn */
};

/* Servers that are as good as each other for some names. Held by those who use it: a set that the settings no
 * longer name goes on answering what it was asked. */
struct upstream {
  struct list link; /* among all sets of one worker */
  unsigned users;
  enum upstream_policy policy;
  unsigned next; /* UPSTREAM_SPREAD: who stands first now */
  unsigned
      hedges; /* saved up: each question adds one, one asked of a second server early takes HEDGE_PRICE */
  unsigned count;
  struct nameserver servers[UPSTREAM_SERVERS];
};

/* An empty set with one user, the caller, linked into `all`. NULL when memory is out. */
struct upstream *upstream_new(struct list *all, enum upstream_policy policy);
/* the same in memory of the caller's, in no list */
void upstream_init(struct upstream *u, enum upstream_policy policy);
struct upstream *upstream_hold(struct upstream *u);
void upstream_release(struct upstream *u); /* the last one closes and frees it; NULL is fine */

/* A server and its channels, by transport (NULL: it is never asked so), which are taken over. False when
 * there are UPSTREAM_SERVERS already. */
bool upstream_add(struct upstream *u, const struct ns_address *address,
                  struct channel *const channels[TRANSPORTS]);
void upstream_close(struct upstream *u); /* closes all channels */
void upstream_flush(struct upstream *u, uint64_t now_ms);

/* What is known of a server that both have, such as its RTT and cookie, goes over to `to`. */
void upstream_inherit(struct upstream *to, const struct upstream *from);

/* The best server whose bit is not in `tried`: up before in doubt (its last try got no reply) before down,
 * then by the policy, for UPSTREAM_FASTEST unknown ones first. NULL when all are tried. */
struct nameserver *upstream_pick(struct upstream *u, unsigned tried);

/* A server that is in doubt, or is down and may be tried again now: it gets this one question beside the
 * healthy server's. NULL if none. */
struct nameserver *upstream_probe(struct upstream *u, uint64_t now_ms);

/* All servers are down: what is known should be used before them. */
bool upstream_is_failing(const struct upstream *u);

static inline unsigned upstream_bit(const struct upstream *u, const struct nameserver *s) {
  return 1u << (unsigned)(s - u->servers);
}

/* A question was put to one server of the set for the first time; one that was late was put to a second. */
void upstream_note_asked(struct upstream *u);
void upstream_note_hedged(struct upstream *u);
/* May another server be asked when this one is late (ns_late_ms), before its RTO is over? There must be
 * one that is up, and not more than one in HEDGE_PRICE questions may cost twice. */
bool upstream_may_hedge(const struct upstream *u, const struct nameserver *asked);

/* Servers (bits) that a new question of this type is not to be put to, as the type rests there. None when it
 * does at all of them, but for where that is sure: each left the last names in vain. */
unsigned upstream_resting(struct upstream *u, uint16_t type, uint64_t now_ms);
void upstream_forget_unanswered(struct upstream *u); /* all types are asked for at once */
/* it rests, or is tried again, at all servers */
bool upstream_leaves_unanswered(const struct upstream *u, uint16_t type);

#endif
