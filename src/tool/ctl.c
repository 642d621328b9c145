/* ctl.c: asks a running daemon. Exports ctl_open, ctl_open_to, ctl_close, ctl_send, ctl_hear. */
#include "tool/ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static void complain(const struct ctl *t, const char *what, const char *advice) {
  fprintf(t->err, "jidns %s: %s: %s%s\n", t->cli->command, t->cli->control, what, advice);
}

/* What to do about it. */
static const char *advice_for(int e) {
  switch (e) {
  case ENOENT: return "; is jidnsd running, and with this --control?";
  case ECONNREFUSED: return "; jidnsd has ended";
  case EACCES: return "; only root, jidnsd's own user and its control group may use it";
  case EAGAIN: return "; jidnsd does not take connections";
  default: return "";
  }
}

bool ctl_open(struct ctl *t, const struct cli *c) { return ctl_open_to(t, c, stderr); }

bool ctl_open_to(struct ctl *t, const struct cli *c, FILE *err) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  struct timeval patience = {.tv_sec = CTL_WAIT_S};

  *t = (struct ctl){.cli = c, .err = err};
  if (strlen(c->control) >= sizeof name.sun_path) {
    complain(t, "too long for a socket's path", "");
    return false;
  }

  strcpy(name.sun_path, c->control);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  }

  if (fd < 0 || connect(fd, (struct sockaddr *)&name, sizeof name) != 0 || !(t->stream = fdopen(fd, "r+"))) {
    int e = errno;
    complain(t, strerror(e), advice_for(e));
    if (fd >= 0) close(fd);
    return false;
  }

  return true;
}

void ctl_close(struct ctl *t) {
  if (t->stream) fclose(t->stream);
  free(t->line);
}

bool ctl_send(struct ctl *t, const char *request) {
  size_t len = strlen(request);
  struct iovec parts[] = {{(char *)(uintptr_t)request, len}, {(char *)(uintptr_t) "\n", 1}};
  struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
  ssize_t n = sendmsg(fileno(t->stream), &m, MSG_NOSIGNAL);
  /* one who turns us away has said why */
  if (n == (ssize_t)len + 1 || (n < 0 && errno == EPIPE)) return true;
  complain(t, n < 0 ? strerror(errno) : "not all was sent", "");
  return false;
}

enum ctl_heard ctl_hear(struct ctl *t) {
  static const char good[] = "{\"ok\":true", bad[] = "{\"ok\":false";
  errno = 0;
  ssize_t n = getline(&t->line, &t->room, t->stream);
  if (n <= 0 || t->line[n - 1] != '\n') {
    bool slow = errno == EAGAIN;
    complain(t, slow ? "jidnsd does not answer" : "jidnsd hung up before its answer's end", "");
    return CTL_LOST;
  }
  t->line[n - 1] = 0;
  if (strncmp(t->line, good, sizeof good - 1) == 0) return CTL_DONE;
  return strncmp(t->line, bad, sizeof bad - 1) == 0 ? CTL_FAILED : CTL_LINE;
}
