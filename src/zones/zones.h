/* Local zones: names answered from zone files and from the shorthand for XMPP domains, beside what is
 * forwarded.
 *
 * All answers are made when the zones are loaded, so that one costs what a hit in the cache costs. A set
 * never changes: a reload makes another one. Any number of threads may ask it. */
#ifndef JIDNS_ZONES_ZONES_H
#define JIDNS_ZONES_ZONES_H
#include <stdio.h>

#include "base/addr.h"
#include "base/prefix.h"
#include "dns/answer.h"
#include "rr/sign.h"
#include "rr/zonefile.h"

enum {
  ZONES_FILES_MAX = 32,
  ZONES_DOMAINS = 16,  /* of the shorthand */
  ZONES_HOSTS = 8,     /* of one of them */
  ZONES_ADDRESSES = 8, /* of a host, of a delegation */
  ZONES_CLIENTS = 8,   /* networks that a zone is for */
  ZONES_PATH = 512,
  ZONES_CHAIN = 16,      /* CNAMEs in a row */
  ZONES_TTL_MAX = 604800 /* s, of the shorthand's records */
};

/* Who gets a zone's answers; none: everybody. */
struct zones_clients {
  struct prefix list[ZONES_CLIENTS];
  unsigned count;
};

/* Are zones signed when they are loaded, and what proves their denials? */
enum zones_sign {
  ZONES_SIGN_OFF,
  ZONES_SIGN_NSEC,
  ZONES_SIGN_NSEC3,
  ZONES_SIGN_AUTO /* of one zone: as it is said for all */
};

struct zones_file {
  uint8_t name_len, name[NAME_MAX_LEN]; /* in lower case */
  bool overlay;                         /* what it does not say is forwarded */
  enum zones_sign sign;                 /* an overlay never is */
  struct zones_clients clients;
  char file[ZONES_PATH];
};

/* A host of an XMPP domain; a port of 0: it does not offer that. */
struct zones_host {
  char name[64]; /* below the domain, or with a final dot */
  struct prefix addresses[ZONES_ADDRESSES];
  unsigned address_count;
  uint32_t client, server, direct_tls_client, direct_tls_server, priority, weight;
};

/* An XMPP domain in short: SRV of clients and servers, the hosts' addresses. */
struct zones_domain {
  uint8_t name_len, name[NAME_MAX_LEN]; /* in lower case */
  bool overlay, conference;             /* conference: SRV of servers for conference.NAME, too */
  enum zones_sign sign;                 /* an overlay never is */
  struct zones_clients clients;
  uint32_t ttl_s;
  char connect[256]; /* the TXT of _xmppconnect.NAME; "": none */
  struct zones_host hosts[ZONES_HOSTS];
  unsigned host_count;
};

enum zones_expand {
  ZONES_EXPAND_OFF,
  ZONES_EXPAND_XMPP,
  ZONES_EXPAND_ALL
}; /* which SRV answers have their targets' addresses */

struct zones_policy {
  struct zones_file zones[ZONES_FILES_MAX];
  struct zones_domain domains[ZONES_DOMAINS];
  unsigned zone_count, domain_count;
  enum zones_sign sign;  /* of zones that say nothing else */
  char keys[ZONES_PATH]; /* the folder of the keys they are signed with */
};

/* Is one of them to be signed? */
bool zones_sign_any(const struct zones_policy *o);

struct zones;

/* Reads all zones and makes their answers. What comes of it is a set of those for everybody, and behind it
 * one for each list of clients that zones are for. reader may be NULL when zone_count is 0; `out` is set to
 * NULL when there are neither zones nor domains. False, *out NULL, at the first mistake: file, line and what
 * is wrong on err; warnings go there, too.
 *
 * With a signer (NULL: none is signed) those that are to be are signed, which needs a reader, too: DS records
 * of zones that lie below others are put into these, those of all others into the folder's file
 * ZONES_ANCHORS, for validators to trust. The signer must live as long as the set. */
bool zones_load(const struct zones_policy *o, enum zones_expand expand, struct zonefile *reader,
                struct signer *signer, struct zones **out, FILE *err);
#define ZONES_ANCHORS "trust-anchors"

/* Are there signatures that are so old that the zones should be loaded anew (SIGN_AGAIN_S)? now_s: seconds
 * since 1970, UTC. */
bool zones_age(const struct zones *l, uint64_t now_s);
void zones_free(struct zones *l); /* NULL is allowed */

enum zones_found {
  ZONES_ELSEWHERE = 0, /* not in any zone: to be forwarded */
  ZONES_ALIAS = -1     /* the name is an alias; what it leads to is to be found by asking for that */
};

/* How far the zones knew: the CNAMEs, in an answer to q, what proves them in its authority section, and the
 * name they lead to. */
struct zones_alias {
  struct answer_view chain; /* of the zones, or in `made` */
  uint8_t target_len, target[NAME_MAX_LEN];
  struct answer made;
};

/* Answers q as an authority for its name does (AA set): writes the answer into out, at most `limit` octets,
 * and returns its length, or ZONES_ELSEWHERE, or ZONES_ALIAS with *alias filled. No allocation. */
int zones_answer(const struct zones *l, const struct query *q, size_t limit, uint8_t *out,
                 struct zones_alias *alias);

/* Makes the signatures in an answer anew that are by keys of the sets' zones: with the dates they have, for
 * what the answer says now. For answers spoiled on purpose: what is not such a signature, or no message,
 * stays. */
void zones_sign_again(const struct zones *l, uint8_t *msg, size_t len);

/* What `struct zones` begins with: a bit for the last two octets of each zone's name. Most names elsewhere
 * are told by it. */
struct zones_ends {
  uint64_t bits[4];
  bool several; /* there are sets for some clients */
};
static inline unsigned zones_end(const uint8_t *name, size_t len) {
  return len < 3 ? 0 : (name[len - 2] + 11u * name[len - 3]) % 256;
}
static inline bool zones_may_hold(const struct zones *l, const struct question *q) {
  unsigned end = zones_end(q->key, q->name_len);
  return ((const struct zones_ends *)(const void *)l)->bits[end / 64] >> end % 64 & 1;
}

const struct zones *zones_for_client(const struct zones *l, const struct question *q, const union addr *peer);

/* The set to ask for a client at `peer`: the one with the zone nearest to the name, where it is as near in
 * several the first for the client's networks, then that for everybody. Questions of jidnsd itself (port 0),
 * whose answers are kept for all, get that alone. */
static inline const struct zones *zones_for(const struct zones *l, const struct question *q,
                                            const union addr *peer) {
  return ((const struct zones_ends *)(const void *)l)->several ? zones_for_client(l, q, peer) : l;
}

/* Would zones_answer know anything of q, in any of the sets? */
bool zones_hold(const struct zones *l, const struct question *q);

/* A name that the zones delegate to servers whose addresses they know. */
struct zones_delegation {
  uint8_t name_len, name[NAME_MAX_LEN];
  union addr servers[ZONES_ADDRESSES];
  unsigned server_count;
};

/* The i-th of them, NULL behind the last; of zones for everybody. */
const struct zones_delegation *zones_delegation(const struct zones *l, unsigned i);
#endif
