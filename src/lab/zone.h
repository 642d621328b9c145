/* The lab's zones: names answered from zone files and from the shorthand for XMPP domains, beside what is
 * forwarded.
 *
 * All answers are made when the zones are loaded, so that one costs what a hit in the cache costs. A lab
 * never changes: a reload makes another one. Any number of threads may ask it. */
#ifndef JIDNS_LAB_ZONE_H
#define JIDNS_LAB_ZONE_H
#include <stdio.h>

#include "base/addr.h"
#include "base/prefix.h"
#include "dns/answer.h"
#include "rr/zonefile.h"

enum {
  LAB_ZONES = 32,
  LAB_DOMAINS = 16,  /* of the shorthand */
  LAB_HOSTS = 8,     /* of one of them */
  LAB_ADDRESSES = 8, /* of a host, of a delegation */
  LAB_PATH = 512,
  LAB_CHAIN = 16,       /* CNAMEs in a row */
  LAB_TTL_MOST = 604800 /* s, of the shorthand's records */
};

struct lab_zone {
  uint8_t name_len, name[NAME_MAX_LEN]; /* in lower case */
  bool overlay;                         /* what it does not say is forwarded */
  char file[LAB_PATH];
};

/* A host of an XMPP domain; a port of 0: it does not offer that. */
struct lab_host {
  char name[64]; /* below the domain, or with a final dot */
  struct prefix addresses[LAB_ADDRESSES];
  unsigned address_count;
  uint32_t client, server, direct_tls_client, direct_tls_server, priority, weight;
};

/* An XMPP domain in short: SRV of clients and servers, the hosts' addresses. */
struct lab_domain {
  uint8_t name_len, name[NAME_MAX_LEN]; /* in lower case */
  bool overlay, conference;             /* conference: SRV of servers for conference.NAME, too */
  uint32_t ttl_s;
  char connect[256]; /* the TXT of _xmppconnect.NAME; "": none */
  struct lab_host hosts[LAB_HOSTS];
  unsigned host_count;
};

enum lab_expand {
  LAB_EXPAND_OFF,
  LAB_EXPAND_XMPP,
  LAB_EXPAND_ALL
}; /* which SRV answers have their targets' addresses */

struct lab_options {
  struct lab_zone zones[LAB_ZONES];
  struct lab_domain domains[LAB_DOMAINS];
  unsigned zone_count, domain_count;
};

struct lab;

/* Reads all zones and makes their answers. reader may be NULL when zone_count is 0; `out` is set to NULL when
 * there are neither zones nor domains. False, *out NULL, at the first mistake: file, line and what is wrong
 * on err; warnings go there, too. */
bool lab_load(const struct lab_options *o, enum lab_expand expand, struct zonefile *reader, struct lab **out,
              FILE *err);
void lab_free(struct lab *l); /* NULL is allowed */

enum lab_found {
  LAB_ELSEWHERE = 0, /* not the lab's business: to be forwarded */
  LAB_ALIAS = -1     /* the name is an alias; what it leads to is to be found by asking for that */
};

/* How far the lab knew: the CNAMEs, in an answer to q, and the name they lead to. */
struct lab_alias {
  struct answer_view chain; /* of the lab, or in `made` */
  uint8_t target_len, target[NAME_MAX_LEN];
  struct answer made;
};

/* Answers q as an authority for its name does (AA set): writes the answer into out, at most `limit` octets,
 * and returns its length, or LAB_ELSEWHERE, or LAB_ALIAS with *alias filled. No allocation. */
int lab_answer(const struct lab *l, const struct query *q, size_t limit, uint8_t *out,
               struct lab_alias *alias);

/* What a lab begins with: a bit for the last two octets of each zone's name. Most names elsewhere are told by
 * it. */
struct lab_ends {
  uint64_t bits[4];
};
static inline unsigned lab_end(const uint8_t *name, size_t len) {
  return len < 3 ? 0 : (name[len - 2] + 11u * name[len - 3]) % 256;
}
static inline bool lab_may_hold(const struct lab *l, const struct question *q) {
  unsigned end = lab_end(q->key, q->name_len);
  return ((const struct lab_ends *)(const void *)l)->bits[end / 64] >> end % 64 & 1;
}

/* Would lab_answer know anything of q? */
bool lab_holds(const struct lab *l, const struct question *q);

/* A name that the zones delegate to servers whose addresses they know. */
struct lab_delegation {
  uint8_t name_len, name[NAME_MAX_LEN];
  union addr servers[LAB_ADDRESSES];
  unsigned server_count;
};

/* The i-th of them, NULL behind the last. */
const struct lab_delegation *lab_delegation(const struct lab *l, unsigned i);
#endif
