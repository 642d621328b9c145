/* The connection to the fleet's engine, Redis or Valkey: TCP, TLS or a Unix socket. Commands of a turn of the
 * loop leave in one write; replies come in their order.
 *
 *   RESTS -> FINDS its address, if it has a name -> CONNECTS, greets it and is let in -> UP, until the
 * connection is lost, or a reply does not come for LINK_SILENT_MS, or what comes is of no use -> RESTS.
 *
 * It rests for 250 ms at first, twice as long each time, LINK_REST_MAX_MS at most, and a random part less, so
 * that a fleet does not come back all at once. While a reply is late, by LINK_LATE_MS, nothing more is asked.
 */
#ifndef JIDNS_SHARE_LINK_H
#define JIDNS_SHARE_LINK_H
#include <uv.h>

#include "base/addr.h"
#include "base/random.h"
#include "base/timer.h"
#include "share/engine.h"
#include "share/link_target.h"
#include "share/resp.h"
#include "upstream/carrier.h"

enum {
  LINK_CONNECT_MS = 1000,
  LINK_LATE_MS = 20,
  LINK_SILENT_MS = 1000,
  LINK_REST_MS = 250,
  LINK_REST_MAX_MS = 16000,
  LINK_GOOD_MS = 5000, /* up for so long, its next rest is a first one */
  LINK_OUT_MAX = 1 << 20,
  LINK_WHY = 128,
  LINK_WORD = 128 /* octets of a user's name or password, with its NUL */
};

struct link_options {
  const struct resp_library *library; /* all borrowed */
  const struct link_target *target;
  struct tls_context *trust;   /* of LINK_TLS */
  const char *user, *password; /* "": none */
  uv_loop_t *loop;
  struct timers *timers;
  struct random *random;
  /* Finds an address of a host's name; link_found is called with it, perhaps from within. NULL: there is none
   * but for addresses. */
  void (*find)(void *ctx, const char *name, uint64_t now_ms);
  void *find_ctx;
};

enum link_state { LINK_RESTS, LINK_FINDS, LINK_CONNECTS, LINK_UP, LINK_STATES };

struct link_facts {
  enum link_state state;
  char why[LINK_WHY];      /* RESTS: why; "" at first */
  uint64_t since_ms;       /* when it came into this state */
  uint64_t connects, lost; /* so far */
};

struct link;
struct link *link_new(const struct link_options *options); /* NULL when memory is out. It rests. */
struct engine *link_engine(struct link *l);                /* borrowed */
void link_start(struct link *l, uint64_t now_ms);
void link_found(struct link *l, const union addr *addr, uint64_t now_ms); /* NULL: it has no address */
void link_flush(struct link *l, uint64_t now_ms); /* what was sent leaves: at the end of a turn of the loop */
const struct link_facts *link_look(const struct link *l);
/* All requests are lost, and nothing more is done. Its handles close in the loop's next turns. Freed with
 * link_free. */
void link_stop(struct link *l, uint64_t now_ms);
void link_free(struct link *l);
#endif
