/* A resolver in virtual time: the real cache, forwarder and XMPP module behind serve_query, in the daemon's
 * own wiring, clients and upstream by script, a clock that moves only when the test says so. No socket, no
 * sleep, no libuv. */
#ifndef JIDNS_SCENARIO_KIT_H
#define JIDNS_SCENARIO_KIT_H
#include "daemon/wiring.h"
#include "forward/stale_log.h"
#include "kit/seen.h"
#include "scenario/engine.h"
#include "scenario/script.h"

enum { WORLD_START_MS = 1000000, WORLD_DELAY_MS = 40 };

/* All zero: one server, replies after WORLD_DELAY_MS, nothing stale, nothing asked ahead, nothing
 * expanded. */
struct world_options {
  unsigned servers;
  unsigned encrypted; /* bits of those that are asked over TLS */
  enum upstream_policy order;
  bool no_server;
  uint32_t delay_ms;
  struct xmpp_budget *budget;   /* shared with other worlds; NULL: its own */
  struct engine_script *engine; /* of its fleet, shared with other worlds; NULL: it is in none */
  struct engine_manner fleet;
  struct proving proving; /* borrowed; all zero: nothing is */
  struct forward_policy forward;
  struct serve_policy serve;
  struct xmpp_policy xmpp;
};

struct world {
  uint64_t now_ms;
  struct zone zone;
  struct script script;
  struct counters counters;
  struct latency waited;
  struct cache *cache;
  struct timers timers;
  struct random random;
  struct upstream upstream;
  struct wiring_tables tables;
  struct xmpp_budget budget;
  struct guesses guesses;
  struct kin kin;
  struct stale_log stale_log;
  struct walk_watch walk_watch;
  struct engine_line line; /* to the engine */
  struct wiring wiring;
  struct faults *faults;
  struct heard **heard;
  unsigned heard_count, heard_room;
  uint8_t out[DNS_MSG_MAX];
};

struct world *world_new(const struct world_options *options);

/* Stops everything in the daemon's order; fails the test unless every client was answered, nothing is in
 * flight, no timer is left and the counters' sums (base/counters.def) hold. */
void world_free(struct world *w);

/* Lets so much time go by: replies arrive and timers fire when they are due, replies first. */
void world_run_ms(struct world *w, uint64_t ms);

/* The same for several worlds that share an engine, side by side. */
void world_run_all_ms(struct world *const *worlds, unsigned n, uint64_t ms);

/* Timers that are due now fire, replies that are due now arrive. */
static inline void world_settle(struct world *w) { world_run_ms(w, 0); }

/* Faults of the upstream. "" is any name, type 0 any type, server -1 any server. */
void world_fault(struct world *w, const char *name, uint16_t type, enum fault fault);
void world_fault_once(struct world *w, const char *name, uint16_t type, enum fault fault);
void world_late(struct world *w, const char *name, uint16_t type, uint32_t late_ms); /* every reply */
void world_server_late(struct world *w, int server, uint32_t late_ms);
void world_server_fault(struct world *w, int server, enum fault fault);
void world_reply(struct world *w, const char *name, uint16_t type,
                 const struct msg *reply); /* all replies are this */
void world_heal(struct world *w);

/* Faults of the resolver's own (faults/rule.h): one rule more; no rules any more. */
void world_rule(struct world *w, const char *rule);
void world_clear_rules(struct world *w);

/* What reached the upstream: how often a question (any server and transport), when first and last (world
 * time, 0: never). */
unsigned upstream_asked(const struct world *w, const char *name, uint16_t type);
uint64_t upstream_last_ms(const struct world *w, const char *name, uint16_t type);
const struct upstream_question *upstream_last(const struct world *w, const char *name, uint16_t type);

/* ---- clients ---- */

enum how {
  HOW_PLAIN = 0,
  HOW_EDNS = 1, /* 1232 octets */
  HOW_DO = 2,   /* with EDNS */
  HOW_CD = 4,
  HOW_TCP = 8,
  HOW_BIG = 16, /* EDNS, 4096 octets */
  HOW_NO_RD = 32,
  HOW_AD = 128,
  HOW_RAW = 64 /* more records than the kit reads, or spoiled: the answer's form is not checked */
};

/* A query and what became of it; the world's, until world_free. */
struct heard {
  struct world *world;
  size_t query_len, len, limit;
  uint8_t *query, *msg; /* msg: NULL until answered */
  uint64_t asked_ms, answered_ms;
  bool dropped, closed; /* by a rule: nothing will come; its connection was ended behind `len` octets */
  uint16_t type;
  unsigned how;
  uint8_t name_len, name[NAME_MAX_LEN];
};

/* Asks through serve_query. Every answer is checked for its form: id, question octet for octet, RA, size,
 * OPT, records. */
struct heard *client_ask(struct world *w, const char *name, uint16_t type, unsigned how);
struct heard *client_ask_octets(struct world *w, const uint8_t *name, size_t len, uint16_t type,
                                unsigned how);

/* Runs until it is answered, 10 s at most. */
void client_wait(struct heard *h);
struct heard *client_ask_and_wait(struct world *w, const char *name, uint16_t type, unsigned how);

static inline bool is_answered(const struct heard *h) { return h->msg != NULL; }
uint64_t heard_wait_ms(const struct heard *h); /* fails the test when it is not answered, as all below */
const struct seen *heard_seen(const struct heard *h); /* until the next call */
unsigned heard_rcode(const struct heard *h);
int heard_ede(const struct heard *h); /* -1: none */
bool heard_is_tc(const struct heard *h);
unsigned heard_count(const struct heard *h, enum section section);
unsigned heard_typed(const struct heard *h, enum section section, uint16_t type); /* records of that type */
bool heard_has(const struct heard *h, enum section section, const char *owner, uint16_t type,
               struct rdata rdata);
/* The TTL of the records of that owner and type; fails the test when there is none, or when they differ. */
uint32_t heard_ttl(const struct heard *h, enum section section, const char *owner, uint16_t type);

/* Does its answer section, as a set, and its RCODE say what the zone says now? */
bool heard_truth(const struct heard *h);
#endif
