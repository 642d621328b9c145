/* The parts of the fuzz target `control`: a server with commands of its own, the daemon's real commands over
 * a daemon without threads, and what the answers to requests should be. */
#ifndef JIDNS_FUZZ_CONTROL_H
#define JIDNS_FUZZ_CONTROL_H
#include "daemon/commands.h"
#include "ops/control.h"

/* ---- control_daemon.c ---- */

/* A daemon of one worker, which is no thread, a server that never replies, and a cache with answers of every
 * kind; its commands are taken on `listener`. stub_begin makes it what it was at first, whatever it was told.
 * Made once, borrowed for good. */
struct daemon *stub_daemon(void);
struct commands *stub_start(int listener);
void stub_stop(struct commands *c);
void stub_begin(void);

/* ---- control_expect.c ---- */

enum {
  STREAM_MAX = 8192,          /* octets of requests */
  LINES_MAX = 64,             /* requests to the target's own commands, */
  REAL_LINES_MAX = 4,         /* and to the daemon's: their answers are long */
  LONG_OCTETS_MAX = 160 << 10 /* octets of all answers to `long` in a run */
};

/* The words of `long N OCTETS`: false when they are none, or the answer would be more than what is left of
 * LONG_OCTETS_MAX, *left. */
bool long_read(unsigned argc, char *const *argv, size_t *left, unsigned *n, unsigned *octets);

/* Takes the requests apart; `ended`: no more follow. `real`: they are for the daemon's commands. */
void expect(const uint8_t *stream, size_t len, bool ended, bool real);

/* Is this what should be heard? whole: all of it; else it may break off anywhere. Breaks a must() if not. */
void expect_heard(const uint8_t *text, size_t len, bool whole);
#endif
