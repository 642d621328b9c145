/* peer.c: the server's end of a TCP connection. Exports peer_*, framed_fill, nobody_connects. */
#include "upstream/peer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <unistd.h>

enum { PATIENCE_TURNS = 2000 };

static bool is_readable(int fd) { return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) == 1; }

void peer_accept(struct peer *p, struct lo *l) {
  for (int i = 0; i < PATIENCE_TURNS && !is_readable(l->server_fd); i++) lo_turns(l, 1);
  cr_assert(is_readable(l->server_fd), "nobody connects");
  p->lo = l;
  p->len = 0;
  p->fd = accept(l->server_fd, NULL, NULL);
  cr_assert_geq(p->fd, 0);
}

bool nobody_connects(struct lo *l) {
  lo_turns(l, 5);
  return !is_readable(l->server_fd);
}

/* Returns false at the connection's end. */
static bool peer_fill(struct peer *p) {
  ssize_t n = recv(p->fd, p->in + p->len, sizeof p->in - p->len, MSG_DONTWAIT);
  if (n > 0) p->len += (size_t)n;
  return n > 0 || (n < 0 && errno == EAGAIN);
}

void peer_get(struct peer *p, struct framed *f) {
  size_t took = 0;
  for (int i = 0; i < PATIENCE_TURNS && !(took = frame_next(p->in, p->len, &f->len)); i++) {
    lo_turns(p->lo, i > 0);
    cr_assert(peer_fill(p), "the connection ended");
  }
  cr_assert_gt(took, 0, "no question came");
  memcpy(f->frame, p->in, took);
  p->len -= took;
  memmove(p->in, p->in + took, p->len);
}

void peer_await_end(struct peer *p) {
  int i = 0;
  for (; i < PATIENCE_TURNS && peer_fill(p); i++) lo_turns(p->lo, 1);
  cr_assert_lt(i, PATIENCE_TURNS, "the connection stays open");
  peer_close(p);
}

bool peer_is_open(struct peer *p) {
  lo_turns(p->lo, 5);
  return peer_fill(p);
}

void peer_send(struct peer *p, const void *octets, size_t n) {
  cr_assert_eq(send(p->fd, octets, n, MSG_NOSIGNAL), (ssize_t)n);
}

void peer_answer(struct peer *p, struct framed *f) {
  reply_make(framed_msg(f));
  peer_send(p, f->frame, FRAME_HEAD + f->len);
}

void framed_fill(struct framed *f, size_t len) {
  memset(framed_msg(f) + f->len, 7, len - f->len);
  f->frame[FRAME_HEAD + len - 1] = 9;
  f->len = len;
  store_u16(f->frame, (uint16_t)len);
}

void peer_close(struct peer *p) {
  close(p->fd);
  p->fd = -1;
}
