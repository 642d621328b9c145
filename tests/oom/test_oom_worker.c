/* test_oom_worker.c: memory runs out at each allocation of a worker's, with sockets: while it is made, while
 * it prepares a reload, and while it serves clients over UDP and TCP from a server that is asked over both.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/worker.h"
#include "dns/frame.h"
#include "dns/special.h"
#include "oom/oom.h"
#include "server/listen.h"

enum { PATIENCE_POLL_MS = 5000, LINKS = 16, ROOM = 2048, NTH_MAX = 2000 };

/* A worker's clients and its server, all in this thread. */
struct ends {
  int udp, tcp, links[LINKS]; /* the server's: sockets, and connections that it took; -1: none */
  union addr server, listens;
  struct settings settings;
  struct cache *cache;
  struct prover prover; /* nothing is to be proven */
  struct worker *worker;
};

static unsigned fds(void) {
  unsigned n = 0;
  DIR *dir = opendir("/proc/self/fd");
  while (readdir(dir)) n++;
  closedir(dir);
  return n;
}

/* ---- the server ---- */

static int open_at(int type, union addr *at) {
  int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
  cr_assert(fd >= 0);
  if (bind(fd, &at->any, addr_len(at)) != 0 || (type == SOCK_STREAM && listen(fd, LINKS) != 0)) {
    close(fd);
    return -1;
  }
  cr_assert(getsockname(fd, &at->any, &(socklen_t){sizeof *at}) == 0);
  return fd;
}

static void server_open(struct ends *e) {
  for (e->tcp = -1; e->tcp < 0;) {
    cr_assert(addr_parse("127.0.0.1", 1, &e->server));
    e->server.v4.sin_port = 0;
    e->udp = open_at(SOCK_DGRAM, &e->server);
    e->tcp = open_at(SOCK_STREAM, &e->server);
    if (e->tcp < 0) close(e->udp);
  }
  for (unsigned i = 0; i < LINKS; i++) e->links[i] = -1;
}

static size_t question_end(const uint8_t *msg) {
  size_t at = DNS_HEADER;
  while (msg[at]) at += msg[at] + 1u;
  return at + 5;
}

/* The query becomes its answer; names that begin with t are truncated over UDP. */
static size_t reply_to(uint8_t *msg, bool tcp) {
  static const uint8_t record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1};
  size_t end = question_end(msg);
  bool cut = !tcp && msg[DNS_HEADER + 1] == 't';
  msg[2] = cut ? 0x87 : 0x85;
  msg[3] = 0x80;
  memset(msg + 6, 0, 6);
  msg[7] = !cut;
  memcpy(msg + end, record, sizeof record);
  return cut ? end : end + sizeof record;
}

static void server_take(struct ends *e, struct pollfd *polled) {
  uint8_t msg[ROOM];
  union addr from;
  ssize_t n;

  if (polled[0].revents &&
      (n = recvfrom(e->udp, msg, sizeof msg, 0, &from.any, &(socklen_t){sizeof from})) > 0) {
    sendto(e->udp, msg, reply_to(msg, false), 0, &from.any, addr_len(&from));
  }

  for (unsigned i = 0; i < LINKS; i++) {
    if (e->links[i] < 0 || !polled[2 + i].revents) continue;
    n = recv(e->links[i], msg, sizeof msg, 0);
    if (n > FRAME_HEAD) { /* one question at a time */
      size_t len = reply_to(msg + FRAME_HEAD, true);
      store_u16(msg, (uint16_t)len);
      send(e->links[i], msg, FRAME_HEAD + len, MSG_NOSIGNAL);
    } else {
      close(e->links[i]);
      e->links[i] = -1;
    }
  }

  for (unsigned i = 0; i < LINKS && polled[1].revents; i++) {
    if (e->links[i] >= 0) continue;
    e->links[i] = accept(e->tcp, NULL, NULL);
    break;
  }
}

/* Until there is something to read at fd: the server answers meanwhile. */
static void serve_until(struct ends *e, int fd, const char *what) {
  for (uint64_t end_ms = clock_ms() + PATIENCE_POLL_MS; clock_ms() < end_ms;) {
    struct pollfd polled[LINKS + 3] = {{.fd = e->udp, .events = POLLIN}, {.fd = e->tcp, .events = POLLIN}};
    for (unsigned i = 0; i < LINKS; i++) polled[2 + i] = (struct pollfd){.fd = e->links[i], .events = POLLIN};
    polled[LINKS + 2] = (struct pollfd){.fd = fd, .events = POLLIN};
    poll(polled, LINKS + 3, 100);
    server_take(e, polled);
    if (polled[LINKS + 2].revents) return;
  }
  cr_assert(false, "%s: no answer", what);
}

/* ---- the client ---- */

static size_t query_make(uint8_t *msg, const char *label) {
  static const uint8_t head[] = {0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0},
                       tail[] = {3, 'l', 'a', 'b', 0, 0, 1, 0, 1};
  size_t len = strlen(label), at = sizeof head;
  memcpy(msg, head, sizeof head);
  msg[at++] = (uint8_t)len;
  memcpy(msg + at, label, len);
  memcpy(msg + at + len, tail, sizeof tail);
  return at + len + sizeof tail;
}

/* Is it the truth, or SERVFAIL where that is allowed? */
static void check_reply(const uint8_t *msg, size_t len, bool may_fail, const char *label) {
  static const uint8_t truth[] = {192, 0, 2, 1};
  cr_assert(len > DNS_HEADER && msg[1] == 7 && msg[2] & 0x80, "%s: %zu octets", label, len);
  if (may_fail && (msg[3] & 15) == 2) return;
  cr_assert((msg[3] & 15) == 0 && msg[7] == 1 && memcmp(msg + len - 4, truth, 4) == 0,
            "%s: RCODE %u, %u records", label, msg[3] & 15, msg[7]);
}

static void ask_udp(struct ends *e, const char *label, bool may_fail) {
  uint8_t msg[ROOM];
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  cr_assert(connect(fd, &e->listens.any, addr_len(&e->listens)) == 0);
  cr_assert(send(fd, msg, query_make(msg, label), 0) > 0);
  serve_until(e, fd, label);
  ssize_t n = recv(fd, msg, sizeof msg, 0);
  check_reply(msg, n > 0 ? (size_t)n : 0, may_fail, label);
  close(fd);
}

/* Want of memory may cost the connection. */
static void ask_tcp(struct ends *e, const char *label, bool may_fail) {
  uint8_t msg[ROOM];
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  cr_assert(connect(fd, &e->listens.any, addr_len(&e->listens)) == 0);
  size_t len = query_make(msg + FRAME_HEAD, label);
  store_u16(msg, (uint16_t)len);
  send(fd, msg, FRAME_HEAD + len, MSG_NOSIGNAL);
  serve_until(e, fd, label);
  ssize_t n = recv(fd, msg, sizeof msg, 0);
  if (n > FRAME_HEAD) check_reply(msg + FRAME_HEAD, (size_t)n - FRAME_HEAD, may_fail, label);
  else cr_assert(may_fail, "%s: the connection was closed", label);
  close(fd);
}

/* A miss over UDP; one that goes on over TCP; both for clients over TCP; hits. */
static void session(struct ends *e, unsigned nth, bool may_fail) {
  char plain[16], cut[16], other[16];
  char phase = may_fail ? 'a' : 'b';
  snprintf(plain, sizeof plain, "u%c%u", phase, nth);
  snprintf(cut, sizeof cut, "t%c%u", phase, nth);
  snprintf(other, sizeof other, "v%c%u", phase, nth);
  ask_udp(e, plain, may_fail);
  ask_udp(e, cut, may_fail);
  ask_tcp(e, other, may_fail);
  ask_tcp(e, plain, may_fail);
  ask_udp(e, plain, may_fail);
}

/* ---- the worker ---- */

static struct worker *worker_make(struct ends *e) {
  static struct xmpp_budget budget;
  struct worker_common common = {.cache = e->cache, .budget = &budget, .prover = &e->prover};
  struct listener l;
  cr_assert(addr_parse("127.0.0.1", 1, &e->settings.listen[0]));
  e->settings.listen[0].v4.sin_port = 0;
  const char *failed = "";
  for (unsigned i = 0; i < 200 && failed; i++) failed = listen_open(&l, &e->settings.listen[0], 0);
  cr_assert_null(failed);
  e->settings.listen[0] = e->listens = l.addr;
  return worker_new(&e->settings, &common, &l);
}

static void ends_open(struct ends *e) {
  memset(e, 0, sizeof *e);
  prover_init(&e->prover);
  signal(SIGPIPE, SIG_IGN);
  server_open(e);
  char text[ADDR_TEXT];
  const char *words[] = {"jidnsd",
                         "--config",
                         "",
                         "--listen",
                         "127.0.0.1:1",
                         "--prefetch",
                         "off",
                         "--upstream",
                         addr_format(&e->server, text),
                         "--forward",
                         "corp.lab=127.0.0.2:53",
                         "--rate-limit",
                         "1000000"};
  enum { WORDS = sizeof words / sizeof *words };
  char *argv[WORDS];
  memcpy(argv, words, sizeof argv);
  cr_assert(settings_read(&e->settings, WORDS, argv, stderr, stderr) == SETTINGS_RUN);
  cr_assert(settings_find_networks(&e->settings, stderr));
  settings_find_upstreams(&e->settings, "/dev/null", stderr);
  e->cache = cache_new(4 << 20, 0);
  cr_assert_not_null(e->cache);
  struct worker *first = worker_make(e); /* libuv opens some descriptors once for all loops */
  cr_assert_not_null(first);
  worker_stop(first, NULL);
}

static void ends_close(struct ends *e) {
  for (unsigned i = 0; i < LINKS; i++) {
    if (e->links[i] >= 0) close(e->links[i]);
  }
  close(e->udp);
  close(e->tcp);
  cache_free(e->cache);
}

static struct ends ends;

Test(oom_worker, that_can_not_be_made_leaves_nothing_behind) {
  ends_open(&ends);
  unsigned before = fds(), nth = 1;
  for (bool met = true; met; nth++) {
    oom_after(nth, false);
    struct worker *w = worker_make(&ends);
    met = oom_end();
    cr_expect(met ? !w : w != NULL, "allocation %u", nth);
    if (w) worker_stop(w, NULL);
    cr_assert_eq(fds(), before, "allocation %u leaves descriptors", nth);
  }
  cr_expect_gt(nth, 10, "%u: it hardly allocates", nth);
  ends_close(&ends);
}

Test(oom_worker, that_can_not_prepare_a_reload_is_as_it_was) {
  ends_open(&ends);
  struct worker *w = worker_make(&ends);
  cr_assert_not_null(w);
  const struct routes *routes = worker_routes(w);
  unsigned nth = 1;
  ends.settings.upstream.list[0].addr.v4.sin_port ^= 1; /* a set that is unchanged would be kept */
  for (bool met = true; met; nth++) {
    oom_after(nth, false);
    bool good = worker_prepare(w, &ends.settings, &(struct worker_outside){0});
    met = oom_end();
    cr_expect(good == !met, "allocation %u", nth);
    worker_discard(w);
    cr_assert(worker_routes(w) == routes);
  }

  cr_expect_gt(nth, 5);
  worker_stop(w, NULL);
  ends_close(&ends);
}

Test(oom_worker, that_serves_answers_every_client_and_goes_on) {
  ends_open(&ends);
  unsigned before = fds(), nth = 1;
  struct worker *w = worker_make(&ends);
  cr_assert(w && worker_start(w));
  session(&ends, 0, false);
  for (bool met = true; met && nth < NTH_MAX; nth++) {
    oom_after(nth, false);
    session(&ends, nth, true);
    met = oom_end();
    session(&ends, nth, false);
  }

  cr_expect_gt(nth, 8, "%u: it hardly allocates", nth);
  struct counters sum = {0};
  worker_stop(w, &sum);
  cr_expect_eq(sum.miss, sum.answered + sum.failed);
  cr_expect_gt(sum.upstream_tcp, 0);
  for (unsigned i = 0; i < LINKS; i++) {
    if (ends.links[i] >= 0) close(ends.links[i]);
    ends.links[i] = -1;
  }

  cr_expect_eq(fds(), before);
  ends_close(&ends);
}

Test(oom_worker, without_any_memory_for_a_while_is_survived) {
  ends_open(&ends);
  struct worker *w = worker_make(&ends);
  cr_assert(w && worker_start(w));
  for (unsigned nth = 1; nth < 30; nth++) {
    oom_after(nth, true);
    session(&ends, nth, true);
    oom_end();
    session(&ends, nth, false);
  }
  worker_stop(w, NULL);
  ends_close(&ends);
}

Test(oom_worker, a_cache_that_can_not_be_made_is_none) {
  for (unsigned nth = 1; nth < 50; nth++) {
    oom_after(nth, false);
    struct cache *c = cache_new(4 << 20, 0);
    bool met = oom_end();
    cr_assert(met == !c, "allocation %u", nth);
    cache_free(c);
    if (!met) return;
  }
  cr_assert(false, "it never ends");
}
