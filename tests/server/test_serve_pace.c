/* test_serve_pace.c: late answers leave at a pace. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/serve_pace.h"

enum { ANSWER = 1232, QUERY = 60, START_MS = 5000 };

static struct pace pace;
static const uint8_t answer[ANSWER];

static struct client of(const char *host) {
  struct client c = {.deliver = NULL};
  cr_assert(addr_parse(host, 1000, &c.peer));
  return c;
}

static void start(void) { pace_init(&pace, 7); }

TestSuite(pace, .init = start);

/* What leaves at this time. */
static size_t leaves(uint64_t now_ms) {
  size_t octets = 0;
  for (struct paced *d; (d = pace_next(&pace, now_ms)); free(d)) octets += d->len;
  return octets;
}

Test(pace, a_few_answers_leave_at_once) {
  for (unsigned i = 0; i < 20; i++) cr_expect(pace_may(&pace, 300, START_MS), "the %uth", i);
  cr_expect_not(pace_may(&pace, 300, START_MS));
  cr_expect(pace_may(&pace, 300, START_MS + 1), "and as many again soon");
}

Test(pace, a_pulse_is_at_most_ten_times_what_came_in) {
  enum { EACH_MS = 6, GATHER_MS = 2500 }; /* 3 Mbit/s */
  struct client c = of("10.0.0.7");
  size_t most = 0, ten_ms = 0, all = 0, kept = 0;
  char host[32];

  for (uint64_t ms = 0; ms < GATHER_MS; ms++) {
    for (unsigned i = 0; i < EACH_MS; i++) pace_came(&pace, QUERY, START_MS + ms);
  }

  for (unsigned i = 0; i < EACH_MS * GATHER_MS; i++) {
    snprintf(host, sizeof host, "10.0.%u.%u", i / 250, i % 250);
    c = of(host);
    if (pace_may(&pace, ANSWER, START_MS + GATHER_MS)) ten_ms += ANSWER;
    else kept += pace_keep(&pace, &c, answer, ANSWER);
  }

  cr_expect_gt(kept, 1000);
  for (uint64_t ms = 0; !pace_is_empty(&pace); ms++) {
    cr_assert_lt(ms, 10000, "it goes on leaving");
    size_t now = leaves(START_MS + GATHER_MS + ms);
    ten_ms += now;
    all += now;
    if (ms % 10 != 9) continue;
    if (ten_ms > most) most = ten_ms;
    ten_ms = 0;
  }

  cr_expect_leq(most, 10 * EACH_MS * QUERY * 10, "%zu octets in the busiest 10 ms", most);
  cr_expect_eq(all, kept * ANSWER);
  cr_expect_null(pace.lanes, "nothing is kept for it any more");
}

Test(pace, a_host_with_few_does_not_wait_behind_one_with_many) {
  struct client many = of("10.0.0.7"), few = of("10.0.0.8");
  unsigned before = 0, kept = 0;

  while (pace_may(&pace, ANSWER, START_MS)) {
  }

  for (unsigned i = 0; i < 3000; i++) kept += pace_keep(&pace, &many, answer, ANSWER);
  cr_expect_leq(kept * ANSWER, PACE_QUEUED / 4, "one host has a quarter of the places");
  cr_assert(pace_keep(&pace, &few, answer, 100));
  for (uint64_t ms = 0; ms < 1000; ms++) {
    for (struct paced *d; (d = pace_next(&pace, START_MS + ms));) {
      bool is_few = d->len == 100;
      free(d);
      if (is_few) ms = 1000;
      else before++;
      if (is_few) break;
    }
  }

  cr_expect_leq(before, 2, "%u went before it", before);
  while (!pace_is_empty(&pace)) leaves(pace.at_ms + 100);
}
