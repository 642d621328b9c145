/* A resolver for fuzzing: cache, forwarder and XMPP room behind serve_query, and one server that replies when
 * and what the target says. No socket, no clock; what is random elsewhere is the same each time here. */
#ifndef JIDNS_FUZZ_RESOLVER_H
#define JIDNS_FUZZ_RESOLVER_H
#include "kit/made.h"
#include "kit/seen.h"
#include "server/serve.h"
#include "xmpp/xmpp.h"

enum { RESOLVER_START_MS = 1000000000, RESOLVER_STALE_S = 86400, RESOLVER_QUESTIONS = 16 };

struct resolver_options {
  struct xmpp_policy xmpp;
  bool nxdomain_cut, trust_ad, cookies, case_random;
};

struct resolver_channel {
  struct channel channel;
  struct resolver *resolver;
};

struct resolver {
  struct counters counters;
  struct cache *cache;
  struct timers timers;
  struct random random;
  struct upstream upstream;
  struct routes routes;
  struct resolver_channel udp, tcp;
  struct list asked;                             /* exchanges that wait for a reply, oldest first */
  struct question questions[RESOLVER_QUESTIONS]; /* what the server was asked first */
  unsigned question_count;
  uint16_t next_id;
  bool link_is_down; /* nothing can be asked */
  struct forward *forward;
  struct xmpp *xmpp;
  struct xmpp_budget budget;
  struct guesses guesses;
  struct query_service serve;
};

struct resolver *resolver_new(const struct resolver_options *options);
/* Who still waits hears SERVFAIL. Nothing may be left over, and the counters' sums must hold. */
void resolver_free(struct resolver *r);

/* The exchange that waits for longest; NULL when there is none. */
struct exchange *resolver_first(const struct resolver *r);

/* A packet arrives for that exchange. What is no reply to it changes nothing, as with the real channels. */
void resolver_reply(struct resolver *r, const uint8_t *msg, size_t len, uint64_t now_ms);

/* That exchange ends as if the server's port were closed. */
void resolver_refuse(struct resolver *r, uint64_t now_ms);

/* All exchanges end as if the server's port were closed, until none is left; the server then counts as up
 * again. */
void resolver_refuse_all(struct resolver *r, uint64_t now_ms);

/* Fills a cache with answers of every kind; some of them run out or wear within the hour. */
void warm_up(struct cache *cache);

/* A question that warm_up knows the answer to. */
struct warm {
  const char *name;
  uint16_t type;
  uint8_t key_flags;
};
extern const struct warm warm_questions[];
extern const unsigned warm_count;

/* What every answer owes to every query: its length within what the client takes, id and question given back,
 * bits in order, a whole message, OPT, cookie and TC as they should be. Reads the answer into *s. */
void check_answer(const uint8_t *query, size_t query_len, bool tcp, const uint8_t *msg, size_t len,
                  struct seen *s);
#endif
