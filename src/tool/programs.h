/* XMPP programs as askers of DNS: one table of them (programs.def), and a walk through the questions that one
 * of them asks, each batch after the answers that it follows from. Pure: whoever calls asks, waits and
 * measures. */
#ifndef JIDNS_TOOL_PROGRAMS_H
#define JIDNS_TOOL_PROGRAMS_H
#include "dns/srv.h"

enum program_id {
#define PROGRAM(symbol, ...) PROGRAM_##symbol,
#include "tool/programs.def"
#undef PROGRAM
  PROGRAM_COUNT
};

enum program_addresses {
  ADDRESSES_ALL_AT_ONCE, /* A and AAAA of all targets */
  ADDRESSES_PAIR,        /* of one target at a time */
  ADDRESSES_A_THEN_AAAA,
  ADDRESSES_AAAA_THEN_A
};

enum program_traits {
  PROGRAM_ALL_HOSTS =
      1, /* asks for the addresses of all targets before it connects; else the next one's when one has none */
  PROGRAM_MIXES = 2,       /* takes both services as one set, by priority (XEP-0368) */
  PROGRAM_AT_ONCE = 4,     /* asks for all services and for the domain's addresses together */
  PROGRAM_REPEATS = 8,     /* asks again for SRV that is empty */
  PROGRAM_ASKS_DOT = 16,   /* takes the target "." for a host's name */
  PROGRAM_DOMAIN_TOO = 32, /* asks for the domain's addresses whatever was found */
  PROGRAM_FALLS_BACK = 64, /* goes to the domain when no target has an address */
  PROGRAM_TLSA = 128,      /* with the addresses */
  PROGRAM_TXT = 256,       /* _xmppconnect, in the end */
  PROGRAM_SOFT_DANE = 512  /* goes on as without DANE where SRV or TLSA failed or is bogus */
};

enum { PROGRAM_SERVICES = 3 };

/* How a program asks: each question is sent `sends` times, patience_ms apart, and given up patience_ms after
 * the last; SERVFAIL is asked again at once, `insists` times. No answer and SERVFAIL are to all of them what
 * an empty answer is. */
struct program {
  const char *name, *version; /* version: which was measured; NULL: read from the source */
  bool server;                /* reaches other servers; else a client */
  bool edns, dnssec_ok;
  uint32_t patience_ms;
  unsigned sends, insists;
  bool then_tcp; /* what was sent again goes over TCP */
  struct program_service {
    const char *service; /* "xmpps-server" */
    bool if_none;        /* asked for only if none before has a target */
  } services[PROGRAM_SERVICES];
  enum program_addresses addresses;
  unsigned traits;   /* enum program_traits */
  const char *notes; /* sentences for people; may be NULL */
};

extern const struct program programs[PROGRAM_COUNT];

/* NULL: there is none of that name. */
const struct program *program_of(const char *name);

enum { WALKER_ENDS = 16, WALKER_QUESTIONS = 3 * WALKER_ENDS };

struct walker_question {
  uint8_t name[NAME_MAX_LEN], name_len;
  uint16_t type;
  uint8_t service; /* SRV: which of the program's */
};

/* A place to connect to, in the order in which they are tried. */
struct walker_end {
  struct srv srv; /* priority 0 for the domain itself */
  bool direct_tls, is_domain, has_address;
};

struct walker {
  const struct program *program;
  uint8_t domain[NAME_MAX_LEN], domain_len;
  enum walker_stage { WALKER_SERVICES, WALKER_ADDRESSES, WALKER_DOMAIN, WALKER_TXT, WALKER_OVER } stage;
  unsigned service, host, half; /* what is asked for next */
  bool repeated;
  unsigned empty;              /* SRV answers without a record in the batch just asked */
  bool has_record, is_refused; /* any SRV; "." */
  bool has_domain_address;     /* as far as it was asked for */
  struct walker_end ends[WALKER_ENDS];
  unsigned end_count;
  struct walker_question questions[WALKER_QUESTIONS]; /* to be asked together */
  unsigned count;
};

void walker_start(struct walker *w, const struct program *p, const uint8_t *domain, size_t len);

/* Makes the next questions; false: there are no more, and the program connects to the ends in their order. */
bool walker_next(struct walker *w);

/* The answer to one of them, a whole message; NULL: none came, or SERVFAIL. */
void walker_take(struct walker *w, const struct walker_question *q, const uint8_t *msg, size_t len);
#endif
