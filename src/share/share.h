/* A cache that the members of a fleet share: what one of them has asked, the others need not. A miss looks
 * here before a server is asked, and never waits for long; what servers answer is put in, and nobody waits
 * for that.
 *
 * Of several members that miss a name at once one gets a lease on it, and asks a server; the others look
 * again until its answer is there, for SHARE_LEASE_MS at most. Whatever else the engine does, or says, it
 * costs a miss some ms at most, and once it is known to be slow or away nothing; once leases are waited for
 * in vain nobody waits for them either. */
#ifndef JIDNS_SHARE_SHARE_H
#define JIDNS_SHARE_SHARE_H
#include "base/counter.h"
#include "base/timer.h"
#include "share/engine.h"
#include "share/entry.h"

enum {
  SHARE_WAIT_MIN_MS = 2,           /* a miss waits so long for the engine before a server is asked as well, */
  SHARE_WAIT_MAX_MS = 5,           /* or, where the engine usually takes longer, so long at most */
  SHARE_SLOW_MS = 20,              /* where it usually takes longer than that, no miss waits for it, */
  SHARE_LEARN_EVERY_MS = 1000,     /* and so often it is tried whether that is still so */
  SHARE_ASKING_MAX = 1000,         /* questions at a time */
  SHARE_STORES_OCTETS = 256 << 10, /* what the engine has not taken: then nothing is put in, */
  SHARE_OCTETS = 512 << 10,        /* and then nothing is asked */
  SHARE_LEASE_MS = FLEET_AWAIT_MS, /* so long it is one member's to ask a server */
  SHARE_UNSHARED_MS = 2000,        /* so long others know that what came of it is not for them */
  SHARE_VAIN_MAX = 3,              /* leases in a row whose answer did not come, and for */
  SHARE_VAIN_REST_MS = 30000,      /* so long nobody waits for others */
  SHARE_WRITE_REST_MS = 5000,      /* the engine takes no writes: so long none are tried */
  SHARE_CLOCK_EVERY_MS = 60000,
  SHARE_WHY = 96
};

struct share_options {
  const struct mac_key *mac; /* all borrowed */
  struct engine *engine;
  struct timers *timers;
  struct counters *counters;
  const char *space; /* the namespace */
  bool is_reader;    /* never writes */
};

struct share;
struct share *share_new(const struct share_options *options); /* NULL when memory is out */
/* When the engine has lost all its requests, and forward has dropped its own. */
void share_free(struct share *s);

const struct fleet *share_fleet(const struct share *s); /* for forward; borrowed */

/* Takes a name's answers of the types 1 to SHARE_FLUSH_TYPES, with and without DNSSEC's records, out of the
 * engine; the name in any case, without compression. views: those of forward. False: the engine can't be
 * asked now, or this is a reader. True: it was told; if it refuses, the log says so. */
enum { SHARE_FLUSH_TYPES = 260 /* all that have a number but for private ones, TA and DLV */ };
bool share_flush(struct share *s, const uint8_t *name, size_t len, const uint64_t *views, unsigned n,
                 uint64_t now_ms);

/* Why the engine took no write when one was last tried, in its words; "": it did, or nobody tried. */
const char *share_write_trouble(const struct share *s);
#endif
