/* What the daemon has to prove answers by: the library, trust anchors, the time of day. The main thread makes
 * it; workers share what they are handed, and only read it. */
#ifndef JIDNS_DAEMON_PROVER_H
#define JIDNS_DAEMON_PROVER_H
#include <stdatomic.h>

#include "dnssec/anchors.h"
#include "forward/prove_log.h"
#include "rr/zonefile.h"
#include "settings/settings.h"

struct prover {
  struct verifier *verifier;  /* NULL: nothing had to be proven yet */
  struct anchors *anchors;    /* in force; NULL: nothing is proven */
  int64_t floor_s;            /* what the time of day can't be before; 0: that of the build */
  atomic_bool clock_is_wrong; /* and the log was told */
  struct prove_log log;
};

void prover_init(struct prover *p);
void prover_free(struct prover *p);

/* Loads the library and ldns where s needs them, and reads the anchors: *out is NULL where nothing is to be
 * proven, what p has where that is the same, else what prover_use is to be given. reader: ldns, NULL: not
 * loaded yet; is_filtered: system calls are, and nothing can be loaded any more. False, and said on err, when
 * it can't be had. */
bool prover_prepare(struct prover *p, const struct settings *s, struct zonefile **reader, bool is_filtered,
                    struct anchors **out, FILE *err);
/* They are in force for all workers: those before are freed. */
void prover_use(struct prover *p, struct anchors *anchors);
/* They are not to be. */
void prover_drop(const struct prover *p, struct anchors *anchors);

/* A hash of all by which answers are said to be authentic where these settings are in force: anchors, what
 * needs no proof, whose word is taken. The same after a restart. */
uint64_t prover_proven_by(const struct prover *p, const struct settings *s);

/* The time of day can't be before this. */
void prover_floor(struct prover *p, int64_t floor_s);

/* Seconds since 1970, 0 while the clock can't be right; the log hears when that begins and ends. ctx: the
 * prover. For struct proving; by any thread. */
uint32_t prover_clock_s(void *ctx, uint64_t now_ms);
#endif
