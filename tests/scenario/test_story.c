/* test_story.c: the debug log tells what is done for a domain, and why, line by line; the lines of one domain
 * are found by its name. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "scenario/kit.h"

enum { LINES = 64 };

/* From now on what is logged goes into a file; the test's own process ends before anything else is written.
 */
static FILE *listen_to_log(void) {
  FILE *f = tmpfile();
  cr_assert(f && dup2(fileno(f), STDERR_FILENO) == STDERR_FILENO);
  log_set_level(LOG_DEBUG);
  return f;
}

/* What was logged since the last call must be these lines, each but for "debug " in front. */
static void expect_lines(FILE *f, const char *const *want, unsigned n) {
  static long from;
  char line[512];
  unsigned i = 0;
  fflush(stderr);
  fseek(f, from, SEEK_SET);
  for (; fgets(line, sizeof line, f); i++) {
    line[strcspn(line, "\n")] = 0;
    const char *told = strncmp(line, "debug ", 6) == 0 ? line + 6 : line;
    cr_expect_str_eq(told, i < n ? want[i] : "nothing more");
  }
  cr_expect_eq(i, n, "%u lines, %u expected", i, n);
  from = ftell(f);
}
#define EXPECT_LINES(f, ...)                                                                                 \
  expect_lines(f, (const char *const[]){__VA_ARGS__},                                                        \
               sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* Used in the second half of its life, it is asked again behind its end. */
static void expect_renewal(struct world *w, FILE *f) {
  world_run_ms(w, 40000);
  client_ask(w, "_xmpp-server._tcp.d.lab.", TYPE_SRV, HOW_DO);
  world_run_ms(w, 22000);
  client_ask(w, "_xmpp-server._tcp.d.lab.", TYPE_SRV, HOW_DO);
  EXPECT_LINES(
      f, "xmpp: _xmpp-server._tcp.d.lab. SRV: in use, to be asked again in 21 s",
      "xmpp: host.else.lab. A: in use, to be asked again in 21 s",
      "xmpp: host.else.lab. AAAA: in use, to be asked again in 21 s",
      "xmpp: _xmpp-server._tcp.d.lab. SRV: 2 records of addresses added, 0 sets lacking",
      "xmpp: _xmpp-server._tcp.d.lab. SRV: in use, asked again",
      "forward: _xmpp-server._tcp.d.lab. SRV: asking 192.0.2.1:53",
      "xmpp: host.else.lab. AAAA: in use, asked again", "forward: host.else.lab. AAAA: asking 192.0.2.1:53",
      "xmpp: host.else.lab. A: in use, asked again", "forward: host.else.lab. A: asking 192.0.2.1:53",
      "xmpp: _xmpp-server._tcp.d.lab. SRV: 2 records of addresses added, 0 sets lacking",
      "forward: _xmpp-server._tcp.d.lab. SRV: answered after 40 ms, 1 records, 2 added, kept for 60 s, "
      "nobody waits",
      "forward: host.else.lab. AAAA: answered after 40 ms, 1 records, 0 added, kept for 60 s, nobody waits",
      "forward: host.else.lab. A: answered after 40 ms, 1 records, 0 added, kept for 60 s, nobody waits",
      "xmpp: _xmpp-server._tcp.d.lab. SRV: 2 records of addresses added, 0 sets lacking",
      "server: _xmpp-server._tcp.d.lab. SRV: was renewed: a round trip saved",
      "xmpp: _xmpp-server._tcp.d.lab. SRV: in use, to be asked again in 60 s");
}

/* It was used again, once: that is worth one renewal more. */
static void expect_last_renewal(struct world *w, FILE *f) {
  world_run_ms(w, 65000);
  EXPECT_LINES(
      f, "xmpp: _xmpp-server._tcp.d.lab. SRV: in use, asked again",
      "forward: _xmpp-server._tcp.d.lab. SRV: asking 192.0.2.1:53",
      "forward: _xmpp-server._tcp.d.lab. SRV: answered after 40 ms, 1 records, 0 added, kept for 60 s, "
      "nobody waits",
      "xmpp: host.else.lab. A: prefetched, target of _xmpp-server._tcp.d.lab. SRV",
      "forward: host.else.lab. A: asking 192.0.2.1:53",
      "xmpp: host.else.lab. AAAA: prefetched, target of _xmpp-server._tcp.d.lab. SRV",
      "forward: host.else.lab. AAAA: asking 192.0.2.1:53",
      "forward: host.else.lab. A: answered after 40 ms, 1 records, 0 added, kept for 60 s, nobody waits",
      "forward: host.else.lab. AAAA: answered after 40 ms, 1 records, 0 added, kept for 60 s, nobody waits");
  client_ask(w, "host.else.lab.", TYPE_A, HOW_DO);
  client_ask(w, "host.else.lab.", TYPE_AAAA, HOW_DO);
  EXPECT_LINES(f, "server: host.else.lab. A: was prefetched: a round trip saved",
               "server: host.else.lab. AAAA: was prefetched: a round trip saved");
  world_run_ms(w, 75000);
}

Test(story, of_a_domain_is_told_line_by_line) {
  struct world *w = world_new(&(struct world_options){
      .xmpp.prefetch = true, .xmpp.expand = XMPP_EXPAND_CACHED, .forward.max_stale_s = 86400});
  zone_add(&w->zone, "_xmpp-server._tcp.d.lab.", TYPE_SRV, 60, rd_srv(5, 0, 5269, "host.else.lab."));
  zone_add(&w->zone, "host.else.lab.", TYPE_A, 60, rd_a("192.0.2.1"));
  zone_add(&w->zone, "host.else.lab.", TYPE_AAAA, 60, rd_aaaa("2001:db8::1"));
  w->zone.negative_ttl = 60;
  FILE *f = listen_to_log();

  client_ask(w, "_xmpps-server._tcp.d.lab.", TYPE_SRV, HOW_DO);
  client_ask(w, "_xmpp-server._tcp.d.lab.", TYPE_SRV, HOW_DO);
  EXPECT_LINES(f, "forward: _xmpps-server._tcp.d.lab. SRV: a client asks",
               "forward: _xmpps-server._tcp.d.lab. SRV: asking 192.0.2.1:53",
               "xmpp: _xmpp-server._tcp.d.lab. SRV: prefetched, sibling of _xmpps-server._tcp.d.lab. SRV",
               "forward: _xmpp-server._tcp.d.lab. SRV: asking 192.0.2.1:53",
               "xmpp: d.lab. A: prefetched, domain of _xmpps-server._tcp.d.lab. SRV",
               "forward: d.lab. A: asking 192.0.2.1:53",
               "xmpp: d.lab. AAAA: prefetched, domain of _xmpps-server._tcp.d.lab. SRV",
               "forward: d.lab. AAAA: asking 192.0.2.1:53",
               "forward: _xmpp-server._tcp.d.lab. SRV: prefetched, a client joins");

  world_run_ms(w, WORLD_DELAY_MS);
  EXPECT_LINES(
      f, "forward: _xmpps-server._tcp.d.lab. SRV: NXDOMAIN after 40 ms, 0 records, 0 added, kept for 60 s",
      "forward: _xmpp-server._tcp.d.lab. SRV: answered after 40 ms, 1 records, 0 added, kept for 60 s",
      "xmpp: host.else.lab. A: prefetched, target of _xmpp-server._tcp.d.lab. SRV",
      "forward: host.else.lab. A: asking 192.0.2.1:53",
      "xmpp: host.else.lab. AAAA: prefetched, target of _xmpp-server._tcp.d.lab. SRV",
      "forward: host.else.lab. AAAA: asking 192.0.2.1:53",
      "forward: d.lab. A: NODATA after 40 ms, 0 records, 0 added, kept for 60 s, nobody waits",
      "forward: d.lab. AAAA: NODATA after 40 ms, 0 records, 0 added, kept for 60 s, nobody waits");

  client_ask(w, "host.else.lab.", TYPE_A, HOW_DO);
  world_run_ms(w, WORLD_DELAY_MS);
  client_ask(w, "host.else.lab.", TYPE_AAAA, HOW_DO);
  EXPECT_LINES(
      f, "forward: host.else.lab. A: prefetched, a client joins",
      "forward: host.else.lab. A: answered after 40 ms, 1 records, 0 added, kept for 60 s",
      "forward: host.else.lab. AAAA: answered after 40 ms, 1 records, 0 added, kept for 60 s, nobody waits",
      "server: host.else.lab. AAAA: was prefetched: a round trip saved");

  expect_renewal(w, f);
  expect_last_renewal(w, f);

  world_fault(w, "", 0, FAULT_SERVFAIL);
  client_ask_and_wait(w, "_xmpp-server._tcp.d.lab.", TYPE_SRV, HOW_DO);
  client_ask_and_wait(w, "_xmpp-server._tcp.d.lab.", TYPE_SRV, HOW_DO);
  EXPECT_LINES(f, "forward: _xmpp-server._tcp.d.lab. SRV: a client asks",
               "forward: _xmpp-server._tcp.d.lab. SRV: asking 192.0.2.1:53",
               "xmpp: _xmpps-server._tcp.d.lab. SRV: prefetched, sibling of _xmpp-server._tcp.d.lab. SRV",
               "forward: _xmpps-server._tcp.d.lab. SRV: asking 192.0.2.1:53",
               "xmpp: host.else.lab. A: prefetched, remembered target of _xmpp-server._tcp.d.lab. SRV",
               "forward: host.else.lab. A: asking 192.0.2.1:53",
               "xmpp: host.else.lab. AAAA: prefetched, remembered target of _xmpp-server._tcp.d.lab. SRV",
               "forward: host.else.lab. AAAA: asking 192.0.2.1:53",
               "forward: _xmpp-server._tcp.d.lab. SRV: 192.0.2.1:53: upstream answered SERVFAIL",
               "forward: _xmpp-server._tcp.d.lab. SRV: stale answer: upstream answered SERVFAIL",
               ("warn forward: stale answers go out; the first is for _xmpp-server._tcp.d.lab. SRV: upstream "
                "answered SERVFAIL"),
               "forward: _xmpps-server._tcp.d.lab. SRV: 192.0.2.1:53: upstream answered SERVFAIL",
               "forward: host.else.lab. A: 192.0.2.1:53: upstream answered SERVFAIL",
               "forward: host.else.lab. AAAA: 192.0.2.1:53: upstream answered SERVFAIL",
               "server: _xmpp-server._tcp.d.lab. SRV: stale answer at once: upstream is known to be failing");
  world_free(w);
}
