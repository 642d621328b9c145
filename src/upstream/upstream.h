/* The set of servers to ask: how fast and how well each is, and which is next. */
#ifndef JIDNS_UPSTREAM_UPSTREAM_H
#define JIDNS_UPSTREAM_UPSTREAM_H
#include "base/addr.h"
#include "base/latency.h"
#include "base/list.h"
#include "upstream/channel.h"
#include "upstream/habits.h"
#include "upstream/mutes.h"

enum { UPSTREAM_SERVERS = 8 };

enum {
  RTO_UNKNOWN_MS = 250, /* before anything is known of a server */
  RTO_LEAST_MS = 100,   /* added to the smoothed RTT at least: a little jitter must not double the load */
  RTO_MOST_MS =
      400, /* two tries fit into the 1 s that the most impatient client has, unless the server is far away: */
  RTO_FAR_MS =
      1600, /* one over a satellite or two answers in its own time and is not asked twice for each question */
  HEDGE_PRICE = 20,    /* questions for one that is asked of a second server early: 5 % more at most */
  HEDGE_SAVED = 10,    /* such that may be saved up for a bad moment */
  HEDGE_LEAST_MS = 10, /* beyond the usual: a little jitter is no sign */
  TCP_LATE_MAX = 3, /* then nobody waits for its TCP any more; it is still asked, and an answer ends that */
  DOWN_AFTER = 3,   /* tries in a row without a reply make a server down, */
  DOWN_SILENT_MS = 500, /* unless one came so lately: many questions at once may wait for one lost moment */
  DOWN_FIRST_MS = 250,  /* until a down server is tried again beside a healthy one; doubled each time */
  DOWN_MOST_MS = 1000   /* so that its return is noticed within a second */
};

enum {
  COOKIE_RENEW_MS = 86400000, /* RFC 7873 section 7.1: a day, 26 hours at most */
  COOKIE_REST_MS =
      300000 /* RFC 9018 section 3: a server without cookies is shown none for so long, and then another */
};

struct nameserver {
  union addr addr;
  struct channel *udp, *tcp;         /* owned */
  uint32_t srtt_x8_ms, rttvar_x4_ms; /* as in RFC 6298, scaled; srtt 0 = unknown */
  unsigned silent;                   /* questions in a row that got no reply */
  uint64_t silent_to;                /* hash of the last of them */
  bool probed;                       /* it is being asked whether it is there */
  uint64_t heard_ms;                 /* when its last reply came */
  uint64_t asked, replies;           /* questions sent to it, retries included; replies to them */
  struct latency rtt;                /* how long these took */
  uint64_t down_until_ms;            /* 0 = up; else when it may be tried again */
  uint32_t down_for_ms;
  bool speaks_edns;            /* an answer had OPT */
  struct habit habits[HABITS]; /* what it was found to bear */
  unsigned tcp_late;  /* times in a row that its TCP did not bring in time what was truncated over UDP */
  struct mutes mutes; /* types that it leaves unanswered */
  unsigned told;      /* bits of enum habit_why that the log had */
  struct server_cookie cookie;
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
  unsigned turn; /* UPSTREAM_SPREAD: who was asked last */
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

/* Takes the carriers over. False when there are UPSTREAM_SERVERS already. */
bool upstream_add(struct upstream *u, const union addr *addr, struct channel *udp, struct channel *tcp);
void upstream_close(struct upstream *u); /* closes all carriers */
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
void upstream_forget_mutes(struct upstream *u); /* all types are asked for at once */
/* it rests, or is tried again, at all servers */
bool upstream_is_mute_to(const struct upstream *u, uint16_t type);

/* How long to wait for it before asking elsewhere; and after how long it is later than it usually is. */
uint32_t ns_rto_ms(const struct nameserver *s);
uint32_t ns_rto_max_ms(const struct nameserver *s); /* the most that the former ever is */
uint32_t ns_late_ms(const struct nameserver *s);
void ns_replied(struct nameserver *s, uint64_t rtt_ms, uint64_t now_ms); /* any reply at all over UDP */
/* the same over TCP: how long it takes says nothing of UDP */
void ns_answers(struct nameserver *s, uint64_t now_ms);
void ns_was_silent(struct nameserver *s, uint64_t now_ms); /* an RTO went by */
/* The same for the question of this hash: says nothing of the server when it has replied to another since it
 * was first asked (sent_ms), or when that question's silence was counted just before. */
void ns_left_unanswered(struct nameserver *s, uint64_t hash, uint64_t sent_ms, uint64_t now_ms);
/* port closed, network unreachable: down at once */
void ns_refused(struct nameserver *s, uint64_t now_ms);

/* It left a question of this type unanswered (mutes_note), or answered one; the log says when the type's rest
 * begins and ends. */
void ns_left_type(struct nameserver *s, uint16_t type, uint64_t domain, bool in_vain, uint64_t now_ms);
void ns_answered_type(struct nameserver *s, uint16_t type);

/* It was found not to bear it: rests, and the log says so once for each server and cause. */
void ns_lacks(struct nameserver *s, enum habit_of of, enum habit_why why, uint64_t now_ms);

/* The cookie that it is to be shown now, a new one if need be; NULL: none. */
struct server_cookie *ns_cookie(struct nameserver *s, uint64_t now_ms);
#endif
