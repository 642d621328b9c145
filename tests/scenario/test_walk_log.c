/* test_walk_log.c: a line for each walk of an XMPP program to a domain, in virtual time. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "scenario/walk.h"

static struct world *w;
static FILE *said;

static uint64_t world_clock(void) { return w->now_ms; }

static void start(const struct world_options *o) {
  said = tmpfile();
  cr_assert(said && dup2(fileno(said), STDERR_FILENO) == STDERR_FILENO);
  w = world_new(o);
  w->wiring.serve.log.clock = world_clock;
  for (unsigned kind = 0; kind < 2 * KINDS; kind++) zone_add_domain(&w->zone, kind, 60);
}

static const struct world_options logging = {.xmpp = {.log_walks = true}},
                                  ahead = {.xmpp = {.log_walks = true, .prefetch = true}};

/* The last line of the log, without its line feed; "": none. */
static const char *last_line(unsigned *lines) {
  static char line[2][WALK_TEXT];
  *lines = 0;
  line[1][0] = 0;
  fflush(stderr);
  rewind(said);
  while (fgets(line[0], sizeof line[0], said)) {
    strcpy(line[1], line[0]);
    ++*lines;
  }
  line[1][strcspn(line[1], "\n")] = 0;
  return line[1];
}

#define expect_line(number, ...)                                                                             \
  do {                                                                                                       \
    unsigned lines;                                                                                          \
    const char *line = last_line(&lines);                                                                    \
    cr_expect_str_eq(line, __VA_ARGS__);                                                                     \
    cr_expect_eq(lines, number, "%u lines", lines);                                                          \
  } while (0)

static const struct program *prosody(void) { return &programs[PROGRAM_PROSODY]; }

Test(walk_log, says_how_a_program_got_to_a_domain_and_what_it_waited_for) {
  struct walk k;
  start(&logging);
  program_walk(prosody(), w, "d0.lab.", &k);
  expect_line(0u, "");
  world_run_ms(w, WALK_SILENCE_MS + 500);
  expect_line(1u, "info query: server at 127.0.0.1 reached d0.lab in 120 ms: 4 of 4 answers waited for; "
                  "xmpp.d0.lab:5269 by _xmpp-server");
  world_free(w);
}

Test(walk_log, says_that_what_was_prefetched_was_not_waited_for) {
  struct walk k;
  start(&ahead);
  program_walk(prosody(), w, "d0.lab.", &k);
  world_run_ms(w, WALK_SILENCE_MS + 500);
  expect_line(1u, "info query: server at 127.0.0.1 reached d0.lab in 80 ms: 3 of 4 answers waited for, "
                  "1 prefetched; xmpp.d0.lab:5269 by _xmpp-server");
  program_walk(prosody(), w, "d0.lab.", &k);
  world_run_ms(w, WALK_SILENCE_MS + 500);
  expect_line(2u, "info query: server at 127.0.0.1 reached d0.lab in 0 ms: 0 of 4 answers waited for; "
                  "xmpp.d0.lab:5269 by _xmpp-server");
  world_free(w);
}

Test(walk_log, says_what_failed) {
  start(&logging);
  world_server_fault(w, 0, FAULT_LOST);
  client_ask(w, "_xmpp-server._tcp.d0.lab.", TYPE_SRV, HOW_PLAIN);
  world_run_ms(w, 10000);
  expect_line(1u, "info query: server at 127.0.0.1 did not reach d0.lab: _xmpp-server._tcp.d0.lab. SRV: no "
                  "upstream answered in time; 1 of 1 answer waited for, 1 failed");
  world_free(w);
}

Test(walk_log, says_nothing_when_off_and_takes_no_memory) {
  struct walk k;
  start(&(struct world_options){0});
  program_walk(prosody(), w, "d0.lab.", &k);
  world_run_ms(w, 2000);
  expect_line(0u, "");
  cr_expect_null(w->walk_watch.walks);
  cr_expect_not(w->wiring.serve.log.is_on);
  world_free(w);
}

Test(walk_log, ends_with_the_resolver_and_says_what_was_so_far) {
  start(&logging);
  client_ask_and_wait(w, "_xmpp-client._tcp.d0.lab.", TYPE_SRV, HOW_PLAIN);
  world_free(w);
  unsigned lines;
  cr_expect(strstr(last_line(&lines),
                   "client at 127.0.0.1 did not reach d0.lab: it asked for services only") != NULL,
            "%s", last_line(&lines));
  cr_expect_eq(lines, 1u);
}

/* The lock is the daemon's; a hit that belongs to no walk does not wait for it, nor do those who look. */
Test(walk_log, makes_no_hit_wait_that_belongs_to_no_walk, .timeout = 20) {
  static struct contacts seen;
  start(&logging);
  client_ask_and_wait(w, "xmpp.d0.lab.", TYPE_A, HOW_PLAIN);
  pthread_mutex_lock(&w->walk_watch.lock);
  client_ask_and_wait(w, "xmpp.d0.lab.", TYPE_A, HOW_PLAIN);
  client_ask_and_wait(w, "xmpp.d0.lab.", TYPE_TXT, HOW_PLAIN);
  client_ask_and_wait(w, "_sip._tcp.d0.lab.", TYPE_SRV, HOW_PLAIN);
  walk_watch_contacts(&w->walk_watch, &seen);
  pthread_mutex_unlock(&w->walk_watch.lock);
  expect_line(0u, "");
  world_free(w);
}

Test(walk_log, counts_walks_that_are_open_until_they_are_over) {
  start(&logging);
  client_ask_and_wait(w, "_xmpp-server._tcp.d0.lab.", TYPE_SRV, HOW_PLAIN);
  cr_expect_eq(w->walk_watch.open, 1u);
  world_run_ms(w, WALK_SILENCE_MS + 500);
  cr_expect_eq(w->walk_watch.open, 0u);
  cr_expect_null(w->walk_watch.ended);
  world_free(w);
}
