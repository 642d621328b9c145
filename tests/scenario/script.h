/* The upstream of a scenario: channels that note what is asked and reply from a zone after a while, or do
 * worse. */
#ifndef JIDNS_SCENARIO_SCRIPT_H
#define JIDNS_SCENARIO_SCRIPT_H
#include "base/counter.h"
#include "scenario/zone.h"
#include "upstream/upstream.h"

enum fault {
  FAULT_NONE,
  FAULT_LOST, /* no reply at all */
  FAULT_LATE, /* the right reply, after `late_ms` */
  FAULT_SERVFAIL,
  FAULT_REFUSED,
  FAULT_TRUNCATED, /* over UDP: TC and nothing else; over TCP the right reply */
  FAULT_NXDOMAIN,
  FAULT_CNAME,          /* the right records at the end of a CNAME to "alias." before the name */
  FAULT_DOT,            /* an SRV that says ".", for other types as FAULT_NONE */
  FAULT_EMPTY,          /* NOERROR without records, no SOA either */
  FAULT_GARBAGE,        /* octets that are no reply */
  FAULT_GARBLED,        /* header and question right, garbage behind */
  FAULT_WRONG_QUESTION, /* the right reply to another name */
  FAULT_WRONG_ID,
  FAULT_ICMP,   /* port closed: the exchange ends with ERR_UNREACHABLE */
  FAULT_FORGED, /* over UDP: ends with ERR_FORGED, as after a flood of wrong replies; over TCP the right reply
                 */
  FAULT_CLOSED, /* ask itself fails with ERR_UNREACHABLE */
  FAULT_CERTIFICATE, /* of an encrypted server: it does not prove who it is */
  FAULT_BROKEN,      /* over a stream: ask itself fails with ERR_TCP, or with `late_ms` ends so after that */
  FAULT_HTTP,        /* of an encrypted server: no answer to this question over HTTP */
  FAULT_FORMERR,     /* to questions with EDNS: a bare header with FORMERR; without EDNS the right reply */
  FAULT_NOTIMP,      /* the same with NOTIMP, question echoed */
  FAULT_BADVERS,     /* the same with BADVERS */
  FAULT_NO_EDNS,     /* no reply at all to questions with EDNS */
  FAULT_REFERRAL,    /* name servers of the root instead of an answer */
  FAULT_STRIPPED,    /* who signs: the right reply, without signatures and proofs */
  FAULT_SPOILED,     /* ... with a bit of each signature wrong */
  FAULT_EXPIRED,     /* ... with signatures whose time is over */
  FAULT_MADE,        /* the message of the rule */
  FAULT_COUNT
};

struct fault_rule {
  char name[64]; /* presentation form, with the final dot; "": any */
  uint16_t type; /* 0: any */
  int server;    /* -1: any */
  enum fault fault;
  unsigned skip;                        /* so many matching questions pass first */
  unsigned times;                       /* and so many are hit; 0: all */
  bool with_cookie, over_udp, over_tls; /* only such questions */
  bool sticks;                          /* the first that is hit, and then whenever it is asked again */
  uint32_t late_ms;
  struct msg *made; /* FAULT_MADE: the reply but for its id */
  bool is_spent;
};

/* One question as it reached the upstream. */
struct upstream_question {
  uint64_t at_ms;
  unsigned server;
  uint16_t type;
  enum transport over;
  bool tcp, edns, dnssec_ok, cd; /* tcp: over a stream */
  uint8_t cookie_len;            /* client's and server's that it showed */
  uint16_t options_len;          /* octets of all its EDNS options */
  char name[64];                 /* cut short when longer */
};

struct script_reply;

enum { SCRIPT_CACHED = 64 };

/* What the server has in a cache of its own, in whole seconds as unbound counts them: the last one is TTL 0.
 */
struct script_cached {
  uint64_t hash; /* of the question; 0: none */
  uint64_t until_s;
};

struct script {
  struct zone *zone;
  /* Who signs appends answer and authority section to header and question; NULL: answers are the zone's. */
  void (*sign)(void *ctx, struct msg *m, const struct question *q, bool dnssec_ok, enum fault fault,
               uint64_t now_ms);
  void *sign_ctx;
  struct counters *counters;
  uint32_t delay_ms;
  struct fault_rule *rules; /* the first that matches counts */
  unsigned rule_count, rule_room;
  struct upstream_question *asked;
  unsigned asked_count, asked_room;
  struct script_reply *replies; /* by due time */
  struct script_reply *last;
  unsigned under_way; /* exchanges that were neither done nor dropped */
  uint16_t next_id;
  bool lowers;      /* replies spell the question in lower case */
  bool no_tcp;      /* asking over TCP fails */
  bool is_cold;     /* encrypted servers: the next question waits for a connection, two round trips */
  bool caches;      /* it is a cache: TTLs count down, SCRIPT_CACHED names at most */
  unsigned fetched; /* so often it had to ask the authority for them */
  struct script_cached cached[SCRIPT_CACHED];
  bool authentic;       /* replies to questions with AD have it */
  bool bad_cookie;      /* BADCOOKIE for questions without our server cookie */
  bool likes_no_cookie; /* BADCOOKIE for all questions that have one */
  uint8_t cookie_len;   /* of the server cookie that replies have; 0: none */
  bool cookie_forged;   /* replies show another client's cookie */
  struct msg scratch;
};

void script_init(struct script *s, struct zone *z, struct counters *c, uint32_t delay_ms);
void script_close(struct script *s); /* after the channels; replies still on their way vanish */

/* Adds a server with channels of the script's to u; `server` is its number in rules and what was asked. */
void script_server(struct script *s, struct upstream *u, unsigned server, const char *address);
/* The same, encrypted. */
void script_server_tls(struct script *s, struct upstream *u, unsigned server, const char *address);

/* A channel over TLS to the server of that number, as discovery opens one. */
struct channel *script_way(struct script *s, unsigned server);

/* Copies the rule, `made` included. Later rules yield to earlier ones. */
void script_rule(struct script *s, const struct fault_rule *rule);
void script_heal(struct script *s); /* forgets all rules */

uint64_t script_next_ms(const struct script *s); /* when the next reply is due; UINT64_MAX for none */
void script_deliver(struct script *s, uint64_t now_ms);
#endif
