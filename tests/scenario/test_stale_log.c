/* test_stale_log.c: the log says once that stale answers go out, and once that they have ended. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "dns/name.h"
#include "scenario/kit.h"

#define SRV "_xmpp-server._tcp.d0.lab."
#define A "xmpp.d0.lab."
#define BEGINS "stale answers go out"
#define ENDS "stale answers have ended"

/* From now on what is logged goes into a file; the test's own process ends before anything else is written.
 */
static FILE *listen_to_log(void) {
  FILE *f = tmpfile();
  cr_assert(f && dup2(fileno(f), STDERR_FILENO) == STDERR_FILENO);
  return f;
}

/* Lines with this text in them. */
static unsigned times_said(FILE *f, const char *text) {
  char line[512];
  unsigned n = 0;
  fflush(stderr);
  rewind(f);
  while (fgets(line, sizeof line, f)) n += strstr(line, text) != NULL;
  return n;
}

static void expect_said(FILE *f, unsigned begins, unsigned ends) {
  cr_expect_eq(times_said(f, BEGINS), begins, "%u times begun", times_said(f, BEGINS));
  cr_expect_eq(times_said(f, ENDS), ends, "%u times ended", times_said(f, ENDS));
}

/* Knows two answers, both expired. */
static struct world *world_expired(void) {
  struct world *w = world_new(&(struct world_options){.forward.max_stale_s = 86400});
  zone_add_domain(&w->zone, 0, 60);
  client_ask_and_wait(w, SRV, TYPE_SRV, HOW_EDNS);
  client_ask_and_wait(w, A, TYPE_A, HOW_EDNS);
  world_run_ms(w, 61000);
  return w;
}

static void expect_stale(struct world *w, const char *name, uint16_t type, bool stale) {
  struct heard *h = client_ask_and_wait(w, name, type, HOW_EDNS);
  cr_expect_eq(heard_ede(h), stale ? EDE_STALE : -1);
}

Test(stale_log, says_once_that_stale_answers_begin_and_that_they_end) {
  struct world *w = world_expired();
  FILE *f = listen_to_log();
  world_fault(w, "", 0, FAULT_SERVFAIL);
  expect_said(f, 0, 0);

  expect_stale(w, SRV, TYPE_SRV, true);
  expect_stale(w, A, TYPE_A, true);
  for (unsigned i = 0; i < 20; i++) expect_stale(w, SRV, TYPE_SRV, true);
  expect_said(f, 1, 0);
  cr_expect_eq(times_said(f, BEGINS "; the first is for " SRV " SRV: upstream answered SERVFAIL"), 1);

  world_heal(w);
  world_run_ms(w, 35000);
  expect_stale(w, SRV, TYPE_SRV, false);
  expect_stale(w, A, TYPE_A, false);
  expect_said(f, 1, 1);
  world_free(w);
}

/* Servers that fail at one name alone: answers to others end nothing. */
Test(stale_log, says_no_end_while_stale_answers_go_on_for_one_name) {
  struct world *w = world_expired();
  FILE *f = listen_to_log();
  world_fault(w, SRV, TYPE_SRV, FAULT_SERVFAIL);
  for (unsigned i = 0; i < 10; i++) {
    char name[32];
    snprintf(name, sizeof name, "other%u.lab.", i);
    expect_stale(w, SRV, TYPE_SRV, true);
    world_run_ms(w, STALE_LOG_QUIET_MS - 2 * WORLD_DELAY_MS);
    expect_stale(w, name, TYPE_A, false);
  }
  expect_said(f, 1, 0);

  world_run_ms(w, STALE_LOG_QUIET_MS);
  expect_stale(w, "another.lab.", TYPE_A, false);
  expect_said(f, 1, 1);
  world_free(w);
}

/* What comes and goes would fill the journal. */
Test(stale_log, says_a_new_beginning_only_minutes_after_the_last_one) {
  struct world *w = world_expired();
  FILE *f = listen_to_log();
  for (unsigned i = 0; i < 5; i++) {
    world_fault(w, "", 0, FAULT_SERVFAIL);
    expect_stale(w, SRV, TYPE_SRV, true);
    world_heal(w);
    world_run_ms(w, 31000);
    expect_stale(w, SRV, TYPE_SRV, false);
    world_run_ms(w, 61000);
    if (i < 3) expect_said(f, 1, 1);
  }
  expect_said(f, 2, 2);
  world_free(w);
}

/* Made in the test's own frame: two sets beside each other. */
Test(stale_log, tells_apart_the_servers_of_a_domain_and_those_of_all_others) {
  struct routes *r = calloc(1, sizeof *r);
  struct stale_log *l = malloc(sizeof *l);
  struct question corp, other;
  uint8_t name[NAME_MAX_LEN];
  cr_assert(r && l);
  stale_log_init(l);
  r->count = 1;
  r->list[0].name_len = (uint8_t)name_parse("corp.lab.", r->list[0].name);
  question_make(&corp, name, name_parse("im.corp.lab.", name), TYPE_A, CLASS_IN, 0, 1);
  question_make(&other, name, name_parse("im.example.org.", name), TYPE_A, CLASS_IN, 0, 1);

  FILE *f = listen_to_log();
  stale_log_note(l, r, &corp, "no upstream answered in time", 1000);
  cr_expect_eq(times_said(f,
                          "stale answers go out for names in corp.lab.; the first is for im.corp.lab. A: no "
                          "upstream answered in time"),
               1);
  stale_log_note(l, r, &other, "no upstream answered in time", 2000);
  expect_said(f, 2, 0);

  stale_log_answered(l, r, &corp, 63000);
  cr_expect_eq(times_said(f, "stale answers for names in corp.lab. have ended after 62 s"), 1);
  expect_said(f, 2, 0);
  stale_log_answered(l, r, &corp, 64000);
  stale_log_answered(l, r, &other, 65000);
  expect_said(f, 2, 1);
  cr_expect_eq(l->open, 0);
  free(l);
  free(r);
}
