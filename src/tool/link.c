/* link.c: TCP and TLS with an end to every wait. Exports link_*. */
#include "tool/link.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "tool/check.h"

enum { PIECE = 8192 };

/* ---- TCP ---- */

static enum link_result wait_for(const struct link *l, short events) {
  for (;;) {
    int left_ms = (int)(l->until_ms - check_now_ms());
    if (left_ms <= 0) return LINK_SILENT;
    struct pollfd p = {.fd = l->fd, .events = events};
    int n = poll(&p, 1, left_ms);
    if (n > 0) return LINK_DONE;
    if (n < 0 && errno != EINTR) return LINK_SYSTEM;
  }
}

/* What the kernel says at once: it is about this host. */
static enum link_result result_of(int error) {
  switch (error) {
  case 0: return LINK_DONE;
  case ECONNREFUSED: return LINK_REFUSED;
  case ETIMEDOUT: return LINK_SILENT;
  case ECONNRESET:
  case EPIPE: return LINK_CLOSED;
  case ENETUNREACH:
  case EHOSTUNREACH:
  case EADDRNOTAVAIL:
  case EAFNOSUPPORT:
  case EACCES:
  case EPERM:
  case EINVAL: return LINK_NO_WAY;
  default: return LINK_SYSTEM;
  }
}

enum link_result link_result_of_waiting(int error) {
  bool is_firewall = error == EHOSTUNREACH || error == EACCES || error == EPERM;
  return is_firewall ? LINK_REFUSED : result_of(error);
}

/* Of a connection that stood: whatever has happened on the way, it is over. */
static enum link_result result_of_loss(int error) {
  enum link_result r = link_result_of_waiting(error);
  return r == LINK_NO_WAY || r == LINK_REFUSED ? LINK_CLOSED : r;
}

enum link_result link_open(struct link *l, const union addr *to, size_t most) {
  l->tls = NULL;
  l->octets = l->first_len = 0;
  l->most = most;
  l->fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (l->fd < 0) return result_of(errno);
  if (connect(l->fd, &to->any, addr_len(to)) == 0) return LINK_DONE;
  if (errno != EINPROGRESS) return result_of(errno);

  enum link_result r = wait_for(l, POLLOUT);
  int error = 0;
  socklen_t len = sizeof error;
  if (r == LINK_DONE && getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) error = errno;
  return r == LINK_DONE ? link_result_of_waiting(error) : r;
}

void link_close(struct link *l) {
  if (l->fd >= 0) close(l->fd);
  tls_free(l->tls);
  l->fd = -1;
  l->tls = NULL;
}

static enum link_result send_octets(struct link *l, const uint8_t *octets, size_t len) {
  while (len > 0) {
    ssize_t n = send(l->fd, octets, len, MSG_NOSIGNAL);
    if (n >= 0) {
      octets += n;
      len -= (size_t)n;
      continue;
    }
    if (errno != EAGAIN && errno != EINTR) return result_of_loss(errno);
    enum link_result r = wait_for(l, POLLOUT);
    if (r != LINK_DONE) return r;
  }
  return LINK_DONE;
}

/* Waits for octets, at least one with LINK_DONE. */
static enum link_result receive_octets(struct link *l, uint8_t *octets, size_t room, size_t *len) {
  for (;;) {
    ssize_t n = recv(l->fd, octets, room, 0);
    if (n == 0) return LINK_CLOSED;
    if (n < 0 && errno != EAGAIN && errno != EINTR) return result_of_loss(errno);
    if (n > 0) {
      *len = (size_t)n;
      l->octets += *len;
      for (size_t i = 0; i < *len && l->first_len < sizeof l->first; i++)
        l->first[l->first_len++] = octets[i];
      return l->octets > l->most ? LINK_TOO_MUCH : LINK_DONE;
    }
    enum link_result r = wait_for(l, POLLIN);
    if (r != LINK_DONE) return r;
  }
}

/* ---- TLS ---- */

/* Sends whatever the machine has for the peer. */
static enum link_result flush_tls(struct link *l) {
  uint8_t octets[PIECE];
  size_t n;
  while ((n = tls_take(l->tls, octets, sizeof octets)) > 0) {
    enum link_result r = send_octets(l, octets, n);
    if (r != LINK_DONE) return r;
  }
  return LINK_DONE;
}

/* Sends what is to be sent, and waits for more from the peer. */
static enum link_result feed_tls(struct link *l) {
  uint8_t octets[PIECE];
  size_t n = 0;
  enum link_result r = flush_tls(l);
  if (r == LINK_DONE) r = receive_octets(l, octets, sizeof octets, &n);
  if (r == LINK_DONE && !tls_put(l->tls, octets, n)) r = LINK_SYSTEM;
  return r;
}

enum link_result link_start_tls(struct link *l, struct tls *tls) {
  l->tls = tls;
  l->first_len = 0;
  if (!tls) return LINK_SYSTEM;
  for (;;) {
    enum tls_step step = tls_handshake(tls);
    if (step == TLS_WANT) {
      enum link_result r = feed_tls(l);
      if (r != LINK_DONE) return r;
      continue;
    }
    /* An alert, too, is sent. */
    enum link_result r = flush_tls(l);
    return step == TLS_DONE ? r : step == TLS_CLOSED ? LINK_CLOSED : LINK_TLS_FAILED;
  }
}

enum link_result link_send(struct link *l, const void *text, size_t len) {
  if (!l->tls) return send_octets(l, text, len);
  if (tls_write(l->tls, text, len) != TLS_DONE) return LINK_TLS_FAILED;
  return flush_tls(l);
}

enum link_result link_receive(struct link *l, void *text, size_t room, size_t *len) {
  if (!l->tls) return receive_octets(l, text, room, len);
  for (;;) {
    enum tls_step step = tls_read(l->tls, text, room, len);
    if (step == TLS_DONE) return LINK_DONE;
    if (step == TLS_CLOSED) return LINK_CLOSED;
    if (step == TLS_FAILED) return LINK_TLS_FAILED;
    enum link_result r = feed_tls(l);
    if (r != LINK_DONE) return r;
  }
}
