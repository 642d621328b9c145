/* The story of a query: the one call that UDP, TCP, tests, fuzzing and benchmarks share. */
#ifndef JIDNS_SERVER_SERVE_H
#define JIDNS_SERVER_SERVE_H
#include "forward/forward.h"
#include "server/access.h"
#include "server/chaos.h"
#include "server/cookie.h"
#include "server/fault_filter.h"
#include "server/query_log.h"
#include "server/query_tap.h"
#include "server/served.h"
#include "zones/zones.h"

struct serve_zones;

/* What the operator decides; a part of the settings that is handed over whole. */
struct serve_policy {
  bool special_names; /* names that no server is to be asked for are answered here (dns/special.h) */
  bool rotate;        /* another of several addresses comes first from query to query */
  bool cookies;       /* are given out (RFC 7873) */
  uint32_t udp_size;  /* octets of a datagram, in both directions; 0: as is usual */
  uint32_t log_every; /* every so many-th query is logged; 0: none */
  struct chaos chaos; /* what is told of who answers */
};

/* Zeroed but for what is borrowed it serves anybody, plainly; serve_set_policy says otherwise. */
struct query_service {
  struct cache *cache; /* all borrowed */
  struct forward *forward;
  struct counters *counters;
  uint64_t seed;
  struct access *access;             /* borrowed; NULL: anybody may ask anything as often as he likes */
  const struct zones *zones;         /* borrowed; NULL: there are no zones */
  struct serve_zones *serve_zones;   /* borrowed; not NULL if zones is not */
  struct fault_filter *fault_filter; /* borrowed; NULL: no faults are in force */
  struct serve_policy policy;
  uint32_t rotation_mask; /* all ones: another of several addresses comes first from query to query; 0: always
                         the same */
  uint8_t cookie_secret[SIPHASH_KEY];
  uint32_t cookie_epoch_s;        /* seconds from 1970 to where now_ms begins */
  struct cookie_keys cookie_keys; /* of the day; made when needed */
  /* told of each question that is let in; NULL: nobody looks */
  void (*on_question)(void *ctx, const struct question *q);
  void *on_question_ctx;
  /* how it is, for this machine alone (chaos_asks_health); NULL: that is not told */
  const char *(*health)(void *ctx, uint64_t now_ms);
  void *health_ctx;
  bool is_watched; /* by one of the two below: serve_watch */
  struct query_log log;
  struct query_tap tap;
  uint32_t idle_ms; /* what clients that ask for it are told of their TCP connections (RFC 7828) */
};

/* From now on this holds; copied. */
void serve_set_policy(struct query_service *s, const struct serve_policy *policy);

/* To be called when what its log or its tap wants has changed. */
void serve_watch(struct query_service *s);

/* Answers the query of len octets at msg from this client: writes into out (at least DNS_MSG_MAX octets for
 * TCP, DNS_UDP_MAX for UDP) and returns the answer's length; 0 when the packet deserves silence; SERVE_LATER
 * when client->deliver will be called with it. Neither blocks nor allocates unless it returns SERVE_LATER. */
int serve_query(struct query_service *s, const uint8_t *msg, size_t len, const struct client *client,
                uint64_t now_ms, uint8_t *out);

/* The same for a question that was read and may be asked: from a local zone, from the cache, else it waits.
 */
struct serve_result serve_question(struct query_service *s, const struct query *q,
                                   const struct client *client, uint64_t now_ms, uint8_t *out);

/* One query was answered so, and counts as that. len: octets, or SERVE_LATER. */
static inline struct serve_result serve_result(struct query_service *s, enum served how, int len) {
  served_count(s->counters, how);
  return (struct serve_result){how, len};
}
#endif
