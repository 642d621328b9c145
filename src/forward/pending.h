/* Questions in flight: the first client to ask is the leader, those that ask the same meanwhile follow.
 * Inside forward only. */
#ifndef JIDNS_FORWARD_PENDING_H
#define JIDNS_FORWARD_PENDING_H
#include "forward/forward.h"

/* The steps of a miss, in order: STEP(symbol, function, word for the log). A step's function gets the event
 * that made it run, and returns what the driver does next: go on to p->step at once, wait, or forget the
 * question.
 *
 * FETCH is where there is a fleet alone. A step that waits runs again when all that it asked for with
 * await_ask is there, or at the time it gave to pending_resume_at; PICK and ASK when the next try is due,
 * too. A reply leads to CHECK from wherever the question stands: a step behind it drops the tries that are
 * open before it waits. */
/* clang-format off */
#define PENDING_STEPS(STEP)     \
  STEP(FETCH, fetch_begin, "fetch") \
  STEP(PICK, step_pick, "pick") \
  STEP(ASK, step_ask, "ask")    \
  STEP(CHECK, step_check, "check") \
  STEP(PROVE, prove_step, "prove") \
  STEP(FOLLOW, step_follow, "follow") \
  STEP(STORE, step_store, "store") \
  STEP(REPLY, step_reply, "reply") \
  STEP(HELD, hold_end, "held") \
  STEP(FAIL, step_fail, "fail")
/* clang-format on */

enum pending_step {
#define STEP(sym, fn, word) STEP_##sym,
  PENDING_STEPS(STEP)
#undef STEP
};

enum { PENDING_MAGIC = 0x50454e44 };
#define PENDING_OPEN UINT64_MAX

/* Where a client on another host is counted. */
struct waiter_slot {
  bool counts; /* false: it is this machine's own */
  uint16_t alike, host;
};

struct waiter {
  struct list link;
  struct pending_table *table;
  struct pending *pending;
  struct waiter_slot slot;
  struct waiter *next_alike; /* in the table's list of those that may be the same datagram */
  struct client client;
  uint64_t since_ms;
  struct query_opts query_opts; /* spelled points behind */
  uint8_t spelled[];
};

/* What a question shows beyond itself. */
enum extras { EXTRAS_NONE, EXTRAS_EDNS, EXTRAS_COOKIE /* and EDNS */ };

/* Why a question goes over TCP. */
enum tcp_why {
  TCP_BY_CHOICE, /* UDP would have done as well, had it answered */
  TCP_REQUIRED   /* a reply over UDP asked for it: truncated, spelt otherwise, forged, BADCOOKIE */
};

/* One question to one server; free while x.channel is NULL. */
struct try {
  struct exchange x;
  struct pending *pending;
  struct nameserver *server;
  uint64_t sent_ms;
  enum extras extras;
  enum transport transport;
  enum tcp_why tcp_why; /* over TCP */
  bool timed_out;       /* its server was told off for not answering */
};

/* Mixed case (0x20). A reply that spells the question otherwise is forged, or of a server that does not
 * repeat capitals: TCP tells which.
 *
 *                  such a reply    TCP answers    TCP fails
 *   CASE_AS_ASKED  MISMATCH, TCP   -              -
 *   CASE_MISMATCH  -               MISMATCH (*)   AS_ASKED, UDP (*)
 *
 * (*) the server gets small letters from now on. ERR_FORGED, which also leads to TCP, goes back to AS_ASKED.
 */
enum case_state { CASE_AS_ASKED, CASE_MISMATCH };

/* DNS cookies (RFC 7873 section 5.3): FIRST until a server answers BADCOOKIE, then RENEWED: it is shown the
 * cookie that came with that, once; a second BADCOOKIE leads to a question without one. */
enum cookie_state { COOKIE_FIRST, COOKIE_RENEWED };

/* When another server, or the same one, is asked next.
 *
 *   ON_TIMEOUT  when next_try_ms is there and nobody has answered
 *   HEDGED      the same, but early, as the first server is later than it usually is: that is paid for
 *   EXHAUSTED   never: all were asked as often as they may be, and what is open may yet bring an answer
 *
 * ON_TIMEOUT becomes HEDGED with the first try, and is so again once the hedge is paid or another try goes
 * out. PICK, which finds nobody, makes it EXHAUSTED, until it is asked anew (steps_start_anew). */
enum retry { RETRY_ON_TIMEOUT, RETRY_HEDGED, RETRY_EXHAUSTED };

/* Whether those who wait can be given something stale.
 *
 *   UNTRIED  nobody has waited for so long yet
 *   SERVED   somebody got a stale answer instead of waiting on: whoever asks now gets it at once
 *   MISSING  there is none: its clients wait for their whole patience
 *
 * UNTRIED or SERVED becomes MISSING when the cache has nothing, UNTRIED becomes SERVED when it has. */
enum stale_state { STALE_UNTRIED, STALE_SERVED, STALE_MISSING };

/* The answer that its steps make: NONE until a reply is found good (CHECK); then AT_WORK in forward's work
 * space while its steps run, and ASIDE, in memory of its own and as small as it can be, while it waits. */
enum draft_state { DRAFT_NONE, DRAFT_AT_WORK, DRAFT_ASIDE };

/* Who gave the answer that its steps make. */
enum answer_source { ANSWER_OF_SERVER, ANSWER_OF_FLEET, ANSWER_OF_SEVERAL };

/* What is wrong with an answer that others had a part in; bits. */
enum flaw { FLAW_STALE = 1 /* a part had expired */, FLAW_CUT = 2 /* a part is not whole */ };

/* What servers (bits) did with this question, kept until an answer shows how much less they can do with. */
struct evidence {
  /* they failed what had a cookie; understood nothing, or failed, what had EDNS */
  unsigned cookie, edns, edns_silently;
  unsigned closed;          /* their UDP port */
  unsigned unsigned_answer; /* lacked signatures, or proofs, that should be there */
  enum capability_why cookie_why;
};

/* A truncated reply, kept for when TCP brings no better one. */
struct partial {
  uint64_t due_ms; /* then its clients get what is in it */
  uint32_t tick;   /* when it came */
  size_t len;
  uint8_t octets[];
};

/* An answer put aside: the places of its TTLs, then its body. */
struct draft {
  struct answer_head head;
  uint32_t ttl_s;
  uint8_t octets[];
};

struct pending {
  uint32_t magic;
  struct forward *forward;
  struct pending *next; /* in the table's bucket */
  struct question question;
  struct upstream *upstream; /* held: who is asked */
  struct list waiters;       /* struct waiter, oldest first */
  unsigned strangers;        /* those of them that are on other hosts: WAITERS_QUESTION_MAX at most */
  struct timer timer;
  struct try tries[FORWARD_TRIES];
  struct nameserver *server; /* picked, to be asked next */
  enum transport transport;  /* and how, as in struct try */
  enum tcp_why tcp_why;
  enum extras extras; /* at most */
  struct evidence evidence;
  unsigned resting; /* bits of servers that do not answer its type, and so are not asked */
  unsigned failed;  /* bits of servers that answered with an error */
  unsigned asked;   /* tries so far */
  uint8_t asked_over[TRANSPORTS][UPSTREAM_SERVERS]; /* of them by server */
  enum case_state case_state;
  enum cookie_state cookie_state;
  enum retry retry;
  bool notified; /* since the last try somebody was told that it failed: the next is to wait */
  enum pending_step step;
  struct fleet_fetch fetch;    /* question NULL: the fleet was not asked */
  bool fetch_looks;            /* for the last time: then a server is asked as well */
  bool fetch_awaited;          /* another member asks a server for it */
  enum answer_source source;   /* once there is an answer */
  struct list awaited;         /* struct awaited: questions that it waits for */
  enum prove_mode prove;       /* what is to become of its answer */
  struct judged_answer *proof; /* owned: its judgement, if that is under way (prove.c) */
  uint8_t bogus;               /* answers so far that were, */
  enum err bogus_why;          /* and why the last of them was that could be judged; ERR_NONE: none */
  uint8_t proof_questions;     /* that its judgement led to */
  enum draft_state draft;
  struct draft *aside; /* owned; NULL unless DRAFT_ASIDE */
  unsigned flaws;      /* enum flaw, of its answer */
  uint8_t links;       /* as its first client's */
  enum err last;       /* how the last try failed */
  uint64_t started_ms, next_try_ms;
  uint64_t resume_ms;   /* when the step that waits runs again; PENDING_OPEN: when something comes, and its
                         * clients may lose patience before */
  uint32_t patience_ms; /* its clients' */
  uint32_t usual_ms;    /* its first server's answer is late after this, STALE_PATIENCE_MAX_MS at most */
  bool prefetch;        /* no client has asked for it yet */
  enum cache_origin origin; /* ... and what for it was asked then */
  bool stored;              /* the cache has taken its answer */
  enum stale_state stale;
  struct partial *partial; /* NULL: there is none */
};

/* Are its servers being asked? Else it waits for something else, or is over. */
static inline bool pending_asks(const struct pending *p) { return p->step < STEP_PROVE; }

struct pending_table {
  struct pending **buckets;
  unsigned count;
  unsigned prefetches; /* of them */
  unsigned waiting;    /* clients, of all questions */
  /* Clients on other hosts: WAITERS_ALIKE_BUCKETS lists by question, host, port and id; WAITERS_HOST_BUCKETS
   * counts by question and host. Those that fall into one bucket share it. */
  struct waiter **alike;
  uint16_t *hosts;
};

/* How many clients may wait at a time. What one answer sets off at once must not be much more than what came
 * in. */
enum {
  WAITERS_MAX = 30000,         /* of all questions; a quarter is kept for this machine's own programs */
  WAITERS_QUESTION_MAX = 1000, /* of one question, on other hosts */
  WAITERS_HOST_MAX = 200,      /* of those on one host: an IPv4 address or 64 bits of IPv6 */
  WAITERS_ALIKE_BUCKETS = 8192,
  WAITERS_HOST_BUCKETS = 16384
};

/* May one more client wait for p? ERR_NONE; ERR_OVERLOAD; ERR_AGAIN: it does already, and has sent the same
 * datagram once more, to which the same answer fits. Takes the same time however many wait. */
enum err pending_may_join(const struct pending_table *t, const struct pending *p, const struct query *q,
                          const struct client *client);

enum { PENDING_BUCKETS = 4096 };

bool pending_table_init(struct pending_table *t); /* false: no memory */
void pending_table_close(struct pending_table *t);
struct pending *pending_find(const struct pending_table *t, const struct question *q);
/* linked in; NULL: no memory */
struct pending *pending_new(struct pending_table *t, const struct question *q, bool prefetch);
void pending_free(struct pending_table *t, struct pending *p); /* no waiters, no tries, no timer left */

/* Appends a waiter; false when memory is out. */
bool pending_join(struct pending_table *t, struct pending *p, const struct query *q,
                  const struct client *client, uint64_t now_ms);
void pending_leave(struct waiter *w);                  /* it is answered: out of all lists, and freed */
struct waiter *pending_first(const struct pending *p); /* NULL if nobody waits */
bool pending_has_open_try(const struct pending *p);
void pending_drop_tries(struct pending *p);

/* Keeps a copy of a truncated reply in place of a shorter one; due_ms counts only if there was none. Without
 * memory nothing is kept. */
void pending_keep_part(struct pending *p, const uint8_t *msg, size_t len, uint32_t tick, uint64_t due_ms);
void pending_drop_part(struct pending *p);

/* p waits, and the step it is at runs again at that time; 0: as soon as the timers are looked at. Its clients
 * don't lose patience before: the step looks after them. */
void pending_resume_at(struct pending *p, uint64_t at_ms);

/* Puts p's answer aside, out of forward's work space, if there is one at work: false when memory is out. And
 * gets it back, if it is aside. */
bool pending_put_aside(struct pending *p);
void pending_take_up(struct pending *p);
void pending_drop_draft(struct pending *p); /* it is of no use any more */
#endif
