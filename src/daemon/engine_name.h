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
  unsigned failed;   /* attempts that came to no connection: after each it is another address's turn */
  uint64_t connects; /* of link, at the attempt before */
  bool is_asking, asked_before;
  bool is_second; /* type asked: the first had no address */
  bool is_over;   /* the daemon stops: nothing more is asked */
};

/* Finds an address and tells line_found; NULL when there is none. IPv4 at first, or else IPv6; while attempts
 * fail the other way round each second time, and the next of several addresses each time after that. One that
 * could be connected to is taken again. */
void engine_name_find(void *ctx, const char *name, uint64_t now_ms);
#endif
