/* The address of the fleet's engine, if it was given as a host's name: asked of this daemon itself, zones and
 * all, as a client of this machine would. */
#ifndef JIDNS_DAEMON_ENGINE_NAME_H
#define JIDNS_DAEMON_ENGINE_NAME_H
#include "server/serve.h"
#include "share/line.h"

/* One at a time. All zero but for the first two, which are borrowed. */
struct engine_name {
  struct query_service *serve;
  struct line *link;
  struct question question;
  bool is_asking;
  bool is_over; /* the daemon stops: nothing more is asked */
};

/* Finds an IPv4 address, or else an IPv6 one, and tells line_found; NULL when there is none. */
void engine_name_find(void *ctx, const char *name, uint64_t now_ms);
#endif
