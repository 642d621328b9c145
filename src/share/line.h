/* The connection to the fleet's engine, Redis or Valkey: TCP, TLS or a Unix socket. Commands of a turn of the
 * loop leave in one write; replies come in their order.
 *
 *   RESTS -> FINDS its address, if it has a name -> CONNECTS, greets it and is let in -> UP, until the
 * connection is lost, or a reply does not come for LINE_SILENT_MS, or what comes is of no use -> RESTS.
 *
 * It rests for 250 ms at first, twice as long each time, LINE_REST_MAX_MS at most, and a random part less, so
 * that a fleet does not come back all at once. While a reply is late, by LINE_LATE_MS, nothing more is asked.
 */
#ifndef JIDNS_SHARE_LINE_H
#define JIDNS_SHARE_LINE_H
#include <uv.h>

#include "base/addr.h"
#include "base/random.h"
#include "base/timer.h"
#include "share/engine.h"
#include "share/line_target.h"
#include "share/resp.h"
#include "upstream/carrier.h"

enum {
  LINE_CONNECT_MS = 1000,
  LINE_LATE_MS = 20,
  LINE_SILENT_MS = 1000,
  LINE_REST_MS = 250,
  LINE_REST_MAX_MS = 16000,
  LINE_GOOD_MS = 5000, /* up for so long, and of use to a miss, its next rest is a first one */
  LINE_OUT_MAX = 1 << 20,
  LINE_WHY = 128
};

struct line_options {
  const struct resp_library *hiredis; /* all borrowed */
  const struct line_target *target;
  struct tls_context *trust;   /* of LINE_TLS; see line_use_trust */
  const char *user, *password; /* "": none */
  uv_loop_t *loop;
  struct timers *timers;
  struct random *random;
  /* Finds an address of a host's name; line_found is called with it, perhaps from within. NULL: there is none
   * but for addresses. */
  void (*find)(void *ctx, const char *name, uint64_t now_ms);
  void *find_ctx;
};

enum line_state { LINE_RESTS, LINE_FINDS, LINE_CONNECTS, LINE_UP, LINE_STATES };

struct line_facts {
  enum line_state state;
  char why[LINE_WHY];      /* RESTS: why; "" at first */
  uint64_t since_ms;       /* when it came into this state */
  uint64_t connects, lost; /* so far */
};

struct line;
struct line *line_new(const struct line_options *options); /* NULL when memory is out. It rests. */
struct engine *line_engine(struct line *l);                /* borrowed */
void line_start(struct line *l, uint64_t now_ms);
void line_found(struct line *l, const union addr *addr, uint64_t now_ms); /* NULL: it has no address */
/* Whom to trust from the next connection on; borrowed. NULL: as before. */
void line_use_trust(struct line *l, struct tls_context *trust);
void line_flush(struct line *l, uint64_t now_ms); /* what was sent leaves: at the end of a turn of the loop */
const struct line_facts *line_look(const struct line *l);
/* All requests are lost, and nothing more is done. Its handles close in the loop's next turns. Freed with
 * line_free. */
void line_stop(struct line *l, uint64_t now_ms);
void line_free(struct line *l);
#endif
