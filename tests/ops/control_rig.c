/* control_rig.c: the control socket's server under test, and its clients. Exports control_rig_*,
 * control_connect, control_say, control_hear, control_is_closed. */
#include "ops/control_rig.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/must.h"

/* ---- commands ---- */

struct counted {
  struct control_rig *rig;
  unsigned total, left, octets;
};

static void run_say(void *ctx, struct control_reply *r, unsigned argc, char *const *argv) {
  (void)ctx;
  struct jsonw *j = control_json(r);
  jsonw_open(j, "words", '[');
  for (unsigned i = 1; i < argc; i++) jsonw_string(j, NULL, argv[i]);
  jsonw_close(j, ']');
}

static void run_fail(void *ctx, struct control_reply *r, unsigned argc, char *const *argv) {
  (void)ctx;
  (void)argv;
  jsonw_uint(control_json(r), "half", 1);
  control_fail(r, "no \"%u\"", argc);
}

static bool long_next(void *state, struct jsonw *j) {
  struct counted *c = state;
  if (c->left == 0) return false;
  c->left--;
  jsonw_open(j, NULL, '{');
  char *text = must_zalloc(c->octets + 1u);
  memset(text, 'x', c->octets);
  jsonw_string(j, "x", text);
  free(text);
  jsonw_close(j, '}');
  jsonw_line(j);
  return true;
}

static void long_end(void *state, struct jsonw *j) {
  struct counted *c = state;
  if (j) jsonw_uint(j, "lines", c->total);
  c->rig->streams--;
  free(c);
}

static void run_long(void *ctx, struct control_reply *r, unsigned argc, char *const *argv) {
  struct control_rig *rig = ctx;
  cr_assert_eq(argc, 3);
  struct counted *c = must_zalloc(sizeof *c);
  *c = (struct counted){.rig = rig,
                        .total = (unsigned)atoi(argv[1]),
                        .left = (unsigned)atoi(argv[1]),
                        .octets = (unsigned)atoi(argv[2])};
  rig->streams++;
  control_send(r, &(struct control_stream){.next = long_next, .end = long_end, .state = c});
}

static const struct control_command commands[] = {{"say", "WORD...", "Says it.", run_say},
                                                  {"fail", "", "Fails.", run_fail},
                                                  {"long", "N OCTETS", "Sends lines.", run_long}};

/* ---- the server ---- */

struct control_rig *control_rig_new(void) {
  return control_rig_new_for("");
}

struct control_rig *control_rig_new_for(const char *group) {
  struct control_rig *r = must_zalloc(sizeof *r);
  struct control_policy o = {.usual = false};
  struct control_socket s;
  signal(SIGPIPE, SIG_IGN);
  strcpy(r->folder, "/tmp/control.XXXXXX");
  cr_assert_not_null(mkdtemp(r->folder));
  snprintf(r->path, sizeof r->path, "%s/socket", r->folder);
  memcpy(o.path, r->path, sizeof o.path);
  snprintf(o.group, sizeof o.group, "%s", group);
  cr_assert(uv_loop_init(&r->loop) == 0);
  cr_assert(control_bind(&s, &o, geteuid(), getegid(), stderr));
  r->control = control_new(&r->loop, &s, commands, sizeof commands / sizeof *commands, r);
  cr_assert_not_null(r->control);
  return r;
}

void control_rig_free(struct control_rig *r) {
  control_close(r->control);
  uv_run(&r->loop, UV_RUN_DEFAULT);
  cr_assert(uv_loop_close(&r->loop) == 0);
  cr_assert_eq(r->streams, 0);
  cr_assert_eq(access(r->path, F_OK), -1, "the socket's file is left");
  cr_assert_eq(rmdir(r->folder), 0);
  free(r);
}

void control_rig_turns(struct control_rig *r, unsigned n) {
  for (unsigned i = 0; i < n; i++) {
    uv_run(&r->loop, UV_RUN_NOWAIT);
    usleep(1000);
  }
}

/* ---- clients ---- */

int control_connect(struct control_rig *r) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  memcpy(name.sun_path, r->path, sizeof name.sun_path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  cr_assert_geq(fd, 0);
  for (int i = 0; connect(fd, (struct sockaddr *)&name, sizeof name) != 0; i++) {
    cr_assert(errno == EAGAIN && i < 1000, "%s", strerror(errno)); /* the backlog is full */
    uv_run(&r->loop, UV_RUN_NOWAIT);
  }
  return fd;
}

void control_say(int fd, const char *text) {
  size_t len = strlen(text);
  cr_assert_eq(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

const char *control_hear(struct control_rig *r, int fd, unsigned lines) {
  static char heard[HEARD_MAX];
  size_t len = 0;
  unsigned came = 0;

  for (int i = 0; i < 2000 && came < lines; i++) {
    uv_run(&r->loop, UV_RUN_NOWAIT);
    ssize_t n = recv(fd, heard + len, sizeof heard - 1 - len, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN)) break;
    if (n < 0) {
      usleep(1000);
      continue;
    }
    for (ssize_t k = 0; k < n; k++) came += heard[len + (size_t)k] == '\n';
    len += (size_t)n;
    cr_assert_lt(len, sizeof heard - 1);
  }

  heard[len] = 0;
  return heard;
}

bool control_is_closed(struct control_rig *r, int fd) {
  control_rig_turns(r, 5);
  struct pollfd p = {.fd = fd, .events = POLLIN | POLLRDHUP};
  cr_assert_geq(poll(&p, 1, 0), 0);
  return p.revents & (POLLHUP | POLLRDHUP);
}
