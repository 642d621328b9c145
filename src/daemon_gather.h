/* What is known of the servers upstream, brought together from all workers. */
#ifndef JIDNS_DAEMON_GATHER_H
#define JIDNS_DAEMON_GATHER_H
#include "daemon.h"

enum { SERVERS_MOST = UPSTREAM_SERVERS * (1 + ROUTES_MOST) };

/* A habit that a server was found not to have; the shortest rest of all workers'. */
struct habit_sum {
  unsigned workers; /* that found so; 0: none */
  enum habit_why why;
  uint64_t retry_ms; /* until it is tried again, 0: with the next question */
};

/* One server of one set as all workers see it. */
struct server_sum {
  union addr addr;
  unsigned route;     /* 0: of the set for all names; else 1 + its place among the settings' forwards */
  unsigned up, known; /* workers that hold it up, that know its RTT */
  uint64_t srtt_ms_x8, asked, replies;
  unsigned rto_ms, silent; /* the worst */
  struct latency rtt;
  struct habit_sum habits[HABITS];
};

struct gathered {
  struct server_sum servers[SERVERS_MOST];
  unsigned server_count, in_flight;
};

/* "up", "down", or "not asked yet". */
const char *gathered_state(const struct server_sum *s);

/* Fills g; a short job in each worker. */
void daemon_gather(struct daemon *d, struct gathered *g);

/* The domain that a server is asked about, "" for all. */
const char *gathered_domain(const struct server_sum *s, const struct settings *settings,
                            char text[NAME_TEXT]);
#endif
