/* A plain DNS client: many questions at once to one server over UDP, each from a socket and port of its own
 * with an id of its own (RFC 5452), again over TCP when an answer is truncated. */
#ifndef JIDNS_TOOL_ASK_H
#define JIDNS_TOOL_ASK_H
#include "base/addr.h"
#include "dns/dns.h"

enum { ASK_PORT = 53, ASK_TIMEOUT_MS = 4000 };

struct ask_options {
  union addr server;
  unsigned timeout_ms; /* for each question, all tries together; at least 1 */
  bool tcp;            /* never UDP */
  bool dnssec;         /* set DO */
  bool want_ad;        /* set AD: ask whether the server calls the answer secure (RFC 6840 section 5.7) */
};

enum asked_outcome {
  ASKED_TIMEOUT,  /* nothing that answers the question came in time */
  ASKED_CLOSED,   /* the server's port is closed, or there is no way to it */
  ASKED_SYSTEM,   /* no socket or memory to be had */
  ASKED_LEFT_OUT, /* nobody was asked, because that was not wanted */
  ASKED_ANSWERED
};

/* One question, filled in by the caller up to klass, and what became of it. */
struct asked {
  uint8_t name[NAME_MAX_LEN];
  uint8_t name_len;
  uint16_t type, klass;
  bool checking_disabled;   /* set CD: an answer that does not validate is wanted as well */
  bool dnssec_ok;           /* set DO, also where the options don't */
  bool authority;           /* an authority is asked, not a resolver: RD is clear */
  bool only_tcp, plain;     /* never over UDP; without EDNS */
  const union addr *server; /* borrowed; NULL: the options' */
  unsigned *open;           /* borrowed; one less when the outcome is there; NULL: nobody counts */
  enum asked_outcome outcome;
  bool over_tcp;     /* the answer came so */
  bool refuses_edns; /* FORMERR or NOTIMP without OPT to a question with EDNS: it was asked again without */
  bool keeps_case;   /* the answer's question is the one asked, octet for octet, or it has none */
  unsigned took_us;  /* from the first try to the outcome */
  uint8_t *msg; /* the answer, owned, freed by asked_free; NULL unless ASKED_ANSWERED; TC set if TCP failed */
  size_t len;
};

/* How long its answer took, in ms. */
static inline double asked_ms(const struct asked *a) { return a->took_us / 1000.0; }

/* Questions to be asked together; zero one to start. */
struct ask_list {
  struct asked **list; /* each borrowed */
  size_t count, room;
};

/* Makes a the question for that name (len octets) and type, class IN. */
void ask_make(struct asked *a, const uint8_t *name, size_t len, uint16_t type);

/* Makes it, and appends it. */
void ask_list_add(struct ask_list *l, struct asked *a, const uint8_t *name, size_t len, uint16_t type);
/* Appends a question that is made already. */
void ask_list_put(struct ask_list *l, struct asked *a);
void ask_list_free(struct ask_list *l);

/* Questions that go out as there is room, each given its outcome as it comes. `options` is borrowed. */
struct asker;
struct asker *asker_new(const struct ask_options *options);
void asker_free(struct asker *asker); /* only when asker_turn has said that there is nothing left */
void asker_add(struct asker *asker, struct asked *a);
/* Waits for the next thing that happens, and does it; false: nothing is under way. */
bool asker_turn(struct asker *asker);

/* Asks all and returns when each has its outcome. */
void ask_all(const struct ask_options *o, struct asked *const *list, size_t n);

/* Frees the answer; the struct itself is the caller's. */
void asked_free(struct asked *a);

/* "no answer in time", for people; "answered" for the good one. */
const char *asked_text(enum asked_outcome outcome);
#endif
