/* What is known of the servers upstream, brought together from all workers. */
#ifndef JIDNS_DAEMON_STATS_H
#define JIDNS_DAEMON_STATS_H
#include "daemon/daemon.h"

enum { SERVERS_MAX = UPSTREAM_SERVERS * (1 + ROUTES_MAX) };

/* A capability that a server was found not to have; the shortest rest of all workers'. */
struct capability_stats {
  unsigned workers; /* that found so; 0: none */
  enum capability_why why;
  uint64_t retry_ms; /* until it is tried again, 0: with the next question */
};

/* One server of one set as all workers see it. */
struct ns_stats {
  union addr addr;
  unsigned route;     /* 0: of the set for all names; else 1 + its place among the settings' forwards */
  unsigned up, known; /* workers that hold it up, that know its RTT */
  uint64_t srtt_ms_x8, asked, replies;
  unsigned rto_ms, silent; /* the worst */
  struct latency rtt;
  enum transport transport; /* that questions go over first; of a discovered way as soon as one worker's do */
  struct ns_way way;        /* of a plain one, with facts; WAY_NONE: none was discovered */
  struct channel_facts
      facts; /* of an encrypted one: the sum of all workers' counts, the rest of one of them */
  struct capability_stats capabilities[CAPABILITIES];
};

struct stats {
  struct ns_stats servers[SERVERS_MAX];
  unsigned server_count, in_flight;
};

/* "up", "down", or "not asked yet". */
const char *stats_state(const struct ns_stats *s);

/* Fills g; a short job in each worker. */
void stats_gather(struct daemon *d, struct stats *g);

/* The domain that a server is asked about, "" for all. */
const char *stats_domain(const struct ns_stats *s, const struct settings *settings, char text[NAME_TEXT]);
#endif
