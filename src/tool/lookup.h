/* What an XMPP program needs to know of a domain, asked for and put in order: SRV records, their targets'
 * addresses, the domain's own addresses. Does no I/O of its own: questions go through a function. */
#ifndef JIDNS_TOOL_LOOKUP_H
#define JIDNS_TOOL_LOOKUP_H
#include "dns/srv.h"
#include "rr/print.h"
#include "tool/ask.h"
#include "tool/domain.h"
#include "tool/reply.h"

enum {
  LOOKUP_SERVICES = 5,
  LOOKUP_SRV_MAX = 512, /* records of a service that are looked at */
  LOOKUP_HOSTS_MAX =
      512, /* whose addresses are asked for, the domain being one: each service's best targets first */
  LOOKUP_ADDRESSES_MAX = 32, /* of a host */
  TYPE_OF_CAA = 257          /* RFC 8659 */
};

enum lookup_side { LOOKUP_C2S = 1, LOOKUP_S2S = 2, LOOKUP_BOTH = LOOKUP_C2S | LOOKUP_S2S };

/* One kind of SRV record. */
struct service_kind {
  const char *labels; /* "_xmpp-client._tcp" */
  enum lookup_side side;
  bool direct_tls; /* XEP-0368 */
  bool obsolete;   /* asked for only on request, never connected to */
};

extern const struct service_kind lookup_kinds[LOOKUP_SERVICES]; /* direct TLS before STARTTLS */

struct address {
  int family; /* AF_INET or AF_INET6 */
  uint8_t bytes[16];
  uint32_t ttl;
};

struct host {
  uint8_t name[NAME_MAX_LEN];
  uint8_t name_len;
  struct alias alias;    /* links > 0: a CNAME, which an SRV target must not be (RFC 2782) */
  struct asked asked[2]; /* A and AAAA */
  struct address addresses[LOOKUP_ADDRESSES_MAX];
  size_t address_count;
};

enum service_state {
  SERVICE_UNASKED,
  SERVICE_OFFERED,     /* at least one target */
  SERVICE_NOT_OFFERED, /* the only target is "." */
  SERVICE_ABSENT,      /* no such records */
  SERVICE_FAILED       /* no answer, or one that says neither: SERVFAIL, truncated, unreadable */
};

/* Hosts whose addresses are asked for, one for each name; several lookups may share them. */
struct hosts {
  struct host **list;
  size_t count, room;
  bool too_many; /* more than LOOKUP_HOSTS_MAX were wanted */
};

/* Nobody was asked for its addresses: it may have some. */
static inline bool host_is_left_out(const struct host *h) {
  return h->asked[0].name_len > 0 && h->asked[0].outcome == ASKED_LEFT_OUT;
}

struct service {
  const struct service_kind *kind;
  enum service_state state;
  struct asked asked;
  struct alias alias; /* links > 0: its name is a CNAME */
  uint32_t ttl;       /* the least of the records' */
  size_t count;       /* of srv, sorted by srv_sort; "." only if SERVICE_NOT_OFFERED */
  struct srv *srv;
  const struct host **hosts;        /* srv[i]'s target; NULL when it was not asked for */
  bool none_among_others, too_many; /* "." beside targets; more than LOOKUP_SRV_MAX */
  unsigned malformed;               /* records that can't be read */
};

struct lookup {
  struct host *domain;              /* in hosts */
  const struct typed_domain *typed; /* borrowed: what the domain was read from; NULL: not known */
  enum lookup_side sides;
  bool all_records;
  struct service services[LOOKUP_SERVICES];
  struct asked connect_txt; /* _xmppconnect.D, only with all_records */
  struct hosts *hosts;      /* the domain itself, and all targets */
  bool owns_hosts;
};

struct hosts *hosts_new(void);
void hosts_free(struct hosts *h);

/* The host of that name, a new one if there is none; NULL when there are LOOKUP_HOSTS_MAX. Stays where it
 * is. */
struct host *hosts_get(struct hosts *h, const uint8_t *name, size_t len);

/* Adds the questions for the addresses of all hosts that were not asked for; later, reads the answers. */
void hosts_questions(struct hosts *h, struct ask_list *to);
void hosts_read(struct hosts *h);

/* name: at most NAME_MAX_LEN - DOMAIN_PREFIX_MAX octets. hosts: shared and borrowed, or NULL: its own. */
struct lookup *lookup_new(const uint8_t *name, size_t len, enum lookup_side sides, bool all_records,
                          struct hosts *hosts);
void lookup_free(struct lookup *l);

/* The steps of a lookup, for those who ask for more at the same time: adds the questions for the services
 * (the domain is among the hosts); with the answers, finds the targets' hosts. hosts_questions and hosts_read
 * do the rest. */
void lookup_questions(struct lookup *l, struct ask_list *to);
void lookup_read_services(struct lookup *l);

/* Asks: the services and the domain's addresses first, then the targets' addresses, each time all at once
 * through ask, which gives every question its outcome (as ask_all does). Call it once. */
void lookup_run(struct lookup *l, void (*ask)(void *context, struct asked *const *list, size_t n),
                void *context);

/* The service's answer had this address of the host in its additional section. */
bool lookup_came_along(const struct service *s, const struct host *h, const struct address *a);

/* Calls each with every question of the lookup that was asked. */
void lookup_each(const struct lookup *l, void (*each)(void *context, const struct asked *a), void *context);

/* No question has an answer, not even one that says that it failed. */
bool lookup_is_silent(const struct lookup *l);

/* One question at least is not answered (lookup_is_answered): what was not found may be there. */
bool lookup_is_incomplete(const struct lookup *l);

/* There is a whole answer, and it says what there is or that there is nothing: NOERROR or NXDOMAIN. */
bool lookup_is_answered(const struct asked *a);

/* "NXDOMAIN", "no answer in time", or "truncated, and no answer over TCP". Returns text or a static string.
 */
const char *lookup_outcome_text(const struct asked *a, char text[PRINT_WORD]);

/* The answer came out of the server's cache after its TTL was over (RFC 8914: EDE 3 or 19). */
bool lookup_is_stale(const struct asked *a);

bool lookup_is_servfail(const struct asked *a); /* false when there is no answer */
/* The first reason of a SERVFAIL that is one of DNSSEC's, from the EDE code `least` to 12 (RFC 8914 sections
 * 4.6 to 4.13); 0: it has none. */
unsigned lookup_dnssec_ede(const struct asked *a, unsigned least);
/* The answer says AD; false when there is none. */
bool lookup_is_secure(const struct asked *a);

/* What the server made of the answer by DNSSEC, as far as it says: "secure", "insecure", or for a SERVFAIL
 * that comes with such a reason "bogus (Signature Expired)" (RFC 8914). NULL: another failure, or no answer.
 * Returns text or a static string. */
enum { PROOF_TEXT = 64 };
const char *lookup_proof_text(const struct asked *a, char text[PROOF_TEXT]);

/* "192.0.2.1". Returns text. */
enum { ADDRESS_TEXT = 46 };
const char *lookup_address_text(const struct address *a, char text[ADDRESS_TEXT]);

/* The address with a port, to connect to. */
union addr lookup_socket_of(const struct address *a, uint16_t port);

/* "example.org", the name without its final dot and with escapes. Returns text. */
const char *lookup_host_text(const struct host *h, char text[NAME_TEXT]);
#endif
