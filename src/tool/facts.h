/* All that the DNS says of an XMPP domain and of what stands around it: services, hosts, components, names
 * that are almost right. Asked for in three stages, each one round trip. Judges nothing: rules.h does. */
#ifndef JIDNS_TOOL_FACTS_H
#define JIDNS_TOOL_FACTS_H
#include "tool/authority.h"
#include "tool/lookup.h"
#include "tool/plan.h"

enum {
  FACTS_STAGES = 3,
  FACTS_COMPONENTS_MAX = 24, /* the usual ones and those asked for by name */
  FACTS_TLSA_MAX = 64,
  FACTS_ANCESTORS_MAX = 32,
  FACTS_REVERSE_MAX = 8,
  FACTS_SEARCH_MAX = 3,   /* domains of the search list */
  FACTS_UNNAMED_HOSTS = 4 /* whose TLSA records at ports that no SRV record names are looked for */
};

/* Single questions; which names they are for stands in facts.c. */
enum fact {
  FACT_SOA,          /* of the domain */
  FACT_RANDOM,       /* A of a name below the domain that nobody can have: what is there a wildcard made */
  FACT_RANDOM_IPV6,  /* its AAAA */
  FACT_RANDOM_TXT,   /* its TXT, where _xmppconnect has some */
  FACT_RANDOM_SRV,   /* SRV of a service that nobody can have */
  FACT_TCP,          /* SOA of _tcp below the domain */
  FACT_UNREGISTERED, /* addresses of a name below "invalid": anything but NXDOMAIN is an invention of the
                        server's */
  FACT_ROOT,         /* SOA of the root, which is signed: AD tells whether the server validates */
  FACT_IM,
  FACT_PRES,
  FACT_QUIC_CLIENT,
  FACT_QUIC_SERVER,
  FACT_CAA, /* of the domain */
  FACT_COUNT
};

/* A name under which SRV records stand that nobody asks for. */
struct near_miss {
  const char *labels; /* "_xmpp-client._udp" */
  const char *right;  /* where they belong */
  enum lookup_side side;
  enum near_miss_kind {
    NEAR_MISS_LABELS,
    NEAR_MISS_AT_HOST,   /* at a usual host's name */
    NEAR_MISS_AT_TARGET, /* at the host that the other side's records name */
    NEAR_MISS_TWICE      /* the domain follows twice */
  } kind;
  struct asked asked;
};
enum { FACTS_NEAR_MISSES = 30 };

struct component {
  char label[64]; /* "conference" */
  bool wanted;    /* somebody asked for it by name */
  struct lookup *lookup;
  struct asked misnamed; /* SRV of _xmpp-server.conference._tcp */
  struct plan *plan;     /* servers' with direct TLS, when it exists, else NULL */
};

struct tlsa_question {
  const struct host *host; /* NULL: the domain itself, where SRV leads elsewhere */
  uint16_t port;
  enum lookup_side side;
  bool unnamed; /* no record names that port of the host */
  struct asked asked;
};

/* The name of an address. */
struct reverse {
  const struct host *host;
  struct address address;
  struct asked asked;
};

/* A domain of resolv.conf's search list behind the domain: SRV of servers. */
struct searched {
  uint8_t domain[NAME_MAX_LEN];
  uint8_t domain_len;
  struct asked asked;
};

/* An ancestor of a target that does not exist. */
struct ancestor {
  const struct host *of;
  unsigned labels; /* 2: "hosting.example" */
  struct asked asked;
};

/* Another resolver, asked for the same. */
struct other_server {
  union addr addr;
  struct lookup *lookup;
};
enum { FACTS_SERVERS_MAX = 8 };

/* Keys and signatures, for the rules that say what is wrong with them. */
struct facts_signed {
  int64_t now_s;       /* Unix time that signatures are held against */
  const uint8_t *zone; /* the apex of the zone that the domain lies in; borrowed; NULL: not known */
  size_t zone_len;
  struct asked keys, delegation; /* its DNSKEY, and DS at the parent: with CD, whether they validate or not */
  struct asked services[LOOKUP_SERVICES]; /* SRV of those that are secure, with signatures */
};

struct connections;

struct facts {
  struct typed_domain typed;
  struct hosts *hosts; /* of all lookups below */
  struct lookup *domain;
  struct lookup *parent;       /* NULL unless the domain has no SRV record */
  bool borrows_lookup;         /* domain and hosts are another's */
  bool offline;                /* answers come from a zone file, or */
  bool from_cache;             /* from the cache of a daemon: offline as well */
  struct authority *authority; /* the zone's own servers; NULL: not wanted */
  union addr asked_server;     /* the resolver */
  struct other_server others[FACTS_SERVERS_MAX];
  size_t other_count;
  struct asked single[FACT_COUNT];
  struct near_miss near_misses[FACTS_NEAR_MISSES];
  struct component components[FACTS_COMPONENTS_MAX];
  size_t component_count;
  struct tlsa_question tlsa[FACTS_TLSA_MAX];
  size_t tlsa_count;
  struct ancestor ancestors[FACTS_ANCESTORS_MAX];
  size_t ancestor_count;
  struct reverse reverse[FACTS_REVERSE_MAX];
  size_t reverse_count;
  struct searched searched[FACTS_SEARCH_MAX];
  size_t searched_count;
  struct asked unchecked[LOOKUP_SERVICES]; /* what failed, asked again with CD: an answer then means bogus */
  struct facts_signed signing;
  struct connections *connections; /* owned; NULL: nobody was connected to */
  struct plan *plans[2][2]; /* by facts_side_index, then STARTTLS only and with direct TLS; once complete */
};

/* typed is copied. wanted: labels of components that must exist, n of them; those that do not fit are left
 * off. */
struct facts *facts_new(const struct typed_domain *typed, enum lookup_side sides, const char *const *wanted,
                        size_t n);
void facts_free(struct facts *f);

/* What a lookup that was run knows, for the same rules; l is borrowed. Nothing else is asked. */
struct facts *facts_of_lookup(struct lookup *l);

/* To be called before anything is asked: the zone's servers are wanted, too, those with private and local
 * addresses only with allow_private; the server is asked beside the first one. */
void facts_want_authority(struct facts *f, bool allow_private);
void facts_want_server(struct facts *f, const union addr *server);

/* The same for a domain that this host's programs append to names; those that do not fit are left off. */
void facts_want_search(struct facts *f, const char *domain);

/* How many stages there are: FACTS_STAGES, and more with the zone's servers. */
unsigned facts_stages(const struct facts *f);

/* Adds the questions of a stage, 0 to facts_stages() - 1, to the list; after the answers facts_read takes
 * them in. */
void facts_questions(struct facts *f, unsigned stage, struct ask_list *to);
void facts_read(struct facts *f, unsigned stage);

/* All stages of one domain, through ask as in lookup_run. */
void facts_run(struct facts *f, void (*ask)(void *context, struct asked *const *list, size_t n),
               void *context);

/* How many questions were asked, and how many had no answer of any kind. */
void facts_count(const struct facts *f, unsigned *asked, unsigned *silent);

/* Calls each with every question that was asked. */
void facts_each(const struct facts *f, void (*each)(void *context, const struct asked *a), void *context);

/* ---- for rules ---- */

static inline unsigned facts_side_index(enum lookup_side side) { return side == LOOKUP_S2S; }

/* The service of a side, direct TLS or STARTTLS; facts_jabber is the one of old. */
const struct service *facts_service(const struct lookup *l, enum lookup_side side, bool direct_tls);
const struct service *facts_jabber(const struct lookup *l);

/* The side has an SRV record, "." included. */
bool facts_has_records(const struct lookup *l, enum lookup_side side);
/* ... has one with a target. */
bool facts_has_targets(const struct lookup *l, enum lookup_side side);

/* The answer is NXDOMAIN; the host's are. */
bool facts_is_nxdomain(const struct asked *a);
bool facts_is_missing(const struct host *h);

/* The hosts have an address in common. */
bool facts_share_address(const struct host *a, const struct host *b);

/* The name as a zone file of the domain has it: "@", "xmpp", "xmpp.other.example.". Returns text. */
const char *facts_short_name(const struct facts *f, const uint8_t *name, size_t len, char text[NAME_TEXT]);
#endif
