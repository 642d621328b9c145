/* test_ctl.c: the commands that a running daemon answers, with a daemon that answers as it was told. */
#include "tool/ctl.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tool/show.h"

/* Takes one connection and sends answers[i] to its i-th request; hangs up behind the last. */
struct fake_daemon {
  pthread_t thread;
  int listener;
  const char *const *answers; /* NULL at the end */
  char heard[1024];           /* all requests */
  struct sockaddr_un name;
};

static struct fake_daemon fake;

static void *serve(void *unused) {
  int fd = accept(fake.listener, NULL, NULL);
  size_t len = 0;
  (void)unused;
  for (const char *const *answer = fake.answers; *answer; answer++) {
    ssize_t n = 1;
    do {
      n = recv(fd, fake.heard + len, 1, 0);
      if (n == 1) len++;
    } while (n == 1 && fake.heard[len - 1] != '\n');
    if (n != 1) break;
    send(fd, *answer, strlen(*answer), MSG_NOSIGNAL);
  }
  close(fd);
  return NULL;
}

static void fake_start(const char *const *answers) {
  fake = (struct fake_daemon){.answers = answers, .name.sun_family = AF_UNIX};
  snprintf(fake.name.sun_path, sizeof fake.name.sun_path, "/tmp/ctl.%d", (int)getpid());
  unlink(fake.name.sun_path);
  fake.listener = socket(AF_UNIX, SOCK_STREAM, 0);
  cr_assert(bind(fake.listener, (struct sockaddr *)&fake.name, sizeof fake.name) == 0 &&
            listen(fake.listener, 1) == 0);
  cr_assert_eq(pthread_create(&fake.thread, NULL, serve, NULL), 0);
}

static void fake_stop(void) {
  shutdown(fake.listener, SHUT_RDWR); /* nobody may have come */
  pthread_join(fake.thread, NULL);
  close(fake.listener);
  unlink(fake.name.sun_path);
}

/* Runs "flush --all", its words set apart by one blank; for JSON if this build has no text. */
static int run(unsigned mask, const char *line) {
  static char copy[256];
  static char *argv[18], json[8];
  struct cli c;
  int argc = 0;
  snprintf(copy, sizeof copy, "%s", line);
  for (char *rest = copy, *word; argc < 16 && (word = strsep(&rest, " "));) argv[argc++] = word;
  if (!show_has_json()) argv[argc++] = strcpy(json, "--json");
  argv[argc] = NULL;
  if (!cli_read(&c, argv[0], CLI_CONTROL | mask, argc, argv)) return CLI_USAGE;
  if (strncmp(line, "top", 3) == 0) return ctl_run_top(&c);
  return ctl_run(&c);
}

/* Runs a command against a daemon that answers so; the exit status. fake.heard is what it was asked. */
static int run_with(const char *const *answers, unsigned mask, const char *line) {
  fake_start(answers);
  setenv("JIDNS_CONTROL", fake.name.sun_path, 1);
  int status = run(mask, line);
  fake_stop();
  fflush(stdout);
  return status;
}

static void redirect(void) {
  cr_redirect_stdout();
  cr_redirect_stderr();
}

#define ANSWERS(...) ((const char *const[]){__VA_ARGS__, NULL})
static const char removed[] = "{\"ok\":true,\"removed\":2}\n";

TestSuite(ctl, .init = redirect);

Test(ctl, sends_what_was_typed_as_a_request) {
  static const struct {
    const char *line, *request;
  } rows[] = {
      {"flush --all", "flush --all\n"},
      {"flush --below Example.ORG", "flush --below Example.ORG.\n"},
      {"flush example.org srv", "flush example.org. TYPE33\n"},
      {"flush b\\046c.lab TYPE65280", "flush b\\.c.lab. TYPE65280\n"},
      {"flush .", "flush .\n"},
      {"fault list", "fault list\n"},
      {"fault add name=*.lab delay=200-900 servfail", "fault add \"name=*.lab delay=200-900 servfail\"\n"},
      {"fault add drop", "fault add \"drop\"\n"},
      {"fault clear 3", "fault clear 3\n"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    cr_expect_eq(run_with(ANSWERS(removed), CLI_NAMES | CLI_FLUSH, rows[i].line), CLI_FOUND, "%s",
                 rows[i].line);
    cr_expect_str_eq(fake.heard, rows[i].request);
  }

  cr_expect_eq(run_with(ANSWERS("{\"ok\":true}\n"), CLI_STATS, "stats --workers"), CLI_FOUND);
  cr_expect_str_eq(fake.heard, "stats --workers\n");
}

Test(ctl, refuses_what_is_no_request_before_it_connects) {
  static const char *const wrong[] = {
      "flush",         "flush a b c",       "flush --all a", "flush --all --below",
      "flush --below", "flush --below a A", "flush a bogus", "flush a..b",
      "status x",      "dump --below",      "dump a b",      "log-level \"x\"",
      "reload now",    "upstreams 1",       "fault",         "fault add",
      "fault list 1",  "fault clear 1 2",   "fault drop",    "fault add \"drop\""};
  setenv("JIDNS_CONTROL", "/nowhere", 1);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    cr_expect_eq(run(CLI_NAMES | CLI_FLUSH, wrong[i]), CLI_USAGE, "%s", wrong[i]);
  }
}

Test(ctl, passes_json_through) {
  cr_expect_eq(run_with(ANSWERS("{\"ok\":true,\"level\":\"in\\u0066o\"}\n"), 0, "log-level --json"),
               CLI_FOUND);
  cr_assert_stdout_eq_str("{\"ok\":true,\"level\":\"in\\u0066o\"}\n");
}

Test(ctl, tells_a_refusal_with_all_its_complaints) {
  if (!show_has_json()) cr_skip_test("built without jansson");
  cr_expect_eq(
      run_with(ANSWERS("{\"ok\":false,\"error\":\"wrong\",\"complaints\":[\"one\",\"two\"]}\n"), 0, "reload"),
      CLI_NOT_FOUND);
  cr_expect_eq(run_with(ANSWERS("{\"ok\":false,\"error\":\"reload: takes no words\"}\n"), 0, "reload"),
               CLI_NOT_FOUND);
  cr_assert_stderr_eq_str("jidns reload: wrong\none\ntwo\njidns reload: takes no words\n");
}

Test(ctl, prints_a_refusal_as_json_when_asked_to) {
  cr_expect_eq(run_with(ANSWERS("{\"ok\":false,\"error\":\"wrong\"}\n"), 0, "reload --json"), CLI_NOT_FOUND);
  cr_assert_stdout_eq_str("{\"ok\":false,\"error\":\"wrong\"}\n");
}

Test(ctl, says_that_an_answer_was_cut_off) {
  cr_expect_eq(run_with(ANSWERS("{\"ok\":tr"), 0, "status"), CLI_NO_ANSWER);
  char want[200];
  snprintf(want, sizeof want, "jidns status: %s: jidnsd hung up before its answer's end\n",
           fake.name.sun_path);
  cr_assert_stderr_eq_str(want);
}

Test(ctl, says_what_to_do_when_nobody_is_there) {
  setenv("JIDNS_CONTROL", "/nowhere/at/all", 1);
  cr_expect_eq(run(0, "status"), CLI_NO_ANSWER);
  cr_assert_stderr_eq_str("jidns status: /nowhere/at/all: No such file or directory; is jidnsd running, and "
                          "with this --control?\n");
}

Test(ctl, says_when_a_daemon_has_ended_and_left_its_file) {
  fake_start(ANSWERS(removed));
  setenv("JIDNS_CONTROL", fake.name.sun_path, 1);
  cr_expect_eq(run(CLI_FLUSH | CLI_NAMES, "flush --all"), CLI_FOUND);
  pthread_join(fake.thread, NULL);
  close(fake.listener);
  cr_expect_eq(run(0, "status"), CLI_NO_ANSWER);
  unlink(fake.name.sun_path);
  char want[200];
  snprintf(want, sizeof want, "jidns status: %s: Connection refused; jidnsd has ended\n", fake.name.sun_path);
  cr_assert_stderr_eq_str(want);
}

Test(ctl, prefers_the_option_and_needs_a_path_that_fits) {
  char line[200] = "status --control /";
  memset(line + strlen(line), 'x', 120);
  setenv("JIDNS_CONTROL", "/nowhere", 1);
  cr_expect_eq(run(0, line), CLI_NO_ANSWER);
  char want[300];
  snprintf(want, sizeof want, "jidns status: %s: too long for a socket's path\n", strchr(line, '/'));
  cr_assert_stderr_eq_str(want);
}

/* ---- as text ---- */

/* _xmpp-server._tcp.d.lab SRV 0 5 5269 x.d.lab with its address in the additional section, as a dump shows
 * it. */
static const char dumped[] = "{\"name\":\"_xmpp-server._tcp.d.lab.\",\"type\":33,\"class\":1,\"do\":true,"
                             "\"cd\":false,\"rcode\":0,\"age_s\":100,\"ttl_s\":200,"
                             "\"expired_s\":0,\"uses\":2,\"prefetched\":false,\"message\":\""
                             "000081800001000100000001"
                             "0c5f786d70702d736572766572045f746370016403"
                             "6c61620000210001"
                             "c00c002100010000012c000f"
                             "000000051495"
                             "0178016403"
                             "6c616200"
                             "0178c01e"
                             "0001000100000032"
                             "0004c0000201"
                             "\"}\n";

Test(ctl, adds_the_records_to_a_dump_in_json) {
  if (!show_has_json()) cr_skip_test("built without jansson");
  char answer[2000];
  snprintf(answer, sizeof answer, "%s{\"ok\":true,\"answers\":1}\n", dumped);
  cr_expect_eq(run_with(ANSWERS(answer), CLI_NAMES, "dump --json"), CLI_FOUND);
  char *first = strndup(dumped, strlen(dumped) - 2), want[3000];
  snprintf(want, sizeof want,
           "%s,\"answer\":[{\"name\":\"_xmpp-server._tcp.d.lab.\",\"ttl\":200,\"class\":\"IN\",\"type\":"
           "\"SRV\",\"data\":"
           "\"0 5 5269 "
           "x.d.lab.\"}],\"authority\":[],\"additional\":[{\"name\":\"x.d.lab.\",\"ttl\":0,\"class\":\"IN\","
           "\"type\":\"A\",\"data\":\"192.0.2.1\"}]}\n{\"ok\":true,\"answers\":1}\n",
           first);
  free(first);
  cr_assert_stdout_eq_str(want);
}

Test(ctl, prints_a_dump_as_a_zone_with_comments_and_counts_its_ttls_down) {
  if (!show_has_json()) cr_skip_test("built without jansson");
  char answer[2000];
  snprintf(answer, sizeof answer, "%s{\"ok\":true,\"answers\":1}\n", dumped);
  cr_expect_eq(run_with(ANSWERS(answer), CLI_NAMES, "dump d.lab"), CLI_FOUND);
  cr_assert_stdout_eq_str(
      "; _xmpp-server._tcp.d.lab. SRV +DO: NOERROR, 100 s old, 200 s left, asked for again twice\n"
      "_xmpp-server._tcp.d.lab.\t200\tIN\tSRV\t0 5 5269 x.d.lab.\n"
      "; additional: x.d.lab.\t0\tIN\tA\t192.0.2.1\n"
      "; 1 answer\n");
}

Test(ctl, prints_a_status_line_by_line) {
  if (!show_has_json()) cr_skip_test("built without jansson");
  run_with(
      ANSWERS(
          "{\"ok\":true,\"version\":\"1\",\"pid\":7,\"uptime_s\":3723,\"threads\":2,\"listen\":[\"127.0.0.1:"
          "53\",\"[::1]:53\"],"
          "\"upstreams\":[{\"address\":\"192.0.2.1:53\",\"up\":false}],\"in_flight\":1,\"cache\":{"
          "\"answers\":5,"
          "\"octets\":1048576,\"limit\":134217728},\"log_level\":\"info\",\"settings_file\":null,\"reload\":"
          "{\"good\":false,\"ago_s\":59}}\n"),
      0, "status");
  cr_assert_stdout_eq_str("version              1\n"
                          "pid                  7\n"
                          "running for          1 h 2 min\n"
                          "threads              2\n"
                          "listening on         127.0.0.1:53\n"
                          "                     [::1]:53\n"
                          "upstream             192.0.2.1:53 down\n"
                          "questions in flight  1\n"
                          "cache                5 answers, 1.0 of 128 MiB\n"
                          "log level            info\n"
                          "settings file        none\n"
                          "last reload          failed: the settings before it are in force, 59 s ago\n");
}

Test(ctl, says_what_is_remembered_of_servers_and_for_how_long) {
  if (!show_has_json()) cr_skip_test("built without jansson");
  run_with(
      ANSWERS(
          "{\"ok\":true,\"upstreams\":[{\"address\":\"192.0.2.1:53\",\"for\":\"\",\"up\":true,\"state\":"
          "\"not asked yet\","
          "\"srtt_ms\":null,\"rto_ms\":250,\"silent\":0,\"asked\":0,\"replies\":0,\"remembered\":[]},"
          "{\"address\":\"192.0.2.2:53\",\"for\":\"d.lab.\",\"up\":true,\"state\":\"up\",\"srtt_ms\":4,\"rto_"
          "ms\":104,"
          "\"silent\":2,\"asked\":9,\"replies\":9,\"remembered\":[{\"of\":\"cookies\",\"why\":\"no-cookies\","
          "\"text\":\"has no cookies\",\"retry_s\":299},{\"of\":\"udp\",\"why\":\"udp-silent\",\"text\":\"is "
          "mute\","
          "\"retry_s\":0}]}]}\n"),
      0, "upstreams");
  cr_assert_stdout_eq_str("SERVER        STATE          SRTT MS  RTO MS  ASKED  REPLIES  FOR\n"
                          "192.0.2.1:53  not asked yet  -        250     0      0        all\n"
                          "192.0.2.2:53  up             4.0      104     9      9        d.lab.\n"
                          "    tries in a row without a reply: 2\n"
                          "192.0.2.2:53 has no cookies; it is tried again in 4 min 59 s\n"
                          "192.0.2.2:53 is mute; it is tried again with the next question\n");
}

Test(ctl, shows_how_encrypted_servers_have_proven_themselves) {
  if (!show_has_json()) cr_skip_test("built without jansson");
  run_with(ANSWERS("{\"ok\":true,\"upstreams\":[{\"address\":\"192.0.2.1:853\",\"for\":\"\",\"up\":true,"
                   "\"state\":\"up\","
                   "\"srtt_ms\":4,\"rto_ms\":104,\"silent\":0,\"asked\":9,\"replies\":9,\"remembered\":[],"
                   "\"transport\":\"TLS\",\"tls\":{\"version\":\"TLSv1.3\",\"certificate_until\":"
                   "\"2027-01-02T03:04:05Z\",\"pin\":null,\"resumed\":true,\"handshakes\":3,"
                   "\"handshakes_resumed\":2,\"connections\":1,\"failure\":null,\"failure_text\":null}}]}\n"),
           0, "upstreams");
  cr_assert_stdout_eq_str("SERVER         STATE  SRTT MS  RTO MS  ASKED  REPLIES  FOR\n"
                          "192.0.2.1:853  up     4.0      104     9      9        all\n"
                          "\n"
                          "SERVER         OVER  VERSION  HANDSHAKES  RESUMED  VALID UNTIL  LAST FAILURE\n"
                          "192.0.2.1:853  TLS   TLSv1.3  3           2        2027-01-02   none\n");
}

Test(ctl, shows_in_top_what_happened_between_two_looks) {
  if (!show_has_json()) cr_skip_test("built without jansson");
#define LOOK(ms, queries, hits, waits, sum, asked, ahead, used)                                              \
  "{\"ok\":true,\"version\":\"1\",\"pid\":7,\"uptime_ms\":" #ms                                              \
  ",\"in_flight\":3,\"counters\":{\"queries\":" #queries ",\"hit\":" #hits ",\"miss\":" #waits               \
  ",\"background\":" #ahead ",\"saved\":" #used ",\"prefetch_joined_c2s\":" #used ",\"failed\":" #used       \
  ",\"prefetch_joined_s2s\":" #used "},\"latency\":{\"bounds_ms\":[1,10],\"counts\":[0," #waits              \
  ",0],\"sum_ms\":" #sum                                                                                     \
  "},\"cache\":{\"answers\":5,\"octets\":1048576,\"limit\":2097152,\"unused\":0},\"upstreams\":"             \
  "[{\"address\":\"192.0.2.1:53\",\"up\":true,\"srtt_ms\":4.5,\"asked\":" #waits ",\"replies\":" #waits      \
  "}],\"domains\":"                                                                                          \
  "[{\"domain\":\"d.lab.\",\"asked\":" #asked ",\"error\":0,\"waited\":9,\"stale\":1,\"failed\":2,"          \
  "\"wait_ms\":70,\"failure\":{\"service\":\"_xmpp-client\",\"text\":\"no upstream answered in "             \
  "time\",\"ago_s\":63}}],\"faults\":"                                                                       \
  "[{\"number\":4,\"rule\":\"servfail d.lab\",\"matched\":3,\"spoiled\":2}]}\n"
  int status = run_with(
      ANSWERS(LOOK(1000, 100, 50, 50, 100, 40, 10, 5), LOOK(3000, 300, 200, 100, 350, 80, 70, 15)), CLI_TOP,
      "top --once");
  cr_expect_eq(status, CLI_FOUND);
  cr_expect_str_eq(fake.heard, "top\ntop\n");
  cr_assert_stdout_eq_str("jidnsd 1, process 7, up 3 s, questions in flight 3\n\n"
                          "FAULTS IN FORCE: 1 rule spoils answers on purpose\n"
                          "  4: servfail d.lab (spoiled 2 of 3)\n\n"
                          "               NOW      SINCE THE START\n"
                          "queries        100.0/s  300\n"
                          "cache hits     75.0 %   66.7 %\n"
                          "waits saved    15.0/s   15\n"
                          "stale answers  0.0/s    0\n"
                          "failed         5.0/s    15\n"
                          "refused        0.0/s    0\n\n"
                          "waiting   25.0/s, mean 5.0 ms, half under 10 ms, 95 % under 10 ms\n"
                          "prefetch  30.0/s sent, 15.0/s used, 0.0/s unused\n"
                          "cache     5 answers, 1.0 of 2 MiB\n\n"
                          "UPSTREAM      STATE  SRTT MS  ASKED/S  REPLIES/S  FOR\n"
                          "192.0.2.1:53  up     4.5      25.0     25.0       all\n\n"
                          "XMPP DOMAIN  QUERIES/S  WAITED  STALE  FAILED\n"
                          "d.lab.       20.0       9       1      2\n"
                          "    last failure: _xmpp-client: no upstream answered in time, 1 min 3 s ago\n");
}

/* One domain with a service that failed and a walk that did, so many seconds ago. */
#define FAILURES(service_s, walk_s, outcome)                                                                 \
  "{\"ok\":true,\"version\":\"1\",\"pid\":7,\"uptime_ms\":9000,\"domains\":[{\"domain\":\"d.lab.\","         \
  "\"failed\":1,\"failure\":{\"service\":\"_xmpp-client\",\"text\":\"too late\",\"ago_s\":" #service_s       \
  "},\"contact\":{\"ago_s\":1,\"walks\":1,\"answers\":2,\"failure\":{\"role\":\"client\",\"outcome\":"       \
  "\"" outcome "\",\"text\":\"nowhere\",\"ago_s\":" #walk_s "}}}]}\n"

static void expect_last_failure(const char *answer, const char *want) {
  run_with(ANSWERS(answer, answer), CLI_TOP, "top --xmpp --once");
  fflush(stdout);
  char text[2000] = "";
  FILE *said = cr_get_redirected_stdout();
  cr_assert(fread(text, 1, sizeof text - 1, said) > 0);
  cr_expect(strstr(text, want), "%s", text);
  cr_expect(strstr(text, "\njidns check DOMAIN says what is wrong with one\n"), "%s", text);
}

Test(ctl, shows_in_top_xmpp_a_services_failure_that_came_after_a_walks) {
  if (!show_has_json()) cr_skip_test("built without jansson");
  expect_last_failure(FAILURES(5, 86400, "no-address"), "last failure: _xmpp-client: too late, 5 s ago");
}

Test(ctl, shows_in_top_xmpp_a_walks_failure_that_came_after_a_services) {
  if (!show_has_json()) cr_skip_test("built without jansson");
  expect_last_failure(FAILURES(86400, 5, "failed"), "last failure: client: nowhere, 5 s ago");
}

Test(ctl, shows_in_top_xmpp_by_which_service_a_walk_failed) {
  if (!show_has_json()) cr_skip_test("built without jansson");
  expect_last_failure(FAILURES(6, 5, "failed"), "last failure: _xmpp-client: too late, 6 s ago");
}

Test(ctl, says_in_top_that_nobody_got_an_answer_where_all_failed) {
  if (!show_has_json()) cr_skip_test("built without jansson");
  run_with(ANSWERS("{\"ok\":true,\"uptime_ms\":1000,\"counters\":{\"failed\":0}}\n",
                   "{\"ok\":true,\"uptime_ms\":2000,\"counters\":{\"failed\":16}}\n"),
           CLI_TOP, "top --once");
  fflush(stdout);
  char text[2000] = "";
  FILE *said = cr_get_redirected_stdout();
  cr_assert(fread(text, 1, sizeof text - 1, said) > 0);
  cr_expect(strstr(text, "waiting   nobody got an answer; 16.0/s failed\n"), "%s", text);
}

Test(ctl, says_that_the_daemon_is_gone_when_top_loses_it) {
  if (!show_has_json()) cr_skip_test("built without jansson");
  cr_expect_eq(run_with(ANSWERS("{\"ok\":true,\"uptime_ms\":1}\n"), CLI_TOP, "top --once"), CLI_NO_ANSWER);
  char want[200];
  snprintf(want, sizeof want, "jidns top: %s: jidnsd hung up before its answer's end\n", fake.name.sun_path);
  cr_assert_stderr_eq_str(want);
}
