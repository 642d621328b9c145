/* A server that is asked: how fast and how well it is, and what it was found able to do. */
#ifndef JIDNS_UPSTREAM_NS_H
#define JIDNS_UPSTREAM_NS_H
#include "base/addr.h"
#include "base/err.h"
#include "base/latency.h"
#include "crypto/expect.h"
#include "dns/transport.h"
#include "upstream/capability.h"
#include "upstream/channel.h"
#include "upstream/unanswered.h"

enum { NS_PATH = 128 }; /* octets of the path of a server over HTTPS, with its NUL */

enum {
  RTO_UNKNOWN_MS = 250,    /* before anything is known of a server */
  RTO_SPREAD_MIN_MS = 100, /* added to the smoothed RTT at least: a little jitter must not double the load */
  RTO_MAX_MS =
      400, /* two tries fit into the 1 s that the most impatient client has, unless the server is far away: */
  RTO_FAR_MAX_MS =
      1600, /* one over a satellite or two answers in its own time and is not asked twice for each question */
  HEDGE_MIN_MS = 10, /* beyond the usual: a little jitter is no sign */
  TCP_LATE_MAX = 3,  /* then nobody waits for its TCP any more; it is still asked, and an answer ends that */
  DOWN_AFTER = 3,    /* tries in a row without a reply make a server down, */
  DOWN_SILENT_MS = 500, /* unless one came so lately: many questions at once may wait for one lost moment */
  DOWN_FIRST_MS = 250,  /* until a down server is tried again beside a healthy one; doubled each time */
  DOWN_MAX_MS = 1000    /* so that its return is noticed within a second */
};

enum {
  COOKIE_RENEW_MS = 86400000, /* RFC 7873 section 7.1: a day, 26 hours at most */
  COOKIE_REST_MS =
      300000 /* RFC 9018 section 3: a server without cookies is shown none for so long, and then another */
};

/* Encrypted ways to a plain server that are looked for. */
enum ns_ways {
  NS_WAYS_TOLD = 1,    /* those that it tells of, if they prove that they are its own (RFC 9462) */
  NS_WAYS_UNPROVEN = 2 /* TLS at its own address, whoever answers there (RFC 7858 section 4.1) */
};

/* Who is to be asked, and how: all that a setting says of a server. */
struct ns_address {
  union addr addr;
  enum transport transport;  /* as the setting has it; with UDP comes TCP, for what does not fit */
  struct tls_expect expect;  /* of an encrypted one: who it has to be */
  struct tls_context *trust; /* ... and by whose word; borrowed. Of a plain one with such ways also */
  unsigned ways;             /* of a plain one: bits of enum ns_ways */
  char path[NS_PATH];        /* of one over HTTPS: "/dns-query" */
};

bool ns_address_equal(const struct ns_address *a, const struct ns_address *b);

enum way_state {
  WAY_NONE,     /* none is known */
  WAY_UNPROVEN, /* it has to show first that questions are answered over it */
  WAY_PROVEN    /* questions go over it */
};

enum { WAY_LOST_AFTER = 3 }; /* questions in a row without a reply */

/* An encrypted way to a plain server. */
struct ns_way {
  enum way_state state;
  enum transport transport; /* its channel's */
  union addr addr;
  enum tls_proof proof;  /* that its certificate has to give */
  uint64_t since_ms;     /* when it was proven */
  unsigned silent;       /* questions in a row that got no reply */
  struct channel *tried; /* borrowed: of one that is put to the proof, perhaps beside this; NULL: none is */
  struct channel *left;  /* owned: of one that another has the place of; questions wait on it; NULL: none */
  /* It is not proven any more; of who looks after it. */
  void (*lost)(struct ns_way *way, uint64_t now_ms);
  void *keeper;
};

struct nameserver {
  struct ns_address address;
  struct ns_way way;
  struct channel *channels[TRANSPORTS]; /* owned; one for each transport that it is asked over */
  uint32_t srtt_x8_ms, rttvar_x4_ms;    /* as in RFC 6298, scaled; srtt 0 = unknown */
  unsigned timeouts;                    /* questions in a row that got no reply */
  uint64_t timeout_hash;                /* hash of the last of them */
  bool probed;                          /* it is being asked whether it is there */
  uint64_t heard_ms;                    /* when its last reply came */
  uint64_t asked, replies;              /* questions sent to it, retries included; replies to them */
  struct latency rtt;                   /* how long these took */
  uint64_t down_until_ms;               /* 0 = up; else when it may be tried again */
  uint32_t down_for_ms;
  bool speaks_edns;                             /* an answer had OPT */
  struct capability capabilities[CAPABILITIES]; /* what it was found able to do */
  unsigned tcp_late; /* times in a row that its TCP did not bring in time what was truncated over UDP */
  struct unanswered unanswered; /* types that it leaves unanswered */
  unsigned logged;              /* bits of enum capability_why that the log had */
  struct server_cookie cookie;
};

/* It is asked over address.transport alone, never in plain. */
static inline bool ns_is_encrypted(const struct nameserver *s) {
  return transport_is_encrypted(s->address.transport);
}

static inline bool ns_has_way(const struct nameserver *s) { return s->way.state == WAY_PROVEN; }

/* How a question over its way that was sent then ended: with a reply, with a failure (what is not the
 * server's, such as want of memory, changes nothing), or not within its RTO. After a failure, or
 * WAY_LOST_AFTER silences, it has to be proven anew. A question sent over the way before says nothing of this
 * one. */
void ns_way_replied(struct nameserver *s);
void ns_way_failed(struct nameserver *s, enum err why, uint64_t sent_ms, uint64_t now_ms);
void ns_way_was_silent(struct nameserver *s, uint64_t sent_ms, uint64_t now_ms);

void ns_close(struct nameserver *s); /* closes its channels */
/* theirs, and of a way that is put to the proof; closes the one that was left when nothing waits on it */
void ns_flush(struct nameserver *s, uint64_t now_ms);
/* Takes over what is known of it, such as its RTT and cookie, but no channel. */
void ns_inherit(struct nameserver *s, const struct nameserver *known);

/* How long to wait for it before asking elsewhere; and after how long it is later than it usually is. */
uint32_t ns_rto_ms(const struct nameserver *s);
uint32_t ns_rto_max_ms(const struct nameserver *s); /* the most that the former ever is */
uint32_t ns_late_ms(const struct nameserver *s);
/* How long a connection to it takes to be made beside that: two round trips, TCP's and TLS's. */
uint32_t ns_connect_ms(const struct nameserver *s);
/* any reply at all over its first transport */
void ns_replied(struct nameserver *s, uint64_t rtt_ms, uint64_t now_ms);
/* the same over another, or with the time that a connection took: how long it takes says nothing of the first
 */
void ns_answers(struct nameserver *s, uint64_t now_ms);
void ns_was_silent(struct nameserver *s, uint64_t now_ms); /* an RTO went by */
/* The same for the question of this hash: says nothing of the server when it has replied to another since it
 * was first asked (sent_ms), or when that question's silence was counted just before. */
void ns_left_unanswered(struct nameserver *s, uint64_t hash, uint64_t sent_ms, uint64_t now_ms);
/* port closed, network unreachable: down at once */
void ns_refused(struct nameserver *s, uint64_t now_ms);
/* its connection or its proof failed: the same; what is not its fault, such as want of memory, changes
 * nothing */
void ns_failed(struct nameserver *s, enum err why, uint64_t now_ms);

/* It left a question of this type unanswered (unanswered_note), or answered one; the log says when the type's
 * rest begins and ends. */
void ns_left_type(struct nameserver *s, uint16_t type, uint64_t domain, bool in_vain, uint64_t now_ms);
void ns_answered_type(struct nameserver *s, uint16_t type);

/* It was found unable to do it: rests, and the log says so once for each server and cause. */
void ns_lacks(struct nameserver *s, enum capability_kind of, enum capability_why why, uint64_t now_ms);

/* The cookie that it is to be shown now, a new one if need be; NULL: none. */
struct server_cookie *ns_cookie(struct nameserver *s, uint64_t now_ms);
#endif
