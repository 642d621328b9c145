/* tap_link.c: a Unix socket that is connected to a collector. Exports tap_link_*. */
#include "tap/tap_link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum {
  GLANCE_MS = 100, /* between two looks whether it is to stop */
  SAYS = 6,        /* lines at first, */
  SAYS_EVERY_MS = 60000,
  SEGMENTS = 64 /* of one write */
};

_Static_assert((int)TAP_PATH == (int)sizeof((struct sockaddr_un *)0)->sun_path, "a path fits, with its NUL");

void tap_link_init(struct tap_link *l, const char *path) {
  *l = (struct tap_link){.fd = -1, .may_say = SAYS, .may_since_ms = clock_ms()};
  strncpy(l->path, path, sizeof l->path - 1);
}

/* ---- the log ---- */

/* A collector that comes and goes all the time fills no log. */
static bool may_say(struct tap_link *l) {
  uint64_t more = (clock_ms() - l->may_since_ms) / SAYS_EVERY_MS, may = l->may_say + more;
  l->may_since_ms += more * SAYS_EVERY_MS;
  l->may_say = (unsigned)(may < SAYS ? may : SAYS);
  if (!l->may_say) return false;
  l->may_say--;
  return true;
}

/* Once until there is a collector, or another reason. */
static void note_trouble(struct tap_link *l, const char *why) {
  if (strcmp(l->said, why) == 0) return;
  snprintf(l->said, sizeof l->said, "%s", why);
  if (may_say(l))
    log_warn("tap", "no dnstap collector at %s: %s; its messages are dropped until there is one", l->path,
             why);
}

static void note_connected(struct tap_link *l) {
  l->said[0] = 0;
  __atomic_store_n(&l->is_connected, true, __ATOMIC_RELAXED);
  if (may_say(l)) log_info("tap", "the dnstap collector at %s is connected", l->path);
}

/* Why nobody could be reached there: what the error does not say, the file does. */
static const char *explain(const struct tap_link *l, int e) {
  struct stat st;
  if (e == EACCES) return "jidnsd's user may not write to that socket";
  if (e == ENOENT) return "there is no such socket";
  if (e == EPROTOTYPE) return "it is a socket for datagrams, and has to be one for streams";
  if (e == EAGAIN) return "it takes no further connections";
  if (stat(l->path, &st) == 0 && S_ISDIR(st.st_mode)) return "that is a directory";
  if (stat(l->path, &st) == 0 && !S_ISSOCK(st.st_mode)) return "that is not a socket";
  if (e == ECONNREFUSED) return "nobody listens there";
  return strerror(e);
}

/* ---- its life ---- */

void tap_link_close(struct tap_link *l) {
  if (l->fd >= 0) close(l->fd);
  l->fd = -1;
  __atomic_store_n(&l->is_connected, false, __ATOMIC_RELAXED);
}

/* It was connected, and is of no more use. False, for who returns that. */
static bool lose(struct tap_link *l, const char *why) {
  bool ends = __atomic_load_n(&l->stop_ms, __ATOMIC_RELAXED) != 0;
  tap_link_close(l);
  if (!ends) note_trouble(l, why);
  return false;
}

bool tap_link_open(struct tap_link *l) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  memcpy(to.sun_path, l->path, sizeof to.sun_path);

  /* It was connected, and the library did not like what it was told. */
  if (l->fd >= 0) lose(l, "it does not speak Frame Streams for dnstap");

  l->writes = 0;
  l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (l->fd >= 0 && connect(l->fd, (struct sockaddr *)&to, sizeof to) == 0) return true;
  return lose(l, explain(l, errno));
}

void tap_link_stop(struct tap_link *l, unsigned within_ms) {
  __atomic_store_n(&l->stop_ms, clock_ms() + within_ms, __ATOMIC_RELAXED);
}

/* ---- octets ---- */

/* Is it time to leave it, after it was waited for that long? */
static bool is_over(const struct tap_link *l, uint64_t waited_ms, uint64_t now_ms) {
  uint64_t stop_ms = __atomic_load_n(&l->stop_ms, __ATOMIC_RELAXED);
  return waited_ms >= TAP_LINK_PATIENCE_MS || (stop_ms && now_ms >= stop_ms);
}

/* Until it can be read from or written to; false: not in time. */
static bool await(const struct tap_link *l, short events) {
  uint64_t since_ms = clock_ms();
  struct pollfd p = {.fd = l->fd, .events = events};
  for (uint64_t now_ms = since_ms; !is_over(l, now_ms - since_ms, now_ms); now_ms = clock_ms()) {
    int n = poll(&p, 1, GLANCE_MS);
    if (n > 0 || (n < 0 && errno != EINTR)) return true; /* the next call will tell */
  }
  return false;
}

static bool may_try_again(int e) { return e == EAGAIN || e == EINTR || e == ENOBUFS; }

bool tap_link_read(struct tap_link *l, void *octets, size_t len) {
  for (uint8_t *at = octets; l->fd >= 0 && len;) {
    ssize_t n = recv(l->fd, at, len, 0);
    if (n > 0) {
      at += n;
      len -= (size_t)n;
    } else if (n == 0) {
      return lose(l, "it has closed the connection");
    } else if (!may_try_again(errno)) {
      return lose(l, explain(l, errno));
    } else if (!await(l, POLLIN)) {
      return lose(l, "it does not answer");
    }
  }
  return l->fd >= 0;
}

/* What is left when n octets of them are sent. */
static void skip(struct iovec **iov, int *count, size_t n) {
  for (; *count && n >= (*iov)->iov_len; (*count)--, (*iov)++) n -= (*iov)->iov_len;
  if (!*count) return;
  (*iov)->iov_base = (char *)(*iov)->iov_base + n;
  (*iov)->iov_len -= n;
}

static bool write_some(struct tap_link *l, struct iovec *iov, int count) {
  while (l->fd >= 0 && count) {
    struct msghdr head = {.msg_iov = iov, .msg_iovlen = (size_t)count};
    ssize_t n = sendmsg(l->fd, &head, MSG_NOSIGNAL);
    if (n >= 0) {
      skip(&iov, &count, (size_t)n);
    } else if (!may_try_again(errno)) {
      return lose(l,
                  errno == EPIPE || errno == ECONNRESET ? "it has closed the connection" : explain(l, errno));
    } else if (!await(l, POLLOUT)) {
      return lose(l, "it takes no messages");
    }
  }
  return l->fd >= 0;
}

bool tap_link_write(struct tap_link *l, const struct iovec *iov, int count) {
  struct iovec some[SEGMENTS];
  for (int at = 0; at < count; at += SEGMENTS) {
    int n = count - at < SEGMENTS ? count - at : SEGMENTS;
    memcpy(some, iov + at, (size_t)n * sizeof *some);
    if (!write_some(l, some, n)) return false;
  }
  if (++l->writes == TAP_LINK_GREETINGS) note_connected(l);
  return true;
}
