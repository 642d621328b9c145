/* restart.c: how long a snapshot takes to be written and loaded: `restart FILE [NAMES]`. Prints a line for
 * each, with seconds on the clock and of the processor; `make restart` runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/must.h"
#include "cache/snapshot.h"
#include "dns/ttl.h"
#include "kit/made.h"

enum { TTL_S = 86400, NAMES = 500000, CACHE_OCTETS_EACH = 400 };

static double seconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* By turns an address, and an SRV answer with its target's addresses. */
static void put(struct cache *c, struct made *m, unsigned i, uint32_t stored_at) {
  char name[64], target[64];
  if (i % 2) {
    snprintf(name, sizeof name, "d%u.lab", i);
    made_a(m, name, TTL_S, 1, stored_at);
  } else {
    snprintf(name, sizeof name, "_xmpp-client._tcp.d%u.lab", i);
    snprintf(target, sizeof target, "x0.d%u.lab", i);
    made_start(m, name, TYPE_SRV, RCODE_NOERROR);
    made_add(m, SECTION_ANSWER, name, TYPE_SRV, TTL_S, rd_srv(1, 2, 5222, target));
    made_add(m, SECTION_ADDITIONAL, target, TYPE_A, TTL_S, rd_a("192.0.2.1"));
    made_add(m, SECTION_ADDITIONAL, target, TYPE_AAAA, TTL_S, rd_aaaa("2001:db8::1"));
    made_done(m, stored_at);
  }
  must(cache_put(c, &m->question, &m->answer, ORIGIN_QUERY, 0, 0));
}

int main(int argc, char **argv) {
  struct snapshot_report report;
  struct snapshot_now now = {.wall_ms = clock_ms() + (uint64_t)clock_epoch_ms(),
                             .tick = tick_of_ms(clock_ms())};
  unsigned names = argc > 2 ? (unsigned)atoi(argv[2]) : NAMES;
  struct made *m = must_alloc(sizeof *m);

  if (argc < 2) return 2;
  struct cache *from = cache_new((size_t)names * CACHE_OCTETS_EACH, KIT_SEED),
               *to = cache_new((size_t)names * CACHE_OCTETS_EACH, 1);
  must(from && to);
  for (unsigned i = 0; i < names; i++) put(from, m, i, now.tick);
  for (unsigned load = 0; load < 2; load++) {
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    enum snapshot_outcome outcome = load ? snapshot_load(to, argv[1], &now, TTL_S, NULL, &report)
                                         : snapshot_write(from, argv[1], &now, NULL, &report);
    wall = seconds(CLOCK_MONOTONIC) - wall;
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("%s %zu answers: %.3f s, processor %.3f s\n", load ? "loaded" : "written", report.entries, wall,
           cpu);
    if (outcome != SNAPSHOT_GOOD || report.entries != names) return 1;
  }

  cache_free(from);
  cache_free(to);
  free(m);
  return 0;
}
