/* test_query_log.c: a line a query: who asked what, and what came of it. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "dns/ttl.h"
#include "server/rig.h"

static uint8_t got[65536];

/* What the log has said, with the ports of clients, which are anybody's, as 0. */
static const char *said(void) {
  static char raw[20000], text[20000];
  size_t n = 0;
  fflush(stderr);
  raw[fread(raw, 1, sizeof raw - 1, cr_get_redirected_stderr())] = 0;
  for (const char *p = raw; *p;) {
    text[n++] = *p++;
    if (text[n - 1] != ':' || *p < '0' || *p > '9') continue;
    while (*p >= '0' && *p <= '9') p++;
    text[n++] = '0';
  }
  text[n] = 0;
  return text;
}

static struct rig *rig_logging(uint32_t every) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  query_log_set(&r->serve.log, every);
  serve_watch(&r->serve);
  return r;
}

static void ask(struct rig *r, int fd, const char *name, uint16_t id) {
  client_ask(fd, name, id);
  cr_assert_gt(client_hear(r, fd, got, sizeof got, NULL), 0);
}

Test(query_log, says_who_asked_what_and_how_it_was_answered, .init = cr_redirect_stderr) {
  struct rig *r = rig_logging(1);
  rig_know(r, "known.lab", 1);
  int udp = client_udp(r), tcp = client_tcp(r);
  ask(r, udp, "KNOWN.lab", 1);
  client_ask_tcp(tcp, "known.lab", 2);
  cr_assert_gt(client_hear_tcp(r, tcp, got), 0);
  cr_expect_str_eq(said(), "info query: 127.0.0.1:0 udp known.lab. A NOERROR hit 0 ms\n"
                           "info query: 127.0.0.1:0 tcp known.lab. A NOERROR hit 0 ms\n");
  close(udp);
  close(tcp);
  rig_free(r);
}

Test(query_log, says_how_long_a_miss_took, .init = cr_redirect_stderr) {
  struct rig *r = rig_logging(1);
  int udp = client_udp(r);
  client_ask(udp, "asked.lab", 1);
  rig_asked(r, 1);
  skip_ms(120);
  rig_answer(r, 0);
  cr_assert_gt(client_hear(r, udp, got, sizeof got, NULL), 0);
  const char *text = said(), *head = "info query: 127.0.0.1:0 udp asked.lab. A NOERROR miss ";
  cr_assert(strncmp(text, head, strlen(head)) == 0, "%s", text);
  unsigned long ms = strtoul(text + strlen(head), NULL, 10);
  cr_expect(ms >= 119 && ms < 2000, "%lu", ms);
  close(udp);
  rig_free(r);
}

Test(query_log, names_what_is_no_question_and_what_is_refused, .init = cr_redirect_stderr) {
  static const uint8_t cut[] = {0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 'a'},
                       transfer[] = {0, 8, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'z', 0, 0, 252, 0, 1};
  struct rig *r = rig_logging(1);
  int udp = client_udp(r);
  cr_assert(send(udp, cut, sizeof cut, 0) > 0 && client_hear(r, udp, got, sizeof got, NULL) > 0);
  cr_assert(send(udp, transfer, sizeof transfer, 0) > 0 && client_hear(r, udp, got, sizeof got, NULL) > 0);
  cr_assert(send(udp, "x", 1, 0) > 0);
  rig_queries(r, 3);
  cr_expect_str_eq(said(), "info query: 127.0.0.1:0 udp - FORMERR malformed 0 ms\n"
                           "info query: 127.0.0.1:0 udp z. TYPE252 REFUSED refused 0 ms\n"
                           "info query: 127.0.0.1:0 udp - - ignored 0 ms\n");
  close(udp);
  rig_free(r);
}

Test(query_log, says_every_so_many_th_only, .init = cr_redirect_stderr) {
  struct rig *r = rig_logging(4);
  rig_know(r, "known.lab", 1);
  int udp = client_udp(r);
  for (uint16_t i = 0; i < 12; i++) ask(r, udp, "known.lab", i);
  unsigned lines = 0;
  for (const char *p = said(); *p; p++) lines += *p == '\n';
  cr_expect_eq(lines, 3);
  close(udp);
  rig_free(r);
}

Test(query_log, says_nothing_when_off_and_no_answer_when_the_client_waits_in_vain,
     .init = cr_redirect_stderr) {
  struct rig *r = rig_logging(0);
  rig_know(r, "known.lab", 1);
  int udp = client_udp(r);
  ask(r, udp, "known.lab", 1);
  cr_expect_str_empty(said());
  query_log_set(&r->serve.log, 1);
  serve_watch(&r->serve);
  client_ask(udp, "asked.lab", 1);
  rig_asked(r, 1);
  rig_stop(r);
  cr_expect(strstr(said(), "udp asked.lab. A SERVFAIL miss ") != NULL);
  close(udp);
  rig_free(r);
}

Test(query_log, sees_answers_as_faults_left_them, .init = cr_redirect_stderr) {
  struct rig *r = rig_logging(1);
  rig_know(r, "known.lab", 1);
  rig_rule(r, "name=known.lab refused");
  int udp = client_udp(r);
  ask(r, udp, "known.lab", 1);
  cr_expect_str_eq(said(), "info query: 127.0.0.1:0 udp known.lab. A REFUSED hit 0 ms\n");
  close(udp);
  rig_free(r);
}

Test(query_log, tells_a_stale_answer_behind_a_fault_too, .init = cr_redirect_stderr) {
  static struct made m;
  struct rig *r = rig_logging(1);
  struct forward_options o = *forward_options(r->forward);

  o.policy.max_stale_s = 3600;
  forward_set_options(r->forward, &o);
  made_a(&m, "old.lab", 1, 1, tick_of_ms(clock_ms()) - 100);
  cr_assert(cache_put(r->cache, &m.question, &m.answer, ORIGIN_QUERY, 0, 0));
  rig_rule(r, "delay=1");
  int udp = client_udp(r);
  client_ask(udp, "old.lab", 1);
  rig_asked(r, 1);
  skip_ms(STALE_PATIENCE_MS + 10);
  timers_run(&r->timers, clock_ms());
  cr_assert_gt(client_hear(r, udp, got, sizeof got, NULL), 0);
  const char *text = said();
  cr_expect(strstr(text, "udp old.lab. A NOERROR stale ") != NULL, "%s", text);
  close(udp);
  rig_free(r);
}

Test(query_log, keeps_a_querys_memory_for_the_next_until_it_is_off, .init = cr_redirect_stderr) {
  struct rig *r = rig_logging(1);
  rig_know(r, "known.lab", 1);
  int udp = client_udp(r);
  ask(r, udp, "known.lab", 1);
  const struct logged_query *spare = r->serve.log.spare;
  cr_assert_not_null(spare);
  ask(r, udp, "known.lab", 2);
  cr_expect_eq(r->serve.log.spare, spare);
  query_log_set(&r->serve.log, 0);
  cr_expect_null(r->serve.log.spare);
  close(udp);
  rig_free(r);
}
