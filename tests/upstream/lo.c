/* lo.c: loops, servers on loopback, moved clocks and failing sends. Exports lo_*, probe_*, got_*, answer. */
#include "upstream/lo.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"

/* ---- time and the kernel: these four stand in for libc's, in libuv too ---- */

static bool stopped;
static struct timespec stopped_at[16]; /* by clockid_t */
static uint64_t skipped_ms;
static int send_errno;
static unsigned sends, sends_before, send_failures, send_most;
static unsigned watches_left;
static bool watches_end;
static int refused_level, refused_option;

int clock_gettime(clockid_t id, struct timespec *ts) {
  int r = (int)syscall(SYS_clock_gettime, id, ts);
  if (r != 0 || !stopped || id < 0 || id >= 16) return r;
  if (!stopped_at[id].tv_sec) stopped_at[id] = *ts;
  *ts = stopped_at[id];
  uint64_t ms = (uint64_t)ts->tv_nsec / 1000000 + skipped_ms % 1000;
  ts->tv_sec += (time_t)(skipped_ms / 1000 + ms / 1000);
  ts->tv_nsec = (long)(ms % 1000 * 1000000) + ts->tv_nsec % 1000000;
  return 0;
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags) {
  if (sends_before) {
    sends_before--;
  } else if (send_failures) {
    send_failures--;
    errno = send_errno;
    return -1;
  }
  if (send_most && n > send_most) n = send_most;
  int sent = (int)syscall(SYS_sendmmsg, fd, messages, n, flags);
  sends += sent > 0;
  return sent;
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t len) {
  if (refused_option && level == refused_level && option == refused_option) {
    errno = ENOPROTOOPT;
    return -1;
  }
  return (int)syscall(SYS_setsockopt, fd, level, option, value, len);
}

static bool is_socket(int fd) {
  struct stat st;
  return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* Like the kernel's: a descriptor that it knows already is known, room or not. The loop's own always have
 * room. */
int epoll_ctl(int epoll, int how, int fd, struct epoll_event *event) {
  int done = (int)syscall(SYS_epoll_ctl, epoll, how, fd, event);
  if (done != 0 || how != EPOLL_CTL_ADD || !watches_end || !is_socket(fd)) return done;
  if (watches_left) {
    watches_left--;
    return done;
  }
  syscall(SYS_epoll_ctl, epoll, EPOLL_CTL_DEL, fd, event);
  errno = ENOSPC;
  return -1;
}

void lo_watches_end(bool end, unsigned after) {
  watches_end = end;
  watches_left = after;
}

void lo_skip_ms(uint32_t ms) { skipped_ms += ms; }
void lo_sends_take(unsigned most) { send_most = most; }
unsigned lo_sends(void) { return sends; }
void lo_sends_fail(int e, unsigned after, unsigned times) {
  send_errno = e;
  sends_before = after;
  send_failures = times;
}

void lo_option_unknown(int level, int option) {
  refused_level = level;
  refused_option = option;
}

/* ---- the loop and the server ---- */

int lo_fds(void) {
  DIR *dir = opendir("/proc/self/fd");
  int n = 0;
  cr_assert(dir);
  while (readdir(dir)) n++;
  closedir(dir);
  return n;
}

void lo_start(struct lo *l, int family, int type) {
  *l = (struct lo){.server_fd = -1};
  stopped = true;
  log_set_level(LOG_ERROR);
  cr_assert_eq(uv_loop_init(&l->loop), 0);
  cr_assert_eq(uv_loop_close(&l->loop), 0); /* leaves what libuv opens once a process */
  l->fds_before = lo_fds();
  cr_assert_eq(uv_loop_init(&l->loop), 0);
  cr_assert(addr_parse(family == AF_INET ? "127.0.0.1" : "::1", 1, &l->server));
  if (family == AF_INET) l->server.v4.sin_port = 0;
  else l->server.v6.sin6_port = 0;
  socklen_t len = addr_len(&l->server);
  l->server_fd = socket(family, type | SOCK_CLOEXEC, 0);
  if (l->server_fd < 0 || bind(l->server_fd, &l->server.any, len) != 0) cr_skip_test("no loopback address");
  cr_assert_eq(getsockname(l->server_fd, &l->server.any, &len), 0);
  struct timeval wait = {.tv_sec = 2};
  setsockopt(l->server_fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  if (type == SOCK_STREAM) cr_assert_eq(listen(l->server_fd, 16), 0);
}

void lo_close_server(struct lo *l) {
  if (l->server_fd >= 0) close(l->server_fd);
  l->server_fd = -1;
}

void lo_end(struct lo *l) {
  lo_close_server(l);
  if (l->channel) l->channel->ops->close(l->channel);
  l->channel = NULL;
  for (int i = 0; i < 10 && uv_loop_alive(&l->loop); i++) uv_run(&l->loop, UV_RUN_NOWAIT);
  cr_expect_eq(uv_loop_close(&l->loop), 0, "a handle is left open");
  cr_expect_eq(lo_fds(), l->fds_before, "a descriptor is left open");
}

void lo_flush(struct lo *l) { l->channel->ops->flush(l->channel, clock_ms()); }

void lo_turn(struct lo *l) {
  if (l->channel) lo_flush(l);
  uv_run(&l->loop, UV_RUN_NOWAIT);
}

void lo_turns(struct lo *l, unsigned n) {
  while (n--) {
    lo_turn(l);
    poll(NULL, 0, 1);
  }
}

/* ---- questions ---- */

static void probe_done(struct exchange *x, enum err outcome, const uint8_t *msg, size_t len,
                       uint64_t now_ms) {
  struct probe *p = container(x, struct probe, x);
  p->called++;
  p->outcome = outcome;
  p->len = len;
  cr_expect_eq(x->channel, NULL);
  cr_expect_eq(msg == NULL, outcome != ERR_NONE);
  cr_expect_geq(now_ms + 1000, clock_ms());
  if (msg) {
    memcpy(p->msg, msg, len < sizeof p->msg ? len : sizeof p->msg);
    p->last = msg[len - 1];
  }
  if (p->then) p->then(p, now_ms);
}

void probe_make(struct probe *p, struct lo *l, unsigned number) {
  char text[32];
  uint8_t name[NAME_MAX_LEN];
  snprintf(text, sizeof text, "n%u.example.lab.", number);
  *p = (struct probe){.lo = l};
  question_make(&p->question, name, name_parse(text, name), TYPE_A, CLASS_IN, 0, 1);
  p->x.question = &p->question;
  p->x.done = probe_done;
}

struct probe *probes_new(struct lo *l, unsigned n) {
  struct probe *p = must_zalloc(n * sizeof *p);
  for (unsigned i = 0; i < n; i++) probe_make(&p[i], l, i);
  return p;
}

enum err probe_ask(struct probe *p) {
  uint8_t msg[EXCHANGE_QUERY_MAX];
  size_t len = exchange_write(&p->question, &(struct exchange_opts){.edns = true}, msg);
  unsigned before = p->called;
  enum err e = channel_ask(p->lo->channel, &p->x, msg, len, clock_ms());
  cr_expect_eq(p->called, before, "done was called from within ask");
  return e;
}

unsigned probes_called(const struct probe *p, unsigned n) {
  unsigned sum = 0;
  for (unsigned i = 0; i < n; i++) sum += p[i].called;
  return sum;
}

void probes_until(struct probe *p, unsigned n, unsigned want) {
  for (int i = 0; i < 2000 && probes_called(p, n) < want; i++) lo_turns(p->lo, 1);
  cr_assert_eq(probes_called(p, n), want);
}

/* ---- messages ---- */

void reply_make(uint8_t *msg) { msg[2] |= DNS_QR; }

unsigned question_number(const uint8_t *msg) {
  return (unsigned)strtoul((const char *)msg + DNS_HEADER + 2, NULL, 10);
}

void got_one(struct lo *l, struct got *g) {
  socklen_t from_len = sizeof g->from;
  ssize_t n = recvfrom(l->server_fd, g->msg, sizeof g->msg, 0, &g->from.any, &from_len);
  cr_assert_geq(n, DNS_HEADER, "nothing came to the server: %s", n < 0 ? strerror(errno) : "short");
  g->len = (size_t)n;
}

bool got_none(struct lo *l) {
  uint8_t octet;
  return recv(l->server_fd, &octet, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

void send_back(struct lo *l, const struct got *g) {
  cr_assert_eq(sendto(l->server_fd, g->msg, g->len, 0, &g->from.any, addr_len(&g->from)), (ssize_t)g->len);
}

void answer(struct lo *l, struct got *g) {
  reply_make(g->msg);
  send_back(l, g);
}
